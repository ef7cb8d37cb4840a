"""Baselines use the training photos alone, and copies come from another place."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from helpers import color
from helpers.model import baselines

PLACES = 8


@pytest.fixture
def prepared():
    """Two views of each of eight places; the first two are the test."""
    rng = np.random.default_rng(0)
    lightness = rng.integers(0, 256, (2 * PLACES, 88, 112), dtype=np.uint8)
    ab = rng.normal(130, 12, (2 * PLACES, 88, 112, 2)).clip(0, 255).astype(np.uint8)
    place = np.repeat([f"{i:06d}" for i in range(PLACES)], 2)
    split = np.where(np.arange(2 * PLACES) < 4, "test", "train")
    photos = pd.DataFrame({"place": place, "split": split})
    return SimpleNamespace(
        lightness=lightness,
        ab=ab,
        photos=photos,
        indices=lambda name: np.flatnonzero(photos.split == name),
    )


def test_each_baseline_is_there_once_and_has_the_shape_of_a_prediction(prepared):
    found = baselines.baselines(prepared, prepared.indices("test"))
    assert list(found) == ["gray", "mean", "random_copy", "nearest_copy"]
    for seeds in found.values():
        (ab,) = seeds
        assert ab.shape == (4, 88, 112, 2)
        assert ab.dtype == np.float32
    assert not found["gray"][0].any()


def test_no_single_color_is_nearer_to_the_training_photos_than_their_mean(prepared):
    true = color.load_ab(prepared.ab)
    mean = baselines.mean_color(prepared.ab)
    best = np.square(true - mean).mean()
    for step in ([0.5, 0], [-0.5, 0], [0, 0.5], [0, -0.5]):
        assert np.square(true - mean - step).mean() > best


def test_the_mean_depends_on_the_training_photos_alone(prepared):
    before = baselines.baselines(prepared, prepared.indices("test"))["mean"][0]
    prepared.ab[prepared.indices("test")] = 0
    np.testing.assert_array_equal(
        before, baselines.baselines(prepared, prepared.indices("test"))["mean"][0]
    )


def test_copies_are_photos_of_another_place_and_the_same_every_time(prepared):
    train = prepared.indices("train")
    stored = {color.load_ab(prepared.ab[i]).tobytes(): prepared.photos.place[i] for i in train}
    first, second = (baselines.baselines(prepared, train) for _ in range(2))
    for name in ("random_copy", "nearest_copy"):
        for i, copy in zip(train, first[name][0]):
            assert stored[copy.tobytes()] != prepared.photos.place[i]
        np.testing.assert_array_equal(first[name][0], second[name][0])


def test_random_copies_use_all_that_is_allowed_about_equally(prepared):
    allowed = np.ones((800, 4), bool)
    allowed[:, 2] = False
    ab = np.broadcast_to(np.arange(4, dtype=np.uint8)[:, None, None, None], (4, 1, 1, 2))
    which = baselines.random_copy(ab, allowed)[:, 0, 0, 0] + 128
    counts = np.bincount(which.astype(int), minlength=4)
    assert counts[2] == 0
    assert (np.abs(counts[[0, 1, 3]] - 800 / 3) < 60).all()


def test_the_nearest_copy_of_a_darkened_photo_is_that_photo(prepared):
    darker = (prepared.lightness * 0.7).astype(np.uint8)
    allowed = np.ones((2 * PLACES, 2 * PLACES), bool)
    found = baselines.nearest_copy(darker, prepared.lightness, prepared.ab, allowed)
    np.testing.assert_array_equal(found, color.load_ab(prepared.ab))


def test_the_nearest_copy_is_the_best_correlated_one_that_is_allowed(prepared):
    allowed = ~np.eye(2 * PLACES, dtype=bool)
    found = baselines.nearest_copy(prepared.lightness, prepared.lightness, prepared.ab, allowed)
    cells = prepared.lightness.reshape(2 * PLACES, 22, 4, 28, 4).mean(axis=(2, 4))
    for i, copy in enumerate(found):
        scores = [
            -2 if i == j else np.corrcoef(cells[i].ravel(), cells[j].ravel())[0, 1]
            for j in range(2 * PLACES)
        ]
        np.testing.assert_array_equal(copy, color.load_ab(prepared.ab[np.argmax(scores)]))


def test_without_another_place_there_is_nothing_to_copy(prepared):
    prepared.photos["place"] = "one"
    with pytest.raises(ValueError, match="another place"):
        baselines.baselines(prepared, prepared.indices("test"))


def test_the_matching_gain_gives_the_chroma_of_the_truth(prepared):
    dull = color.load_ab(prepared.ab) * np.float32(0.3)
    assert baselines.matching_gain(dull, prepared.ab) == pytest.approx(1 / 0.3, rel=1e-5)


def test_stretching_makes_the_largest_value_50_and_keeps_every_hue():
    ab = np.random.default_rng(0).normal(0, 3, (5, 6, 7, 2)).astype(np.float32)
    shown = baselines.stretch(ab)
    np.testing.assert_allclose(np.abs(shown).max(axis=(1, 2, 3)), 50, rtol=1e-5)
    hue = np.arctan2(ab[..., 1], ab[..., 0])
    np.testing.assert_allclose(np.arctan2(shown[..., 1], shown[..., 0]), hue, atol=1e-5)
    assert not baselines.stretch(np.zeros_like(ab)).any()
