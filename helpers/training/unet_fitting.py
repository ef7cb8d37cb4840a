"""How is the network of `street_unet` fitted, stopped, and gone on with?

AdamW at a rate that rises, stays and falls; weights averaged over the last steps; photos mirrored,
cropped and their lightness changed. Each step draws its photos and changes from a seed of its own,
so that a run killed and started again ends as if it had never stopped. Under torchrun all
processes draw the same batch and each learns from its part (`distributed`).
"""

import time
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from ..model import heads
from ..model.heads import new_model
from ..model.street_unet import StreetUnet
from . import augment, checkpoint, devices, distributed, threads
from .augment import Photos, halve
from .devices import keep_memory
from .unet_recipe import Recipe, rate_at
from .whole_batch import whole

LOOKS = 8  # at the validation photos, on the way
AT_ONCE = 32  # photos in one pass through a network that learns nothing


@dataclass(frozen=True)
class Trained:
    """What a fit gave: the averaged network, in evaluation mode on the CPU, and its history.

    losses: of each batch. validated: after so many batches, the square error of the averaged
    network's mean color over that of gray, at half size, on the validation photos. key: a hash of
    all that decided it.
    """

    model: StreetUnet
    losses: list[float]
    validated: dict[int, float]
    seconds: float
    key: str


def averaged(model: StreetUnet, decay: float) -> AveragedModel:
    """A running average of weights and batch statistics that forgets its start."""

    def update(average, current, count):
        keep = min(decay, (int(count) + 1) / (int(count) + 10))
        for old, new in zip(average, current):
            old.lerp_(new, 1 - keep) if old.is_floating_point() else old.copy_(new)

    return AveragedModel(model, multi_avg_fn=update, use_buffers=True).eval()


@torch.random.fork_rng(devices=[])
def fit(
    photos: Photos,
    extra: Photos | None,
    recipe: Recipe,
    path: str | Path | None = None,
    device: str | torch.device = "cpu",
    validation: Photos | None = None,
    label: str = "street_unet",
) -> Trained:
    """Train a network, or go on with the one kept at `path`, or load it where it is done.

    The checkpoint is written every few seconds and at Ctrl-C; one of other photos, another recipe
    or other code is not used. Several processes call this alike, each on its `device`.
    """
    work = _Work(photos, extra, recipe, path, device, validation)
    with distributed.held(work.path):
        work.resume()
        if work.done < recipe.steps:
            work.go_on(label)
    model = work.average.module.cpu().eval()
    return Trained(model, work.losses, work.validated, work.seconds, work.key)


class _Work:
    """One fit in the making: everything that its checkpoint keeps, and what it works with."""

    def __init__(self, photos, extra, recipe, path, device, validation):
        torch.manual_seed(recipe.seed)
        self.recipe, self.path, self.device = recipe, path and Path(path), torch.device(device)
        sets = [photos, extra] if extra else [photos]
        model = new_model(sets, recipe.dropout, recipe.widths, recipe.head, recipe.context)
        self.key = _key(model, recipe, [photos, extra, validation])
        distributed.check(recipe.batch, self.key)
        self.photos, self.extra, self.validation = (
            x and replace(x, lightness=x.lightness.to(device), ab=x.ab.to(device))
            for x in (photos, extra, validation)
        )
        self.model = model.to(device).train()
        self.team = threads.team(device, recipe.batch)
        if distributed.in_group() or self.team.size > 1:
            whole(self.model)
        self.net = distributed.wrapped(self.model)
        self.loss = heads.loss_function(self.model, recipe.head, recipe.weighted)
        self.average = averaged(self.model, recipe.average)
        self.optimizer = _optimizer(model, recipe, self.device.type == "cuda")
        self.step = devices.graphed(self.update, self.device)
        self.losses: list[float] = []
        self.validated: dict[int, float] = {}
        self.seconds = 0.0

    @property
    def done(self) -> int:
        return len(self.losses)

    def resume(self) -> None:
        path, key = self.path, self.key
        kept = distributed.from_first(lambda: path and checkpoint.load(path, key))
        if kept:
            self.model.load_state_dict(kept["model"])
            self.average.load_state_dict(kept["average"])
            devices.load_optimizer(self.optimizer, kept["optimizer"])
            for name in ("losses", "validated", "seconds"):
                setattr(self, name, kept[name])

    def save(self) -> None:
        if self.path is not None and distributed.rank() == 0:
            parts = ("model", "average", "optimizer")
            state = {name: getattr(self, name).state_dict() for name in parts}
            state |= {name: getattr(self, name) for name in ("losses", "validated", "seconds")}
            checkpoint.save(self.path, self.key, state)

    def go_on(self, label: str) -> None:
        keep_memory()
        began, steps = time.monotonic() - self.seconds, self.recipe.steps
        about = {"total": steps, "initial": self.done, "desc": label, "unit": "batch"}
        stopped = False
        ahead = closing(threads.ahead(self.team, self.batch, self.done, steps))
        bar = distributed.bar(**about, leave=False)
        with checkpoint.pace() as pace, ahead as prepared, bar as batches:
            while self.done < steps and not stopped:
                self.losses.append(self.one_batch(*next(prepared)))
                if self.validation and self.done % max(steps // LOOKS, 1) == 0:
                    self.validated[self.done] = error(
                        self.average.module, self.validation, self.team
                    )
                batches.update()
                self.seconds = time.monotonic() - began
                stopped, due = distributed.stop_or_save(self.done, pace)
                if self.done == steps or due:
                    self.save()
            if stopped:  # this process or another one
                raise KeyboardInterrupt

    def batch(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """This process's part of a batch (counted from 0), and the state of random numbers then."""
        recipe = self.recipe
        torch.manual_seed(recipe.seed * 1_000_003 + number)
        few = round(recipe.batch * recipe.extra_share) if self.extra else 0
        with self.device:  # where random numbers are drawn, too
            picked = [self.photos.pick(recipe.batch - few)]
            picked += [self.extra.pick(few)] if few else []
            batch = augment.vary(*(torch.cat(x) for x in zip(*picked)), recipe.changes)
        return *(x[distributed.part(recipe.batch)] for x in batch), torch.get_rng_state()

    def one_batch(self, lightness: Tensor, ab: Tensor, state: Tensor) -> float:
        """Take one step; the loss before it."""
        for group in self.optimizer.param_groups:
            devices.set_rate(group, rate_at(self.done, self.recipe))
        self.state = state
        loss = self.step(lightness, ab)
        self.average.update_parameters(self.model)
        loss = distributed.total(loss.cpu()).item() / distributed.ranks()
        if not np.isfinite(loss):
            raise FloatingPointError(f"the loss of batch {self.done} is no number: lower the rate")
        return loss

    def update(self, lightness: Tensor, ab: Tensor) -> Tensor:
        """One step on one batch; the loss before it, which nobody waits for."""
        half = self.recipe.bfloat16

        def part_loss(lightness: Tensor, ab: Tensor) -> Tensor:
            with torch.autocast(self.device.type, torch.bfloat16, half, cache_enabled=False):
                output = self.net(lightness)
            return self.loss(output.float(), ab)

        self.optimizer.zero_grad()
        weights, batch = self.model.parameters(), (lightness, ab)
        loss = self.team.backward(part_loss, weights, *batch, state=self.state)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        return loss


def _optimizer(model: StreetUnet, recipe: Recipe, gpu: bool) -> torch.optim.AdamW:
    kernels = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": kernels}, {"params": others, "weight_decay": 0}]
    rate = devices.rate(recipe.rate, model.centers.device)
    options = {"weight_decay": recipe.decay, "betas": (0.9, 0.99), "capturable": gpu, "fused": True}
    return torch.optim.AdamW(groups, rate, **options)


def _key(model: StreetUnet, recipe: Recipe, groups: list[Photos | None]) -> str:
    """A hash of everything that decides how a fit ends."""
    data = [(x.lightness.numpy(), x.ab.numpy()) for x in groups if x]
    data = [checkpoint.fingerprint(*x, rows=np.arange(len(x[0]))) for x in data]
    return checkpoint.key(model, recipe=asdict(recipe), data=data)


def error(model: StreetUnet, photos: Photos, team: threads.Team = threads.ALONE) -> float:
    """Square error of the network's mean color over that of gray, at half size.

    `model` is in evaluation mode, where the photos are. Several processes take turns, as do the
    threads of a team.
    """

    @torch.inference_mode()
    def sums(lightness: Tensor, ab: Tensor) -> Tensor:  # of the network's squares and of gray's
        truth = halve(ab)
        output = heads.at_half(model, lightness[:, None].float() / 255)
        return (
            torch.stack([(output - truth).square().sum(), truth.square().sum()]).cpu().double()
        )  # MPS has no 64 bits

    mine = distributed.part(len(photos.ab))
    chunks = (x[mine].split(AT_ONCE) for x in (photos.lightness, photos.ab))
    own = sum(team.map(sums, *chunks), torch.zeros(2, dtype=torch.float64))
    square, gray = distributed.total(own).tolist()
    return square / gray
