"""Figures of 04_evaluation."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from . import COLORS, new, picture

OTHERS = {
    "nearest_copy": "#882255",
    "colorize_cnn_scaled": "#0072b2",
    "published_stretched": "#d55e00",
    "street_unet_shipped": "#009e73",
    "street_unet_accurate_shipped": "#e69f00",
}  # as the model they are made from, told apart by an open marker


def pictures(columns: dict[str, np.ndarray], rows: list[str] | None = None) -> Figure:
    """Pictures side by side: a column a title, a row a photo.

    columns: per title N pictures, N x H x W (gray) or N x H x W x 3, 8 bits, all of one size.
    rows: a label for each photo.
    """
    count = len(next(iter(columns.values())))
    size = (1.3 * len(columns) + 0.3 * bool(rows), 1.04 * count + 0.3)
    figure, axes = new(count, len(columns), size, squeeze=False)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    for j, (title, images) in enumerate(columns.items()):
        for i, image in enumerate(images):
            picture(axes[i, j], image, title if i == 0 else "")
    for axis, label in zip(axes[:, 0], rows or []):
        axis.text(-0.04, 0.5, label, rotation=90, ha="right", va="center", fontsize=8,
                  transform=axis.transAxes)  # fmt: skip
    return figure


def fidelity_and_color(results: dict[str, dict]) -> Figure:
    """Error (logarithmic) against chroma for every model of results["metrics"], with intervals.

    `mean` is drawn as a large open mark, since the report's network comes to lie upon it.
    """
    figure, axis = new(size=(6.4, 4.2))
    axis.axhline(1, color=COLORS["gray"], linewidth=1)
    axis.axvline(1, color=COLORS["truth"], linewidth=1, linestyle=":")
    for model, values in results.items():
        x, y = values["chroma_ratio"], values["mse_vs_gray"]
        derived = model in OTHERS
        axis.errorbar(
            x, y, fmt="D" if model == "mean" else "s" if derived else "o",
            xerr=_arms(x, values["chroma_ratio_low"], values["chroma_ratio_high"]),
            yerr=_arms(y, values["mse_vs_gray_low"], values["mse_vs_gray_high"]),
            color=_color(model),
            markerfacecolor="none" if model == "mean" else "white" if derived else _color(model),
            linewidth=1, markersize=9 if model == "mean" else 5, label=model,
        )  # fmt: skip
    axis.set(
        xlabel="mean chroma, share of the truth's", ylabel="square error, multiples of gray's",
        yscale="log",
    )  # fmt: skip
    _plain_log(axis.yaxis)
    axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def where_error_sits(
    by_chroma: dict[str, pd.DataFrame], by_height: dict[str, pd.DataFrame]
) -> Figure:
    """Two panels from tables of failures.by_group, per model: true chroma, height in the picture.

    Left the error as multiples of gray's, log scale, with 95 % intervals; right the RMSE in each
    band of rows, from the top of the picture to its bottom.
    """
    figure, (left, right) = new(1, 2, (7.6, 3.6))
    for shift, (model, table) in enumerate(by_chroma.items()):
        x, y = np.arange(len(table)) + 0.1 * shift, table.mse_vs_gray
        arms = _arms(y, table.mse_vs_gray_low, table.mse_vs_gray_high)
        left.errorbar(x, y, arms, fmt="o-", markersize=3, color=_color(model), label=model)
    left.axhline(1, color=COLORS["gray"], linewidth=1)
    left.set(
        yscale="log", xlabel="true chroma, ab units", ylabel="square error, multiples of gray's"
    )
    _plain_log(left.yaxis)
    names = next(iter(by_chroma.values())).index
    left.set_xticks(range(len(names)), names)
    left.legend(fontsize=8)
    for model, table in by_height.items():
        height = 1 - (np.arange(len(table)) + 0.5) / len(table)
        right.plot(table.rmse, height, "o-", markersize=3, color=_color(model), label=model)
        gray = table.rmse_gray
    right.plot(gray, height, color=COLORS["gray"], label="gray")
    right.set(xlabel="RMSE per channel, ab units", ylabel="height in the picture", ylim=(0, 1))
    right.set_yticks([0, 0.5, 1], ["bottom", "middle", "top"])
    right.legend(fontsize=8)
    return figure


def by_class(tables: dict[str, pd.DataFrame]) -> Figure:
    """Error of each class of surface as multiples of gray's, per model, with 95 % intervals."""
    names = next(iter(tables.values())).index
    figure, axis = new(size=(6.4, 0.3 * len(names) + 1))
    for shift, (model, table) in enumerate(tables.items()):
        x, y = table.mse_vs_gray, np.arange(len(names)) + 0.2 * shift
        arms = _arms(x, table.mse_vs_gray_low, table.mse_vs_gray_high)
        axis.errorbar(x, y, xerr=arms, fmt="o", markersize=4, color=_color(model), label=model)
    axis.axvline(1, color=COLORS["gray"], linewidth=1)
    axis.set(xlabel="square error, multiples of gray's", xscale="log")
    _plain_log(axis.xaxis)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _plain_log(axis: Axis) -> None:
    """Marks 0.5, 1, 2, 5, 10 on a log scale instead of powers of ten."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def _color(model: str) -> str:
    return COLORS.get(model) or OTHERS.get(model, "#444444")


def _arms(value, low, high) -> np.ndarray:
    """Lengths of an error bar; a percentile interval may leave its estimate outside."""
    lengths = np.array([value - low, high - value], dtype=float).reshape(2, -1)
    return np.nan_to_num(lengths).clip(min=0)


def heat(values: np.ndarray, most: float) -> np.ndarray:
    """Maps (N x H x W, 0 to `most`) as pictures (N x H x W x 3, 8 bits), dark to bright."""
    return colormaps["cividis"](values / most, bytes=True)[..., :3]


def calibration(table: pd.DataFrame) -> Figure:
    """Measured against expected error of groups of pixels, with 95 % intervals."""
    figure, axis = new(size=(4.6, 3.8))
    arms = _arms(table.measured, table.measured_low, table.measured_high)
    axis.errorbar(
        table.expected, table.measured, arms, fmt="o-", markersize=4,
        color=COLORS["street_unet"], label="a tenth of the pixels each",
    )  # fmt: skip
    most = 1.05 * max(table.expected.max(), table.measured_high.max())
    axis.plot([0, most], [0, most], ":", color=COLORS["truth"], label="as expected")
    axis.set(xlim=(0, most), ylim=(0, most))
    axis.set(xlabel="RMSE that the network expects, ab units", ylabel="RMSE measured, ab units")
    axis.legend()
    return figure
