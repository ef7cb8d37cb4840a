"""How does a step that runs in a notebook's kernel show its progress in the terminal?"""

import functools
import itertools
import os
import sys

from filelock import FileLock, Timeout
from tqdm import tqdm

from .. import paths

TERMINAL = "STREETSIDE_TERMINAL"  # the terminal that started the run, set by the pipeline


def bar(iterable=None, **options) -> tqdm:
    """A tqdm bar: on the run's terminal if there is one, else where tqdm puts it.

    Under the pipeline and nbval TQDM_DISABLE keeps bars out of the notebooks' outputs.
    """
    terminal = os.environ.get(TERMINAL)
    if terminal:
        try:
            options |= {"file": open(terminal, "w"), "disable": False, "leave": False}
            options |= {"position": _line()[0]}
        except OSError:
            pass
    return tqdm(iterable, **options)


def tell(sentence: str) -> None:
    """Print a line, over what a kernel's bar has left on that of the terminal."""
    clear = "\r\x1b[K" if sys.stdout.isatty() else ""
    # With its end in one piece: lanes tell theirs at the same time.
    print(f"{clear}{sentence}\n", end="", flush=True)


@functools.cache
def _line() -> tuple[int, FileLock]:
    """The terminal's line, counted from the cursor, that this process's bars have to themselves.

    Kernels that run side by side hold one each, by a lock that ends with the process.
    """
    for number in itertools.count():
        lock = FileLock(paths.BUILD / f".line-{number}.lock", timeout=0)
        try:
            lock.acquire()
            return number, lock
        except Timeout:
            pass
