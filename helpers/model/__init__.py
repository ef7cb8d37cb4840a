"""The networks, the color bins and the baselines that they are compared with."""

from .as_published import AsPublished
from .colorize_cnn import ColorizeCNN, ReachCNN, layer_table
from .street_unet import OperatingPoint, StreetUnet

__all__ = [
    "AsPublished",
    "ColorizeCNN",
    "OperatingPoint",
    "ReachCNN",
    "StreetUnet",
    "layer_table",
]
