"""Figures of chapter 5, the explorations, with their captions. Computes nothing."""

import numpy as np
import pandas as pd
from matplotlib.ticker import EngFormatter, FixedLocator, LogLocator, NullLocator

from ..metrics import METRICS
from ..results import Drawing
from . import COLORS, arms, as_written, new

MSE, L1 = COLORS["colorize_cnn"], COLORS["published"]
ERROR, CHROMA = METRICS["mse_vs_gray"].label, METRICS["chroma_ratio"].label
# Of operating points: color, place above or below the row, side of the name.
POINTS = {
    "accurate": (COLORS["street_unet_accurate"], 0.12, "left"),
    "colorful": (COLORS["street_unet"], -0.12, "right"),
}


def loss_mse_l1(curves: dict, first: int) -> Drawing:
    """Ten-batch means of both losses ("MSE" and "L1"), each on its own axis, as in the report.

    first: the batch at which the first complete window ends.
    """
    figure, left = new()
    right = left.twinx()
    right.spines["right"].set_visible(True)
    right.grid(False)
    for axis, (name, values), color in zip((left, right), curves.items(), (MSE, L1)):
        axis.plot(range(first, first + len(values)), values, color=color)
        axis.set_ylabel(f"{name} loss, report's scale", color=color)
        axis.tick_params(axis="y", labelcolor=color)
        axis.set_ylim(0)
    left.set_xlabel("batch")
    caption = "Training losses, MSE and L1, each on its own axis. Means of ten batches, one seed."
    alt = "Two falling curves, with a left axis for MSE and a right axis for L1."
    return Drawing(figure, "loss_mse_l1", caption, alt)


def loss_one_unit(curves: dict, first: int, gray: float, settled: dict) -> Drawing:
    """Ten-batch means of the ab RMSE for each loss, gray as a line, and where each settles.

    curves: values by name. settled: (batch, (low, high)) by the same names.
    """
    figure, axis = new()
    for (name, values), color in zip(curves.items(), (MSE, L1)):
        batch, (low, high) = settled[name]
        label = f"trained with {name}: settles at {batch:.0f}"
        axis.plot(range(first, first + len(values)), values, color=color, label=label)
        axis.axvspan(low, high, color=color, alpha=0.12, linewidth=0)
        axis.axvline(batch, color=color, linewidth=0.8, linestyle=":")
    axis.axhline(gray, color=COLORS["gray"], linestyle="--", label="gray, training photos")
    axis.set_xlabel("batch")
    axis.set_ylabel("RMSE per channel, ab units")
    axis.set_ylim(0)
    axis.legend()
    caption = (
        "Both training runs in one unit, means of ten batches. A dotted line marks the batch at "
        "90% of the way down, and its band marks 85% to 95%. The dashed line is the error of a "
        "gray image."
    )
    batches = " and ".join(f"{name} at batch {batch}" for name, (batch, _) in settled.items())
    alt = f"RMSE against the batch, with gray as a dashed line. The curves settle: {batches}."
    return Drawing(figure, "loss_one_unit", caption, alt)


def kernel_time(widths, panels: dict, curves: dict) -> Drawing:
    """Seconds per batch against kernel width, one panel per machine, with the fitted laws.

    panels: (median, low, high) by machine, each one value per width. curves: by machine, a dict
    of law to (widths, seconds).
    """
    figure, axes = new(1, len(panels), size=(7.2, 3.2), squeeze=False)
    for axis, (title, (middle, low, high)) in zip(axes[0], panels.items()):
        for (law, (x, y)), color in zip(curves[title].items(), (L1, MSE)):
            axis.plot(x, y, color=color, label=law)
        spread = (middle - low, high - middle)
        axis.errorbar(widths, middle, spread, fmt="o", color="black", capsize=3, markersize=4)
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_locator(NullLocator())
        axis.set_xticks(widths)
        axis.set_xlabel("kernel width, pixels")
        axis.set_title(title)
    axes[0][0].set_ylabel("seconds per batch")
    axes[0][0].legend()
    caption = (
        "Time of a training step by kernel width: median and range of the rounds. The lines are "
        "two laws fitted to widths 1 to 7."
    )
    ends = "; ".join(f"{name}, {m[0]:.2f} to {m[-1]:.2f} s" for name, (m, _, _) in panels.items())
    alt = f"Seconds per batch on a logarithmic axis for widths 1 to 9, with two laws: {ends}."
    return Drawing(figure, "kernel_time", caption, alt)


def stacks(table, note: str) -> Drawing:
    """Multiply-adds, time and error of stacks and single layers, one panel each.

    table: as `studies.compare_stacks` returns it. note: seeds and batches of the run.
    """
    figure, axes = new(1, 3, size=(7.2, 2.8), sharey=True)
    panels = {
        "multiply_adds": "million multiply-adds per photo",
        "seconds": "seconds per batch",
        "mse_vs_gray": ERROR,
    }
    rows = range(len(table))[::-1]
    colors = [MSE if "3 x 3" in name else L1 for name in table.name]
    for axis, (column, label) in zip(axes, panels.items()):
        for row, color, record in zip(rows, colors, table.to_dict("records")):
            axis.plot(record[column], row, "o", color=color)
            if f"{column}_low" in record:
                axis.hlines(row, record[f"{column}_low"], record[f"{column}_high"], color=color)
        axis.set_xlabel(label)
    for axis in axes[:2]:
        axis.set_xlim(0)
    axes[0].set_yticks(list(rows), table.name)
    axes[0].set_ylim(-0.5, len(table) - 0.5)
    caption = (
        "Stacks of 3 x 3 layers, and single layers with the same receptive field and number of "
        f"channels. Error is on held-out photos, with 95% confidence intervals; {note}."
    )
    times = ", ".join(f"{row.name} {row.seconds:.3f} s" for row in table.itertuples(index=False))
    alt = f"Multiply-adds, time and error of four networks, side by side. Times: {times}."
    return Drawing(figure, "stacks", caption, alt)


def suggestions(estimates: dict, note: str) -> Drawing:
    """Error relative to the published recipe, one row per study, against 1.

    estimates: (value, (low, high)) by the words for what was changed.
    """
    figure, axis = new(size=(6.4, 0.9 + 0.4 * len(estimates)))
    axis.axvline(1, color=COLORS["gray"], linestyle="--")
    rows = range(len(estimates))[::-1]
    for row, (value, interval) in zip(rows, estimates.values()):
        axis.hlines(row, *interval, color=MSE)
        axis.plot(value, row, "o", color=MSE)
    axis.set_yticks(list(rows), [*estimates])
    axis.set_ylim(-0.5, len(estimates) - 0.5)
    axis.set_xlabel("MSE / published recipe, held-out photos")
    caption = (
        "The report's three suggestions: error on held-out photos, relative to the published "
        f"recipe, with 95% confidence intervals; {note}."
    )
    found = "; ".join(f"{name}, {value:.2f}" for name, (value, _) in estimates.items())
    alt = f"Points with intervals and a dashed line at 1, the published recipe: {found}."
    return Drawing(figure, "suggestions", caption, alt)


def reach(curves: dict, field: int) -> Drawing:
    """Change of a pixel's color when the picture beyond a radius is another photo's.

    curves: by model, as `reach.curve` returns them. field: the receptive field of the report's
    network, pixels.
    """
    figure, axis = new()
    for name, curve in curves.items():
        color = COLORS[name]
        axis.plot(curve.index, curve.value, "o-", markersize=3, color=color, label=name)
        axis.fill_between(curve.index, curve.low, curve.high, color=color, alpha=0.12, linewidth=0)
    axis.axvline(field / 2, color=COLORS["gray"], linestyle=":")
    axis.annotate(
        "half the receptive field\nof the report's network",
        (field / 2, 1.02),
        (4, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        va="top",
        fontsize=8,
    )
    axis.set_xscale("symlog", linthresh=1)
    axis.set_xlim(-0.1, 1.1 * curve.index[-1])
    axis.xaxis.set_major_locator(FixedLocator([0, *(2**n for n in range(7))]))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.minorticks_off()
    axis.set_ylim(0)
    axis.set_xlabel("radius left unchanged, pixels")
    axis.set_ylabel("change of color,\nrelative to replacing all")
    axis.legend(loc="lower left")
    caption = (
        "How much the color of one pixel changes if the picture beyond a radius is replaced by "
        "that of another photo. RMS over held-out photos, relative to replacing the whole "
        "picture, with 95% confidence intervals."
    )
    ends = "; ".join(
        f"{name}, {c.value[1]:.2f} at radius 1 and {c.value.iloc[-1]:.2f} at {c.index[-1]}"
        for name, c in curves.items()
    )
    alt = f"Falling curves of relative change against the radius in pixels: {ends}."
    return Drawing(figure, "reach", caption, alt)


def relu_sigmoid(shares: dict, edges, highest: dict, note: str) -> Drawing:
    """Share of held-out pixels whose chroma is above x, one line per network.

    edges: lower edges of the bins, ab units. shares: one value per edge, by name. highest: the
    chroma that one pixel in a thousand exceeds, by name.
    """
    figure, axis = new()
    styles = {"ground truth": "black", "sigmoid": MSE, "ReLU": L1}
    for name, values in shares.items():
        axis.plot(edges, values, color=styles[name], label=name)
    axis.axhline(1e-3, color=COLORS["gray"], linestyle=":", linewidth=0.8)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_xlim(1, 500)
    axis.set_yscale("log")
    axis.set_ylim(1e-5, 1.2)
    axis.set_xlabel("chroma, ab units")
    axis.set_ylabel("share of pixels above")
    axis.legend()
    caption = (
        "Share of held-out pixels above each chroma, by activation. The dotted line marks one "
        f"pixel in a thousand; {note}."
    )
    ends = ", ".join(f"{value:.0f} with {name}" for name, value in highest.items())
    alt = (
        "Share of pixels above each chroma on logarithmic axes, for ground truth, sigmoid and "
        f"ReLU. One pixel in a thousand exceeds {ends}."
    )
    return Drawing(figure, "relu_sigmoid", caption, alt)


def padding(errors: dict, edge: int, ratios: dict, note: str) -> Drawing:
    """Error by distance to the nearest border of the image, one line per padding.

    edge: pixels that count as near the border. ratios: error there over that inside, by padding.
    """
    figure, axis = new()
    for (name, values), color in zip(errors.items(), (MSE, L1)):
        axis.plot(range(len(values)), values, "o-", markersize=3, color=color, label=name)
    axis.axvspan(-0.5, edge - 0.5, color=COLORS["gray"], alpha=0.15, linewidth=0)
    axis.set_xlabel("pixels from the nearest border")
    axis.set_ylabel(f"{ERROR}, held-out photos")
    axis.legend(title="padding")
    caption = (
        "Error relative to gray by distance to the nearest border. The shaded pixels count as near "
        f"the border; {note}."
    )
    found = " and ".join(f"{value:.2f} times with {name}" for name, value in ratios.items())
    alt = (
        "Two curves of error against the distance to the border. Relative to the inside, squared "
        f"error near the border is {found} padding."
    )
    return Drawing(figure, "padding", caption, alt)


def unet_heads(table: pd.DataFrame, source: str) -> Drawing:
    """Error and chroma of every head at two operating points: one head a row.

    table: of `unet_studies.by_head`, with rows "<head>, <point>". source: the run.
    """
    heads = [*dict.fromkeys(label.rsplit(", ", 1)[0] for label in table.index)]
    figure, axes = new(1, 2, size=(7.2, 1 + 0.4 * len(heads)), sharey=True)
    left, right = axes
    rows = np.arange(len(heads))[::-1]
    for point, (color, shift, side) in POINTS.items():
        part = table.loc[[f"{head}, {point}" for head in heads]]
        ends = arms(part.mse_vs_gray, part.mse_vs_gray_low, part.mse_vs_gray_high)
        style = {"fmt": "o", "color": color, "markersize": 5, "label": point}
        left.errorbar(part.mse_vs_gray, rows + shift, xerr=ends, **style)
        right.errorbar(part.chroma_ratio, rows + shift, **style)
        first = part.chroma_ratio.iloc[0], rows[0] + shift
        options = {"textcoords": "offset points", "va": "center", "ha": side, "color": color}
        right.annotate(point, first, (8 if side == "left" else -8, 0), **options)
    for axis, label in ((left, ERROR), (right, CHROMA)):
        axis.axvline(1, color=COLORS["gray"], linewidth=1)
        axis.set_xlabel(label)
        axis.grid(visible=False, axis="y")
    left.set_yticks(rows, heads)
    caption = (
        "Heads of street_unet with and without larger weights for rare colors, each at an accurate "
        f"and a colorful operating point. 95% confidence intervals; {source}."
    )
    ends = "; ".join(
        f"{row.Index} {row.mse_vs_gray:.2f} at {row.chroma_ratio:.2f}" for row in table.itertuples()
    )
    alt = f"Dots with intervals, {ERROR} on the left, {CHROMA} on the right: {ends}."
    return Drawing(figure, "unet_heads", caption, alt)


def by_row(table: pd.DataFrame, name: str, what: str, source: str, change: bool = False) -> Drawing:
    """One study a row: its error against that of gray, or its change from the first row.

    table: of `unet_studies.table`. name: of the figure. what: begins the caption. source: the run.
    change: draw `change` against 0 instead of mse_vs_gray against 1, without the first row.
    """
    table = table.iloc[1:] if change else table
    column, label = ("change", f"change of {ERROR}") if change else ("mse_vs_gray", ERROR)
    figure, axis = new(size=(6.4, 0.7 + 0.27 * len(table)))
    axis.axvline(0 if change else 1, color=COLORS["gray"], linewidth=1)
    ends = table[f"{column}_low"], table[f"{column}_high"]
    rows = range(len(table))[::-1]
    axis.errorbar(
        table[column], rows, xerr=arms(table[column], *ends), fmt="o", color=MSE, markersize=5
    )
    axis.set_yticks(list(rows), [*table.index])
    axis.set_xlabel(label)
    axis.grid(visible=False, axis="y")
    caption = f"{what}, with 95% confidence intervals; {source}."
    said = "; ".join(f"{row}, {value:.2f}" for row, value in table[column].items())
    line = "no change" if change else "the error of gray"
    return Drawing(figure, name, caption, f"Points with intervals and a line at {line}: {said}.")


def unet_more(panels: dict[str, pd.DataFrame], source: str) -> Drawing:
    """Error against the amount of something, one panel each, on a logarithmic axis.

    panels: tables by their axis label, with `value` and mse_vs_gray with _low and _high.
    """
    figure, axes = new(1, len(panels), (2.4 * len(panels), 2.9), squeeze=False, sharey=True)
    for axis, (label, table) in zip(axes[0], panels.items()):
        axis.errorbar(
            table.value,
            table.mse_vs_gray,
            arms(table.mse_vs_gray, table.mse_vs_gray_low, table.mse_vs_gray_high),
            fmt="o-",
            markersize=4,
            color=COLORS["street_unet"],
        )
        axis.set(xscale="log", xlabel=as_written(label))
        axis.set_xticks(table.value, [_short(value) for value in table.value], fontsize=8)
        axis.minorticks_off()
    axes[0, 0].set_ylabel(ERROR)
    figure.get_layout_engine().set(wspace=0.06)  # else labels of neighboring panels touch
    names = {label.replace("\n", " "): table.mse_vs_gray for label, table in panels.items()}
    caption = (
        f"Error relative to gray against: {'; '.join(names)}. 95% confidence intervals; {source}."
    )
    ends = "; ".join(f"{name}, {e.iloc[0]:.2f} to {e.iloc[-1]:.2f}" for name, e in names.items())
    return Drawing(figure, "unet_more", caption, f"{ERROR} in one panel each: {ends}.")


def _short(number: float) -> str:
    """Three digits and a letter: 2631840 is 2.63M."""
    return EngFormatter(sep="")(float(f"{number:.3g}"))
