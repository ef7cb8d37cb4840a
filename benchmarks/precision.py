"""Does training with 16 bits in most products (bfloat16) hurt what the networks learn?

    python benchmarks/precision.py [DATA] [--seeds N] [--batches N] [--json FILE]

The report's network and street_unet, in the widths of a quick run, learn from the same photos in
the same order, each seed once in float32 and once in bfloat16, and are judged on the test photos,
in float32. Intervals are over places and seeds; "change" is bfloat16 less float32 within the same
draws. Fits are kept in build/precision/, so that a run which was stopped goes on. On a CPU without
instructions for it bfloat16 is many times slower.
"""

import helpers  # noqa: F401  (sets the threads' environment, which must come before PyTorch)

# isort: split
import argparse
from pathlib import Path

import pandas as pd

from helpers import evaluation, paths, preprocessing, results, training
from helpers.explorations import studies, tables, unet_studies
from helpers.report import environment
from helpers.training import fitting, unet_fitting
from helpers.training.batches import Photos
from helpers.training.devices import usable_device
from helpers.training.fit_unet import CHANGES, groups
from helpers.training.recipe import Recipe

KINDS = {"float32": False, "bfloat16": True}


def measure(data: str, images: int | None, seeds: int, batches: int, device) -> pd.DataFrame:
    """Networks in both precisions x metrics, as unet_studies.table has them."""
    prepared = preprocessing.prepare(data, images)
    test, train, sets = prepared.indices("test"), Photos.of(prepared, "train"), groups(prepared)
    lightness, predictions = prepared.lightness[test], {}
    for seed in range(seeds):
        for kind, half in KINDS.items():
            label, end = f"{kind}, seed {seed}", f"{kind}-seed{seed}.pt"
            folder = paths.BUILD / "precision" / prepared.name
            recipe = Recipe(learning_rate=1e-3, batches=batches, bfloat16=half)
            cnn = folder / f"colorize_cnn-{end}", f"colorize_cnn, {label}", device
            fitted = fitting.fit(studies.PUBLISHED, train, None, recipe, seed, *cnn)
            colors = training.predict(fitted.model, lightness)
            predictions.setdefault(f"colorize_cnn, {kind}", []).append(colors)
            how = {"widths": results.SMALL, "changes": CHANGES, "seed": seed, "bfloat16": half}
            recipe = unet_fitting.Recipe(batches, **how)
            unet = {"path": folder / f"street_unet-{end}", "label": f"street_unet, {label}"}
            trained = unet_fitting.fit(sets.train, sets.extra, recipe, device=device, **unet)
            colors = unet_studies.predict(trained.model, lightness)
            predictions.setdefault(f"street_unet, {kind}", []).append(colors)
    found = evaluation.evaluate(dict(sorted(predictions.items(), reverse=True)), prepared, test)
    against = {name: name.replace("bfloat16", "float32") for name in predictions}
    return unet_studies.table(found, against)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("data", nargs="?", default="synthetic", help="synthetic, or a folder of photos")
    add("--images", type=int, help="use at most N photos")
    add("--seeds", type=int, default=3, help="of each network and precision (3)")
    add("--batches", type=int, default=120, help="of 16 photos (120)")
    add("--device", default="cpu", help="cpu, cuda or mps (cpu)")
    add("--json", type=Path, help="write the record to this file")
    chosen = parser.parse_args()
    device = usable_device(chosen.device)
    try:
        found = measure(chosen.data, chosen.images, chosen.seeds, chosen.batches, device)
    except KeyboardInterrupt:
        parser.exit(130, "\nstopped; the same command goes on from here\n")
    print(tables.readable(found, change=True).to_string())
    if chosen.json:
        about = {"data": Path(chosen.data).name, "seeds": chosen.seeds, "batches": chosen.batches}
        ran_on = environment.described() | {"device": device.type}
        record = {"environment": ran_on, **about}
        results.save(chosen.json, record | tables.as_records({"precision": found}))


if __name__ == "__main__":
    main()
