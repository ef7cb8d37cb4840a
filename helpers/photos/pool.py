"""How is work spread over processes so that nothing is lost, left behind or out of order?"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait

CHUNK = 8  # items a worker gets at a time
GIVE_UP = 4  # items in a row that end their process


def cores() -> int:
    """How many cores this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def in_order(function: Callable, items: Sequence[tuple], workers: int, if_killed) -> Generator:
    """Yield `function(*item)` for each item, in the order of the items, from `workers` processes.

    Only a few chunks of results are held at a time. When the system kills a worker, what it had
    in hand is done again, each item alone; an item whose process is killed then too yields
    `if_killed`. One worker means none: the work is done here. An exception, Ctrl-C or closing
    the generator ends the workers; so does the death of this process.
    """
    if workers == 1:
        yield from (function(*item) for item in items)
        return
    chunks = iter([items[i : i + CHUNK] for i in range(0, len(items), CHUNK)])
    pool = _pool(workers)
    waiting = deque()
    try:
        while True:
            while len(waiting) < 3 * workers and (chunk := next(chunks, None)):
                try:
                    future = pool.submit(_each, function, chunk)
                except BrokenProcessPool:
                    pool = _pool(workers)
                    future = pool.submit(_each, function, chunk)
                waiting.append((chunk, future))
            if not waiting:
                return
            chunk, future = waiting.popleft()
            try:
                yield from future.result()
            except BrokenProcessPool:
                yield from _one_by_one(function, chunk, if_killed)
    finally:
        pool.shutdown(cancel_futures=True)


def _one_by_one(function, chunk, if_killed) -> Generator:
    pool = _pool(1)
    lost = 0
    try:
        for item in chunk:
            try:
                yield pool.submit(function, *item).result()
                lost = 0
            except BrokenProcessPool:
                lost += 1
                if lost == GIVE_UP:
                    raise RuntimeError(
                        "worker processes end as soon as they start: work with one (workers=1), or "
                        "put the call under `if __name__ == '__main__':` if it stands in a script"
                    ) from None
                pool = _pool(1)
                yield if_killed
    finally:
        pool.shutdown(cancel_futures=True)


def _each(function, chunk) -> list:
    return [function(*item) for item in chunk]


def _pool(workers: int) -> ProcessPoolExecutor:
    # Spawned, not forked: a fork would copy the locks of PyTorch's threads in whatever state.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker)


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
