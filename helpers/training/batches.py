"""How do photos of 8 bits become the batches of a network, and in which order?"""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from . import checkpoint


@dataclass(frozen=True)
class Photos:
    """Prepared photos: lightness uint8 N x H x W (2.55 L), ab uint8 N x H x W x 2 (ab + 128).

    Arrays may be mapped from disk, or be tensors on a device; `rows` chooses among them (None:
    all).
    """

    lightness: np.ndarray | Tensor
    ab: np.ndarray | Tensor
    rows: np.ndarray | None = None

    @classmethod
    def of(cls, prepared, part: str) -> "Photos":
        """The "train", "validation" or "test" photos of a preprocessing.PreparedSet."""
        return cls(prepared.lightness, prepared.ab, prepared.indices(part))

    def __len__(self) -> int:
        return len(self.lightness) if self.rows is None else len(self.rows)

    def batch(self, positions: np.ndarray) -> tuple[Tensor, Tensor]:
        """Network input (n x 1 x H x W, 0..255) and target (n x 2 x H x W, report's scale)."""
        rows = positions if self.rows is None else self.rows[positions]
        if isinstance(self.lightness, Tensor):
            rows = torch.from_numpy(rows).to(self.lightness.device, non_blocking=True)
        return as_input(self.lightness[rows]), as_target(self.ab[rows])

    def on(self, device: str | torch.device) -> "Photos":
        """The same photos, all of them, in the memory of a device, where batches are then made."""
        rows = slice(None) if self.rows is None else self.rows
        return Photos(*(torch.tensor(x[rows], device=device) for x in (self.lightness, self.ab)))

    def fingerprint(self) -> str:
        """A hash of the photos in their order."""
        rows = np.arange(len(self)) if self.rows is None else self.rows
        return checkpoint.fingerprint(self.lightness, self.ab, rows=rows)


def as_input(lightness: np.ndarray | Tensor) -> Tensor:
    """Lightness (uint8, n x H x W, 2.55 L) as the networks take it: float32, n x 1 x H x W."""
    return torch.as_tensor(lightness)[:, None].float()


def as_target(ab: np.ndarray | Tensor) -> Tensor:
    """ab (uint8, n x H x W x 2, ab + 128) as the networks give it: float32, n x 2 x H x W, 0..1.

    Its memory stays as it lies, which PyTorch calls channels_last.
    """
    return torch.as_tensor(ab).permute(0, 3, 1, 2).float().div_(255)


def order(number: int, size: int, photos: int, seed: int) -> np.ndarray:
    """Positions of the photos in batch `number` (from 0): shuffled pass follows shuffled pass.

    Every photo comes once a pass; a batch that ends one pass begins the next. Told from the seed
    alone, whatever came before, so that nothing about it needs keeping.
    """
    steps = np.arange(number * size, (number + 1) * size)
    turns = np.unique(steps // photos)
    passes = {turn: _shuffled(int(turn), photos, seed) for turn in turns}
    return np.array([passes[step // photos][step % photos] for step in steps])


@functools.lru_cache(maxsize=2)
def _shuffled(turn: int, photos: int, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, turn]).permutation(photos)
