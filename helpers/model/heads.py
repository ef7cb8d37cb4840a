"""Heads of `street_unet`: what its last layer predicts.

"bins", a distribution over ab bins, is what ships. "l2" and "l1" predict ab itself and are kept
for comparison. Shapes: B photos of H x W, chroma at half size h x w, Q bins; ab in ab units.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from . import bins
from .efficientnet import pretrained as of_imagenet
from .street_unet import WIDTHS, OperatingPoint, StreetUnet, ab_at_half, halve, to_size

HEADS = ("bins", "l2", "l1")
SCALE = 50.0  # ab units that a regression's output of 1 stands for
AT_ONCE = 100  # photos whose colors are counted at once


class Regression(StreetUnet):
    """The same network with ab itself (B x 2 x h x w, ab units) at its end."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.head = nn.Conv2d(self.widths[0], 2, 1)

    def forward(self, lightness: Tensor) -> Tensor:
        return SCALE * super().forward(lightness)


def new_model(
    stored: Sequence[Tensor],
    shares: Sequence[float] | None = None,
    dropout: float = 0.1,
    widths: Sequence[int] = WIDTHS,
    head: str = "bins",
    pretrained: bool = True,
) -> StreetUnet:
    """A fresh network whose bins and prior are those of the training photos.

    stored: ab of the photos as stored (uint8, N x H x W x 2), one array a set. shares: of each set
    in a batch, by default that of its colors. head: one of HEADS. It predicts the prior at first;
    a regression predicts the mean color. pretrained: whether the encoder begins with the weights
    of ImageNet, or with random ones. Raises ValueError for an unknown head.
    """
    if head not in HEADS:
        raise ValueError(f"no head {head!r}: take one of {', '.join(HEADS)}")
    counts = np.stack([_counts(ab) for ab in stored])
    if shares is not None:
        counts = counts / counts.sum(axis=1, keepdims=True) * np.array(shares)[:, None]
    counts = counts.sum(axis=0) / counts.sum()
    centers = bins.used_centers(counts)
    prior = bins.prior(counts, bins.encoding_table(centers))
    kind = StreetUnet if head == "bins" else Regression
    model = kind(centers, prior, widths, dropout)
    if pretrained:
        model.encoder.load_state_dict(of_imagenet("lite0").encoder.state_dict())
    mean = torch.from_numpy(counts).float() @ bins.stored_colors()
    start = prior.clamp_min(1e-6).log() if head == "bins" else mean / SCALE
    with torch.no_grad():
        model.head.bias.copy_(start)
        model.head.weight.mul_(0.1)
    return model


def _counts(ab: Tensor) -> np.ndarray:
    """How often each stored color occurs at half size: 65536, row 256 a + b."""
    parts = torch.as_tensor(ab).split(AT_ONCE)
    return sum(bins.count(bins.table_rows(halve(part).permute(0, 2, 3, 1))) for part in parts)


def at_half(model: StreetUnet, lightness: Tensor, point: OperatingPoint | None = None) -> Tensor:
    """ab (B x 2 x h x w) for lightness (B x 1 x H x W, 0..1).

    A regression uses only the gain of the operating point.
    """
    point = point or OperatingPoint()
    output = model(lightness)
    if isinstance(model, Regression):
        return point.gain * output
    return ab_at_half(model, output, point)


@torch.inference_mode()
def colors(model: StreetUnet, lightness: Tensor, point: OperatingPoint | None = None) -> Tensor:
    """ab (B x 2 x H x W) for lightness (B x 1 x H x W, 0..1): `at_half`, brought to full size."""
    return to_size(at_half(model, lightness, point), *lightness.shape[-2:])
