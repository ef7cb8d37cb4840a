"""What changes if we change one thing? What the notebook asks beyond plain studies."""

import functools
from dataclasses import asdict

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from tqdm import tqdm

from .. import model
from ..model.baselines import nearest_copy
from ..preprocessing import PreparedSet
from ..results import Run
from ..training import checkpoint, fitting, threads
from ..training.batches import Photos, order
from ..training.recipe import Recipe
from . import laws, studies, timings
from .studies import Estimate, Study

RNG = 2014  # of which photos a split by photo trains on
KERNELS = (1, 3, 5, 7, 9)
STACK_WIDTH = 16  # channels of every layer
STACKS = {  # name: kernel, layers
    "two 3 x 3": (3, 2),
    "one 5 x 5": (5, 1),
    "three 3 x 3": (3, 3),
    "one 7 x 7": (7, 1),
}
STACK_RATE = 1e-3  # at 1e-5 none would have learned enough to be told apart


def l1(run: Run, prepared: PreparedSet) -> Study:
    """The published recipe with L1 in place of MSE.

    Its history has `mse`, the mean square error of each batch, besides the loss. Kept when done.
    """
    recipe = Recipe(loss="l1", batches=run.profile.published_batches)
    path = run.folder / "checkpoints" / f"study-l1-seed{run.seed}.pt"
    photos = Photos.of(prepared, "train")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        network = studies.PUBLISHED().to(memory_format=torch.channels_last)
    about = {"recipe": asdict(recipe), "seed": run.seed, "data": photos.fingerprint()}
    key = checkpoint.key(network, **about)
    kept = checkpoint.load(path, key)
    if kept is None:
        losses = _watched(network, photos, recipe, run.seed)
        kept = {"losses": losses, "model": network.state_dict()}
        checkpoint.save(path, key, kept)
    network.load_state_dict(kept["model"])
    history = pd.DataFrame(kept["losses"], columns=["loss", "mse"]).rename_axis("batch")
    return studies.measure_model(network, prepared, history.reset_index())


def _watched(network, photos: Photos, recipe: Recipe, seed: int) -> list[tuple[float, float]]:
    """Fit, and note the loss and the mean square error of every batch."""
    optimizer = torch.optim.Adam(network.parameters(), recipe.learning_rate)
    team, parts, squares = threads.team(photos=recipe.batch_size), [], []

    def loss(output, target):
        parts.append((F.mse_loss(output.detach(), target).item(), len(output)))
        return fitting.LOSSES[recipe.loss](output, target)

    fitting.keep_memory()
    losses = []
    for number in tqdm(range(recipe.batches), desc=recipe.loss, unit="batch", leave=False):
        batch = photos.batch(order(number, recipe.batch_size, len(photos), seed))
        losses.append(fitting.update(network, optimizer, loss, *batch, team=team).item())
        each, photos_each = zip(*parts)  # of each thread's part of the batch
        squares.append(float(np.average(each, weights=photos_each)))
        parts.clear()
    return list(zip(losses, squares))


def batch_rmse(mse) -> np.ndarray:
    """Mean square errors in the report's scale as RMSE per channel, ab units."""
    return 255 * np.sqrt(np.asarray(mse))


def settling_ratio(slow, fast) -> Estimate:
    """Batch at which `slow` settles over that of `fast`; the range for 85 to 95 % of the way."""
    shares = np.linspace(*laws.SETTLED_RANGE, 11)
    ratios = [laws.settles_at(slow, share) / laws.settles_at(fast, share) for share in shares]
    middle = laws.settles_at(slow, laws.SETTLED) / laws.settles_at(fast, laws.SETTLED)
    return middle, (min(ratios), max(ratios))


def time_kernels(run: Run) -> pd.DataFrame:
    """Seconds a step of the report's network for each kernel width, and for the fast width 3.

    Columns are the widths and "3, fast". All but that write the upsampled pictures, as the
    report's did.
    """
    builds = {str(k): functools.partial(model.ColorizeCNN, k) for k in KERNELS}
    builds["3, fast"] = studies.PUBLISHED
    return timings.in_turn(run, "kernels", builds, run.profile.timing_repeats)


def stack(kernel: int, layers: int) -> model.ReachCNN:
    """A ReachCNN of STACK_WIDTH channels that takes lightness as 0..1 instead of 0..255.

    Without two poolings in between, 0..255 would drive the last sigmoid to an end of its scale,
    where it passes no gradient back, for some initial weights and not for others.
    """
    net = model.ReachCNN(kernel, layers, STACK_WIDTH)
    net.register_forward_pre_hook(lambda _, inputs: (inputs[0] / 255,))
    return net


def compare_stacks(run: Run, prepared: PreparedSet) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    """Stacks of 3 x 3 against one large kernel of equal reach, equal width throughout.

    Returns a table (name, reach in pixels, parameters, multiply_adds in millions a photo, seconds
    a step and mse_vs_gray, each with _low and _high), the seconds round by round, the studies.
    """
    builds = {name: functools.partial(stack, *shape) for name, shape in STACKS.items()}
    seconds = timings.in_turn(run, "stacks", builds, run.profile.timing_repeats)
    recipe = Recipe(learning_rate=STACK_RATE, batches=run.profile.study_batches)
    fitted, rows = {}, []
    for name, build in builds.items():
        fitted[name] = studies.study(run, prepared, name.replace(" ", "-"), recipe, build)
        layers = model.layer_table(build())
        row = {"name": name, "reach": layers.receptive_field.iloc[-1]}
        row |= {"parameters": layers.parameters.sum()}
        row |= {"multiply_adds": layers.multiply_adds.sum() / 1e6}
        time, (low, high) = timings.over_rounds(seconds[[name]], np.squeeze)
        row |= {"seconds": time, "seconds_low": low, "seconds_high": high}
        error, (low, high) = studies.value(fitted[name], studies.mse_vs_gray)
        row |= {"mse_vs_gray": error, "mse_vs_gray_low": low, "mse_vs_gray_high": high}
        rows.append(row)
    return pd.DataFrame(rows), seconds, fitted


def leak(prepared: PreparedSet) -> tuple[Study, Study]:
    """Copying the colors of the training photo nearest in lightness: by stretches, by photo.

    The same test photos under both splits, and as many training photos; a split by photo draws
    them from all photos but the one that is tested.
    """
    photos = prepared.photos
    own = np.flatnonzero(~photos.extra.to_numpy())
    test, split = prepared.indices("test"), photos.split.to_numpy()[own]
    stretches = np.broadcast_to(split == "train", (len(test), len(own)))
    luck = np.random.default_rng(RNG).random(stretches.shape)
    luck[test[:, None] == own] = 2
    by_photo = luck.argsort(axis=1).argsort(axis=1) < stretches[0].sum()
    copies = (
        nearest_copy(prepared.lightness[test], prepared.lightness[own], prepared.ab[own], allowed)
        for allowed in (stretches, by_photo)
    )
    return tuple(studies.measure(ab, prepared) for ab in copies)
