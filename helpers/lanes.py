"""How do chapters that do not need each other run side by side?

Two kernels with half the threads each get through more than one kernel with all of them: threads
wait for each other, and what draws or reads uses one of them. A fit that both lanes ask for is
made by the first, and the other waits for it (`distributed.held`).
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

import psutil

from . import pool

# What stands in neither is for both to build on, and runs before. 05 asks for a fit of 03, so it
# comes last.
LANES = (
    ("03_training", "04_evaluation"),
    ("02_model", "06_colorize_your_photos", "05_explorations"),
)
THREADS = "OMP_NUM_THREADS"
GRACE = 10.0  # seconds that a kernel gets to write its checkpoint


def wanted(profile: str, device: str) -> bool:
    """Whether a run's chapters share the machine.

    Not in the full profile, whose times are recorded; not on a GPU, which serves one at a time
    best; not on a single core.
    """
    return profile == "quick" and device == "cpu" and pool.cores() >= len(LANES)


def each(work: Callable[[str], None], names: list[str], beside: bool) -> None:
    """Call `work` with each name, in their order or, where lanes may run beside each other, so."""
    first, lanes = in_lanes(names) if beside else (names, [])
    for name in first:
        work(name)
    if lanes:
        side_by_side(work, lanes)


def in_lanes(names: list[str]) -> tuple[list[str], list[list[str]]]:
    """Those of `names` that run first, one after the other, and those of each lane, if any.

    A lane with nothing beside it is none: its chapters have all threads, after the others.
    """
    lanes = [own for lane in LANES if (own := [name for name in lane if name in names])]
    if len(lanes) < len(LANES):
        return names, []
    return [name for name in names if not any(name in lane for lane in lanes)], lanes


def threads() -> int:
    """How many threads a kernel has that begins now."""
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

    with _threads_shared(len(lanes)), ThreadPoolExecutor(len(lanes), "lane") as workers:
        running = [workers.submit(follow, lane) for lane in lanes]
        try:
            wait(running, return_when=FIRST_EXCEPTION)
            for lane in running:
                if lane.done():
                    lane.result()
        except BaseException:
            stopped.set()
            _end_kernels(running)
            raise


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
    for kernel in _kernels():
        kernel.send_signal(signal.SIGINT)
    _, left = wait(running, GRACE)
    while left:  # a lane may just have been about to begin a kernel
        for kernel in _kernels():
            kernel.kill()
        _, left = wait(left, 1)


def _kernels() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children():
        try:
            if "ipykernel_launcher" in process.cmdline():
                found.append(process)
        except psutil.NoSuchProcess:
            pass
    return found
