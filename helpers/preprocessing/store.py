"""Writes a prepared set and opens it again."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..photos import split

if TYPE_CHECKING:
    import pandas as pd  # slow to load, and coloring a photo loads this package


@dataclass(frozen=True)
class PreparedSet:
    """N prepared photos of H x W pixels (88 x 112 unless stated otherwise), by place.

    The arrays are memory mapped.
    """

    folder: Path
    lightness: np.ndarray  # uint8, N x H x W, 2.55 L
    ab: np.ndarray  # uint8, N x H x W x 2, ab + 128
    photos: "pd.DataFrame"  # file, place, view, split, crop, sha256, extra
    rejected: "pd.DataFrame"  # file, reason
    manifest: dict
    classes: np.ndarray | None  # uint8, N x H x W, of rendered streets; 255 where unknown

    @property
    def name(self) -> str:
        """Source, number of photos and geometry, as in the folder's name."""
        return self.manifest["name"]

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The classes that the numbers in `classes` stand for, or None."""
        names = self.manifest["class_names"]
        return None if names is None else tuple(names)

    def indices(self, name: str) -> np.ndarray:
        """Return the rows of the split "train", "validation", "test" or "gap"."""
        return np.flatnonzero(self.photos.split.to_numpy() == name)

    def units(self, rows: np.ndarray) -> "pd.Series":
        """What intervals resample on the photos `rows`: see `split.units`."""
        return split.units(self.photos, rows)

    def path(self, index: int) -> Path:
        """Return the file that photo `index` was made from."""
        photo = self.photos.iloc[index]
        root = self.manifest["extra_root" if photo.extra else "root"]
        return Path(root) / photo.file


def load(folder: str | Path) -> PreparedSet:
    """Open a prepared set. Raises FileNotFoundError or ValueError if a part is missing or cut."""
    folder = Path(folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in manifest["arrays"]}
    photos = read_table(folder / "photos.csv")
    photos["extra"] = photos.extra == "True"
    return PreparedSet(
        folder=folder,
        lightness=arrays["lightness"],
        ab=arrays["ab"],
        photos=photos,
        rejected=read_table(folder / "rejected.csv"),
        manifest=manifest,
        classes=arrays.get("classes"),
    )


def folds(prepared: PreparedSet, wanted: bool = True, seed: int = 0) -> dict[int, PreparedSet]:
    """The set in several splits that test every stretch once, by seeds: each fold has its own.

    If no folds are wanted, or there are too few places, the set alone with the split that it has.
    """
    photos = prepared.photos
    places = photos.place[~photos.extra]
    if not wanted or places.nunique() < split.FOLDED:
        return {seed: prepared}
    found = {}
    for number, by_place in enumerate(split.fold_places(places)):
        sides = split.split_photos(photos, prepared.lightness, by_place)
        found[seed + number] = replace(prepared, photos=photos.assign(split=sides))
    return found


class Rows:
    """A growing .npy file of uint8 rows.

    It is not memory mapped: there, a full disk would end the process.
    """

    def __init__(self, path: Path, row: tuple[int, ...]):
        self.file, self.row, self.count = open(path, "wb"), row, 0
        self._header()

    def add(self, row: np.ndarray) -> None:
        self.file.write(np.ascontiguousarray(row).data)
        self.count += 1

    def close(self) -> None:
        with self.file:  # a full disk fails here once more
            self.file.seek(0)
            self._header()

    def _header(self) -> None:
        shape = (self.count, *self.row)  # NumPy pads the header, so that it can be rewritten
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self.file, header)


def write_table(path: Path, table: "pd.DataFrame") -> None:
    """Write a table of texts as CSV. File names that are not UTF-8 keep their bytes."""
    # Lines end in \r\n so that both characters are quoted in names.
    table.to_csv(path, index=False, errors="surrogateescape", lineterminator="\r\n")


def read_table(path: Path) -> "pd.DataFrame":
    """Read what `write_table` wrote, every column as text."""
    import pandas as pd

    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding_errors="surrogateescape")
