"""Figures of 06_colorize_your_photos. Takes data and draws it, computes nothing."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..results import Drawing
from . import COLORS, new, picture

if TYPE_CHECKING:
    from ..colorize.judged import Example

WIDTH = 7.2  # inches of a figure as wide as the page


def one_photo(gray: np.ndarray, colored: np.ndarray, truth: np.ndarray) -> Drawing:
    """One photo three times (all H x W x 3, uint8)."""
    return Drawing(
        _grid([{"gray": gray, "colored": colored, "ground truth": truth}]),
        "colorized",
        "The gray version of a photo, the result of street_unet, and the photo's own colors.",
        "One street three times: gray, colored by the network, and in its own colors.",
        photo=True,
    )


def uncertainty(colored: np.ndarray, bits: np.ndarray) -> Drawing:
    """A colored picture (H x W x 3) beside its map of entropy (H x W, bits), over its range."""
    tall = colored.shape[0] / colored.shape[1]
    figure, axes = new(1, 2, (WIDTH, WIDTH / 2 * tall + 0.25))
    picture(axes[0], colored, "colored")
    shown = axes[1].imshow(bits, cmap="cividis")
    axes[1].set_title("uncertainty")
    axes[1].set_axis_off()
    figure.colorbar(shown, ax=axes[1], shrink=0.8, label="entropy, bits")
    return Drawing(
        figure,
        "colorized_uncertainty",
        "The colored photo and the entropy of each pixel's color distribution, in bits.",
        "A colored street and a map of it that is dark where the network is certain.",
        photo=True,
    )


def options(versions: dict[str, np.ndarray], truth: np.ndarray) -> Drawing:
    """Eight colored versions of one photo by title, and its ground truth, in three rows."""
    titled = [*versions.items(), ("ground truth", truth)]
    return Drawing(
        _grid([dict(titled[i : i + 3]) for i in (0, 3, 6)]),
        "colorized_options",
        "One photo at three temperatures, three chroma gains, and both operating points.",
        "Nine versions of one street with less or more color. The last has the photo's own colors.",
        photo=True,
    )


def bleeding(table: pd.DataFrame) -> Drawing:
    """Error near color edges and stray color for each way to enlarge, from `bleeding.compare`."""
    figure, axes = new(1, 2, (WIDTH, 2.4))
    panels = {
        "near": "ab RMSE near color edges",
        "stray": "stray share: chroma changes\nnot near a lightness edge",
    }
    sources = {"ground truth at half size": COLORS["truth"], "street_unet": COLORS["street_unet"]}
    for axis, (column, label) in zip(axes, panels.items()):
        for name, shade in sources.items():
            part = table[table.chroma == name]
            axis.plot(part.way, part[column], "o-", color=shade, label=f"chroma: {name}")
        axis.set_ylabel(label)
        axis.set_ylim(0)
    own = table[table.chroma == "truth"].stray.item()
    axes[1].axhline(own, color=COLORS["gray"], linestyle=":", label="the photo itself")
    axes[1].legend(fontsize=7)
    return Drawing(
        figure,
        "colorized_bleeding",
        "Chroma of one photo upsampled by three methods. Left: error near color edges of the "
        "ground truth. Right: share of chroma changes that are not near a lightness edge.",
        "Two panels of points for three methods of upsampling chroma: error near color edges, and "
        "stray share. Each has one line for ground-truth chroma and one for street_unet.",
    )


def elsewhere(rows: dict[str, dict[str, np.ndarray]]) -> Drawing:
    """Pictures other than streets: each name gives pictures by title. Two names share a row."""
    shown = [*rows.values()]
    half = len(shown) // 2
    return Drawing(
        _grid(_beside(shown[:half], shown[half:])),
        "colorized_elsewhere",
        "Pictures other than streets: gray, colored, and in their own colors.",
        "A rocket, a cup of coffee, a cat and an astronaut: each gray, colored, and in its own "
        "colors.",
        photo=True,
    )


def right_and_wrong(examples: Sequence["Example"]) -> Drawing:
    """Colored photos (`judged.ranked`), the best half on the left and the worst on the right."""
    half = len(examples) // 2
    best, worst = examples[:half], examples[half:][::-1]
    best_shown, worst_shown = (
        [{"gray": e.gray, "colored": e.colored, "ground truth": e.truth} for e in side]
        for side in (best, worst)
    )
    figure = _grid(_beside(best_shown, worst_shown))
    box = {"facecolor": "black", "alpha": 0.6, "pad": 1.5, "linewidth": 0}
    look = {"color": "white", "fontsize": 8, "bbox": box}
    for axis, one in zip(figure.axes[1::3], itertools.chain(*zip(best, worst))):
        axis.text(0.03, 0.04, f"{one.ratio:.2f}", transform=axis.transAxes, **look)
    return Drawing(
        figure,
        "shipped_examples",
        "The shipped weights on photos of this run: the best on the left, "
        "the worst on the right. Numbers are CIEDE2000 relative to that of gray; above 1 the photo "
        "would be closer to its own colors if it had been left gray.",
        "Streets, each gray, colored and in its own colors. On the left the colors are "
        "close to the street's own, on the right they are not.",
        photo=True,
    )


def _beside(left: list[dict], right: list[dict]) -> list[dict]:
    """Rows of two lots of pictures by title. A space keeps their titles apart."""
    return [
        a | {f"{title} ": image for title, image in b.items()}
        for a, b in zip(left, right, strict=True)
    ]


def _grid(rows: list[dict[str, np.ndarray]]) -> Figure:
    """Rows of pictures by title (H x W or H x W x 3, uint8), each row as high as its tallest.

    A title equal to the one above it is left out.
    """
    columns = max(len(row) for row in rows)
    heights = [max(p.shape[0] / p.shape[1] for p in row.values()) for row in rows]
    size = (WIDTH, WIDTH / columns * sum(heights) + 0.25 * len(rows))
    figure, axes = new(
        len(rows), columns, size, squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    for axis in axes.flat:
        axis.set_axis_off()
    for line, row, above in zip(axes, rows, [{}, *rows]):
        for number, (title, image) in enumerate(row.items()):
            repeated = [*above][number : number + 1] == [title]
            picture(line[number], image, "" if repeated else title)
    return figure
