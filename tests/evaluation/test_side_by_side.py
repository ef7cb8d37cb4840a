"""Photos are looked at with more of their own pixels, and colors stay where they were."""

import numpy as np
import pytest
from photo_samples import street

from helpers import color, preprocessing
from helpers.evaluation import side_by_side


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    monkeypatch.setattr("helpers.paths.PREPARED", tmp_path / "prepared")
    photos = street(tmp_path / "photos", places=12, views=2, size=(340, 264))
    return preprocessing.prepare(photos, workers=1)


def as_prepared(prepared, rows):
    lightness = color.load_lightness(prepared.lightness[rows])
    return color.join_lab(lightness, color.load_ab(prepared.ab[rows])).astype(float)


def blocks(pictures, times):
    """Means over blocks of times x times pixels."""
    count, height, width = pictures.shape[:3]
    shape = count, height // times, times, width // times, times, -1
    return pictures.reshape(shape).mean(axis=(2, 4))


@pytest.mark.parametrize(("times", "size"), [(3, (264, 336)), (2, (176, 224)), (9, (264, 336))])
def test_photos_have_the_crop_of_the_prepared_ones_and_as_many_pixels_as_they_can(
    prepared, times, size
):
    rows = np.array([3, 17])
    found = side_by_side.photos(prepared, rows, times)
    assert found.shape == (2, *size, 3) and found.dtype == np.uint8
    apart = blocks(found.astype(float), size[0] // 88) - as_prepared(prepared, rows)
    assert np.abs(apart).mean() < 1.5


def test_a_photo_that_is_gone_is_shown_as_it_was_prepared(prepared):
    rows = np.array([3, 17])
    prepared.path(17).unlink()
    assert np.array_equal(side_by_side.photos(prepared, rows), as_prepared(prepared, rows))


def test_enlarged_colors_end_where_the_lightness_does():
    left = np.arange(336) < 151  # in the middle of a pixel of ab
    lightness = np.broadcast_to(np.where(left, 80.0, 20.0), (2, 264, 336))
    true = np.where(left, 30.0, -20.0)
    ab = np.broadcast_to(true.reshape(112, 3).mean(axis=1)[:, None], (2, 88, 112, 2))
    found = side_by_side.enlarged(ab, lightness)
    assert found.shape == (2, 264, 336, 2)
    assert np.abs(found - true[:, None]).max() < 0.5


def test_colors_of_the_same_size_are_unchanged():
    ab = np.random.default_rng(0).normal(0, 20, (2, 88, 112, 2)).astype(np.float32)
    assert np.array_equal(side_by_side.enlarged(ab, np.full((2, 88, 112), 50.0)), ab)
