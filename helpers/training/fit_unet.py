"""How is `street_unet` trained, and how are the shipped weights made again?

    python -m helpers.fit_unet ../shared/photos/streetview-thumbnails \\
        --extra ../shared/photos/cambridge-256 --output data/weights/street_unet.safetensors

Of each set the training stretches alone are used, and the operating points are chosen on the
validation stretches of the first. `unet_fitting` does the training.
"""

import argparse
import platform
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch

from .. import paths, preprocessing
from ..model import street_unet
from ..model.street_unet import OperatingPoint, StreetUnet
from ..preprocessing import PreparedSet
from ..results import Run
from . import operating
from .augment import Photos, halve, join
from .devices import asked, usable_device
from .unet_fitting import Recipe, Trained, fit

# In a run's short trainings cropping and relighting cost more than they give: validation errors of
# 0.63 against 0.62 on rendered streets, 0.43 against 0.38 and 0.62 against 0.60 on 600 and 1,400
# thumbnails. The shipped weights, trained six times longer, had both.
CHANGES = "mirror"


@dataclass(frozen=True)
class Groups:
    """The photos that one training uses; `extra` is None where there are none."""

    train: Photos
    extra: Photos | None
    validation: Photos


def groups(main: PreparedSet, extra: PreparedSet | None = None) -> Groups:
    """Training and validation photos of `main`, and the training photos of `extra`.

    Photos that `main` itself marks as extra count as such. Raises ValueError where a split that
    is needed is empty.
    """
    own = ~main.photos.extra.to_numpy()
    train = (main.photos.split == "train").to_numpy()
    ours = Photos.of(main, np.flatnonzero(train & own))
    others = [Photos.of(main, np.flatnonzero(train & ~own))]
    if extra is not None:
        others.append(Photos.of(extra, extra.indices("train")))
    validation = Photos.of(main, main.indices("validation"))
    if not (ours.hashes and validation.hashes):
        raise ValueError(f"{main.name} has no training or no validation photos: give more places")
    return Groups(ours, join([photos for photos in others if photos.hashes]), validation)


def write(
    path: str | Path, trained: Trained, photos: Groups, recipe: Recipe, sets: list[PreparedSet]
) -> None:
    """Choose the operating points and write the weights with what is known about them.

    sets: those that the photos came from, the main one first.
    """
    points = operating.choose(
        trained.model, photos.validation.lightness.numpy(), photos.validation.ab.numpy()
    )
    used = photos.train.hashes + (photos.extra.hashes if photos.extra else ())
    meta = {
        "data": [prepared.name for prepared in sets],
        "geometry": {name: sets[0].manifest[name] for name in ("size", "factor")},
        "training_mean_ab": halve(photos.train.ab).mean(dim=(0, 2, 3)).tolist(),
        "training_photos": list(used),
        "validation_photos": list(photos.validation.hashes),
        "recipe": asdict(recipe),
        "seconds": round(trained.seconds),
        "key": trained.key,
        "torch": torch.__version__,
        "machine": platform.machine(),
    }
    street_unet.save(path, trained.model, meta, points)


@dataclass(frozen=True)
class Fitted:
    """`street_unet` as one seed of a run made it, as read back from the weights' file."""

    model: StreetUnet
    points: dict[str, OperatingPoint]
    trained: Trained
    path: Path


def fitted(run: Run, prepared: PreparedSet, seed: int) -> Fitted:
    """`street_unet` on the training photos, fitted now or loaded; the profile says how long.

    The weights stay in the run's folder, where `python -m helpers.colorize --weights` reads them.
    """
    name = f"street_unet-seed{seed}"
    profile = run.profile
    recipe = Recipe(profile.unet_batches, widths=profile.unet_widths, seed=seed, changes=CHANGES)
    path = run.folder / "weights" / f"{name}.safetensors"
    kept = run.folder / "checkpoints" / f"{name}.pt"
    photos = groups(prepared)
    label = f"street_unet, seed {seed}"
    trained = fit(photos.train, photos.extra, recipe, kept, asked(), photos.validation, label)
    if not path.exists() or street_unet.load(path)[1].get("key") != trained.key:
        write(path, trained, photos, recipe, [prepared])
    model, _, points = street_unet.load(path)
    return Fitted(model, points, trained, path)


def main(arguments: list[str] | None = None):
    """The command line: `python -m helpers.fit_unet --help`."""
    parser = argparse.ArgumentParser(
        prog="python -m helpers.fit_unet",
        description="Train street_unet on photos and write its weights.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("data", help="synthetic, streetview, or a folder of photos")
    parser.add_argument("--extra", help="a folder of further training photos")
    parser.add_argument("--images", type=int, help="at most so many photos of the first")
    parser.add_argument("--device", default="auto", help="cpu, cuda or mps; auto: a GPU if any")
    parser.add_argument("--output", required=True, type=Path, help="the .safetensors file to write")
    offered = [field for field in fields(Recipe) if "help" in field.metadata]
    for field in offered:
        option = "--" + field.name.replace("_", "-")
        parser.add_argument(
            option, type=field.type, default=field.default, help=field.metadata["help"]
        )
    options = parser.parse_args(arguments)
    kept = paths.BUILD / "fit_unet" / f"{options.output.stem}.pt"
    recipe = Recipe(**{field.name: getattr(options, field.name) for field in offered})
    try:
        device = usable_device(options.device)
        prepared = preprocessing.prepare(options.data, images=options.images)
        extra = preprocessing.prepare(options.extra) if options.extra else None
        photos = groups(prepared, extra)
        trained = fit(photos.train, photos.extra, recipe, kept, device, photos.validation)
        sets = [prepared] if extra is None else [prepared, extra]
        write(options.output, trained, photos, recipe, sets)
    except (ValueError, OSError, FloatingPointError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: stopped; the same command goes on from {kept}\n")
    print(f"wrote {options.output}; python -m helpers.evaluation {options.data} measures it")


if __name__ == "__main__":
    main()
