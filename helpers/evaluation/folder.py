"""What does `python -m helpers.evaluation` do?

It measures weights, and guesses without a network, on a folder of photos that those weights have
not seen.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .. import paths, preprocessing, results
from ..model import baselines, street_unet
from ..preprocessing import PreparedSet
from . import reproduced
from .evaluate import Evaluation, evaluate, unet_colors


def fair_photos(prepared: PreparedSet, hashes: Iterable[str]) -> np.ndarray:
    """Photos on which weights that saw the files `hashes` (SHA-256) may be judged.

    All of them, if they saw none. Otherwise those of the test stretches that they did not see,
    since the neighbors of what they saw would flatter them. Raises ValueError if none is left.
    """
    seen = prepared.photos.sha256.isin(set(hashes)).to_numpy()
    fair = np.flatnonzero(~seen)
    if seen.any():
        fair = np.intersect1d(fair, prepared.indices("test"))
    if not len(fair):
        raise ValueError("these weights were trained or tuned on all photos here: give others")
    return fair


def evaluate_folder(folder: str | Path, weights: str | Path | None) -> tuple[Evaluation, dict]:
    """Guesses without a network and the weights in a file, on a folder; and what was left out.

    weights: a file of street_unet.save; None takes the shipped ones, or the baselines alone where
    none are shipped. Copies and the weights of the rebalanced AuC come from the folder's own
    training stretches, a copy never from the photo's place; so does the mean color where no weights
    bring one, and then it has seen some of the photos. Raises ValueError or OSError, in one
    sentence, for what cannot be read or is no fair test.
    """
    prepared = preprocessing.prepare(folder)
    shipped = paths.WEIGHTS / "street_unet.safetensors"
    if weights is None and shipped.exists():
        weights = shipped
    seen, mean, points = [], None, {}
    if weights is not None:
        model, meta, points = street_unet.load(weights)
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
    for name, point in points.items():
        predictions[name] = [unet_colors(model, lightness, point)]
    counts = {
        "folder": Path(folder).name,
        "weights": None if weights is None else Path(weights).name,
        "photos": len(chosen),
        "places": int(prepared.photos.place.iloc[chosen].nunique()),
        "rejected": len(prepared.rejected),
        "left_out": len(prepared.photos) - len(chosen),
    }
    return evaluate(predictions, prepared, chosen), counts


def main(arguments: list[str] | None = None) -> int:
    """`python -m helpers.evaluation`; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m helpers.evaluation",
        description="Measure the shipped model, and guesses without a network, on your photos.",
        epilog="Photos that the weights were trained or tuned on are left out and counted.",
    )
    parser.add_argument("folder", help="a folder of color photos")
    parser.add_argument("--weights", metavar="W", help="another file of street_unet weights")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there as well")
    parser.add_argument(
        "--check", metavar="FILE", help="compare with the numbers that --json wrote there before"
    )
    options = parser.parse_args(arguments)
    try:
        evaluation, counts = evaluate_folder(options.folder, options.weights)
        found = {"data": counts, "metrics": evaluation.as_results()}
        recorded = results.load(options.check) if options.check else None
        if options.json:
            results.save(Path(options.json), found)
    except (OSError, ValueError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    print(
        f"{counts['photos']} photos of {counts['places']} places; {counts['left_out']} left out "
        f"(seen by the weights, or neighbors of those), {counts['rejected']} rejected."
    )
    if not counts["weights"]:
        print(
            "No weights are shipped or given: the baselines alone, the mean of these very photos."
        )
    print("Value [95 % interval over places].")
    print(evaluation.table().T.to_string())
    if recorded is None:
        return 0
    lines, agree = reproduced.compare(found, recorded)
    print(*lines, sep="\n")
    return 0 if agree else 1
