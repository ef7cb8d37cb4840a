"""Trying it: color a photo of one's own, and watch the report's network learn."""

from .live import Curve, gray_loss
from .panels import ColoringPanel, TrainingPanel
from .photo import Photo, load, save, street

__all__ = [
    "ColoringPanel",
    "Curve",
    "Photo",
    "TrainingPanel",
    "gray_loss",
    "load",
    "save",
    "street",
]
