"""Spreads work over processes: results in order, nothing lost, no process left behind."""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from types import ModuleType

GIVE_UP = 4  # items in a row that end their process


def cores() -> int:
    """How many cores this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def in_order(
    function: Callable, items: Sequence[tuple], workers: int, chunk: int, if_killed
) -> Generator:
    """Yield `function(*item)` for each item, in the order of the items, from `workers` processes.

    A worker gets `chunk` items at a time, and only a few chunks of results are in memory. When
    the system kills a worker, its items are done again, each alone; an item whose process is
    killed again yields `if_killed`. With one worker the work is done in this process. An
    exception, Ctrl-C, closing the generator or the death of this process ends the workers.
    `function` must belong to a module: workers do not import the script that was started.
    Raises ChildProcessError if several items in a row end their process.
    """
    if workers == 1:
        yield from (function(*item) for item in items)
        return
    chunks = iter([items[i : i + chunk] for i in range(0, len(items), chunk)])
    pool = _pool(workers)
    waiting = deque()
    try:
        while True:
            while len(waiting) < 3 * workers and (several := next(chunks, None)):
                try:
                    future = _submit(pool, function, several)
                except BrokenProcessPool:
                    pool = _pool(workers)
                    future = _submit(pool, function, several)
                waiting.append((several, future))
            if not waiting:
                return
            several, future = waiting.popleft()
            try:
                yield from future.result()
            except BrokenProcessPool:
                yield from _one_by_one(function, several, if_killed)
    finally:
        pool.shutdown(cancel_futures=True)


def _one_by_one(function: Callable, items: Sequence[tuple], if_killed) -> Generator:
    pool = _pool(1)
    lost = 0
    try:
        for item in items:
            try:
                yield from _submit(pool, function, [item]).result()
                lost = 0
            except BrokenProcessPool:
                lost += 1
                if lost == GIVE_UP:
                    raise ChildProcessError(
                        "worker processes end as soon as they start (out of memory?): close other "
                        "programs and run again"
                    ) from None
                pool = _pool(1)
                yield if_killed
    finally:
        pool.shutdown(cancel_futures=True)


def _pool(workers: int) -> ProcessPoolExecutor:
    # Spawned, not forked: a fork would copy the locks of PyTorch's threads in whatever state.
    context = multiprocessing.get_context("spawn")
    workers = min(workers, 61)  # Windows has no more
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker)


def _submit(pool: ProcessPoolExecutor, function: Callable, items: Sequence[tuple]) -> Future:
    # A process may start here. It would import the main module: a script without
    # `if __name__ == "__main__"` would begin again, and a command would load PyTorch.
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        return pool.submit(_each, function, items)
    finally:
        sys.modules["__main__"] = main


def _each(function: Callable, items: Sequence[tuple]) -> list:
    return [function(*item) for item in items]


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
