"""Failures: where the error sits, what it is made of, and which photos show it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .. import color, metrics
from ..intervals import as_text, bootstrap, compared, interval
from ..model import bins
from ..preprocessing import PreparedSet

CHROMA_EDGES = (0, 5, 10, 20, 30, 50)  # ab units; the last group has no upper end
VIVID = 30  # chroma above which `reasons` counts a pixel apart
CHROMA_NAMES = ("0-5", "5-10", "10-20", "20-30", "30-50", "over 50")


@dataclass(frozen=True)
class Groups:
    """The error of one model in groups of pixels. Made by `by_group`."""

    table: pd.DataFrame
    draws: pd.DataFrame  # mse_vs_gray of each group in each draw of units
    units: int  # how many were drawn from

    def mean(self, names: Sequence[str]) -> tuple[float, tuple[float, float]]:
        """mse_vs_gray averaged over groups of equal weight, with its 95% confidence interval.

        NaN if one of them has no pixels.
        """
        names = list(names)
        value = float(self.table.mse_vs_gray[names].mean(skipna=False))
        return value, interval(self.draws[names].mean(axis=1, skipna=False), self.units)


def by_group(
    seeds: Iterable[np.ndarray],
    truth: np.ndarray,
    groups: np.ndarray,
    units: pd.Series,
    names: Sequence[str],
) -> Groups:
    """Where the error of one model sits.

    seeds: predictions, each N x H x W x 2, ab units. truth: N x H x W x 2, uint8. groups: the
    number of the group of each pixel, N x H x W or what broadcasts to it, uint8; `names` are
    those of the numbers 0, 1, ..., and pixels with a number past them are left out. units: what is
    resampled, as of `split.units`.
    The table has a row a group: pixels and error (shares of all), rmse and rmse_gray (ab units),
    mse_vs_gray with _low and _high (over units and seeds). A group without pixels is NaN.
    """
    groups = np.broadcast_to(groups, truth.shape[:-1])
    count = len(names)

    def totals(maps: Iterable[np.ndarray]) -> np.ndarray:
        # Photo by photo, so that what is computed on the way stays in a core's cache.
        rows = [np.bincount(g.ravel(), m.ravel(), 256)[:count] for g, m in zip(groups, maps)]
        return np.stack(rows)

    def squares(ab: np.ndarray) -> Iterator[np.ndarray]:
        return (metrics.square_length(a - color.load_ab(t)) for a, t in zip(ab, truth))

    def ratio(sums: pd.DataFrame) -> pd.DataFrame:
        values = sums.to_numpy()
        return pd.DataFrame(values[:, :count] / values[:, count:], columns=list(names))

    gray = totals(metrics.square_length(color.load_ab(t)) for t in truth)
    sums = [np.hstack([totals(squares(ab)), gray]) for ab in seeds]
    pixels = totals(np.ones(g.shape) for g in groups).sum(axis=0)
    square, square_gray = np.split(np.mean([s.sum(axis=0) for s in sums], axis=0), 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        draws = bootstrap([pd.DataFrame(s) for s in sums], units, ratio)
        columns = {
            "pixels": pixels / pixels.sum(),
            "error": square / square.sum(),
            "rmse": np.sqrt(square / (2 * pixels)),
            "rmse_gray": np.sqrt(square_gray / (2 * pixels)),
            "mse_vs_gray": square / square_gray,
        }
    limits = np.array([interval(draws[name], units.nunique()) for name in names])
    columns |= {"mse_vs_gray_low": limits[:, 0], "mse_vs_gray_high": limits[:, 1]}
    table = pd.DataFrame(columns, index=list(names)).replace([np.inf, -np.inf], np.nan)
    return Groups(table, draws, units.nunique())


def against_gray(table: pd.DataFrame) -> pd.Series:
    """For each group of `by_group`: "better", "worse" or "not distinguishable" from gray.

    Groups without pixels are left out.
    """
    kept = table[table.pixels > 0]
    limits = zip(kept.mse_vs_gray_low, kept.mse_vs_gray_high)
    return pd.Series([compared(*pair, 1) for pair in limits], kept.index)


def weaknesses(kinds: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Groups of pixels in which a model is not shown to be better than gray, the worst first.

    kinds: tables of `by_group` by the kind of their groups ("true chroma", "class"). Columns are
    text; shares are of all pixels, and of the whole squared error.
    """
    rows = []
    for kind, table in kinds.items():
        for group, verdict in against_gray(table).items():
            row = table.loc[group]
            limits = (row.mse_vs_gray, row.mse_vs_gray_low, row.mse_vs_gray_high)
            if verdict != "better":
                rows.append([f"{kind} {group}", row.mse_vs_gray, as_text(limits, 2), verdict,
                             f"{row.pixels:.1%}", f"{row.error:.1%}"])  # fmt: skip
    names = ["where", "sorted", "MSE / gray", "compared with gray", "share of pixels"]
    names += ["share of the error"]
    found = pd.DataFrame(rows, columns=names).sort_values("sorted", ascending=False)
    return found.drop(columns="sorted").set_index("where").rename_axis(None)


def oracles(prepared: PreparedSet, indices: np.ndarray) -> pd.Series:
    """Error relative to gray on the rendered photos `indices`, for one who knows classes.

    Knowing the class of each pixel, the answer is that class's mean color in the training photos.
    With lightness and height as well, it is the mean of 16 levels times 8 bands of the class.
    Knowing the photo, it is the class's true mean color in that photo. The prepared set must have
    `classes`, as that of rendered photos has.
    """
    train, bands = prepared.indices("train"), height_groups(prepared.lightness.shape[1], 8)

    def cells(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        classes = prepared.classes[rows].astype(int)
        return classes, (classes * 16 + prepared.lightness[rows] // 16) * 8 + bands

    learned, true = (color.load_ab(prepared.ab[rows]) for rows in (train, indices))
    (coarse, fine), (class_of, cell_of) = cells(train), cells(indices)
    kinds, places = 256, np.arange(len(indices))[:, None, None]
    by_class = _means(coarse, learned, np.zeros((kinds, 2)))
    by_cell = _means(fine, learned, by_class.repeat(16 * 8, axis=0))
    in_photo = class_of + kinds * places
    by_photo = _means(in_photo, true, np.zeros((kinds * len(indices), 2)))
    answers = {
        "class": by_class[class_of],
        "class, lightness and height": by_cell[cell_of],
        "class and the mean color of the class in the photo": by_photo[in_photo],
    }
    errors = {name: np.square(ab - true).mean() for name, ab in answers.items()}
    return pd.Series(errors) / np.square(true).mean()


def _means(cells: np.ndarray, ab: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """Mean ab of the pixels in each cell (cells x 2); of cells without pixels, `otherwise`."""
    count = np.bincount(cells.ravel(), minlength=len(otherwise))[:, None]
    parts = (np.bincount(cells.ravel(), c.ravel(), len(otherwise)) for c in np.moveaxis(ab, -1, 0))
    return np.where(count, np.stack([*parts], axis=1) / np.maximum(count, 1), otherwise)


def chroma_groups(truth: np.ndarray) -> np.ndarray:
    """Which of CHROMA_NAMES the true color (... x 2, stored) of each pixel is in: uint8."""
    return (np.digitize(color.chroma(color.load_ab(truth)), CHROMA_EDGES) - 1).astype(np.uint8)


def height_groups(height: int, bands: int) -> np.ndarray:
    """Which band each row of a picture is in, 0 at the top: uint8, height x 1."""
    return (np.arange(height) * bands // height)[:, None].astype(np.uint8)


def reasons(ab: np.ndarray, truth: np.ndarray) -> pd.DataFrame:
    """Shares `cast`, `vivid` and `other` of the squared error of each photo.

    ab: N x H x W x 2, ab units; truth: the same, stored. Cast would vanish if one color were
    added to the whole photo. Of the rest, vivid lies where the true chroma exceeds VIVID. `rmse`
    is per channel, in ab units.
    """
    true = color.load_ab(truth)
    wrong = ab - true
    cast = wrong.mean(axis=(1, 2), keepdims=True)
    rest = np.square(wrong - cast).sum(axis=-1)
    bright = color.chroma(true) > VIVID
    total = np.square(wrong).sum(axis=(1, 2, 3))
    shares = {
        "rmse": np.sqrt(total / wrong[0].size),
        "cast": np.square(cast[:, 0, 0]).sum(axis=-1) * bright[0].size / total,
        "vivid": (rest * bright).sum(axis=(1, 2)) / total,
        "other": (rest * ~bright).sum(axis=(1, 2)) / total,
    }
    return pd.DataFrame(shares)


def spread(values: np.ndarray, count: int) -> np.ndarray:
    """`count` positions evenly spaced in the rank of `values`, from the lowest to the highest.

    The middles of `count` equal parts of the ranking: a choice by rule, not by eye.
    """
    ranks = (np.arange(count) + 0.5) / count * len(values)
    return np.argsort(values, kind="stable")[ranks.astype(int)]


def definitions(
    predictions: dict[str, np.ndarray],
    lightness: np.ndarray,
    truth: np.ndarray,
    training: np.ndarray,
) -> pd.DataFrame:
    """Metrics that public code defines in more than one way, on the same predictions.

    predictions: per model N x H x W x 2, ab units. training: the stored colors that the weights
    of the rebalanced AuC come from. Rows are (metric, definition), ours first; columns models.
    """
    true = color.load_ab(truth)
    light = color.load_lightness(lightness)
    true_rgb = color.join_lab(light, true)
    ours, paper = (bins.color_weights(training, mix) for mix in (0.5, 1e-4))
    limit = metrics.AUC_LIMIT
    columns = {}
    for model, ab in predictions.items():
        rgb = color.join_lab(light, ab)
        distance = np.sqrt(np.square(ab - true).sum(axis=-1))
        area = metrics.auc_of(distance)
        strict = np.clip(limit - 0.5 - np.floor(distance), 0, limit) / limit
        mean_share = np.clip(limit + 1 - np.ceil(distance), 0, limit + 1) / (limit + 1)
        psnr = metrics.psnr(rgb, true_rgb)

        def weighted(table, area=area):
            return np.average(area, weights=table[truth[..., 0], truth[..., 1]])

        columns[model] = {
            ("auc", "at most t, trapezoid over 0..150 (ours)"): area.mean(),
            ("auc", "less than t, trapezoid over 0..150"): strict.mean(),
            ("auc", "at most t, mean of 151 shares"): mean_share.mean(),
            ("auc_rebalanced", "half of the prior made uniform (ours)"): weighted(ours),
            ("auc_rebalanced", "the prior alone, nearly: 1e-4 uniform"): weighted(paper),
            ("colorfulness", "of R - G, mean over photos (ours)"): metrics.colorfulness(rgb).mean(),
            ("colorfulness", "of |R - G|"): metrics.colorfulness(rgb, absolute=True).mean(),
            ("psnr", "per photo, then the mean (ours)"): psnr.mean(),
            ("psnr", "of all pixels at once"): -10 * np.log10(np.mean(10 ** (-psnr / 10))),
            ("rmse", "per channel (ours)"): np.sqrt(np.square(distance).mean() / 2),
            ("rmse", "of the distance in the ab plane"): np.sqrt(np.square(distance).mean()),
        }
    return pd.DataFrame(columns)
