"""A few photos with made-up colors, and a run that keeps its studies in a temporary folder."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers import paths, results
from helpers.preprocessing import PreparedSet


def prepared(train=8, test=6, size=(12, 16), seed=0, validation=0):
    """Random photos, two per place."""
    rng = np.random.default_rng(seed)
    count = train + validation + test
    lightness = rng.integers(0, 256, (count, *size), dtype=np.uint8)
    ab = rng.integers(100, 157, (count, *size, 2), dtype=np.uint8)
    return prepared_set(lightness, ab, train, validation)


def scenes():
    """40 photos whose color follows from their lightness: a set that networks can learn."""
    lightness = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
    ab = np.stack([150 - lightness // 8, 100 + lightness // 6], axis=-1)
    return prepared_set(lightness, ab, train=24, validation=6)


def prepared_set(lightness, ab, train, validation):
    """A prepared set of these photos: training photos first, then validation, then test photos."""
    count = len(lightness)
    split = ["train"] * train + ["validation"] * validation
    photos = pd.DataFrame(
        {
            "place": [f"{n // 2:06d}" for n in range(count)],
            "split": split + ["test"] * (count - len(split)),
            "extra": False,
            "sha256": [str(n) for n in range(count)],
        }
    )
    manifest = {"name": "scenes", "source": "here"}
    return PreparedSet(Path(), lightness, ab, photos, pd.DataFrame(), manifest, None)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "BUILD", tmp_path)
    started = results.start("05_explorations")
    short = dataclasses.replace(
        started.profile, published_batches=4, study_batches=2, timing_repeats=2, head_seeds=2
    )
    return dataclasses.replace(started, profile=short)
