"""Time of a training step, measured for several networks in turn.

In each round every network takes one step, so that other programs slow all of them alike. A step
is forward, backward and Adam on 16 random photos, or on one where that is stated.
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
# The largest array of a photo, 64 channels before the last layer, has 2.5 MB, that of a batch 40.
SINGLE = {f"{k}, one photo": k for k in KERNELS[-2:]}


def kernels(run: Run) -> pd.DataFrame:
    """Seconds per step of the report's network: one row per round, one column per kernel width.

    They write the upsampled images, as the report's code did. Only column FAST does not. The
    columns of SINGLE are the two widest kernels with one photo in place of a batch.
    """
    builds = {str(k): functools.partial(ColorizeCNN, k) for k in KERNELS}
    builds[FAST] = functools.partial(ColorizeCNN, fast=True)
    builds |= {name: functools.partial(ColorizeCNN, k) for name, k in SINGLE.items()}
    return in_turn(run, "kernels", builds, SINGLE)


def memory_cost(seconds: pd.DataFrame) -> tuple[float, tuple[float, float]]:
    """How much more a batch costs the widest kernel than a single photo does: 1 for no more.

    seconds: as `kernels` returns them. It is the time of width 9 over that of width 7 for a batch,
    divided by the same for one photo. Computing takes the same ratio of multiply-adds in both, but
    only the batch is too large for a processor's cache. With its 95% interval over rounds.
    """
    columns = [str(k) for k in SINGLE.values()] + [*SINGLE]
    return over_rounds(seconds[columns], lambda s: s[1] / s[0] / (s[3] / s[2]))


def in_turn(
    run: Run, name: str, builds: dict[str, Callable[[], nn.Module]], single=()
) -> pd.DataFrame:
    """Seconds per step: one row per round, one column per network; those of `single` on one photo.

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
        kept = {"key": key, "seconds": _measure(builds, key["rounds"], name, single)}
        results.save(path, kept)
    return pd.DataFrame(kept["seconds"])


def _measure(builds: dict, repeats: int, label: str, single) -> list[dict[str, float]]:
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
            photos = slice(1 if name in single else BATCH)
            began = time.perf_counter()
            adams[name].zero_grad()
            F.mse_loss(network(lightness[photos]), ab[photos]).backward()
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
