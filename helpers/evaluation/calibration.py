"""Calibration: whether `street_unet` expects the errors that it makes.

The variance of its distribution over bins is the squared error that it expects of its mean color.
Squared errors are per channel, in ab units, at half size.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from .. import color
from ..intervals import bootstrap, interval
from ..model import bins
from ..model.street_unet import StreetUnet, halve, posterior

GROUPS = 10
BATCH = 16  # photos in one pass


@dataclass(frozen=True)
class Calibration:
    """Expected and measured errors. Made by `calibration`.

    table: one row per group of equally many pixels, the most certain first: bits (mean entropy),
    expected and measured (RMSE per channel, ab units), measured_low, measured_high.
    ratio: measured over expected RMSE of all pixels, with its 95% confidence interval.
    """

    table: pd.DataFrame
    ratio: tuple[float, tuple[float, float]]


def maps(
    model: StreetUnet, lightness: np.ndarray, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entropy (bits), expected and measured squared error per channel, each N x h x w.

    lightness N x H x W and truth N x H x W x 2, as stored (uint8).
    """
    found = []
    for start in range(0, len(lightness), BATCH):
        part = slice(start, start + BATCH)
        light = color.load_lightness(lightness[part]) / 100
        logs = posterior(model, torch.from_numpy(light)[:, None])
        mean, square = bins.moments(logs, model.centers)
        expected = square - mean.square().sum(dim=1)
        true = halve(torch.from_numpy(truth[part]))
        measured = (mean - true).square().sum(dim=1)
        found.append([x.numpy() for x in (bins.entropy(logs), expected / 2, measured / 2)])
    return tuple(np.concatenate(each) for each in zip(*found))


def calibration(
    entropy: np.ndarray, expected: np.ndarray, measured: np.ndarray, units: pd.Series
) -> Calibration:
    """Compare expected and measured squared errors of `maps`; units as of `split.units`."""
    edges = np.quantile(expected, np.linspace(0, 1, GROUPS + 1)[1:-1])
    group = np.searchsorted(edges, expected)
    kinds = {"pixels": np.ones_like(expected), "bits": entropy}
    kinds |= {"expected": expected, "measured": measured}
    sums = {
        (kind, number): np.where(group == number, values, 0).sum(axis=(1, 2))
        for kind, values in kinds.items()
        for number in range(GROUPS)
    }
    sums = pd.DataFrame(sums)

    def rmse(s: pd.DataFrame) -> pd.DataFrame:
        with np.errstate(invalid="ignore", divide="ignore"):
            table = np.sqrt(s["measured"].to_numpy() / s["pixels"].to_numpy())
            whole = np.sqrt(s["measured"].sum(axis=1) / s["expected"].sum(axis=1))
        return pd.DataFrame(table).assign(ratio=whole.to_numpy())

    total = sums.sum()
    draws = bootstrap([sums], units, rmse)
    limits = np.array([interval(draws[number], units.nunique()) for number in range(GROUPS)])
    table = pd.DataFrame(
        {
            "bits": total["bits"] / total["pixels"],
            "expected": np.sqrt(total["expected"] / total["pixels"]),
            "measured": np.sqrt(total["measured"] / total["pixels"]),
            "measured_low": limits[:, 0],
            "measured_high": limits[:, 1],
        }
    )
    ratio = float(np.sqrt(total["measured"].sum() / total["expected"].sum()))
    return Calibration(table, (ratio, interval(draws.ratio, units.nunique())))
