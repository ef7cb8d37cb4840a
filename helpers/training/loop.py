"""The training loop: `fit` trains every network of this project."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from ..model import heads
from ..model.colorize_cnn import ColorizeCNN
from . import batches, checkpoint, devices
from .batches import Photos
from .losses import Objective, objective
from .recipe import Recipe

LOOKS = 8  # validations of a training run without epochs
AT_ONCE = 32  # photos in one pass of validation
TOGETHER = 5  # batches between two exchanges of losses and signals among processes


@dataclass(frozen=True)
class Fitted:
    """The result of a training run.

    model: in evaluation mode, on the CPU.
    history: one row per batch: batch (from 0), epoch (from 1), loss (before the batch's step),
        validation (NaN where none was measured after the batch), and the logged numbers.
    seconds: of training and validation, over all interruptions.
    batches, photos_seen: how many were trained on; a photo counts each time.
    key: a hash of everything that decided the result.
    """

    model: nn.Module
    history: pd.DataFrame
    seconds: float
    batches: int
    photos_seen: int
    key: str

    @property
    def epochs(self) -> pd.DataFrame:
        """Complete epochs that were validated.

        Columns: epoch (from 1), batches (done at its end), loss (mean over its batches),
        validation, best (True for the lowest validation).
        """
        groups = self.history.groupby("epoch")
        table = groups.agg(batches=("batch", "max"), loss=("loss", "mean"))
        table["batches"] += 1
        table = table.join(groups.validation.last()).dropna().reset_index()
        return table.assign(best=table.validation.rank(method="first") == 1)


def fit(
    recipe: Recipe,
    train: Photos,
    validation: Photos | None = None,
    extra: Sequence[Photos] = (),
    path: str | Path | None = None,
    device: str | torch.device = "cpu",
    label: str = "",
    build: Callable[[], nn.Module] | None = None,
    log: dict[str, Callable[[Tensor, Tensor], Tensor]] | None = None,
) -> Fitted:
    """Train a network; resume or load the training run whose checkpoint is at `path`.

    extra: further sets of photos, see `Recipe.extra_shares`. build: returns the network, where it
    is not the recipe's own. log: further numbers of output and target, kept for each batch. A
    checkpoint of another recipe, other photos or other code is not used. Ctrl-C saves and raises
    KeyboardInterrupt; a kill loses the last seconds. Under torchrun all processes call this alike.
    Raises ValueError for no photos, for patience without validation photos, or for processes
    that differ; FloatingPointError when the loss is not finite.
    """
    for photos in (train, validation, *extra):
        if photos is not None and not len(photos):
            raise ValueError("no photos to train or validate on: prepare more of them")
    if recipe.patience is not None and validation is None:
        raise ValueError("patience needs validation photos")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = (build or _network(recipe, train, extra))().to(memory_format=torch.channels_last)
        data = [x and checkpoint.fingerprint(x) for x in (train, validation, *extra)]
        log = log or {}
        key = checkpoint.key(model, recipe=asdict(recipe), data=data, log=list(log))
        devices.check(recipe.batch_size, key)
        path, device = path and Path(path), torch.device(device)
        with checkpoint.held(path if devices.rank() == 0 else None):
            return _fit(
                recipe, model.to(device), train, validation, extra, path, device, label, log, key
            )


def _fit(recipe, model, train, validation, extra, path, device, label, log, key) -> Fitted:
    learns = objective(recipe, model)
    net = devices.shared(model.train())
    average = None if recipe.average is None else averaged(model, recipe.average)
    optimizer = _optimizer(model, recipe)
    length, size = recipe.length(len(train)), recipe.batch_size
    counts = recipe.counts(len(extra))
    history: list[list[float]] = []  # loss and logged numbers of each batch
    validated: list[tuple[int, float]] = []  # batches done, validation error
    best, seconds = None, 0.0

    kept = devices.from_first(lambda: path and checkpoint.load(path, key))
    if kept:
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        if average:
            average.load_state_dict(kept["average"])
        history, validated = kept["history"], kept["validated"]
        best, seconds = kept["best"], kept["seconds"]
    fresh: list[Tensor] = []  # rows of history that are still on the device
    if device.type != "cpu":
        train, validation, *extra = (x and x.on(device) for x in (train, validation, *extra))

    def done() -> int:
        return len(history) + len(fresh)

    def finished() -> bool:
        errors = [error for _, error in validated]
        late = recipe.patience and len(errors) - np.argmin([*errors, np.inf]) > recipe.patience
        return bool(late) or done() >= length

    def batch(number: int) -> tuple[Tensor, Tensor]:
        """Input and target of this process's share of a batch, augmented."""
        torch.manual_seed((recipe.seed * 1_000_003 + number) % 2**63)
        with device:  # random numbers are drawn there, too
            if recipe.sampling == "passes":
                drawn = [train.take(batches.order(number, size, len(train), recipe.seed))]
            else:
                drawn = batches.draw([train, *extra], counts)
            shape = tuple(drawn[0][0].shape[1:])
            if recipe.sizes:
                shape = recipe.sizes[int(torch.randint(len(recipe.sizes), (), device="cpu"))][::-1]
            parts = [
                batches.vary(
                    *batches.cut_to_size(stored[:, None].float(), learns.target(ab), shape),
                    recipe.changes, shape,
                )
                for stored, ab in drawn
            ]  # fmt: skip
            lightness, target = (torch.cat(several) for several in zip(*parts))
        mine = devices.part(size)
        return learns.inputs(lightness)[mine], target[mine]

    def step(x: Tensor, y: Tensor) -> Tensor:
        """Take one step; loss and logged numbers before it."""
        for settings in optimizer.param_groups:
            settings["lr"] = settings["scale"] * recipe.rate_at(done(), length)
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, recipe.bfloat16):
            output = net(x)
        loss = learns.loss(output.float(), y)
        loss.backward()
        if recipe.clip < math.inf:
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
        if average:
            average.update_parameters(model)
        return torch.stack([loss.detach(), *(f(output.detach(), y) for f in log.values())])

    def settle() -> None:
        """Move new rows to the history, averaged over the processes. Refuse infinite losses."""
        if fresh:
            rows = devices.total(torch.stack(fresh).cpu()) / devices.ranks()
            if not rows[:, 0].isfinite().all():
                raise FloatingPointError(
                    f"the loss became {rows[:, 0][~rows[:, 0].isfinite()][0].item()} before batch "
                    f"{done()}: lower the learning rate"
                )
            history.extend(rows.tolist())
            fresh.clear()

    def validate() -> None:
        """Validate where the recipe says so, and remember the best weights."""
        nonlocal best
        # After each epoch, or after each of LOOKS equal parts of a training run without epochs.
        looks, of = (size, len(train)) if recipe.sampling == "passes" else (LOOKS, length)
        due = done() * looks // of > (done() - 1) * looks // of
        if validation is not None and due:
            judged = average.module if average else model
            validated.append((done(), validation_error(judged, validation, learns)))
            if min(validated, key=lambda pair: pair[1])[0] == done() and not average:
                best = {name: values.clone() for name, values in model.state_dict().items()}

    def save() -> None:
        settle()
        if path and devices.rank() == 0:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            state |= {"average": average and average.state_dict(), "best": best}
            state |= {"history": history, "validated": validated, "seconds": seconds}
            checkpoint.save(path, key, state)

    if not finished():
        devices.keep_memory()
        began, stopped = time.monotonic() - seconds, False
        about = {"total": length, "initial": done(), "desc": label, "unit": "batch"}
        about |= {"disable": True} if devices.rank() else {}
        bar = tqdm(**about, leave=False)
        with checkpoint.pace() as pace, bar:
            while not (finished() or stopped):
                fresh.append(step(*batch(done())))
                validate()
                bar.update()
                seconds = time.monotonic() - began
                if finished() or devices.ranks() == 1 or done() % TOGETHER == 0:
                    signals = torch.tensor([pace.interrupted, pace.due()], dtype=torch.int32)
                    stopped, due = devices.total(signals).bool().tolist()
                    if finished() or due:
                        save()
                    elif done() % TOGETHER == 0:
                        settle()
            if stopped:  # in this process or another
                raise KeyboardInterrupt

    result = average.module if average else model
    if best:
        result.load_state_dict(best)
    taken = len(history)
    table = pd.DataFrame(history, columns=["loss", *log])
    table.insert(0, "batch", np.arange(taken))
    table.insert(1, "epoch", np.arange(taken) * size // len(train) + 1)
    errors = {number - 1: error for number, error in validated}
    table.insert(3, "validation", table.batch.map(errors).astype(float))
    return Fitted(result.cpu().eval(), table, seconds, taken, taken * size, key)


def _network(recipe: Recipe, train: Photos, extra: Sequence[Photos]) -> Callable[[], nn.Module]:
    if recipe.network == "colorize_cnn":
        return lambda: ColorizeCNN(recipe.kernel_size, fast=True)
    stored = [photos.take(slice(None))[1] for photos in (train, *extra)]
    shares = recipe.counts(len(extra))
    return lambda: heads.new_model(
        stored, shares, recipe.dropout, recipe.widths, recipe.loss, recipe.pretrained
    )


def _optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW that decays kernels only; the encoder of `street_unet` learns at its own rate."""
    groups = []
    for inside, scale in ((True, recipe.encoder_rate), (False, 1.0)):
        own = [p for name, p in model.named_parameters() if name.startswith("encoder.") == inside]
        kernels, others = [p for p in own if p.ndim > 1], [p for p in own if p.ndim <= 1]
        groups.append({"params": kernels, "scale": scale})
        groups.append({"params": others, "scale": scale, "weight_decay": 0})
    groups = [group for group in groups if group["params"]]
    options = {"betas": (0.9, recipe.beta2), "weight_decay": recipe.weight_decay, "fused": True}
    return torch.optim.AdamW(groups, recipe.rate, **options)


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    """A running average of weights and batch statistics that forgets its start."""

    def update(average, current, count):
        keep = min(decay, (int(count) + 1) / (int(count) + 10))
        for old, new in zip(average, current):
            old.lerp_(new, 1 - keep) if old.is_floating_point() else old.copy_(new)

    return AveragedModel(model, multi_avg_fn=update, use_buffers=True).eval()


@torch.inference_mode()
def validation_error(model: nn.Module, photos: Photos, learns: Objective) -> float:
    """The objective's error over all photos, each counted once. Processes share the work."""
    training = model.training
    model.eval()
    sums = torch.zeros(2, dtype=torch.float64)
    mine = devices.part(len(photos))
    for start in range(mine.start, mine.stop, AT_ONCE):
        chosen = np.arange(start, min(start + AT_ONCE, mine.stop))
        lightness, ab = photos.take(chosen)
        x, y = learns.inputs(lightness[:, None].float()), learns.target(ab)
        sums += learns.sums(model, x, y).cpu().double()
    model.train(training)
    error, weight = devices.total(sums).tolist()
    return error / weight
