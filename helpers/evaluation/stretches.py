"""Stretches of street: how errors correlate along it, and whether intervals cover the next one."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from ..intervals import interval, prediction
from ..metrics import METRICS
from ..photos import split
from ..preprocessing import PreparedSet
from .evaluate import Evaluation, drawn

FEWEST_PAIRS = 8  # pairs of places; a correlation of fewer is left out


def correlation(judged: Evaluation, prepared: PreparedSet, models: Iterable[str]) -> pd.DataFrame:
    """How alike errors are a number of places apart: one row a distance, one column a model.

    The error of a place is the mean logarithm of its photos' squared errors, of a model relative
    to gray, and of "gray" itself per pixel. Values are the covariance of all pairs of tested places
    at that distance over the variance of all places. Distances reach half of the longest run of
    neighboring tested places, and at most three stretches.
    """
    order = {name: i for i, name in enumerate(split.places_in_order(prepared.photos))}
    positions = judged.photos.place.map(order).to_numpy()
    longest = max(np.ptp(run) + 1 for run in split.runs(positions))
    columns = {}
    for model in models:
        metric = "mse" if model == "gray" else "mse_vs_gray"
        with np.errstate(divide="ignore"):
            errors = np.log(judged.per_photo(model, metric))
        errors = pd.Series(np.where(np.isfinite(errors), errors, np.nan)).groupby(positions).mean()
        known = errors.reindex(range(positions.min(), positions.max() + 1)) - errors.mean()
        columns[model] = {
            distance: value
            for distance in range(1, min(longest // 2, 3 * split.STRETCH) + 1)
            if np.isfinite(value := _covariance(known.to_numpy(), distance))
        }
        columns[model] = pd.Series(columns[model], dtype=float) / errors.var(ddof=0)
    return pd.DataFrame(columns).rename_axis("places apart")


def _covariance(values: np.ndarray, distance: int) -> float:
    products = values[:-distance] * values[distance:]
    known = products[np.isfinite(products)]
    return known.mean() if len(known) >= FEWEST_PAIRS else np.nan


def by_stretch(judged: Evaluation, model: str) -> pd.DataFrame:
    """Each stretch (or other unit) alone: its first place, photos, rmse, rmse_gray, mse_vs_gray.

    Errors are per channel, in ab units; one row a unit.
    """
    ours, gray = judged.by_unit(model), judged.by_unit("gray")
    place = judged.photos.place.groupby(judged.units.to_numpy())
    columns = {"first_place": place.first(), "photos": place.size()}
    columns |= {"rmse": ours.rmse, "rmse_gray": gray.rmse, "mse_vs_gray": ours.mse_vs_gray}
    return pd.DataFrame(columns)


def coverage(judged: Evaluation, models: Iterable[str], metrics: Iterable[str]) -> pd.DataFrame:
    """Leave each stretch out, and ask whether the intervals of the others cover it.

    Columns: model, metric, stretch, value (on that stretch), low and high (the prediction interval
    from the others), covered, places_low and places_high (the interval of the mean over the others
    with places as units, which ignores streets), covered_by_places. Empty where the unit is not
    the stretch. What a stretch cannot measure is left out.
    """
    rows = []
    for left_out in np.unique(judged.units) if judged.units.name == "stretch" else ():
        others = (judged.units != left_out).to_numpy()
        places = judged.photos.place[others].reset_index(drop=True)
        for model in models:
            each = judged.by_unit(model)
            draws = drawn([s[others].reset_index(drop=True) for s in judged.sums[model]], places)
            for metric in metrics:
                value, kept = each[metric][left_out], each[metric].drop(left_out)
                if np.isnan(value):
                    continue
                ends = prediction(kept, METRICS[metric].largest)
                naive = interval(draws[metric], places.nunique())
                row = [model, metric, left_out, value, *ends, ends[0] <= value <= ends[1]]
                rows.append([*row, *naive, naive[0] <= value <= naive[1]])
    names = ["model", "metric", "stretch", "value", "low", "high", "covered"]
    names += ["places_low", "places_high", "covered_by_places"]
    return pd.DataFrame(rows, columns=names)
