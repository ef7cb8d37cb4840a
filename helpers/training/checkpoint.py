"""How does a fit survive Ctrl-C and a kill, and when may its checkpoint be used?

A checkpoint is one file, written whole: a dictionary of tensors and plain values that
`torch.load(weights_only=True)` reads, so that reading one never runs code. It carries the key of
what it was made from and serves nothing else.
"""

import hashlib
import json
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .. import paths

INTERVAL = 10.0  # seconds between checkpoints: what a kill loses at most


def key(model: nn.Module, **parts) -> str:
    """A hash of everything that decides how a fit ends.

    `model` is fresh: its structure, initial weights and source count, as do the sources of this
    package's training and convolutions, and `parts` (plain values, whatever JSON holds).
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps([parts, repr(model), torch.__version__], sort_keys=True).encode())
    for name, weights in model.state_dict().items():
        digest.update(name.encode())
        digest.update(weights.numpy().tobytes())
    digest.update(paths.code_key("color.py", "model", "training").encode())
    return digest.hexdigest()


def fingerprint(*arrays: np.ndarray, rows: np.ndarray) -> str:
    """A hash of the chosen rows of arrays, read a thousand at a time."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        for start in range(0, len(rows), 1000):
            digest.update(np.ascontiguousarray(array[rows[start : start + 1000]]).tobytes())
    return digest.hexdigest()


def load(path: Path, expected: str) -> dict | None:
    """The state kept at `path`, or None where there is none for the key `expected`.

    A file that cannot be read counts as none: the work is done again.
    """
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
    except (FileNotFoundError, EOFError, RuntimeError, pickle.UnpicklingError):
        return None
    return kept["state"] if isinstance(kept, dict) and kept.get("key") == expected else None


def save(path: Path, expected: str, state: dict) -> None:
    """Keep `state` (tensors and plain values) under the key `expected`, whole or not at all."""
    with paths.full_disk_named(path.parent), paths.whole(path) as part:
        torch.save({"key": expected, "state": state}, part)


class Pace:
    """Says when the next checkpoint is due, and whether Ctrl-C was pressed."""

    def __init__(self):
        self.interrupted = False
        self._last = time.monotonic()

    def due(self) -> bool:
        """True every INTERVAL seconds, and at once after Ctrl-C."""
        if self.interrupted or time.monotonic() - self._last >= INTERVAL:
            self._last = time.monotonic()
            return True
        return False


@contextmanager
def pace() -> Iterator[Pace]:
    """Hold Ctrl-C back until the batch at work is done, so that what is kept is consistent.

    The block saves when the pace says so and leaves when it is interrupted; KeyboardInterrupt is
    then raised from here. Outside of the main thread signals are none of ours.
    """
    held = Pace()
    if threading.current_thread() is not threading.main_thread():
        yield held
        return

    def note(*_):
        held.interrupted = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield held
    finally:
        signal.signal(signal.SIGINT, before)
    if held.interrupted:
        raise KeyboardInterrupt
