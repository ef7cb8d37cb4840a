"""Small photos with something to learn, for the tests of training."""

import numpy as np
import torch

from helpers.training import Photos


def stored(count: int, seed: int = 0, height: int = 8, width: int = 12) -> Photos:
    """Random lightness whose color follows from it."""
    lightness = np.random.default_rng(seed).integers(0, 256, (count, height, width))
    lightness = lightness.astype(np.uint8)
    return Photos(lightness, np.stack([lightness // 2, 200 - lightness // 2], axis=-1))


def scenes(count: int = 12, seed: int = 0, hashes: tuple[str, ...] = ()) -> Photos:
    """Photos whose upper half is light and blue and whose lower half is dark and yellow."""
    torch.manual_seed(seed)
    lightness = torch.randint(30, 90, (count, 32, 32), dtype=torch.uint8)
    lightness[:, :16] += 130
    ab = torch.full((count, 32, 32, 2), 128, dtype=torch.uint8)
    ab[:, :16, :, 1] -= 30
    ab[:, 16:, :, 1] += 20
    return Photos(lightness.numpy(), ab.numpy(), hashes=hashes)


def weights(fitted) -> torch.Tensor:
    """All numbers of a fitted network, in one row."""
    return torch.cat([value.flatten().float() for value in fitted.model.state_dict().values()])
