"""Is there room on the disk, and what is said when there is none?"""

import errno
import shutil
from contextlib import contextmanager
from pathlib import Path

SPARE = 50_000_000  # bytes left free


def need(folder: Path, count: int) -> None:
    """Raise OSError, in one sentence, unless `count` bytes fit on the disk that holds `folder`."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    if free < count + SPARE:
        raise OSError(
            errno.ENOSPC,
            f"no room: about {count / 1e6:,.0f} MB are needed in {folder} and "
            f"{free / 1e6:,.0f} MB are free; make room, or take fewer with --images",
        )


@contextmanager
def told_when_full(folder: Path):
    """Turn the system's error of a full disk into a sentence that says where and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise OSError(
            error.errno, f"the disk filled up while writing to {folder}: make room and run again"
        ) from error
