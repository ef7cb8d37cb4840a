"""Speed of training: our loop, the published loop, the bare arithmetic, and a second thread.

    python benchmarks/training.py [--json FILE] [--turns N] [--batches N]

Every contender lives in a process of its own, since threads and the allocator are set once a
process, and they take turns of a few batches. Times are medians over all turns but the first.
Then the published loop and ours train for 100 batches, and their losses are compared. "ratios":
default_vs_published_loop is how many times faster ours is than the report's loop;
default_vs_floor is ours over the time that its multiply-adds alone would take at the speed of a
matrix product; two_threads_vs_one is how many times faster a second thread makes ours.
"""

import helpers  # noqa: F401  (sets the threads' environment, which must come before PyTorch)

# isort: split
import argparse
import contextlib
import functools
import multiprocessing
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import nn
from tqdm import tqdm

from helpers import model, paths, results
from helpers.model.as_published import AsPublished
from helpers.photos.pool import cores
from helpers.training import PUBLISHED, STREET_UNET, Photos, fit
from helpers.training.batches import order
from helpers.training.devices import keep_memory

BATCH, TURN, TURNS = 16, 3, 6  # photos a batch, batches a turn, turns
ALL = cores()


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

    def train(count):
        losses, stamps = [], []
        for number in range(count):
            rows = order(number, BATCH, len(given), 0)
            optimizer.zero_grad()
            loss = criterion(net(inputs[rows]), labels[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            stamps.append(time.perf_counter())
        return losses, stamps

    return train


def ours(recipe=PUBLISHED, fast=True):
    """`training.fit` itself, with the convolutions of the report's network fast or plain."""

    def train(count):
        stamps = []

        def stamp(output, target):
            stamps.append(time.perf_counter())
            return output.new_zeros(())

        build = None if recipe.network == "street_unet" else lambda: model.ColorizeCNN(fast=fast)
        chosen = replace(recipe, batch_size=BATCH, batches=count)
        fitted = fit(chosen, photos(), build=build, log={"stamp": stamp})
        return fitted.history.loss.tolist(), stamps

    return train


CONTENDERS = {  # name: what it is, with how many threads
    "published loop": (published_loop, ALL),
    "ours, default": (ours, ALL),
    "ours, plain convolutions": (functools.partial(ours, fast=False), ALL),
    "ours, bfloat16": (functools.partial(ours, replace(PUBLISHED, bfloat16=True)), ALL),
    "published loop, 1 thread": (published_loop, 1),
    "ours, 1 thread": (ours, 1),
    "ours, 2 threads": (ours, 2),
    "street_unet": (functools.partial(ours, STREET_UNET), ALL),
    "street_unet, 1 thread": (functools.partial(ours, STREET_UNET), 1),
}
COMPARED = ("published loop", "ours, default")  # whose losses should be the same


def set_up(name: str):
    setup, threads = CONTENDERS[name]
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    return setup()


def turn(name: str) -> float:
    """Milliseconds a photo over TURN batches, after one that warms up; in a process of its own."""
    _, stamps = set_up(name)(TURN + 1)
    return (stamps[-1] - stamps[0]) / (TURN * BATCH) * 1e3


def losses_of(name: str, count: int) -> list[float]:
    """Losses of the first batches from fresh weights of seed 0."""
    return set_up(name)(count)[0]


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
    keep_memory()
    net = model.ColorizeCNN(fast=True).to(memory_format=torch.channels_last)
    calls = []

    def note(name, layer, inputs, output):
        calls.append((name, layer, inputs[0].detach(), torch.rand_like(output)))

    hooks = [
        layer.register_forward_hook(functools.partial(note, name))
        for name, layer in net.named_children()
    ]
    net(photos().take(np.arange(BATCH))[0][:, None].float())
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
    rates = []
    with contextlib.ExitStack() as stack:
        workers = {
            name: stack.enter_context(ProcessPoolExecutor(1, context))
            for name in [*CONTENDERS, "machine"]
        }
        for _ in tqdm(range(turns), desc="turns"):
            for name in CONTENDERS:
                times[name].append(workers[name].submit(turn, name).result())
            rates.append(workers["machine"].submit(matrix_rate, 0).result())
        curves = np.array(
            [workers[n].submit(losses_of, n, batches).result() for n in tqdm(COMPARED, "losses")]
        )
        layers = workers["machine"].submit(layer_times, 0).result()
    ms = {name: statistics.median(spent[1:]) for name, spent in times.items()}  # the first warms up
    rate = statistics.median(rates[1:])
    default = ms["ours, default"]
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
    parser.add_argument("--json", type=paths.output_file, help="write the numbers here as well")
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
        results.save(options.json, found)


if __name__ == "__main__":
    main()
