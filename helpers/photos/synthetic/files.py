"""Rendered photos and their classes as files, written in processes, each of them whole."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from ...paths import whole
from ..pool import cores
from .scene import render

QUALITY = 92
# Forking is unsafe once PyTorch or Jupyter have started threads.
PROCESSES = multiprocessing.get_context("spawn")


def write_photos(
    folder: Path,
    places: Sequence[int],
    views: Sequence[int] = (1, 2, 3, 4),
    seed: int = 0,
    workers: int | None = None,
) -> None:
    """Write `folder`/photos/<place>_<view>.jpg and `folder`/classes/<place>_<view>.png.

    Photos are 1281 x 1025 JPEGs with 4:2:0 chroma. Classes are gray 8-bit PNGs of the same full
    size (any crop box fits them, and they cost about a tenth of the time); their values are
    indices of `CLASSES`. `workers` is the number of processes (None: one per core); the files do
    not depend on it. Files that exist are left alone, so that an interrupted run goes on where it
    was; a file has its name only when it is complete. After Ctrl-C each process finishes its
    place and ends. Raises RuntimeError when a process was killed.
    """
    folder = Path(folder)
    jobs = []
    for place in places:
        missing = [v for v in views if not all(p.exists() for p in _paths(folder, place, v))]
        if missing:
            jobs.append((folder, int(place), missing, seed))
    if not jobs:
        return
    workers = min(workers or cores(), len(jobs))
    total = sum(len(job[2]) for job in jobs)
    with tqdm(total=total, desc="rendering streets", unit="photo") as bar:
        if workers == 1:
            for job in jobs:
                bar.update(_write_place(*job))
            return
        pool = ProcessPoolExecutor(workers, mp_context=PROCESSES, initializer=_follow_parent)
        try:
            for done in as_completed([pool.submit(_write_place, *job) for job in jobs]):
                bar.update(done.result())
        except BrokenProcessPool as error:
            message = "A process that renders streets was killed (no memory left?); run it again"
            raise RuntimeError(f"{message}, and it goes on where it was.") from error
        finally:
            pool.shutdown(cancel_futures=True)


def _follow_parent() -> None:
    """Leave Ctrl-C, which goes to every process, to the parent, but end when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def _paths(folder: Path, place: int, view: int) -> tuple[Path, Path]:
    name = f"{place:06d}_{view}"
    return folder / "photos" / f"{name}.jpg", folder / "classes" / f"{name}.png"


def _write_place(folder: Path, place: int, views: Sequence[int], seed: int) -> int:
    """Write the views of a place and return how many there were."""
    for view in views:
        picture, labels = render(place, view, seed)
        photo, classes = _paths(folder, place, view)
        with whole(classes) as path:
            Image.fromarray(labels).save(path, compress_level=1)
        with whole(photo) as path:
            Image.fromarray(picture).save(path, quality=QUALITY, subsampling="4:2:0")
    return len(views)
