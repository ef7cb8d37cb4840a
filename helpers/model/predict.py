"""Colors from any of the networks: the one way from stored lightness to ab."""

import numpy as np
import torch
from torch import nn

from .. import color
from . import heads
from .street_unet import OperatingPoint, StreetUnet

BATCH = 16  # photos in one pass


def usable_device(name: str | torch.device | None = None) -> torch.device:
    """The device of that name, or the best there is. ValueError if it is not there."""
    if name in (None, "auto"):
        return torch.device(_devices()[-1])
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        names = " or ".join(_devices())
        raise ValueError(f"no device {str(name)!r} here: take {names}") from error
    return device


def _devices() -> list[str]:
    """The kinds of devices that are here, the best last."""
    mps, cuda = torch.backends.mps.is_available(), torch.cuda.is_available()
    return ["cpu", *["mps"] * mps, *["cuda"] * cuda]


@torch.inference_mode()
def predict(
    model: nn.Module, lightness: np.ndarray, point: OperatingPoint | None = None
) -> np.ndarray:
    """Colors of lightness (uint8, N x H x W, 2.55 L): ab in ab units, float32, N x H x W x 2.

    `model` is any network of this folder; it is put in evaluation mode. `point` is for
    `StreetUnet` and its regression heads; None is the mean color.
    """
    model = model.eval().to(memory_format=torch.channels_last)
    device = next(model.parameters()).device
    ab = np.empty((*lightness.shape, 2), np.float32)
    for start in range(0, len(lightness), BATCH):
        part = torch.as_tensor(np.asarray(lightness[start : start + BATCH])).to(device)
        x = part[:, None].float()
        if isinstance(model, StreetUnet):
            found = heads.colors(model, x / 255, point)
        else:
            found = color.unit_to_ab(model(x))
        ab[start : start + BATCH] = found.permute(0, 2, 3, 1).cpu().numpy()
    return ab
