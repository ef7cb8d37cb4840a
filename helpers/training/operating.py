"""Operating points: two settings that turn one network's output into colors.

Both are chosen on validation photos. `street_unet_accurate` has the lowest error; `street_unet`
is as colorful as the photos are, at a bounded price in error. Error alone rewards gray,
colorfulness alone rewards random colors. How colorful a street is differs from stretch to stretch,
so that where there are folds, the choice is made on the validation photos of several, each
colored by its own fold's network.
"""

import functools
import itertools
from collections.abc import Sequence

import numpy as np
import torch

from .. import color, metrics
from ..model.street_unet import (
    OperatingPoint,
    StreetUnet,
    ab_at_half,
    posterior,
    to_size,
)

TEMPERATURES = (0.38, 0.5, 0.7, 1.0, 1.3)
REBALANCES = (0.0, 0.5, 0.75, 1.0, 1.25)
GAINS = (1.0, 1.15)
CHROMA_RATIO = (0.85, 1.05)  # the range that counts as colorful as ground truth
PRICE = 1.25  # largest error of the colorful point, relative to the accurate one
AT_ONCE = 32  # photos in one pass


class Validation:
    """Validation photos and the network's posteriors for them.

    lightness: N x H x W and truth: N x H x W x 2, both as stored (uint8).
    """

    def __init__(self, model: StreetUnet, lightness: np.ndarray, truth: np.ndarray):
        self.model, self.light = model, color.load_lightness(lightness)
        self.truth = color.load_ab(truth)
        self.gray = np.square(self.truth).sum(dtype=np.float64)
        self.chroma = color.chroma(self.truth).sum(dtype=np.float64)
        self.colorfulness = metrics.colorfulness(color.join_lab(self.light, self.truth))
        parts = np.array_split(self.light / 100, -(-len(lightness) // AT_ONCE))
        self.logs = [posterior(model, torch.from_numpy(part)[:, None]) for part in parts]
        # Several choices ask the same.
        self.sums, self.gap = functools.cache(self._sums), functools.cache(self._gap)

    def ab(self, point: OperatingPoint) -> np.ndarray:
        """Predicted ab (N x H x W x 2) at an operating point."""
        size = self.light.shape[1:]
        parts = [to_size(ab_at_half(self.model, x, point), *size) for x in self.logs]
        return torch.cat(parts).permute(0, 2, 3, 1).numpy()

    def _sums(self, point: OperatingPoint) -> np.ndarray:
        """Over all pixels: squared error, that of gray, chroma, true chroma."""
        ab = self.ab(point)
        square = np.square(ab - self.truth).sum(dtype=np.float64)
        return np.array([square, self.gray, color.chroma(ab).sum(dtype=np.float64), self.chroma])

    def _gap(self, point: OperatingPoint) -> float:
        """colorfulness_gap, as in `metrics`, summed over the photos."""
        ours = metrics.colorfulness(color.join_lab(self.light, self.ab(point)))
        return float(np.abs(ours - self.colorfulness).sum())


def choose(folds: Sequence[Validation]) -> dict[str, OperatingPoint]:
    """The two operating points, chosen on the validation photos of one fold or several together.

    `street_unet_accurate`: the temperature and rebalance of lowest error, with gain 1.
    `street_unet`: among the points whose chroma ratio lies in CHROMA_RATIO and whose error is at
    most PRICE times the accurate one's, the one with the smallest colorfulness gap. If there is
    none, the point whose chroma ratio comes closest, and of several the one of lowest error.
    """
    points = [OperatingPoint(*x) for x in itertools.product(TEMPERATURES, REBALANCES, GAINS)]
    sums = {point: sum(fold.sums(point) for fold in folds) for point in points}
    errors = {point: (s[0] / s[1], s[2] / s[3]) for point, s in sums.items()}
    accurate = min((point for point in points if point.gain == 1), key=lambda p: errors[p][0])
    low, high = CHROMA_RATIO

    def off(point: OperatingPoint) -> float:
        ratio = errors[point][1]
        return max(low - ratio, ratio - high, 0)

    def gap(point: OperatingPoint) -> float:
        return sum(fold.gap(point) for fold in folds)

    limit = PRICE * errors[accurate][0]
    good = [point for point in points if off(point) == 0 and errors[point][0] <= limit]
    colorful = min(good, key=gap, default=None)
    if colorful is None:
        colorful = min(points, key=lambda point: (off(point), errors[point][0]))
    return {"street_unet": colorful, "street_unet_accurate": accurate}
