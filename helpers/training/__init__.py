"""One loop for every network: recipes, batches, checkpoints, devices, operating points."""

from .batches import Photos
from .fitting import fit
from .headline import (
    colorize_cnn,
    constant_losses,
    curve_claims,
    moving_average,
    predict,
    published,
)
from .recipe import Fitted, Recipe

__all__ = [
    "Fitted",
    "Photos",
    "Recipe",
    "colorize_cnn",
    "constant_losses",
    "curve_claims",
    "fit",
    "moving_average",
    "predict",
    "published",
]
