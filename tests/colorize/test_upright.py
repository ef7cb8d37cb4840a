"""Photos that are not upright are named, by what the network has seen of upright ones."""

import numpy as np
import pytest
import torch

from helpers.colorize import Colorizer, upright
from helpers.model.street_unet import OperatingPoint

UPRIGHT = np.tile(np.linspace(1, 0, 128)[:, None] ** 2, (1, 128))  # bright above


class KnowsUpright(torch.nn.Module):
    """A network that is certain of its colors where the picture is what it saw first."""

    def __init__(self):
        super().__init__()
        self.centers = torch.tensor([[20.0, 0], [-20, 0], [0, 20], [0, -20]])
        self.prior = torch.full((4,), 0.25)
        self.known = {}

    def forward(self, lightness):
        half = torch.nn.functional.avg_pool2d(lightness, 2, ceil_mode=True)[:, 0]
        known = self.known.setdefault(half.shape, half.clone())
        likely = torch.where((half - known).abs() < 0.1, 0.97, 0.25)
        return torch.stack([likely, *[(1 - likely) / 3] * 3], 1).log()


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (UPRIGHT, None),
        (np.rot90(UPRIGHT), "on its side"),
        (np.rot90(UPRIGHT, 3), "on its side"),
        (np.rot90(UPRIGHT, 2), "upside down"),
        (1 - UPRIGHT, "a negative"),
    ],
)
def test_a_photo_is_named_by_the_version_of_which_the_network_is_more_certain(picture, said):
    colorizer = Colorizer(KnowsUpright(), OperatingPoint(), "cpu")
    colorizer.see(np.uint8(255 * UPRIGHT))
    assert upright.doubt(colorizer, np.uint8(255 * picture)) == said
