# ruff: noqa: E402
"""What all tests need: signals and threads as in a terminal, and memory that is given back."""

import signal

# Before anything else: a shell may start the tests with SIGINT ignored, and what tests start
# inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)

import helpers  # noqa: F401  (the environment of threads counts only if set before PyTorch loads)

# isort: split
import ctypes
import gc
import os
import sys

import nbformat
import pytest
from pipeline_samples import book

from helpers import paths


@pytest.fixture(scope="module", autouse=True)
def _memory_given_back():
    """Return freed memory to the system after each file of tests.

    Training tells glibc to keep what it frees, so the process would only ever grow.
    """
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    gc.collect()
    if hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A project of two small notebooks, each of which counts its runs in a file."""
    monkeypatch.setattr(paths, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(paths, "BUILD", tmp_path / "build")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    for name in ("PYTHONPATH", "IPYTHONDIR", "TQDM_DISABLE", paths.REDRAW, paths.DEVICE):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    (tmp_path / "requirements.txt").touch()
    (tmp_path / "notebooks").mkdir()
    parts = tmp_path / "build" / "synthetic-quick" / "parts"
    for number, name in enumerate(("01_one", "02_two"), 1):
        counts = f"open({str(tmp_path / name)!r}, 'a').write('x')"
        part = (
            f"from pathlib import Path; p = Path({str(parts)!r}); p.mkdir(exist_ok=True);"
            f"(p / '{name}.json').write_text('{{}}');"
        )
        made = book(counts, part, title=f"# {number}. A chapter")
        nbformat.write(made, tmp_path / "notebooks" / f"{name}.ipynb")
    return tmp_path
