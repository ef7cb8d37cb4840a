"""Enlarges chroma to a picture's size without letting color run over edges.

The network predicts chroma at a tenth of a photo's resolution or less. Bilinear enlargement lets
the color of a wall run into the sky. Joint bilateral upsampling (Kopf, Cohen, Lischinski and
Uyttendaele, "Joint Bilateral Upsampling", 2007) takes the mean of the surrounding chroma instead,
weighted by nearness in place and in lightness, which is known at full size. The result is then
averaged down, and half of its difference from the original chroma is enlarged the same way and
added (back-projection, Irani and Peleg, 1991). Adding all of it is slightly better for ground-truth
chroma, adding none for the network's.

This reaches FINE times the size of the chroma. Beyond it, rows are enlarged bilinearly, a strip at
a time, so memory stays bounded.

Chroma is 1 x C x h x w, a guide 1 x 1 x H x W.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

FINE = 8
REACH = 0.6  # standard deviation in place, pixels of the low resolution
LIKENESS = 0.05  # standard deviation in lightness, on a scale of 0..1
WINDOW = 1  # pixels of the low resolution on each side
CORRECTION = 0.5  # share of the difference that is added
FLOOR = 1e-6  # where no neighbor has a similar lightness, place alone decides


def along_edges(chroma: Tensor, guide: Tensor, correction: float = CORRECTION) -> Tensor:
    """Return chroma (1 x C x h x w) at the guide's size: 1 x C x H x W.

    guide: 1 x 1 x H x W, lightness in 0..1, no smaller than the chroma.
    """
    size = chroma.shape[-2:]
    coarse = _pooled(guide, size)
    fine = _joint(chroma, coarse, guide)
    if not correction:
        return fine
    lost = chroma - _pooled(fine, size)
    return fine + correction * _joint(lost, coarse, guide)


def _pooled(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Means over the cells of a coarser grid; on the CPU where Metal cannot (pytorch#96056)."""
    there = x.cpu() if x.device.type == "mps" else x
    return F.adaptive_avg_pool2d(there, size).to(x.device)


def _joint(chroma: Tensor, coarse: Tensor, guide: Tensor) -> Tensor:
    """Joint bilateral upsampling; `coarse` is the guide at the chroma's size."""
    (height, width), (rows, columns) = chroma.shape[-2:], guide.shape[-2:]
    y, x = _places(height, rows, guide.device), _places(width, columns, guide.device)
    total = torch.zeros_like(guide)
    mean = guide.new_zeros(1, chroma.shape[1], rows, columns)
    for down in range(-WINDOW, WINDOW + 1):
        row = y.round() + down
        near_y = torch.exp(-((y - row) ** 2) / (2 * REACH**2))[:, None]
        row = row.clamp(0, height - 1).long()
        for right in range(-WINDOW, WINDOW + 1):
            column = x.round() + right
            near = near_y * torch.exp(-((x - column) ** 2) / (2 * REACH**2))
            column = column.clamp(0, width - 1).long()
            unlike = guide - coarse[:, :, row][..., column]
            weight = near * (torch.exp(-(unlike**2) / (2 * LIKENESS**2)) + FLOOR)
            total += weight
            mean += weight * chroma[:, :, row][..., column]
    return mean / total


def _places(low: int, high: int, device: torch.device) -> Tensor:
    """Where the centers of `high` pixels lie among `low` ones that cover the same length."""
    return (torch.arange(high, device=device) + 0.5) * low / high - 0.5


def bilinear(x: Tensor, height: int, width: int) -> Tensor:
    """Plain enlargement: 1 x C x h x w to 1 x C x height x width."""
    return F.interpolate(x, size=(height, width), mode="bilinear", align_corners=False)


def bilinear_rows(chroma: Tensor, first: int, last: int, height: int, width: int) -> Tensor:
    """Rows `first` to `last` (excluded) of `bilinear`, without computing the others."""
    low = chroma.shape[-2]
    place = _places(low, height, chroma.device)[first:last].clamp(0, low - 1)
    above = place.floor().long()
    below = (above + 1).clamp_max(low - 1)
    share = (place - above)[:, None]
    rows = chroma[:, :, above] * (1 - share) + chroma[:, :, below] * share
    return bilinear(rows, last - first, width)
