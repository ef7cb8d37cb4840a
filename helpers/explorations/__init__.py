"""Studies that change one thing at a time, laws of curves, timings, and the cost of each step."""

from . import cost, laws, studies, tables, timings, unet_studies

__all__ = ["cost", "laws", "studies", "tables", "timings", "unet_studies"]
