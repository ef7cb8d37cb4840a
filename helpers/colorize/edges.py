"""How does chroma at a low resolution come up to a photo's own size without bleeding?

The network colors a picture of about 112 x 88 and knows chroma at half of that. Bilinear
enlargement lets the color of a wall run over its edge into the sky. Joint bilateral upsampling
(Kopf, Cohen, Lischinski and Uyttendaele, "Joint Bilateral Upsampling", 2007) gives each pixel
the mean of the chroma around it, weighted by nearness in place and in lightness, which is known
at full size. Then the result is averaged down again and half of what it lacks of the chroma it
came from is brought up the same way (back-projection, Irani and Peleg, 1991): all of it is best
for the truth's chroma, none of it for the network's, by little either way.

That is done up to FINE times the chroma's size; from there on, where a pixel of chroma is a few
of the photo, rows are enlarged bilinearly a strip at a time, so that memory stays bounded.

Chroma is 1 x C x h x w, a guide 1 x 1 x H x W.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

FINE = 8
REACH = 0.6  # standard deviation in place, pixels of the low resolution
LIKENESS = 0.05  # standard deviation in lightness, on a scale of 0..1
WINDOW = 1  # pixels of the low resolution on each side
CORRECTION = 0.5  # how much of what was lost is brought up again
FLOOR = 1e-6  # where nothing near is alike, place alone decides


def along_edges(
    chroma: Tensor,
    guide: Tensor,
    reach: float = REACH,
    likeness: float = LIKENESS,
    correction: float = CORRECTION,
) -> Tensor:
    """Chroma (1 x C x h x w) at the guide's size: 1 x C x H x W.

    guide: 1 x 1 x H x W, lightness in 0..1, no smaller than the chroma.
    """
    size = chroma.shape[-2:]
    coarse = _pooled(guide, size)
    fine = _joint(chroma, coarse, guide, reach, likeness)
    if not correction:
        return fine
    lost = chroma - _pooled(fine, size)
    return fine + correction * _joint(lost, coarse, guide, reach, likeness)


def _pooled(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Means over the cells of a coarser grid; on the CPU where Metal cannot (pytorch#96056)."""
    there = x.cpu() if x.device.type == "mps" else x
    return F.adaptive_avg_pool2d(there, size).to(x.device)


def _joint(chroma: Tensor, coarse: Tensor, guide: Tensor, reach: float, likeness: float) -> Tensor:
    """Joint bilateral upsampling; `coarse` is the guide at the chroma's size."""
    (height, width), (rows, columns) = chroma.shape[-2:], guide.shape[-2:]
    y, x = _places(height, rows, guide.device), _places(width, columns, guide.device)
    total = torch.zeros_like(guide)
    mean = guide.new_zeros(1, chroma.shape[1], rows, columns)
    for down in range(-WINDOW, WINDOW + 1):
        row = y.round() + down
        near_y = torch.exp(-((y - row) ** 2) / (2 * reach**2))[:, None]
        row = row.clamp(0, height - 1).long()
        for right in range(-WINDOW, WINDOW + 1):
            column = x.round() + right
            near = near_y * torch.exp(-((x - column) ** 2) / (2 * reach**2))
            column = column.clamp(0, width - 1).long()
            unlike = guide - coarse[:, :, row][..., column]
            weight = near * (torch.exp(-(unlike**2) / (2 * likeness**2)) + FLOOR)
            total += weight
            mean += weight * chroma[:, :, row][..., column]
    return mean / total


def _places(low: int, high: int, device: torch.device) -> Tensor:
    """Where the centers of `high` pixels lie among `low` ones that cover the same length."""
    return (torch.arange(high, device=device) + 0.5) * low / high - 0.5


def bilinear(chroma: Tensor, height: int, width: int) -> Tensor:
    """The plain way: 1 x C x h x w to 1 x C x height x width."""
    return F.interpolate(chroma, size=(height, width), mode="bilinear", align_corners=False)


def bilinear_rows(chroma: Tensor, first: int, last: int, height: int, width: int) -> Tensor:
    """Rows `first` to `last` (excluded) of `bilinear`, without the others."""
    low = chroma.shape[-2]
    place = _places(low, height, chroma.device)[first:last].clamp(0, low - 1)
    above = place.floor().long()
    below = (above + 1).clamp_max(low - 1)
    share = (place - above)[:, None]
    rows = chroma[:, :, above] * (1 - share) + chroma[:, :, below] * share
    return F.interpolate(rows, size=(last - first, width), mode="bilinear", align_corners=False)
