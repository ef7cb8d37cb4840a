"""Color bins: colors to distributions over bins of the ab plane, and distributions to colors.

Colorization as classification after Zhang, Isola and Efros, "Colorful Image Colorization",
ECCV 2016 (section 2.2). The ab plane is divided into bins of 10 x 10 units. A color becomes a soft
distribution over its 5 nearest bins, rare bins get larger weights, and the prediction is the
annealed mean of the bins. Rounding the sRGB gamut to the grid gives 261 bins here (the paper
reports 313). Streets use fewer: `used_centers` returns those that the training photos need.

Arrays of ab end in 2; Q is the number of bins; logits and probabilities are B x Q x h x w.
"""

import functools

import numpy as np
import torch
from torch import Tensor

from .. import color

STEP = 10  # ab units
NEIGHBORS = 5
SIGMA = 5.0  # ab units
AT_ONCE = 64  # photos whose colors are counted at once
MIX = 0.5  # the paper's lambda: how much of the prior is replaced by a uniform one


@functools.cache
def gamut_centers() -> Tensor:
    """Centers (Q x 2, ab units) of the bins that hold a color of the sRGB gamut. Read only."""
    levels = np.linspace(0, 1, 86, dtype=np.float32)
    rgb = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    _, ab = color.split_lab(rgb)
    cells = np.rint(ab.reshape(-1, 2) / STEP).astype(float)
    # Complex numbers sort far faster than rows of two. Adding 0 leaves no negative zeros.
    found = np.unique(cells.view(complex)).view(float).reshape(-1, 2)
    return torch.from_numpy(found * STEP + 0.0).float()


def used_centers(counts: np.ndarray, share: float = 1e-5) -> Tensor:
    """Centers (Q x 2, ab units) of the gamut's bins that hold at least `share` of some colors.

    counts: how often each stored color occurs, as in `count` (65536).
    """
    cells = (stored_colors() / STEP).round().long()
    found, place = np.unique(cells.numpy(), axis=0, return_inverse=True)
    held = np.bincount(place.ravel(), weights=counts, minlength=len(found))
    kept = torch.from_numpy(found[held >= max(share * counts.sum(), 1e-12)] * STEP).float()
    gamut = {tuple(c) for c in gamut_centers().tolist()}
    return torch.stack([c for c in kept if tuple(c.tolist()) in gamut])


def soft_encode(ab: Tensor, centers: Tensor) -> Tensor:
    """Colors (N x 2, ab units) to distributions (N x Q) over their nearest bins.

    Each of the 5 nearest bins gets exp(-d^2 / (2 sigma^2)) at distance d, with sigma 5 ab units;
    the values are then scaled to sum to 1.
    """
    nearest = torch.cdist(ab, centers).topk(min(NEIGHBORS, len(centers)), largest=False)
    # Relative to the nearest one: a color far from all bins must not underflow in float32.
    squared = nearest.values.square() - nearest.values[:, :1].square()
    shares = torch.softmax(-squared / (2 * SIGMA**2), dim=1)
    return torch.zeros(len(ab), len(centers)).scatter_(1, nearest.indices, shares)


def encoding_table(centers: Tensor) -> Tensor:
    """`soft_encode` of every stored color: row 256 a + b (a, b in 0..255) of 65536 x Q."""
    return torch.cat([soft_encode(part, centers) for part in stored_colors().split(8192)])


def stored_colors() -> Tensor:
    """Every stored color in ab units: 65536 x 2, row 256 a + b."""
    return torch.cartesian_prod(torch.arange(256.0), torch.arange(256.0)) - color.AB_OFFSET


def table_rows(ab: Tensor) -> Tensor:
    """Rows of `encoding_table` for colors in ab units (... x 2), to the nearest whole unit."""
    stored = (ab + color.AB_OFFSET).round().clamp(0, 255).long()
    return stored[..., 0] * 256 + stored[..., 1]


def count(rows: Tensor) -> np.ndarray:
    """How often each row of `encoding_table` occurs in `rows`: 65536 numbers."""
    return torch.bincount(rows.flatten(), minlength=256 * 256).double().numpy()


def prior(counts: np.ndarray, table: Tensor) -> Tensor:
    """Share of each bin (Q, sums to 1) over colors, counted as in `count`, soft-encoded."""
    shares = torch.from_numpy(counts) @ table.double()
    return (shares / shares.sum()).float()


def class_weights(prior: Tensor, mix: float = MIX) -> Tensor:
    """Weights (Q) proportional to 1 / ((1 - mix) p + mix / Q), scaled so that sum(p w) = 1."""
    weights = 1 / ((1 - mix) * prior + mix / len(prior))
    return weights / (prior * weights).sum()


def annealed_mean(logits: Tensor, centers: Tensor, temperature: float) -> Tensor:
    """The mean color (B x 2 x h x w, ab units) of softmax(logits / temperature).

    At 1 it is the mean of the distribution, near 0 its most likely bin.
    """
    shares = torch.softmax(logits / temperature, dim=1)
    return torch.einsum("bqhw,qc->bchw", shares, centers)


def moments(logs: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """Mean color (B x 2 x h x w, ab units) and mean squared length of a color (B x h x w).

    logs: log probabilities. The second minus the squared length of the first is the squared error
    that a distribution expects of its mean color; the second alone, that of gray.
    """
    squares = torch.einsum("bqhw,q->bhw", logs.exp(), centers.square().sum(dim=1))
    return annealed_mean(logs, centers, 1), squares


def entropy(logits: Tensor) -> Tensor:
    """Entropy in bits (B x h x w) of softmax(logits): from 0 (certain) to log2(Q) (uniform)."""
    log_shares = torch.log_softmax(logits, dim=1)
    return -(log_shares.exp() * log_shares).sum(dim=1) / np.log(2)


def color_weights(truth: np.ndarray, mix: float = MIX) -> np.ndarray:
    """The weight of each stored color by its rarity: 256 x 256, rows a + 128, columns b + 128.

    A color has the weight of its nearest bin, 1 / ((1 - mix) p + mix / Q) over the Q = 261 bins of
    the gamut. p is the bin's share in `truth` (... x 2, uint8). Give training photos: weights
    from the test photos would favor models by their own test. With mix = 0, as in the paper, the
    rarest color would weigh a million times the most common; a uniform half bounds that.
    """
    stored, centers, nearest = _gamut_bins()
    counts = np.zeros(256 * 256, np.int64)
    for start in range(0, len(truth), AT_ONCE):
        part = truth[start : start + AT_ONCE]
        codes = part[..., 0].astype(np.intp) * 256 + part[..., 1]
        counts += np.bincount(codes.ravel(), minlength=len(counts))
    found = np.flatnonzero(counts)
    shares = torch.from_numpy(counts[found] / counts.sum()).float()
    prior = shares @ soft_encode(stored[found], centers)
    return class_weights(prior, mix)[nearest].reshape(256, 256).numpy()


@functools.cache
def _gamut_bins() -> tuple[Tensor, Tensor, Tensor]:
    """Every stored color (65536 x 2), the bins' centers (Q x 2), each color's nearest bin."""
    stored, centers = stored_colors(), gamut_centers()
    return stored, centers, torch.cdist(stored, centers).argmin(dim=1)
