"""Finds the photo files below a folder.

Uses the standard library alone: ./run_all.sh checks its options before packages are installed.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..paths import PHOTO_ENDINGS

LEAST = 24  # photos; fewer cannot be split

_RAW = "3fr arw cr2 cr3 crw dng erf iiq kdc mef mos mrw nef nrw orf pef raf raw rw2 sr2 srf srw x3f"
_OTHER = (
    "ai apng avif bmp dds dib djvu eps exr gif hdr heic heif hif icns ico j2c j2k jp2 jpf jpx jxl "
    "jxr pam pbm pcx pdf pfm pgm pnm ppm psb psd qoi sgi svg tga wdp xcf"
)
OTHER_ENDINGS = {f".{ending}" for ending in f"{_RAW} {_OTHER}".split()}  # of pictures


def walk(root: str | Path) -> Iterator[tuple[str, str | None]]:
    """Yield every picture below `root` and the reason why it cannot be a photo.

    A picture is a path relative to `root`; the reason of a photo is None. Each folder is entered
    once, linked folders last. Hidden files and folders, and files that are no pictures, are left
    out.
    """
    seen, problems = set(), []
    waiting = [str(root)]
    for top in waiting:  # links join the list, so that a folder is found under its own name
        for folder, folders, names in os.walk(top, onerror=problems.append):
            here = os.path.realpath(folder)
            if here in seen:
                folders.clear()
                continue
            seen.add(here)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            below = [os.path.join(folder, name) for name in folders]
            waiting += [path for path in below if os.path.islink(path)]
            for name in sorted([*names, *folders]):
                ending = os.path.splitext(name)[1].lower()
                if not name.startswith(".") and ending in PHOTO_ENDINGS | OTHER_ENDINGS:
                    path = os.path.join(folder, name)
                    yield os.path.relpath(path, root), _problem(path, ending)
    for error in problems:
        yield os.path.relpath(error.filename, root), _unlisted(error)


def stamp(path: str | Path) -> str:
    """Text that changes whenever the file does, for the keys of caches. "gone" if it is missing.

    A file replaced by another of the same size and time differs in `ctime`.
    """
    try:
        status = os.stat(path)
    except OSError:
        return "gone"
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def _unlisted(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "a folder that cannot be listed (no permission?)"
    return f"a folder that cannot be listed ({error.strerror})"


def _problem(path: str, ending: str) -> str | None:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return "a broken link" if os.path.islink(path) else "gone before it was read"
    except OSError as error:
        return f"cannot be reached ({error.strerror})"
    if stat.S_ISDIR(mode):
        return "a folder, not a photo" if ending in PHOTO_ENDINGS else None
    if not stat.S_ISREG(mode):
        return "not an ordinary file"
    if ending in OTHER_ENDINGS:
        return f"a {ending[1:]} file: save it as JPEG, PNG, WebP or TIFF"
    return None
