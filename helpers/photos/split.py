"""Splits photos into training, validation and test so that no neighbors or copies are divided.

A stretch is a run of neighboring places. Its photos share a street's buildings, light and camera.
On the thumbnails of Manhattan, the errors of places ten apart correlate by about 0.6, those of
places 35 apart by up to 0.5, and those of places 70 apart by about 0.2 (chapter 4 draws it). So a
stretch of 70 places, not a place, is what cross-validation tests and what intervals resample.
"""

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .folder import LEAST

if TYPE_CHECKING:
    import pandas as pd  # needed for annotations only; slow to load

PLACES = 10  # fewer cannot be split
STRETCH = 70  # places, about, in one stretch: a cycle of test, validation and training, or a fold
FOLDS = 5
FOLDED = 100  # places; fewer are not cross-validated
FEWEST = 5  # stretches; of fewer, places are resampled
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


def fold_places(places) -> list[dict[str, str]]:
    """Splits for cross-validation, as `split_places` gives them, one for each of FOLDS folds.

    The ordered places are cut into stretches of about 70. Each fold tests a row of neighboring
    stretches, and each stretch is tested once. A tenth of the places, in runs of a quarter of a
    stretch spread over the others, is for validation. Two places beside every test and validation
    run are the gap. The splits depend on the places alone. Raises ValueError if there are fewer
    than 100.
    """
    ordered = sorted(set(places), key=natural_key)
    count = len(ordered)
    if count < FOLDED:
        raise ValueError(too_few(f"{count} places", f"{FOLDED} places"))
    halves = 2 * _stretches(count)
    bounds = [round(i * count / halves) for i in range(halves + 1)]
    splits = []
    for fold in range(FOLDS):
        first, last = (halves * i // FOLDS for i in (fold, fold + 1))
        sides = ["train"] * count
        others = [*range(last, halves), *range(first)]
        runs = round(halves / 5)
        for run in range(1, runs + 1):
            half = others[run * len(others) // (runs + 1)]
            start, end = bounds[half], (bounds[half] + bounds[half + 1]) // 2
            _mark(sides, start, end, "validation")
        _mark(sides, bounds[first], bounds[last], "test")
        splits.append(dict(zip(ordered, sides)))
    return splits


def _stretches(places: int) -> int:
    """Into how many stretches a run of places is cut: as many for each fold, if it is long."""
    if places < FOLDED:
        return max(1, round(places / STRETCH))
    return FOLDS * max(1, round(places / STRETCH / FOLDS))


def _mark(sides: list[str], start: int, end: int, name: str) -> None:
    """Give places `start` to `end` to `name`, and the two on either side to the gap."""
    before, after = max(start - 2, 0), min(end + 2, len(sides))
    sides[before:after] = ["gap"] * (after - before)
    sides[start:end] = [name] * (end - start)


def places_in_order(photos: "pd.DataFrame") -> list[str]:
    """The places of a set's own photos (columns place, extra), in the order of the street."""
    return sorted(set(photos.place[~photos.extra]), key=natural_key)


def runs(positions) -> list[np.ndarray]:
    """The distinct positions of tested places, cut where more than one place between was not."""
    known = np.unique(positions)
    return np.split(known, np.flatnonzero(np.diff(known) > 2) + 1)


def units(photos: "pd.DataFrame", rows: np.ndarray) -> "pd.Series":
    """What intervals resample on the photos `rows` of a prepared set: a label for each of them.

    The name of the series is "stretch", "place" or "photo". Tested places that follow each other
    are one run, and a run is cut into stretches of about 70 places, those of `fold_places` where
    all places are tested. With fewer than five stretches the unit is the place. Where most places
    have a single photo, no neighbors are known, and it is the photo.
    """
    own, chosen = photos.place[~photos.extra], photos.place.iloc[rows].reset_index(drop=True)
    if own.value_counts().eq(1).mean() > 0.5:
        return chosen.index.to_series(name="photo")
    order = {place: i for i, place in enumerate(places_in_order(photos))}
    labels, found = {}, 0
    for run in runs(chosen.map(order)):
        length = run[-1] - run[0] + 1
        pieces = _stretches(length)
        bounds = [round(i * length / pieces) for i in range(1, pieces)]
        labels |= dict(zip(run, found + np.searchsorted(bounds, run - run[0], side="right")))
        found += pieces
    if found < FEWEST:
        return chosen.rename("place")
    return chosen.map(order).map(labels).rename("stretch")


def too_few(have: str, needed: str) -> str:
    """Return the sentence for a source that cannot be split."""
    return (
        f"too few to split: {have}, and at least {needed} are needed for training, validation and "
        "test: give more photos"
    )


def split_photos(
    photos: "pd.DataFrame", lightness: np.ndarray, by_place: dict[str, str] | None = None
) -> "pd.Series":
    """Return the split of each photo (columns place, extra), which is that of its place.

    by_place: a split of the places, by default that of `split_places`. Extra photos are for
    training. A training photo that is a near-duplicate of a validation or test photo moves to the
    gap, and so does a validation photo that is one of a test photo. `lightness` is N x H x W,
    multiples of 22 and 28. Raises ValueError for fewer than 24 photos or ten places.
    """
    own = ~photos.extra
    if own.sum() < LEAST:
        raise ValueError(too_few(f"{own.sum()} usable photos", f"{LEAST} photos"))
    by_place = by_place or split_places(photos.place[own])
    split = photos.place.map(by_place).where(own, "train")
    prints = fingerprints(lightness)
    for side, others in (("validation", ["test"]), ("train", ["test", "validation"])):
        here = np.flatnonzero(split == side)
        there = np.flatnonzero(split.isin(others))
        split.iloc[here[_has_twin(prints[here], prints[there])]] = "gap"
    return split


def fingerprints(lightness: np.ndarray) -> np.ndarray:
    """Reduce lightness, N x H x W, to fingerprints, N x 616 float32 of mean 0 and length 1.

    H and W are multiples of 22 and 28. The product of two fingerprints is the correlation of the
    photos' 22 x 28 cells, which have 4 x 4 pixels at 112 x 88. Encoding, resizing, brightness and
    contrast hardly change it.
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
    parts = (prints[i : i + 1024] @ others.T for i in range(0, len(prints), 1024))
    return np.concatenate([part.max(axis=1) for part in parts]) > ALIKE
