"""What does each step cost with ever more photos, and what would the whole Street View set cost?

    python benchmarks/cost.py [--photos 500 1000 2000 4000 6000] [--json FILE]

Each step runs at each number of photos in a process of its own: wall time, processor time and
the peak of memory, its workers included. Photos are streets rendered into build/cost/, where a
run that was stopped finds them again; smaller numbers take the first of them. helpers/cost.py
fits the laws and says what breaks first.
"""

import helpers  # noqa: F401  (sets the threads' environment, which must come before PyTorch)

# isort: split
import argparse
import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import psutil
import torch.nn.functional as F
from tqdm import tqdm

from helpers import evaluation, paths, preprocessing, results
from helpers.explorations import cost
from helpers.model import ColorizeCNN, baselines
from helpers.photos import sources
from helpers.report import environment
from helpers.training import fit_unet, predict
from helpers.training.batches import Photos
from helpers.training.fitting import fit, mean_loss
from helpers.training.recipe import Recipe

COUNTS = (500, 1000, 2000, 4000, 6000)  # photos
BATCH = 16
FEWEST = 3  # numbers of photos that the laws can be fitted to
EVERY = 0.05  # seconds between looks at a step's memory
PATIENCE = 20  # seconds that a step gets to end after Ctrl-C
# Not this file itself: every worker of a step would load it, and PyTorch with it.
CHILD = """import signal, sys; signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
sys.path.insert(0, sys.argv.pop(1)); import cost; cost.main()"""


def rendering(data: str, photos: int, most: int) -> pd.Series:
    """Scaled from the photos that were not there yet; without times where all of them were."""
    there = len(list((paths.RAW / data / "photos").glob("*.jpg")))
    spent = clocked(lambda: sources.gather(data, photos))
    spent = spent * photos / (photos - there) if there < photos else pd.Series(dtype=float)
    found = sources.gather(data, photos).photos
    spent["disk_mib"] = mebibytes(file for photo in found for file in (photo.path, photo.classes))
    return spent


def preparing(data: str, photos: int, most: int) -> pd.Series:
    """Every photo anew. Comparing photos of different splits is quadratic, but the least of it."""
    spent = clocked(lambda: preprocessing.prepare(data, photos, force=True))
    spent["disk_mib"] = mebibytes(preprocessing.prepare(data, photos).folder.iterdir())
    return spent


def published(data: str, photos: int, most: int) -> pd.Series:
    """The report's recipe: 375 batches, however many photos there are."""
    train = Photos.of(preprocessing.prepare(data, photos), "train")
    return trained(functools.partial(colorizer, train), 375, most)


def colorize_cnn(data: str, photos: int, most: int) -> pd.Series:
    """One pass over the training photos, and one look at the validation photos."""
    prepared = preprocessing.prepare(data, photos)
    train, validation = (Photos.of(prepared, part) for part in ("train", "validation"))
    net = ColorizeCNN(fast=True)
    looked = clocked(lambda: mean_loss(net, validation, F.mse_loss))
    return looked + trained(functools.partial(colorizer, train), -(-len(train) // BATCH), most)


def street_unet(data: str, photos: int, most: int) -> pd.Series:
    """One pass over the training photos, which it keeps in memory."""
    prepared = preprocessing.prepare(data, photos)

    def work(batches: int) -> None:
        groups = fit_unet.groups(prepared)
        fit_unet.fit(groups.train, groups.extra, fit_unet.Recipe(steps=batches))

    return trained(work, -(-len(prepared.indices("train")) // BATCH), most)


def copying(data: str, photos: int, most: int) -> pd.Series:
    """The baselines: nearest_copy and random_copy look at test photos x training photos."""
    prepared = preprocessing.prepare(data, photos)
    return clocked(lambda: baselines.baselines(prepared, prepared.indices("test")))


def judging(data: str, photos: int, most: int) -> pd.Series:
    """What one network predicts for the test photos, its metrics and their intervals."""
    prepared = preprocessing.prepare(data, photos)
    test, net = prepared.indices("test"), ColorizeCNN(fast=True)

    def judge() -> None:
        ab = predict(net, prepared.lightness[test])
        evaluation.evaluate({"colorize_cnn": [ab]}, prepared, test).as_results()

    return clocked(judge)


STEPS = {  # name in the record: what it does, and the degree of its law (cost.LAWS)
    "rendering": (rendering, 1),
    "preparing": (preparing, 1),
    "training published, 375 batches": (published, 1),
    "training colorize_cnn, one epoch": (colorize_cnn, 1),
    "training street_unet, one epoch": (street_unet, 1),
    "baselines (nearest_copy, random_copy)": (copying, 2),
    "judging one network": (judging, 1),
}


def clocked(work: Callable[[], object]) -> pd.Series:
    """Seconds by the clock and of the processors, workers that have ended included."""

    def clocks() -> pd.Series:
        processors = time.process_time() + sum(os.times()[2:4])  # this one's, its children's
        return pd.Series({"seconds": time.perf_counter(), "cpu_seconds": processors})

    began = clocks()
    work()
    return clocks() - began


def trained(work: Callable[[int], object], batches: int, most: int) -> pd.Series:
    """`clocked` of work on so many batches; of more than `most`, scaled from `most` and from 1."""
    if batches <= most:
        return clocked(lambda: work(batches))
    work(1)  # warms up
    one, many = clocked(lambda: work(1)), clocked(lambda: work(most))
    return one + (many - one).clip(lower=0) / (most - 1) * (batches - 1)


def colorizer(train: Photos, batches: int) -> None:
    """Fit the report's network anew; its checkpoint does not stay."""
    with tempfile.TemporaryDirectory() as folder:
        path, recipe = Path(folder, "fit.pt"), Recipe(batches=batches)
        fit(lambda: ColorizeCNN(fast=True), train, None, recipe, 0, path)


def mebibytes(files: Iterable[Path]) -> float:
    """The size of files."""
    return sum(file.stat().st_size for file in files) / 2**20


def in_a_process(name: str, photos: int, chosen: argparse.Namespace) -> dict[str, float]:
    """What a step cost, with the peak of its memory: what cannot be dropped, workers included."""
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
            told = child.stdout.read()
        except KeyboardInterrupt:
            # At a terminal the step got it as well and ends by itself, with its workers.
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(PATIENCE)
            child.terminate()
            raise
    if child.returncode:
        raise RuntimeError(f"{name} with {photos} photos ended with status {child.returncode}")
    return {"photos": photos, **json.loads(told), "peak_mib": peak / 2**20}


def private_bytes(process: psutil.Process) -> int:
    """Memory of a process and its workers without mapped files, which the system may drop."""
    total = 0
    with contextlib.suppress(psutil.Error):  # one of them ended meanwhile
        for one in [process, *process.children(recursive=True)]:
            memory = one.memory_info()
            total += memory.rss - getattr(memory, "shared", 0)
    return total


def measure(chosen: argparse.Namespace) -> dict:
    """The record: every step at every number of photos, smaller numbers first."""
    chosen.folder.mkdir(parents=True, exist_ok=True)
    memory, disk = psutil.virtual_memory().total, shutil.disk_usage(chosen.folder).free
    limits = {"memory_gib": memory / 2**30, "disk_gib": disk / 2**30}
    # Rendered photos are timed when they are made, which may have been in an earlier run.
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
            raise RuntimeError(f"photos were rendered before: remove {chosen.folder} first")
    return {"environment": environment.described(), "limits": limits, "steps": found}


def show(record: dict) -> None:
    """What was measured, the laws, the table of the report, what breaks first."""
    for name, step in record["steps"].items():
        points = pd.DataFrame(step["points"]).round(2).to_string(index=False)
        print(f"\n{name}: {cost.LAWS[step['degree']]}\n{points}")
    print(f"\n{cost.table(record).to_string()}\n\n{cost.summary(record)}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, nargs="+", default=COUNTS, help="numbers of photos")
    parser.add_argument("--json", type=Path, help="write the record to this file")
    parser.add_argument("--data", default="synthetic", help="or a folder of photos")
    parser.add_argument("--folder", type=Path, default=paths.BUILD / "cost", help="for the photos")
    parser.add_argument("--batches", type=int, default=400, help="at most; more are scaled")
    parser.add_argument("--only", nargs="+", choices=STEPS, default=list(STEPS), help="some steps")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if not chosen.step and len(set(chosen.photos)) < FEWEST:
        parser.error(f"--photos: the laws need {FEWEST} different numbers or more")
    try:
        if chosen.step:
            paths.RAW, paths.PREPARED = chosen.folder / "raw", chosen.folder / "prepared"
            print(STEPS[chosen.step][0](chosen.data, chosen.photos[0], chosen.batches).to_json())
            return
        record = measure(chosen)
    except KeyboardInterrupt:
        parser.exit(130, "" if chosen.step else "\nstopped; rendered photos are kept\n")
    except RuntimeError as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    if chosen.json:
        results.save(chosen.json, record)
    show(record)


if __name__ == "__main__":
    main()
