"""The one style of all figures. Modules of this package draw given data and measure nothing."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import LogLocator, NullFormatter

# Color and label of each model. Colors of Okabe and Ito (2008): distinct for every color vision.
MODELS = {
    "truth": ("#000000", "ground truth"),
    "gray": ("#8c8c8c", "gray"),
    "mean": ("#56b4e9", "mean color"),
    "random_copy": ("#cc79a7", "random copy"),
    "published": ("#d55e00", "published"),
    "colorize_cnn": ("#0072b2", "colorize_cnn"),
    "street_unet": ("#009e73", "street_unet, colorful"),
    "street_unet_accurate": ("#e69f00", "street_unet, accurate"),
    "nearest_copy": ("#882255", "nearest copy"),
    # derived from the model of the same color, drawn with an open marker
    "published_stretched": ("#d55e00", "published, stretched"),
    "colorize_cnn_scaled": ("#0072b2", "colorize_cnn, scaled"),
    "street_unet_shipped": ("#009e73", "street_unet, colorful, shipped"),
    "street_unet_accurate_shipped": ("#e69f00", "street_unet, accurate, shipped"),
}
COLORS = {model: color for model, (color, _) in MODELS.items()}
LABELS = {model: label for model, (_, label) in MODELS.items()}
DERIVED = list(MODELS)[list(MODELS).index("published_stretched") :]
LOSSES = {"mse": "MSE", "l1": "mean absolute error"}
STYLE = {
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "image.interpolation": "nearest",
    "axes.prop_cycle": plt.cycler(color=["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"]),
}


def new(rows: int = 1, columns: int = 1, size: tuple[float, float] = (6.4, 3.6), **options):
    """A figure in the one style of the report, and its axes. `size` in inches."""
    with plt.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(rows, columns, **options)
    return figure, axes


def picture(axis, image, title: str = "") -> None:
    """Show a picture (H x W gray or H x W x 3, 8 bits) as it is, without axes."""
    axis.imshow(image, cmap="gray", vmin=0, vmax=255)
    axis.set_title(title)
    axis.set_axis_off()


def as_written(text: str) -> str:
    """Text with a name of the user's, as an argument for matplotlib that it draws as it is.

    A dollar sign starts no formula. A character that the font lacks becomes a box, where
    matplotlib would also warn.
    """
    known = get_font(findfont(FontProperties())).get_charmap()
    drawn = (letter if ord(letter) in known or letter == "\n" else "□" for letter in text)
    return "".join(drawn).replace("$", r"\$")


def arms(value, low, high) -> np.ndarray:
    """Lengths of error bars, 2 x N. A percentile interval may exclude its estimate."""
    lengths = np.array([value - low, high - value], dtype=float).reshape(2, -1)
    return np.nan_to_num(lengths).clip(min=0)


def plain_log(axis: Axis) -> None:
    """Marks 0.5, 1, 2, 5, 10 on a log scale instead of powers of ten."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())
