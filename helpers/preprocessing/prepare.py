"""How does a photo become a 112 x 88 L and ab, and which split is it in?"""

import hashlib
import json
import math
import os
import warnings
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock
from skimage.color import deltaE_ciede2000, rgb2lab
from tqdm import tqdm

from .. import paths
from ..photos import decode, pool, sources, split
from ..photos.split import split_places
from ..photos.synthetic.materials import CLASSES
from . import geometry, store, thumbnail
from .geometry import FACTOR, SIZE
from .store import PreparedSet, load
from .thumbnail import Thumbnail, shrink

__all__ = ["PreparedSet", "load", "prepare", "shrink", "split_places"]

# Code that decides what is prepared: when it changes, photos are prepared again.
CODE = ("color.py", "photos", "preprocessing")
MEASURED = 48  # photos on which the cost of 8 bits is measured
LOUD = 0.1  # share of rejected photos that is not passed over in silence


def prepare(
    data: str | Path = "synthetic",
    images: int | None = None,
    extra: str | Path | None = None,
    factor: int = FACTOR,
    workers: int | None = None,
    force: bool = False,
    size: tuple[int, int] = SIZE,
) -> PreparedSet:
    """Prepare the photos of a source, or open what was prepared from the same photos before.

    `data` is "synthetic", "streetview" or a folder; at most `images` photos are taken. Photos of
    the folder `extra` join the training photos. `factor` is geometry.crop_box's. `workers` are
    processes (default: one a core), and their number does not change the result; `force` prepares
    anew. Photos that cannot be used are named in `rejected`; over a tenth of them is a warning.
    Raises ValueError, FileNotFoundError or OSError in one sentence that names the remedy.
    """
    main = sources.gather(data, images, workers)
    added = None if extra is None else sources.gather(extra)
    found = main.photos + (added.photos if added else [])
    name = f"{main.name}-{len(main.photos)}-{size[0]}x{size[1]}-f{factor}"
    if added:
        name += f"-with-{added.name}-{len(added.photos)}"
    folder = paths.PREPARED / name
    key = _key(found, len(main.photos), size, factor)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{name}.lock"):
        prepared = None if force else _reusable(folder, key)
        if prepared is None:
            paths.need_room(folder, 5 * size[0] * size[1] * len(found))
            with paths.full_disk_named(folder), paths.whole_folder(folder, "manifest.json") as part:
                part.mkdir()
                about = {"name": name, "key": key, "size": list(size), "factor": factor}
                _prepare(part, main, added, about, workers)
            prepared = load(folder)
    out, of = len(prepared.rejected), len(prepared.rejected) + len(prepared.photos)
    if out > LOUD * of:
        warnings.warn(
            f"{out} of {of} photos were rejected: see {folder / 'rejected.csv'}", stacklevel=2
        )
    return prepared


def full_size_photo(prepared: PreparedSet, fullsize: str | Path | None = None) -> np.ndarray | None:
    """A photo as Street View saved it, H x W x 3, 8 bits: the set's first, else one of `fullsize`.

    None if there is none: the photos come already shrunk, or are of another kind.
    """
    saved = [f"{width}x{height}" for width, height in geometry.STREETVIEW_SIZES]
    own = np.flatnonzero(prepared.photos.crop.str.split(" of ").str[1].isin(saved))
    if len(own) or fullsize is not None:
        path = prepared.path(own[0]) if len(own) else sources.find(fullsize).photos[0].path
        return np.asarray(decode.upright_rgb(decode.opened(path)))
    return None


def decoder_error(prepared: PreparedSet, photos: int = 12) -> dict[str, float]:
    """What letting the JPEG decoder average costs, against decoding whole and averaging exactly.

    Over up to `photos` photos, evenly taken: `steps_mean` and `steps_max` in 8-bit steps of RGB,
    `delta_e_mean` and `delta_e_max` in CIEDE2000. Zero where the decoder had no part.
    """
    steps, delta_e = [], []
    size, factor = tuple(prepared.manifest["size"]), prepared.manifest["factor"]
    for index in np.linspace(0, len(prepared.photos) - 1, photos).astype(int):
        path = prepared.path(index)
        fast, exact = shrink(path, size, factor), shrink(path, size, factor, exact=True)
        steps.append(np.abs(fast.astype(float) - exact))
        delta_e.append(deltaE_ciede2000(rgb2lab(fast), rgb2lab(exact)))
    return {
        "steps_mean": float(np.mean(steps)),
        "steps_max": float(np.max(steps)),
        "delta_e_mean": float(np.mean(delta_e)),
        "delta_e_max": float(np.max(delta_e)),
    }


def _prepare(folder: Path, main, added, about: dict, workers: int | None) -> None:
    """Prepare the photos of both sources into `folder`, in their order."""
    found = [(photo, False) for photo in main.photos]
    found += [(photo, True) for photo in (added.photos if added else [])]
    size, with_classes = about["size"], any(photo.classes for photo, _ in found)
    shape = (size[1], size[0])
    files = {"lightness": shape, "ab": (*shape, 2)} | ({"classes": shape} if with_classes else {})
    arrays = {name: store.Rows(folder / f"{name}.npy", row) for name, row in files.items()}
    kept, rounding = [], []
    rejected = list(main.rejected) + list(added.rejected if added else [])
    every = max(1, len(found) // MEASURED)
    items = [
        (photo.path, tuple(size), about["factor"], photo.classes, i % every == 0)
        for i, (photo, _) in enumerate(found)
    ]
    with closing(_results(items, workers)) as results:
        bar = tqdm(results, total=len(items), desc="preparing", unit=" photos")
        for (photo, is_extra), result in zip(found, bar):
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
    for array in arrays.values():
        array.close()
    if not kept:
        file, reason = rejected[0]
        raise ValueError(f"no photo of {main.root} can be used; the first, {file!r}, is {reason}")
    columns = ["file", "place", "view", "crop", "sha256", "extra"]
    photos = pd.DataFrame(kept, columns=columns)
    lightness = np.load(folder / "lightness.npy", mmap_mode="r")
    photos.insert(3, "split", split.split_photos(photos, lightness))
    store.write_table(folder / "photos.csv", photos)
    store.write_table(folder / "rejected.csv", pd.DataFrame(rejected, columns=["file", "reason"]))
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
        "class_names": list(CLASSES) if with_classes else None,
        "code": _code(),
        "eight_bit": _eight_bit(rounding),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _results(items: list[tuple], workers: int | None) -> Generator[Thumbnail | str]:
    # A process costs about as much to start as some hundred photos do to prepare.
    workers = workers or min(pool.cores(), 1 + len(items) // 200)
    killed = "too much for its process, which the system ended (out of memory?)"
    return pool.in_order(thumbnail.prepare_photo, items, workers, killed)


def _eight_bit(rounding: list[dict]) -> dict:
    """What rounding L to 1/2.55 and ab to 1 costs: CIEDE2000, and RMSE in units of L and ab."""
    mean = {name: float(np.mean([r[name] for r in rounding])) for name in rounding[0]}
    return {
        "delta_e_mean": mean["delta_e_mean"],
        "delta_e_max": max(r["delta_e_max"] for r in rounding),
        "lightness_rmse": math.sqrt(mean["lightness_mse"]),
        "ab_rmse": math.sqrt(mean["ab_mse"]),
        "photos": len(rounding),
    }


def _key(photos: list[sources.Photo], own: int, size, factor) -> str:
    """Changes with any photo's name, size or time, the geometry and the code."""
    key = hashlib.sha256(f"{own} {size} {factor} {_code()} {np.__version__}".encode())
    for photo in photos:
        try:
            status = os.stat(photo.path)
            stamp = f"{status.st_size} {status.st_mtime_ns}"
        except OSError:
            stamp = "gone"
        key.update(f"{photo.path.resolve()} {photo.place} {stamp}\n".encode(errors="replace"))
    return key.hexdigest()


def _code() -> str:
    return paths.code_key(*CODE)[:12]


def _reusable(folder: Path, key: str) -> PreparedSet | None:
    try:
        prepared = load(folder)
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    return prepared if prepared.manifest["key"] == key else None
