"""Operating points: two settings that turn one network's output into colors.

Both are chosen on validation photos. `street_unet_accurate` has the lowest error; `street_unet`
is as colorful as the photos are, at a bounded price in error. Error alone rewards gray,
colorfulness alone rewards random colors.
"""

import itertools

import numpy as np
import torch

from .. import color, metrics
from ..model.street_unet import OperatingPoint, StreetUnet, ab_at_half, posterior, to_size

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
        self.gray = np.square(self.truth).mean()
        self.chroma = color.chroma(self.truth).mean()
        self.colorfulness = metrics.colorfulness(color.join_lab(self.light, self.truth))
        parts = np.array_split(self.light / 100, -(-len(lightness) // AT_ONCE))
        self.logs = [posterior(model, torch.from_numpy(part)[:, None]) for part in parts]

    def ab(self, point: OperatingPoint) -> np.ndarray:
        """Predicted ab (N x H x W x 2) at an operating point."""
        size = self.light.shape[1:]
        parts = [to_size(ab_at_half(self.model, x, point), *size) for x in self.logs]
        return torch.cat(parts).permute(0, 2, 3, 1).numpy()

    def error(self, point: OperatingPoint) -> tuple[float, float]:
        """mse_vs_gray and chroma_ratio, as in `metrics`."""
        ab = self.ab(point)
        square = np.square(ab - self.truth).mean()
        return float(square / self.gray), float(color.chroma(ab).mean() / self.chroma)

    def gap(self, point: OperatingPoint) -> float:
        """colorfulness_gap, as in `metrics`."""
        ours = metrics.colorfulness(color.join_lab(self.light, self.ab(point)))
        return float(np.abs(ours - self.colorfulness).mean())


def choose(
    model: StreetUnet, lightness: np.ndarray, truth: np.ndarray
) -> dict[str, OperatingPoint]:
    """The two operating points, chosen on validation photos (N x H x W and N x H x W x 2, uint8).

    `street_unet_accurate`: the temperature and rebalance of lowest error, with gain 1.
    `street_unet`: among the points whose chroma ratio lies in CHROMA_RATIO and whose error is at
    most PRICE times the accurate one's, the one with the smallest colorfulness gap. If there is
    none, the point whose chroma ratio comes closest, and of several the one of lowest error.
    """
    photos = Validation(model, lightness, truth)
    points = [OperatingPoint(*x) for x in itertools.product(TEMPERATURES, REBALANCES, GAINS)]
    errors = {point: photos.error(point) for point in points}
    accurate = min((point for point in points if point.gain == 1), key=lambda p: errors[p][0])
    low, high = CHROMA_RATIO

    def off(point: OperatingPoint) -> float:
        ratio = errors[point][1]
        return max(low - ratio, ratio - high, 0)

    limit = PRICE * errors[accurate][0]
    good = [point for point in points if off(point) == 0 and errors[point][0] <= limit]
    colorful = min(good, key=photos.gap, default=None)
    if colorful is None:
        colorful = min(points, key=lambda point: (off(point), errors[point][0]))
    return {"street_unet": colorful, "street_unet_accurate": accurate}
