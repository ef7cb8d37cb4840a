"""Finds the border of a scan and stretches the lightness of a faded one for the network.

A print is surrounded by white paper, a slide by a black mount. A border is where lines of nearly
constant, very light or very dark pixels run along all four sides, or along one side up to a
straight edge. A bright sky or a dark road runs along some sides only and ends at roofs or curbs.

A faded print has no black, a dark one no white. The network sees a copy stretched to the range of
almost all training photos. The lightness of the photo itself does not change.
"""

import math

import numpy as np
from PIL import Image

LOOK = 512  # pixels of the longer side of the copy that is examined, in which grain averages out
LIGHT, DARK = 210, 40  # of 255: yellowed paper, a mount lit by the scanner
ALIKE = 12  # of 255: the unevenness of a border
NEARLY_ALL = 0.95  # of a line's pixels; the others are dust, or a crooked print
NARROWEST = 0.005  # of a side; any scan has a narrower edge
# Of a border on one side alone. In 1,267 street photos the rule finds one that is none. To each of
# them a border of 2 to 10% was added, of which it finds 1,234.
WIDEST = 0.2  # of a side: above a straight horizon there is more sky
EDGE = 0.015  # of a side, within which a border ends, even of a print that lies a little crooked
BEYOND = 0.5  # the largest share of such pixels in a line beyond its edge
STEP = 24  # of 255, within which a pixel counts as such there: a plain sky grows darker slowly

ENDS = 1, 99  # percentiles that count as black and white
# Of 255: L 20 and 70. With the light changes of training, 19 in 20 photos had black and white
# beyond L 19 and 78 in Manhattan, and beyond L 26 and 63 in Cambridge.
BLACK, WHITE = 48, 171
MOST = 5  # times the contrast; a picture that needs more is mostly grain


def inside(picture: np.ndarray) -> tuple[slice, slice]:
    """Return rows and columns inside the border of a picture (H x W or H x W x 3, uint8).

    Borders within a border, such as paper in the scanner's black, are all left out.
    """
    height, width = picture.shape[:2]
    small = np.asarray(Image.fromarray(shrunk(picture, LOOK)).convert("L"))
    top, left, bottom, right = 0, 0, *small.shape
    while True:
        part = small[top:bottom, left:right].astype(np.int16)
        sides = part, part[::-1], part.T, part.T[::-1]
        found = [_border(side) for side in sides]
        if any(n <= NARROWEST * len(side) for side, n in zip(sides, found)):
            found = [n if _ends_straight(side, n) else 0 for side, n in zip(sides, found)]
        above, below, before, behind = found
        empty = above + below >= part.shape[0] or before + behind >= part.shape[1]
        if empty or not any(found):
            break
        top, bottom, left, right = top + above, bottom - below, left + before, right - behind
    rows, columns = height / small.shape[0], width / small.shape[1]
    return (
        slice(int(top * rows), min(height, math.ceil(bottom * rows))),
        slice(int(left * columns), min(width, math.ceil(right * columns))),
    )


def shrunk(pixels: np.ndarray, longest: int) -> np.ndarray:
    """A copy of a picture (uint8, or H x W floats), its longer side at most `longest` pixels."""
    if pixels.ndim == 3:  # of three channels at once Pillow would keep a copy with four
        return np.dstack([shrunk(channel, longest) for channel in np.moveaxis(pixels, -1, 0)])
    height, width = pixels.shape
    scale = min(1, longest / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def _border(lines: np.ndarray) -> int:
    """The number of lines, from the first on, that are plain and as light or dark as it is."""
    level = np.median(lines[0])
    if DARK < level < LIGHT:
        return 0
    plain = (np.abs(lines - level) <= ALIKE).mean(axis=1) >= NEARLY_ALL
    return len(lines) if plain.all() else int(plain.argmin())


def _ends_straight(lines: np.ndarray, count: int) -> bool:
    """Whether the first `count` lines are wide enough for a border and end all at once."""
    if not max(2, NARROWEST * len(lines)) < count <= WIDEST * len(lines):
        return False
    beyond = lines[count + max(1, round(EDGE * len(lines)))]
    return bool((np.abs(beyond - np.median(lines[0])) <= STEP).mean() <= BEYOND)


def stretched(gray: np.ndarray, look: np.ndarray) -> np.ndarray:
    """Stretch a gray picture (uint8) to black of at most BLACK and white of at least WHITE.

    look: a small copy, on which black and white are measured. A picture that reaches both, or
    would need more than MOST times the contrast, is returned unchanged.
    """
    black, white = np.percentile(look, ENDS)
    first, last = min(black, BLACK), max(white, WHITE)
    if (first, last) == (black, white) or last - first > MOST * (white - black):
        return gray
    table = first + (np.arange(256) - black) * (last - first) / (white - black)
    return table.round().clip(0, 255).astype(np.uint8)[gray]
