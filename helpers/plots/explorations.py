"""Figures of the explorations. Takes data and draws it, computes nothing."""

from matplotlib.ticker import LogLocator, NullLocator

from . import COLORS, new

MSE, L1, THIRD = COLORS["colorize_cnn"], COLORS["published"], COLORS["street_unet"]


def two_axes(mse, l1, first: int, title: str = ""):
    """Ten-batch means of both losses, each on its own axis, as the report drew them.

    `first` is the batch at which the first complete window ends.
    """
    figure, left = new()
    right = left.twinx()
    right.spines["right"].set_visible(True)
    right.grid(False)
    for axis, values, color, name in ((left, mse, MSE, "MSE"), (right, l1, L1, "L1")):
        axis.plot(range(first, first + len(values)), values, color=color, label=name)
        axis.set_ylabel(f"{name} loss, report's scale", color=color)
        axis.tick_params(axis="y", labelcolor=color)
        axis.set_ylim(0)
    left.set_xlabel("batch")
    left.set_title(title)
    return figure


def one_unit(curves: dict, first: int, gray: float, settled: dict):
    """Ten-batch means of the ab RMSE for each loss, gray's as a line, and where each settled.

    `curves` gives values by name, `settled` (batch, (low, high)) by the same names.
    """
    figure, axis = new()
    for (name, values), color in zip(curves.items(), (MSE, L1)):
        axis.plot(
            range(first, first + len(values)), values, color=color, label=f"trained on {name}"
        )
        batch, (low, high) = settled[name]
        axis.axvspan(low, high, color=color, alpha=0.12, linewidth=0)
        axis.axvline(batch, color=color, linewidth=0.8, linestyle=":")
    axis.axhline(gray, color=COLORS["gray"], linestyle="--", label="gray on the photos of training")
    axis.set_xlabel("batch (dotted: 90 % of the way; shaded: 85 to 95 %)")
    axis.set_ylabel("RMSE per channel, ab units")
    axis.set_ylim(0)
    axis.legend()
    return figure


def kernel_times(widths, panels: dict, curves: dict):
    """Seconds a batch against kernel width, one panel a machine, with the laws fitted to 1..7.

    `panels` gives (median, low, high) by title, each one value a width; `curves` gives by title a
    dict of law to (widths, seconds).
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
    axes[0][0].set_ylabel("seconds a batch")
    axes[0][0].legend()
    return figure


def stacks(table):
    """Multiply-adds, time and error of stacks and large kernels, one panel each.

    `table` has one row a network with name, reach, multiply_adds, seconds, seconds_low,
    seconds_high, and mse_vs_gray with its _low and _high.
    """
    figure, axes = new(1, 3, size=(7.2, 2.8), sharey=True)
    panels = (
        ("multiply_adds", "million multiply-adds a photo"),
        ("seconds", "seconds a batch"),
        ("mse_vs_gray", "MSE over gray's, held out"),
    )
    rows = range(len(table))[::-1]
    colors = [MSE if "3 x 3" in name else L1 for name in table.name]
    for axis, (column, label) in zip(axes, panels):
        for row, color, record in zip(rows, colors, table.to_dict("records")):
            axis.plot(record[column], row, "o", color=color)
            if f"{column}_low" in record:
                axis.hlines(row, record[f"{column}_low"], record[f"{column}_high"], color=color)
        axis.set_xlabel(label)
    for axis in axes[:2]:
        axis.set_xlim(0)
    axes[0].set_yticks(list(rows), table.name)
    axes[0].set_ylim(-0.5, len(table) - 0.5)
    return figure


def ratios(estimates: dict, label: str):
    """One point and interval a row against 1, the value of no change.

    `estimates` gives (value, (low, high)) by name; names may have underscores.
    """
    figure, axis = new(size=(6.4, 0.9 + 0.4 * len(estimates)))
    axis.axvline(1, color=COLORS["gray"], linestyle="--")
    rows = range(len(estimates))[::-1]
    for row, (value, interval) in zip(rows, estimates.values()):
        axis.hlines(row, *interval, color=MSE)
        axis.plot(value, row, "o", color=MSE)
    axis.set_yticks(list(rows), [name.replace("_", " ") for name in estimates])
    axis.set_ylim(-0.5, len(estimates) - 0.5)
    axis.set_xlabel(label)
    return figure


def chroma(shares: dict, edges):
    """Share of held-out pixels whose chroma is larger than x, one line a network.

    `edges` are the lower edges of the bins, ab units; `shares` one value an edge by name.
    """
    figure, axis = new()
    styles = {"truth": ("black", "-"), "sigmoid": (MSE, "-"), "ReLU": (L1, "-")}
    for name, values in shares.items():
        color, line = styles[name]
        axis.plot(edges, values, color=color, linestyle=line, label=name)
    axis.axhline(1e-3, color=COLORS["gray"], linestyle=":", linewidth=0.8)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_xlim(1, 500)
    axis.set_yscale("log")
    axis.set_ylim(1e-5, 1.2)
    axis.set_xlabel("chroma, ab units (dotted: what one pixel in a thousand exceeds)")
    axis.set_ylabel("share of pixels above")
    axis.legend()
    return figure


def from_the_edge(errors: dict):
    """MSE over gray's by distance to the nearest edge of the picture, one line a padding."""
    figure, axis = new()
    for (name, values), color in zip(errors.items(), (MSE, L1)):
        axis.plot(range(len(values)), values, "o-", markersize=3, color=color, label=name)
    axis.axvspan(-0.5, 3.5, color=COLORS["gray"], alpha=0.15, linewidth=0)
    axis.set_xlabel("pixels from the nearest edge (shaded: what counts as edge)")
    axis.set_ylabel("MSE over gray's, held out")
    axis.legend(title="padding")
    return figure
