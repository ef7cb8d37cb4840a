"""What does the network of `street_unet` predict, and what counts as a mistake?

"bins", a distribution over ab bins, is what ships. "l2" and "l1" predict ab itself and are kept
for comparison. With each, rare colors can be weighted up (`bins.class_weights`) or not.

Shapes: B photos of H x W, chroma at half size h x w, Q bins; ab in ab units.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import bins
from .street_unet import WIDTHS, Block, OperatingPoint, StreetUnet, ab_at_half, halve, to_size

HEADS = ("bins", "l2", "l1")
SCALE = 50.0  # ab units that a regression's output of 1 stands for


class Regression(StreetUnet):
    """The same network with ab itself (B x 2 x h x w, ab units) at its end."""

    def __init__(self, centers: Tensor, prior: Tensor, widths=WIDTHS, dropout: float = 0.1):
        super().__init__(centers, prior, widths, dropout)
        self.head = nn.Conv2d(self.widths[0], 2, 1)

    def forward(self, lightness: Tensor) -> Tensor:
        return SCALE * super().forward(lightness)


def new_model(
    sets: list,  # training.Photos
    dropout: float = 0.1,
    widths=WIDTHS,
    head: str = "bins",
    context: bool = True,
) -> StreetUnet:
    """A network whose bins and prior are those of the training photos, and which predicts it.

    A regression begins with the mean color instead. Without `context` no block is scaled by what
    the whole picture looks like. Raises ValueError for an unknown head.
    """
    if head not in HEADS:
        raise ValueError(f"no head {head!r}: take one of {', '.join(HEADS)}")
    half = torch.cat([halve(photos.ab).permute(0, 2, 3, 1).reshape(-1, 2) for photos in sets])
    centers = bins.used_centers((half + 128).round().to(torch.uint8).numpy())
    prior = bins.prior(bins.table_rows(half), bins.encoding_table(centers))
    kind = StreetUnet if head == "bins" else Regression
    model = kind(centers, prior, widths, dropout)
    if not context:
        for block in filter(lambda layer: isinstance(layer, Block), model.modules()):
            block.gate = None
    start = prior.clamp_min(1e-6).log() if head == "bins" else half.mean(dim=0) / SCALE
    with torch.no_grad():
        model.head.bias.copy_(start)
        model.head.weight.mul_(0.1)
    return model


def loss_function(model: StreetUnet, head: str = "bins", weighted: bool = True) -> Callable:
    """The loss of an output against ab (B x 2 x h x w), on the model's device."""
    device = model.centers.device
    table = bins.encoding_table(model.centers.cpu()).to(device)
    weights = bins.class_weights(model.prior) if weighted else torch.ones_like(model.prior)
    if head == "bins":
        return lambda output, ab: cross_entropy(output, ab, table, weights)
    power = {"l2": 2, "l1": 1}[head]
    each = table @ weights
    return lambda output, ab: regression_loss(output, ab, each, power)


def cross_entropy(logits: Tensor, ab: Tensor, table: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy of logits (B x Q x h x w) against ab (B x 2 x h x w), rare bins weighted up.

    table (65536 x Q): `bins.encoding_table`; weights (Q): `bins.class_weights`. The logits are
    those of the plain posterior: adding log w before weighting by w leaves the minimum there,
    and moves the effort to rare colors.
    """
    flat = logits.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
    return F.cross_entropy(flat + weights.log(), table[_rows(ab)], weight=weights)


def regression_loss(output: Tensor, ab: Tensor, weights: Tensor, power: int) -> Tensor:
    """Weighted mean of |output - ab| ** power, in units of SCALE.

    output and ab: B x 2 x h x w, ab units; weights (65536) of the true colors, as in rows of
    `bins.encoding_table`.
    """
    each = ((output - ab) / SCALE).abs().pow(power).mean(dim=1)
    return (each.flatten() * weights[_rows(ab)]).mean()


def _rows(ab: Tensor) -> Tensor:
    return bins.table_rows(ab.permute(0, 2, 3, 1).reshape(-1, 2))


def at_half(model: StreetUnet, lightness: Tensor, point: OperatingPoint | None = None) -> Tensor:
    """ab (B x 2 x h x w) for lightness (B x 1 x H x W, 0..1).

    Of the operating point a regression has the gain alone.
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
