"""`python -m helpers.training`: train a network on photos and write its weights."""

import argparse
import copy
import hashlib
import json
import math
import os
from dataclasses import asdict, replace
from pathlib import Path

import torch
from filelock import FileLock
from safetensors.torch import save

from .. import paths, preprocessing
from ..model import street_unet
from ..model.predict import usable_device
from ..model.street_unet import StreetUnet
from . import devices, headline
from .batches import Photos
from .headline import Groups, moving_average
from .loop import Fitted, fit, validation_error
from .losses import objective
from .recipe import FINE_TUNED, PUBLISHED, STREET_UNET, TRAINED, Recipe

FORMAT = "streetside-colorization/colorize_cnn/1"
RECIPES = {"street_unet": FINE_TUNED, "colorize_cnn": TRAINED, "published": PUBLISHED}
LAST = 10  # batches whose mean loss is printed
# On 300 rendered streets the result had an error of 0.61 relative to gray on held-out ones, where
# the shipped weights had 0.72, and 0.41 on Manhattan (0.39). With nothing kept: 0.56 and 0.47.
KEEP = 0.5

EPILOG = """models:
  street_unet   the network of data/weights; python -m helpers.colorize --weights uses what it
                writes. By default the shipped weights are fine-tuned on your photos, in ten
                minutes on 2 cores (300 batches of 16). --from-scratch begins with an encoder
                pretrained on ImageNet and a random decoder (4,200 batches of 64: minutes on a
                GPU, about half a day on 2 cores)
  colorize_cnn  the report's network until validation stops improving (learning rate 1e-3, at
                most 60 epochs); its weights load into helpers.model.ColorizeCNN
  published     the same network by the report's recipe (learning rate 1e-5, 375 batches)

several processes:
  torchrun --nproc-per-node=2 -m helpers.training synthetic --batch-size 8 --output new.safetensors
  TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 torchrun --nnodes=4 --nproc-per-node=8 --max-restarts=3 \\
      --rdzv-backend=c10d --rdzv-endpoint=HOST:29400 -m helpers.training streetview \\
      --output new.safetensors
  --batch-size is that of one process: 2 x 8 photos make the batch of 1 x 16. On CPUs, batch norm
  (street_unet) sees the photos of its own process only. With --max-restarts all processes resume
  from the checkpoint when one was killed; several machines need the setting above, and the photos
  on each. The first process writes checkpoint and weights.

The same command resumes where it was stopped, on any device and with any number of processes, as
long as their batches together stay the same. Checkpoints of finished and abandoned training runs
stay in build/training and may be deleted."""


def whole_number(text: str) -> int:
    """For argparse: a whole number from 1 up."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def seed(text: str) -> int:
    """For argparse: a whole number from 0 up that PyTorch takes as a seed."""
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up, below 2**63")
    return int(text)


def positive(text: str) -> float:
    """For argparse: a finite number above 0."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def share(text: str) -> float:
    """For argparse: a number from 0 up, below 1."""
    value = _number(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 up, below 1")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


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
    add("--extra", metavar="FOLDER", nargs="+", default=[],
        help="further photos, for training only; street_unet takes several folders")  # fmt: skip
    add("--output", required=True, type=paths.output_file, metavar="FILE",
        help="the .safetensors file to write")  # fmt: skip
    add("--model", choices=list(RECIPES), default="street_unet", help="default: street_unet")
    length = made.add_mutually_exclusive_group()
    length.add_argument("--batches", type=whole_number, metavar="N", help="end after N batches")
    length.add_argument("--epochs", type=whole_number, metavar="N", help="end after N epochs")
    add("--batch-size", type=whole_number, metavar="B",
        help="photos per process (default: the model's own, over all processes)")  # fmt: skip
    add("--rate", type=positive, metavar="R", help="learning rate (default: the model's own)")
    add("--seed", type=seed, default=0, metavar="S",
        help="seed of initial weights and random draws (0)")  # fmt: skip
    add("--images", type=whole_number, metavar="N", help="use at most N photos")
    add("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto",
        help="default: a GPU if there is one")  # fmt: skip
    add("--threads", type=whole_number, metavar="N", help="CPU threads (default: one per core)")
    add("--bfloat16", action="store_true", help="16 bits in most products: faster, less exact")
    unet = made.add_argument_group("of street_unet")
    add = unet.add_argument
    add("--from-scratch", action="store_true", help="do not begin with the shipped weights")
    add("--keep", type=share, metavar="K",
        help="weight of the shipped weights in the average with the new ones; 0 uses the new ones "
        f"alone; not with --from-scratch ({KEEP})")  # fmt: skip
    add("--weight-decay", type=share, metavar="W", help="weight decay of AdamW")
    add("--average", type=share, metavar="A",
        help="decay of the running average of the weights, per batch")  # fmt: skip
    add("--extra-shares", type=share, nargs="+", metavar="E",
        help="share of a batch from each folder of extra photos "
        f"({' '.join(map(str, STREET_UNET.extra_shares))})")  # fmt: skip
    add("--dropout", type=share, metavar="D",
        help="share of channels dropped; only with --from-scratch")  # fmt: skip
    return made


def mistake(made: argparse.ArgumentParser, options: argparse.Namespace) -> str | None:
    """Names an option that would have no effect, and why."""
    names = ("from_scratch", "keep", "weight_decay", "average", "extra_shares", "dropout")
    given = [
        f"--{n.replace('_', '-')}" for n in names if getattr(options, n) is not made.get_default(n)
    ]
    if given and options.model != "street_unet":
        return f"{given[0]} is an option of street_unet, not of {options.model}: leave it out"
    if options.from_scratch and options.keep is not None:
        return "--keep averages with the shipped weights, which --from-scratch does not use"
    if not options.from_scratch and os.path.realpath(options.output) == str(paths.SHIPPED):
        return (
            f"{options.output} are the shipped weights, with which this begins: name another file"
        )
    if options.dropout is not None and not options.from_scratch:
        return "--dropout needs --from-scratch: the shipped weights have their own"
    return None


def recipe_of(options: argparse.Namespace) -> Recipe:
    """The recipe that the options describe."""
    recipe = RECIPES[options.model]
    if options.model == "street_unet" and options.from_scratch:
        recipe = STREET_UNET
    names = ("rate", "weight_decay", "average", "dropout")
    changes = {name: getattr(options, name) for name in names}
    changes = {name: value for name, value in changes.items() if value is not None}
    if options.extra_shares:
        changes["extra_shares"] = tuple(options.extra_shares)
    if options.batches or options.epochs:
        changes |= {"batches": options.batches, "epochs": options.epochs}
    if options.batches:
        changes["patience"] = None
    if options.batch_size:
        changes["batch_size"] = options.batch_size * devices.ranks()
    changes |= {"seed": options.seed, "bfloat16": options.bfloat16}
    return replace(recipe, **changes)


def main(arguments: list[str] | None = None) -> None:
    """Train as the command line says; ends with one line of losses and photos per second."""
    paths.print_any_name()
    made = parser()
    options = made.parse_args(arguments)
    if complaint := mistake(made, options):
        made.error(complaint)
    kept = checkpoint_file(options)
    try:
        device = usable_device(options.device)
        if options.threads:
            torch.set_num_threads(options.threads)
        paths.PREPARED.mkdir(parents=True, exist_ok=True)
        with FileLock(paths.PREPARED / ".training.lock"):  # one process prepares for all
            sets = prepared_sets(options)
        with devices.group(device) as device:
            recipe, first = recipe_of(options), devices.rank() == 0
            train = train_street if options.model == "street_unet" else train_report
            fitted = train(options, recipe, sets, kept, device)
        if first:
            where = f"{device.type}, {torch.get_num_threads()} threads"
            print(f"{options.model}: {summary(fitted, recipe)} ({where}); wrote {options.output}")
    except (ValueError, OSError, FloatingPointError) as error:
        made.exit(1, f"{made.prog}: {error}\n")
    except KeyboardInterrupt:
        made.exit(130, f"{made.prog}: stopped; the same command resumes from {kept}\n")


def checkpoint_file(options: argparse.Namespace) -> Path:
    """Where this training keeps its checkpoint: none of other options or output shares it."""
    about = {k: str(v) for k, v in vars(options).items() if k not in ("device", "threads")}
    about["output"] = os.path.abspath(options.output)
    if options.batch_size:  # of all processes, whose number may change
        about["batch_size"] = str(options.batch_size * int(os.environ.get("WORLD_SIZE", 1)))
    key = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:8]
    return paths.BUILD / "training" / f"{options.output.stem}-{key}.pt"


def prepared_sets(options: argparse.Namespace) -> list[preprocessing.PreparedSet]:
    """The prepared set of the photos; for `street_unet` those of the extra folders apart.

    `street_unet` sees photos as large as they are, up to MOST_PIXELS. Of extra photos it uses the
    training stretches only, so that others can test it. Raises ValueError for two folders of
    extra photos and another network.
    """
    if options.model != "street_unet":
        if len(options.extra) > 1:
            raise ValueError(f"{options.model} takes one folder of --extra: put the photos in one")
        return [preprocessing.prepare(options.data, options.images, *options.extra)]
    limits = [(options.data, options.images), *((folder, None) for folder in options.extra)]
    return [
        preprocessing.prepare(data, images, size=headline.training_size(data, images))
        for data, images in limits
    ]


def train_report(options, recipe: Recipe, sets, kept: Path, device) -> Fitted:
    """Train the report's network and write its weights."""
    (prepared,) = sets
    photos = {part: Photos.of(prepared, part) for part in ("train", "validation")}
    validation = None if options.model == "published" else photos["validation"]
    label = options.model
    fitted = fit(recipe, photos["train"], validation, path=kept, device=device, label=label)
    about = {"data": prepared.name, "recipe": asdict(recipe), "seed": options.seed}
    about["training_photos"] = list(photos["train"].hashes)
    about["validation_photos"] = list(photos["validation"].hashes)
    if devices.rank() == 0:
        state = {name: values.contiguous() for name, values in fitted.model.state_dict().items()}
        with paths.whole(options.output) as part:
            part.write_bytes(save(state, {"format": FORMAT, "about": json.dumps(about)}))
    return fitted


def train_street(options, recipe: Recipe, sets, kept: Path, device) -> Fitted:
    """Train `street_unet`, choose its operating points, and write its weights."""
    photos = headline.groups(*sets)
    before = began = None
    if not options.from_scratch:
        before, began, _ = street_unet.load(paths.SHIPPED)
    fitted = fit(
        *(recipe, photos.train, photos.validation, photos.extra, kept, device, "street_unet"),
        build=before and (lambda: copy.deepcopy(before)),
    )
    if before:
        keep = KEEP if options.keep is None else options.keep
        fitted = blended(fitted, before, keep, photos, recipe)
        began |= {"kept": keep}
    if devices.rank() == 0:
        held = [headline.held_out(fitted, photos)]
        headline.write(options.output, fitted, photos, recipe, sets, held, began=began)
    return fitted


def blended(fitted: Fitted, before: StreetUnet, keep: float, photos: Groups, recipe) -> Fitted:
    """Weights between those before the training (`keep` 1) and those after it (`keep` 0).

    What a network learned and what it forgot change less than in proportion between the two
    (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022). The last validation error
    becomes that of the result.
    """
    old, model = before.state_dict(), fitted.model
    with torch.no_grad():
        for name, values in model.state_dict().items():
            if values.is_floating_point():
                values.lerp_(old[name], keep)
    history = fitted.history.copy()
    error = validation_error(model, photos.validation, objective(recipe, model))
    history.loc[history.index[-1], "validation"] = error
    return replace(fitted, history=history)


def summary(fitted: Fitted, recipe: Recipe) -> str:
    """Losses and speed of a training run in one line."""
    losses, errors = fitted.history.loss, fitted.history.validation.dropna()
    window = min(LAST, len(losses))
    loss = moving_average(losses, window, published=False)[-1]
    digits = ".3f" if recipe.network == "street_unet" else ".3e"
    found = f"loss {loss:{digits}}"
    if len(errors):
        error = errors.iloc[-1] if recipe.average is not None else errors.min()
        unit = " relative to gray" if recipe.network == "street_unet" else ""
        found += f", validation {error:{digits}}{unit}"
    speed = fitted.photos_seen / fitted.seconds
    return f"{found}, {fitted.batches} batches of {recipe.batch_size}, {speed:.0f} photos/s"


if __name__ == "__main__":
    main()
