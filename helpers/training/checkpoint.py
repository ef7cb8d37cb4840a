"""Checkpoints: a training run survives Ctrl-C and a kill, and is resumed to the same weights.

A checkpoint is a SHA-256 followed by what `torch.save` wrote: tensors and plain values, which
`torch.load(weights_only=True)` reads without running code. It stores a hash of everything that
decides the result, and is loaded only if that hash matches.
"""

import hashlib
import io
import json
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import nn

from .. import paths

INTERVAL = 10.0  # seconds between checkpoints: what a kill loses at most


def key(model: nn.Module, **parts) -> str:
    """A hash of everything that decides how a training run ends.

    Counted are the fresh model's structure and weights, `parts` (values that JSON holds), the
    version of PyTorch, and the code of the packages that train.
    """
    code = paths.code_key("color.py", "model", "training")
    digest = hashlib.sha256()
    digest.update(json.dumps([parts, repr(model), torch.__version__, code]).encode())
    for name, weights in model.state_dict().items():
        digest.update(name.encode())
        digest.update(weights.cpu().numpy().tobytes())
    return digest.hexdigest()[:32]


def fingerprint(photos) -> str:
    """A hash of `batches.Photos` in their order."""
    digest = hashlib.sha256()
    for start in range(0, len(photos), 1000):
        for array in photos.take(np.arange(start, min(start + 1000, len(photos)))):
            digest.update(np.ascontiguousarray(array.cpu()).data)
    return digest.hexdigest()[:32]


def load(path: Path, expected: str) -> dict | None:
    """The state at `path`, or None if there is none for the key `expected`.

    A damaged file is set aside as `<name>.damaged` with one sentence, and counts as none.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    digest, content = data[:32], data[32:]
    kept = None
    if hashlib.sha256(content).digest() == digest:
        with suppress(pickle.UnpicklingError):
            kept = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if kept is None:
        aside = path.with_name(f"{path.name}.damaged")
        path.replace(aside)
        print(f"{path.name} is damaged or of another version: set aside as {aside.name}")
        return None
    return kept["state"] if kept["key"] == expected else None


def save(path: Path, expected: str, state: dict) -> None:
    """Write `state` (tensors and plain values) under the key `expected`, whole or not at all."""
    content = io.BytesIO()
    torch.save({"key": expected, "state": state}, content)
    with paths.full_disk_named(path.parent), paths.whole(path) as part:
        data = content.getbuffer()
        with open(part, "wb") as file:
            file.write(hashlib.sha256(data).digest())
            file.write(data)


@contextmanager
def held(path: Path | None) -> Iterator[None]:
    """Hold the lock of a checkpoint: who wants the same fit waits, and finds it done."""
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        yield


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
    """Delay Ctrl-C until the current batch is done, so that the checkpoint is consistent.

    The block saves when the pace says so and leaves when it is interrupted; KeyboardInterrupt is
    raised afterwards. Only the main thread can handle signals; elsewhere Ctrl-C is not delayed.
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
