"""How fast is training here, against the published loop, the arithmetic, and a second thread?

    python benchmarks/training.py [--json FILE] [--turns N] [--batches N]

Every contender lives in a process of its own, since threads and the allocator are set once a
process, and they take turns of a few batches. Times are medians over the turns but the first. Then
the published loop and ours go on to 100 batches, whose losses are compared. "ratios" are:
default_vs_published_loop, how many times faster ours is than the report's loop;
default_vs_floor, ours over the time that its multiply-adds alone would take at the speed of a
matrix product; two_threads_vs_one, how many times faster a second thread makes ours.
"""

import helpers  # noqa: F401  (sets the threads' environment, which must come before PyTorch)

# isort: split
import argparse
import contextlib
import functools
import json
import multiprocessing
import os
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import nn
from torch.nn.functional import mse_loss
from tqdm import tqdm

from helpers import model
from helpers.model.as_published import AsPublished
from helpers.training import augment, fitting, threads, unet_fitting
from helpers.training.batches import Photos, order

BATCH, TURN, TURNS = 16, 3, 6  # photos a batch, batches a turn, turns
ALL = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@functools.cache
def photos(count: int = 256) -> Photos:
    """Soft random shapes whose color follows from their lightness: only their size matters."""
    noise = np.random.default_rng(0).normal(size=(count, 88, 112))
    lightness = np.clip(128 + 400 * gaussian_filter(noise, (0, 4, 4)), 0, 255).astype(np.uint8)
    return Photos(lightness, np.stack([118 + lightness // 12, 140 - lightness // 9], axis=-1))


def published_loop():
    """The report's network in the loop that goes with it: float tensors, everything plain."""
    net = AsPublished()
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-5)
    given = photos()
    inputs = torch.tensor(given.lightness, dtype=torch.float32).unsqueeze(1)
    labels = torch.tensor(given.ab, dtype=torch.float32).permute(0, 3, 1, 2).contiguous() / 255

    def take(number):
        rows = order(number, BATCH, len(given), 0)
        optimizer.zero_grad()
        loss = criterion(net(inputs[rows]), labels[rows])
        loss.backward()
        optimizer.step()
        return loss.item()

    return take


def ours(fast=True, half=False, keep=True, team=True, ahead=True):
    """The loop of fitting.fit: convolutions fast or plain, in bfloat16, memory kept or not.

    team: threads share the batch, and not each operation. ahead: the next batch is made meanwhile.
    """
    if keep:
        fitting.keep_memory()
    members = threads.team("cpu", BATCH) if team else threads.ALONE
    net = model.ColorizeCNN(fast=fast).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-5)

    def batch(number):
        return photos().batch(order(number, BATCH, len(photos()), 0))

    batches = threads.ahead(members if ahead else threads.ALONE, batch, 0, sys.maxsize)

    def take(_):
        return fitting.update(net, optimizer, mse_loss, *next(batches), half, members).item()

    return take


def street_unet():
    """The step of unet_fitting.fit itself: augmentation and the average of weights included."""
    fitting.keep_memory()
    given = augment.Photos(*(torch.from_numpy(a) for a in (photos().lightness, photos().ab)))
    recipe = unet_fitting.Recipe(batch=BATCH)
    work = unet_fitting._Work(given, None, recipe, None, "cpu", None)
    batches = threads.ahead(work.team, work.batch, 0, sys.maxsize)
    return lambda _: work.one_batch(*next(batches))


CONTENDERS = {  # name: what it is, with how many threads
    "published loop": (published_loop, ALL),
    "ours, default": (ours, ALL),
    "ours, memory given back": (functools.partial(ours, keep=False), ALL),
    "ours, no batch ahead": (functools.partial(ours, ahead=False), ALL),
    "ours, operations shared": (functools.partial(ours, team=False), ALL),
    "ours, plain convolutions": (functools.partial(ours, fast=False), ALL),
    "ours, bfloat16": (functools.partial(ours, half=True), ALL),
    "published loop, 1 thread": (published_loop, 1),
    "ours, 1 thread": (ours, 1),
    "ours, 2 threads": (ours, 2),
    "street_unet": (street_unet, ALL),
    "street_unet, 1 thread": (street_unet, 1),
}
COMPARED = ("published loop", "ours, default")  # whose losses should be the same


@functools.cache
def set_up(name: str):
    setup, threads = CONTENDERS[name]
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    return setup()


def turn(name: str, first: int, count: int) -> tuple[float, list[float]]:
    """Milliseconds a photo and the losses of the next batches; runs in the contender's process."""
    take = set_up(name)
    started = time.perf_counter()
    losses = [take(number) for number in range(first, first + count)]
    return (time.perf_counter() - started) / (count * BATCH) * 1e3, losses


def matrix_rate(_: int) -> float:
    """Multiply-adds a second of a float32 matrix product, all threads."""
    torch.set_num_threads(ALL)
    a, b = torch.rand(2, 1024, 1024)
    started = time.perf_counter()
    for _ in range(5):
        torch.mm(a, b)
    return 5 * 1024**3 / (time.perf_counter() - started)


def layer_times(_: int) -> dict[str, float]:
    """Milliseconds a photo of each layer of ours, forward and backward, alone; all threads."""
    torch.set_num_threads(ALL)
    fitting.keep_memory()
    net = model.ColorizeCNN(fast=True).to(memory_format=torch.channels_last)
    calls = []

    def note(name, layer, inputs, output):
        calls.append((name, layer, inputs[0].detach(), torch.rand_like(output)))

    hooks = [
        layer.register_forward_hook(functools.partial(note, name))
        for name, layer in net.named_children()
    ]
    net(photos().batch(np.arange(BATCH))[0])
    for hook in hooks:
        hook.remove()
    spent: dict[str, float] = {}
    for name, layer, x, slope in calls:
        x.requires_grad_(name != "conv1")  # nobody needs the gradient of the photo
        times = []
        for _ in range(7):
            started = time.perf_counter()
            layer(x).backward(slope)
            times.append(time.perf_counter() - started)
        spent[name] = spent.get(name, 0) + statistics.median(times) / BATCH * 1e3
    return spent


def floor(rate: float, fast: bool) -> float:
    """Milliseconds a photo of the step's multiply-adds: forward, and twice backward but for the
    gradient of the input, which nobody needs."""
    adds = model.layer_table(model.ColorizeCNN(fast=fast)).set_index("name").multiply_adds
    return (3 * adds.sum() - adds["conv1"]) / rate * 1e3


def measure(turns: int, batches: int) -> dict:
    """Everything: contenders in turn, then the losses of two of them to so many batches."""
    context = multiprocessing.get_context("spawn")
    times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    losses: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    rates = []
    with contextlib.ExitStack() as stack:
        workers = {
            name: stack.enter_context(ProcessPoolExecutor(1, context))
            for name in [*CONTENDERS, "machine"]
        }
        for number in tqdm(range(turns), desc="turns"):
            for name in CONTENDERS:
                spent, lost = workers[name].submit(turn, name, number * TURN, TURN).result()
                times[name].append(spent)
                losses[name] += lost
            rates.append(workers["machine"].submit(matrix_rate, 0).result())
        done = turns * TURN
        for name in tqdm(COMPARED, desc="losses"):
            if batches > done:
                losses[name] += workers[name].submit(turn, name, done, batches - done).result()[1]
        layers = workers["machine"].submit(layer_times, 0).result()
    ms = {name: statistics.median(spent[1:]) for name, spent in times.items()}  # the first warms up
    rate = statistics.median(rates[1:])
    default = ms["ours, default"]
    curves = np.array([losses[name] for name in COMPARED])
    floors = {"fast": floor(rate, True), "plain": floor(rate, False)}
    return {
        "ratios": {
            "default_vs_published_loop": ms["published loop"] / default,
            "default_vs_floor": default / floors["fast"],
            "two_threads_vs_one": ms["ours, 1 thread"] / ms["ours, 2 threads"],
        },
        "ms_per_photo": ms,
        "floor_ms_per_photo": floors,
        "layers_ms_per_photo": layers,
        "gflops": 2 * rate / 1e9,
        "largest_difference_of_losses": float(np.max(np.abs(curves[1] / curves[0] - 1))),
        "losses": {"published_loop": curves[0].tolist(), "default": curves[1].tolist()},
        "threads": ALL,
        "turns": turns,
        "batches_a_turn": TURN,
        "batches_compared": curves.shape[1],
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    parser.add_argument("--turns", type=int, default=TURNS, help="of each contender (default: 6)")
    parser.add_argument("--batches", type=int, default=100, help="whose losses are compared (100)")
    options = parser.parse_args()
    found = measure(max(options.turns, 2), options.batches)
    base = found["ms_per_photo"]["published loop"]
    print(f"{found['threads']} threads unless said, batches of {BATCH}, medians\n")
    print(f"{'':28}{'ms a photo':>12}{'photos/s':>10}{'times faster':>14}")
    floors = {f"floor of {k} arithmetic": v for k, v in found["floor_ms_per_photo"].items()}
    for name, ms in (found["ms_per_photo"] | floors).items():
        print(f"{name:28}{ms:12.2f}{1e3 / ms:10.0f}{base / ms:14.2f}")
    print(f"\nmatrix product: {found['gflops']:.0f} GFLOP/s")
    print(
        f"losses of {found['batches_compared']} batches, ours and published, differ by "
        f"{found['largest_difference_of_losses']:.1e}"
    )
    print("\nby layer of ours, forward and backward alone, ms a photo")
    for name, ms in found["layers_ms_per_photo"].items():
        print(f"{name:28}{ms:12.2f}")
    for name, value in found["ratios"].items():
        print(f"{name}: {value:.2f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
