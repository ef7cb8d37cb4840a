"""New colors, old lightness; scikit-image is the judge."""

import numpy as np
import pytest
import torch
from skimage.color import colorconv, lab2rgb, rgb2lab, xyz_tristimulus_values

from helpers.colorize import recolor

pytestmark = pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB")


@pytest.fixture
def rgb():
    return np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


def planes(lab):
    return [torch.from_numpy(np.ascontiguousarray(lab[..., i])).float() for i in (1, 2)]


def joined(luminance, a, b, eight_bits=False):
    channels = recolor.with_ab(luminance, a, b)
    return torch.stack([recolor.encoded(c, eight_bits) for c in channels], dim=-1).numpy()


@pytest.mark.parametrize("scale", [1, 255.0])
def test_lightness_is_that_of_scikit_image(rgb, scale):
    picture = rgb if scale == 1 else rgb / scale
    luminance = recolor.luminance(recolor.as_tensor(picture, torch.device("cpu")))
    assert np.abs(recolor.lightness(luminance).numpy() - rgb2lab(rgb)[..., 0]).max() < 1e-3


def test_a_picture_with_its_own_ab_is_itself(rgb):
    luminance = recolor.luminance(torch.from_numpy(rgb))
    assert np.array_equal(joined(luminance, *planes(rgb2lab(rgb)), eight_bits=True), rgb)


def test_colors_of_the_gamut_agree_with_scikit_image():
    lab = np.stack(np.meshgrid([30, 50, 70], [-10, 0, 15], [-12, 0, 9]), axis=-1).astype(float)
    ours = joined(torch.tensor(((lab[..., 0] + 16) / 116) ** 3).float(), *planes(lab))
    assert np.abs(ours - lab2rgb(lab)).max() < 1e-4


def test_a_color_beyond_the_gamut_loses_chroma_and_keeps_lightness(rgb):
    wild = torch.from_numpy(np.random.default_rng(1).normal(0, 60, (2, 60, 80))).float()
    luminance = recolor.luminance(torch.from_numpy(rgb))
    colored = joined(luminance, *wild)
    assert colored.min() >= 0 and colored.max() <= 1
    lightness = rgb2lab(rgb)[..., 0]
    assert np.abs(rgb2lab(colored)[..., 0] - lightness).max() < 1e-3
    clipped = lab2rgb(np.stack([lightness, *wild.numpy()], axis=-1))
    assert np.abs(rgb2lab(clipped)[..., 0] - lightness).max() > 10  # what clipping would cost


def test_it_loses_no_more_chroma_than_the_gamut_asks_for(rgb):
    wild = torch.from_numpy(np.random.default_rng(1).normal(0, 60, (2, 60, 80))).float()
    luminance = recolor.luminance(torch.from_numpy(rgb))
    channels = torch.stack(recolor.with_ab(luminance, *wild))
    asked = lab2rgb(np.stack([rgb2lab(rgb)[..., 0], *wild.numpy()], axis=-1))
    out_of_gamut = ((asked <= 0) | (asked >= 1)).any(axis=-1)
    touches = ((channels < 1e-6) | (channels > 1 - 1e-6)).any(dim=0).numpy()
    assert touches[out_of_gamut].mean() > 0.99


def test_black_and_white_stay_what_they_are():
    for value in (0.0, 1.0):
        colored = joined(torch.full((1, 1), value), torch.tensor([[50.0]]), torch.tensor([[-70.0]]))
        assert np.allclose(colored, value, atol=1e-6)


def test_eight_bits_from_the_table_are_the_rounded_formula():
    linear = torch.linspace(0, 1, 300_001)
    table, formula = (recolor.encoded(linear, bits) for bits in (True, False))
    off = (table.float() - formula * 255).abs()
    assert off.max() < 0.53


def test_the_matrix_and_the_white_are_those_of_scikit_image():
    assert np.array_equal(recolor.XYZ_FROM_RGB, colorconv.xyz_from_rgb)
    white = xyz_tristimulus_values(illuminant="D65", observer="2")
    assert np.array_equal([recolor.WHITE_X, 1, recolor.WHITE_Z], white)
