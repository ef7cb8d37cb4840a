"""How far a network looks, for networks whose reach is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from study_samples import prepared
from torch import nn

from helpers.explorations import reach
from helpers.model import ColorizeCNN, ReachCNN, layer_table

PLACES = pd.Series(np.arange(12) // 2, name="place")


def photos(size=(24, 28)):
    """Photos of random pixels, so that none is like another."""
    return np.random.default_rng(0).integers(0, 256, (len(PLACES), *size), dtype=np.uint8)


def convolution(kernel):
    """A linear network of one convolution, with these weights in both channels."""
    width = len(kernel)
    net = nn.Conv2d(1, 2, width, padding=width // 2, bias=False)
    with torch.no_grad():
        net.weight[:] = torch.as_tensor(kernel, dtype=torch.float32) / 255
    return net


def test_one_3_x_3_convolution_changes_nothing_beyond_radius_1():
    found = reach.changes(convolution(np.ones((3, 3))), photos(), radii=(0, 1, 2))
    assert (found[0] > 0).all() and (found[reach.ALL] > 0).all()
    assert (found[[1, 2]] == 0).all(axis=None)


def test_a_stack_of_three_reaches_three_pixels():
    torch.manual_seed(0)
    found = reach.changes(ReachCNN(3, 3, 4), photos(), radii=(2, 3))
    assert (found[2] > 0).any() and (found[3] == 0).all()


def test_the_report_s_network_changes_nothing_beyond_its_receptive_field():
    torch.manual_seed(0)
    net = ColorizeCNN()
    field = int(layer_table(net).receptive_field.iloc[-1])
    found = reach.changes(net, photos((64, 64)), radii=(field // 4, field))
    assert (found[field // 4] > 0).any() and (found[field] == 0).all()


def test_a_network_that_never_changes_has_a_curve_of_zeros():
    squares = reach.changes(convolution(np.zeros((3, 3))), photos())
    curve = reach.curve(squares, PLACES)
    assert (curve == 0).all(axis=None)
    assert list(curve.index) == list(reach.RADII) and curve.index.dtype == int


def test_the_curve_is_1_within_the_only_pixel_that_counts_and_0_from_there_on():
    kernel = np.zeros((5, 5))
    kernel[2, 4] = 1  # two pixels to the right
    curve = reach.curve(reach.changes(convolution(kernel), photos(), (0, 1, 2)), PLACES)
    assert curve.value.tolist() == pytest.approx([1, 1, 0])
    assert curve.loc[1, ["low", "high"]].tolist() == pytest.approx([1, 1])


def test_the_curve_is_a_root_of_mean_squares():
    squares = pd.DataFrame({1: [1.0, 3.0] * 6, reach.ALL: [4.0, 12.0] * 6})
    assert reach.curve(squares, PLACES).value[1] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("values", "radius"),
    [([0.9, 0.05, 0.2, 0.01], 8), ([0.05, 0.04, 0, 0], 1), ([0.9, 0.8, 0.7, 0.6], None)],
)
def test_within_a_radius_means_from_there_on(values, radius):
    curve = pd.DataFrame({"value": values}, index=[1, 2, 4, 8])
    assert reach.within(curve, 0.1) == radius


def test_every_network_has_a_curve_over_the_test_photos_alone():
    data = prepared(train=8, test=2 * reach.MOST, size=(20, 20))
    local, wide = convolution(np.ones((1, 1))), convolution(np.ones((3, 3)))
    found = reach.curves({"local": local, "wide": wide}, data)
    assert (found["local"].value == 0).all()
    assert found["wide"].value[0] > 0.1 and found["wide"].value[1] == 0
    changed = replace(data, lightness=np.concatenate([data.lightness[-8:], data.lightness[8:]]))
    again = reach.curves({"wide": wide}, changed)
    pd.testing.assert_frame_equal(again["wide"], found["wide"])
