"""Recipes: everything that decides how a network is trained."""

import math
from dataclasses import dataclass, replace

import numpy as np

from ..model import heads
from ..model.street_unet import WIDTHS

LOSSES = {"colorize_cnn": ("mse", "l1"), "street_unet": heads.HEADS}
CHANGES = ("none", "mirror", "all")
# The schedule of `street_unet`: corners of a polygon over 830 batches, as shares of the rate.
CORNERS = (0, 99, 600, 720, 830)
HEIGHTS = (0.01, 1, 1, 0.7, 0)


@dataclass(frozen=True)
class Recipe:
    """How to train a network. Without arguments it is the report's published recipe.

    network: "colorize_cnn", the report's, or "street_unet".
    loss: "mse" or "l1" in the report's scale, (ab + 128) / 255, for `colorize_cnn`; for
        `street_unet` "bins" (a distribution over ab bins), "l2" or "l1" (ab itself).
    rate: learning rate of AdamW, which is Adam where weight_decay is 0.
    batch_size: photos in a batch, over all processes.
    batches, epochs: the end, exactly one of them.
    patience: end after so many epochs without a lower validation loss.
    seed: of the initial weights and of every random draw.
    sampling: "passes" shuffles the photos and takes each once per epoch; "draws" takes them at
        random, with replacement.
    falling: the rate rises, stays, and falls to 0 (`rate_at`); otherwise it is constant.
    weight_decay, beta2: of AdamW.
    clip: largest norm of the gradients.
    average: share of the running average of the weights that each batch keeps. The averaged
        weights are the result. None: the weights of the epoch that validated best, or the last.
    changes: augmentation, see `batches.vary`.
    sizes: width and height of the photos of a batch, drawn for each; none: those of the photos.
    extra_shares: share of a batch that comes from each set of extra photos, where there is one.
    bfloat16: multiply with 16 bits, where PyTorch's autocast does.
    kernel_size: width of every kernel of `colorize_cnn`; the report used 3.
    weighted: of `street_unet`, whether rare bins weigh more in the loss (`losses.street_loss`).
    pretrained: of `street_unet`, whether its encoder begins with the weights of ImageNet.
    encoder_rate: of `street_unet`, the rate of its encoder relative to that of its decoder.
    widths, dropout: of `street_unet`, see `model.heads.new_model`.
    """

    network: str = "colorize_cnn"
    loss: str = "mse"
    rate: float = 1e-5
    batch_size: int = 16
    batches: int | None = 375
    epochs: int | None = None
    patience: int | None = None
    seed: int = 0
    sampling: str = "passes"
    falling: bool = False
    weight_decay: float = 0.0
    beta2: float = 0.999
    clip: float = math.inf
    average: float | None = None
    changes: str = "none"
    sizes: tuple[tuple[int, int], ...] = ()
    extra_shares: tuple[float, ...] = ()
    bfloat16: bool = False
    kernel_size: int = 3
    weighted: bool = True
    widths: tuple[int, ...] = WIDTHS
    dropout: float = 0.1
    pretrained: bool = True
    encoder_rate: float = 1.0

    def __post_init__(self):
        known = LOSSES.get(self.network)
        if known is None:
            raise ValueError(f"no network {self.network!r}: use one of {', '.join(LOSSES)}")
        samplings = ("passes", "draws")
        for name, options in (("loss", known), ("changes", CHANGES), ("sampling", samplings)):
            value = getattr(self, name)
            if value not in options:
                raise ValueError(f"no {name} {value!r}: use one of {', '.join(options)}")
        if (self.batches is None) == (self.epochs is None):
            raise ValueError("a recipe ends after batches or after epochs: give one of the two")
        for name in ("batch_size", "batches", "epochs", "patience"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: give 1 or more")
        if not 0 < self.rate < math.inf:
            raise ValueError(f"the learning rate is {self.rate}: give a number above 0")
        for name in ("weight_decay", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: give 0 or more, below 1")
        if min(self.extra_shares, default=0) < 0 or not sum(self.extra_shares) < 1:
            raise ValueError(f"extra shares {self.extra_shares}: give 0 or more, together below 1")
        if self.average is not None and not 0 <= self.average < 1:
            raise ValueError(f"average is {self.average}: give 0 or more, below 1")

    def length(self, photos: int) -> int:
        """The largest number of batches, for so many photos."""
        return self.batches if self.epochs is None else self.end_of(self.epochs, photos)

    def end_of(self, epoch: int, photos: int) -> int:
        """Batches done at the end of `epoch` (from 1) over so many photos."""
        return -(-epoch * photos // self.batch_size)

    def counts(self, extra: int) -> list[int]:
        """Photos of a batch that come from the main set and from each of `extra` others.

        Raises ValueError if there are more sets than shares.
        """
        if extra > len(self.extra_shares):
            raise ValueError(f"{extra} extra sets, {len(self.extra_shares)} shares: give each one")
        few = [round(self.batch_size * share) for share in self.extra_shares[:extra]]
        return [self.batch_size - sum(few), *few]

    def rate_at(self, batch: int, length: int) -> float:
        """Learning rate of a batch (from 0) out of `length`."""
        if not self.falling:
            return self.rate
        return self.rate * float(np.interp(batch * CORNERS[-1] / length, CORNERS, HEIGHTS))


PUBLISHED = Recipe()
TRAINED = Recipe(rate=1e-3, batches=None, epochs=60, patience=8)
STREET_UNET = Recipe(  # made the shipped weights: Manhattan, with Cambridge and landscapes
    network="street_unet",
    loss="bins",
    rate=3e-3,
    batch_size=64,
    batches=4200,
    sampling="draws",
    falling=True,
    weight_decay=0.05,
    beta2=0.99,
    clip=5.0,
    average=0.997,
    changes="all",
    sizes=((112, 88), (112, 88), (128, 128), (176, 144), (192, 176)),
    extra_shares=(0.40625, 0.203125),
    encoder_rate=0.7,
)
# In a run of the report, whose profile says how long.
# In so short a training, cropping and relighting cost more than they give: validation errors of
# 0.63 against 0.62 on rendered streets, 0.43 against 0.38 and 0.62 against 0.60 on 600 and 1,400
# thumbnails. The shipped weights, trained far longer, had both. Nor is there time for several
# sizes, large batches, or an average that remembers long.
SHORT_STREET_UNET = replace(STREET_UNET, changes="mirror", sizes=(), batch_size=16, average=0.98)
# Further, on a user's photos.
FINE_TUNED = replace(STREET_UNET, rate=3e-4, batch_size=16, batches=300, average=0.98)
