"""How far a colored photo is from ground truth.

`per_photo` measures every photo once and keeps sums; `pool` turns sums into metrics. So the
metrics of one photo, of all photos, and of resampled sets come from the same lines. Ground truth
is the stored color, in 8-bit steps of ab; predictions are not rounded. N photos of H x W pixels.

mse            mean squared error of ab in the report's scale, (ab + 128) / 255
mse_vs_gray    squared error relative to gray (a = b = 0): below 1 is better than gray
mse_vs_gray_median   the same of each photo alone, median over photos
better_than_gray     share of photos whose squared error is below that of gray
rmse           root of the mean squared error per channel, ab units
rmse_chroma20  the same where the true chroma exceeds 20
auc            Zhang, Isola, Efros (2016): share of pixels whose ab is within t of the truth,
               integrated by the trapezoid rule over t = 0, 1, ..., 150, over 150; in 0..1
auc_rebalanced the same, each pixel weighted by how rare its true color is (`bins.color_weights`)
psnr           peak signal-to-noise ratio of 8-bit sRGB per photo, mean over photos, dB
delta_e        CIEDE2000, mean over pixels, both colors clipped to sRGB first
colorfulness   Hasler and Suesstrunk (2003) of 8-bit sRGB per photo, mean over photos
colorfulness_ratio   the same relative to ground truth
colorfulness_gap     mean absolute difference from ground truth, per photo
chroma_ratio   mean chroma of the prediction relative to ground truth
"""

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab

from . import color

AUC_LIMIT = 150  # largest threshold, ab units
CHROMA20 = 20  # chroma above which a pixel counts for rmse_chroma20
AT_ONCE = 2**22  # counts of photos in draws that are summed at once
BATCH = 8  # photos measured at once: their arrays stay in a core's cache


@dataclass(frozen=True)
class Metric:
    """How one metric is named and printed, and which way is better."""

    label: str  # for a head of a table or an axis
    unit: str  # "" for a ratio or a count
    digits: int  # after the decimal point
    better: str  # "lower", "higher", "one" where 1 is best, "truth" where the truth's is
    largest: float = np.inf  # 1 for a share

    @property
    def head(self) -> str:
        """The label with its unit, for the head of a table or an axis."""
        return f"{self.label}, {self.unit}" if self.unit else self.label


METRICS = {
    "mse": Metric("MSE, report's scale", "", 5, "lower"),
    "mse_vs_gray": Metric("MSE / gray", "", 3, "lower"),
    "mse_vs_gray_median": Metric("MSE / gray, median photo", "", 3, "lower"),
    "better_than_gray": Metric("photos better than gray", "share", 2, "higher", 1),
    "rmse": Metric("RMSE", "ab units", 2, "lower"),
    "rmse_chroma20": Metric("RMSE where chroma > 20", "ab units", 2, "lower"),
    "auc": Metric("AuC", "", 4, "higher", 1),
    "auc_rebalanced": Metric("AuC, rebalanced", "", 4, "higher", 1),
    "psnr": Metric("PSNR", "dB", 2, "higher"),
    "delta_e": Metric("CIEDE2000", "", 2, "lower"),
    "colorfulness": Metric("colorfulness", "", 2, "truth"),
    "colorfulness_ratio": Metric("colorfulness / ground truth", "", 2, "one"),
    "colorfulness_gap": Metric("colorfulness gap", "", 2, "lower"),
    "chroma_ratio": Metric("chroma / ground truth", "", 3, "one"),
}


def per_photo(
    ab: np.ndarray,
    lightness: np.ndarray,
    truth: np.ndarray,
    weights: np.ndarray,
    seen: tuple[np.ndarray, np.ndarray] | None = None,
) -> pd.DataFrame:
    """Sums over each photo, one row a photo, for `pool`.

    ab: prediction, N x H x W x 2, ab units. lightness: N x H x W, uint8 (2.55 L). truth:
    N x H x W x 2, uint8 (ab + 128). weights: 256 x 256, of `bins.color_weights`. seen:
    `on_screen` of the same photos, to share it among models. Raises ValueError if shapes differ.
    """
    if not ab.shape == truth.shape == (*lightness.shape, 2):
        raise ValueError(f"shapes differ: {ab.shape}, {truth.shape} and {lightness.shape}")
    lab, rgb = seen or on_screen(lightness, truth)

    def part(rows: slice) -> pd.DataFrame:
        guess = np.asarray(ab[rows], np.float32)
        return _sums(guess, lightness[rows], truth[rows], weights, lab[rows], rgb[rows])

    return pd.concat(_in_parts(part, len(ab)), ignore_index=True)


def on_screen(lightness: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stored photos as a screen shows them: Lab (N x H x W x 3, float32) and 8-bit sRGB."""
    lab = np.empty((*lightness.shape, 3), np.float32)
    rgb = np.empty(lab.shape, np.uint8)

    def part(rows: slice) -> None:
        light, true = color.load_lightness(lightness[rows]), color.load_ab(truth[rows])
        lab[rows], rgb[rows] = clip_to_srgb(light, true)

    _in_parts(part, len(lab))
    return lab, rgb


def _in_parts(function: Callable[[slice], Any], count: int) -> list:
    """`function` of each few of `count` photos, in threads, in their order."""
    parts = [slice(start, start + BATCH) for start in range(0, count, BATCH)]
    with warnings.catch_warnings(), ThreadPoolExecutor() as threads:
        # scikit-image warns of colors outside of the gamut, which are clipped on purpose.
        warnings.simplefilter("ignore", UserWarning)
        return list(threads.map(function, parts))


def pool(sums: pd.DataFrame) -> pd.DataFrame:
    """Metrics of each row of sums, a row being any number of photos added up.

    Columns are METRICS without the median, which sums do not hold: see `median`. What cannot be
    measured (no pixel above a chroma of 20, no color at all) is NaN.
    """
    s = sums
    values = 2 * s.pixels  # a and b of each pixel
    columns = {
        "mse": s.square / values / 255**2,
        "mse_vs_gray": s.square / s.square_gray,
        "better_than_gray": s.better / s.photos,
        "rmse": np.sqrt(s.square / values),
        "rmse_chroma20": np.sqrt(s.square_vivid / (2 * s.vivid)),
        "auc": s.auc / s.pixels,
        "auc_rebalanced": s.auc_weighted / s.weight,
        "psnr": s.psnr / s.photos,
        "delta_e": s.delta_e / s.pixels,
        "colorfulness": s.colorfulness / s.photos,
        "colorfulness_ratio": s.colorfulness / s.colorfulness_true,
        "colorfulness_gap": s.colorfulness_gap / s.photos,
        "chroma_ratio": s.chroma / s.chroma_true,
    }
    return pd.DataFrame(columns).replace([np.inf, -np.inf], np.nan)


def median(sums: pd.DataFrame, counts: np.ndarray) -> np.ndarray:
    """mse_vs_gray_median (draws), a photo counting as often as `counts` (draws x photos) says.

    It is the first ratio at or below which half of the photos lie. sums: one row a photo. Photos
    without any color are left out.
    """
    ratios = (sums.square / sums.square_gray).to_numpy()
    order = np.argsort(ratios)[: np.isfinite(ratios).sum()]
    if not len(order):
        return np.full(len(counts), np.nan)
    middle = []
    for drawn in np.array_split(counts, max(1, counts.size // AT_ONCE)):
        below = drawn[:, order].cumsum(axis=1)
        middle.append((2 * below >= below[:, -1:]).argmax(axis=1))
    return ratios[order][np.concatenate(middle)]


def auc_of(distance: np.ndarray) -> np.ndarray:
    """The AuC (0..1) of pixels at `distance` (ab units) from ground truth.

    The trapezoid rule over t = 0..150 of [distance <= t], in closed form.
    """
    step = np.ceil(distance)
    area = np.where(step > 0, AUC_LIMIT + 0.5 - step, AUC_LIMIT)
    return np.where(step > AUC_LIMIT, 0, area) / AUC_LIMIT


def colorfulness(rgb: np.ndarray, absolute: bool = False) -> np.ndarray:
    """Hasler and Suesstrunk's colorfulness of each picture (... x H x W x 3, 0..255).

    `absolute` takes |R - G| and |(R + G) / 2 - B| first, as some public code does.
    """
    red, green, blue = np.moveaxis(rgb.astype(np.float32), -1, 0)
    opponents = np.stack([red - green, (red + green) / 2 - blue])
    if absolute:
        opponents = np.abs(opponents)
    variance = opponents.var(axis=(-2, -1)).sum(axis=0)
    square_mean = np.square(opponents.mean(axis=(-2, -1))).sum(axis=0)
    return np.sqrt(variance) + 0.3 * np.sqrt(square_mean)


def psnr(rgb: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """PSNR in dB of each picture (... x H x W x 3, uint8).

    An exact copy counts as one value off by one step, so that a mean stays finite.
    """
    difference = np.square(rgb.astype(np.float32) - truth).sum(axis=(-3, -2, -1))
    return 10 * np.log10(255**2 * np.prod(rgb.shape[-3:]) / np.maximum(difference, 1))


def clip_to_srgb(lightness: np.ndarray, ab: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """L (..., 0..100) and ab (... x 2): the Lab (... x 3) that a screen can show, its 8-bit RGB."""
    lab = np.concatenate([lightness[..., None], ab], axis=-1, dtype=np.float32)
    rgb = lab2rgb(lab)
    # Channel by channel: numpy is slow at reducing an axis of two or three.
    edge = np.logical_or.reduce([(c <= 0) | (c >= 1) for c in np.moveaxis(rgb, -1, 0)])
    if edge.any():
        lab[edge] = rgb2lab(rgb[edge])
    return lab, np.rint(rgb * 255).astype(np.uint8)


def square_length(ab: np.ndarray) -> np.ndarray:
    """a^2 + b^2 of ab (... x 2), faster than a sum over an axis of two."""
    return np.square(ab[..., 0]) + np.square(ab[..., 1])


def _sums(ab, lightness, truth, weights, true_lab, true_rgb) -> pd.DataFrame:
    """`per_photo` of a few photos, with `on_screen` of their truth."""
    true = color.load_ab(truth)
    lab, rgb = clip_to_srgb(color.load_lightness(lightness), ab)
    square = square_length(ab - true)
    area = auc_of(np.sqrt(square))
    weight = weights[truth[..., 0], truth[..., 1]]
    true_chroma = color.chroma(true)
    vivid = true_chroma > CHROMA20
    colorful, true_colorful = colorfulness(rgb), colorfulness(true_rgb)
    maps = {  # summed over the pixels of each photo
        "pixels": np.ones_like(square),
        "square": square,
        "square_gray": square_length(true),
        "vivid": vivid,
        "square_vivid": square * vivid,
        "auc": area,
        "weight": weight,
        "auc_weighted": area * weight,
        "delta_e": deltaE_ciede2000(true_lab, lab),
        "chroma": color.chroma(ab),
        "chroma_true": true_chroma,
    }
    columns = {name: m.sum(axis=(1, 2), dtype=np.float64) for name, m in maps.items()}
    columns |= {
        "photos": np.ones(len(ab)),
        "better": columns["square"] < columns["square_gray"],
        "psnr": psnr(rgb, true_rgb),
        "colorfulness": colorful,
        "colorfulness_true": true_colorful,
        "colorfulness_gap": np.abs(colorful - true_colorful),
    }
    return pd.DataFrame(columns, dtype=np.float64)
