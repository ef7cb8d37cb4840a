"""Batches: stored photos, the order in which they come, and augmentation."""

import functools
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..preprocessing import PreparedSet


@dataclass(frozen=True)
class Photos:
    """Stored photos: lightness uint8 N x H x W (2.55 L), ab uint8 N x H x W x 2 (ab + 128).

    Arrays may be mapped from disk, or be tensors on a device. `rows` chooses among them; None
    takes all. `hashes` are the SHA-256 of the chosen photos' files, where they are known.
    """

    lightness: np.ndarray | Tensor
    ab: np.ndarray | Tensor
    rows: np.ndarray | None = None
    hashes: tuple[str, ...] = ()

    @classmethod
    def of(cls, prepared: PreparedSet, part: str | np.ndarray) -> "Photos":
        """Photos of a prepared set: a split such as "train", or row numbers."""
        rows = prepared.indices(part) if isinstance(part, str) else part
        hashes = tuple(prepared.photos.sha256.iloc[rows])
        return cls(prepared.lightness, prepared.ab, np.asarray(rows), hashes)

    def __len__(self) -> int:
        return len(self.lightness) if self.rows is None else len(self.rows)

    def take(self, positions: np.ndarray | slice) -> tuple[Tensor, Tensor]:
        """Stored lightness (n x H x W) and ab (n x H x W x 2) of the photos at `positions`."""
        rows = positions if self.rows is None else self.rows[positions]
        if isinstance(self.lightness, Tensor) and isinstance(rows, np.ndarray):
            rows = torch.from_numpy(rows).to(self.lightness.device)
        return torch.as_tensor(self.lightness[rows]), torch.as_tensor(self.ab[rows])

    def on(self, device: str | torch.device) -> "Photos":
        """The same photos in the memory of a device."""
        lightness, ab = self.take(slice(None))
        return Photos(lightness.to(device), ab.to(device), hashes=self.hashes)


def join(groups: list[Photos]) -> Photos | None:
    """Several groups of photos as one, copied into memory; None for none."""
    if not groups:
        return None
    parts = zip(*(photos.take(slice(None)) for photos in groups))
    hashes = sum((photos.hashes for photos in groups), ())
    return Photos(*(torch.cat(part) for part in parts), hashes=hashes)


def order(number: int, size: int, photos: int, seed: int) -> np.ndarray:
    """Positions of the photos in batch `number` (from 0) of shuffled passes.

    Every photo comes once per pass; a batch that ends one pass begins the next. It depends on
    the arguments alone, so that a resumed training run needs no state for it.
    """
    steps = np.arange(number * size, (number + 1) * size)
    passes = {turn: _shuffled(int(turn), photos, seed) for turn in np.unique(steps // photos)}
    return np.array([passes[step // photos][step % photos] for step in steps])


@functools.lru_cache(maxsize=2)
def _shuffled(turn: int, photos: int, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, turn]).permutation(photos)


def draw(photos: Photos, extra: Photos | None, few: int, size: int) -> tuple[Tensor, Tensor]:
    """Random stored photos: `few` of the extra ones and the rest of `size` from `photos`."""
    few = few if extra else 0
    picked = [(photos, size - few), (extra, few)] if few else [(photos, size)]
    pairs = [p.take(torch.randint(len(p), (count,)).cpu().numpy()) for p, count in picked]
    return tuple(torch.cat(parts) for parts in zip(*pairs))


def vary(lightness: Tensor, ab: Tensor, changes: str) -> tuple[Tensor, Tensor]:
    """Augmentation: the same photos mirrored, cropped (to 0.6 or more a side) and relit.

    lightness: B x 1 x H x W, 0..255. ab: B x C x h x w in any unit; it moves with the crop and
    keeps its values. "none" returns what was given, "mirror" flips every other photo, "all" also
    crops and changes gamma, contrast, offset and grain. Random numbers are PyTorch's global ones.
    """
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

    x = cut(lightness / 255).clamp(0, 1) ** torch.exp(0.35 * spread(1, 1, 1))
    x = (x - 0.5) * torch.exp(0.2 * spread(1, 1, 1)) + 0.5 + 0.06 * spread(1, 1, 1)
    grain = 0.02 * torch.rand(count, 1, 1, 1) * torch.randn_like(x)
    return 255 * (x + grain).clamp(0, 1), cut(ab)
