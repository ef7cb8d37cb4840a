"""What keeps the network from seeing a scan as it saw streets?

A border: around a print lies its white paper, around a slide its black mount. It is found where
lines of nearly constant, very light or very dark pixels stand along all four sides; a bright sky or
a dark road stands along some of them.

Lightness: a faded print has no black, a dark one no white. The network gets to see it stretched as
far as almost all of its training photos reached; the photo's own lightness is not touched.
"""

import math

import numpy as np
from PIL import Image

LOOK = 512  # pixels of the longer side of the copy that is looked at: grain averages out
LIGHT, DARK = 210, 40  # of 255: paper that has yellowed, a mount that the scanner lit
ALIKE = 12  # of 255: a border is no more uneven than that
NEARLY_ALL = 0.95  # of a line's pixels; the others are dust, or where the print lies crooked
NARROWEST = 0.005  # of a side; less is the edge of any scan

ENDS = 1, 99  # percentiles that are taken for black and white
# Of 255: L 20 and 70. Relit as they were for training (`augment.vary`), 19 in 20 photos had their
# black and white beyond L 19 and 78 in Manhattan, 26 and 63 in Cambridge.
BLACK, WHITE = 48, 171
MOST = 5  # times the contrast; with less than that there is grain to bring up and no picture


def inside(picture: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of what a border surrounds in a picture (H x W or H x W x 3, 8 bits).

    All of them where a side has no border. Of a border within a border, such as a print's paper
    in the scanner's black, both are left outside.
    """
    height, width = picture.shape[:2]
    scale = max(1, max(height, width) / LOOK)
    size = max(1, round(width / scale)), max(1, round(height / scale))
    small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX).convert("L"))
    top, left, bottom, right = 0, 0, *small.shape
    while True:
        part = small[top:bottom, left:right].astype(np.int16)
        above, below = _border(part), _border(part[::-1])
        before, behind = _border(part.T), _border(part.T[::-1])
        narrow = min(above, below) <= NARROWEST * size[1]
        narrow |= min(before, behind) <= NARROWEST * size[0]
        empty = above + below >= part.shape[0] or before + behind >= part.shape[1]
        if narrow or empty:
            break
        top, bottom, left, right = top + above, bottom - below, left + before, right - behind
    rows, columns = height / size[1], width / size[0]
    return (
        slice(int(top * rows), min(height, math.ceil(bottom * rows))),
        slice(int(left * columns), min(width, math.ceil(right * columns))),
    )


def _border(lines: np.ndarray) -> int:
    """How many lines from the first on are like it, light or dark."""
    level = np.median(lines[0])
    if DARK < level < LIGHT:
        return 0
    plain = (np.abs(lines - level) <= ALIKE).mean(axis=1) >= NEARLY_ALL
    return len(lines) if plain.all() else int(plain.argmin())


def stretched(gray: np.ndarray, look: np.ndarray) -> np.ndarray:
    """A gray picture (8 bits) with its black no lighter than BLACK, its white no darker than WHITE.

    look: a small copy of it, on which black and white are measured. What reaches both is given
    back as it is, and so is what would have to be stretched more than MOST times.
    """
    black, white = np.percentile(look, ENDS)
    first, last = min(black, BLACK), max(white, WHITE)
    if (first, last) == (black, white) or last - first > MOST * (white - black):
        return gray
    table = first + (np.arange(256) - black) * (last - first) / (white - black)
    return table.round().clip(0, 255).astype(np.uint8)[gray]
