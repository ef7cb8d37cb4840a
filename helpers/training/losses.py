"""Losses: the input, the target and the loss of each network."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..model import bins, heads
from ..model.street_unet import halve
from .recipe import Recipe

SCALE = heads.SCALE


@dataclass(frozen=True)
class Objective:
    """How one network learns. Shapes: B photos of H x W, C x h x w what the target has.

    inputs: lightness (B x 1 x H x W, 0..255) to what the network reads.
    target: stored ab (uint8, B x H x W x 2) to what it should answer (B x C x h x w).
    loss: output and target to the mean loss of the photos.
    sums: model, input and target to a numerator and a denominator. Added up over all
        validation photos, their quotient is the validation error.
    """

    inputs: Callable[[Tensor], Tensor]
    target: Callable[[Tensor], Tensor]
    loss: Callable[[Tensor, Tensor], Tensor]
    sums: Callable[[nn.Module, Tensor, Tensor], Tensor]


def objective(recipe: Recipe, model: nn.Module) -> Objective:
    """The objective of a recipe for its network, which is on the device already.

    The report's network learns (ab + 128) / 255 at full size by MSE or L1; its validation error
    is that loss. `street_unet` learns ab units at half size; its validation error is the squared
    error of its mean color, relative to gray.
    """
    if recipe.network == "colorize_cnn":
        loss = {"mse": F.mse_loss, "l1": F.l1_loss}[recipe.loss]

        def sums(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
            return torch.stack([loss(net(x), y) * len(x), torch.tensor(len(x), device=x.device)])

        return Objective(lambda lightness: lightness, report_scale, loss, sums)

    def squares(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return torch.stack([(heads.at_half(net, x) - y).square().sum(), y.square().sum()])

    loss = street_loss(model, recipe.loss, recipe.weighted)
    return Objective(lambda lightness: lightness / 255, halve, loss, squares)


def report_scale(ab: Tensor) -> Tensor:
    """Stored ab (uint8, B x H x W x 2) in the report's scale: B x 2 x H x W, 0..1."""
    return ab.permute(0, 3, 1, 2).float().div_(255)  # channels last, as the bytes lie already


def street_loss(model: nn.Module, loss: str, weighted: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of `street_unet`'s output against ab (B x 2 x h x w, ab units), on its device.

    weighted: rare bins weigh more (`bins.class_weights`), else all alike.
    """
    table = bins.encoding_table(model.centers.cpu()).to(model.centers.device)
    weights = bins.class_weights(model.prior) if weighted else torch.ones_like(model.prior)
    if loss == "bins":
        return lambda output, ab: cross_entropy(output, ab, table, weights)
    power = {"l2": 2, "l1": 1}[loss]
    each = table @ weights
    return lambda output, ab: regression_loss(output, ab, each, power)


def cross_entropy(logits: Tensor, ab: Tensor, table: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy of logits (B x Q x h x w) with soft-encoded ab (B x 2 x h x w).

    table (65536 x Q): `bins.encoding_table`; weights (Q): `bins.class_weights`. Adding log w to
    the logits before weighting by w leaves the minimum at the plain posterior, and moves the
    effort to rare colors.
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
