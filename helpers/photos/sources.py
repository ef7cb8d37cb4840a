"""Finds the photos of a source: rendered streets, the UCF Street View set or a folder."""

import itertools
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .. import paths
from .folder import walk
from .split import PLACES, STRETCH, natural_key

RENDERED = 600  # photos by default
SCENE_SEED = 0  # of the rendered streets: the set never depends on the seed of a run
VIEWS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Photo:
    """A photo file that was found but not opened."""

    path: Path
    file: str  # its name within the source
    place: str
    view: str  # "" where the name does not say
    classes: Path | None = None  # a PNG of class ids, for rendered streets


@dataclass(frozen=True)
class Source:
    """Photos in the order of their places, and files that cannot be photos."""

    name: str
    root: Path
    photos: list[Photo]
    rejected: list[tuple[str, str]]  # file, reason
    class_names: tuple[str, ...] | None = None  # of rendered streets


def gather(data: str | Path, images: int | None = None, workers: int | None = None) -> Source:
    """Return the photos of a source, at most `images`; render or download those that are missing.

    `data` is "synthetic", "streetview" or a folder of photos; "./synthetic" is a folder. A part of
    the photos is taken as stretches of neighboring places, spread over the list. Raises
    FileNotFoundError or ValueError, in one sentence, for a folder that is missing or has no photo,
    and ValueError if `images` are fewer than a place has.
    """
    if images is not None and images < 1:
        raise ValueError(f"--images {images}: take a number of photos from 1 up")
    if data == "synthetic":
        return _rendered(images or RENDERED, workers)
    if data == "streetview":
        return _street_view(images)
    source = find(data)
    if not source.photos:
        raise none_usable(data, source.rejected)
    return Source(source.name, source.root, choose(source.photos, images), source.rejected)


def none_usable(data: str | Path, rejected: list[tuple[str, str]]) -> ValueError:
    """The error for a source whose photos were all rejected, which names the first and why."""
    file, reason = rejected[0]
    return ValueError(f"no photo of {data} can be used; the first, {file!r}, is {reason}")


def find(folder: str | Path) -> Source:
    """Return all photos below a folder, found by their endings.

    The place of a photo is the name before the view in `<place>_<view>` (one digit), else its
    folder if there are enough folders to split, else each photo is a place of its own. Raises
    FileNotFoundError or ValueError, in one sentence, if there is no such folder or no picture in
    it. A folder whose pictures are all rejected gives a source without photos.
    """
    root = Path(os.path.expanduser(folder))
    if not os.path.exists(root):
        raise FileNotFoundError(
            f"no folder {str(folder)!r}: name a folder of photos, 'synthetic' or 'streetview'"
        )
    if not root.is_dir():
        raise ValueError(f"{folder} is a file: name the folder that holds the photos")
    found = list(walk(root))
    rejected = [(file, reason) for file, reason in found if reason]
    places = _places([file for file, reason in found if not reason])
    photos = [Photo(root / file, file, *place) for file, place in places.items()]
    photos.sort(key=lambda photo: (natural_key(photo.place), natural_key(photo.file)))
    if not photos and not rejected:
        raise ValueError(f"{folder} holds no photo (JPEG, PNG, WebP or TIFF)")
    return Source(paths.data_name(folder), root, photos, rejected)


def choose(photos: list[Photo], images: int | None) -> list[Photo]:
    """Return at most `images` photos: whole places, in stretches spread over the list of places.

    Raises ValueError, in one sentence, if that is no place at all.
    """
    if images is None or len(photos) <= images:
        return photos
    counts = Counter(photo.place for photo in photos)
    places = list(counts)
    before = [0, *itertools.accumulate(counts.values())]  # photos of the places before each
    number = min(len(places), images // min(counts.values()))
    while sum(before[r.stop] - before[r.start] for r in _runs(len(places), number)) > images:
        number -= 1
    if not number:
        needed = sum(counts[places[i]] for i in spread(len(places), min(len(places), PLACES)))
        raise ValueError(
            f"--images {images} is too few for whole places, and a split needs {PLACES} of them: "
            f"give --images {needed} or more"
        )
    chosen = {places[i] for i in spread(len(places), number)}
    return [photo for photo in photos if photo.place in chosen]


def spread(total: int, number: int) -> list[int]:
    """Return indices of `number` of `total` places: stretches of about 70, at least three.

    6 of 10 are 0, 1, 4, 5, 8 and 9.
    """
    return [*itertools.chain(*_runs(total, number))]


def _runs(total: int, number: int) -> Iterator[range]:
    stretches = min(number, max(3, round(number / STRETCH)))
    for i in range(stretches):
        skipped = (total - number) * i // max(1, stretches - 1)
        first, last = number * i // stretches, number * (i + 1) // stretches
        yield range(first + skipped, last + skipped)


def _rendered(images: int, workers: int | None) -> Source:
    from . import synthetic  # not at the top: coloring a photo does not need the renderer

    places = -(-images // len(VIEWS))
    folder = paths.RAW / "synthetic"
    version = paths.code_key("photos/controls.py", "photos/synthetic")
    marker = folder / "version.txt"
    if folder.exists() and not (marker.exists() and marker.read_text() == version):
        shutil.rmtree(folder)
    with paths.whole(marker) as part:
        part.write_text(version)
    synthetic.write_photos(folder, range(places), VIEWS, seed=SCENE_SEED, workers=workers)
    photos = []
    for place in range(places):
        for view in VIEWS:
            stem = f"{place:06d}_{view}"
            classes = folder / "classes" / f"{stem}.png"
            path = folder / "photos" / f"{stem}.jpg"
            photos.append(Photo(path, path.name, f"{place:06d}", str(view), classes))
    return Source("synthetic", folder / "photos", photos[:images], [], synthetic.CLASSES)


def _street_view(images: int | None) -> Source:
    from . import download

    places = range(1, download.PLACES + 1)
    if images is not None and images < len(places) * len(VIEWS):
        places = [places[i] for i in spread(len(places), max(1, images // len(VIEWS)))]
    names = [f"{place:06d}_{view}.jpg" for place in places for view in VIEWS]
    folder = paths.RAW / "streetview"
    missing = download.fetch(names, folder)
    found = [name for name in names if name not in missing]
    photos = [Photo(folder / name, name, name[:6], name[7]) for name in found]
    return Source("streetview", folder, photos[:images], sorted(missing.items()))


def _places(files: list[str]) -> dict[str, tuple[str, str]]:
    """The place and view of each file."""
    counted = (re.fullmatch(r"(.+)_\d{2,}", Path(file).stem, re.DOTALL) for file in files)
    numbered = {name[1] for name in counted if name}
    by_name, by_folder, alone = {}, {}, {}
    for file in files:
        path = Path(file)
        name = re.fullmatch(r"(.+)_(\d)", path.stem, re.DOTALL)
        # photo_9 next to photo_10 counts photos, it does not name a view.
        if name and name[1] not in numbered:
            by_name[file] = name[1], name[2]
        alone[file] = str(path.with_suffix("")), ""
        by_folder[file] = (str(path.parent), "") if path.parent != Path(".") else alone[file]
    enough = len({place for place, _ in {**by_folder, **by_name}.values()}) >= PLACES
    return {**(by_folder if enough else alone), **by_name}
