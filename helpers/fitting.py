"""How is one model fitted to photos, stopped, and gone on with?

Initial weights and the order of the photos come from the seed alone, and a fit that was stopped
goes on from its checkpoint to the same weights as one that was not.
"""

import ctypes
import functools
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import checkpoint
from .batches import Photos, order
from .progress import bar

LOSSES = {"mse": F.mse_loss, "l1": F.l1_loss}
AT_ONCE = 64  # photos in one pass through a network that learns nothing


@dataclass(frozen=True)
class Recipe:
    """How to fit: Adam at one rate on batches of shuffled photos.

    loss: "mse" or "l1", both in the report's scale, (ab + 128) / 255.
    batches: end after so many; None where epochs decide.
    epochs: end after so many passes over the photos, or earlier, after `patience` passes without
        a lower validation loss.
    Without arguments it is the published recipe.
    """

    loss: str = "mse"
    learning_rate: float = 1e-5
    batch_size: int = 16
    batches: int | None = 375
    epochs: int | None = None
    patience: int | None = None

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


def fit(
    build: Callable[[], nn.Module],
    train: Photos | tuple,
    validation: Photos | tuple | None,
    recipe: Recipe,
    seed: int,
    path: str | Path,
    label: str = "",
) -> Fitted:
    """Fit a fresh model, or go on with the fit kept in the file `path`, or load it where done.

    `build` returns the model. `train` and `validation` are Photos or what they are made of,
    (lightness, ab) or (lightness, ab, rows). A checkpoint of another recipe, seed, data, model or
    code is not used. Ctrl-C saves and raises KeyboardInterrupt; a kill loses the last seconds.
    Raises ValueError where there are no photos or patience has nothing to judge by,
    FloatingPointError when the loss is no longer a number.
    """
    work = _Work(build, _photos(train), _photos(validation), recipe, seed, Path(path))
    work.resume()
    if not work.done:
        work.go_on(label)
    return work.result()


def _photos(given: Photos | tuple | None) -> Photos | None:
    photos = given if given is None or isinstance(given, Photos) else Photos(*given)
    if photos is not None and not len(photos):
        raise ValueError("no photos to train or to validate on: prepare more of them")
    return photos


class _Work:
    """One fit in the making: everything that its checkpoint keeps, and what it works with."""

    def __init__(self, build, train, validation, recipe: Recipe, seed: int, path: Path):
        if recipe.patience is not None and validation is None:
            raise ValueError("patience needs validation photos to judge by")
        self.train, self.validation, self.recipe = train, validation, recipe
        self.seed, self.path, self.loss = seed, path, LOSSES[recipe.loss]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model = build().to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.model.parameters(), recipe.learning_rate)
        self.losses: list[float] = []
        self.validated: list[float] = []  # one number an epoch
        self.best: dict[str, Tensor] = {}  # weights of the best epoch
        self.seconds = 0.0
        data = [photos and photos.fingerprint() for photos in (train, validation)]
        self.key = checkpoint.key(self.model, recipe=asdict(recipe), seed=seed, data=data)

    @property
    def done(self) -> bool:
        patience, validated = self.recipe.patience, self.validated
        if patience is not None and len(validated) - np.argmin([*validated, np.inf]) > patience:
            return True
        return len(self.losses) >= self.recipe.length(len(self.train))

    def resume(self) -> None:
        """Take up what an earlier sitting kept, if it was of the same work."""
        kept = checkpoint.load(self.path, self.key)
        if kept:
            self.model.load_state_dict(kept["model"])
            self.optimizer.load_state_dict(kept["optimizer"])
            self.losses, self.validated = kept["losses"], kept["validated"]
            self.best, self.seconds = kept["best"], kept["seconds"]

    def save(self) -> None:
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        names = ("losses", "validated", "best", "seconds")
        checkpoint.save(self.path, self.key, state | {n: getattr(self, n) for n in names})

    def go_on(self, label: str) -> None:
        """Take batch after batch until the recipe ends, or until Ctrl-C."""
        keep_memory()
        began = time.monotonic() - self.seconds
        length = self.recipe.length(len(self.train))
        batches = bar(total=length, initial=len(self.losses), desc=label, unit="batch", leave=False)
        with checkpoint.pace() as pace, batches:
            while not (self.done or pace.interrupted):
                self.one_batch()
                batches.update()
                self.seconds = time.monotonic() - began
                if self.done or pace.due():
                    self.save()

    def one_batch(self) -> None:
        count, photos = len(self.losses), len(self.train)
        lightness, ab = self.train.batch(order(count, self.recipe.batch_size, photos, self.seed))
        loss = step(self.model, self.optimizer, self.loss, lightness, ab)
        if not np.isfinite(loss):
            raise FloatingPointError(f"the loss of batch {count} is {loss}: lower the rate")
        self.losses.append(loss)
        epoch = len(self.validated) + 1
        if self.validation and count + 1 == self.recipe.end_of(epoch, photos):
            self.validated.append(mean_loss(self.model, self.validation, self.loss))
            if np.argmin(self.validated) == epoch - 1:
                self.best = {k: v.clone() for k, v in self.model.state_dict().items()}

    def result(self) -> Fitted:
        if self.best:
            self.model.load_state_dict(self.best)
        size, photos = self.recipe.batch_size, len(self.train)
        batches = np.arange(len(self.losses))
        validation = np.full(len(batches), np.nan)
        for epoch, loss in enumerate(self.validated, start=1):
            validation[self.recipe.end_of(epoch, photos) - 1] = loss
        epochs = batches * size // photos + 1
        columns = dict(batch=batches, epoch=epochs, loss=self.losses, validation=validation)
        seen = len(batches) * size
        history = pd.DataFrame(columns)
        return Fitted(self.model.eval(), history, self.seconds, len(batches), seen)


def step(model: nn.Module, optimizer, loss: Callable, lightness: Tensor, ab: Tensor) -> float:
    """One step of the optimizer on one batch; the loss before it."""
    optimizer.zero_grad()
    value = loss(model(lightness), ab)
    value.backward()
    optimizer.step()
    return value.item()


def mean_loss(model: nn.Module, photos: Photos, loss: Callable) -> float:
    """The loss over all photos, each counted once; the model is left in training mode."""
    model.eval()
    total = 0.0
    with torch.inference_mode():
        for start in range(0, len(photos), AT_ONCE):
            lightness, ab = photos.batch(np.arange(start, min(start + AT_ONCE, len(photos))))
            total += loss(model(lightness), ab).item() * len(ab)
    model.train()
    return total / len(photos)


@functools.cache
def keep_memory() -> None:
    """Tell glibc's malloc to keep freed memory: a step's arrays then stay mapped.

    Given back and asked for anew, every page of them is cleared again, step after step. Other
    allocators are left alone.
    """
    trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of malloc.h
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(mmap_max, 0)
