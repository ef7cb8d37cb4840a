"""What Street View drew on its photos of 2010, and where.

A saved photo is 1281 x 1025 pixels: the picture, 1280 x 1024, then a black column and a black row.
Boxes are (left, top, right, bottom) in pixels, the last two excluded. The positions were measured
on full-size side views.
"""

from functools import cache

import numpy as np

PICTURE = (1280, 1024)  # width, height
SAVED = (1281, 1025)
SIZES = (PICTURE, SAVED)  # of a full-size photo

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


@cache
def mask() -> np.ndarray:
    """1025 x 1281 bools, True where a control or the black edge hides the street."""
    hidden = np.zeros(SAVED[::-1], dtype=bool)
    for left, top, right, bottom in CONTROLS.values():
        hidden[top:bottom, left:right] = True
    hidden[PICTURE[1] :], hidden[:, PICTURE[0] :] = True, True
    hidden.setflags(write=False)
    return hidden
