"""Lab and its 8-bit storage, against scikit-image and closed forms."""

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

from helpers import color

RGB = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def test_white_black_and_gray_have_the_lightness_and_no_chroma_of_cielab():
    rgb = np.array([[255] * 3, [0] * 3, [119] * 3], dtype=np.uint8)
    lightness, ab = color.split_lab(rgb)
    assert np.allclose(lightness, [100, 0, 50.03], atol=0.01)
    assert np.abs(ab).max() < 0.01


def test_splitting_and_joining_give_back_every_color_of_the_gamut():
    assert np.array_equal(color.join_lab(*color.split_lab(RGB)), RGB)


def test_colors_beyond_the_gamut_are_clipped_and_not_wrapped():
    rgb = color.join_lab(np.array([[50.0, 99.0]]), np.array([[[120.0, 120.0], [-120.0, -120.0]]]))
    assert rgb[0, 0, 0] == 255 and rgb[0, 0, 2] == 0


def test_eight_bits_cost_less_than_one_unit_of_ciede2000():
    lightness, ab = color.split_lab(RGB)
    stored = np.concatenate(
        [
            color.load_lightness(color.store_lightness(lightness))[..., None],
            color.load_ab(color.store_ab(ab)),
        ],
        axis=-1,
    )
    cost = deltaE_ciede2000(rgb2lab(RGB), stored)
    assert cost.mean() < 0.5 and cost.max() < 1


def test_neutral_survives_storage_exactly():
    assert np.array_equal(color.load_ab(color.store_ab(np.zeros((4, 2)))), np.zeros((4, 2)))


def test_the_reports_scale_puts_gray_at_128_of_255():
    assert np.allclose(color.unit_to_ab(np.array([128 / 255, 0, 1])), [0, -128, 127])


def test_chroma_is_the_distance_from_gray():
    assert color.chroma(np.array([[3.0, -4.0]])) == 5
