"""Time of a training step, measured for several networks in turn.

In each round every network takes one step, so that other programs slow all of them alike. A step
is forward, backward and Adam on 16 random photos.
"""

import functools
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from .. import paths, results
from ..intervals import bootstrap, interval
from ..model import ColorizeCNN
from ..results import Run
from ..training import devices

BATCH, HEIGHT, WIDTH = 16, 88, 112
KERNELS = (1, 3, 5, 7, 9)
FAST = "3, fast"  # the column of the fast convolution


def kernels(run: Run) -> pd.DataFrame:
    """Seconds per step of the report's network: one row per round, one column per kernel width.

    They write the upsampled images, as the report's code did. Only column FAST does not.
    """
    builds = {str(k): functools.partial(ColorizeCNN, k) for k in KERNELS}
    builds[FAST] = functools.partial(ColorizeCNN, fast=True)
    return in_turn(run, "kernels", builds)


def in_turn(run: Run, name: str, builds: dict[str, Callable[[], nn.Module]]) -> pd.DataFrame:
    """Seconds per step: one row per round, one column per network.

    A first round warms up and is not counted. The times are kept with the run's checkpoints and
    returned again until networks, code, threads or the number of rounds change.
    """
    path = run.folder / "checkpoints" / f"timing-{name}.json"
    key = {
        "networks": list(builds),
        "rounds": run.profile.timing_repeats,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "code": paths.code_key("model", "explorations/timings.py", "explorations/studies.py"),
    }
    kept = results.load(path) if path.exists() else {}
    if kept.get("key") != key:
        kept = {"key": key, "seconds": _measure(builds, key["rounds"], name)}
        results.save(path, kept)
    return pd.DataFrame(kept["seconds"])


def _measure(builds: dict, repeats: int, label: str) -> list[dict[str, float]]:
    devices.keep_memory()
    lightness = 255 * torch.rand(BATCH, 1, HEIGHT, WIDTH)
    ab = torch.rand(BATCH, 2, HEIGHT, WIDTH).to(memory_format=torch.channels_last)
    networks = {
        name: build().to(memory_format=torch.channels_last) for name, build in builds.items()
    }
    adams = {name: torch.optim.Adam(net.parameters(), fused=True) for name, net in networks.items()}
    rounds = []
    for _ in tqdm(range(repeats + 1), desc=f"timing {label}", leave=False):
        seconds = {}
        for name, network in networks.items():
            began = time.perf_counter()
            adams[name].zero_grad()
            F.mse_loss(network(lightness), ab).backward()
            adams[name].step()
            seconds[name] = time.perf_counter() - began
        rounds.append(seconds)
    return rounds[1:]


def over_rounds(
    seconds: pd.DataFrame, statistic: Callable[[np.ndarray], float]
) -> tuple[float, tuple[float, float]]:
    """A statistic of the median times (one per column) and its 95% interval over rounds."""
    table = seconds.to_numpy()
    rounds = pd.DataFrame(np.eye(len(table)))  # so that the sums of a draw count its rounds

    def pool(counts: pd.DataFrame) -> pd.DataFrame:
        drawn = (np.repeat(table, row, axis=0) for row in counts.to_numpy(dtype=int))
        return pd.DataFrame({"value": [of_medians(rows) for rows in drawn]})

    def of_medians(rows: np.ndarray) -> float:
        return float(statistic(np.median(rows, axis=0)))

    draws = bootstrap([rounds], pd.Series(rounds.index), pool)
    return of_medians(table), interval(draws.value, len(rounds))
