"""How good predictions are, compared with what, and how sure the numbers are.

Intervals are 95% intervals from resampled stretches of street (and seeds); `intervals` says more.
Differences between models are paired: both are measured on the same resampled stretches.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import nn

from .. import metrics, paths
from ..intervals import as_text, bootstrap, compared, draw, interval, prediction
from ..model import baselines, bins, street_unet
from ..model.predict import predict
from ..preprocessing import PreparedSet


@dataclass(frozen=True)
class Evaluation:
    """Models measured on the same photos. Made by `evaluate`."""

    photos: pd.DataFrame  # those that were measured, as in PreparedSet.photos
    units: pd.Series  # what was resampled, a label a photo; "stretch", "place" or "photo" by name
    sums: dict[str, list[pd.DataFrame]]  # per model and seed, one row a photo
    estimates: pd.DataFrame  # models x metrics, means over seeds
    draws: dict[str, pd.DataFrame]  # per model: a row of metrics for each draw

    def as_results(self) -> dict[str, dict[str, float | None]]:
        """For results.json: {model: {metric, metric_low, metric_high, ...}}.

        Where the unit is the stretch, metric_new_low and metric_new_high as well.
        """
        found = {}
        for model, values in self.estimates.iterrows():
            found[model] = {}
            for metric, value in values.items():
                low, high = self.interval(model, metric)
                row = {metric: value, f"{metric}_low": low, f"{metric}_high": high}
                if self.units.name == "stretch":
                    low, high = self.new(model, metric)
                    row |= {f"{metric}_new_low": low, f"{metric}_new_high": high}
                found[model] |= {k: float(v) if np.isfinite(v) else None for k, v in row.items()}
        return found

    def interval(self, model: str, metric: str) -> tuple[float, float]:
        """The 95% confidence interval of a metric: of its mean over streets like these."""
        return interval(self.draws[model][metric], self.units.nunique())

    def new(self, model: str, metric: str) -> tuple[float, float]:
        """The 95% prediction interval of a metric: of its value on one more stretch."""
        return prediction(self.by_unit(model)[metric], metrics.METRICS[metric].largest)

    def by_unit(self, model: str) -> pd.DataFrame:
        """Metrics of each unit alone, means over seeds: units x metrics."""
        return self._by_unit[model]

    @functools.cached_property  # every metric uses it
    def _by_unit(self) -> dict[str, pd.DataFrame]:
        seeds = {m: [_measured(s, self.units) for s in sums] for m, sums in self.sums.items()}
        return {model: pd.concat(each).groupby(level=0).mean() for model, each in seeds.items()}

    def resampled(self) -> str:
        """What the intervals resample, in words: "10 stretches of about 140 photos"."""
        count, photos = self.units.nunique(), len(self.units)
        if self.units.name == "photo":
            return f"{photos} photos"
        kind = {"stretch": "stretches", "place": "places"}[self.units.name]
        return f"{count} {kind} of about {photos / count:.0f} photos"

    def table(self, names: Iterable[str] = metrics.METRICS, intervals: bool = True) -> pd.DataFrame:
        """Models x metrics as text, "value [low, high]"; `-` where nothing can be measured.

        Columns are the metrics' labels with their units.
        """
        rows = {}
        for model in self.estimates.index:
            rows[model] = {}
            for name in names:
                values = (self.estimates.loc[model, name], *self.interval(model, name))
                rows[model][metrics.METRICS[name].head] = as_text(
                    values if intervals else values[:1], metrics.METRICS[name].digits
                )
        return pd.DataFrame.from_dict(rows, orient="index")

    def compare(self, model: str, other: str, metric: str = "mse_vs_gray") -> "Difference":
        """The difference model - other of a metric, within the same draws of units."""
        value = self.estimates.loc[model, metric] - self.estimates.loc[other, metric]
        difference = self.draws[model][metric] - self.draws[other][metric]
        low, high = interval(difference, self.units.nunique())
        return Difference(model, other, metric, float(value), low, high)

    def against_gray(self, model: str) -> str:
        """One sentence: is the model better than gray on these photos?"""
        low, high = self.interval(model, "mse_vs_gray")
        word = {"better": "better than", "worse": "worse than"}.get(
            compared(low, high, 1), "not distinguishable from"
        )
        error = as_text((self.estimates.loc[model, "mse_vs_gray"], low, high), 3)
        return f"{model} is {word} gray: its squared error is {error} relative to gray."

    def expected(self) -> list[str]:
        """A sentence a model on what to expect on one more stretch, or one on why none can be."""
        if self.units.name != "stretch":
            too_few = "there are too few stretches of street to say what to expect on another one."
            return [f"Intervals resample {self.units.name}s: {too_few}"]
        lines = []
        for model in self.estimates.index.drop("gray", errors="ignore"):
            text = "{:.2f} to {:.2f}".format(*self.new(model, "mse_vs_gray"))
            lines.append(f"{model}: on another stretch like these, expect MSE / gray of {text}.")
        return lines

    def per_photo(self, model: str, metric: str) -> np.ndarray:
        """A metric (not a median) of each photo alone, mean over seeds."""
        return np.mean([metrics.pool(s)[metric].to_numpy() for s in self.sums[model]], axis=0)


def ratio(
    away: Evaluation, home: Evaluation, model: str, metric: str = "mse_vs_gray"
) -> tuple[float, tuple[float, float]]:
    """A metric on one set of photos over that on another, and its 95% confidence interval."""
    value = away.estimates.loc[model, metric] / home.estimates.loc[model, metric]
    fewer = min(away.units.nunique(), home.units.nunique())
    # Equally many units have the same draws; the two sets of photos are independent.
    apart = np.random.default_rng(0).permutation(away.draws[model][metric])
    return float(value), interval(apart / home.draws[model][metric], fewer)


def _measured(sums: pd.DataFrame, units: pd.Series) -> pd.DataFrame:
    """All metrics of each unit: units x metrics."""
    labels = units.to_numpy()
    found = metrics.pool(sums.groupby(labels).sum())
    ratio = sums.square / sums.square_gray
    found.insert(2, "mse_vs_gray_median", ratio.groupby(labels).median())
    return found


@dataclass(frozen=True)
class Difference:
    """A paired difference of one metric with its 95% confidence interval."""

    model: str
    other: str
    metric: str
    value: float
    low: float
    high: float

    @property
    def word(self) -> str:
        """ "better", "worse" or "not distinguishable", by the metric's own direction.

        Of a metric that is best at 1 or at the ground truth's value, "different" or "not
        distinguishable".
        """
        better = metrics.METRICS[self.metric].better
        if better in ("one", "truth"):
            apart = self.low > 0 or self.high < 0
            return "different" if apart else "not distinguishable"
        return compared(self.low, self.high, 0, better == "lower")

    def __str__(self) -> str:
        metric = metrics.METRICS[self.metric]
        numbers = as_text((self.value, self.low, self.high), metric.digits, sign="+")
        return f"{self.model} - {self.other}, {metric.label}: {numbers}, {self.word}"


def evaluate(
    predictions: dict[str, Iterable[np.ndarray]],
    prepared: PreparedSet,
    indices: np.ndarray,
    weights: np.ndarray | None = None,
) -> Evaluation:
    """Measure models on the photos `indices` of a prepared set.

    predictions: per model one array a seed, each N x H x W x 2 in ab units, in the order of
    `indices`; a generator keeps one of them in memory at a time. weights: bins.color_weights,
    by default those of the training photos. Raises ValueError for no photos.
    """
    if not len(indices):
        raise ValueError("no photos to evaluate: the split is empty")
    if weights is None:
        weights = bins.color_weights(prepared.ab[prepared.indices("train")])
    lightness, truth = prepared.lightness[indices], prepared.ab[indices]
    seen = metrics.on_screen(lightness, truth)
    sums = {
        model: [metrics.per_photo(ab, lightness, truth, weights, seen) for ab in seeds]
        for model, seeds in predictions.items()
    }
    photos = prepared.photos.iloc[indices].reset_index(drop=True)
    units = prepared.units(indices)
    whole = pd.Series(np.zeros(len(photos)))
    estimates, draws = {}, {}
    for model, seeds in sums.items():
        estimates[model] = pd.concat([_measured(s, whole) for s in seeds]).mean()
        draws[model] = drawn(seeds, units)
    return Evaluation(photos, units, sums, pd.DataFrame(estimates).T, draws)


def drawn(seeds: list[pd.DataFrame], units: pd.Series) -> pd.DataFrame:
    """All metrics in every draw of units; seeds: sums of the same photos, one row a photo."""
    draws, counts = bootstrap(seeds, units, metrics.pool), draw(units)
    medians = np.mean([metrics.median(sums, counts) for sums in seeds], axis=0)
    draws.insert(2, "mse_vs_gray_median", medians)
    return draws


def colored(fold: PreparedSet, networks: dict[str, nn.Module], unet) -> dict[str, np.ndarray]:
    """Colors that baselines and networks give the test photos of a fold, each N x H x W x 2.

    networks: "published" and "colorize_cnn", trained on this fold. unet: its `training.Trained`.
    "published_stretched" is the report's display of its output; "colorize_cnn_scaled" is multiplied
    by the constant that gives the validation photos their true mean chroma.
    """
    rows, held = fold.indices("test"), fold.indices("validation")
    lightness = fold.lightness[rows]
    found = {name: ab for name, (ab,) in baselines.baselines(fold, rows).items()}
    found |= {name: predict(network, lightness) for name, network in networks.items()}
    found["published_stretched"] = baselines.stretch(found["published"])
    dull = predict(networks["colorize_cnn"], fold.lightness[held])
    gain = baselines.matching_gain(dull, fold.ab[held])
    found["colorize_cnn_scaled"] = gain * found["colorize_cnn"]
    points = unet.points.items()
    return found | {name: predict(unet.model, lightness, point) for name, point in points}


def shipped(prepared: PreparedSet, indices: np.ndarray) -> tuple[dict[str, np.ndarray], int]:
    """Colors that the shipped weights give photos, and how many of these photos they had seen.

    By the names of their operating points, ending in "_shipped"; nothing where they had seen any.
    They see each photo at one size, as the networks of `colored` do.
    """
    model, meta, points = street_unet.load(paths.SHIPPED)
    known = set(meta["training_photos"] + meta["validation_photos"])
    seen = int(prepared.photos.sha256.iloc[indices].isin(known).sum())
    named = {} if seen else {f"{name}_shipped": point for name, point in points.items()}
    lightness = prepared.lightness[indices]
    return {name: predict(model, lightness, point) for name, point in named.items()}, seen
