"""What does a guess cost that knows nothing, or that only copies?

Every prediction is ab in ab units, float32, N x H x W x 2, as a network's would be. Stored
pictures are lightness uint8 N x H x W (2.55 L) and ab uint8 N x H x W x 2 (ab + 128).
"""

import numpy as np

from .. import color
from ..photos.split import fingerprints
from ..preprocessing import PreparedSet

RNG = 20141009  # of the copies: fixed, so that a run's seed leaves the baselines alone
SHOWN = 50  # the largest ab of a picture that the report showed


def baselines(prepared: PreparedSet, indices: np.ndarray) -> dict[str, list[np.ndarray]]:
    """`gray`, `mean`, `random_copy` and `nearest_copy` for the photos `indices`, one of each.

    They know the training photos alone. Copies come from another place.
    """
    train = prepared.indices("train")
    if not len(train):
        raise ValueError("the prepared set has no training photos: give more places")
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
    """The one color (2, ab units) with the least square error over stored photos."""
    return color.load_ab(ab).mean(axis=(0, 1, 2), dtype=np.float64).astype(np.float32)


def random_copy(ab: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """The colors of a random one of the stored photos, for each row of `allowed` (N x photos)."""
    _needs_one(allowed)
    luck = np.random.default_rng(RNG).random(allowed.shape)
    return color.load_ab(ab[np.where(allowed, luck, -1).argmax(axis=1)])


def nearest_copy(
    lightness: np.ndarray, others: np.ndarray, ab: np.ndarray, allowed: np.ndarray
) -> np.ndarray:
    """The colors of the photo most alike in lightness: one of `others`, whose colors are `ab`.

    Alike is the correlation of cells of 4 x 4 pixels (split.fingerprints). `allowed`, N x others,
    says which may be copied.
    """
    _needs_one(allowed)
    alike = fingerprints(lightness) @ fingerprints(others).T
    return color.load_ab(ab[np.where(allowed, alike, -2).argmax(axis=1)])


def matching_gain(ab: np.ndarray, truth: np.ndarray) -> float:
    """The factor that gives predictions the mean chroma of the truth (stored), on validation
    photos: "L2 times a constant", the cheapest way from dull to vivid.
    """
    return float(color.chroma(color.load_ab(truth)).mean() / color.chroma(ab).mean())


def stretch(ab: np.ndarray) -> np.ndarray:
    """The report's "normalized AB": each photo multiplied until its largest |a| or |b| is 50."""
    largest = np.abs(ab).max(axis=(1, 2, 3), keepdims=True)
    return ab * (SHOWN / np.maximum(largest, np.float32(1e-6)))


def _needs_one(allowed: np.ndarray) -> None:
    if not allowed.any(axis=1).all():
        raise ValueError("no photo of another place to copy from: give photos of more places")
