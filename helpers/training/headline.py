"""The training runs that the report shows: `published`, `colorize_cnn` and `street_unet`."""

import math
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from .. import color, paths
from ..model import street_unet as network
from ..model.street_unet import OperatingPoint, StreetUnet, halve
from ..photos import decode, sources
from ..preprocessing import PreparedSet
from ..results import Run
from . import devices, operating
from .batches import Photos
from .loop import Fitted, fit
from .recipe import PUBLISHED, SHORT_STREET_UNET, TRAINED, Recipe

MOST_PIXELS = 256 * 256  # pixels of the largest photos that `street_unet` learns from
LOOKED_AT = 100  # photos whose size is read


def published(run: Run, prepared: PreparedSet, seed: int, **changes) -> Fitted:
    """The report's network and recipe on the training photos, trained now or loaded.

    The number of batches counts, not that of photos: fewer photos are passed over again.
    `changes` are other values of fields of the recipe, such as kernel_size=5.
    """
    recipe = replace(PUBLISHED, batches=run.profile.published_batches, seed=seed)
    return _headline(run, prepared, recipe, None, "published", changes)


def colorize_cnn(run: Run, prepared: PreparedSet, seed: int, **changes) -> Fitted:
    """The report's network trained until validation stops improving, trained now or loaded.

    `changes` are other values of fields of the recipe.
    """
    profile = run.profile
    recipe = replace(TRAINED, epochs=profile.epochs, patience=profile.patience, seed=seed)
    validation = Photos.of(prepared, "validation")
    return _headline(run, prepared, recipe, validation, "colorize_cnn", changes)


def _headline(run: Run, prepared, recipe: Recipe, validation, name: str, changes: dict) -> Fitted:
    changed = {field: x for field, x in changes.items() if x != getattr(recipe, field)}
    different = [f"{field}-{x}" for field, x in sorted(changed.items())]
    named = "-".join([name, *different, f"seed{recipe.seed}"])
    train, path = Photos.of(prepared, "train"), run.folder / "checkpoints" / f"{named}.pt"
    recipe, label = replace(recipe, **changed), ", ".join([name, *different, f"seed {recipe.seed}"])
    return fit(recipe, train, validation, path=path, device=devices.requested(), label=label)


@dataclass(frozen=True)
class Groups:
    """The photos that one training of `street_unet` uses; `extra` holds further sets."""

    train: Photos
    extra: tuple[Photos, ...]
    validation: Photos


def groups(main: PreparedSet, *extra: PreparedSet) -> Groups:
    """Training and validation photos of `main`, and the training photos of each set of `extra`.

    Photos that `main` itself marks as extra are a set of their own. Raises ValueError if `main`
    has no training or no validation photos.
    """
    own = ~main.photos.extra.to_numpy()
    train = (main.photos.split == "train").to_numpy()
    ours = Photos.of(main, np.flatnonzero(train & own))
    others = [Photos.of(main, np.flatnonzero(train & ~own))]
    others += [Photos.of(prepared, "train") for prepared in extra]
    validation = Photos.of(main, "validation")
    if not (len(ours) and len(validation)):
        raise ValueError(f"{main.name} has no training or no validation photos: give more places")
    return Groups(ours, tuple(x for x in others if len(x)), validation)


@dataclass(frozen=True)
class Trained:
    """`street_unet` as one fold of a run made it, read back from the file of its weights."""

    model: StreetUnet
    points: dict[str, OperatingPoint]
    fitted: Fitted
    path: Path


def street_unets(run: Run, folds: dict[int, PreparedSet]) -> dict[int, Trained]:
    """`street_unet` of every fold by its seed, trained now or loaded; the profile says how long.

    Operating points of a fold are chosen on the validation photos of all folds, each colored by
    its own network, but for folds that validate on photos that this one tests. The weights stay in
    the run's folder, for `python -m helpers.colorize --weights`.
    """
    fits = {seed: _street_unet(run, fold, seed) for seed, fold in folds.items()}
    held, found = {}, {}
    for seed, (photos, recipe, fitted) in fits.items():
        tested = set(folds[seed].photos.sha256.iloc[folds[seed].indices("test")])
        others = [s for s in fits if not tested & set(fits[s][0].validation.hashes)]
        keys = [fits[s][2].key for s in others]
        path = run.folder / "weights" / f"street_unet-seed{seed}.safetensors"
        known = _meta(path)
        if (known.get("key"), known.get("points_chosen_with")) != (fitted.key, keys):
            held |= {s: held_out(fits[s][2], fits[s][0]) for s in others if s not in held}
            write(path, fitted, photos, recipe, [folds[seed]], [held[s] for s in others], keys)
        model, _, points = network.load(path)
        found[seed] = Trained(model, points, fitted, path)
    return found


def _meta(path: Path) -> dict:
    """The meta of a file of weights; empty if there is none, or a damaged one."""
    try:
        return network.load(path)[1]
    except (FileNotFoundError, ValueError):
        return {}


def training_size(data: str | Path, images: int | None = None) -> tuple[int, int]:
    """Width and height at which `street_unet` learns from a source of photos.

    As large as nearly all of its photos are and with their shape, up to MOST_PIXELS, in steps of
    28 x 22, on which the split looks for doubles.
    """
    if data in paths.SOURCES:
        return color.SIZE
    photos = sources.gather(data, images).photos
    sizes = []
    for photo in photos[:: -(-len(photos) // LOOKED_AT)]:
        with suppress(OSError, ValueError):
            sizes.append(decode.upright_size(decode.opened(photo.path)))
    width, height = np.quantile(sizes or [color.SIZE], 0.1, axis=0)
    scale = min(1, math.sqrt(MOST_PIXELS / (width * height)))
    return tuple(
        max(4, int(side * scale / cell)) * cell for side, cell in ((width, 28), (height, 22))
    )


def _street_unet(run: Run, prepared: PreparedSet, seed: int) -> tuple[Groups, Recipe, Fitted]:
    name, profile = f"street_unet-seed{seed}", run.profile
    size = {"batches": profile.unet_batches, "widths": profile.unet_widths}
    recipe = replace(SHORT_STREET_UNET, **size, seed=seed)
    kept = run.folder / "checkpoints" / f"{name}.pt"
    photos, label = groups(prepared), f"street_unet, seed {seed}"
    return photos, recipe, fit(
        recipe, photos.train, photos.validation, photos.extra, kept, devices.requested(), label
    )  # fmt: skip


def held_out(fitted: Fitted, photos: Groups) -> operating.Validation:
    """The validation photos of a training run and what its network says about them."""
    lightness, truth = (x.numpy() for x in photos.validation.take(slice(None)))
    return operating.Validation(fitted.model, lightness, truth)


def write(
    path: str | Path,
    fitted: Fitted,
    photos: Groups,
    recipe: Recipe,
    sets: list[PreparedSet],
    held: list[operating.Validation],
    chosen_with: list[str] = (),
    began: dict | None = None,
) -> None:
    """Write the weights of `street_unet` with its operating points and its origin.

    sets: the prepared sets of the photos, the main one first. held: the validation photos that
    choose the operating points. chosen_with: the keys of their training runs, by default this
    one's. began: the meta of the weights that this training began with, whose photos count as its
    own, and the share of them that was "kept".
    """
    used = sum((x.hashes for x in (photos.train, *photos.extra)), ())
    before = began or {}
    meta = {
        "data": [prepared.name for prepared in sets],
        "geometry": {name: sets[0].manifest[name] for name in ("size", "factor")},
        "training_mean_ab": halve(photos.train.take(slice(None))[1]).mean(dim=(0, 2, 3)).tolist(),
        "training_photos": [*before.get("training_photos", ()), *used],
        "validation_photos": [*before.get("validation_photos", ()), *photos.validation.hashes],
        "began_with": before.get("key") or ("ImageNet" if recipe.pretrained else None),
        "kept": before.get("kept", 0),
        "points_chosen_with": list(chosen_with) or [fitted.key],
        "recipe": asdict(recipe),
        "seconds": round(fitted.seconds),
        "key": fitted.key,
        "torch": torch.__version__,
        "machine": platform.machine(),
    }
    network.save(path, fitted.model, meta, operating.choose(held))


def moving_average(losses, window: int = 10, published: bool = True) -> np.ndarray:
    """Means over `window` batches, each placed at its last batch.

    published=True gives the report's own curve, as long as `losses`: batches before the first
    count as 0. Otherwise only complete windows count, `window` - 1 fewer entries. Raises
    ValueError if the losses do not fill one window.
    """
    before = np.zeros(window - 1 if published else 0)
    values = np.concatenate([before, np.asarray(losses, dtype=float)])
    if len(values) < window:
        raise ValueError(f"{len(losses)} losses do not fill one window of {window} batches")
    return np.convolve(values, np.full(window, 1 / window), mode="valid")


def constant_losses(train: Photos, judged: Photos, loss: str = "mse") -> dict[str, float]:
    """The loss in the report's scale, on the photos `judged`, of giving every pixel one color.

    "gray" is a = b = 0, "mean" the mean color of the photos `train`. loss: "mse" or "l1".
    """
    values = np.arange(256) - color.AB_OFFSET
    trained, counts = (_counts(photos) for photos in (train, judged))
    colors = {"gray": np.zeros(2), "mean": trained @ values / trained.sum(axis=1)}
    power = {"mse": 2, "l1": 1}[loss]
    losses = {name: np.abs((values - ab[:, None]) / 255) ** power for name, ab in colors.items()}
    return {name: float((counts * each).sum() / counts.sum()) for name, each in losses.items()}


def _counts(photos: Photos) -> np.ndarray:
    """How many pixels have each of the 256 stored values of a, and of b: 2 x 256."""
    parts = np.array_split(np.arange(len(photos)), -(-len(photos) // 500))
    channels = (photos.take(part)[1].numpy().reshape(-1, 2).T for part in parts)
    return sum(np.array([np.bincount(c, minlength=256) for c in pair]) for pair in channels)
