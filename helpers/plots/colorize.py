"""Figures of 06_colorize_your_photos. Takes data and draws it, computes nothing."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from . import COLORS, new, picture

WIDTH = 7.2  # inches of a figure as wide as the page


def grid(rows: list[dict[str, np.ndarray]], labels: list[str] | None = None) -> Figure:
    """Pictures in rows: each row gives pictures of one size (H x W or H x W x 3, 8 bits) by title.

    A title that stands above already is not said again. labels: what stands left of each row.
    """
    columns = max(len(row) for row in rows)
    heights = [_shape(row)[0] / _shape(row)[1] for row in rows]
    size = (WIDTH, WIDTH / columns * sum(heights) + 0.25 * len(rows))
    figure, axes = new(
        len(rows), columns, size, squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    for axis in axes.flat:
        axis.set_axis_off()
    for line, row, above in zip(axes, rows, [{}, *rows]):
        for number, (title, image) in enumerate(row.items()):
            said = [*above][number : number + 1] == [title]
            picture(line[number], image, "" if said else title)
    for axis, label in zip(axes[:, 0], labels or []):
        axis.text(-0.03, 0.5, label, rotation=90, ha="right", va="center", fontsize=8,
                  transform=axis.transAxes)  # fmt: skip
    return figure


def uncertainty(colored: np.ndarray, bits: np.ndarray, most: float) -> Figure:
    """A colored picture (H x W x 3) beside its map of uncertainty (H x W, bits, 0 to `most`)."""
    tall = colored.shape[0] / colored.shape[1]
    figure, axes = new(1, 2, (WIDTH, WIDTH / 2 * tall + 0.25))
    picture(axes[0], colored, "colored")
    shown = axes[1].imshow(bits, cmap="cividis", vmin=0, vmax=most)
    axes[1].set_title("uncertainty")
    axes[1].set_axis_off()
    figure.colorbar(shown, ax=axes[1], shrink=0.8, label="entropy, bits")
    return figure


def bleeding(table: pd.DataFrame) -> Figure:
    """Error near color edges and stray color for each way to enlarge, from `bleeding.compare`."""
    figure, axes = new(1, 2, (WIDTH, 2.4))
    panels = {
        "near": "ab RMSE near color edges",
        "stray": "share of color edges\nbeside no edge of L",
    }
    sources = {"truth at half size": COLORS["truth"], "street_unet": COLORS["street_unet"]}
    for axis, (column, label) in zip(axes, panels.items()):
        for name, shade in sources.items():
            part = table[table.chroma == name]
            axis.plot(part.way, part[column], "o-", color=shade, label=f"chroma: {name}")
        axis.set_ylabel(label)
        axis.set_ylim(0)
    own = table[table.chroma == "truth"].stray.item()
    axes[1].axhline(own, color=COLORS["gray"], linestyle=":", label="the photo itself")
    axes[1].legend(fontsize=7)
    return figure


def _shape(row: dict[str, np.ndarray]) -> tuple[int, ...]:
    return next(iter(row.values())).shape
