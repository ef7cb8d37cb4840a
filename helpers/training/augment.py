"""How do few photos become many?

Training photos of `street_unet` in memory, and the changes under which a street stays a street:
mirrored, cropped, lit otherwise. Random numbers come from PyTorch's global generator.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..model.street_unet import halve
from ..preprocessing import PreparedSet


@dataclass(frozen=True)
class Photos:
    """Training photos: lightness N x H x W and ab N x H x W x 2, stored as 8 bits, and hashes."""

    lightness: Tensor
    ab: Tensor
    hashes: tuple[str, ...] = ()

    @classmethod
    def of(cls, prepared: PreparedSet, rows: np.ndarray) -> "Photos":
        """Some photos of a prepared set, copied into memory."""
        lightness = torch.from_numpy(np.array(prepared.lightness[rows]))
        ab = torch.from_numpy(np.array(prepared.ab[rows]))
        return cls(lightness, ab, tuple(prepared.photos.sha256.iloc[rows]))

    def pick(self, count: int) -> tuple[Tensor, Tensor]:
        """Random lightness (count x 1 x H x W, 0..1) and ab (count x 2 x h x w), half size."""
        chosen = torch.randint(len(self.lightness), (count,))
        return self.lightness[chosen][:, None].float() / 255, halve(self.ab[chosen])


CHANGES = ("all", "mirror", "none")


def vary(lightness: Tensor, ab: Tensor, changes: str = "all") -> tuple[Tensor, Tensor]:
    """The same photos mirrored, cropped (to about 0.6 or more a side) and lit otherwise.

    Lightness (B x 1 x H x W) gets another gamma, contrast, offset and grain; ab (B x 2 x h x w)
    moves with the crop and keeps its values. Three photos in ten lose a tenth of one side at most.
    `changes` "mirror" leaves it at mirroring every other photo, "none" gives back what was given.
    """
    if changes not in CHANGES:
        raise ValueError(f"no changes {changes!r}: take one of {', '.join(CHANGES)}")
    count = len(lightness)
    if changes == "none":
        return lightness, ab
    if changes == "mirror":
        turned = (torch.rand(count) < 0.5)[:, None, None, None]
        return tuple(torch.where(turned, x.flip(-1), x) for x in (lightness, ab))

    def spread(*shape: int) -> Tensor:
        return 2 * torch.rand(count, *shape) - 1

    side = torch.where(torch.rand(count) < 0.3, 1.0, 0.6 + 0.4 * torch.rand(count))
    aspect = torch.exp(0.1 * spread())
    across, down = (side * aspect).clamp(max=1), (side / aspect).clamp(max=1)
    crop = torch.zeros(count, 2, 3)
    crop[:, 0, 0] = across * torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    crop[:, 1, 1] = down
    crop[:, 0, 2], crop[:, 1, 2] = (1 - across) * spread(), (1 - down) * spread()

    def cut(x: Tensor) -> Tensor:
        grid = F.affine_grid(crop, [count, 1, *x.shape[2:]], align_corners=False)
        return F.grid_sample(x, grid, padding_mode="border", align_corners=False)

    x = cut(lightness).clamp(0, 1) ** torch.exp(0.35 * spread(1, 1, 1))
    x = (x - 0.5) * torch.exp(0.2 * spread(1, 1, 1)) + 0.5 + 0.06 * spread(1, 1, 1)
    grain = 0.02 * torch.rand(count, 1, 1, 1) * torch.randn_like(x)
    return (x + grain).clamp(0, 1), cut(ab)


def join(groups: list[Photos]) -> Photos | None:
    """Several groups of photos as one; None for none."""
    if not groups:
        return None
    hashes = sum((photos.hashes for photos in groups), ())
    return Photos(
        *(torch.cat([getattr(g, n) for g in groups]) for n in ("lightness", "ab")), hashes
    )
