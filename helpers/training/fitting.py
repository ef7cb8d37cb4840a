"""How is one model fitted to photos, stopped, and gone on with?

Initial weights and the order of the photos come from the seed alone, and a fit that was stopped
goes on from its checkpoint to the same weights as one that was not. Under torchrun several
processes share each batch (`distributed`); the checkpoint does not depend on how many they are.
"""

import functools
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from . import checkpoint, devices, distributed, threads
from .batches import Photos, order
from .devices import keep_memory
from .recipe import LOSSES, Fitted, Recipe
from .threads import Team
from .whole_batch import whole

AT_ONCE = 64  # photos in one pass through a network that learns nothing


def fit(
    build: Callable[[], nn.Module],
    train: Photos | tuple,
    validation: Photos | tuple | None,
    recipe: Recipe,
    seed: int,
    path: str | Path,
    label: str = "",
    device: str | torch.device = "cpu",
) -> Fitted:
    """Fit a fresh model, or go on with the fit kept in the file `path`, or load it where done.

    `build` returns the model. `train` and `validation` are Photos or what they are made of,
    (lightness, ab) or (lightness, ab, rows). A checkpoint of another recipe, seed, data, model or
    code is not used. Ctrl-C saves and raises KeyboardInterrupt; a kill loses the last seconds.
    Several processes call this alike, each on its `device`; batches are those of all together.
    Raises ValueError where there are no photos, patience has nothing to judge by or the processes
    differ, FloatingPointError when the loss is no longer a number.
    """
    work = _Work(build, _photos(train), _photos(validation), recipe, seed, Path(path), device)
    with distributed.held(work.path):
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

    def __init__(self, build, train, validation, recipe: Recipe, seed: int, path: Path, device):
        if recipe.patience is not None and validation is None:
            raise ValueError("patience needs validation photos to judge by")
        self.recipe, self.seed, self.path, self.loss = recipe, seed, path, LOSSES[recipe.loss]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model = build().to(memory_format=torch.channels_last)
        data = [photos and photos.fingerprint() for photos in (train, validation)]
        self.key = checkpoint.key(self.model, recipe=asdict(recipe), seed=seed, data=data)
        distributed.check(recipe.batch_size, self.key)
        device = torch.device(device)
        if device.type != "cpu":
            train, validation = (photos and photos.on(device) for photos in (train, validation))
        self.train, self.validation = train, validation
        self.team = threads.team(device, recipe.batch_size)
        self.model.to(device)
        if distributed.in_group() or self.team.size > 1:
            whole(self.model)
        net = distributed.wrapped(self.model)
        weights, gpu = self.model.parameters(), device.type == "cuda"
        self.optimizer = torch.optim.Adam(weights, recipe.learning_rate, capturable=gpu)
        taken = functools.partial(update, net, self.optimizer, self.loss)
        taken = functools.partial(taken, half=recipe.bfloat16, team=self.team)
        self.step = devices.graphed(taken, device)
        self.losses = torch.zeros(recipe.length(len(train)), device=device)
        self.taken = self.settled = 0  # steps, and those whose losses are those of the whole batch
        self.validated: list[float] = []  # one number an epoch
        self.best: dict[str, Tensor] = {}  # weights of the best epoch
        self.seconds = 0.0

    @property
    def done(self) -> bool:
        patience, validated = self.recipe.patience, self.validated
        if patience is not None and len(validated) - np.argmin([*validated, np.inf]) > patience:
            return True
        return self.taken >= len(self.losses)

    def resume(self) -> None:
        """Take up what an earlier sitting kept, if it was of the same work."""
        kept = distributed.from_first(lambda: checkpoint.load(self.path, self.key))
        if kept:
            self.model.load_state_dict(kept["model"])
            devices.load_optimizer(self.optimizer, kept["optimizer"])
            self.taken = self.settled = len(kept["losses"])
            self.losses[: self.taken] = torch.tensor(kept["losses"])
            self.validated, self.best = kept["validated"], kept["best"]
            self.seconds = kept["seconds"]

    def save(self) -> None:
        self.settle()
        if distributed.rank() == 0:
            state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
            state["losses"] = self.losses[: self.taken].tolist()
            names = ("validated", "best", "seconds")
            checkpoint.save(self.path, self.key, state | {n: getattr(self, n) for n in names})

    def settle(self) -> None:
        """Average new losses over the processes, and refuse those that are no numbers."""
        fresh = slice(self.settled, self.taken)
        losses = distributed.total(self.losses[fresh].cpu()) / distributed.ranks()
        wrong = np.flatnonzero(~np.isfinite(losses.numpy()))
        if len(wrong):
            batch, loss = self.settled + wrong[0], losses[wrong[0]].item()
            raise FloatingPointError(f"the loss of batch {batch} is {loss}: lower the rate")
        self.losses[fresh] = losses
        self.settled = self.taken

    def go_on(self, label: str) -> None:
        """Take batch after batch until the recipe ends, or until Ctrl-C."""
        keep_memory()
        began = time.monotonic() - self.seconds
        about = {"total": len(self.losses), "initial": self.taken, "desc": label, "unit": "batch"}
        stopped = False
        ahead = closing(threads.ahead(self.team, self.batch, self.taken, len(self.losses)))
        bar = distributed.bar(**about, leave=False)
        with checkpoint.pace() as pace, ahead as prepared, bar as batches:
            while not (self.done or stopped):
                self.one_batch(*next(prepared))
                batches.update()
                self.seconds = time.monotonic() - began
                stopped, due = distributed.stop_or_save(self.taken, pace)
                if self.done or due:
                    self.save()
            if stopped:  # this process or another one
                raise KeyboardInterrupt

    def batch(self, number: int) -> tuple[Tensor, Tensor]:
        """This process's part of a batch (counted from 0)."""
        positions = order(number, self.recipe.batch_size, len(self.train), self.seed)
        return self.train.batch(positions[distributed.part(len(positions))])

    def one_batch(self, lightness: Tensor, ab: Tensor) -> None:
        self.losses[self.taken] = self.step(lightness, ab)
        self.taken += 1
        photos = len(self.train)
        epoch = len(self.validated) + 1
        if self.validation and self.taken == self.recipe.end_of(epoch, photos):
            self.validated.append(mean_loss(self.model, self.validation, self.loss, self.team))
            if np.argmin(self.validated) == epoch - 1:
                self.best = {k: v.clone() for k, v in self.model.state_dict().items()}

    def result(self) -> Fitted:
        if self.best:
            self.model.load_state_dict(self.best)
        size, photos = self.recipe.batch_size, len(self.train)
        batches = np.arange(self.taken)
        validation = np.full(len(batches), np.nan)
        for epoch, loss in enumerate(self.validated, start=1):
            validation[self.recipe.end_of(epoch, photos) - 1] = loss
        epochs, losses = batches * size // photos + 1, self.losses[: self.taken].tolist()
        columns = dict(batch=batches, epoch=epochs, loss=losses, validation=validation)
        seen = len(batches) * size
        history = pd.DataFrame(columns)
        return Fitted(self.model.cpu().eval(), history, self.seconds, len(batches), seen)


def update(
    model: nn.Module,
    optimizer,
    loss: Callable,
    lightness: Tensor,
    ab: Tensor,
    half: bool = False,
    team: Team = threads.ALONE,
) -> Tensor:
    """One step of the optimizer on one batch; the loss before it, which nobody waits for.

    half: with bfloat16 where autocast has it. team: the threads that share the batch.
    """

    def part_loss(lightness: Tensor, ab: Tensor) -> Tensor:
        # Casts are not kept: kept ones would outlive the CUDA graph that made them.
        with torch.autocast(lightness.device.type, torch.bfloat16, half, cache_enabled=False):
            return loss(model(lightness), ab)

    optimizer.zero_grad()
    value = team.backward(part_loss, model.parameters(), lightness, ab)
    optimizer.step()
    return value


def mean_loss(
    model: nn.Module, photos: Photos, loss: Callable, team: Team = threads.ALONE
) -> float:
    """The loss over all photos, each counted once; the model is left in training mode.

    Processes and the threads of a team take turns, and all get the same number.
    """

    @torch.inference_mode()
    def total(start: int) -> float:
        lightness, ab = photos.batch(np.arange(start, min(start + AT_ONCE, len(photos))))
        return loss(model(lightness), ab).item() * len(ab)

    model.eval()
    starts = range(0, len(photos), AT_ONCE)
    own = sum(team.map(total, starts[distributed.part(len(starts))]))
    model.train()
    return distributed.total(torch.tensor(own, dtype=torch.float64)).item() / len(photos)
