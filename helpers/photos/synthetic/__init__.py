"""Streets drawn by code: `render` returns one picture, `write_photos` writes many."""

from .drawing.materials import CLASSES
from .files import write_photos
from .scene import render

__all__ = ["CLASSES", "render", "write_photos"]
