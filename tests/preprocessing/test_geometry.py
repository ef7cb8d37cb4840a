"""What is cropped, and that no control is left."""

import numpy as np
import pytest

from helpers.photos import controls
from helpers.preprocessing import geometry


def test_the_clear_part_is_clear_and_cannot_grow():
    left, top, right, bottom = clear = 92, 4, 1256, 1005
    assert geometry.control_pixels(clear) == 0
    assert geometry.control_pixels((left - 2, top, right, bottom)) > 0
    assert geometry.control_pixels((left, top, right + 1, bottom)) > 0
    assert geometry.control_pixels((left, top, right, bottom + 1)) > 0
    assert geometry.control_pixels((left, top - 1, right, bottom)) > 0


@pytest.mark.parametrize("photo", controls.SIZES)
def test_factor_10_clears_the_controls_on_a_grid_of_ten(photo):
    box = geometry.crop_box(photo)
    assert geometry.control_pixels(box) == 0
    assert (box[2] - box[0], box[3] - box[1]) == (1120, 880)
    assert all(edge % 10 == 0 for edge in box)


def test_factor_11_keeps_controls_wherever_it_is_placed():
    fewest, box = geometry.least_covered(11)
    mask = controls.mask()
    everywhere = [
        mask[top : top + 968, left : left + 1232].sum()
        for top in range(1025 - 968 + 1)
        for left in range(1281 - 1232 + 1)
    ]
    assert fewest == min(everywhere) == geometry.control_pixels(box) > 0
    assert geometry.crop_box((1281, 1025), factor=11) == box


def test_factor_10_could_be_placed_clear():
    assert geometry.least_covered(10)[0] == 0


def test_the_mask_counts_every_control_and_the_black_edge_once():
    mask = controls.mask()
    assert mask.shape == (1025, 1281)
    loop = np.zeros_like(mask)
    loop[1024:], loop[:, 1280:] = True, True
    for left, top, right, bottom in controls.CONTROLS.values():
        for y in range(top, bottom):
            loop[y, left:right] = True
    assert np.array_equal(mask, loop)


def test_a_thumbnail_is_cut_in_its_middle():
    assert geometry.crop_box((114, 88)) == (1, 0, 113, 88)
    assert geometry.crop_box((112, 88)) == (0, 0, 112, 88)


@pytest.mark.parametrize("photo", [(256, 256), (640, 640), (4000, 3000), (3000, 4000), (113, 900)])
def test_another_photo_is_cut_to_14_to_11_about_its_center(photo):
    left, top, right, bottom = geometry.crop_box(photo)
    assert (right - left) / (bottom - top) == pytest.approx(14 / 11)
    assert (left + right, top + bottom) == pytest.approx(photo)
    assert left == pytest.approx(0) or top == pytest.approx(0)


@pytest.mark.parametrize("photo", [(1, 1), (111, 88), (112, 87), (4000, 20)])
def test_a_small_photo_is_not_enlarged(photo):
    with pytest.raises(ValueError, match="smaller than 112 x 88"):
        geometry.crop_box(photo)


def test_another_size_takes_the_same_part_of_a_street_view_photo():
    assert geometry.crop_box((1281, 1025), size=(224, 176)) == geometry.CLEAR_CROP


def test_another_factor_is_refused():
    with pytest.raises(ValueError, match="factor 12"):
        geometry.crop_box((1281, 1025), factor=12)
