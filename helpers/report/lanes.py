"""How do chapters that do not need each other run side by side?

Two kernels with half the threads each get through more than one kernel with all of them: threads
wait for each other, and what draws or reads uses one of them. A fit that both lanes ask for is
made by the first, and the other waits for it (`distributed.held`).
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress

import psutil

from ..photos import pool

# Chapters in neither lane run before or after both: the last shows what all have judged.
LANES = (("03_training", "04_evaluation"), ("02_model", "05_explorations"))
THREADS = "OMP_NUM_THREADS"
SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 10.0  # seconds that a kernel gets to write its checkpoint


def wanted(profile: str, device: str) -> bool:
    """Whether a run's chapters share the machine: those of quick ones on the CPU, if it has cores.

    The times of a full run go into data/measured, and a GPU serves one at a time best.
    """
    return profile == "quick" and device == "cpu" and threads() >= len(LANES)


def each(work: Callable[[str], None], names: list[str], beside: bool) -> None:
    """Call `work` with each name: one after the other, or some side by side."""
    before, lanes, after = in_lanes(names) if beside else (names, [], [])
    for name in before:
        work(name)
    if lanes:
        side_by_side(work, lanes)
    for name in after:
        work(name)


def in_lanes(names: list[str]) -> tuple[list[str], list[list[str]], list[str]]:
    """Those of `names` that run before the lanes, those of each lane, and those that run after.

    A lane with nothing beside it is none: all run one after the other then, with all threads.
    """
    lanes = [own for lane in LANES if (own := [name for name in lane if name in names])]
    if len(lanes) < len(LANES):
        return names, [], []
    places = [names.index(name) for lane in lanes for name in lane]
    return names[: min(places)], lanes, names[max(places) + 1 :]


def threads() -> int:
    """How many threads a kernel that begins now may use."""
    asked = os.environ.get(THREADS, "")
    return int(asked) if asked.isdecimal() else pool.cores()


def side_by_side(work: Callable[[str], None], lanes: list[list[str]]) -> None:
    """Call `work` with each name of a lane in turn, and that for all lanes at the same time.

    An exception in one lane, or Ctrl-C, ends the kernels of all and is raised here.
    """
    stopped = threading.Event()

    def follow(lane: list[str]) -> None:
        for name in lane:
            if not stopped.is_set():
                work(name)

    workers, running = ThreadPoolExecutor(len(lanes), "lane"), []
    with _threads_shared(len(lanes)), _one_signal(), workers:
        try:
            running.extend(workers.submit(follow, lane) for lane in lanes)
            wait(running, return_when=FIRST_EXCEPTION)
            for lane in running:
                if lane.done():
                    lane.result()
        except BaseException:
            _ignore_signals()
            stopped.set()
            _end_kernels(running)
            raise


@contextmanager
def _one_signal() -> Iterator[None]:
    """The first Ctrl-C or SIGTERM stops; more of them change nothing until the block is left.

    They would break off the ending of the kernels. Tools such as `timeout` send two.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_):
        _ignore_signals()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def _threads_shared(lanes: int) -> Iterator[None]:
    """Kernels that begin meanwhile have their share of the threads that one would have."""
    before = os.environ.get(THREADS)
    os.environ[THREADS] = str(max(1, threads() // lanes))
    try:
        yield
    finally:
        if before is None:
            del os.environ[THREADS]
        else:
            os.environ[THREADS] = before


def _end_kernels(running: list[Future]) -> None:
    """Interrupt what the lanes execute, as Ctrl-C would; end what has not stopped by then."""
    print("Stopping what runs ...", file=sys.stderr, flush=True)
    for kernel in _kernels():
        with suppress(psutil.Error):
            kernel.send_signal(signal.SIGINT)
    _, left = wait(running, GRACE)
    while left:  # a lane may just have been about to begin a kernel
        for kernel in _kernels():
            with suppress(psutil.Error):
                kernel.kill()
        _, left = wait(left, 1)


def _kernels() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children():
        with suppress(psutil.Error):
            if "ipykernel_launcher" in process.cmdline():
                found.append(process)
    return found
