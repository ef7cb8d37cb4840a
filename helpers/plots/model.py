"""Figures of chapter 2, the model."""

from matplotlib.patches import Patch, Rectangle

from ..results import Drawing
from . import COLORS, new

KINDS = {
    "input": COLORS["gray"],
    "conv": COLORS["mean"],
    "pool": COLORS["street_unet_accurate"],
    "upsample": COLORS["street_unet"],
}
GAP = 17  # between blocks; a unit of both axes is one pixel of the picture's height


def blocks(table) -> Drawing:
    """The rows of `model.layer_table` as blocks with the picture's height at that step."""
    figure, axis = new(size=(7.2, 3.3))
    left = 0.0
    for row in table.itertuples():
        wide, bottom = 3 + row.channels / 3, -row.height / 2
        axis.add_patch(
            Rectangle((left, bottom), wide, row.height, facecolor=KINDS[row.kind], edgecolor="k")
        )
        middle = left + wide / 2
        name = {"conv": f"{row.name}\n{row.kernel} x {row.kernel}\n{row.activation}"}
        axis.text(middle, 48, name.get(row.kind, row.name), ha="center", va="bottom", fontsize=7)
        shape = f"{row.channels}\n{row.height}\n{row.width}"
        axis.text(middle, -48, shape, ha="center", va="top", fontsize=7)
        if left:
            axis.annotate("", (left - 1, 0), (left - GAP + 1, 0), arrowprops={"arrowstyle": "->"})
        left += wide + GAP
    axis.text(-GAP / 2, -48, "channels\nheight\nwidth", ha="right", va="top", fontsize=7)
    axis.set_xlim(-3 * GAP, left)
    axis.set_ylim(-72, 72)
    axis.set_aspect("equal")
    axis.set_axis_off()
    handles = [Patch(facecolor=color, edgecolor="k", label=kind) for kind, color in KINDS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    heights, channels = table.height, table.channels
    return Drawing(
        figure,
        "block_diagram",
        caption="The report's network, from left to right. A block is as high as the picture at "
        "that step, and its width grows with the number of channels. Its shape is printed below "
        "it.",
        alt=f"{len(table)} blocks in a row: {', '.join(table.name)}. Heights shrink from "
        f"{heights.max()} to {heights.min()} pixels up to conv3 and grow back; channels grow from "
        f"{channels.iloc[0]} to {channels.max()} and end at {channels.iloc[-1]}.",
    )


def edges(outputs: dict) -> Drawing:
    """Channel a (H x W, ab units) for a uniform gray picture, one panel for each padding."""
    figure, axes = new(1, len(outputs), size=(6.4, 2.7))
    low = min(values.min() for values in outputs.values())
    high = max(values.max() for values in outputs.values())
    for axis, (padding, values) in zip(axes, outputs.items()):
        image = axis.imshow(values, vmin=low, vmax=high, cmap="cividis")
        axis.set_title(f"padding: {padding}")
        axis.grid(False)
        axis.set_xlabel("pixels")
    figure.colorbar(image, ax=axes, label="a, ab units", shrink=0.8)
    return Drawing(
        figure,
        "padding_edges",
        caption="Channel a of the untrained network's output for a uniform gray picture, for "
        "replicate padding and for zero padding.",
        alt="Two panels of 112 by 88 pixels. With replicate padding the panel has one color. With "
        "zero padding a frame of other values runs along all four sides.",
    )
