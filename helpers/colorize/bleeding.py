"""Measures how much color runs over edges when chroma is enlarged to a photo's size.

Near the color edges of the ground truth, color that ran over an edge is an error. `stray` is the
share of chroma changes away from any change of lightness. It needs no ground truth; the ground
truth's own value is the reference.

Lengths are in pixels of a photo of about a megapixel.
"""

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_gradient_magnitude, maximum_filter
from skimage.color import deltaE_ciede2000

from .. import color
from . import edges
from .coloring import Colorizer

SMOOTH = 2.0  # standard deviation of the Gaussian before a gradient is taken
NEAR = 8  # pixels from a color edge
EDGES = {"color": 0.95, "lightness": 0.85}  # gradients above these quantiles are edges
BESIDE = 3  # pixels: a change of chroma this close to an edge of the lightness belongs to it

IDEAL = "ground truth at half size"
WAYS = {"bilinear": None, "joint": 0, "joint, corrected": edges.CORRECTION}


def measure(ab: np.ndarray, truth: np.ndarray, lightness: np.ndarray) -> dict[str, float]:
    """Return errors of ab against the ground truth (both H x W x 2) of lightness L (H x W, 0..100).

    delta_e: mean CIEDE2000; near, elsewhere: RMSE per channel near color edges of the truth and
    elsewhere; stray: the share of chroma changes away from any edge of the lightness.
    """
    edge = _above(slope(truth), EDGES["color"])
    near = maximum_filter(edge, 2 * NEAR + 1)
    squared = np.square(ab - truth).mean(axis=-1)
    change = slope(ab)
    belongs = maximum_filter(
        _above(slope(lightness[..., None]), EDGES["lightness"]), 2 * BESIDE + 1
    )
    true_lab, lab = (np.concatenate([lightness[..., None], x], axis=-1) for x in (truth, ab))
    return {
        "delta_e": float(deltaE_ciede2000(true_lab, lab).mean()),
        "near": float(np.sqrt(squared[near].mean())),
        "elsewhere": float(np.sqrt(squared[~near].mean())),
        "stray": float(change[~belongs].sum() / max(change.sum(), 1e-9)),
    }


def slope(channels: np.ndarray) -> np.ndarray:
    """Gradient magnitude (H x W) of channels (H x W x C) after smoothing."""
    planes = np.moveaxis(channels, -1, 0)
    return np.sqrt(sum(gaussian_gradient_magnitude(plane, SMOOTH) ** 2 for plane in planes))


def _above(values: np.ndarray, quantile: float) -> np.ndarray:
    return values > np.quantile(values, quantile)


def compare(pictures: list[np.ndarray], colorizer: Colorizer) -> pd.DataFrame:
    """Compare ways to upsample chroma, for the network's and for the ground truth's at that size.

    pictures: RGB (H x W x 3, uint8). Rows: chroma (IDEAL or `street_unet`), way, and the means of
    `measure` over pictures; the first row is gray, the last the truth itself.
    """
    rows = []
    for picture in pictures:
        lightness, truth = color.split_lab(picture)
        ours, _, guide, _ = colorizer.see(picture)
        ideal = F.adaptive_avg_pool2d(
            torch.from_numpy(truth).permute(2, 0, 1)[None], ours.shape[2:]
        )
        rows.append(("none", "gray", measure(np.zeros_like(truth), truth, lightness)))
        for name, chroma in ((IDEAL, ideal), ("street_unet", ours.cpu())):
            for way, correction in WAYS.items():
                ab = enlarged(chroma, guide.cpu(), picture.shape[:2], correction)
                rows.append((name, way, measure(ab, truth, lightness)))
        rows.append(("truth", "", measure(truth, truth, lightness)))
    table = pd.DataFrame([{"chroma": name, "way": way, **found} for name, way, found in rows])
    return table.groupby(["chroma", "way"], sort=False).mean().reset_index()


def enlarged(
    chroma: torch.Tensor, guide: torch.Tensor, size: tuple[int, int], correction: float | None
) -> np.ndarray:
    """Chroma (1 x 2 x h x w) at `size`: H x W x 2; bilinear if `correction` is None."""
    if correction is not None:
        chroma = edges.along_edges(chroma, guide, correction=correction)
    return edges.bilinear(chroma, *size)[0].permute(1, 2, 0).numpy()
