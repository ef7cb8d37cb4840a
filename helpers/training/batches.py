"""Batches: stored photos, the order in which they come, and augmentation."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..preprocessing import PreparedSet

ROOM = 1.3  # how much larger than a batch its photos are before they are cropped


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


def order(number: int, size: int, photos: int, seed: int) -> np.ndarray:
    """Positions of the photos in batch `number` (from 0) of shuffled passes.

    Every photo comes once per pass; a batch that ends one pass begins the next. It depends on
    the arguments alone, so that a resumed training run needs no state for it.
    """
    steps = np.arange(number * size, (number + 1) * size)
    turns, places = np.divmod(steps, photos)
    return np.array([_shuffled(int(t), photos, seed)[place] for t, place in zip(turns, places)])


@functools.lru_cache(maxsize=2)
def _shuffled(turn: int, photos: int, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, turn]).permutation(photos)


def draw(sets: Sequence[Photos], counts: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
    """Random stored photos, with replacement: so many of each set."""
    picked = [(photos, count) for photos, count in zip(sets, counts) if count]
    # Drawn on the CPU, where the rows are needed: a GPU would have to be waited for.
    return [p.take(torch.randint(len(p), (n,), device="cpu").numpy()) for p, n in picked]


def cut_to_size(lightness: Tensor, target: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Photos (B x 1 x H x W) and target (B x C x h x w), cut and shrunk for batches of `size`.

    size: height and width of the batch. A random part as wide or as high as the photo, with the
    shape of `size`, is averaged down to at most ROOM times `size`, so that `vary` can still crop.
    Photos of that size come back as they are.
    """
    height, width = lightness.shape[-2:]
    if (height, width) == tuple(size):
        return lightness, target
    cell = min(height / size[0], width / size[1])
    part = cell * size[0] / height, cell * size[1] / width  # shares of height and width
    start = [float(torch.rand(1, device="cpu")) * (1 - share) for share in part]
    enlarged = min(ROOM, max(cell, 1))

    def cut(x: Tensor) -> Tensor:
        sides = x.shape[-2:]
        first = [round(s * n) for s, n in zip(start, sides)]
        last = [f + max(1, round(p * n)) for f, p, n in zip(first, part, sides)]
        shrink = [n / of for n, of in zip(sides, (height, width))]
        goal = [max(1, round(n * s * enlarged)) for n, s in zip(size, shrink)]
        x = x[..., first[0] : last[0], first[1] : last[1]]
        return F.interpolate(x, size=goal, mode="bilinear", antialias=True)

    return cut(lightness), cut(target)


def vary(
    lightness: Tensor, ab: Tensor, changes: str, size: tuple[int, int] | None = None
) -> tuple[Tensor, Tensor]:
    """Augmentation: the same photos mirrored, cropped (to 0.54 or more a side) and relit.

    lightness: B x 1 x H x W, 0..255. ab: B x C x h x w in any unit; it moves with the crop and
    keeps its values. "none" returns what was given, "mirror" flips each photo with probability
    0.5, "all" also crops and changes gamma, contrast, offset and grain. size: height and width of
    the lightness that is returned, where they differ; ab keeps its proportion. Random numbers are
    PyTorch's global ones.
    """
    count = len(lightness)
    size = size or tuple(lightness.shape[-2:])
    ratio = ab.shape[-1] / lightness.shape[-1]
    small = [math.ceil(round(ratio, 1) * side) for side in size]  # halves round up

    if changes != "all":
        if changes == "mirror":
            turned = (torch.rand(count) < 0.5)[:, None, None, None]
            lightness, ab = (torch.where(turned, x.flip(-1), x) for x in (lightness, ab))
        return _resized(lightness, size), _resized(ab, small)

    def spread(*shape: int) -> Tensor:
        return 2 * torch.rand(count, *shape) - 1

    side = torch.where(torch.rand(count) < 0.3, 1.0, 0.6 + 0.4 * torch.rand(count))
    aspect = torch.exp(0.1 * spread())
    across, down = (side * aspect).clamp(max=1), (side / aspect).clamp(max=1)
    crop = torch.zeros(count, 2, 3)
    crop[:, 0, 0] = across * torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    crop[:, 1, 1] = down
    crop[:, 0, 2], crop[:, 1, 2] = (1 - across) * spread(), (1 - down) * spread()

    def cut(x: Tensor, size: Sequence[int]) -> Tensor:
        grid = F.affine_grid(crop, [count, 1, *size], align_corners=False)
        return F.grid_sample(x, grid, padding_mode="border", align_corners=False)

    x = cut(lightness / 255, size).clamp(0, 1) ** torch.exp(0.35 * spread(1, 1, 1))
    x = (x - 0.5) * torch.exp(0.2 * spread(1, 1, 1)) + 0.5 + 0.06 * spread(1, 1, 1)
    grain = 0.02 * torch.rand(count, 1, 1, 1) * torch.randn_like(x)
    return 255 * (x + grain).clamp(0, 1), cut(ab, small)


def _resized(x: Tensor, size: Sequence[int]) -> Tensor:
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    return F.interpolate(x, size=tuple(size), mode="bilinear", antialias=True)
