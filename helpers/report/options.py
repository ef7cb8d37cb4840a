"""Defines the options of ./run_all.sh and checks them before anything is installed.

It imports nothing but the standard library: run_all.sh calls it with any Python it finds.
"""

import argparse
import os
import shutil
import sys
from importlib import metadata
from itertools import islice
from pathlib import Path

from .. import paths
from ..photos.folder import LEAST, walk

MB_PER_IMAGE = 0.8  # one full-size JPEG and its prepared share
MB_OF_PACKAGES = 3000
HELP_SHOWN = 3  # exit status that tells run_all.sh to stop after --help

EPILOG = """examples:
  ./run_all.sh                          the report on rendered streets, about 12 minutes
  ./run_all.sh --profile full           up to 6,000 photos, cross-validated, several hours
  ./run_all.sh --data ~/photos          the report on your own photos
  ./run_all.sh --data streetview --images 2000
  ./run_all.sh test                     every check

The page is build/report.html, the numbers are in build/results.json. The same command again
resumes an interrupted run and skips cached chapters."""


def parser() -> argparse.ArgumentParser:
    """The options of ./run_all.sh. The sizes in the help are those of helpers/results.py."""
    made = argparse.ArgumentParser(
        prog="./run_all.sh",
        description="Run the whole report: prepare photos, train, evaluate, build one page.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("command", nargs="?", choices=["test"], help="run every check")
    made.add_argument(
        "--data",
        default="synthetic",
        metavar="synthetic|streetview|FOLDER",
        help="rendered streets (default), UCF Street View (downloaded), or your own photos "
        "(./synthetic for a folder of that name)",
    )
    made.add_argument("--extra", metavar="FOLDER", help="further photos, for training only")
    made.add_argument(
        "--elsewhere", metavar="FOLDER", help="photos of another landscape, to test the models on"
    )
    made.add_argument(
        "--profile",
        choices=["quick", "full"],
        default="quick",
        help="quick (default): 600 photos, one split; full: up to 6,000 photos, five folds",
    )
    made.add_argument("--images", type=int, metavar="N", help="use at most N photos")
    made.add_argument(
        "--seed", type=int, default=0, metavar="S", help="seed of weights and order (0)"
    )
    made.add_argument(
        "--device",
        choices=["cpu", "auto", "cuda", "mps"],
        default="cpu",
        help="where to train (default: cpu); auto: a GPU if there is one",
    )
    made.add_argument("--force", action="store_true", help="run everything again")
    made.add_argument(
        "--update",
        action="store_true",
        help="write the executed notebooks back, stripped (default run only)",
    )
    return made


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse and check. A mistake ends the program with one sentence and exit status 2."""
    made = parser()
    options = made.parse_args(arguments)
    complaint = mistake(options)
    if complaint:
        made.exit(2, f"./run_all.sh: {complaint}\n")
    return options


def is_default(options: argparse.Namespace) -> bool:
    """Whether this is the run whose figures and notebooks are committed."""
    blank = parser().parse_args([])
    return all(
        getattr(options, name) == getattr(blank, name)
        for name in ("data", "extra", "elsewhere", "profile", "images", "seed", "device")
    )


def mistake(options: argparse.Namespace) -> str | None:
    """One sentence that says what is wrong with the options and what to do, or None."""
    for name in ("data", "extra", "elsewhere"):
        folder = getattr(options, name)
        if folder is not None and not (name == "data" and folder in paths.SOURCES):
            complaint = _folder_mistake(f"--{name}", Path(os.path.expanduser(folder)))
            if complaint:
                return complaint
    if options.images is not None and options.images < 40:
        return f"--images {options.images} is too few to split: give 40 or more."
    if not 0 <= options.seed < 2**63:
        return f"--seed {options.seed} is out of range: give 0 or more, below 2**63."
    if options.update and not is_default(options):
        return (
            "--update is for the default run only: its notebooks are the ones in git. Leave it out."
        )
    if not os.access(paths.ROOT, os.W_OK):
        return f"{paths.ROOT} cannot be written: copy it to a folder of your own and run it there."
    return _room_mistake(options)


def _folder_mistake(option: str, folder: Path) -> str | None:
    if not os.path.exists(folder):  # Path raises OSError for a name too long
        return f"{option} {folder}: there is no such folder. Give a folder of photos."
    if not os.path.isdir(folder):
        return f"{option} {folder} is a file: give the folder that holds your photos."
    found = (name for name, problem in walk(folder) if not problem)
    photos = len([*islice(found, LEAST)])  # no more: a large folder takes seconds to walk
    if not photos:
        kinds = ", ".join(sorted(paths.PHOTO_ENDINGS))
        return f"{option} {folder} holds no photo ({kinds}): give another folder."
    if option == "--data" and photos < LEAST:
        return f"{option} {folder} holds {photos} photos, too few to split: give {LEAST} or more."
    return None


def _room_mistake(options: argparse.Namespace) -> str | None:
    images = options.images or (6000 if options.profile == "full" else 600)
    needed = 300 + MB_PER_IMAGE * (images if options.data in paths.SOURCES else 0)
    if unmet_requirements() and not (paths.ROOT / ".venv").exists():
        needed += MB_OF_PACKAGES
    free = shutil.disk_usage(paths.ROOT).free / 1e6
    if free < needed:
        return (
            f"the disk of {paths.ROOT} has {free:,.0f} MB left and about {needed:,.0f} MB are "
            "needed: make room, or take fewer photos with --images."
        )
    return None


def unmet_requirements() -> list[str]:
    """Pins of requirements.txt that the running Python lacks, as `name==version`.

    A build of a version, such as 2.13.0+cpu, counts as that version.
    """
    unmet = []
    for line in (paths.ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        pin = line.split("#")[0].split(";")[0].strip()
        if "==" not in pin:
            continue
        name, version = pin.split("==")
        try:
            if metadata.version(name).split("+")[0] != version:
                unmet.append(pin)
        except metadata.PackageNotFoundError:
            unmet.append(pin)
    return unmet


if __name__ == "__main__":
    if sys.argv[1:] == ["--fits"]:
        sys.exit(bool(unmet_requirements()))
    try:
        parse(sys.argv[1:])
    except SystemExit as ended:
        sys.exit(ended.code or HELP_SHOWN)
