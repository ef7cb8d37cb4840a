"""Photos in several versions laid over each other, with a slider on the page.

Without scripts the page shows the plain grid, as the notebook and the file in figures/ do.
"""

import base64
import io
from html import escape

import numpy as np
from PIL import Image

from ..results import Drawing
from . import new, picture


def comparison(
    layers: dict[str, np.ndarray], titles: list[str], name: str, caption: str, alt: str
) -> Drawing:
    """Photos in several versions as one figure, which the page shows as a slider.

    `layers` maps the name of a version to N x H x W or N x H x W x 3 pictures of 8 bits, in the
    order in which the slider uncovers them, such as gray, output, ground truth. `titles` has one
    line per photo. Raises ValueError if the numbers of photos differ.
    """
    counts = {len(pictures) for pictures in layers.values()} | {len(titles)}
    if len(counts) != 1 or len(layers) < 2:
        raise ValueError(f"{name}: give two layers or more, with as many photos as titles each")
    count = counts.pop()
    figure, axes = new(count, len(layers), size=(1.6 * len(layers), 1.3 * count), squeeze=False)
    for column, (layer, pictures) in enumerate(layers.items()):
        for row, image in enumerate(pictures):
            picture(axes[row, column], image, layer if row == 0 else "")
    return Drawing(figure, name, caption, alt, photo=True, html=_html(layers, titles, alt))


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
    Image.fromarray(picture).save(buffer, "JPEG", quality=80, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
