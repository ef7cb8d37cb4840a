"""Where everything lives, and how a file is written whole or not at all."""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
DATA = ROOT / "data"
PUBLISHED = DATA / "published"
MEASURED = DATA / "measured"
WEIGHTS = DATA / "weights"
RAW = DATA / "raw"
PREPARED = DATA / "prepared"
FIGURES = ROOT / "figures"
BUILD = ROOT / "build"
REDRAW = "STREETSIDE_REDRAW"
DEVICE = "STREETSIDE_DEVICE"  # what ./run_all.sh was asked to train on


def data_name(data: str | Path) -> str:
    """The short name of a data source: `synthetic`, `streetview`, or a folder's own name."""
    name = str(data)
    return name if name in ("synthetic", "streetview") else Path(name).expanduser().resolve().name


def run_folder(data: str | Path, profile: str) -> Path:
    """`build/<data>-<profile>`, where one run keeps everything that it makes."""
    return BUILD / f"{data_name(data)}-{profile}"


def figures_folder(run: Path) -> Path:
    """Where the run in folder `run` draws: `figures/<run>/`, ignored by git.

    `figures/` itself for the default run of ./run_all.sh, which sets STREETSIDE_REDRAW; so a
    notebook opened by hand and the tests leave the committed figures alone.
    """
    return FIGURES if os.environ.get(REDRAW) else FIGURES / run.name


@contextmanager
def whole(path: str | Path):
    """Give a temporary path beside `path`; it takes its name only when the block succeeds.

    Works for a file and for a folder (make it inside the block). A folder that stands
    at `path` already is replaced. After an exception nothing is left.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}.", suffix=".part", dir=path.parent))
    try:
        yield part / path.name
        if path.is_dir() and not path.is_symlink():
            os.replace(path, part / "old")
        os.replace(part / path.name, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
