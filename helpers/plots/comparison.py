"""How are several versions of the same photos laid over each other?

The page shows a slider that uncovers one version after the other, and without scripts the plain
grid, which is also what the notebook and the file in figures/ show.
"""

import base64
import io
from html import escape

import numpy as np
from PIL import Image

from .. import plots
from ..results import Run


def show(
    run: Run, name: str, layers: dict[str, np.ndarray], titles: list[str], caption: str, alt: str
) -> None:
    """Show photos in several versions as the figure `name`, its caption and alternative text.

    `layers` maps what a version is called to N x H x W or N x H x W x 3 pictures of 8 bits, in
    the order in which the slider uncovers them, such as gray, output, truth; `titles` has one
    line a photo. Raises ValueError where the numbers of photos differ.
    """
    counts = {len(pictures) for pictures in layers.values()} | {len(titles)}
    if len(counts) != 1 or len(layers) < 2:
        raise ValueError(f"{name}: at least two layers and a title for each photo, all alike many")
    count = counts.pop()
    fig, axes = plots.new(count, len(layers), size=(1.6 * len(layers), 1.3 * count), squeeze=False)
    for column, (layer, pictures) in enumerate(layers.items()):
        for row, picture in enumerate(pictures):
            plots.picture(axes[row, column], picture, layer if row == 0 else "")
    run.figure(fig, name, caption, alt, photo=True, html=_html(layers, titles, alt))


def _html(layers: dict[str, np.ndarray], titles: list[str], alt: str) -> str:
    photos = []
    for number, title in enumerate(titles):
        versions = "".join(
            f'<div class="layer"><img src="{_jpeg(pictures[number])}" '
            f'alt="{escape(title)}: {escape(layer)}"><span>{escape(layer)}</span></div>'
            for layer, pictures in layers.items()
        )
        photos.append(
            f'<div class="photo">{versions}<span class="title">{escape(title)}</span></div>'
        )
    return (
        f'<div class="comparison" role="group" aria-label="{escape(alt)}" '
        f'style="--layers: {len(layers)}">{"".join(photos)}</div>'
    )


def _jpeg(picture: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=90, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
