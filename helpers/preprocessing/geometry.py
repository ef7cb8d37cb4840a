"""Chooses the part of a photo that is kept.

A box is (left, top, right, bottom) in pixels, the last two excluded. A size is (width, height).
"""

from functools import cache

import numpy as np

from ..color import SIZE
from ..photos import controls

FACTOR = 10  # how often a full-size Street View photo is shrunk to SIZE

# x 92-1255, y 4-1004 is free of controls. Within it, as near to the center as edges on a grid of
# ten allow: cells of ten pixels are then cells of five in a photo decoded at half its size.
CLEAR_CROP = (100, 70, 1220, 950)


def crop_box(
    photo: tuple[int, int], size: tuple[int, int] = SIZE, factor: int = FACTOR
) -> tuple[float, float, float, float]:
    """Return the box of a photo of size `photo` that becomes a picture of `size`.

    A Street View photo is cropped to 112 x 88 cells of `factor` pixels: 10 is clear of the
    controls; 11, the report's factor, takes the box that hides the fewest. Any other photo is cut
    to the shape of `size` about its center; its edges may be fractions of a pixel. Raises
    ValueError for a photo that would have to be enlarged, or another factor.
    """
    if factor not in (10, 11):
        raise ValueError(f"factor {factor}: take 10, clear of the controls, or 11, the report's")
    (width, height), (columns, rows) = photo, size
    if width < columns or height < rows:
        raise ValueError(f"{width} x {height} pixels, smaller than {columns} x {rows}")
    if tuple(photo) in controls.SIZES and columns * 11 == rows * 14:
        return CLEAR_CROP if factor == 10 else least_covered(factor)[1]
    cell = min(width / columns, height / rows)
    # Rounding may leave them a trace below 0.
    left, top = (max(0.0, (a - cell * b) / 2) for a, b in ((width, columns), (height, rows)))
    return left, top, left + cell * columns, top + cell * rows


def control_pixels(box: tuple[int, int, int, int]) -> int:
    """Return how many pixels of the controls lie in `box` of a full-size Street View photo."""
    left, top, right, bottom = box
    return int(controls.mask()[top:bottom, left:right].sum())


@cache
def least_covered(factor: int) -> tuple[int, tuple[int, int, int, int]]:
    """Return the fewest control pixels of any crop of 112 x 88 cells of `factor`, and its box."""
    width, height = SIZE[0] * factor, SIZE[1] * factor
    total = np.pad(controls.mask(), ((1, 0), (1, 0))).astype(np.int64).cumsum(0).cumsum(1)
    inside = (
        total[height:, width:]
        - total[:-height, width:]
        - total[height:, :-width]
        + total[:-height, :-width]
    )
    top, left = (int(edge) for edge in np.unravel_index(inside.argmin(), inside.shape))
    return int(inside.min()), (left, top, left + width, top + height)
