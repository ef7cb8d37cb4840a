"""Figures of the network. Takes its table and draws it, computes nothing."""

from matplotlib.patches import Patch, Rectangle

from . import COLORS, new

KINDS = {
    "input": COLORS["gray"],
    "conv": COLORS["mean"],
    "pool": COLORS["street_unet_accurate"],
    "upsample": COLORS["street_unet"],
}
GAP = 17  # between blocks, in the units of both axes: one pixel of the picture's height


def blocks(table):
    """A block a row of model.layer_table: as high as its picture, wide with its channels."""
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
    return figure


def edges(outputs: dict):
    """What a network makes of an even gray picture, one panel a padding (2-D arrays, ab units)."""
    figure, axes = new(1, len(outputs), size=(6.4, 2.7))
    low = min(values.min() for values in outputs.values())
    high = max(values.max() for values in outputs.values())
    for axis, (padding, values) in zip(axes, outputs.items()):
        image = axis.imshow(values, vmin=low, vmax=high, cmap="cividis")
        axis.set_title(f"padding: {padding}")
        axis.grid(False)
        axis.set_xlabel("pixels")
    figure.colorbar(image, ax=axes, label="a, ab units", shrink=0.8)
    return figure
