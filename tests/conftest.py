"""Imported before any test: the thread environment counts only if set before PyTorch loads."""

import helpers  # noqa: F401
