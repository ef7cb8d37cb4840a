"""Measures how the colors of a photo set are distributed.

    python -m helpers.preprocessing.color_statistics FOLDER --output FILE

writes numbers, no pictures. It made data/measured/thumbnails_ab_histogram.json from the report's
own thumbnails.
"""

import argparse
import json

import numpy as np
import pandas as pd

from .. import color, metrics, paths
from .prepare import prepare
from .store import PreparedSet

EDGES = np.arange(-60, 61, 2)  # of the bins, in ab units
THUMBNAILS = paths.MEASURED / "thumbnails_ab_histogram.json"
BATCH = 100  # photos in memory at a time
GRAY = 10  # chroma below which a pixel looks gray
LABELS = {
    "std_a": "standard deviation of a (ab units)",
    "std_b": "standard deviation of b (ab units)",
    "colorfulness": "colorfulness, mean over photos",
    "gray_mse": "squared error of gray (report's scale)",
    "gray_share": "share of pixels with chroma below 10",
    "luma_difference": "mean |Pillow's luma - 2.55 L| (of 255)",
}


def histogram(prepared: PreparedSet) -> np.ndarray:
    """Count the pixels by a (rows) and b (columns): 60 x 60, between EDGES."""
    counts = np.zeros((len(EDGES) - 1,) * 2, dtype=np.int64)
    for ab in _batches(prepared.ab):
        a, b = color.load_ab(ab).reshape(-1, 2).T
        # A whole number on an edge belongs to the bin above it.
        counts += np.histogram2d(a, b, bins=[EDGES, EDGES])[0].astype(np.int64)
    return counts


def statistics(prepared: PreparedSet) -> dict[str, float]:
    """Return statistics of the colors of all pixels.

    `std_a`, `std_b`: in ab units. `colorfulness`: Hasler and Suesstrunk (2003), mean over photos.
    `gray_mse`: the report's loss for a = b = 0. `gray_share`: share of pixels with chroma below
    10. `luma_difference`: mean of |Pillow's luma - 2.55 L|, in steps of 255.
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


def thumbnails() -> dict:
    """Return the measurement of the report's thumbnails: `statistics`, `counts` and more."""
    return json.loads(THUMBNAILS.read_text(encoding="utf-8"))


def _sums(lightness: np.ndarray, ab: np.ndarray) -> pd.DataFrame:
    """One row per photo: means over its pixels."""
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
            "colorfulness": metrics.colorfulness(rgb),
        }
    )


def _batches(array: np.ndarray):
    return (array[i : i + BATCH] for i in range(0, len(array), BATCH))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line: measure a folder of photos and write the numbers as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m helpers.preprocessing.color_statistics", description=__doc__.splitlines()[0]
    )
    parser.add_argument("folder", help="a folder of photos")
    parser.add_argument(
        "--output", type=paths.output_file, required=True, help="the JSON file to write"
    )
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
