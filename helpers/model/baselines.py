"""Baselines: predictions that use no network, and two simple ways to make colors more vivid.

Stored photos are lightness uint8 N x H x W (2.55 L) and ab uint8 N x H x W x 2 (ab + 128).
Predictions are ab in ab units, float32, N x H x W x 2.
"""

from typing import TYPE_CHECKING

import numpy as np

from .. import color
from ..photos.split import fingerprints

if TYPE_CHECKING:
    from ..preprocessing import PreparedSet

RNG = 20141009  # of the copies: fixed, so that baselines do not depend on the run's seed
SHOWN = 50  # the largest ab of a picture in the report's figures


def baselines(prepared: "PreparedSet", indices: np.ndarray) -> dict[str, list[np.ndarray]]:
    """Predictions of `gray`, `mean`, `random_copy` and `nearest_copy` for the photos `indices`.

    Each is a list of one prediction, where a network has one a seed. They use the training photos
    alone, and copies come from another place. Raises ValueError where there is nothing to copy.
    """
    train = prepared.indices("train")
    if not len(train):
        raise ValueError("the prepared set has no training photos: give photos of more places")
    shape = (len(indices), *prepared.ab.shape[1:])
    places = prepared.photos.place.to_numpy()
    elsewhere = places[indices][:, None] != places[train]
    nearest = nearest_copy(
        prepared.lightness[indices], prepared.lightness[train], prepared.ab[train], elsewhere
    )
    return {
        "gray": [np.broadcast_to(np.float32(0), shape)],
        "mean": [np.broadcast_to(mean_color(prepared.ab[train]), shape)],
        "random_copy": [random_copy(prepared.ab[train], elsewhere)],
        "nearest_copy": [nearest],
    }


def mean_color(ab: np.ndarray) -> np.ndarray:
    """The color (2, ab units) with the least squared error over stored photos: their mean."""
    return color.load_ab(ab).mean(axis=(0, 1, 2), dtype=np.float64).astype(np.float32)


def random_copy(ab: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """For each row of `allowed` (N x photos), the colors of a random allowed stored photo.

    Raises ValueError for a row that allows none.
    """
    _check_any(allowed)
    draws = np.random.default_rng(RNG).random(allowed.shape)
    return color.load_ab(ab[np.where(allowed, draws, -1).argmax(axis=1)])


def nearest_copy(
    lightness: np.ndarray, others: np.ndarray, ab: np.ndarray, allowed: np.ndarray
) -> np.ndarray:
    """For each stored lightness, the colors `ab` of the allowed photo with the nearest lightness.

    Nearest is the highest correlation between cells of 4 x 4 pixels (`split.fingerprints`) with
    `others`. `allowed` is N x others. Raises ValueError for a row that allows none.
    """
    _check_any(allowed)
    correlation = fingerprints(lightness) @ fingerprints(others).T
    return color.load_ab(ab[np.where(allowed, correlation, -2).argmax(axis=1)])


def matching_gain(ab: np.ndarray, truth: np.ndarray) -> float:
    """The factor that gives predictions the mean chroma of the ground truth (stored)."""
    return float(color.chroma(color.load_ab(truth)).mean() / color.chroma(ab).mean())


def stretch(ab: np.ndarray) -> np.ndarray:
    """The report's "normalized AB": each photo multiplied until its largest |a| or |b| is 50."""
    largest = np.abs(ab).max(axis=(1, 2, 3), keepdims=True)
    return ab * (SHOWN / np.maximum(largest, np.float32(1e-6)))


def _check_any(allowed: np.ndarray) -> None:
    if not allowed.any(axis=1).all():
        raise ValueError("no photo of another place to copy from: give photos of more places")
