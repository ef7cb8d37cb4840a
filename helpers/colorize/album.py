"""Colors many photos at once; never touches an original and names every photo that failed."""

import math
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from ..photos import decode, pool, sources
from . import judged, photo_files, upright
from .coloring import Colorizer, Painted
from .photo_files import pixels

ROOM = 50_000_000  # pixels in memory at a time, over all photos; a larger photo is done alone
SIDE_BY_SIDE = 1600  # pixels: the longer side of each half of a comparison, and of a map


@dataclass(frozen=True)
class Job:
    """One photo to color and where its files go."""

    photo: Path
    targets: dict[str, Path]  # "colored", and "compare" and "uncertainty" if requested


@dataclass(frozen=True)
class Done:
    """The result for one photo: colored, kept as it was, or failed with a reason."""

    photo: Path
    failure: str | None = None
    kept: bool = False
    kind: str = ""  # gray, toned or color, see `judged.kind`
    errors: dict[str, float] = field(default_factory=dict)  # of a photo that had color
    losses: tuple[str, ...] = ()
    unsure: bool = False  # whether the network was, see `Colorizer.predict`


def find_jobs(
    inputs: list[Path], output: Path, compare: bool = False, uncertainty: bool = False
) -> tuple[list[Job], list[Done]]:
    """Return jobs for photos and folders of photos, and results for what cannot be done.

    Photos of a folder keep their place within it. Files in `output` are left out, so a second run
    does not color what the first one made. A photo that is given twice is colored once.
    """
    found, failed = {}, []
    for given in inputs:
        root, files, rejected = _photos(given, output)
        failed += [Done(root / name, failure=why) for name, why in rejected]
        # By real path and target, so that a photo given twice is one; named as it was given.
        for name in files:  # resolve() raises for links in a loop
            found[os.path.realpath(root / name), output / name] = root / name
    stems = Counter(target.with_suffix("") for _, target in found)
    jobs, taken = [], set()
    for (_, target), photo in found.items():
        stem = target.with_suffix("")
        if stems[stem] > 1:  # scan.tif beside scan.jpg: scan.tif_compare.jpg, scan.jpg_compare.jpg
            stem = target
        targets = {"colored": target}
        if compare:
            targets["compare"] = stem.with_name(stem.name + "_compare.jpg")
        if uncertainty:
            targets["uncertainty"] = stem.with_name(stem.name + "_uncertainty.png")
        clash = taken.intersection(targets.values())
        if clash:
            why = f"another photo is written as {min(clash)}: color it into another folder"
            failed.append(Done(photo, failure=why))
            continue
        taken |= {*targets.values()}
        jobs.append(Job(photo, targets))
    return jobs, failed


def _photos(given: Path, output: Path) -> tuple[Path, list[str], list[tuple[str, str]]]:
    """The root, the names of photos in it, and (name, reason) for whatever is not a photo."""
    if os.path.exists(given) and not (os.path.isfile(given) or os.path.isdir(given)):
        return given.parent, [], [(given.name, "not an ordinary file")]
    if not os.path.isdir(given):  # Path raises OSError for a name too long
        return given.parent, [given.name], []
    try:
        source = sources.find(given)
    except (ValueError, OSError) as error:
        return given, [], [("", str(error))]
    ours, names = output.resolve(), [p.file for p in source.photos]
    if given.resolve() in ours.parents:
        names = [p.file for p in source.photos if ours not in p.path.resolve().parents]
    rejected = source.rejected
    if source.photos and not names:
        rejected = [*rejected, ("", "holds no photos but those in the folder of --output")]
    return given, names, rejected


def color_photo(
    job: Job,
    colorizer: Colorizer,
    mark: str | None,
    most: int,
    check: bool,
) -> Done:
    """Color one photo file and write the files of its job.

    mark: see `photo_files.mark_of`; None leaves it out. most: pixels of the largest photo. check:
    whether to look if the photo is upright (`upright.doubt`), which is listed among the losses.
    Raises what reading raises, WriteError, and BadPhotoError for any error in between.
    """
    try:
        image = decode.opened(job.photo, most)
    except decode.TooLargeError as error:
        raise decode.BadPhotoError(f"{error}: raise the limit with --max-megapixels") from None
    with _room.for_pixels(image.width * image.height):
        scan = photo_files.read(image, mark)
        del image
        try:
            return _color_scan(job, scan, colorizer, check)
        except (photo_files.WriteError, MemoryError):
            raise
        except Exception as error:  # the file was read, so it is not damaged
            raise decode.BadPhotoError(f"could not be colored ({error})") from error


def _color_scan(job: Job, scan: photo_files.Scan, colorizer: Colorizer, check: bool) -> Done:
    kind = judged.kind(scan.rgb)
    picture = scan.picture
    chroma, bits, unsure = colorizer.predict(picture)
    small = judged.shrunk(scan.rgb, SIDE_BY_SIDE)
    inside = _scaled(colorizer.inside(picture), picture, small)
    errors = {}
    if kind == "color" or "compare" in job.targets:
        painted = colorizer.paint(small, chroma, inside)
        errors = judged.errors(painted, small) if kind == "color" else {}
    if "compare" in job.targets:
        gray = colorizer.gray_version(small)[..., None].repeat(3, axis=-1)
        pair = np.concatenate([gray, painted], axis=1)
        photo_files.write_picture(job.targets["compare"], pair, scan.mark)
    if "uncertainty" in job.targets:
        share = colorizer.map_of_bits(bits, small, inside) / math.log2(len(colorizer.model.centers))
        shades = (share.clip(0, 1) * 255).round().astype(np.uint8)
        photo_files.write_picture(job.targets["uncertainty"], shades)
    if "colored" in job.targets:  # in the order of its rows, so that none need wait in memory
        planes = pixels.stored(chroma[0].permute(1, 2, 0).cpu().numpy(), scan.orientation)
        chroma = torch.tensor(planes.copy(), device=chroma.device).permute(2, 0, 1)[None]
        painted = Painted(colorizer, pixels.stored(picture, scan.orientation), chroma)
        photo_files.write_stored(job.targets["colored"], painted, scan)
    losses = tuple(scan.losses)
    if check and (doubt := upright.doubt(colorizer, picture)):
        losses += (f"perhaps {doubt} (set it right and color it again, if so)",)
    return Done(job.photo, kind=kind, errors=errors, losses=losses, unsure=unsure)


def _scaled(parts: tuple[slice, slice], rgb, small) -> tuple[slice, slice]:
    """Rows and columns of a picture as those of its shrunk copy."""
    return tuple(
        slice(round(part.start * new / old), round(part.stop * new / old))
        for part, old, new in zip(parts, rgb.shape, small.shape)
    )


class _Room:
    """Admits photos while there is room for their pixels; the others wait."""

    def __init__(self, pixels: int):
        self.pixels = self.free = pixels
        self.changed = threading.Condition()

    @contextmanager
    def for_pixels(self, pixels: int):
        share = min(pixels, self.pixels)
        with self.changed:
            self.changed.wait_for(lambda: self.free >= share)
            self.free -= share
        try:
            yield
        finally:
            with self.changed:
                self.free += share
                self.changed.notify_all()


_room = _Room(ROOM)


def color_album(
    jobs: list[Job],
    colorizer: Colorizer,
    taken: str = "error",
    originals: frozenset = frozenset(),
    mark: str | None = None,
    most: int = decode.MAX_PIXELS,
    check: bool = False,
) -> Iterator[Done]:
    """Color photos, several at a time, and yield the result of each when it is done.

    taken: what to do if a file exists: "error", "keep" (and make what is missing) or "overwrite".
    A file that is one of the `originals` (device and inode) is never written. mark, most and
    check: see `color_photo`.
    """

    def made(job: Job) -> Done:
        existing = [path for path in job.targets.values() if os.path.lexists(path)]
        if identities(existing) & originals:
            why = "would replace an original: choose another folder with --output"
            return Done(job.photo, failure=why)
        folders = [path for path in existing if path.is_dir()]
        if folders:
            return Done(job.photo, failure=f"{folders[0]} is a folder: move it away")
        if existing and taken == "keep":
            missing = {k: path for k, path in job.targets.items() if path not in existing}
            if not missing:
                return Done(job.photo, kept=True)
            job = replace(job, targets=missing)
        if existing and taken == "error":
            return Done(job.photo, failure=f"{existing[0]} exists: use --overwrite or --keep")
        return color_photo(job, colorizer, mark, most, check)

    def attempt(job: Job) -> Done:
        try:
            return made(job)
        except photo_files.WriteError as error:
            return Done(job.photo, failure=str(error))
        except Exception as error:  # one photo's failure must not stop the others
            return Done(job.photo, failure=decode.reason(error))

    workers = max(1, min(len(jobs), pool.cores()))
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, pool.cores() // workers))
    executor = ThreadPoolExecutor(workers)
    try:
        for future in as_completed([executor.submit(attempt, job) for job in jobs]):
            yield future.result()
    finally:
        executor.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def identities(paths: Iterable[Path]) -> frozenset[tuple[int, int]]:
    """Device and inode of each file that exists: equal for two names of one file."""
    found = set()
    for path in paths:
        with suppress(OSError):
            status = path.stat()
            found.add((status.st_dev, status.st_ino))
    return frozenset(found)
