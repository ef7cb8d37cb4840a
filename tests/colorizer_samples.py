"""A tiny network whose colors are known to be vivid, saved as the shipped weights are."""

from pathlib import Path

import numpy as np
import torch

from helpers.model import street_unet
from helpers.model.street_unet import OperatingPoint, StreetUnet

CENTERS = torch.tensor([[0.0, 0.0], [40.0, 10.0], [-30.0, 40.0], [10.0, -50.0]])
PRIOR = torch.tensor([0.4, 0.2, 0.2, 0.2])


def save_weights(path: Path) -> Path:
    """Weights of an untrained network; its posterior follows the lightness all the same."""
    torch.manual_seed(0)
    model = StreetUnet(CENTERS, PRIOR, widths=(8, 8, 8, 8)).eval()
    with torch.no_grad():
        model.head.weight.mul_(4)
    points = {
        "street_unet": OperatingPoint(0.4, 1.0, 1.2),
        "street_unet_accurate": OperatingPoint(1.0, 0.0, 1.0),
    }
    street_unet.save(path, model, {}, points)
    return path


def scene(height: int = 90, width: int = 120, seed: int = 0) -> np.ndarray:
    """A gray picture (8 bits) from black to white, with edges and grain."""
    random = np.random.default_rng(seed)
    blocks = np.kron(random.integers(0, 256, (6, 8)), np.ones((height // 6, width // 8)))
    return (blocks + random.normal(0, 6, blocks.shape)).clip(0, 255).astype(np.uint8)
