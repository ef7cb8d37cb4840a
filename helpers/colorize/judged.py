"""Classifies photos as gray, toned or color, and measures the error of a colored one."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import skimage.color  # loads its parts when they are used

from .. import color
from ..photos import decode
from . import photo_files
from .scans import shrunk

if TYPE_CHECKING:
    from .coloring import Colorizer

LOOK = 256  # pixels of the longer side of the copy on which a photo is judged
# ab units around one tone per lightness. On 798 street photos of four sets, two in color had less.
TONE_SPREAD = 2.5


@dataclass(frozen=True)
class Example:
    """One photo three times (H x W gray, else H x W x 3, uint8).

    ratio: CIEDE2000 of the colored one relative to that of gray.
    """

    gray: np.ndarray
    colored: np.ndarray
    truth: np.ndarray
    ratio: float


def kind(rgb: np.ndarray) -> str:
    """Return `gray`, `toned` or `color` for a picture (H x W x 3, uint8).

    Toned is a print in one tone, such as sepia: its ab are equal wherever L is equal, apart from
    slow changes over the print, such as stains and fading. Grain and scanner noise average out in
    the small copy on which this is judged.
    """
    small = shrunk(rgb, LOOK)
    if (small == small[..., :1]).all():
        return "gray"
    lightness, ab = color.split_lab(small)
    if color.is_gray(ab):
        return "gray"
    level = np.rint(lightness / 4).astype(int).ravel()
    flat = ab.reshape(-1, 2)
    y, x = (axis.ravel() / max(lightness.shape) for axis in np.indices(lightness.shape))
    place = np.stack([x, y, x * x, x * y, y * y], axis=-1)
    place, flat = (_without_means(values, level) for values in (place, flat))
    drift = place @ np.linalg.lstsq(place, flat, rcond=None)[0]
    spread = np.sqrt(np.square(flat - drift).sum(axis=-1).mean())
    return "toned" if spread <= TONE_SPREAD else "color"


def _without_means(values: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Values (N x C) minus the mean of their level (N)."""
    count = np.maximum(1, np.bincount(level))
    means = [np.bincount(level, column) / count for column in values.T]
    return values - np.stack(means, axis=-1)[level]


def errors(rgb: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Errors of a colored picture against the ground truth (both H x W x 3, uint8), shrunk.

    delta_e: mean CIEDE2000; rmse: of ab, per channel; delta_e_gray and rmse_gray: the same for
    the ground truth without its color.
    """
    lab, true_lab = (np.dstack(color.split_lab(shrunk(picture, LOOK))) for picture in (rgb, truth))
    gray = true_lab * [1, 0, 0]
    return {
        "delta_e": float(skimage.color.deltaE_ciede2000(true_lab, lab).mean()),
        "delta_e_gray": float(skimage.color.deltaE_ciede2000(true_lab, gray).mean()),
        "rmse": float(np.sqrt(np.square(lab - true_lab)[..., 1:].mean())),
        "rmse_gray": float(np.sqrt(np.square(true_lab[..., 1:]).mean())),
    }


def ranked(photos: Iterable[Path], colorizer: "Colorizer", longest: int = 400) -> list[Example]:
    """Photos in color (shrunk), colored anew, the best first.

    The best is the one whose CIEDE2000 is the smallest part of that of gray.
    """
    found = []
    for path in photos:
        truth = shrunk(photo_files.read(decode.opened(path)).rgb, longest)
        painted = colorizer.colorize(truth)
        measured = errors(painted, truth)
        ratio = measured["delta_e"] / measured["delta_e_gray"]
        found.append(Example(colorizer.gray_version(truth), painted, truth, ratio))
    return sorted(found, key=lambda example: example.ratio)


def error_text(errors: dict[str, float]) -> str:
    """The result of `errors` in a few words."""
    return (
        f"CIEDE2000 {errors['delta_e']:.1f} (gray {errors['delta_e_gray']:.1f}), "
        f"ab RMSE {errors['rmse']:.1f} (gray {errors['rmse_gray']:.1f})"
    )
