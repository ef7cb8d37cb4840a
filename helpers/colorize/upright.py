"""Finds photos of streets that may lie on their side, be upside down or be negatives.

The network learned from upright photos. Of a street that is not upright, its colors have more
entropy than of the same street set right. Of landscapes this is not so; the model card has numbers.
"""

import numpy as np
from PIL import Image

from . import scans
from .coloring import Colorizer

MARGIN = 0.2  # bits of mean entropy by which another version must be more certain
LONGEST = 400  # pixels of the longer side: more than the network sees


def doubt(colorizer: Colorizer, picture: np.ndarray | Image.Image) -> str | None:
    """What a photo may be: "on its side", "upside down" or "a negative"; None if it seems right.

    It takes the network five looks. `python -m helpers.colorize --check-orientation` uses it.
    """
    gray = colorizer.gray_version(picture)
    gray = scans.shrunk(gray[colorizer.inside(gray)], LONGEST)
    versions = {
        "on its side": (np.rot90(gray), np.rot90(gray, 3)),
        "upside down": (np.rot90(gray, 2),),
        "a negative": (255 - gray,),
    }

    def bits(version: np.ndarray) -> float:
        return float(colorizer.see(np.ascontiguousarray(version))[1].mean())

    least = {name: min(map(bits, each)) for name, each in versions.items()}
    name = min(least, key=least.get)
    return name if bits(gray) - least[name] > MARGIN else None
