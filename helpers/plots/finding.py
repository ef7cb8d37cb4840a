"""The chart that opens the page: what each way to color a photo reached."""

import textwrap
from collections.abc import Mapping

from ..results import Drawing
from . import COLORS, arms, new, plain_log

PANELS = {"mse_vs_gray": "error / gray", "chroma_ratio": "chroma / ground truth"}


def finding(
    names: Mapping[str, str],
    full: Mapping[str, dict],
    here: Mapping[str, dict] | None,
    name: str,
    narrow: bool = False,
) -> Drawing:
    """Error and chroma of some models with their intervals, one row each.

    names: of the models, as the rows show them. full: metrics of a results.json, filled points.
    here: those of another run, open points without intervals, or None. name: of the run that
    `full` is from, in words. narrow: one panel below the other, for a phone.
    """
    figure, axes = new(*((2, 1, (4, 4.6)) if narrow else (1, 2, (7.2, 2.3))), sharey=True)
    rows = {model: -place for place, model in enumerate(names)}
    for axis, (metric, label) in zip(axes, PANELS.items()):
        axis.axvline(1, color=COLORS["truth"], linewidth=1)
        for model, y in rows.items():
            shade = COLORS[model]
            if model in full and metric in full[model]:
                x = full[model][metric]
                low, high = (full[model].get(f"{metric}_{end}", x) for end in ("low", "high"))
                axis.errorbar(x, y, xerr=arms(x, low, high), fmt="o", color=shade, linewidth=1.5)
            if here and model in here and metric in here[model]:
                axis.plot(here[model][metric], y - 0.28, "o", color=shade, markerfacecolor="none")
        axis.set_xlabel(label)
        axis.grid(visible=False, axis="y")
    axes[0].set_xscale("log")
    plain_log(axes[0].xaxis)
    axes[1].set_xlim(left=-0.03)
    axes[0].set_yticks([*rows.values()], [textwrap.fill(text, 20) for text in names.values()])
    axes[0].set_ylim(min(rows.values()) - 0.6, 0.5)
    also = " Open points are this run, which also made the pictures above." if here else ""
    return Drawing(
        figure,
        "finding",
        "The first panel shows the squared error of color on held-out photos, relative to that of "
        "leaving them gray; below 1, color helps. The second shows chroma, the distance from gray, "
        "relative to that of the ground truth. Filled points, with 95% confidence intervals, are "
        f"{name}.{also}",
        "Two panels of points with intervals, one row each for gray, the published network, the "
        "same network trained longer, and our network at its two operating points: the error "
        "relative to gray, and the chroma relative to ground truth.",
    )
