"""Splits photos into training, validation and test so that no neighbors or copies are divided."""

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd  # needed for annotations only; slow to load

PLACES, PHOTOS = 10, 24  # fewer cannot be split
STRETCH = 70  # places, about, in one cycle of test, validation and training
ALIKE = 0.98  # correlation of lightness above which two photos are near-duplicates


def natural_key(place: str) -> tuple:
    """Return a key that sorts places as people do: numbers by value, also within names."""
    parts = re.split(r"(\d+)", str(place))
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


def split_places(places) -> dict[str, str]:
    """Assign each distinct place to "train", "validation", "test" or "gap", in their order.

    The ordered list is cut into cycles of about 70 places. Each cycle has 15% test places, a gap,
    10% validation places, a gap, training places and a gap. A gap is two places (one if there are
    fewer than 40 places). The split depends on the places alone. Raises ValueError if there are
    fewer than ten.
    """
    ordered = sorted(set(places), key=natural_key)
    count = len(ordered)
    if count < PLACES:
        raise ValueError(too_few(f"{count} place{'s' * (count != 1)}", f"{PLACES} places"))
    cycles = max(1, round(count / STRETCH))
    gap = 2 if count >= 40 else 1
    bounds = [round(i * count / cycles) for i in range(cycles + 1)]
    split = []
    for start, end in pairwise(bounds):
        length = end - start
        test, validation = max(1, round(0.15 * length)), max(1, round(0.10 * length))
        after = 0 if end == count else gap
        train = length - test - validation - 2 * gap - after
        split += ["test"] * test + ["gap"] * gap + ["validation"] * validation
        split += ["gap"] * gap + ["train"] * train + ["gap"] * after
    return dict(zip(ordered, split))


def too_few(have: str, needed: str) -> str:
    """Return the sentence for a source that cannot be split."""
    return (
        f"too few to split: {have}, and at least {needed} are needed for training, validation and "
        "test: name a folder with more, or raise --images"
    )


def split_photos(photos: "pd.DataFrame", lightness: np.ndarray) -> "pd.Series":
    """Return the split of each photo (columns place, extra), which is that of its place.

    Extra photos are for training. A training photo that is a near-duplicate of a validation or
    test photo moves to the gap, and so does a validation photo that is one of a test photo.
    `lightness` is N x 88 x 112. Raises ValueError for fewer than 24 photos or ten places.
    """
    own = ~photos.extra
    if own.sum() < PHOTOS:
        raise ValueError(too_few(f"{own.sum()} usable photos", f"{PHOTOS} photos"))
    by_place = split_places(photos.place[own])
    split = photos.place.map(by_place).where(own, "train")
    prints = fingerprints(lightness)
    for side, others in (("validation", ["test"]), ("train", ["test", "validation"])):
        here = np.flatnonzero(split == side)
        there = np.flatnonzero(split.isin(others))
        split.iloc[here[_has_twin(prints[here], prints[there])]] = "gap"
    return split


def fingerprints(lightness: np.ndarray) -> np.ndarray:
    """Reduce lightness, N x 88 x 112, to fingerprints, N x 616 float32 of mean 0 and length 1.

    The product of two fingerprints is the correlation of the photos' cells of 4 x 4 pixels.
    Encoding, resizing, brightness and contrast hardly change it.
    """
    prints = np.empty((len(lightness), 22 * 28), dtype=np.float32)
    for i, photo in enumerate(lightness):
        rows, columns = photo.shape
        cells = photo.reshape(22, rows // 22, 28, columns // 28).mean(axis=(1, 3)).ravel()
        cells -= cells.mean()
        prints[i] = cells / max(np.linalg.norm(cells), 1e-6)
    return prints


def _has_twin(prints: np.ndarray, others: np.ndarray) -> np.ndarray:
    if not (len(prints) and len(others)):
        return np.zeros(len(prints), dtype=bool)
    parts = [prints[i : i + 1024] @ others.T for i in range(0, len(prints), 1024)]
    return np.concatenate([part.max(axis=1) for part in parts]) > ALIKE
