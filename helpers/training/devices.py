"""Devices: where a network learns, and in how many processes.

Under `torchrun`, every process computes the gradients of its share of a batch, PyTorch's
DistributedDataParallel averages them, and all take the same step. One difference remains on
CPUs: batch norm there sees only the share of its own process, so that `street_unet` learns
slightly differently in two processes of 8 photos than in one of 16. On GPUs SyncBatchNorm sees
the whole batch. One GPU has been tried, several have not (`data/measured/gpu.json`).
"""

import ctypes
import functools
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from .. import paths
from ..model.predict import usable_device


def requested() -> torch.device:
    """The device on which notebooks train: the CPU, unless ./run_all.sh was given another."""
    return usable_device(os.environ.get(paths.DEVICE) or "cpu")


@functools.cache
def keep_memory() -> None:
    """Make glibc's malloc keep freed memory, so that a step's arrays stay mapped.

    Otherwise every page of them is returned and cleared again in every step: on 2 cores, one of
    the report's network takes 107 ms without this and 78 ms with it, medians of four; street_unet
    gains nothing. Other allocators are left alone.
    """
    trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of malloc.h
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(mmap_max, 0)


def in_group() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def ranks() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if in_group() else 1


def rank() -> int:
    """The number of this process, from 0. The first writes files and prints."""
    return distributed.get_rank() if in_group() else 0


@contextmanager
def group(device: torch.device) -> Iterator[torch.device]:
    """Join the processes that torchrun started, if it did; yields this process's device.

    Gradients travel by NCCL between GPUs, everything else by gloo.
    """
    if not (distributed.is_available() and distributed.is_torchelastic_launched()):
        yield device
        return
    gpu = device.type == "cuda"
    if gpu:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    store, number, size = next(distributed.rendezvous("env://"))
    if os.environ["GROUP_WORLD_SIZE"] == "1":
        # Restarted processes find the addresses of dead ones in torchrun's store
        # (github.com/pytorch/pytorch/issues/135712). Several machines count restarts apart:
        # they need TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 instead.
        store = distributed.PrefixStore(os.environ["TORCHELASTIC_RESTART_COUNT"], store)
    backend = "cpu:gloo,cuda:nccl" if gpu else "gloo"
    distributed.init_process_group(backend, store=store, rank=number, world_size=size)
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def part(count: int) -> slice:
    """The share of this process in `count` things that all processes have."""
    return slice(count * rank() // ranks(), count * (rank() + 1) // ranks())


def total(numbers: Tensor) -> Tensor:
    """The sum over all processes of numbers on the CPU."""
    if in_group():
        distributed.all_reduce(numbers)
    return numbers


def from_first(make: Callable[[], object]) -> object:
    """What `make` returns in the first process, in all of them."""
    made = [make() if rank() == 0 else None]
    if in_group():
        distributed.broadcast_object_list(made, src=0)
    return made[0]


def check(batch_size: int, key: str) -> None:
    """Raise ValueError in all processes unless they can share batches and have the same `key`."""
    if batch_size % ranks():
        raise ValueError(f"{ranks()} processes cannot share {batch_size} photos equally")
    keys = [key] * ranks()
    if in_group():
        distributed.all_gather_object(keys, key)
    if len(set(keys)) > 1:
        raise ValueError("the processes do not have the same photos, recipe and code")


def shared(model: nn.Module) -> nn.Module:
    """The model, with gradients averaged over all processes of the group, if there is one."""
    if not in_group():
        return model
    if next(model.parameters()).is_cuda:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return DistributedDataParallel(model)
