"""Which photos are for training, which for validation and test, and what would leak?"""

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

PLACES, PHOTOS = 10, 24  # fewer cannot be split
STRETCH = 70  # places, about: the length of one cycle of test, validation and training
ALIKE = 0.98  # correlation of lightness from which two photos count as one


def natural_key(place: str) -> tuple:
    """Sorts places as people do: numbers first and by value, also those within names."""
    parts = re.split(r"(\d+)", str(place))
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


def split_places(places) -> dict[str, str]:
    """Give each distinct place a split: "train", "validation", "test" or "gap", in their order.

    The ordered list is cut into runs of about 70 places. In each, the first 15 % are for the
    test, then come a gap, 10 % for validation, a gap, and training; a gap before the next run.
    A gap is two places (one under 40 places), so neighbors of a split are in it or in a gap.
    It depends on the places alone. Raises ValueError under ten places.
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
    """The sentence for a source that cannot be split."""
    return (
        f"too few to split: {have}, and at least {needed} are needed to keep training, validation "
        "and test apart; name a folder with more, or raise --images"
    )


def split_photos(photos: "pd.DataFrame", lightness: np.ndarray) -> "pd.Series":
    """The split of each photo (columns place, extra): that of its place, extra ones for training.

    Of two photos that are near-duplicates on different sides, the one that matters less leaves
    for the gap: a training photo before a validation photo before a test photo.
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
    """What a photo shows, small: N x 88 x 112 lightness to N x 616, mean 0 and length 1, float32.

    The product of two is the correlation of the photos' cells of 4 x 4 pixels, which re-encoding,
    resizing and a change of brightness or contrast hardly touch.
    """
    prints = np.empty((len(lightness), 22 * 28), dtype=np.float32)
    for i, photo in enumerate(lightness):
        rows, columns = photo.shape
        cells = photo.reshape(22, rows // 22, 28, columns // 28).mean(axis=(1, 3)).ravel()
        cells -= cells.mean()
        prints[i] = cells / max(np.linalg.norm(cells), 1e-6)
    return prints


def _has_twin(prints: np.ndarray, others: np.ndarray) -> np.ndarray:
    """For each print, whether one of `others` is a near-duplicate."""
    if not len(others):
        return np.zeros(len(prints), dtype=bool)
    parts = [prints[i : i + 1024] @ others.T for i in range(0, len(prints), 1024)]
    return np.concatenate([part.max(axis=1) for part in parts] or [[]]) > ALIKE
