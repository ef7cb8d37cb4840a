"""Turns one photo into a small picture of lightness and ab."""

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import skimage.color  # loads its parts when they are used
from PIL import Image

from .. import color
from ..photos import decode
from ..photos.decode import BadPhotoError
from .geometry import FACTOR, SIZE, crop_box

NO_CLASS = 255  # of photos without classes


@dataclass(frozen=True)
class Thumbnail:
    """One prepared photo."""

    lightness: np.ndarray  # uint8, H x W, 2.55 L
    ab: np.ndarray  # uint8, H x W x 2, ab + 128
    crop: str  # the part that was kept: "1120x880+100+70 of 1281x1025"
    sha256: str  # of the photo file
    classes: np.ndarray | None  # uint8, H x W
    rounding: dict | None  # the error of 8 bits: delta_e_mean, delta_e_max, lightness_mse, ab_mse


def shrink(
    photo: Image.Image | np.ndarray | bytes | str | Path,
    size: tuple[int, int] = SIZE,
    factor: int = FACTOR,
    exact: bool = False,
) -> np.ndarray:
    """Crop a photo and average it down to `size` (width, height): RGB, height x width x 3, uint8.

    `photo` is a file, its bytes, a Pillow image, or an array (H x W x 3, uint8). `factor` is that
    of `geometry.crop_box`. `exact` decodes the whole photo and averages areas. Otherwise the JPEG
    decoder may average first, which differs by rounding where its blocks fit the cells. Raises
    BadPhotoError, a ValueError, with the reason; what the decoder raises (mostly OSError) if the
    file is damaged; FileNotFoundError.
    """
    return _shrink(decode.opened(photo), size, factor, exact)[0]


def prepare_photo(
    path: Path, size: tuple[int, int], factor: int, classes: Path | None, measure: bool
) -> Thumbnail | str:
    """Prepare one file. Returns the reason, as text, if the photo cannot be used.

    `classes` is a PNG of class ids for the same photo; `measure` adds the error of 8 bits.
    """
    try:
        data = decode.read(path)
        rgb, crop = _shrink(decode.opened(data), size, factor)
        lightness, ab = color.split_lab(rgb)
        if color.is_gray(ab):
            return "gray already: there is no color to learn from"
        stored = color.store_lightness(lightness), color.store_ab(ab)
        return Thumbnail(
            *stored,
            crop=crop,
            sha256=hashlib.sha256(data).hexdigest(),
            classes=None if classes is None else shrink_classes(classes, size, factor),
            rounding=_rounding(lightness, ab, *stored) if measure else None,
        )
    except PermissionError:
        return "no permission to read it"
    except Exception as error:  # decoders raise all kinds on a damaged file
        return decode.reason(error)


def shrink_classes(path: Path, size: tuple[int, int], factor: int) -> np.ndarray:
    """Return the commonest class in each cell of a full-size PNG of classes: height x width, uint8.

    Every second pixel of every second row votes; the lowest id wins a tie.
    """
    classes = np.asarray(Image.open(path))
    left, top, right, bottom = (int(edge) for edge in crop_box(classes.shape[::-1], size, factor))
    kept = classes[top:bottom:2, left:right:2]
    rows = np.arange(kept.shape[0]) * size[1] // kept.shape[0]
    columns = np.arange(kept.shape[1]) * size[0] // kept.shape[1]
    count = int(kept.max()) + 1
    cells = rows[:, None] * size[0] + columns
    votes = np.bincount((cells * count + kept).ravel(), minlength=size[0] * size[1] * count)
    return votes.reshape(size[1], size[0], count).argmax(axis=-1).astype(np.uint8)


def _shrink(image, size, factor, exact=False) -> tuple[np.ndarray, str]:
    width, height = decode.upright_size(image)
    try:
        box = crop_box((width, height), size, factor)
    except ValueError as error:
        raise BadPhotoError(str(error)) from None
    scale = 1 if exact else _decoder_scale(image, box, size)
    rgb = decode.upright_rgb(image, scale)
    small = average(rgb, tuple(edge / scale for edge in box), size)
    left, top, right, bottom = box
    return small, f"{right - left:.4g}x{bottom - top:.4g}+{left:.4g}+{top:.4g} of {width}x{height}"


def _decoder_scale(image, box, size) -> int:
    """How many pixels a side the decoder may average: its blocks must fit the cells, or at least
    eight of them must make a cell.
    """
    cell = (box[2] - box[0]) / size[0]
    for scale in (4, 2):
        aligned = cell % scale == 0 and all(edge % scale == 0 for edge in box)
        if (aligned or cell / scale >= 8) and decode.can_scale(image, scale):
            return scale
    return 1


def average(rgb: Image.Image, box: tuple, size: tuple[int, int]) -> np.ndarray:
    """Average over each cell of `box` cut into `size` (width, height): uint8, height x width x 3.

    Edges may be fractions of a pixel: each pixel is weighted by its share of the cell.
    """
    cell = (box[2] - box[0]) / size[0]
    if cell == int(cell) and all(edge == int(edge) for edge in box):
        box = tuple(int(edge) for edge in box)
        return np.asarray(rgb.crop(box) if cell == 1 else rgb.reduce(int(cell), box=box))
    left, top, right, bottom = box
    (columns, rows), width = size, rgb.width
    means = _average_rows(
        np.asarray(rgb).reshape(-1, width * 3), np.linspace(top, bottom, rows + 1)
    )
    turned = np.ascontiguousarray(means.reshape(rows, width, 3).swapaxes(0, 1))
    means = _average_rows(turned.reshape(width, -1), np.linspace(left, right, columns + 1))
    return np.rint(means.reshape(columns, rows, 3).swapaxes(0, 1)).astype(np.uint8)


def _average_rows(pixels: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Means of the rows (H x W) between neighboring edges: (cells + 1) edges give cells x W."""
    means = np.empty((len(edges) - 1, pixels.shape[1]))
    for i, (start, end) in enumerate(pairwise(edges)):
        first, last = int(start), min(int(np.ceil(end)), len(pixels))
        rows = np.arange(first, last)
        share = np.minimum(rows + 1, end) - np.maximum(rows, start)
        # einsum, not a matrix product: the rounding of BLAS depends on the number of threads.
        means[i] = np.einsum("r,rw->w", share / share.sum(), pixels[first:last])
    return means


def _rounding(lightness, ab, stored_lightness, stored_ab) -> dict:
    loaded = color.load_lightness(stored_lightness), color.load_ab(stored_ab)
    exact = np.concatenate([lightness[..., None], ab], axis=-1)
    rounded = np.concatenate([loaded[0][..., None], loaded[1]], axis=-1)
    difference = skimage.color.deltaE_ciede2000(exact, rounded)
    return {
        "delta_e_mean": float(difference.mean()),
        "delta_e_max": float(difference.max()),
        "lightness_mse": float(np.square(loaded[0] - lightness).mean()),
        "ab_mse": float(np.square(loaded[1] - ab).mean()),
    }
