"""Error of the networks after training in bfloat16, compared with float32.

    python benchmarks/precision.py [DATA] [--seeds N] [--batches N] [--json FILE]

The report's network and street_unet, in the widths of a quick run, are trained on the same photos
in the same order, each seed in float32 and in bfloat16. They are evaluated on the test photos in
float32. Intervals are over stretches (or places) and seeds; "change" is bfloat16 minus float32 on
the same draws. Training runs are kept in build/precision/, so that an interrupted benchmark
resumes. On a CPU without bfloat16 instructions, bfloat16 is many times slower.
"""

import helpers  # noqa: F401  (sets the threads' environment, which must come before PyTorch)

# isort: split
import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd

from helpers import evaluation, paths, preprocessing, results
from helpers.explorations import tables, unet_studies
from helpers.model.predict import predict, usable_device
from helpers.report import environment
from helpers.training import SHORT_STREET_UNET, Photos, Recipe, fit, groups

KINDS = {"float32": False, "bfloat16": True}


def measure(data: str, images: int | None, seeds: int, batches: int, device) -> pd.DataFrame:
    """Networks in both precisions x metrics, as unet_studies.table returns them."""
    prepared = preprocessing.prepare(data, images)
    test, photos = prepared.indices("test"), groups(prepared)
    sets = {
        "street_unet": (photos.train, photos.extra),
        "colorize_cnn": (Photos.of(prepared, "train"), ()),
    }
    recipes = {
        "street_unet": replace(SHORT_STREET_UNET, widths=results.SMALL),
        "colorize_cnn": Recipe(rate=1e-3),
    }
    predictions = {}
    for network, recipe in recipes.items():
        train, extra = sets[network]
        for kind, half in KINDS.items():
            name = f"{network}, {kind}"
            predictions[name] = []
            for seed in range(seeds):
                chosen = replace(recipe, batches=batches, seed=seed, bfloat16=half)
                path = paths.BUILD / "precision" / prepared.name / f"{network}-{kind}-seed{seed}.pt"
                label = f"{name}, seed {seed}"
                fitted = fit(chosen, train, extra=extra, path=path, device=device, label=label)
                predictions[name].append(predict(fitted.model, prepared.lightness[test]))
    found = evaluation.evaluate(predictions, prepared, test)
    return unet_studies.table(
        found, {name: f"{name.split(',')[0]}, float32" for name in predictions}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("data", nargs="?", default="synthetic", help="synthetic, or a folder of photos")
    add("--images", type=int, help="use at most N photos")
    add("--seeds", type=int, default=3, help="seeds of each network (3)")
    add("--batches", type=int, default=120, help="batches of 16 photos (120)")
    add("--device", default="cpu", help="cpu, cuda or mps (cpu)")
    add("--json", type=paths.output_file, help="write the record to this file")
    chosen = parser.parse_args()
    try:
        device = usable_device(chosen.device)
        found = measure(chosen.data, chosen.images, chosen.seeds, chosen.batches, device)
    except KeyboardInterrupt:
        parser.exit(130, "\ninterrupted; the same command resumes\n")
    except (ValueError, OSError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    print(tables.readable(found, change=True).to_string())
    if chosen.json:
        about = {"data": Path(chosen.data).name, "seeds": chosen.seeds, "batches": chosen.batches}
        ran_on = environment.described() | {"device": device.type}
        record = {"environment": ran_on, **about}
        results.save(chosen.json, record | tables.as_records({"precision": found}))


if __name__ == "__main__":
    main()
