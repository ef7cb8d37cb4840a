"""Where every file lives; files are written whole or not at all."""

import argparse
import errno
import hashlib
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None

ROOT = Path(__file__).resolve().parents[1]
HELPERS = ROOT / "helpers"
NOTEBOOKS = ROOT / "notebooks"
DATA = ROOT / "data"
PUBLISHED = DATA / "published"
MEASURED = DATA / "measured"
WEIGHTS = DATA / "weights"
SHIPPED = WEIGHTS / "street_unet.safetensors"
RAW = DATA / "raw"
PREPARED = DATA / "prepared"
FIGURES = ROOT / "figures"
BUILD = ROOT / "build"

REDRAW = "STREETSIDE_REDRAW"  # set by the default run, which draws into figures/ itself
DEVICE = "STREETSIDE_DEVICE"  # the device that ./run_all.sh trains on
FETCHED = "STREETSIDE_FETCHED"  # set for chapters: the run has downloaded what it could

SOURCES = ("synthetic", "streetview")  # photos of this project; all else names a folder
PHOTO_ENDINGS = {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".tif", ".tiff"}
PART = re.compile(r"\..*\.[a-z0-9_]{8}\.part", re.DOTALL)  # a temporary folder of `whole`
SPARE = 50_000_000  # bytes of the disk that are never filled


def data_name(data: str | Path) -> str:
    """The short name of a data source: `synthetic`, `streetview`, or the folder's own name.

    A folder that is called like a source is `folder synthetic`. A name over 80 bytes is cut and
    ends in a hash, so that files can be named after it.
    """
    if data in SOURCES:
        return data
    name = Path(os.path.realpath(os.path.expanduser(data))).name
    if name.lower() in SOURCES:
        return f"folder {name}"
    whole_name = os.fsencode(name)
    if len(whole_name) <= 80:
        return name
    return f"{name[:20]}-{hashlib.sha256(whole_name).hexdigest()[:8]}"


def folder_argument(folder: str | Path) -> str:
    """The folder's own name, as an option or parameter that no source and no option is taken for.

    `./synthetic` is a folder, `synthetic` are the rendered streets.
    """
    name = Path(folder).name
    return f"./{name}" if name in SOURCES or name.startswith("-") else name


def run_folder(data: str | Path, profile: str) -> Path:
    """`build/<data>-<profile>`, the folder of one run."""
    return BUILD / f"{data_name(data)}-{profile}"


def code_key(*names: str) -> str:
    """A hash of every Python file in these folders or files of helpers/, for the keys of caches."""
    digest = hashlib.sha256()
    for name in names:
        found = HELPERS / name
        for path in sorted(found.rglob("*.py")) if found.is_dir() else [found]:
            digest.update(f"{path.relative_to(HELPERS)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def figures_folder(run: Path) -> Path:
    """The folder for the figures of the run in folder `run`: `figures/<run>/`, ignored by git.

    `figures/` itself for the default run of ./run_all.sh, which sets STREETSIDE_REDRAW, so that
    tests and notebooks opened by hand leave the committed figures alone.
    """
    return FIGURES if os.environ.get(REDRAW) else FIGURES / run.name


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path; the file gets its real name only if the block succeeds.

    An existing file is replaced. After an exception nothing is left behind. Raises
    IsADirectoryError if `path` is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "this is a folder, not a file", str(path))
    with _part(path) as part:
        yield part
        os.replace(part, path)


@contextmanager
def whole_folder(path: str | Path, marker: str) -> Iterator[Path]:
    """Yield a temporary path; the folder made there gets its real name if the block succeeds.

    An existing folder is replaced only if it holds the file `marker`, which every folder made
    here holds. Raises FileExistsError if something else is at `path`, ValueError if the new
    folder lacks its marker.
    """
    path = Path(path)
    if os.path.lexists(path) and not (path / marker).is_file():
        raise FileExistsError(
            errno.EEXIST, "this was not made by this project; move it away", str(path)
        )
    with _part(path) as part:
        yield part
        if not (part / marker).is_file():
            raise ValueError(f"the new folder has no {marker}")
        if path.exists():
            os.replace(path, part.parent / "old")
        os.replace(part, path)


@contextmanager
def _part(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}.", suffix=".part", dir=path.parent))
    held = _hold(part)
    try:
        yield part / path.name
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if held is not None:
            os.close(held)


def _hold(part: Path) -> int | None:
    """Lock a temporary folder until its process ends; None if another process holds it.

    Windows has no such locks: there, nothing is held and nothing can be.
    """
    if fcntl is None:
        return None
    held = os.open(part, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return None
    return held


def remove_left_behind(*folders: Path) -> None:
    """Remove the temporary folders below `folders` whose process was killed."""
    for top in folders:
        for folder, names, _ in os.walk(top):
            for name in [name for name in names if PART.fullmatch(name)]:
                names.remove(name)
                part = Path(folder, name)
                with suppress(OSError):
                    if (held := _hold(part)) is not None:
                        shutil.rmtree(part, ignore_errors=True)
                        os.close(held)


def output(text: str) -> Path:
    """For argparse: a path to write, `~` expanded. Refuses the home of a user who does not exist.

    Nothing else would: a folder called `~name` would be made.
    """
    path = Path(os.path.expanduser(text))
    if not text:
        raise argparse.ArgumentTypeError("the path is empty")
    if text.startswith("~") and path == Path(text):
        raise argparse.ArgumentTypeError(
            f"{text}: there is no such user. For a path, give ./{text}"
        )
    return path


def output_file(text: str) -> Path:
    """For argparse: the path of a file to write.

    Refuses a folder, or a name that the system refuses, before any work is done.
    """
    path = output(text)
    if os.path.isdir(path):
        raise argparse.ArgumentTypeError(f"{text} is a folder: give the name of a file")
    folder = next((each for each in path.parents if os.path.exists(each)), path.parent)
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise argparse.ArgumentTypeError(f"{folder} is a file, not a folder")
    try:
        os.lstat(folder / path.name)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise argparse.ArgumentTypeError(
            f"{text} cannot be written ({error.strerror}): give another name"
        ) from None
    return path


def input_file(text: str) -> Path:
    """For argparse: the path of a file to read. Refuses a folder or a file that is missing."""
    path = Path(os.path.expanduser(text))
    if os.path.isdir(path):
        raise argparse.ArgumentTypeError(f"{text} is a folder: give the name of a file")
    if not os.path.isfile(path):
        raise argparse.ArgumentTypeError(f"{text}: there is no such file")
    return path


def print_any_name() -> None:
    """Print as escapes the characters that the terminal or a Windows code page lacks."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def need_room(folder: Path, count: int) -> None:
    """Raise OSError unless `count` bytes fit on the disk that holds `folder`."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    if free < count + SPARE:
        raise OSError(
            errno.ENOSPC,
            f"about {count / 1e6:,.0f} MB are needed in {folder} but {free / 1e6:,.0f} MB are "
            "free: make room, or take fewer photos",
        )


@contextmanager
def full_disk_named(folder: Path) -> Iterator[None]:
    """Replace the system's error for a full disk by a sentence with folder and remedy."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise OSError(
            error.errno, f"the disk is full while writing to {folder}: make room and run again"
        ) from error
