"""From a photo to lightness and ab: crop, shrink, and the prepared set."""

from ..photos.split import split_places
from .prepare import LOUD, decoder_error, full_size_photo, prepare
from .store import PreparedSet, load
from .thumbnail import shrink

__all__ = [
    "LOUD",
    "PreparedSet",
    "decoder_error",
    "full_size_photo",
    "load",
    "prepare",
    "shrink",
    "split_places",
]
