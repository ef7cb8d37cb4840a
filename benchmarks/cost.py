"""Time, memory and disk of each step of the report, by the number of photos.

    python benchmarks/cost.py [--photos 500 1000 2000 4000 6000] [--json FILE]

Each step runs with each number of photos in a process of its own. Measured are wall time,
processor time and peak memory, including its workers. Photos are streets rendered into
build/cost/, where an interrupted benchmark finds them again; smaller numbers use the first of
them. helpers/explorations/cost.py extrapolates to more photos.
"""

import helpers  # noqa: F401  (sets the threads' environment, which must come before PyTorch)

# isort: split
import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import psutil
from tqdm import tqdm

from helpers import evaluation, paths, preprocessing, results
from helpers.explorations import cost
from helpers.model import ColorizeCNN, baselines
from helpers.model.predict import predict
from helpers.photos import sources
from helpers.report import environment
from helpers.training import STREET_UNET, Photos, Recipe, fit, groups

COUNTS = (500, 1000, 2000, 4000, 6000)  # photos
BATCH = 16
FEWEST = 3  # numbers of photos that can be extrapolated
EVERY = 0.05  # seconds between two readings of a step's memory
PATIENCE = 20  # seconds in which a step must end after Ctrl-C
# This file itself as the child's script would be loaded by every worker, and PyTorch with it.
CHILD = """import signal, sys; signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
sys.path.insert(0, sys.argv.pop(1)); import cost; cost.main()"""


def rendering(data: str, photos: int, most: int) -> pd.Series:
    """Scaled up from the missing photos; without times if all photos are there already."""
    present = len(list((paths.RAW / data / "photos").glob("*.jpg")))
    spent = clocked(lambda: sources.gather(data, photos))
    spent = spent * photos / (photos - present) if present < photos else pd.Series(dtype=float)
    found = sources.gather(data, photos).photos
    spent["disk_mib"] = mebibytes(file for photo in found for file in (photo.path, photo.classes))
    return spent


def preparing(data: str, photos: int, most: int) -> pd.Series:
    """The comparison of photos in different splits is quadratic, but small."""
    spent = clocked(lambda: preprocessing.prepare(data, photos, force=True))
    spent["disk_mib"] = mebibytes(preprocessing.prepare(data, photos).folder.iterdir())
    return spent


def published(data: str, photos: int, most: int) -> pd.Series:
    """The report's recipe: 375 batches, however many photos there are."""
    train = Photos.of(preprocessing.prepare(data, photos), "train")
    return trained(lambda n: fit(Recipe(batches=n), train), 375, most)


def colorize_cnn(data: str, photos: int, most: int) -> pd.Series:
    """One epoch over the training photos with its validation."""
    prepared = preprocessing.prepare(data, photos)
    train, validation = (Photos.of(prepared, part) for part in ("train", "validation"))
    net = ColorizeCNN(fast=True)
    validated = clocked(lambda: predict(net, prepared.lightness[validation.rows]))
    epoch = trained(lambda n: fit(Recipe(batches=n), train), -(-len(train) // BATCH), most)
    return validated + epoch


def street_unet(data: str, photos: int, most: int) -> pd.Series:
    """One pass over the training photos."""
    used = groups(preprocessing.prepare(data, photos))

    def work(batches: int) -> None:
        fit(replace(STREET_UNET, batch_size=BATCH, batches=batches), used.train, extra=used.extra)

    return trained(work, -(-len(used.train) // BATCH), most)


def copying(data: str, photos: int, most: int) -> pd.Series:
    """The baselines: nearest_copy and random_copy compare test photos with training photos."""
    prepared = preprocessing.prepare(data, photos)
    return clocked(lambda: baselines.baselines(prepared, prepared.indices("test")))


def judging(data: str, photos: int, most: int) -> pd.Series:
    """Predictions of one network for the test photos, its metrics and their intervals."""
    prepared = preprocessing.prepare(data, photos)
    test, net = prepared.indices("test"), ColorizeCNN(fast=True)

    def judge() -> None:
        ab = predict(net, prepared.lightness[test])
        evaluation.evaluate({"colorize_cnn": [ab]}, prepared, test).as_results()

    return clocked(judge)


STEPS = {  # name in the record: its function, and its degree in the number of photos
    "rendering": (rendering, 1),
    "preparing": (preparing, 1),
    "training published, 375 batches": (published, 1),
    "training colorize_cnn, one epoch": (colorize_cnn, 1),
    "training street_unet, one epoch": (street_unet, 1),
    "baselines (nearest_copy, random_copy)": (copying, 2),
    "judging one network": (judging, 1),
}


def clocked(work: Callable[[], object]) -> pd.Series:
    """Wall and processor seconds, including workers that have ended."""

    def clocks() -> pd.Series:
        processors = time.process_time() + sum(os.times()[2:4])  # of this process, its children
        return pd.Series({"seconds": time.perf_counter(), "cpu_seconds": processors})

    began = clocks()
    work()
    return clocks() - began


def trained(work: Callable[[int], object], batches: int, most: int) -> pd.Series:
    """`clocked` of work on so many batches; more than `most` are extrapolated from 1 and `most`."""
    if batches <= most:
        return clocked(lambda: work(batches))
    work(1)  # warms up
    one, many = clocked(lambda: work(1)), clocked(lambda: work(most))
    return one + (many - one).clip(lower=0) / (most - 1) * (batches - 1)


def mebibytes(files: Iterable[Path]) -> float:
    """The size of files."""
    return sum(file.stat().st_size for file in files) / 2**20


def in_a_process(name: str, photos: int, chosen: argparse.Namespace) -> dict[str, float]:
    """The point of one step: photos, its times and disk, and the peak memory of all processes."""
    command = [sys.executable, "-c", CHILD, Path(__file__).parent, "--step", name]
    for option in ("data", "folder", "batches"):
        command += [f"--{option}", str(getattr(chosen, option))]
    command += ["--photos", str(photos)]
    below, peak = os.environ | {"TQDM_POSITION": "1"}, 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=below) as child:
        try:
            watched = psutil.Process(child.pid)
            while child.poll() is None:
                peak = max(peak, private_bytes(watched))
                time.sleep(EVERY)
            printed = child.stdout.read()
        except KeyboardInterrupt:
            # At a terminal the child receives Ctrl-C as well and ends its workers.
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(PATIENCE)
            child.terminate()
            raise
    if child.returncode:
        raise RuntimeError(f"{name} with {photos} photos ended with status {child.returncode}")
    return {"photos": photos, **json.loads(printed), "peak_mib": peak / 2**20}


def private_bytes(process: psutil.Process) -> int:
    """Memory of a process and its workers, without mapped files, which the system may drop."""
    total = 0
    with contextlib.suppress(psutil.Error):  # a process may have ended meanwhile
        for one in [process, *process.children(recursive=True)]:
            memory = one.memory_info()
            total += memory.rss - getattr(memory, "shared", 0)
    return total


def measure(chosen: argparse.Namespace) -> dict:
    """The record: every step at every number of photos, smaller numbers first."""
    chosen.folder.mkdir(parents=True, exist_ok=True)
    memory, disk = psutil.virtual_memory().total, shutil.disk_usage(chosen.folder).free
    limits = {"memory_gib": memory / 2**30, "disk_gib": disk / 2**30}
    # Photos may have been rendered, and timed, by an earlier benchmark.
    kept = chosen.folder / "rendering.json"
    rendered = results.load(kept) if kept.exists() else {}
    names = [n for n in chosen.only if chosen.data == "synthetic" or n != "rendering"]
    jobs = [(name, photos) for name in names for photos in sorted(set(chosen.photos))]
    found = {name: {"degree": STEPS[name][1], "points": []} for name in names}
    for name, photos in (bar := tqdm(jobs, unit="step", position=0)):
        bar.set_description(f"{name}, {photos:,} photos")
        point = in_a_process(name, photos, chosen)
        if name == "rendering":
            point = point if "seconds" in point else rendered.get(str(photos))
            rendered |= {str(photos): point} if point else {}
            results.save(kept, rendered)
        found[name]["points"] += [point] if point else []
        if photos == max(chosen.photos) and len(found[name]["points"]) < FEWEST:
            raise RuntimeError(f"photos were rendered before, untimed: delete {chosen.folder}")
    return {"environment": environment.described(), "limits": limits, "steps": found}


def show(record: dict) -> None:
    """Print the measured points, the table of the report, and its summary."""
    for name, step in record["steps"].items():
        points = pd.DataFrame(step["points"]).round(2).to_string(index=False)
        print(f"\n{name}\n{points}")
    print(f"\n{cost.table(record).to_string()}\n\n{cost.summary(record)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, nargs="+", default=COUNTS, help="numbers of photos")
    parser.add_argument("--json", type=paths.output_file, help="write the record to this file")
    parser.add_argument("--data", default="synthetic", help="synthetic, or a folder of photos")
    parser.add_argument(
        "--folder", type=Path, default=paths.BUILD / "cost", help="where photos are rendered"
    )
    parser.add_argument(
        "--batches", type=int, default=400, help="most batches to train; more are extrapolated"
    )
    parser.add_argument(
        "--only", nargs="+", choices=STEPS, default=list(STEPS), help="only these steps"
    )
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if not chosen.step and len(set(chosen.photos)) < FEWEST:
        parser.error(f"--photos: give {FEWEST} or more different numbers")
    try:
        if chosen.step:
            paths.RAW, paths.PREPARED = chosen.folder / "raw", chosen.folder / "prepared"
            print(STEPS[chosen.step][0](chosen.data, chosen.photos[0], chosen.batches).to_json())
            return
        record = measure(chosen)
    except KeyboardInterrupt:
        parser.exit(130, "" if chosen.step else "\ninterrupted; rendered photos are kept\n")
    except RuntimeError as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    if chosen.json:
        results.save(chosen.json, record)
    show(record)


if __name__ == "__main__":
    main()
