"""What does `python -m helpers.training` do?

It trains one of the three networks on photos of one's own and writes the weights, on this
machine's GPU or its cores, or with torchrun on many.
"""

import argparse
import functools
import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from filelock import FileLock
from safetensors.torch import save_file

from .. import paths, preprocessing
from ..model import ColorizeCNN
from ..results import PROFILES
from . import batches, devices, distributed, fit_unet, fitting, threads, unet_fitting
from .headline import moving_average
from .recipe import Recipe

FORMAT = "streetside-colorization/colorize_cnn/1"
FULL = PROFILES["full"]
LAST = 10  # batches whose mean loss is told

EPILOG = """models:
  colorize_cnn  the report's network until validation stops improving (rate 1e-3, at most 60
                epochs); its weights load into helpers.model.ColorizeCNN by safetensors.torch
  published     the same by the report's recipe (rate 1e-5, 375 batches)
  street_unet   the network of data/weights (6,000 batches at a rate that rises and falls, to 2e-3);
                python -m helpers.fit_unet has all its options

several processes:
  torchrun --nproc-per-node=2 -m helpers.training synthetic --batch-size 8 --output new.safetensors
  TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 torchrun --nnodes=4 --nproc-per-node=8 --max-restarts=3 \\
      --rdzv-backend=c10d --rdzv-endpoint=HOST:29400 -m helpers.training streetview \\
      --output new.safetensors
  --batch-size is that of one process: 2 x 8 photos learn what 1 x 16 do. With --max-restarts all
  start again from the checkpoint when one was killed; on several machines that needs the setting
  above. There the photos must be on each; the first process keeps checkpoint and weights.

The same command goes on where it was stopped, whatever the device and however many processes, as
long as their batches together stay the same."""


def number(text: str) -> int:
    """A whole number from 1 up."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 up")
    return int(text)


def rate(text: str) -> float:
    """A learning rate: a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return value


def parser() -> argparse.ArgumentParser:
    """The options of `python -m helpers.training`."""
    made = argparse.ArgumentParser(
        prog="python -m helpers.training",
        description="Train a network on photos and write its weights.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("data", metavar="DATA", help="synthetic, streetview, or a folder of photos")
    add("--extra", metavar="FOLDER", help="further photos, for training only")
    add("--output", required=True, type=Path, metavar="FILE", help="the .safetensors to write")
    add("--model", choices=list(MODELS), default="colorize_cnn", help="default: colorize_cnn")
    length = made.add_mutually_exclusive_group()
    length.add_argument("--batches", type=number, metavar="N", help="end after so many")
    length.add_argument("--epochs", type=number, metavar="N", help="end after so many passes")
    add("--batch-size", type=number, default=16, metavar="B", help="photos per process (16)")
    add("--rate", type=rate, metavar="R", help="learning rate (the model's own)")
    add("--seed", type=int, default=0, metavar="S", help="weights and order (0)")
    add("--images", type=number, metavar="N", help="use at most N photos")
    devices_ = ["auto", "cpu", "cuda", "mps"]
    add("--device", choices=devices_, default="auto", help="default: a GPU if there is one")
    add(
        "--threads",
        metavar="N|auto",
        type=lambda text: text if text == "auto" else number(text),
        help="of the CPU; auto times a few steps with one and with all (default: PyTorch's own)",
    )
    add("--bfloat16", action="store_true", help="16 bits in most products: faster, less exact")
    return made


def main(arguments: list[str] | None = None) -> None:
    """Train as the command line says; ends with a line of losses and photos a second."""
    made = parser()
    options = made.parse_args(arguments)
    kept = paths.BUILD / "training" / f"{options.output.stem}.pt"
    try:
        device = devices.usable_device(options.device)
        set_threads(options.threads)
        paths.PREPARED.mkdir(parents=True, exist_ok=True)
        with FileLock(paths.PREPARED / ".training.lock"):  # the others find what one prepared
            prepared = preprocessing.prepare(options.data, options.images, options.extra)
        with distributed.group(device) as device:
            speaks = distributed.rank() == 0
            write, told = MODELS[options.model](options, prepared, kept, device)
        if speaks:
            write(options.output)
            where = f"{device.type}, {torch.get_num_threads()} threads"
            print(f"{options.model}: {told} ({where}); wrote {options.output}")
    except (ValueError, OSError, FloatingPointError) as error:
        made.exit(1, f"{made.prog}: {error}\n")
    except KeyboardInterrupt:
        made.exit(130, f"{made.prog}: stopped; the same command goes on from {kept}\n")


def set_threads(wanted: int | str | None) -> None:
    """So many threads, or ("auto") the faster of one and all for a step of the report's network."""
    if wanted == "auto":
        net = ColorizeCNN(fast=True).to(memory_format=torch.channels_last)
        adam = torch.optim.Adam(net.parameters())
        photos = 255 * torch.rand(16, 1, 88, 112), torch.rand(16, 2, 88, 112)
        step = functools.partial(fitting.update, net, adam, fitting.LOSSES["mse"], *photos)
        devices.keep_memory()
        devices.faster_threads(lambda: step(team=threads.team()))
    elif wanted:
        torch.set_num_threads(wanted)


def fit_report(options, prepared, kept: Path, device) -> tuple[Callable, str]:
    """Fit the report's network: what writes its weights, and what came out."""
    own = options.model == "published"
    choices = {"learning_rate": 1e-5 if own else 1e-3, "bfloat16": options.bfloat16}
    if own or options.batches:
        choices["batches"] = options.batches or (None if options.epochs else 375)
        choices["epochs"] = options.epochs
    else:
        choices |= {"batches": None, "epochs": options.epochs or FULL.epochs}
        choices["patience"] = FULL.patience
    choices["batch_size"] = options.batch_size * distributed.ranks()
    recipe = Recipe(**choices | ({"learning_rate": options.rate} if options.rate else {}))
    train = batches.Photos.of(prepared, "train")
    validation = None if own else batches.Photos.of(prepared, "validation")
    build = functools.partial(ColorizeCNN, fast=True)
    name = options.model
    fitted = fitting.fit(build, train, validation, recipe, options.seed, kept, name, device)
    losses = fitted.history.loss
    told = f"loss {moving_average(losses, min(LAST, len(losses)), published=False)[-1]:.3e}"
    if len(fitted.epochs):
        told += f", validation {fitted.epochs.validation.min():.3e}"
    hashes = {
        f"{part}_photos": list(prepared.photos.sha256.iloc[prepared.indices(split)])
        for part, split in (("training", "train"), ("validation", "validation"))
    }
    about = {"data": prepared.name, "recipe": asdict(recipe), "seed": options.seed} | hashes

    def write(path: Path) -> None:
        state = {k: v.contiguous() for k, v in fitted.model.state_dict().items()}
        with paths.whole(path) as part:
            save_file(state, part, {"format": FORMAT, "about": json.dumps(about)})

    return write, f"{told}, {speed(fitted.batches, recipe.batch_size, fitted.seconds)}"


def fit_street(options, prepared, kept: Path, device) -> tuple[Callable, str]:
    """Fit street_unet: what writes its weights, and what came out."""
    photos = fit_unet.groups(prepared)
    size = options.batch_size * distributed.ranks()
    steps = options.batches
    if options.epochs:
        steps = -(-options.epochs * len(photos.train.lightness) // size)
    given = {"steps": steps, "rate": options.rate}
    recipe = unet_fitting.Recipe(
        batch=size,
        seed=options.seed,
        bfloat16=options.bfloat16,
        **{name: value for name, value in given.items() if value},
    )
    fitted = unet_fitting.fit(photos.train, photos.extra, recipe, kept, device, photos.validation)
    losses = fitted.losses
    told = f"loss {moving_average(losses, min(LAST, len(losses)), published=False)[-1]:.3f}"
    told += f", validation {list(fitted.validated.values())[-1]:.3f} of gray's"

    def write(path: Path) -> None:
        fit_unet.write(path, fitted, photos, recipe, [prepared])

    return write, f"{told}, {speed(len(losses), size, fitted.seconds)}"


def speed(steps: int, size: int, seconds: float) -> str:
    return f"{steps} batches of {size}, {steps * size / seconds:.0f} photos/s"


MODELS = {"colorize_cnn": fit_report, "published": fit_report, "street_unet": fit_street}
