"""How is a prepared set kept on the disk, and opened again?"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class PreparedSet:
    """Photos made ready, N of them in the order of their places; arrays stay on the disk."""

    folder: Path
    lightness: np.ndarray  # uint8, N x 88 x 112, 2.55 L
    ab: np.ndarray  # uint8, N x 88 x 112 x 2, ab + 128
    photos: pd.DataFrame  # file, place, view, split, crop, sha256, extra
    rejected: pd.DataFrame  # file, reason
    manifest: dict
    classes: np.ndarray | None  # uint8, N x 88 x 112, of rendered streets; 255 where unknown

    @property
    def name(self) -> str:
        """Source, count and geometry in short."""
        return self.manifest["name"]

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """What the numbers in `classes` stand for."""
        names = self.manifest["class_names"]
        return None if names is None else tuple(names)

    def indices(self, name: str) -> np.ndarray:
        """Which photos are in the split "train", "validation", "test" or "gap"."""
        return np.flatnonzero(self.photos.split.to_numpy() == name)

    def path(self, index: int) -> Path:
        """The photo file that number `index` was made from."""
        photo = self.photos.iloc[index]
        root = self.manifest["extra_root" if photo.extra else "root"]
        return Path(root) / photo.file


def load(folder: str | Path) -> PreparedSet:
    """Open a prepared set. Raises FileNotFoundError or ValueError if it is not whole."""
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


class Rows:
    """A .npy file of uint8 rows that grows; written, not mapped, so that a full disk is an error
    and not a crash.
    """

    def __init__(self, path: Path, row: tuple[int, ...]):
        self.file, self.row, self.count = open(path, "wb"), row, 0
        self._header()

    def add(self, row: np.ndarray) -> None:
        self.file.write(np.ascontiguousarray(row).data)
        self.count += 1

    def close(self) -> None:
        self.file.seek(0)
        self._header()
        self.file.close()

    def _header(self) -> None:
        shape = (self.count, *self.row)  # NumPy pads it, so that it can be written again
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self.file, header)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table of texts as CSV; names of files that are no UTF-8 keep their bytes."""
    # With \r\n as the end of a line, both characters are quoted in names.
    table.to_csv(path, index=False, errors="surrogateescape", lineterminator="\r\n")


def read_table(path: Path) -> pd.DataFrame:
    """Read what `write_table` wrote, every column as text."""
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding_errors="surrogateescape")
