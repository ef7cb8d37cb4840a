"""Weights and baselines measured on any folder of photos, and compared with recorded numbers."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .. import color, metrics, paths, preprocessing, results
from ..colorize import Colorizer
from ..model import baselines, street_unet
from ..preprocessing import PreparedSet
from . import judge
from .evaluate import Evaluation, evaluate

TOLERANCE = 0.005  # relative; other processors sum in another order, which moves metrics by 1e-4


def fair_photos(prepared: PreparedSet, hashes: Iterable[str]) -> np.ndarray:
    """Photos on which weights that saw the files `hashes` (SHA-256) may be judged.

    All of them, if the weights saw none. Otherwise the unseen photos of the test stretches, since
    neighbors of seen photos would flatter the weights. Raises ValueError if none is left.
    """
    seen = prepared.photos.sha256.isin(set(hashes)).to_numpy()
    fair = np.flatnonzero(~seen)
    if seen.any():
        fair = np.intersect1d(fair, prepared.indices("test"))
    if not len(fair):
        raise ValueError("these weights saw photos of every test stretch here: give other places")
    return fair


def evaluate_folder(
    folder: str | Path, weights: str | Path | None, judged: int = 0
) -> tuple[Evaluation, dict, judge.Judgement | None]:
    """The weights in a file and baselines, measured on a folder; and counts of its photos.

    weights: a file of `street_unet.save`; None uses the shipped ones, or the baselines alone if
    none are shipped. Their colors are those of `as_colorized`. Copies and the weights of the
    rebalanced AuC come from the folder's own training stretches; a copy is never of the photo's own
    place. The mean color is that of the weights' training photos; without weights it is that of the
    folder. judged: how many of the photos a classifier judges as well, at most; None in place of
    its judgement where fewer than two are. It judges gray, copies of random photos and the weights.
    Raises ValueError or OSError, in one sentence, for what cannot be read or is no fair test.
    """
    prepared = preprocessing.prepare(folder)
    shipped = paths.SHIPPED
    if weights is None and shipped.exists():
        weights = shipped
    seen, mean, points = [], None, {}
    if weights is not None:
        _, meta, points = street_unet.load(weights)
        try:
            seen = meta["training_photos"] + meta["validation_photos"]
            mean = np.array(meta["training_mean_ab"], np.float32)
        except KeyError as error:
            raise ValueError(f"{weights} does not say what it was trained on: {error}") from None
    chosen = fair_photos(prepared, seen)
    predictions = baselines.baselines(prepared, chosen)
    lightness = prepared.lightness[chosen]
    if mean is not None:
        predictions["mean"] = [np.broadcast_to(mean, (*lightness.shape, 2))]
    for name in points:
        predictions[name] = [as_colorized(Colorizer.load(weights, name), lightness, name)]
    counts = {
        "folder": Path(folder).name,
        "weights": None if weights is None else Path(weights).name,
        "photos": len(chosen),
        "places": int(prepared.photos.place.iloc[chosen].nunique()),
        "rejected": len(prepared.rejected),
        "left_out": len(prepared.photos) - len(chosen),
    }
    found = evaluate(predictions, prepared, chosen)
    counts |= {"unit": found.units.name, "resampled": found.resampled()}
    rows = judge.sample(len(chosen), judged)
    if len(rows) < 2:
        return found, counts, None
    shown = {name: predictions[name][0][rows] for name in ("random_copy", *points)}
    truth, units = prepared.ab[chosen[rows]], found.units.iloc[rows]
    return found, counts, judge.by_classifier(shown, lightness[rows], truth, units)


def as_colorized(colorizer: Colorizer, lightness: np.ndarray, name: str) -> np.ndarray:
    """The ab (N x H x W x 2, ab units, float32) that `helpers.colorize` gives to gray photos.

    lightness: N x H x W, as stored (uint8). name: of the progress bar. A fifth of a second a photo.
    """
    ab = np.empty((*lightness.shape, 2), np.float32)
    for i, photo in enumerate(tqdm(lightness, f"coloring {name}", leave=False)):
        gray = color.join_lab(color.load_lightness(photo), np.zeros_like(ab[i]))[..., 0]
        _, ab[i] = color.split_lab(colorizer.colorize(gray))
    return ab


def read_record(path: Path) -> dict:
    """The numbers that `python -m helpers.evaluation --json` wrote to a file.

    Raises ValueError, naming the file, if it holds anything else or no model at all.
    """
    try:
        record = results.load(path)
        values = [model[name] for model in record["metrics"].values() for name in _known(model)]
        numbers = [record["data"]["photos"], *(value for value in values if value is not None)]
        complete = bool(values) and bool(np.isfinite(numbers).all())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        complete = False
    if not complete:
        raise ValueError(
            f"{path} does not hold what python -m helpers.evaluation --json writes: "
            "give a file that it wrote"
        )
    return record


def _known(model: dict) -> list[str]:
    """The metrics in a record, which may be older than some of them."""
    return [name for name in metrics.METRICS if name == "mse_vs_gray" or name in model]


def compare(found: dict, recorded: dict) -> tuple[list[str], bool]:
    """Compare two {"data": .., "metrics": ..}: lines to print, and whether they agree.

    They agree if every metric of every recorded model is within TOLERANCE of the recorded value,
    and as many photos were measured. Intervals are not compared.
    """
    known = recorded["data"]["photos"]
    values = {
        (model, name): recorded["metrics"][model][name]
        for model in recorded["metrics"]
        for name in _known(recorded["metrics"][model])
    }
    lines, agree = [], found["data"]["photos"] == known
    lines.append(f"photos: {found['data']['photos']}, recorded {known}")
    for (model, name), old in values.items():
        new = found["metrics"].get(model, {}).get(name)
        if old is None and new is None:
            continue
        same = None not in (old, new) and abs(new - old) <= TOLERANCE * abs(old)
        agree &= same
        if not same:
            lines.append(f"{model} {name}: {new}, recorded {old}")
    verdict = "PASS" if agree else "FAIL"
    lines.append(f"{verdict}: within {TOLERANCE:.1%} of the recorded numbers")
    return lines, agree
