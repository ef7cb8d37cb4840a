"""Trying it: color a photo of one's own, and watch the report's network learn."""

from .live import Curve
from .panels import ColoringPanel, TrainingPanel
from .photo import Photo, load, save, street

__all__ = [
    "ColoringPanel",
    "Curve",
    "Photo",
    "TrainingPanel",
    "load",
    "save",
    "street",
]
