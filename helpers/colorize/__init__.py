"""Color a photo of any size; `python -m helpers.colorize` does it from the command line."""

from .coloring import Colorizer

__all__ = ["Colorizer"]
