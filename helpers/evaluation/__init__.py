"""How good the colors are, compared with what, and how sure the numbers are."""

from .evaluate import Difference, Evaluation, colored, evaluate, ratio, shipped

__all__ = ["Difference", "Evaluation", "colored", "evaluate", "ratio", "shipped"]
