"""From a photo to lightness and ab: crop, shrink, and the prepared set."""

from .prepare import decoder_error, full_size_photo, prepare
from .store import PreparedSet, folds, load
from .thumbnail import shrink

__all__ = ["PreparedSet", "decoder_error", "folds", "full_size_photo", "load", "prepare", "shrink"]
