"""Figures of the preprocessing. Takes pictures and tables and draws them, computes nothing."""

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.patches import Patch, Rectangle

from . import new, picture

CONTROL = "#cc79a7"
SPLITS = {
    "train": "#0072b2",
    "validation": "#e69f00",
    "test": "#009e73",
    "gap": "#d9d9d9",
}


def crops(photo: np.ndarray, controls: dict, boxes: dict):
    """A full-size photo (H x W x 3) once for each crop of `boxes`, with the controls marked.

    `controls` and `boxes` give (left, top, right, bottom) by a name; what is cut off is dimmed.
    """
    figure, axes = new(1, len(boxes), size=(6.4, 2.9))
    for axis, (title, box) in zip(axes, boxes.items()):
        picture(axis, photo, title)
        left, top, right, bottom = box
        height, width = photo.shape[:2]
        for x, y, w, h in (
            (0, 0, width, top),
            (0, bottom, width, height - bottom),
            (0, top, left, bottom - top),
            (right, top, width - right, bottom - top),
        ):
            axis.add_patch(Rectangle((x, y), w, h, facecolor="white", alpha=0.5, linewidth=0))
        for left, top, right, bottom in controls.values():
            axis.add_patch(_outline((left, top, right, bottom), CONTROL, 1.2))
        axis.add_patch(_outline(box, "black", 1.2, linestyle="--"))
    figure.legend(
        handles=[
            Patch(facecolor="none", edgecolor=CONTROL, label="control"),
            Patch(facecolor="none", edgecolor="black", linestyle="--", label="crop"),
        ],
        loc="outside lower center",
        ncols=2,
    )
    return figure


def row(pictures: dict):
    """Pictures (H x W or H x W x 3, 8 bits) side by side at the same size, by their titles."""
    figure, axes = new(1, len(pictures), size=(6.4, 6.4 / len(pictures) * 0.8 + 0.25))
    for axis, (title, image) in zip(axes, pictures.items()):
        picture(axis, image, title)
    return figure


def color_histograms(counts: dict, edges):
    """Counts of pixels by a (rows) and b (columns), one panel for each name of `counts`.

    Each panel is in shares of its own pixels, so that sets of any size compare.
    """
    figure, axes = new(1, len(counts), size=(6.4, 3.3), squeeze=False, sharey=True)
    shares = {name: count / count.sum() for name, count in counts.items()}
    norm = LogNorm(1e-6, max(share.max() for share in shares.values()))
    for axis, (name, share) in zip(axes[0], shares.items()):
        mesh = axis.pcolormesh(edges, edges, share.T, norm=norm, cmap="viridis", rasterized=True)
        axis.axhline(0, color="white", linewidth=0.5)
        axis.axvline(0, color="white", linewidth=0.5)
        axis.set_title(name, fontsize=8)
        axis.set_xlabel("a: green to red")
        axis.set_aspect("equal")
        axis.grid(False)
    axes[0][0].set_ylabel("b: blue to yellow")
    figure.colorbar(mesh, ax=axes, label="share of pixels, logarithmic", shrink=0.8)
    return figure


def grid(pictures: np.ndarray, columns: int = 6):
    """Pictures (N x H x W x 3, 8 bits) in rows of `columns`, in their order."""
    rows = -(-len(pictures) // columns)
    figure, axes = new(rows, columns, size=(6.4, 6.4 / columns * 0.8 * rows))
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, image in zip(axes.flat, pictures):
        picture(axis, image)
    return figure


def split_along_places(splits: list[str]):
    """The split of each place, in the order of the places: one stripe from left to right."""
    figure, axis = new(size=(6.4, 1.3))
    for name, color in SPLITS.items():
        here = [(number, 1) for number, split in enumerate(splits) if split == name]
        axis.broken_barh(here, (0, 1), facecolor=color, label=f"{name}: {len(here)} places")
    axis.set_xlim(0, len(splits))
    axis.set_xlabel("place, in order")
    axis.set_yticks([])
    axis.grid(False)
    figure.legend(loc="outside upper center", ncols=4, fontsize=8, handlelength=1)
    return figure


def _outline(box, color: str, width: float, **options) -> Rectangle:
    left, top, right, bottom = box
    size = right - left, bottom - top
    return Rectangle((left, top), *size, fill=False, color=color, linewidth=width, **options)
