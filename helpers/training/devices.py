"""On which device does a model learn, with how many threads, and in what kind of step?

What is here for GPUs follows PyTorch's documentation and was tested on the CPU with stand-ins; on
a GPU it was neither run nor measured.
"""

import ctypes
import functools
import os
import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from .. import paths
from ..model.predict import usable_device
from . import distributed

WARM = 3  # steps before the one that is captured, as PyTorch's documentation has it


def asked() -> torch.device:
    """Where the notebooks train: on the CPU, unless ./run_all.sh was told otherwise."""
    return usable_device(os.environ.get(paths.DEVICE) or "cpu")


def faster_threads(step: Callable[[], object], repeats: int = 5) -> int:
    """Set the number of threads, one or as many as now, with which `step` is faster; return it.

    Medians of a few steps in a row, after one that warms up. Cores that others use can make two
    threads slower than one.
    """
    seconds = {}
    for threads in {torch.get_num_threads(), 1}:
        torch.set_num_threads(threads)
        times = []
        for _ in range(1 + repeats):
            began = time.perf_counter()
            step()
            times.append(time.perf_counter() - began)
        seconds[threads] = statistics.median(times[1:])
    fastest = min(seconds, key=seconds.get)
    torch.set_num_threads(fastest)
    return fastest


def load_optimizer(optimizer: torch.optim.Optimizer, kept: dict) -> None:
    """Take up the state of an optimizer, which may have been on another device."""
    own = ("lr", "capturable")
    pairs = zip(kept["param_groups"], optimizer.param_groups)
    groups = [group | {name: here[name] for name in own} for group, here in pairs]
    optimizer.load_state_dict(kept | {"param_groups": groups})


def rate(value: float, device: torch.device) -> float | Tensor:
    """A learning rate that changes, as an optimizer takes it whose steps may be captured."""
    return torch.tensor(value, device=device) if device.type == "cuda" else value


def set_rate(group: dict, value: float) -> None:
    """Change the learning rate of an optimizer's group of parameters, in place on a GPU."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(value)
    else:
        group["lr"] = value


def graphed(step: Callable[..., Tensor], device: torch.device) -> Callable[..., Tensor]:
    """`step` as a CUDA graph where one process has one GPU, else as it is."""
    alone = device.type == "cuda" and distributed.ranks() == 1
    return Graphed(step) if alone else step


class Graphed:
    """A step of training as one CUDA graph, so that its hundreds of launches are one.

    `step` takes the tensors of a batch and returns the loss as a tensor; all batches have one
    shape, and nothing in it may wait for the device. The first calls run it as it is, on a stream
    aside; then it is captured. The tensor returned is overwritten by the next call. Where capture
    fails, one sentence says so and steps go on as they are.
    """

    def __init__(self, step: Callable[..., Tensor]):
        self.step, self.calls = step, 0
        self.graph = self.loss = None
        self.batch: list[Tensor] = []

    def __call__(self, *batch: Tensor) -> Tensor:
        self.calls += 1
        if self.calls <= WARM:
            return self._aside(batch)
        if self.calls == WARM + 1:
            self._capture(batch)
        if self.graph is None:
            return self.step(*batch)
        for kept, given in zip(self.batch, batch):
            kept.copy_(given)
        self.graph.replay()
        return self.loss

    def _aside(self, batch: tuple[Tensor, ...]) -> Tensor:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            loss = self.step(*batch)
        torch.cuda.current_stream().wait_stream(stream)
        return loss

    def _capture(self, batch: tuple[Tensor, ...]) -> None:
        self.batch = [tensor.clone() for tensor in batch]
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):  # records, computes nothing
                self.loss = self.step(*self.batch)
            self.graph = graph
        except RuntimeError as error:
            print(f"no CUDA graph, each step is launched piece by piece ({error})")


@functools.cache
def keep_memory() -> None:
    """Tell glibc's malloc to keep freed memory: a step's arrays then stay mapped.

    Given back and asked for anew, every page of them is cleared again, step after step. Other
    allocators are left alone.
    """
    trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of malloc.h
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(mmap_max, 0)
