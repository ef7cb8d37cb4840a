"""How is a model fitted, and what happened on the way?

`fit` and what belongs to it stand in `fitting`; here are the fits that the report shows, the
curve of a loss, and what a fitted model predicts. `python -m helpers.training --help` (`train`)
trains on photos of your own.
"""

import functools
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from .. import color
from ..explorations import laws
from ..model import ColorizeCNN
from . import devices, threads
from .batches import Photos, as_input
from .fitting import AT_ONCE, fit
from .recipe import Fitted, Recipe

if TYPE_CHECKING:
    from ..preprocessing import PreparedSet
    from ..results import Run

__all__ = [
    "Fitted",
    "Photos",
    "Recipe",
    "colorize_cnn",
    "constant_losses",
    "curve_claims",
    "fit",
    "moving_average",
    "predict",
    "published",
]


def predict(model: nn.Module, lightness: np.ndarray, batch_size: int = AT_ONCE) -> np.ndarray:
    """Colors of lightness (uint8, N x H x W, 2.55 L): ab in ab units, float32, N x H x W x 2."""
    model = model.eval().to(memory_format=torch.channels_last)
    ab = np.empty((*lightness.shape, 2), np.float32)

    @torch.inference_mode()
    def fill(start: int) -> None:
        part = slice(start, start + batch_size)
        ab[part] = color.unit_to_ab(model(as_input(lightness[part])).permute(0, 2, 3, 1))

    threads.team().map(fill, range(0, len(lightness), batch_size))
    return ab


def moving_average(losses, window: int = 10, published: bool = True) -> np.ndarray:
    """Means of `window` batches, each window named by its last batch.

    published=True is the report's own curve, as long as `losses`, which counts zeros for the
    batches before the first. Otherwise complete windows alone, `window` - 1 entries fewer.
    """
    before = np.zeros(window - 1 if published else 0)
    return laws.moving_average(np.concatenate([before, losses]), window)


def constant_losses(train: Photos, judged: Photos) -> dict[str, float]:
    """MSE in the report's scale, on the photos `judged`, of giving every pixel the same color.

    "gray" is a = b = 0, "mean" the mean color of the photos `train`.
    """
    values = np.arange(256) - color.AB_OFFSET
    trained, counts = (_counts(photos) for photos in (train, judged))
    colors = {"gray": np.zeros(2), "mean": trained @ values / trained.sum(axis=1)}
    squares = {name: (values - ab[:, None]) ** 2 for name, ab in colors.items()}
    return {name: float((counts * s).sum() / counts.sum() / 255**2) for name, s in squares.items()}


def _counts(photos: Photos) -> np.ndarray:
    """How many pixels have each of the 256 stored values of a, and of b: 2 x 256."""
    rows = np.arange(len(photos.lightness)) if photos.rows is None else photos.rows
    parts = np.array_split(rows, -(-len(rows) // 500))
    channels = (photos.ab[part].reshape(-1, 2).T for part in parts)
    return sum(np.array([np.bincount(c, minlength=256) for c in pair]) for pair in channels)


def curve_claims(curves: list[np.ndarray]) -> dict[str, tuple[float, tuple[float, float]]]:
    """Measured value and interval for the claims of data/claims.toml about the loss curve.

    `curves` holds the MSE of every batch, one array a seed; the value is the mean over seeds, the
    interval spans them, and for the batch of settling also the definition's own interval.
    """
    settled = [laws.settles(curve) for curve in curves]
    lows, highs = zip(*(interval for _, interval in settled))
    claims = {"fall_until_60": (np.mean([batch for batch, _ in settled]), (min(lows), max(highs)))}
    measures = {
        "exponential_fall": laws.exponential_fall,
        "flat_after_60": laws.flatness,
        "level_7e4": lambda curve: moving_average(curve, published=False).min(),
    }
    for key, measure in measures.items():
        values = [measure(curve) for curve in curves]
        claims[key] = (np.mean(values), (min(values), max(values)))
    return claims


def published(run: "Run", prepared: "PreparedSet", seed: int) -> Fitted:
    """The report's network and recipe on the training photos, fitted now or loaded.

    The batches count, not the photos: where there are fewer than 16 times as many, it passes over
    them again.
    """
    recipe = Recipe(batches=run.profile.published_batches)
    return _headline(run, prepared, None, recipe, seed, "published")


def colorize_cnn(run: "Run", prepared: "PreparedSet", seed: int) -> Fitted:
    """The report's network trained until validation stops improving, fitted now or loaded."""
    profile = run.profile
    recipe = Recipe(
        learning_rate=1e-3, batches=None, epochs=profile.epochs, patience=profile.patience
    )
    validation = Photos.of(prepared, "validation")
    return _headline(run, prepared, validation, recipe, seed, "colorize_cnn")


def _headline(run, prepared, validation, recipe, seed, name) -> Fitted:
    path = run.folder / "checkpoints" / f"{name}-seed{seed}.pt"
    build = functools.partial(ColorizeCNN, fast=True)
    train = Photos.of(prepared, "train")
    label, device = f"{name}, seed {seed}", devices.asked()
    return fit(build, train, validation, recipe, seed, path, label, device)


if __name__ == "__main__":
    from .__main__ import main

    main()
