"""How do several processes fit one model, each with its share of every batch?

    torchrun --nproc-per-node=2 -m helpers.training DATA --output FILE

torchrun starts the processes, and all of them again after one was killed. Each computes the
gradients of its part of the batch, PyTorch's DistributedDataParallel averages them, and all take
the same step: N processes with B photos each do what one does with N x B. Where torchrun was not
used, everything here is what it is for one process alone.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from . import checkpoint

TOGETHER = 5  # batches between two questions to all processes


def launched() -> bool:
    """Whether torchrun started this process."""
    return distributed.is_available() and distributed.is_torchelastic_launched()


def in_group() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def ranks() -> int:
    """How many processes work together."""
    return distributed.get_world_size() if in_group() else 1


def rank() -> int:
    """Which of them this process is, from 0; the first writes and speaks for all."""
    return distributed.get_rank() if in_group() else 0


@contextmanager
def held(path: Path | None) -> Iterator[None]:
    """Nobody but these processes works on the fit kept at `path`: others wait, and find it done."""
    if path is None or rank() != 0:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        yield


@contextmanager
def group(device: torch.device) -> Iterator[torch.device]:
    """Join the processes that torchrun started; the device of this one.

    Gradients travel by NCCL between GPUs, all else by gloo.
    """
    if not launched():
        yield device
        return
    gpu = device.type == "cuda"
    if gpu:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    store, number, size = next(distributed.rendezvous("env://"))
    if os.environ["GROUP_WORLD_SIZE"] == "1":
        # Started again, processes find in torchrun's store the addresses of those that are gone
        # (github.com/pytorch/pytorch/issues/135712). Machines count their restarts apart, so that
        # several of them need TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 instead.
        store = distributed.PrefixStore(os.environ["TORCHELASTIC_RESTART_COUNT"], store)
    backend = "cpu:gloo,cuda:nccl" if gpu else "gloo"
    distributed.init_process_group(backend, store=store, rank=number, world_size=size)
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def part(count: int) -> slice:
    """Which of so many things, the same in all processes, are this one's to work on."""
    return slice(count * rank() // ranks(), count * (rank() + 1) // ranks())


def total(numbers: Tensor) -> Tensor:
    """The sum over all processes of numbers that each of them has on the CPU."""
    if in_group():
        distributed.all_reduce(numbers)
    return numbers


def any_of(*mine: bool) -> list[bool]:
    """Which of these is true in any process."""
    return total(torch.tensor(mine, dtype=torch.int32)).bool().tolist()


def stop_or_save(batch: int, pace: checkpoint.Pace) -> list[bool]:
    """Whether to stop, and whether to save, after so many batches: all processes do alike.

    They ask each other every few batches; in between nobody does either.
    """
    if ranks() > 1 and batch % TOGETHER:
        return [False, False]
    return any_of(pace.interrupted, pace.due())


def bar(**options) -> tqdm:
    """A progress bar, of the first process alone."""
    return tqdm(**options) if rank() == 0 else tqdm(disable=True)


def from_first(make: Callable[[], object]) -> object:
    """What `make` returns in the first process, in all of them."""
    made = [make() if rank() == 0 else None]
    if in_group():
        distributed.broadcast_object_list(made, src=0)
    return made[0]


def check(batch_size: int, key: str) -> None:
    """Raise ValueError in all processes unless they can share batches and have the same `key`."""
    if batch_size % ranks():
        raise ValueError(f"{ranks()} processes cannot share {batch_size} photos alike")
    keys = [key] * ranks()
    if in_group():
        distributed.all_gather_object(keys, key)
    if len(set(keys)) > 1:
        raise ValueError("the processes do not have the same photos, recipe and code")


def wrapped(model: nn.Module) -> nn.Module:
    """The model whose backward pass averages gradients over all processes; alone, itself.

    Its batch norms, which `model` shares, should see the whole batch (`whole_batch`).
    """
    # batch statistics are the same everywhere already
    return DistributedDataParallel(model, forward_sync_buffers=False) if in_group() else model
