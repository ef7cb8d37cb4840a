"""Figures of chapter 4, the evaluation."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..metrics import METRICS
from ..results import Drawing
from . import COLORS, DERIVED, LABELS, arms, new, picture, plain_log
from .comparison import comparison

ERROR = f"error relative to gray ({METRICS['mse_vs_gray'].label})"
CHROMA = "chroma relative to ground truth"


def _pictures(columns: dict[str, np.ndarray], rows: list[str] | None = None) -> Figure:
    """Pictures side by side: a column a title, a row a photo, all of one size, 8 bits."""
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


def samples(columns: dict[str, np.ndarray]) -> Drawing:
    """Test photos as gray, ground truth and outputs; N x H x W (x 3), 8 bits, by title."""
    return Drawing(
        _pictures(columns),
        "samples",
        "Test photos chosen by rule. The column marked x n is stretched so that the largest ab is "
        "50.",
        "Six street photos, one per row: gray, ground truth, the report's network as it is and "
        "stretched to vivid reds and blues, the same network trained longer, and street_unet.",
        photo=True,
    )


def slider(layers: dict[str, np.ndarray]) -> Drawing:
    """The same photos laid over each other; N x H x W x 3, 8 bits, by version."""
    count = len(next(iter(layers.values())))
    return comparison(
        layers,
        [f"picture {number + 1}" for number in range(count)],
        "comparison",
        "The same pictures five times: gray, colored by the published network, its output "
        "stretched as the report displayed it, colored by our network (street_unet, colorful), "
        "and ground truth. Every network colored 112 x 88 pixels; its chroma is enlarged along the "
        "edges of the photo.",
        "Street photos in five versions: gray, colored by the published network, stretched, "
        "colored by street_unet, and ground truth.",
    )


def best_and_worst(columns: dict[str, np.ndarray], rmse: np.ndarray) -> Drawing:
    """Photos with the least and the most error; `rmse` (ab units) labels the rows."""
    return Drawing(
        _pictures(columns, [f"RMSE {value:.1f}" for value in rmse]),
        "best_and_worst",
        "The three test photos on which street_unet has the smallest squared error, and the three "
        "on which it has the largest.",
        "Six street photos, one per row: ground truth, gray, and the output of three networks, "
        "with the RMSE of street_unet beside each row.",
        photo=True,
    )


def all_models(results: dict[str, dict]) -> Drawing:
    """Every model of results["metrics"] in a row: error (logarithmic) and chroma, share of photos
    better than gray, CIEDE2000, each with its interval."""
    panels = ("mse_vs_gray", "chroma_ratio", "better_than_gray", "delta_e")
    figure, axes = new(1, len(panels), (9.4, 0.28 * len(results) + 0.7), sharey=True)
    for axis, metric in zip(axes, panels):
        if METRICS[metric].better == "one" or metric == "mse_vs_gray":
            axis.axvline(1, color=COLORS["gray"], linewidth=1)
        for row, (model, values) in enumerate(results.items()):
            x, derived = values[metric], model in DERIVED
            ends = (values[f"{metric}_low"], values[f"{metric}_high"])
            axis.errorbar(
                x, -row, xerr=arms(x, *ends), fmt="s" if derived else "o", color=_color(model),
                markerfacecolor="white" if derived else _color(model), linewidth=1.2, markersize=5,
            )  # fmt: skip
        axis.set_xlabel(METRICS[metric].head)
        axis.grid(visible=False, axis="y")
    axes[0].set_xscale("log")
    plain_log(axes[0].xaxis)
    axes[0].set_yticks([-row for row in range(len(results))], [LABELS.get(m, m) for m in results])
    return Drawing(
        figure,
        "all_models",
        "Every model, with 95% confidence intervals. A good model is far to the left in the first "
        "and last panel, near the line in the second, and far to the right in the third. The "
        "lines mark the error of gray and the chroma of ground truth. The axis of the error is "
        "logarithmic.",
        "Four panels of points with intervals, one row for each model: error relative to gray on "
        "a logarithmic scale, mean chroma relative to ground truth, the share of photos better "
        "than gray, and CIEDE2000.",
    )


def where_error_sits(
    by_chroma: dict[str, pd.DataFrame], by_height: dict[str, pd.DataFrame]
) -> Drawing:
    """Two panels from tables of failures.by_group, per model: true chroma, height in the picture.

    Left the error relative to gray, log scale, with intervals; right the RMSE in each band of
    rows, from the top of the picture to its bottom.
    """
    figure, (left, right) = new(1, 2, (7.6, 3.6))
    for shift, (model, table) in enumerate(by_chroma.items()):
        x, y = np.arange(len(table)) + 0.1 * shift, table.mse_vs_gray
        lengths = arms(y, table.mse_vs_gray_low, table.mse_vs_gray_high)
        left.errorbar(
            x,
            y,
            lengths,
            fmt="o-",
            markersize=3,
            color=_color(model),
            label=LABELS.get(model, model),
        )
    left.axhline(1, color=COLORS["gray"], linewidth=1)
    left.set(yscale="log", xlabel="true chroma, ab units", ylabel=ERROR)
    plain_log(left.yaxis)
    names = next(iter(by_chroma.values())).index
    left.set_xticks(range(len(names)), names)
    left.legend(fontsize=8)
    for model, table in by_height.items():
        height = 1 - (np.arange(len(table)) + 0.5) / len(table)
        right.plot(
            table.rmse,
            height,
            "o-",
            markersize=3,
            color=_color(model),
            label=LABELS.get(model, model),
        )
        gray = table.rmse_gray
    right.plot(gray, height, color=COLORS["gray"], label="gray")
    right.set(xlabel="RMSE per channel, ab units", ylabel="height in the picture", ylim=(0, 1))
    right.set_yticks([0, 0.5, 1], ["bottom", "middle", "top"])
    right.legend(fontsize=8)
    return Drawing(
        figure,
        "where_error_sits",
        "Left: error relative to gray by true chroma, with 95% confidence intervals. Right: RMSE "
        "by height in the picture, from bottom to top.",
        "Two line charts for three networks. Left, the error relative to gray by the true chroma "
        "of a pixel, with a line at one. Right, the RMSE by height in the picture, with that of "
        "gray.",
    )


def by_class(tables: dict[str, pd.DataFrame]) -> Drawing:
    """Error relative to gray for each class of surface, per model, with intervals."""
    names = next(iter(tables.values())).index
    figure, axis = new(size=(6.4, 0.3 * len(names) + 1))
    for shift, (model, table) in enumerate(tables.items()):
        x, y = table.mse_vs_gray, np.arange(len(names)) + 0.2 * (shift - (len(tables) - 1) / 2)
        lengths = arms(x, table.mse_vs_gray_low, table.mse_vs_gray_high)
        axis.errorbar(
            x,
            y,
            xerr=lengths,
            fmt="o",
            markersize=4,
            color=_color(model),
            label=LABELS.get(model, model),
        )
    axis.axvline(1, color=COLORS["gray"], linewidth=1)
    axis.set(xlabel=ERROR, xscale="log")
    plain_log(axis.xaxis)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return Drawing(
        figure,
        "error_by_class",
        "Error relative to gray by class of surface on rendered streets, with 95% confidence "
        "intervals. To the left of the line, a network is better than gray.",
        "Points with intervals for each class of surface and three networks, around the line at "
        "one that marks the error of leaving the photo gray.",
    )


def along_the_street(correlations: pd.DataFrame, stretch: int) -> Drawing:
    """Correlation of errors by places apart, a column of `correlations` a model.

    stretch: places in a stretch, marked where the axis reaches that far.
    """
    figure, axis = new(size=(7.2, 3))
    for model, values in correlations.items():
        name = "gray: how colorful places are" if model == "gray" else LABELS.get(model, model)
        axis.plot(values.index, values, "o-", markersize=3, color=_color(model), label=name)
    axis.axhline(0, color=COLORS["truth"], linewidth=1)
    if len(correlations) and stretch <= correlations.index.max():
        axis.axvline(stretch, color=COLORS["truth"], linestyle=":", label="length of a stretch")
    axis.set(xlabel="places apart", ylabel="correlation of the error", xlim=0)
    axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return Drawing(
        figure,
        "error_along_the_street",
        "Correlation of the errors of two places by their distance in places. The error of a place "
        "is the mean logarithm of its photos' squared errors. For networks, these are relative to "
        "gray.",
        "Lines that fall with distance along the street, one for each network and one for gray.",
    )


def stretches(tables: dict[str, pd.DataFrame], unit: str) -> Drawing:
    """Error of each stretch against its own gray, from tables of `stretches.by_stretch`."""
    figure, axis = new(size=(5.2, 4.2))
    most = 1.05 * max(table[["rmse", "rmse_gray"]].max().max() for table in tables.values())
    for model, table in tables.items():
        axis.plot(
            table.rmse_gray, table.rmse, "o", markersize=5, alpha=0.8, color=_color(model),
            label=LABELS.get(model, model),
        )  # fmt: skip
    axis.plot([0, most], [0, most], color=COLORS["gray"], label="as gray")
    axis.set(xlim=(0, most), ylim=(0, most))
    axis.set(xlabel="RMSE of gray, ab units", ylabel="RMSE of the network, ab units")
    axis.legend(fontsize=8)
    return Drawing(
        figure,
        "error_per_stretch",
        f"Error of each {unit} against that of gray on the same photos, one point a {unit} and "
        "network. Below the line, a network is better than gray. Points further to the right have "
        "more color.",
        "A scatter plot with a diagonal. The horizontal axis is the error of gray, which measures "
        "how colorful the photos are, and the vertical axis is the error of each network.",
    )


def coverage(tables: dict[str, pd.DataFrame], source: str) -> Drawing:
    """Each stretch and the intervals that the others give it, from `stretches.coverage`.

    tables: rows of one metric, mse_vs_gray, per model. source: the run that measured them.
    """
    figure, axes = new(1, len(tables), (2.9 * len(tables) + 1.8, 3.2), sharey=True, squeeze=False)
    for axis, (model, table) in zip(axes[0], tables.items()):
        x, middle = table.stretch + 1, np.sqrt(table.low * table.high)
        axis.errorbar(
            x, middle, arms(middle, table.low, table.high), fmt="none", linewidth=5, alpha=0.35,
            color=_color(model), label="95% prediction interval",
        )  # fmt: skip
        middle = (table.places_low + table.places_high) / 2
        axis.errorbar(
            x, middle, arms(middle, table.places_low, table.places_high), fmt="none", linewidth=2,
            color=COLORS["truth"], label="95% interval over places",
        )  # fmt: skip
        axis.plot(x, table.value, "D", markersize=5, color=_color(model), label="the stretch")
        axis.axhline(1, color=COLORS["gray"], linewidth=1)
        axis.set(title=LABELS.get(model, model), xlabel="stretch left out", yscale="log")
        plain_log(axis.yaxis)
    axes[0, 0].set_ylabel(ERROR)
    axes[0, -1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return Drawing(
        figure,
        "coverage",
        "Each stretch was left out in turn, and intervals were computed from the others. The wide "
        "bars are prediction intervals for another stretch. The narrow ones are confidence "
        f"intervals of the mean that resample places. Source: {source}.",
        "Two panels, one a network, with a point for each stretch. Most points lie within the wide "
        "bars and outside of the narrow ones.",
    )


def calibration(table: pd.DataFrame) -> Drawing:
    """Measured against expected error of groups of pixels, with intervals."""
    figure, axis = new(size=(4.6, 3.8))
    lengths = arms(table.measured, table.measured_low, table.measured_high)
    axis.errorbar(
        table.expected, table.measured, lengths, fmt="o-", markersize=4,
        color=COLORS["street_unet"], label="a tenth of the pixels each",
    )  # fmt: skip
    most = 1.05 * max(table.expected.max(), table.measured_high.max())
    axis.plot([0, most], [0, most], ":", color=COLORS["truth"], label="measured = expected")
    axis.set(xlim=(0, most), ylim=(0, most))
    axis.set(xlabel="expected RMSE, ab units", ylabel="measured RMSE, ab units")
    axis.legend()
    below = int((table.measured < table.expected).sum())
    return Drawing(
        figure,
        "calibration",
        "Measured against expected error of street_unet's mean color. Each point is a tenth of "
        "the pixels, with its 95% confidence interval. Above the dotted line the "
        "network is overconfident.",
        "Ten points with intervals and a dotted diagonal. The horizontal axis is expected error "
        f"and the vertical axis is measured error. {below} of the ten points lie below the "
        "diagonal.",
    )


def _color(model: str) -> str:
    return COLORS.get(model, "#444444")
