"""What does a street look like when code draws it?

`render` draws one picture and the class of each of its pixels, `write_photos` writes many.
"""

from .files import write_photos
from .materials import CLASSES
from .scene import render

__all__ = ["CLASSES", "render", "write_photos"]
