"""How are two trained networks compared, all else being equal?

A study fits a network, keeps it, and sums what it does to the held-out photos (those of the test
stretches) photo by photo. Two studies are compared on the same draws of places; intervals are
95 %. Squares are of ab in ab units, summed over a and b.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .. import color, evaluation, training
from ..model import ColorizeCNN
from ..preprocessing import PreparedSet
from ..results import Run
from ..training import devices
from ..training.batches import Photos
from ..training.recipe import Recipe

EDGE = 4  # pixels from the border that count as near the edge
CHROMA_EDGES = np.concatenate([[0], np.geomspace(0.1, 2000, 400)])  # steps of 2.5 %, ab units
PUBLISHED = functools.partial(ColorizeCNN, fast=True)  # the same values, sooner

Estimate = tuple[float, tuple[float, float]]  # a number and its interval


@dataclass(frozen=True)
class Study:
    """What colors do to the held-out photos, and how the network that made them was fitted."""

    sums: pd.DataFrame  # one row a photo, of `sums`
    places: pd.Series  # of those photos
    history: pd.DataFrame | None = None  # one row a batch: batch, loss


def study(run: Run, prepared: PreparedSet, name: str, recipe: Recipe, build=PUBLISHED) -> Study:
    """Fit a network of `build` with the run's seed, or load it, and measure it.

    `name` is that of its checkpoint.
    """
    path = run.folder / "checkpoints" / f"study-{name}-seed{run.seed}.pt"
    train = Photos.of(prepared, "train")
    fitted = training.fit(build, train, None, recipe, run.seed, path, name, devices.asked())
    return measure_model(fitted.model, prepared, fitted.history)


def published(run: Run, prepared: PreparedSet, batches: int) -> Study:
    """The published recipe for so many batches; that of notebook 03 where they are as many."""
    if batches != run.profile.published_batches:
        return study(run, prepared, f"published-{batches}", Recipe(batches=batches))
    fitted = training.published(run, prepared, run.seed)
    return measure_model(fitted.model, prepared, fitted.history)


def measure_model(model, prepared: PreparedSet, history: pd.DataFrame) -> Study:
    """A network on the test photos."""
    ab = training.predict(model, prepared.lightness[prepared.indices("test")])
    return measure(ab, prepared, history)


def measure(ab: np.ndarray, prepared: PreparedSet, history: pd.DataFrame | None = None) -> Study:
    """Colors (N x H x W x 2, ab units) of the N test photos, against the truth."""
    rows = prepared.indices("test")
    return Study(sums(ab, prepared.ab[rows]), prepared.photos.place.iloc[rows], history)


def sums(ab: np.ndarray, truth: np.ndarray) -> pd.DataFrame:
    """Sums over each photo. ab: N x H x W x 2, ab units; truth: the same, uint8 (ab + 128).

    Columns (kind, number): "pixels", "square" and "gray", the square errors of ab and of a = b
    = 0, by distance to the nearest border (0, 1, ... pixels); "counts" and "counts_true", pixels
    by bin of CHROMA_EDGES (the last takes all beyond it); "chroma" and "chroma_true".
    """
    rings = distance_to_border(*ab.shape[1:3]).ravel()
    rows = [_sums(photo, color.load_ab(stored), rings) for photo, stored in zip(ab, truth)]
    kinds = {kind: pd.DataFrame([row[kind] for row in rows], dtype=float) for kind in rows[0]}
    return pd.concat(kinds, axis=1)


def _sums(ab: np.ndarray, true: np.ndarray, rings: np.ndarray) -> dict[str, np.ndarray]:
    row = {"pixels": np.bincount(rings)}
    for name, square in (("square", np.square(ab - true)), ("gray", np.square(true))):
        row[name] = np.bincount(rings, square.sum(axis=-1).ravel())
    for end, chroma in (("", color.chroma(ab)), ("_true", color.chroma(true))):
        row["counts" + end] = np.histogram(chroma.clip(0, CHROMA_EDGES[-1]), CHROMA_EDGES)[0]
        row["chroma" + end] = np.array([chroma.sum()])
    return row


def distance_to_border(height: int, width: int) -> np.ndarray:
    """For each pixel of H x W how many pixels lie between it and the nearest border."""
    down, across = (np.minimum(np.arange(n), np.arange(n)[::-1]) for n in (height, width))
    return np.minimum(down[:, None], across)


def mse_vs_gray(s: pd.DataFrame) -> np.ndarray:
    """Square error over that of gray, for each row of sums."""
    return (s["square"].sum(axis=1) / s["gray"].sum(axis=1)).to_numpy()


def chroma_ratio(s: pd.DataFrame) -> np.ndarray:
    """Mean chroma over that of the truth, for each row of sums."""
    return (s["chroma"] / s["chroma_true"]).to_numpy()[:, 0]


def edge_over_inside(s: pd.DataFrame) -> np.ndarray:
    """Square error of a pixel within EDGE of the border over that of one inside; row by row."""
    square, pixels = s["square"].to_numpy(), s["pixels"].to_numpy()
    edge = square[:, :EDGE].sum(axis=1) / pixels[:, :EDGE].sum(axis=1)
    inside = square[:, EDGE:].sum(axis=1) / pixels[:, EDGE:].sum(axis=1)
    return edge / inside


def chroma_quantile(s: pd.DataFrame, share: float = 0.999) -> np.ndarray:
    """The chroma (ab units) that `share` of the pixels stay below, for each row of sums."""
    counts = s["counts"].to_numpy()
    reached = np.pad(counts.cumsum(axis=1) / counts.sum(axis=1, keepdims=True), ((0, 0), (1, 0)))
    return np.array([np.interp(share, each, CHROMA_EDGES) for each in reached])


def by_ring(study: Study) -> np.ndarray:
    """Square error over that of gray by distance to the nearest border (0, 1, ... pixels)."""
    totals = study.sums.sum()
    return (totals["square"] / totals["gray"]).to_numpy()


def share_above(study: Study, counts: str = "counts") -> np.ndarray:
    """Share of pixels whose chroma exceeds each of CHROMA_EDGES; "counts_true": the truth's."""
    counted = study.sums[counts].sum().to_numpy()
    return np.append(counted[::-1].cumsum()[::-1], 0) / counted.sum()


def ratio(study: Study, other: Study, statistic: Callable = mse_vs_gray) -> Estimate:
    """A statistic of one study over that of another, with its interval over places."""
    return _paired(study, other, lambda s, t: statistic(s) / statistic(t))


def difference(study: Study, other: Study, statistic: Callable) -> Estimate:
    """A statistic of one study less that of another, with its interval over places."""
    return _paired(study, other, lambda s, t: statistic(s) - statistic(t))


def value(study: Study, statistic: Callable = mse_vs_gray) -> Estimate:
    """A statistic of one study, with its interval over places."""
    return _estimate(study.sums, study.places, statistic)


def _paired(study: Study, other: Study, statistic: Callable) -> Estimate:
    both = pd.concat({"this": study.sums, "other": other.sums}, axis=1)
    return _estimate(both, study.places, lambda s: statistic(s["this"], s["other"]))


def _estimate(sums: pd.DataFrame, places: pd.Series, statistic: Callable) -> Estimate:
    def pool(s: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"value": statistic(s)})

    draws = evaluation.bootstrap([sums], places, pool)
    return float(statistic(sums.sum().to_frame().T)[0]), evaluation.interval(draws.value)
