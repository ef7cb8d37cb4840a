"""Figures of chapter 1: how photos become a prepared set."""

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.patches import Patch, Rectangle

from ..results import Drawing
from . import as_written, new, picture

CONTROL = "#cc79a7"
SPLITS = {
    "train": "#0072b2",
    "validation": "#e69f00",
    "test": "#009e73",
    "gap": "#d9d9d9",
}


def crops(photo: np.ndarray, controls: dict, boxes: dict) -> Drawing:
    """Draw a full-size photo (H x W x 3) once for each crop of `boxes`, with the controls outlined.

    `controls` and `boxes` give (left, top, right, bottom) by name; what is cut off is dimmed.
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
        for control in controls.values():
            axis.add_patch(_outline(control, CONTROL))
        axis.add_patch(_outline(box, "black", linestyle="--"))
    figure.legend(
        handles=[
            Patch(facecolor="none", edgecolor=CONTROL, label="control"),
            Patch(facecolor="none", edgecolor="black", linestyle="--", label="crop"),
        ],
        loc="outside lower center",
        ncols=2,
    )
    return Drawing(
        figure,
        "controls_and_crops",
        caption="A full-size photo with the controls outlined, and the crop for each factor. "
        "The crop for factor 11 is placed where it contains the fewest control pixels.",
        alt="The same street photo twice. Left, the crop for a factor of 10 lies inside all "
        "outlined controls. Right, the crop for a factor of 11 runs through the compass.",
        photo=True,
    )


def shrunk(pictures: dict) -> Drawing:
    """Draw a cropped photo and its small versions side by side, by their titles."""
    return Drawing(
        _row(pictures),
        "shrunk",
        caption="The crop at full size, and averaged to 112 x 88 pixels by each factor.",
        alt="Three pictures of one street: one sharp, two coarse. With factor 11, pieces of the "
        "controls remain at the edges.",
        photo=True,
    )


def channels(pictures: dict) -> Drawing:
    """Draw a photo, its lightness, and a and b alone, side by side, by their titles."""
    return Drawing(
        _row(pictures),
        "lightness_a_b",
        caption="One photo and its three channels: L as gray, then a and b alone at constant "
        "lightness. Colors are not exaggerated.",
        alt="A street photo; the same in gray; and two nearly gray pictures with faint red and "
        "green, and faint blue and yellow.",
        photo=True,
    )


def color_histograms(counts: dict, edges: np.ndarray) -> Drawing:
    """Draw counts of pixels by a (rows) and b (columns), one panel for each name of `counts`.

    Each panel shows shares of its own pixels, so that sets of any size compare.
    """
    figure, axes = new(1, len(counts), size=(6.4, 3.3), squeeze=False, sharey=True)
    shares = {name: count / count.sum() for name, count in counts.items()}
    norm = LogNorm(1e-6, max(share.max() for share in shares.values()))
    for axis, (name, share) in zip(axes[0], shares.items()):
        mesh = axis.pcolormesh(edges, edges, share.T, norm=norm, cmap="viridis", rasterized=True)
        axis.axhline(0, color="white", linewidth=0.5)
        axis.axvline(0, color="white", linewidth=0.5)
        axis.set_title(as_written(name), fontsize=8)
        axis.set_xlabel("a: green to red (ab units)")
        axis.set_aspect("equal")
        axis.grid(False)
    axes[0][0].set_ylabel("b: blue to yellow (ab units)")
    figure.colorbar(mesh, ax=axes, label="share of pixels, logarithmic", shrink=0.8)
    return Drawing(
        figure,
        "ab_histograms",
        caption="Pixels by a and b, up to 60 ab units. The share beyond is printed below. Right: "
        "1,400 thumbnails of Manhattan that the report's authors prepared. Only their statistics "
        "are in this project, in data/measured.",
        alt="Two clouds of pixels over a and b with a narrow peak at gray; one arm reaches toward "
        "blue and one toward yellow.",
    )


def grid(pictures: np.ndarray) -> Drawing:
    """Draw pictures (N x H x W x 3, uint8) in rows of six."""
    rows = -(-len(pictures) // 6)
    figure, axes = new(rows, 6, size=(6.4, 6.4 / 6 * 0.8 * rows))
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, image in zip(axes.flat, pictures):
        picture(axis, image)
    return Drawing(
        figure,
        "photos",
        caption=f"{len(pictures)} photos in color, spread evenly over the places. The network "
        "should reproduce these colors.",
        alt="Six columns and four rows of small street scenes.",
        photo=True,
    )


def split_along_places(splits: list[str]) -> Drawing:
    """Draw the split of each place, in the order of the places, as one stripe."""
    figure, axis = new(size=(6.4, 1.3))
    for name, color in SPLITS.items():
        here = [(number, 1) for number, split in enumerate(splits) if split == name]
        axis.broken_barh(here, (0, 1), facecolor=color, label=f"{name}: {len(here)} places")
    axis.set_xlim(0, len(splits))
    axis.set_xlabel("place, in order")
    axis.set_yticks([])
    axis.grid(False)
    figure.legend(loc="outside upper center", ncols=4, fontsize=8, handlelength=1)
    return Drawing(
        figure,
        "split",
        caption="The places in order, and the part of the split that each belongs to.",
        alt="A stripe of places in repeated runs: test, validation, then a long run of training, "
        "with a thin gap between any two.",
    )


def _row(pictures: dict):
    figure, axes = new(1, len(pictures), size=(6.4, 6.4 / len(pictures) * 0.8 + 0.25))
    for axis, (title, image) in zip(axes, pictures.items()):
        picture(axis, image, title)
    return figure


def _outline(box, color: str, **options) -> Rectangle:
    left, top, right, bottom = box
    size = right - left, bottom - top
    return Rectangle((left, top), *size, fill=False, color=color, linewidth=1.2, **options)
