"""How are the colors of a photo set distributed?

    python -m helpers.color_statistics FOLDER --output FILE

measures a folder of photos and writes numbers, no pictures: that is how
data/measured/thumbnails_ab_histogram.json was made of the report's own thumbnails.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from .. import color, paths
from .prepare import prepare
from .store import PreparedSet

EDGES = np.arange(-60, 61, 2)  # of the bins of a and b, in ab units
THUMBNAILS = paths.MEASURED / "thumbnails_ab_histogram.json"
BATCH = 100  # photos in memory at a time
GRAY = 10  # chroma below which a pixel looks gray


def histogram(prepared: PreparedSet) -> np.ndarray:
    """Pixels by a (rows) and b (columns), 60 x 60 counts between EDGES; what lies outside is left
    out.
    """
    counts = np.zeros((len(EDGES) - 1,) * 2, dtype=np.int64)
    for ab in _batches(prepared.ab):
        a, b = color.load_ab(ab).reshape(-1, 2).T
        # A whole number on an edge belongs to the bin above it.
        counts += np.histogram2d(a, b, bins=[EDGES, EDGES])[0].astype(np.int64)
    return counts


def statistics(prepared: PreparedSet) -> dict[str, float]:
    """What the set's colors are like, over all its pixels.

    `std_a`, `std_b` in ab units; `colorfulness` (Hasler and Suesstrunk 2003), mean over photos;
    `gray_mse`, the report's loss for a = b = 0; `gray_share`, pixels of chroma under 10;
    `luma_difference`, the mean of |Pillow's luma - 2.55 L|, in steps of 255.
    """
    rows = [
        _sums(color.load_lightness(lightness), color.load_ab(ab))
        for lightness, ab in zip(_batches(prepared.lightness), _batches(prepared.ab))
    ]
    mean = pd.concat(rows).mean()
    return {
        "std_a": float(np.sqrt(mean.a_square - mean.a**2)),
        "std_b": float(np.sqrt(mean.b_square - mean.b**2)),
        "colorfulness": float(mean.colorfulness),
        "gray_mse": float((mean.a_square + mean.b_square) / 2 / 255**2),
        "gray_share": float(mean.gray_share),
        "luma_difference": float(mean.luma_difference),
    }


def colorfulness(rgb: np.ndarray) -> np.ndarray:
    """Hasler and Suesstrunk's colorfulness of each picture (N x H x W x 3, 0..255)."""
    red, green, blue = np.moveaxis(rgb.astype(np.float32), -1, 0)
    opponents = np.stack([red - green, (red + green) / 2 - blue])
    spread = np.sqrt(opponents.var(axis=(-2, -1)).sum(axis=0))
    return spread + 0.3 * np.sqrt(np.square(opponents.mean(axis=(-2, -1))).sum(axis=0))


def thumbnails() -> dict:
    """The measured thumbnails of the report: `statistics` and `counts` (see `histogram`)."""
    return json.loads(THUMBNAILS.read_text(encoding="utf-8"))


def _sums(lightness: np.ndarray, ab: np.ndarray) -> pd.DataFrame:
    """One row a photo: means over its pixels."""
    rgb = color.join_lab(lightness, ab)
    luma = rgb @ np.array([0.299, 0.587, 0.114])
    over = {"axis": (1, 2)}
    return pd.DataFrame(
        {
            "a": ab[..., 0].mean(**over),
            "b": ab[..., 1].mean(**over),
            "a_square": np.square(ab[..., 0]).mean(**over),
            "b_square": np.square(ab[..., 1]).mean(**over),
            "gray_share": (color.chroma(ab) < GRAY).mean(**over),
            "luma_difference": np.abs(luma - color.L_STEPS * lightness).mean(**over),
            "colorfulness": colorfulness(rgb),
        }
    )


def _batches(array: np.ndarray):
    return (array[i : i + BATCH] for i in range(0, len(array), BATCH))


def main(arguments: list[str] | None = None) -> None:
    """Measure a folder of photos and write the numbers as JSON."""
    parser = argparse.ArgumentParser(prog="python -m helpers.color_statistics")
    parser.add_argument("folder", help="a folder of photos")
    parser.add_argument("--output", type=Path, required=True, help="the JSON file to write")
    chosen = parser.parse_args(arguments)
    prepared = prepare(chosen.folder)
    numbers = {
        "source": prepared.manifest["source"],
        "photos": len(prepared.photos),
        "statistics": statistics(prepared),
        "edges": EDGES.tolist(),
        "counts": histogram(prepared).tolist(),
    }
    with paths.whole(chosen.output) as part:
        part.write_text(json.dumps(numbers) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
