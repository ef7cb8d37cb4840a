"""Color photos of any size: `Colorizer` for arrays, `python -m helpers.colorize` for files."""

__all__ = ["Colorizer"]


def __getattr__(name: str):
    # PyTorch loads in `__main__`, where Ctrl-C is handled, or when the class is used.
    if name == "Colorizer":
        from .coloring import Colorizer

        return Colorizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
