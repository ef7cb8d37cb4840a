"""Prepares the photos of a source: crops, shrinks, splits and writes them as one set."""

import hashlib
import json
import math
import os
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import PIL
import skimage.color  # loads its parts when they are used
from filelock import FileLock
from tqdm import tqdm

from .. import paths
from ..photos import controls, decode, folder, pool, sources, split
from . import store, thumbnail
from .geometry import FACTOR, SIZE
from .store import PreparedSet, load
from .thumbnail import shrink

CODE = ("color.py", "photos", "preprocessing")  # a change here prepares photos again
MEASURED = 48  # photos on which the cost of 8 bits is measured
LOUD = 0.1  # share of rejected photos above which a run says so


def prepare(
    data: str | Path = "synthetic",
    images: int | None = None,
    extra: str | Path | None = None,
    factor: int = FACTOR,
    workers: int | None = None,
    force: bool = False,
    size: tuple[int, int] = SIZE,
) -> PreparedSet:
    """Prepare the photos of a source, or open the set if it was prepared before.

    `data` is "synthetic", "streetview" or a folder; at most `images` photos are used. Photos of
    the folder `extra` join the training photos. `factor` is that of `geometry.crop_box`, `size`
    is (width, height), multiples of 28 and 22. `workers` is the number of processes (default: up to
    one per core); the result does not depend on it. `force` prepares again. Photos that cannot be
    used are listed in `rejected`; if they are more than a tenth, a line is printed. Raises
    ValueError, FileNotFoundError or OSError in one sentence that names the remedy.
    """
    if size[0] % 28 or size[1] % 22:  # the cells in which the split looks for doubles
        raise ValueError(f"size {size}: give a multiple of 28 and a multiple of 22")
    main = sources.gather(data, images, workers)
    added = None if extra is None else sources.gather(extra)
    found = main.photos + (added.photos if added else [])
    name = f"{main.name}-{len(main.photos)}-{size[0]}x{size[1]}-f{factor}"
    if added:
        name += f"-with-{added.name}-{len(added.photos)}"
    target = paths.PREPARED / name
    unused = [file for source in (main, added) if source for file, _ in source.rejected]
    key = _key([len(main.photos), size, factor, unused], found)
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / f".{name}.lock"):
        prepared = None if force else _reusable(target, key)
        if prepared is None:
            paths.need_room(target, 5 * size[0] * size[1] * len(found))
            with paths.full_disk_named(target), paths.whole_folder(target, "manifest.json") as part:
                part.mkdir()
                about = {"name": name, "key": key, "size": list(size), "factor": factor}
                _prepare(part, main, added, about, workers)
            prepared = load(target)
    out, of = len(prepared.rejected), len(prepared.rejected) + len(prepared.photos)
    if out > LOUD * of:
        print(f"{out} of {of} photos were rejected: see {target / 'rejected.csv'}")
    return prepared


def full_size_photo(prepared: PreparedSet, fullsize: str | Path | None = None) -> np.ndarray | None:
    """Return a photo as Street View saved it (H x W x 3, uint8), or None if there is none.

    It is the first photo of the set, or else of `fullsize`, a folder of such photos. Raises
    FileNotFoundError or ValueError, in one sentence, if that folder has no photo.
    """
    saved = [f"{width}x{height}" for width, height in controls.SIZES]
    own = np.flatnonzero(prepared.photos.crop.str.split(" of ").str[1].isin(saved))
    if len(own) or fullsize is not None:
        path = prepared.path(own[0]) if len(own) else sources.gather(Path(fullsize)).photos[0].path
        return np.asarray(decode.upright_rgb(decode.opened(path)))
    return None


def decoder_error(prepared: PreparedSet) -> dict[str, float]:
    """Compare averaging by the JPEG decoder with exact averaging, on 12 photos of the set.

    Returns `steps_mean` and `steps_max` in 8-bit steps of RGB, `delta_e_mean` and `delta_e_max` in
    CIEDE2000. All are zero where the decoder does not average.
    """
    steps, delta_e = [], []
    size, factor = tuple(prepared.manifest["size"]), prepared.manifest["factor"]
    for index in np.linspace(0, len(prepared.photos) - 1, 12).astype(int):
        path = prepared.path(index)
        fast, exact = shrink(path, size, factor), shrink(path, size, factor, exact=True)
        steps.append(np.abs(fast.astype(float) - exact))
        lab = (skimage.color.rgb2lab(rgb) for rgb in (fast, exact))
        delta_e.append(skimage.color.deltaE_ciede2000(*lab))
    return {
        "steps_mean": float(np.mean(steps)),
        "steps_max": float(np.max(steps)),
        "delta_e_mean": float(np.mean(delta_e)),
        "delta_e_max": float(np.max(delta_e)),
    }


def _prepare(target: Path, main, added, about: dict, workers: int | None) -> None:
    import pandas as pd  # slow to load, and coloring a photo loads this package

    found = [(photo, False) for photo in main.photos]
    found += [(photo, True) for photo in (added.photos if added else [])]
    size, with_classes = about["size"], any(photo.classes for photo, _ in found)
    shape = (size[1], size[0])
    files = {"lightness": shape, "ab": (*shape, 2)} | ({"classes": shape} if with_classes else {})
    kept, usable, rounding = [], [], []
    rejected = list(main.rejected) + list(added.rejected if added else [])
    every = max(1, len(found) // MEASURED)
    items = [
        (photo.path, tuple(size), about["factor"], photo.classes, i % every == 0)
        for i, (photo, _) in enumerate(found)
    ]
    # A process costs about as much to start as some hundred photos do to prepare.
    workers = workers or min(pool.cores(), 1 + len(items) // 200)
    killed = "too much for its process, which the system ended (out of memory?)"
    with ExitStack() as stack:
        arrays = {
            name: stack.enter_context(closing(store.Rows(target / f"{name}.npy", row)))
            for name, row in files.items()
        }
        results = pool.in_order(thumbnail.prepare_photo, items, workers, 8, killed)
        stack.enter_context(closing(results))
        bar = tqdm(results, total=len(items), desc="preparing", unit=" photos")
        for (photo, is_extra), item, result in zip(found, items, bar):
            if isinstance(result, str):
                rejected.append((photo.file, result))
                continue
            arrays["lightness"].add(result.lightness)
            arrays["ab"].add(result.ab)
            if with_classes:
                unknown = np.full(shape, thumbnail.NO_CLASS, np.uint8)
                arrays["classes"].add(unknown if result.classes is None else result.classes)
            if result.rounding:
                rounding.append(result.rounding)
            row = (photo.file, photo.place, photo.view, result.crop, result.sha256, is_extra)
            kept.append(row)
            usable.append(item)
    if not kept:
        raise sources.none_usable(main.root, rejected)
    if not rounding:  # as where every second photo is gray, and only those were to be measured
        again = [thumbnail.prepare_photo(*item[:-1], True) for item in usable[:MEASURED]]
        rounding = [result.rounding for result in again if not isinstance(result, str)]
    columns = ["file", "place", "view", "crop", "sha256", "extra"]
    photos = pd.DataFrame(kept, columns=columns)
    lightness = np.load(target / "lightness.npy", mmap_mode="r")
    photos.insert(3, "split", split.split_photos(photos, lightness))
    store.write_table(target / "photos.csv", photos)
    store.write_table(target / "rejected.csv", pd.DataFrame(rejected, columns=["file", "reason"]))
    manifest = about | {
        "source": main.name,
        "root": str(main.root.resolve()),
        "extra": added.name if added else None,
        "extra_root": str(added.root.resolve()) if added else None,
        "count": len(photos),
        "places": int(photos.place[~photos.extra].nunique()),
        "rejected": len(rejected),
        "splits": {name: int(n) for name, n in photos.split.value_counts().items()},
        "arrays": list(arrays),
        "class_names": list(main.class_names or added.class_names) if with_classes else None,
        "code": _code(),
        "eight_bit": _eight_bit(rounding),
    }
    (target / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _eight_bit(rounding: list[dict]) -> dict:
    """The error of 8 bits: CIEDE2000, and RMSE in units of L and ab."""
    mean = {name: float(np.mean([r[name] for r in rounding])) for name in rounding[0]}
    return {
        "delta_e_mean": mean["delta_e_mean"],
        "delta_e_max": max(r["delta_e_max"] for r in rounding),
        "lightness_rmse": math.sqrt(mean["lightness_mse"]),
        "ab_rmse": math.sqrt(mean["ab_mse"]),
        "photos": len(rounding),
    }


def _key(options: list, photos: list[sources.Photo]) -> str:
    """Changes with the options, the code, and any photo's path, size or time."""
    key = hashlib.sha256(f"{options!r} {_code()} {np.__version__} {PIL.__version__}".encode())
    for photo in photos:
        path, place = os.path.realpath(photo.path), photo.place
        key.update(os.fsencode(f"{path} {place} {folder.stamp(path)}\n"))
    return key.hexdigest()


def _code() -> str:
    return paths.code_key(*CODE)[:12]


def _reusable(target: Path, key: str) -> PreparedSet | None:
    try:
        prepared = load(target)
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    return prepared if prepared.manifest["key"] == key else None
