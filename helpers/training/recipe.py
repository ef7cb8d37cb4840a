"""What decides how a network learns colors, and what does its fit give?"""

from dataclasses import dataclass

import pandas as pd
import torch.nn.functional as F
from torch import nn

LOSSES = {"mse": F.mse_loss, "l1": F.l1_loss}


@dataclass(frozen=True)
class Recipe:
    """How to fit: Adam at one rate on batches of shuffled photos.

    loss: "mse" or "l1", both in the report's scale, (ab + 128) / 255.
    batches: end after so many; None where epochs decide.
    epochs: end after so many passes over the photos, or earlier, after `patience` passes without
        a lower validation loss.
    bfloat16: multiply and add with 16 bits where PyTorch's autocast does.
    Without arguments it is the published recipe.
    """

    loss: str = "mse"
    learning_rate: float = 1e-5
    batch_size: int = 16
    batches: int | None = 375
    epochs: int | None = None
    patience: int | None = None
    bfloat16: bool = False

    def __post_init__(self):
        if self.loss not in LOSSES:
            raise ValueError(f"no loss {self.loss!r}: take one of {', '.join(LOSSES)}")
        if (self.batches is None) == (self.epochs is None):
            raise ValueError("a recipe ends after batches or after epochs: give one of the two")

    def length(self, photos: int) -> int:
        """Batches at most, for so many photos."""
        return self.batches if self.epochs is None else self.end_of(self.epochs, photos)

    def end_of(self, epoch: int, photos: int) -> int:
        """Batches done when pass number `epoch` (from 1) over so many photos is done."""
        return -(-epoch * photos // self.batch_size)


@dataclass(frozen=True)
class Fitted:
    """What a fit gave.

    model: in evaluation mode; with validation photos it has the weights of the best epoch.
    history: a row per batch: batch (from 0), epoch (from 1), loss (of that batch, before its
        step), validation (the loss on the validation photos where an epoch ended, else NaN).
    seconds: of training and validating, all sittings together.
    """

    model: nn.Module
    history: pd.DataFrame
    seconds: float
    batches: int
    photos_seen: int

    @property
    def epochs(self) -> pd.DataFrame:
        """Complete epochs, where they were validated.

        Columns: epoch (from 1), batches (done at its end), loss (mean of its batches),
        validation, best (true for the epoch whose weights the model has).
        """
        groups = self.history.groupby("epoch")
        table = groups.agg(batches=("batch", "max"), loss=("loss", "mean"))
        table["batches"] += 1
        table = table.join(groups.validation.last()).dropna().reset_index()
        return table.assign(best=table.validation.rank(method="first") == 1)
