"""Losses of the report's network, batch by batch, while it trains."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

LOSSES = {"mse": F.mse_loss, "l1": F.l1_loss}
EVERY = 5  # batches between two calls of `show`: drawing takes about as long as one batch


class Curve:
    """Collects losses and can stop the training: `training.fit(..., log={"curve": curve})`.

    loss: "mse" or "l1", as in the recipe. show: called with all losses so far after every EVERY
    batches. losses: one for each batch, before its step.
    """

    def __init__(self, loss: str, show: Callable[[list[float]], None] | None = None):
        self.loss, self.show = LOSSES[loss], show
        self.losses: list[float] = []
        self._stopped = False

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of a batch (output and target B x 2 x H x W, 0..1).

        Raises KeyboardInterrupt after `stop`.
        """
        if self._stopped:
            raise KeyboardInterrupt
        loss = self.loss(output, target)
        self.losses.append(loss.item())
        if self.show and len(self.losses) % EVERY == 0:
            self.show(self.losses)
        return loss

    def stop(self) -> None:
        """End the training at its next batch; may be called from another thread."""
        self._stopped = True
