"""Studies of the report's network: one thing is changed, and the held-out photos are measured.

All studies of a run are measured on the same photos and the same bootstrap draws of units, so
that ratios and differences of two studies are paired. Intervals are 95%.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from torch import Tensor, nn

from .. import color, evaluation, model, training
from ..intervals import bootstrap, interval
from ..model.baselines import nearest_copy
from ..model.predict import predict
from ..preprocessing import PreparedSet
from ..results import Run
from ..training import Photos, Recipe, devices
from . import timings

EDGE = 4  # pixels from the border that count as near the edge
CHROMA_EDGES = np.concatenate([[0], np.geomspace(0.1, 2000, 400)])  # steps of 2.5%, ab units
RNG = 2014  # of the training photos that a split by photo draws
STACK_WIDTH = 16  # channels of every layer
STACK_RATE = 1e-3  # at 1e-5 no stack would learn enough to differ from another
SLOWER = 3  # times, the slower rate
LARGER = 64  # photos in a larger batch
STACKS = {  # name: kernel width, layers
    "two 3 x 3": (3, 2),
    "one 5 x 5": (5, 1),
    "three 3 x 3": (3, 3),
    "one 7 x 7": (7, 1),
}

Estimate = tuple[float, tuple[float, float]]  # a number and its interval


@dataclass(frozen=True)
class Study:
    """Colors of the held-out photos, measured. Made by `study`, `published` and `measure`.

    estimates: metrics.METRICS and those of `_own_metrics`. draws: the same for each bootstrap
    draw of units, of which there are `units`. totals: the sums of `_own_sums` over all photos.
    history: of the training run, one row per batch.
    """

    estimates: pd.Series
    draws: pd.DataFrame
    totals: pd.Series
    units: int
    history: pd.DataFrame | None = None

    def value(self, metric: str = "mse_vs_gray") -> Estimate:
        return float(self.estimates[metric]), interval(self.draws[metric], self.units)

    def ratio(self, other: "Study", metric: str = "mse_vs_gray") -> Estimate:
        """A metric of this study over that of another, with its paired interval."""
        value = self.estimates[metric] / other.estimates[metric]
        return float(value), interval(self.draws[metric] / other.draws[metric], self.units)

    def difference(self, other: "Study", metric: str = "mse_vs_gray") -> Estimate:
        """A metric of this study minus that of another, with its paired interval."""
        value = self.estimates[metric] - other.estimates[metric]
        return float(value), interval(self.draws[metric] - other.draws[metric], self.units)

    def by_ring(self) -> np.ndarray:
        """Squared error relative to gray by distance to the nearest border (0, 1, ... pixels)."""
        return (self.totals["square"] / self.totals["gray"]).to_numpy()

    def share_above(self, counts: str = "counts") -> np.ndarray:
        """Share of pixels with a chroma above each of CHROMA_EDGES.

        counts: "counts_true" for ground truth.
        """
        counted = self.totals[counts].to_numpy()
        return np.append(counted[::-1].cumsum()[::-1], 0) / counted.sum()


def study(
    run: Run,
    prepared: PreparedSet,
    name: str,
    recipe: Recipe,
    build: Callable[[], nn.Module] | None = None,
    log: dict[str, Callable[[Tensor, Tensor], Tensor]] | None = None,
) -> Study:
    """Train a network with the run's seed, or load it, and measure it on the held-out photos.

    `name` is part of its checkpoint's name; `build` and `log` are those of `training.fit`.
    """
    fitted = training.fit(
        replace(recipe, seed=run.seed),
        Photos.of(prepared, "train"),
        path=run.folder / "checkpoints" / f"study-{name}-seed{run.seed}.pt",
        device=devices.requested(),
        label=name,
        build=build,
        log=log,
    )
    return _measured(fitted, prepared)


def published(run: Run, prepared: PreparedSet, batches: int) -> Study:
    """The published recipe with `batches`; the training run of notebook 03 if it has as many."""
    if batches != run.profile.published_batches:
        return study(run, prepared, f"published-{batches}", Recipe(batches=batches))
    return _measured(training.published(run, prepared, run.seed), prepared)


def _measured(fitted: training.Fitted, prepared: PreparedSet) -> Study:
    ab = predict(fitted.model, prepared.lightness[prepared.indices("test")])
    return replace(measure(ab, prepared), history=fitted.history)


def measure(ab: np.ndarray, prepared: PreparedSet) -> Study:
    """Measure colors of the N test photos. ab: N x H x W x 2, ab units."""
    rows = prepared.indices("test")
    found = evaluation.evaluate({"": [ab]}, prepared, rows)
    sums = _own_sums(ab, prepared.ab[rows])
    own = bootstrap([sums], found.units, _own_metrics)
    totals = sums.sum()
    estimates = pd.concat([found.estimates.loc[""], _own_metrics(totals.to_frame().T).iloc[0]])
    return Study(estimates, found.draws[""].join(own), totals, found.units.nunique())


def _own_sums(ab: np.ndarray, truth: np.ndarray) -> pd.DataFrame:
    """Sums over each photo, for what helpers.metrics lacks. Columns are (kind, number).

    "pixels", "square" and "gray": pixels, squared error of ab and of gray, by distance to the
    nearest border (0, 1, ... pixels). "counts" and "counts_true": pixels by bin of CHROMA_EDGES;
    the last bin has all beyond it. truth: as stored (uint8).
    """
    rings = distance_to_border(*ab.shape[1:3]).ravel()
    rows = []
    for photo, stored in zip(ab, truth):
        true = color.load_ab(stored)
        row = {"pixels": np.bincount(rings)}
        for kind, square in (("square", np.square(photo - true)), ("gray", np.square(true))):
            row[kind] = np.bincount(rings, square.sum(axis=-1).ravel())
        for kind, colors in (("counts", photo), ("counts_true", true)):
            chroma = color.chroma(colors).clip(0, CHROMA_EDGES[-1])
            row[kind] = np.histogram(chroma, CHROMA_EDGES)[0]
        rows.append(row)
    kinds = {kind: pd.DataFrame([row[kind] for row in rows], dtype=float) for kind in rows[0]}
    return pd.concat(kinds, axis=1)


def _own_metrics(sums: pd.DataFrame) -> pd.DataFrame:
    """Two metrics of each row of `_own_sums`.

    edge_over_inside: squared error of a pixel within EDGE of the border over that of one inside.
    chroma_999: the chroma (ab units) that one pixel in a thousand exceeds.
    """
    error, pixels = sums["square"].to_numpy(), sums["pixels"].to_numpy()
    near, inside = (
        error[:, part].sum(axis=1) / pixels[:, part].sum(axis=1)
        for part in (slice(EDGE), slice(EDGE, None))
    )
    counts = sums["counts"].to_numpy()
    below = np.pad(counts.cumsum(axis=1) / counts.sum(axis=1, keepdims=True), ((0, 0), (1, 0)))
    highest = [np.interp(0.999, each, CHROMA_EDGES) for each in below]
    with np.errstate(invalid="ignore", divide="ignore"):  # no error inside
        return pd.DataFrame({"edge_over_inside": near / inside, "chroma_999": highest})


def distance_to_border(height: int, width: int) -> np.ndarray:
    """Pixels between each pixel of H x W and the nearest border."""
    down, across = (np.minimum(np.arange(n), np.arange(n)[::-1]) for n in (height, width))
    return np.minimum(down[:, None], across)


def stack(kernel: int, layers: int) -> model.ReachCNN:
    """A ReachCNN of STACK_WIDTH channels that takes lightness as 0..1 instead of 0..255.

    It has no pooling, so that 0..255 would saturate its last sigmoid for some initial weights.
    """
    net = model.ReachCNN(kernel, layers, STACK_WIDTH)
    net.register_forward_pre_hook(lambda _, inputs: (inputs[0] / 255,))
    return net


def compare_stacks(
    run: Run, prepared: PreparedSet
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Study]]:
    """Stacks of 3 x 3 layers and single layers with their receptive field, of STACK_WIDTH channels.

    Returns a table with one row per network, the seconds per step round by round, and the
    studies. Columns: name, reach (pixels), parameters, multiply_adds (millions per photo),
    seconds (per step) and mse_vs_gray, the last two with _low and _high.
    """
    builds = {name: lambda shape=shape: stack(*shape) for name, shape in STACKS.items()}
    seconds = timings.in_turn(run, "stacks", builds)
    recipe = Recipe(rate=STACK_RATE, batches=run.profile.study_batches)
    fitted, rows = {}, []
    for name, build in builds.items():
        fitted[name] = study(run, prepared, _file(name), recipe, build)
        layers = model.layer_table(build())
        row = {
            "name": name,
            "reach": layers.receptive_field.iloc[-1],
            "parameters": layers.parameters.sum(),
            "multiply_adds": layers.multiply_adds.sum() / 1e6,
        }
        estimates = {
            "seconds": timings.over_rounds(seconds[[name]], np.squeeze),
            "mse_vs_gray": fitted[name].value(),
        }
        for column, (value, (low, high)) in estimates.items():
            row |= {column: value, f"{column}_low": low, f"{column}_high": high}
        rows.append(row)
    return pd.DataFrame(rows), seconds, fitted


def suggestions(run: Run, prepared: PreparedSet, base: Study) -> dict[str, Estimate]:
    """Error of the report's suggestions relative to `base`, the published recipe, by their names.

    With as many photos a larger batch also has fewer steps, and with as many steps a slower rate
    also trains less. Only a full run has time for the two studies that separate these.
    """
    n = run.profile.study_batches
    larger, slower = {"batch_size": LARGER}, {"rate": Recipe.rate / SLOWER}
    recipes = {
        "batches of 64, as many photos": Recipe(**larger, batches=n // 4),
        "third of the rate, as many steps": Recipe(**slower, batches=n),
    }
    if run.profile.name == "full":
        recipes |= {
            "batches of 64, as many steps": Recipe(**larger, batches=n),
            "third of the rate, three times the steps": Recipe(**slower, batches=SLOWER * n),
        }
    deeper = partial(model.ColorizeCNN, fast=True, extra_layers=2)
    builds = dict.fromkeys(recipes) | {"two more layers": deeper}
    return {
        name: study(run, prepared, _file(name), recipes.get(name, Recipe(batches=n)), build).ratio(
            base
        )
        for name, build in builds.items()
    }


def _file(name: str) -> str:
    return name.replace(",", "").replace(" ", "-")


def leak(prepared: PreparedSet) -> tuple[Study, Study]:
    """Copying the colors of the training photo most similar in lightness, under two splits.

    First the split by stretches, then one by photo, with the same test photos and equally many
    training photos. The split by photo draws them from all photos except the tested one.
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
    return tuple(measure(ab, prepared) for ab in copies)
