# ruff: noqa: E402
"""What all tests need: signals and threads as in a terminal, and memory that is given back."""

import signal

# Before anything else: a shell may start the tests with SIGINT ignored, and what tests start
# inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The environment of threads counts only if set before PyTorch loads, and nbformat loads seconds
# faster after this module.
import helpers.report.notebooks  # noqa: F401

# isort: split
import ctypes
import gc
import os
import shutil
import sys

import nbformat
import pytest
from page_samples import project
from pipeline_samples import book

from helpers import paths
from helpers.report import pipeline


@pytest.hookimpl(optionalhook=True)  # xdist may be switched off
def pytest_xdist_make_scheduler(config, log):
    """A process at a time for each file of tests, and one for all notebooks, in their order."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return "notebooks" if ".ipynb" in nodeid else super()._split_scope(nodeid)

    return Scheduling(config, log)


@pytest.fixture(scope="module", autouse=True)
def _memory_given_back():
    """Return freed memory to the system after each file of tests.

    Training tells glibc to keep what it frees, so the process would only ever grow.
    """
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    gc.collect()
    gc.freeze()  # so that the next collections pass over what stays, PyTorch above all
    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A project of two small notebooks, each of which counts its runs in a file."""
    return build_house(tmp_path, monkeypatch)


@pytest.fixture
def small_house(house):
    """The house without its second notebook."""
    (house / "notebooks" / "02_two.ipynb").unlink()
    return house


def build_house(folder, patch):
    patch.setattr(paths, "NOTEBOOKS", folder / "notebooks")
    patch.setattr(paths, "BUILD", folder / "build")
    patch.setattr(paths, "ROOT", folder)
    changed = ("PYTHONPATH", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "TQDM_DISABLE")
    for name in (*changed, paths.REDRAW, paths.DEVICE):
        patch.setenv(name, os.environ.get(name, ""))
    (folder / "requirements.txt").touch()
    (folder / "notebooks").mkdir()
    for number, name in enumerate(("01_one", "02_two"), 1):
        counts = f"open('../{name}', 'a').write('x')"
        part = (
            "from pathlib import Path; p = Path('../build/synthetic-quick/parts');"
            f"p.mkdir(exist_ok=True); (p / '{name}.json').write_text('{{}}')"
        )
        made = book(counts, part, title=f"# {number}. A chapter")
        nbformat.write(made, folder / "notebooks" / f"{name}.ipynb")
    return folder


@pytest.fixture(scope="session")
def ran_once(tmp_path_factory):
    """A house after its first run."""
    folder = tmp_path_factory.mktemp("ran_once")
    with pytest.MonkeyPatch.context() as patch:
        build_house(folder, patch)
        assert pipeline.main([]) == 0
    return folder


@pytest.fixture
def used_house(house, ran_once):
    """A copy of the house after its first run: both chapters ran once and are cached."""
    shutil.copytree(ran_once, house, dirs_exist_ok=True)
    return house


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run with a recorded real one beside it: (run folder, notebooks, page)."""
    with project(tmp_path_factory.mktemp("project")) as built:
        yield built
