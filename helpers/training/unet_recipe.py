"""What decides how the network of `street_unet` learns?"""

from dataclasses import dataclass, field

import numpy as np

from ..model.street_unet import WIDTHS

CORNERS = (0, 99, 600, 720, 830)  # of 830 steps: between them the rate is a straight line
HEIGHTS = (0.01, 1, 1, 0.7, 0)  # of the recipe's rate


def _option(default, text: str):
    """A field that `python -m helpers.fit_unet` offers as an option."""
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Recipe:
    """What decides a training run; the defaults made the shipped weights.

    Those without a help text are for studies: the head and its weights (`heads`), the widths of
    the network, how photos are changed (`augment.vary`), whether blocks see the whole picture, and
    whether to multiply and add with 16 bits where PyTorch's autocast does.
    """

    steps: int = _option(6000, "batches")
    batch: int = _option(16, "photos in a batch")
    rate: float = _option(2e-3, "AdamW's learning rate at its highest")
    decay: float = _option(0.05, "AdamW's weight decay")
    average: float = _option(0.998, "how much the average of the weights keeps per batch")
    extra_share: float = _option(0.375, "part of a batch that comes from the extra photos")
    dropout: float = _option(0.1, "share of channels left out")
    seed: int = _option(0, "of the weights and of every draw")
    head: str = "bins"
    weighted: bool = True
    widths: tuple[int, ...] = WIDTHS
    changes: str = "all"
    context: bool = True
    bfloat16: bool = False


def rate_at(step: int, recipe: Recipe) -> float:
    """Learning rate of a step: it rises, stays, falls slowly and then fast, to about 0.

    CORNERS were tuned on a run of that length; one of another length keeps their shares.
    """
    return recipe.rate * float(np.interp(step * CORNERS[-1] / recipe.steps, CORNERS, HEIGHTS))
