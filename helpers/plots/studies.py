"""Figures of the studies of `street_unet`. Takes tables and draws them, computes nothing."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from . import COLORS, new

READINGS = {"faithful": "o", "colorful": "s"}
SHADES = ("#009e73", "#56b4e9", "#0072b2", "#cc79a7", "#d55e00")


def heads(table: pd.DataFrame) -> Figure:
    """Error against chroma of every head, read in two ways; rows are "<head>: <reading>"."""
    figure, axis = new(size=(6.4, 3.6))
    axis.axhline(1, color=COLORS["gray"], linewidth=1)
    axis.axvline(1, color=COLORS["truth"], linewidth=1, linestyle=":")
    names = dict.fromkeys(label.split(": ")[0] for label in table.index)
    for name, shade in zip(names, SHADES):
        for reading, marker in READINGS.items():
            row = table.loc[f"{name}: {reading}"]
            arms = [
                [row.mse_vs_gray - row.mse_vs_gray_low],
                [row.mse_vs_gray_high - row.mse_vs_gray],
            ]
            axis.errorbar(
                row.chroma_ratio, row.mse_vs_gray, np.clip(arms, 0, None), fmt=marker, color=shade,
                linewidth=1, markersize=5, label=f"{name}, {reading}",
            )  # fmt: skip
    axis.set(xlabel="mean chroma, share of the truth's", ylabel="square error, multiples of gray's")
    axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def more(panels: dict[str, pd.DataFrame], units: dict[str, str]) -> Figure:
    """Error against how much there is of something, one panel each, logarithmic; 95 % intervals.

    Tables have `value`, mse_vs_gray, mse_vs_gray_low and mse_vs_gray_high.
    """
    figure, axes = new(1, len(panels), (2.4 * len(panels), 2.9), squeeze=False, sharey=True)
    for axis, (title, table) in zip(axes[0], panels.items()):
        arms = [
            table.mse_vs_gray - table.mse_vs_gray_low,
            table.mse_vs_gray_high - table.mse_vs_gray,
        ]
        axis.errorbar(
            table.value, table.mse_vs_gray, np.clip(arms, 0, None), fmt="o-", markersize=4,
            color=COLORS["street_unet"],
        )  # fmt: skip
        axis.set(xscale="log", title=title, xlabel=units[title])
        axis.set_xticks(table.value, [_short(v) for v in table.value], fontsize=8)
        axis.minorticks_off()
    axes[0, 0].set_ylabel("square error, multiples of gray's")
    return figure


def _short(number: float) -> str:
    """Three digits and a letter: 2631840 is 2.63M."""
    return EngFormatter(sep="")(float(f"{number:.3g}"))
