"""A few made-up photos and a run that keeps its studies in a temporary folder."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from helpers import paths, results


@dataclasses.dataclass
class Photos:
    """As much of a prepared set as a study reads."""

    lightness: np.ndarray
    ab: np.ndarray
    photos: pd.DataFrame

    def indices(self, name):
        return np.flatnonzero(self.photos.split == name)


def prepared(train=8, test=6, size=(12, 16), seed=0):
    rng = np.random.default_rng(seed)
    count = train + test
    places = [f"{i // 2:06d}" for i in range(count)]
    split = ["train"] * train + ["test"] * test
    return Photos(
        rng.integers(0, 256, (count, *size), dtype=np.uint8),
        rng.integers(100, 157, (count, *size, 2), dtype=np.uint8),
        pd.DataFrame({"place": places, "split": split, "extra": False}),
    )


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "BUILD", tmp_path)
    started = results.start("05_explorations")
    short = dataclasses.replace(started.profile, published_batches=4, study_batches=2)
    return dataclasses.replace(started, profile=short)
