"""Speed of training on a GPU: batch sizes, 16 bits, torch.compile, one epoch, NCCL, the floor.

    python benchmarks/gpu.py FOLDER [--json FILE]

FOLDER has thumbnails such as those of the report. Both networks are trained by `training.fit` from
photos in the GPU's memory. Times are between batches, by the GPU's own clock, after WARM batches.
An epoch has 62,058 photos, as in the report: those of FOLDER, repeated. "floor" is the time that
a step would take if it moved each layer's output once in each direction and multiplied at the
rates that a large copy and a large matrix product reach here, whichever takes longer.
"""

import helpers  # noqa: F401  (sets the threads' environment, which must come before PyTorch)

# isort: split
import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from helpers import paths, preprocessing, results
from helpers.model import ColorizeCNN, heads
from helpers.report import environment
from helpers.training import PUBLISHED, STREET_UNET, Photos, fit

SIZES, WARM, TIMED = (16, 64, 256, 1024), 10, 25  # photos a batch, batches
EPOCH = 62_058  # photos of the report
RECIPES = {
    "colorize_cnn": PUBLISHED,
    "street_unet": replace(STREET_UNET, sizes=(), extra_shares=()),
}


def network(name: str, photos: Photos) -> nn.Module:
    """A fresh network."""
    if name == "colorize_cnn":
        return ColorizeCNN(fast=True)
    return heads.new_model([photos.take(slice(None))[1]])


def speed(name: str, photos: Photos, size: int, half=False, compiled=False) -> dict[str, float]:
    """Photos a second, and the seconds that WARM batches took after the first."""
    marks = []

    def mark(output, target):
        marks.append(torch.cuda.Event(enable_timing=True))
        marks[-1].record()
        return output.new_zeros(())

    def build():
        made = network(name, photos)
        if compiled:
            made.compile()
        return made

    recipe = replace(RECIPES[name], batch_size=size, batches=WARM + TIMED, bfloat16=half)
    fit(recipe, photos, device="cuda", build=build, log={"mark": mark})
    torch.cuda.synchronize()
    seconds = marks[WARM].elapsed_time(marks[-1]) / 1e3
    return {
        "photos_per_second": (TIMED - 1) * size / seconds,
        "warm_up_seconds": marks[0].elapsed_time(marks[WARM]) / 1e3,
    }


def ceilings() -> dict[str, float]:
    """Bytes a second of a copy, read and written, and multiply-adds a second of matrix products."""
    data = torch.rand(2**28, device="cuda")
    target = torch.empty_like(data)
    found = {"bytes_per_second": 2 * data.nbytes / timed(lambda: target.copy_(data))}
    for kind in (torch.float32, torch.bfloat16):
        a, b = torch.rand(2, 8192, 8192, device="cuda", dtype=kind)
        name = str(kind).removeprefix("torch.")
        found[f"{name}_multiply_adds_per_second"] = 8192**3 / timed(lambda a=a, b=b: a @ b)
    return found


def timed(work) -> float:
    """Median seconds of `work` on the GPU."""
    spent = []
    for _ in range(13):
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record()
        work()
        last.record()
        torch.cuda.synchronize()
        spent.append(first.elapsed_time(last) / 1e3)
    return float(np.median(spent[3:]))


def needed(name: str, photos: Photos) -> dict[str, float]:
    """Multiply-adds and bytes of one photo's step: three times those of the forward pass."""
    model, moved = network(name, photos).eval(), []
    for layer in model.modules():
        if not list(layer.children()):
            layer.register_forward_hook(lambda _, x, y: moved.append(x[0].nbytes + y.nbytes))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.rand(1, 1, 88, 112))
    return {
        "multiply_adds": 3 * counter.get_total_flops() / 2,
        "bytes": 3.0 * sum(moved),
    }


def epoch(name: str, photos: Photos, size: int) -> float:
    """Seconds of one epoch of EPOCH photos."""
    rows = np.resize(np.arange(len(photos)) if photos.rows is None else photos.rows, EPOCH)
    many = Photos(photos.lightness, photos.ab, rows)
    recipe = replace(RECIPES[name], batch_size=size, batches=math.ceil(EPOCH / size))
    return fit(recipe, many, device="cuda").seconds


def one_process_of_nccl(folder: Path, size: int) -> dict[str, str]:
    """The training command's last line, alone and as the only process of torchrun."""
    found = {}
    for name, start in (
        ("alone", [sys.executable, "-m"]),
        ("torchrun", [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=1", "-m"]),
    ):
        with tempfile.TemporaryDirectory() as home:
            options = ["--model", "colorize_cnn", "--batches", "200", "--batch-size", str(size)]
            options += ["--device", "cuda", "--output", str(Path(home, f"{name}.safetensors"))]
            kept = paths.BUILD / "training" / f"{name}.pt"
            kept.unlink(missing_ok=True)
            command = [*start, "helpers.training", str(folder), *options]
            done = subprocess.run(
                command, cwd=paths.ROOT, capture_output=True, text=True,
                env={**os.environ, "NCCL_DEBUG": "VERSION"},
            )  # fmt: skip
            lines = (done.stdout + done.stderr).strip().splitlines()
            told = [x for x in lines if x.startswith(("colorize_cnn:", "NCCL version"))]
            found[name] = "; ".join(told) or f"failed: {lines[-1:]}"
    return found


def compiled(name: str, photos: Photos, size: int) -> dict:
    """`speed` with torch.compile, or why it failed."""
    try:
        return speed(name, photos, size, compiled=True)
    except (RuntimeError, AssertionError) as error:
        return {"failed": str(error).splitlines()[0]}


def measure(folder: Path, save) -> dict:
    """Everything, in one process but for NCCL; `save` gets what is known after each part."""
    prepared = preprocessing.prepare(folder)
    photos = Photos.of(prepared, np.arange(len(prepared.photos)))
    limits = ceilings()
    found = {"ceilings": limits}
    for name in RECIPES:
        rows = {}
        for size in SIZES:
            for kind, half in {"float32": False, "bfloat16": True}.items():
                rows[f"batches of {size}, {kind}"] = speed(name, photos, size, half)
        best = max(SIZES, key=lambda n: rows[f"batches of {n}, float32"]["photos_per_second"])
        need = needed(name, photos)
        floors = {
            "bytes": need["bytes"] / limits["bytes_per_second"],
            "operations": need["multiply_adds"] / limits["float32_multiply_adds_per_second"],
        }
        found[name] = {
            "speed": rows,
            "needed_per_photo": need,
            "floor_photos_per_second": {kind: 1 / x for kind, x in floors.items()},
            "epoch": {"photos": EPOCH, "batch": best, "seconds": epoch(name, photos, best)},
        }
        save(found)
    found["nccl"] = one_process_of_nccl(folder, 256)
    save(found)
    for name in RECIPES:
        found[name]["compiled"] = compiled(name, photos, found[name]["epoch"]["batch"])
        save(found)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="thumbnails")
    parser.add_argument("--json", type=paths.output_file, help="write the record to this file")
    chosen = parser.parse_args()
    if not torch.cuda.is_available():
        parser.exit(1, f"{parser.prog}: PyTorch finds no CUDA GPU here\n")
    os.environ[paths.DEVICE] = "cuda"
    about = {"environment": environment.described()}

    def save(found: dict) -> None:
        if chosen.json:
            results.save(chosen.json, about | found)

    print(json.dumps(measure(chosen.folder, save), indent=1))


if __name__ == "__main__":
    main()
