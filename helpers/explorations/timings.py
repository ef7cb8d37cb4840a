"""How long does a step of training take, when the contenders take turns?

Rounds of one step each, so that whatever else the machine does falls on all alike. A step is
forward, backward and Adam on 16 random photos, as training does it. Times are kept, and a resumed
run shows those of the first.
"""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from .. import results
from ..results import Run
from ..training import fitting, threads

BATCH, HEIGHT, WIDTH = 16, 88, 112
DRAWS = 1000  # of rounds
RNG = 2014


def in_turn(run: Run, name: str, builds: dict[str, Callable], repeats: int) -> pd.DataFrame:
    """Seconds a step: one row a round, one column a network. Kept as `name` with the checkpoints.

    A first round, which warms up, is not counted.
    """
    path = run.folder / "checkpoints" / f"timing-{name}.json"
    asked = {"networks": list(builds), "repeats": repeats, "torch": torch.__version__}
    asked["threads"] = torch.get_num_threads()
    kept = results.load(path) if path.exists() else {}
    if kept.get("asked") != asked:
        kept = {"asked": asked, "seconds": _measure(builds, repeats, name)}
        results.save(path, kept)
    return pd.DataFrame(kept["seconds"])


def _measure(builds: dict[str, Callable], repeats: int, label: str) -> list[dict[str, float]]:
    fitting.keep_memory()
    lightness = 255 * torch.rand(BATCH, 1, HEIGHT, WIDTH)
    ab = torch.rand(BATCH, 2, HEIGHT, WIDTH).to(memory_format=torch.channels_last)
    nets = {name: build().to(memory_format=torch.channels_last) for name, build in builds.items()}
    adams = {name: torch.optim.Adam(net.parameters(), lr=1e-5) for name, net in nets.items()}
    rounds, team = [], threads.team("cpu", BATCH)
    for _ in tqdm(range(repeats + 1), desc=f"timing {label}", leave=False):
        seconds = {}
        for name, net in nets.items():
            began = time.perf_counter()
            fitting.update(net, adams[name], fitting.LOSSES["mse"], lightness, ab, team=team)
            seconds[name] = time.perf_counter() - began
        rounds.append(seconds)
    return rounds[1:]


def over_rounds(
    seconds: pd.DataFrame, statistic: Callable[[np.ndarray], float]
) -> tuple[float, tuple[float, float]]:
    """A statistic of the median times (one a column), and its 95 % interval over rounds."""
    table = seconds.to_numpy()
    draws = np.random.default_rng(RNG).integers(len(table), size=(DRAWS, len(table)))
    values = [statistic(np.median(table[rows], axis=0)) for rows in draws]
    low, high = np.percentile(values, (2.5, 97.5))
    return float(statistic(np.median(table, axis=0))), (float(low), float(high))
