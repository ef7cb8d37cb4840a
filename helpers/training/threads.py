"""How do the threads of one process share a batch?

PyTorch lets its threads share every single operation, so that they wait for each other hundreds
of times a step. In a `Team` each thread takes its own photos of the batch through the whole
network and back. They meet where a batch norm needs the mean of the whole batch (`whole_batch`)
and at the end, where their gradients are added up. Values and gradients are those of one thread,
up to rounding.
"""

import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

import torch
from torch import Tensor

from . import distributed

FEWEST = 4  # photos that are worth a thread of their own


@dataclass
class Part:
    """What the thread that asks has of the batch: the photos `rows` of `photos` in all.

    generator: of random numbers, alike in all parts of the batch; None is PyTorch's global one.
    """

    rows: slice
    photos: int
    generator: torch.Generator | None = None
    team: "Team | None" = None
    number: int = 0  # of the thread in its team
    meetings: int = 0  # of the team in this step so far


_own = threading.local()  # .part: what `own_part` returns


def own_part() -> Part | None:
    """What this thread has of a batch that a team shares; None outside of a team's step."""
    return getattr(_own, "part", None)


def _begun(size: int, name: str, each: int = 1) -> ThreadPoolExecutor:
    """So many threads, all of them begun, of which each has `each` of PyTorch's own."""
    before, meeting = torch.get_num_threads(), threading.Barrier(size)

    def begin() -> None:
        torch.set_num_threads(each)
        torch.get_num_threads()  # the first time that a thread asks, it takes what was set last

    pool = ThreadPoolExecutor(size, name, begin)
    wait([pool.submit(meeting.wait) for _ in range(size)])
    torch.set_num_threads(before)  # for threads that begin later
    return pool


class Team:
    """So many threads that share batches; see `team`."""

    def __init__(self, size: int = 1, each: int = 1):
        """`size` threads, of which each has `each` of PyTorch's own; 1 is the thread that calls."""
        self.size = size
        if size > 1:
            self._lock, self._barrier = threading.Lock(), threading.Barrier(size)
            self._given = [[None] * size, [None] * size]
            self._pool = _begun(size, "team", each)

    def backward(
        self,
        loss: Callable,
        parameters: Iterable[Tensor],
        *batch: Tensor,
        state: Tensor | None = None,
    ) -> Tensor:
        """The mean loss of a batch; leaves its gradients in the parameters, where none were.

        `loss` takes tensors like those of `batch`, which hold as many photos each (B x ..., B at
        least the team's size), and returns the mean over their photos; in a team, threads call it
        at the same time, and what one of them raises is raised here. `state` is that of the
        random numbers which a team draws; None draws on from PyTorch's global ones.
        """
        if self.size == 1:
            value = loss(*batch)
            value.backward()
            return value.detach()
        parameters = [weights for weights in parameters if weights.requires_grad]
        parts = self._parts(len(batch[0]), state)
        pieces = zip(*(x.tensor_split(self.size) for x in batch))
        with self._lock:
            calls = [(self._one, *own, loss, parameters) for own in zip(parts, pieces)]
            values, gradients = zip(*self._all(calls))
        if state is None:
            torch.set_rng_state(parts[0].generator.get_state())
        for weights, *each in zip(parameters, *gradients):
            weights.grad = _sum(weights, [gradient for gradient in each if gradient is not None])
        return sum(values)

    def _parts(self, photos: int, state: Tensor | None) -> list[Part]:
        if photos < self.size:
            raise ValueError(f"{photos} photos are too few for {self.size} threads")
        state = torch.get_rng_state() if state is None else state
        parts = []
        for number, rows in enumerate(torch.arange(photos).tensor_split(self.size)):
            own, draws = slice(rows[0].item(), rows[-1].item() + 1), torch.Generator()
            parts.append(Part(own, photos, draws.set_state(state), self, number))
        return parts

    def map(self, function: Callable, *items: Iterable) -> list:
        """`function` of each item, in their order; a team's threads take turns."""
        if self.size == 1:
            return list(map(function, *items))
        return list(self._pool.map(function, *items))

    def _one(self, mine: Part, piece, loss: Callable, parameters) -> tuple[Tensor, tuple]:
        _own.part = mine
        try:
            value = loss(*piece) * (len(piece[0]) / mine.photos)
            return value.detach(), torch.autograd.grad(value, parameters, allow_unused=True)
        except BaseException:
            self._barrier.abort()  # nobody waits for a thread that failed
            raise
        finally:
            _own.part = None

    def _all(self, calls: list[tuple]) -> list:
        """What all threads returned, or the exception of the one that failed first."""
        asked = []
        try:
            for call in calls:
                asked.append(self._pool.submit(*call))
            wait(asked)
        except BaseException:  # Ctrl-C, say: nobody waits for a part that never comes
            self._barrier.abort()
            wait(asked)
            raise
        finally:
            if self._barrier.broken:
                self._barrier.reset()
        errors = [e for future in asked if (e := future.exception())]
        if errors:
            raise min(errors, key=lambda e: isinstance(e, threading.BrokenBarrierError))
        return [future.result() for future in asked]

    def total(self, numbers: Tensor) -> Tensor:
        """The sum of what each thread of the team gives here; all of them wait for it."""
        mine = own_part()
        # Who is ahead already writes to the other list while somebody still reads this one.
        given = self._given[mine.meetings % 2]
        mine.meetings += 1
        given[mine.number] = numbers
        self._barrier.wait()
        return torch.stack(given).sum(dim=0)


def _sum(like: Tensor, gradients: list[Tensor]) -> Tensor | None:
    """Their sum, which lies in memory as `like` does; None for none."""
    return functools.reduce(Tensor.add_, gradients, torch.zeros_like(like)) if gradients else None


ALONE = Team()


@functools.cache
def _kept(size: int, each: int) -> Team:
    """One team of a kind a process: what threads have freed stays with them."""
    return Team(size, each)


def team(device: str | torch.device = "cpu", photos: int = 16) -> Team:
    """As many threads as PyTorch may use here and now, each for FEWEST or more of `photos`.

    One on a GPU and among processes, which share batches themselves.
    """
    if torch.device(device).type != "cpu" or distributed.in_group():
        return ALONE
    threads = torch.get_num_threads()
    size = max(1, min(threads, photos // FEWEST))
    return _kept(size, threads // size)


def ahead(members: Team, make: Callable[[int], object], start: int, stop: int) -> Iterator:
    """make(start), make(start + 1), ... to `stop`: each made while the one before is in use.

    A team of one makes each when it is asked for: a GPU computes aside anyway.
    """
    if members.size == 1:
        yield from map(make, range(start, stop))
        return
    with _begun(1, "ahead") as pool:
        following = pool.submit(make, start) if start < stop else None
        for number in range(start + 1, stop + 1):
            made = following.result()
            if number < stop:
                following = pool.submit(make, number)
            yield made
