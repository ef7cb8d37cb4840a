"""Operating points: two settings that turn one network's output into colors.

Both are chosen on validation photos. `street_unet_accurate` has the lowest error; `street_unet`
is as colorful as the photos are, at a bounded price in error. Error alone rewards gray,
colorfulness alone rewards random colors. How colorful a street is differs from stretch to stretch,
so that where there are folds, the choice is made on the validation photos of several, each
colored by its own fold's network.
"""

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
AT_ONCE = 16  # photos in one pass
POINTS = [OperatingPoint(*x) for x in itertools.product(TEMPERATURES, REBALANCES, GAINS)]


class Validation:
    """Validation photos as one network colors them at every point of POINTS.

    lightness: N x H x W and truth: N x H x W x 2, both as stored (uint8). `sums` has for each
    point, over all pixels: squared error, that of gray, chroma, true chroma.
    """

    def __init__(self, model: StreetUnet, lightness: np.ndarray, truth: np.ndarray):
        self.model, self.lightness, self.truth = model, lightness, truth
        self.parts = [slice(i, i + AT_ONCE) for i in range(0, len(lightness), AT_ONCE)]
        self.sums = self._measured(_sums, POINTS)
        photos = (color.join_lab(*self._loaded(part)) for part in self.parts)
        self.colorfulness = np.concatenate([metrics.colorfulness(rgb) for rgb in photos])
        self._gaps: dict[OperatingPoint, float] = {}

    def gaps(self, points: Sequence[OperatingPoint]) -> dict[OperatingPoint, float]:
        """colorfulness_gap, as in `metrics`, summed over the photos, at each point."""
        new = [point for point in points if point not in self._gaps]
        if new:
            self._gaps |= self._measured(self._gap, new)
        return {point: self._gaps[point] for point in points}

    def _gap(self, part: slice, light: np.ndarray, truth: np.ndarray, ab: np.ndarray) -> float:
        ours = metrics.colorfulness(color.join_lab(light, ab))
        return float(np.abs(ours - self.colorfulness[part]).sum())

    def _loaded(self, part: slice) -> tuple[np.ndarray, np.ndarray]:
        return color.load_lightness(self.lightness[part]), color.load_ab(self.truth[part])

    def _measured(self, measure, points: Sequence[OperatingPoint]) -> dict:
        """`measure(part, light, truth, ab)` at each point, summed over parts of the photos.

        The network runs again each time: its posteriors of a photo take megabytes.
        """
        found = dict.fromkeys(points, 0)
        for part in self.parts:
            light, truth = self._loaded(part)
            logs = posterior(self.model, torch.from_numpy(light / 100)[:, None])
            for point in points:
                ab = to_size(ab_at_half(self.model, logs, point), *light.shape[1:])
                ab = ab.permute(0, 2, 3, 1).numpy()
                found[point] = found[point] + measure(part, light, truth, ab)
        return found


def _sums(_part: slice, _light: np.ndarray, truth: np.ndarray, ab: np.ndarray) -> np.ndarray:
    values = np.square(ab - truth), np.square(truth), color.chroma(ab), color.chroma(truth)
    return np.array([value.sum(dtype=np.float64) for value in values])


def choose(folds: Sequence[Validation]) -> dict[str, OperatingPoint]:
    """The two operating points, chosen on the validation photos of one fold or several together.

    `street_unet_accurate`: the temperature and rebalance of lowest error, with gain 1.
    `street_unet`: among the points whose chroma ratio lies in CHROMA_RATIO and whose error is at
    most PRICE times the accurate one's, the one with the smallest colorfulness gap. If there is
    none, the point whose chroma ratio comes closest, and of several the one of lowest error.
    """
    sums = {point: sum(fold.sums[point] for fold in folds) for point in POINTS}
    errors = {point: (s[0] / s[1], s[2] / s[3]) for point, s in sums.items()}
    accurate = min((point for point in POINTS if point.gain == 1), key=lambda p: errors[p][0])
    low, high = CHROMA_RATIO

    def off(point: OperatingPoint) -> float:
        ratio = errors[point][1]
        return max(low - ratio, ratio - high, 0)

    limit = PRICE * errors[accurate][0]
    good = [point for point in POINTS if off(point) == 0 and errors[point][0] <= limit]
    gaps = [fold.gaps(good) for fold in folds]
    colorful = min(good, key=lambda point: sum(fold[point] for fold in gaps), default=None)
    if colorful is None:
        colorful = min(POINTS, key=lambda point: (off(point), errors[point][0]))
    return {"street_unet": colorful, "street_unet_accurate": accurate}
