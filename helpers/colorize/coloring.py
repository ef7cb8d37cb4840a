"""How is an array of pixels colored at its own size?

    from helpers.colorize import Colorizer
    rgb = Colorizer.load().colorize(gray)

The network sees the photo at about the size it knows best, its chroma comes up along the edges of
the lightness (`upsampling`), and every pixel keeps its own lightness (`recolor`). What works on the
whole photo works on strips of rows, so that memory grows with the file and little else.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from .. import paths
from ..model import bins, street_unet
from ..model.predict import usable_device
from ..model.street_unet import OperatingPoint, StreetUnet
from ..preprocessing.geometry import SIZE
from . import edges, recolor, scans

WEIGHTS = paths.WEIGHTS / "street_unet.safetensors"
MODEL = "street_unet"
LOWEST, HIGHEST = 0.01, 1000  # temperature and chroma gain beyond which arithmetic ends
STRIP = 2**17  # pixels worked on at a time: a few megabytes for each array
# The network sees each photo at these multiples of the size it learned from; the geometric mean of
# its posteriors is taken, so that a color must be likely at every size. With an earlier training
# that took 6 % off the square error of seeing each once on the 8 full-size Street View photos, and
# 15 % on 20 of Cambridge at 640 x 640; most of the blue on roads, sky to the largest size alone,
# went.
SCALES = (0.71, 1, 1.41)
LEAST_SIDE = 8  # of what the network sees, however long and thin the photo


class Colorizer:
    """Colors pictures with one network at one operating point. Made by `load`."""

    def __init__(self, model: StreetUnet, point: OperatingPoint, device: str | torch.device):
        self.model, self.point, self.device = model, point, torch.device(device)

    @classmethod
    def load(
        cls,
        weights: str | Path = WEIGHTS,
        model: str = MODEL,
        temperature: float | None = None,
        chroma_gain: float = 1.0,
        device: str | torch.device | None = None,
    ) -> "Colorizer":
        """A colorizer from a file of weights, by default those that come with the project.

        model: the operating point, `street_unet` (as colorful as streets are) or
            `street_unet_accurate` (lowest error, paler).
        temperature: in place of the operating point's own, LOWEST to HIGHEST; smaller is bolder.
        chroma_gain: what its chroma is multiplied by, 0 to HIGHEST; 0 gives gray.
        device: "cpu", "cuda", "mps"; None takes a GPU if there is one.
        Raises FileNotFoundError or ValueError, in one sentence, for weights that are missing
        or damaged, for an unknown model or device, or a number out of range.
        """
        if temperature is not None and not LOWEST <= temperature <= HIGHEST:
            raise ValueError(f"temperature {temperature}: take {LOWEST} to {HIGHEST}, such as 0.5")
        if not 0 <= chroma_gain <= HIGHEST:
            raise ValueError(f"chroma gain {chroma_gain}: take 0 to {HIGHEST}, such as 1.2")
        place = usable_device(device)
        network, _, points = street_unet.load(weights, place)
        if model not in points:
            raise ValueError(f"no model {model!r} in {weights}: take one of {', '.join(points)}")
        point = points[model]
        point = replace(
            point,
            temperature=temperature or point.temperature,
            gain=point.gain * chroma_gain,
        )
        return cls(network, point, place)

    def colorize(self, picture: np.ndarray) -> np.ndarray:
        """The picture in color: H x W x 3.

        picture: H x W or H x W x 3, 8 bits (0..255) or floats (0..1). Of a picture in color its
        gray version counts alone. 8 bits give 8 bits, floats give float32 in 0..1, in sRGB.
        The lightness L is that of the picture in every pixel, up to the rounding of the result.
        Raises ValueError for another shape, type or range.
        """
        chroma, _ = self.predict(picture)
        return self.paint(picture, chroma)

    def uncertainty(self, picture: np.ndarray) -> np.ndarray:
        """How unsure the network is of each pixel's color: H x W, float32, in bits.

        0 is certain; the number of its ab bins' logarithm to base 2, about 6, knows nothing.
        """
        _, bits = self.predict(picture)
        return self.spread(bits, picture)

    def spread(self, bits: Tensor, picture: np.ndarray, inside=None) -> np.ndarray:
        """Bits of `predict` at a picture's size, H x W, float32; 0 in its border.

        inside: rows and columns within the border, where they are known from another copy.
        """
        rows, columns = inside or self.inside(picture)
        map_of_bits = np.zeros(picture.shape[:2], np.float32)
        size = rows.stop - rows.start, columns.stop - columns.start
        map_of_bits[rows, columns] = edges.bilinear(bits, *size)[0, 0].cpu().numpy()
        return map_of_bits

    def inside(self, picture: np.ndarray) -> tuple[slice, slice]:
        """Rows and columns that get color: all but a scan's border, see `scans.inside`."""
        eight_bits = picture.dtype == np.uint8
        return scans.inside(picture if eight_bits else self.gray_version(picture))

    def predict(self, picture: np.ndarray) -> tuple[Tensor, Tensor]:
        """What the network says of a picture (as for `colorize`), for `paint`.

        Chroma (1 x 2 x M x N, ab units) of at most FINE times the network's size, along the
        picture's edges; entropy in bits (1 x 1 x h x w). Both of what is `inside`.
        """
        picture = checked(picture)
        chroma, bits, guide = self.see(picture[self.inside(picture)])
        return edges.along_edges(chroma, guide), bits

    @torch.inference_mode()
    def see(self, picture: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Chroma (1 x 2 x h x w) and bits (1 x 1 x h x w) from the network, before enlargement,
        and the lightness that guides it (1 x 1 x M x N, 0..1), of a picture as for `colorize`.
        """
        gray = self.gray_version(picture)
        gray = scans.stretched(gray, sized(gray, *network_size(*gray.shape)))
        sizes = [network_size(*gray.shape, scale) for scale in SCALES]
        low = tuple((side + 1) // 2 for side in sizes[-1])
        seen = torch.stack([self._posterior(gray, size, low) for size in sizes])
        logs = torch.log_softmax(seen.mean(dim=0), dim=1)
        chroma = street_unet.ab_at_half(self.model, logs, self.point)
        fine = [max(n, min(own, edges.FINE * n)) for own, n in zip(gray.shape, low)]
        return chroma, bins.entropy(logs)[:, None], self._lightness(gray, *fine)

    def _posterior(self, gray: np.ndarray, size: tuple, low: tuple) -> Tensor:
        """Log probabilities of the bins, seen at `size` and brought to `low`: 1 x Q x low."""
        logs = street_unet.posterior(self.model, self._lightness(gray, *size))
        return F.interpolate(logs, size=low, mode="bilinear", antialias=True)

    @torch.inference_mode()
    def paint(self, picture: np.ndarray, chroma: Tensor) -> np.ndarray:
        """The picture (as for `colorize`) with its own lightness and the chroma of `predict`."""
        picture = checked(picture)
        height, width = picture.shape[:2]
        whole_numbers = picture.dtype == np.uint8
        painted = np.empty((height, width, 3), np.uint8 if whole_numbers else np.float32)
        rows, columns = self.inside(picture)
        size = rows.stop - rows.start, columns.stop - columns.start
        for first, last in strips(height, width):
            luminance = recolor.luminance(recolor.as_tensor(picture[first:last], self.device))
            ab = luminance.new_zeros(2, *luminance.shape)
            top, bottom = max(first, rows.start), min(last, rows.stop)
            if top < bottom:
                own = slice(top - first, bottom - first)
                place = top - rows.start, bottom - rows.start
                ab[:, own, columns] = edges.bilinear_rows(chroma, *place, *size)[0]
            channels = recolor.with_ab(luminance, *ab)
            channels = [recolor.encoded(channel, whole_numbers) for channel in channels]
            painted[first:last] = torch.stack(channels, dim=-1).cpu().numpy()
        return painted

    def gray_version(self, picture: np.ndarray) -> np.ndarray:
        """The gray picture (H x W, 8 bits) of the same lightness: all that the network sees."""
        picture = checked(picture)
        if picture.ndim == 2 and picture.dtype == np.uint8:
            return picture
        height, width = picture.shape[:2]
        gray = np.empty((height, width), np.uint8)
        for first, last in strips(height, width):
            luminance = recolor.luminance(recolor.as_tensor(picture[first:last], self.device))
            gray[first:last] = recolor.encoded(luminance, eight_bits=True).cpu().numpy()
        return gray

    def _lightness(self, gray: np.ndarray, height: int, width: int) -> Tensor:
        """L / 100 (1 x 1 x height x width) of a gray picture (8 bits) brought to that size."""
        luminance = recolor.luminance(recolor.as_tensor(sized(gray, height, width), self.device))
        return (recolor.lightness(luminance) / 100).clamp(0, 1)[None, None]


def sized(gray: np.ndarray, height: int, width: int) -> np.ndarray:
    """A gray picture (8 bits) brought to that size."""
    smaller = height <= gray.shape[0] and width <= gray.shape[1]
    way = Image.Resampling.BOX if smaller else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(gray).resize((width, height), way))


def checked(picture: np.ndarray) -> np.ndarray:
    """A picture that `Colorizer.colorize` takes, H x W where it is gray; else ValueError."""
    picture = np.asarray(picture)
    if picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,)):
        raise ValueError(f"a picture must be H x W or H x W x 3, not {picture.shape}")
    if 0 in picture.shape:
        raise ValueError("a picture must have at least one pixel")
    if picture.ndim == 3 and all(np.array_equal(picture[..., 0], picture[..., i]) for i in (1, 2)):
        picture = np.ascontiguousarray(picture[..., 0])
    if picture.dtype == np.uint8:
        return picture
    if not np.issubdtype(picture.dtype, np.floating):
        raise ValueError(
            f"a picture of {picture.dtype}: give 8 bits (uint8) or floats in 0..1 "
            "(16 bits: divide by 65535)"
        )
    if not (picture.min() >= 0 and picture.max() <= 1):  # NaN is neither
        raise ValueError("floats must lie in 0..1: divide values of 0..255 by 255")
    return picture


def network_size(height: int, width: int, scale: float = 1) -> tuple[int, int]:
    """Height and width at which the network sees a picture: as many pixels as it learned from.

    `scale` multiplies both sides.
    """
    scale *= math.sqrt(SIZE[0] * SIZE[1] / (height * width))
    most = SIZE[0] * SIZE[1] // LEAST_SIDE
    sides = (min(most, max(LEAST_SIDE, round(side * scale))) for side in (height, width))
    return tuple(sides)


def strips(height: int, width: int) -> Iterator[tuple[int, int]]:
    """First and last row (excluded) of strips of about STRIP pixels."""
    rows = max(1, STRIP // width)
    for first in range(0, height, rows):
        yield first, min(height, first + rows)
