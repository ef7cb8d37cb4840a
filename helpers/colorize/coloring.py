"""Colors an array of pixels at its own size.

    from helpers.colorize import Colorizer
    rgb = Colorizer.load().colorize(gray)

The network sees the picture at about the size of its training photos. Its chroma is enlarged along
the edges of the lightness (`edges`), and every pixel keeps its own lightness (`recolor`). Where the
network is unsure of a whole picture, its colors are those of the accurate operating point. Work at
full size runs on strips of rows, so memory grows with the picture and little else.
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
from ..photos import decode
from . import edges, recolor, scans

MODELS = {"colorful": "street_unet", "accurate": "street_unet_accurate"}  # as weights name them
MODEL = "colorful"
TEMPERATURES, GAINS = (0.01, 1000), (0, 1000)  # beyond these limits float32 overflows
# Below this certainty (`street_unet.certainty`) the network counts as unsure of a picture.
# Chosen on validation photos; the model card has test numbers.
UNSURE = 0.12
STRIP = 2**17  # pixels in one strip: a few megabytes for each array
SEEN = 144 * 144  # pixels of what the network sees
# The network sees each picture at these multiples of that size. The geometric mean of the
# three distributions asks that a color be likely at every size. On 60 validation photos of each set
# this cut the squared error relative to gray from 0.51 to 0.49 (Manhattan), from 0.60 to 0.59
# (Cambridge, 256 x 256) and from 0.65 to 0.63 (landscapes), and the share of photos worse than gray
# from 18% to 13% in Cambridge. Seen at 120 x 120 or 176 x 176 the three did no better for all.
# The middle one is mirrored, so that what depends on left and right averages out; it costs nothing.
# Errors on 40 validation photos of each set, in the same order: 0.437 from 0.442, 0.536 from 0.544,
# 0.634 from 0.633 (accurate); 0.483 from 0.485, 0.561 from 0.573, 0.713 from 0.719 (colorful).
# With all three both ways, at twice the cost: 0.434, 0.539, 0.631; 0.468, 0.560, 0.714.
SCALES = (0.75, 1, 1.33)
MIRRORED_SCALE = 1
LEAST_SIDE = 8  # pixels of what the network sees, however long and thin the picture


class Colorizer:
    """Colors pictures with one network at one operating point. Made by `load`.

    cautious: the operating point for pictures of which the network is unsure; the default is
    `point` without rebalancing.
    """

    def __init__(
        self,
        model: StreetUnet,
        point: OperatingPoint,
        device: str | torch.device,
        cautious: OperatingPoint | None = None,
    ):
        self.model, self.point, self.device = model, point, torch.device(device)
        self.cautious = cautious or replace(point, rebalance=0.0)

    @classmethod
    def load(
        cls,
        weights: str | Path = paths.SHIPPED,
        model: str = MODEL,
        temperature: float | None = None,
        chroma_gain: float = 1.0,
        device: str | torch.device | None = None,
    ) -> "Colorizer":
        """Load a colorizer from a file of weights, by default the ones in data/weights.

        model: the operating point: `colorful` (more saturated) or `accurate` (lowest
            error, less saturated); the names in the file, such as `street_unet`, work too.
        temperature: replaces the operating point's own, 0.01 to 1000. Smaller moves each color
            toward the likeliest one, larger toward the mean of all bins, which is pink.
        chroma_gain: factor on all chroma, 0 to 1000; 0 gives gray.
        device: "cpu", "cuda", "mps"; None takes a GPU if there is one.
        Raises FileNotFoundError or ValueError if weights are missing or damaged, if there is no
        such model or device, or if a number is out of range.
        """
        for name, value, limits in (
            ("temperature", 1 if temperature is None else temperature, TEMPERATURES),
            ("chroma gain", chroma_gain, GAINS),
        ):
            if not limits[0] <= value <= limits[1]:
                raise ValueError(f"{name} {value} is out of range: take {limits[0]} to {limits[1]}")
        place = usable_device(device)
        network, _, points = street_unet.load(weights, place)
        point = points.get(MODELS.get(model, model))
        if point is None:
            known = {full: short for short, full in MODELS.items()}
            names = ", ".join(known.get(name, name) for name in points)
            raise ValueError(f"no model {model!r} in {weights}: take one of {names}")

        def adjusted(point: OperatingPoint) -> OperatingPoint:
            return replace(
                point,
                temperature=temperature or point.temperature,
                gain=point.gain * chroma_gain,
            )

        accurate = points.get(MODELS["accurate"])
        return cls(network, adjusted(point), place, accurate and adjusted(accurate))

    def colorize(self, picture: np.ndarray | Image.Image) -> np.ndarray:
        """Return the picture in color: H x W x 3, sRGB.

        picture: H x W or H x W x 3, uint8 (0..255), uint16 (0..65535) or floats (0..1), or a Pillow
        picture, which is converted to 8-bit sRGB. Only the gray version of a color picture is used.
        Whole numbers give their own type; floats give float32 in 0..1. Every pixel keeps its
        lightness L, up to the rounding of the result.
        Raises ValueError for another shape, type or range.
        """
        chroma, *_ = self.predict(picture)
        return self.paint(picture, chroma)

    def uncertainty(self, picture: np.ndarray | Image.Image) -> np.ndarray:
        """Return the entropy of each pixel's color distribution: H x W, float32, bits.

        0 is certain; the base-2 logarithm of the number of bins, about 6, is the maximum.
        """
        picture = checked(picture)
        _, bits, _ = self.predict(picture)
        return self.map_of_bits(bits, picture, self.inside(picture))

    def map_of_bits(
        self, bits: Tensor, picture: np.ndarray, inside: tuple[slice, slice]
    ) -> np.ndarray:
        """Enlarge the entropy of `predict` to a picture's size: H x W, float32, 0 in the border.

        inside: rows and columns within the border of `picture`.
        """
        rows, columns = inside
        found = np.zeros(picture.shape[:2], np.float32)
        size = rows.stop - rows.start, columns.stop - columns.start
        found[rows, columns] = edges.bilinear(bits, *size)[0, 0].cpu().numpy()
        return found

    def inside(self, picture: np.ndarray) -> tuple[slice, slice]:
        """Return rows and columns that get color: all but a scan's border (`scans.inside`)."""
        eight_bits = picture.dtype == np.uint8
        return scans.inside(picture if eight_bits else self.gray_version(picture))

    def predict(self, picture: np.ndarray) -> tuple[Tensor, Tensor, bool]:
        """Return chroma and entropy for `paint` and `map_of_bits`, of the part inside the border.

        Chroma (1 x 2 x M x N, ab units) follows the picture's edges and is at most FINE times as
        large as the network's output. Entropy is 1 x 1 x h x w, in bits. The last value says
        whether the network is unsure of the picture, which is then colored at `cautious`.
        """
        picture = checked(picture)
        chroma, bits, guide, unsure = self.see(picture[self.inside(picture)])
        return edges.along_edges(chroma, guide), bits, unsure

    @torch.inference_mode()
    def see(self, picture: np.ndarray) -> tuple[Tensor, Tensor, Tensor, bool]:
        """Return the network's output before enlargement, and the lightness that guides it.

        Chroma is 1 x 2 x h x w (ab units), entropy 1 x 1 x h x w (bits), lightness 1 x 1 x M x N
        (0..1). The last value says whether the network is unsure.
        """
        gray = self.gray_version(picture)
        gray = scans.stretched(gray, sized(gray, *network_size(*gray.shape)))
        sizes = [network_size(*gray.shape, scale) for scale in SCALES]
        low = tuple((side + 1) // 2 for side in sizes[-1])
        seen = torch.stack(
            [
                self._posterior(gray, size, low, s == MIRRORED_SCALE)
                for s, size in zip(SCALES, sizes)
            ]
        )
        logs = torch.log_softmax(seen.mean(dim=0), dim=1)
        unsure = float(street_unet.certainty(self.model, logs)) < UNSURE
        point = self.cautious if unsure else self.point
        chroma = street_unet.ab_at_half(self.model, logs, point)
        fine = [max(n, min(own, edges.FINE * n)) for own, n in zip(gray.shape, low)]
        return chroma, bins.entropy(logs)[:, None], self._lightness(gray, *fine), unsure

    def _posterior(self, gray: np.ndarray, size: tuple, low: tuple, mirrored: bool) -> Tensor:
        """Log probabilities of the bins (1 x Q x low) from the picture at `size`."""
        lightness = self._lightness(gray, *size)
        seen = lightness.flip(-1) if mirrored else lightness
        logs = street_unet.posterior(self.model, seen)
        logs = logs.flip(-1) if mirrored else logs
        return F.interpolate(logs, size=low, mode="bilinear", antialias=True)

    def paint(
        self, picture: np.ndarray, chroma: Tensor, inside: tuple[slice, slice] | None = None
    ) -> np.ndarray:
        """Return the picture (as for `colorize`) with the chroma of `predict`.

        inside: rows and columns within the border, if they are known.
        """
        painted = Painted(self, picture, chroma, inside)
        rgb = np.empty(painted.shape, painted.dtype)
        for first, last in strips(*rgb.shape[:2]):
            rgb[first:last] = painted[first:last]
        return rgb

    def gray_version(self, picture: np.ndarray) -> np.ndarray:
        """Return the gray picture (H x W, uint8) of equal lightness: the network sees only this."""
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
        """L / 100 (1 x 1 x height x width) of a gray picture (uint8), resized."""
        luminance = recolor.luminance(recolor.as_tensor(sized(gray, height, width), self.device))
        return (recolor.lightness(luminance) / 100).clamp(0, 1)[None, None]


class Painted:
    """The picture that `Colorizer.paint` returns, each row of which is painted when it is read.

    Only slices of rows can be read: `painted[first:last]`.
    """

    def __init__(
        self,
        colorizer: Colorizer,
        picture: np.ndarray,
        chroma: Tensor,
        inside: tuple[slice, slice] | None = None,
    ):
        self.picture, self.chroma, self.device = checked(picture), chroma, colorizer.device
        self.inside = inside or colorizer.inside(self.picture)
        own = self.picture.dtype
        self.dtype = own if own in (np.uint8, np.uint16) else np.dtype(np.float32)
        self.shape = (*self.picture.shape[:2], 3)

    @torch.inference_mode()
    def __getitem__(self, part: slice) -> np.ndarray:
        first, last, _ = part.indices(self.shape[0])
        rows, columns = self.inside
        luminance = recolor.luminance(recolor.as_tensor(self.picture[first:last], self.device))
        ab = luminance.new_zeros(2, *luminance.shape)
        top, bottom = max(first, rows.start), min(last, rows.stop)
        if top < bottom:
            size = rows.stop - rows.start, columns.stop - columns.start
            place = top - rows.start, bottom - rows.start
            own = edges.bilinear_rows(self.chroma, *place, *size)[0]
            ab[:, top - first : bottom - first, columns] = own
        channels = recolor.with_ab(luminance, *ab)
        channels = [recolor.encoded(c, self.dtype == np.uint8) for c in channels]
        rgb = torch.stack(channels, dim=-1).cpu().numpy()
        return np.rint(rgb * 65535).astype(np.uint16) if self.dtype == np.uint16 else rgb


def sized(gray: np.ndarray, height: int, width: int) -> np.ndarray:
    """A gray picture (uint8) resized: averaged when it shrinks, else bicubic."""
    smaller = height <= gray.shape[0] and width <= gray.shape[1]
    way = Image.Resampling.BOX if smaller else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(gray).resize((width, height), way))


def checked(picture: np.ndarray | Image.Image) -> np.ndarray:
    """A picture that `Colorizer.colorize` takes, as H x W if all channels are equal.

    Raises ValueError for any other.
    """
    picture = np.asarray(decode.srgb(picture) if isinstance(picture, Image.Image) else picture)
    if picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,)):
        raise ValueError(f"a picture must be H x W or H x W x 3, not {picture.shape}")
    if 0 in picture.shape:
        raise ValueError("a picture must have at least one pixel")
    if picture.ndim == 3 and all(np.array_equal(picture[..., 0], picture[..., i]) for i in (1, 2)):
        picture = np.ascontiguousarray(picture[..., 0])
    if picture.dtype in (np.uint8, np.uint16):
        return picture
    if not np.issubdtype(picture.dtype, np.floating):
        raise ValueError(
            f"a picture of {picture.dtype}: give 8 bits (uint8), 16 bits (uint16) or floats in 0..1"
        )
    if not (picture.min() >= 0 and picture.max() <= 1):  # also true for NaN
        raise ValueError("floats must lie in 0..1: divide values of 0..255 by 255")
    return picture


def network_size(height: int, width: int, scale: float = 1) -> tuple[int, int]:
    """Height and width at which the network sees a picture: SEEN pixels.

    `scale` multiplies both sides.
    """
    scale *= math.sqrt(SEEN / (height * width))
    most = SEEN // LEAST_SIDE
    return tuple(min(most, max(LEAST_SIDE, round(side * scale))) for side in (height, width))


def strips(height: int, width: int, pixels: int = STRIP) -> Iterator[tuple[int, int]]:
    """First and last row (excluded) of strips of about so many pixels."""
    rows = max(1, pixels // width)
    for first in range(0, height, rows):
        yield first, min(height, first + rows)
