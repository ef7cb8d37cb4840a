"""Writes rendered photos and their classes as files, each of them whole."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from ...paths import remove_left_behind, whole
from .. import pool
from .scene import render

QUALITY = 92


def write_photos(
    folder: Path,
    places: Sequence[int],
    views: Sequence[int] = (1, 2, 3, 4),
    seed: int = 0,
    workers: int | None = None,
) -> None:
    """Write `folder`/photos/<place>_<view>.jpg and `folder`/classes/<place>_<view>.png.

    Photos are 1281 x 1025 JPEGs with 4:2:0 chroma. Classes are gray 8-bit PNGs of the same size;
    their values are indices of `CLASSES`. `workers` is the number of processes (None: one per
    core); the files do not depend on it. Existing files are kept, so an interrupted run resumes.
    After Ctrl-C each process finishes its photo and ends. Raises ChildProcessError if a photo's
    process is killed twice.
    """
    items = [
        (Path(folder), int(place), view, seed)
        for place in places
        for view in views
        if not all(path.exists() for path in _paths(Path(folder), place, view))
    ]
    if not items:
        return
    workers = min(workers or pool.cores(), len(items))
    try:
        with closing(pool.in_order(_write, items, workers, 1, False)) as results:
            for written in tqdm(results, "rendering streets", len(items), unit="photo"):
                if not written:
                    raise ChildProcessError(
                        "A process that renders streets was killed twice (out of memory?): close "
                        "other programs and run again. Photos that are done are kept."
                    )
    finally:
        remove_left_behind(Path(folder))  # of a process that was killed while it wrote


def _paths(folder: Path, place: int, view: int) -> tuple[Path, Path]:
    name = f"{place:06d}_{view}"
    return folder / "photos" / f"{name}.jpg", folder / "classes" / f"{name}.png"


def _write(folder: Path, place: int, view: int, seed: int) -> bool:
    picture, labels = render(place, view, seed)
    photo, classes = _paths(folder, place, view)
    with whole(classes) as path:
        Image.fromarray(labels).save(path, compress_level=1)
    with whole(photo) as path:
        Image.fromarray(picture).save(path, quality=QUALITY, subsampling="4:2:0")
    return True
