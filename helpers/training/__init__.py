"""One training loop for every network: recipes, batches, checkpoints, devices, operating points."""

from .batches import Photos
from .headline import (
    Groups,
    Trained,
    colorize_cnn,
    constant_losses,
    groups,
    moving_average,
    published,
    street_unets,
)
from .loop import Fitted, fit
from .recipe import FINE_TUNED, PUBLISHED, SHORT_STREET_UNET, STREET_UNET, TRAINED, Recipe

__all__ = [
    "FINE_TUNED",
    "PUBLISHED",
    "SHORT_STREET_UNET",
    "STREET_UNET",
    "TRAINED",
    "Fitted",
    "Groups",
    "Photos",
    "Recipe",
    "Trained",
    "colorize_cnn",
    "constant_losses",
    "fit",
    "groups",
    "moving_average",
    "published",
    "street_unets",
]
