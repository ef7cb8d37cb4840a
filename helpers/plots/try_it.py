"""Figures of chapter 0: a photo in gray and in color, and a loss curve."""

from collections.abc import Sequence

import numpy as np

from ..results import Drawing
from . import COLORS, LOSSES, new, picture


def one_photo(gray: np.ndarray, colored: np.ndarray) -> Drawing:
    """A photo in gray (H x W, uint8) and in color (H x W x 3, uint8)."""
    figure, axes = new(1, 2, (7.2, 3.6 * gray.shape[0] / gray.shape[1] + 0.25))
    picture(axes[0], gray, "gray")
    picture(axes[1], colored, "colored")
    return Drawing(
        figure,
        "try_it_photo",
        "A photo in gray, and the colors that the shipped weights give it.",
        "The same photo twice: in gray on the left, colored by the network on the right.",
        photo=True,
    )


def loss_curve(losses: Sequence[float], gray: float, loss: str) -> Drawing:
    """The loss ("mse" or "l1") of each batch, and that of leaving the photos gray."""
    figure, axis = new(size=(6.4, 3))
    batches = range(1, len(losses) + 1)
    axis.plot(batches, losses, ".-", color=COLORS["published"], label="the report's network")
    axis.axhline(gray, color=COLORS["gray"], linestyle="--", label="always gray")
    axis.set(xlabel="batch", ylabel=f"{LOSSES[loss]}, report's scale", ylim=0)
    axis.legend()
    return Drawing(
        figure,
        "try_it_loss",
        "Loss of each batch while the report's network trains, and the loss of leaving its "
        "training photos gray.",
        "Loss against batch number. A dashed horizontal line marks the loss of always gray.",
    )
