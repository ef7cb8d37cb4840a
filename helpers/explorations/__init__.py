"""Studies that change one thing at a time, laws fitted to curves, and timings."""

from .claims import *  # noqa: F403
