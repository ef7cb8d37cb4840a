"""One `predict` for every network: each photo gets the colors of its own forward pass."""

import numpy as np
import pytest
import torch

from helpers.model import ColorizeCNN, OperatingPoint, StreetUnet, heads
from helpers.model.predict import predict, usable_device

PHOTOS = 37  # not a whole number of batches


@pytest.fixture(scope="module")
def lightness():
    return np.random.default_rng(0).integers(0, 256, (PHOTOS, 16, 24), dtype=np.uint8)


def test_colors_of_the_reports_network_are_its_output_in_ab_units(lightness):
    torch.manual_seed(0)
    net = ColorizeCNN()
    found = predict(net, lightness)
    assert found.shape == (PHOTOS, 16, 24, 2)
    assert found.dtype == np.float32
    for i in (0, 15, 16, PHOTOS - 1):
        with torch.no_grad():
            unit = net(torch.from_numpy(lightness[i])[None, None].float())[0]
        expected = 255 * unit.permute(1, 2, 0).numpy() - 128
        np.testing.assert_allclose(found[i], expected, atol=1e-3)


@pytest.mark.parametrize("point", [None, OperatingPoint(0.5, 0.7, 1.3)])
def test_colors_of_street_unet_are_those_at_the_operating_point(lightness, point):
    torch.manual_seed(0)
    centers = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 20.0], [-10.0, -30.0]])
    model = StreetUnet(centers, torch.tensor([0.7, 0.1, 0.1, 0.1]), (8, 8, 8, 8))
    found = predict(model, lightness, point)
    assert not model.training
    for i in (0, 16, PHOTOS - 1):
        light = torch.from_numpy(lightness[i])[None, None] / 255
        expected = heads.colors(model, light, point)[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(found[i], expected, atol=1e-3)


def test_no_photos_give_no_colors():
    assert predict(ColorizeCNN(), np.empty((0, 16, 24), np.uint8)).shape == (0, 16, 24, 2)


@pytest.mark.parametrize("name", ["abacus", "cuda:99", "meta:x"])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(ValueError, match=f"no device '{name}'"):
        usable_device(name)


def test_the_cpu_is_always_there():
    assert usable_device("cpu") == torch.device("cpu")
    assert usable_device().type in ("cpu", "cuda", "mps")
