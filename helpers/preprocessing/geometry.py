"""Which part of a photo is kept, and what lies on it?

A box is (left, top, right, bottom) in pixels, the last two excluded. A size is (width, height).
"""

from functools import cache

import numpy as np

SIZE = (112, 88)  # of a prepared photo
FACTOR = 10  # how often a full-size Street View photo is shrunk to SIZE

# A Street View photo is saved as 1281 x 1025, its last column and row black.
STREETVIEW = (1280, 1024)
STREETVIEW_SIZES = (STREETVIEW, (1281, 1025))

# What Street View draws on a photo, measured on full-size side views.
CONTROLS = {
    "frame, top": (0, 0, 1280, 4),
    "frame, bottom": (0, 1020, 1280, 1024),
    "frame, left": (0, 0, 4, 1024),
    "frame, right": (1276, 0, 1280, 1024),
    "mouse cursor": (0, 0, 12, 21),
    "pan disc and compass": (8, 8, 91, 91),
    "zoom buttons": (40, 103, 61, 146),
    "full-screen button": (1256, 4, 1276, 24),
    "copyright line": (11, 1005, 182, 1018),
}
CLEAR = (92, 4, 1256, 1005)  # free of all of them
# Within CLEAR, as near to the center as edges on a grid of ten allow: then cells of ten pixels
# are cells of five in a photo decoded at half its size.
CLEAR_CROP = (100, 70, 1220, 950)


def crop_box(
    photo: tuple[int, int], size: tuple[int, int] = SIZE, factor: int = FACTOR
) -> tuple[float, float, float, float]:
    """The part of a photo of size `photo` that becomes a picture of `size`.

    A Street View photo is cropped to 112 x 88 cells of `factor` pixels: 10 keeps clear of the
    controls, 11 (the report's word) takes the place that hides the fewest. Any other photo is
    cut to the shape of `size` about its center; its edges may be fractions of a pixel.
    Raises ValueError for a photo that would have to be enlarged, or another factor.
    """
    if factor not in (10, 11):
        raise ValueError(f"factor {factor}: take 10, clear of the controls, or 11, the report's")
    (width, height), (columns, rows) = photo, size
    if width < columns or height < rows:
        raise ValueError(f"{width} x {height} pixels, smaller than {columns} x {rows}")
    if tuple(photo) in STREETVIEW_SIZES and columns * 11 == rows * 14:
        return CLEAR_CROP if factor == 10 else least_covered(factor)[1]
    cell = min(width / columns, height / rows)
    left, top = (width - cell * columns) / 2, (height - cell * rows) / 2
    return left, top, left + cell * columns, top + cell * rows


def control_pixels(box: tuple[int, int, int, int]) -> int:
    """How many pixels of the controls lie in `box` of a full-size Street View photo."""
    left, top, right, bottom = box
    return int(control_mask()[top:bottom, left:right].sum())


@cache
def least_covered(factor: int) -> tuple[int, tuple[int, int, int, int]]:
    """Of all crops of 112 x 88 cells of `factor` pixels: the fewest control pixels, and where."""
    width, height = SIZE[0] * factor, SIZE[1] * factor
    total = np.pad(control_mask(), ((1, 0), (1, 0))).astype(np.int64).cumsum(0).cumsum(1)
    inside = (
        total[height:, width:]
        - total[:-height, width:]
        - total[height:, :-width]
        + total[:-height, :-width]
    )
    top, left = (int(edge) for edge in np.unravel_index(inside.argmin(), inside.shape))
    return int(inside.min()), (left, top, left + width, top + height)


@cache
def control_mask() -> np.ndarray:
    """Where the controls lie on a full-size Street View photo: 1024 x 1280, True on a control."""
    mask = np.zeros(STREETVIEW[::-1], dtype=bool)
    for left, top, right, bottom in CONTROLS.values():
        mask[top:bottom, left:right] = True
    return mask
