"""Test photos with more of their own pixels than the networks saw, for people to look at.

All metrics are of the prepared pictures. On a screen these are blurred, so figures read the photos
again and enlarge every network's chroma along their edges, as `helpers.colorize` does.
"""

import numpy as np
import torch

from .. import color
from ..colorize import edges
from ..preprocessing import PreparedSet, shrink

TIMES = 3  # the size in figures, relative to that of the prepared pictures


def photos(prepared: PreparedSet, rows: np.ndarray, times: int = TIMES) -> np.ndarray:
    """The N photos `rows`, cropped as they were prepared: N x H x W x 3, uint8, sRGB.

    H and W are those of the prepared pictures times `times`, or times a smaller number if a photo
    has fewer pixels. If one is gone, all are as they were prepared.
    """
    (width, height), crop = prepared.manifest["size"], prepared.manifest["factor"]
    for factor in range(times, 1, -1):
        size = factor * width, factor * height
        try:
            return np.stack([shrink(prepared.path(row), size, crop) for row in rows])
        except (OSError, ValueError):  # gone, or too small
            continue
    lightness = color.load_lightness(prepared.lightness[rows])
    return color.join_lab(lightness, color.load_ab(prepared.ab[rows]))


def enlarged(ab: np.ndarray, lightness: np.ndarray) -> np.ndarray:
    """ab (N x h x w x 2, ab units) at the size of lightness L (N x H x W, 0..100), float32."""
    if ab.shape[1:3] == lightness.shape[1:]:
        return ab
    chroma = torch.from_numpy(np.moveaxis(ab, -1, 1).astype(np.float32))
    guides = torch.from_numpy(lightness.astype(np.float32) / 100)[:, None]
    pairs = zip(chroma[:, None], guides[:, None])
    large = torch.cat([edges.along_edges(*pair) for pair in pairs])
    return np.moveaxis(large.numpy(), 1, -1)
