"""Which law does a curve follow: when does a loss settle, how does time grow with the kernel?

Losses are one number a batch, in order; batches count from 0, as the report counted them. A
window is ten batches and bears the number of its last one, so the first complete window is 9.
"""

import numpy as np
import pandas as pd

from .. import paths

WINDOW = 10
SETTLED = 0.9  # the share of the way down at which a loss counts as settled
SETTLED_RANGE = (0.85, 0.95)  # the same, for its interval
RATES = np.linspace(0, 2, 2001)  # of the exponential law, per pixel of width
LEVEL_WINDOWS = 100  # the last windows, whose median is the level that a loss settles at


def moving_average(losses, window: int = WINDOW) -> np.ndarray:
    """Means of complete windows; entry i is the window that ends at batch i + `window` - 1."""
    losses = np.asarray(losses, dtype=float)
    if len(losses) < window:
        raise ValueError(f"{len(losses)} losses do not fill one window of {window} batches")
    return np.convolve(losses, np.full(window, 1 / window), mode="valid")


def settles(losses) -> tuple[int, tuple[int, int]]:
    """The batch at which a loss settles, and its interval (see data/claims.toml).

    Settled is the first complete window whose mean has come 90 % of the way from the first
    window's to the median of the last 100 windows; the interval is that of 85 and 95 %.
    Raises ValueError for fewer than 109 losses, which do not hold 100 windows.
    """
    low, high = (settles_at(losses, share) for share in SETTLED_RANGE)
    return settles_at(losses, SETTLED), (low, high)


def settles_at(losses, share: float) -> int:
    """The batch at which a loss has come `share` (0..1) of its way; a loss that rises counts too.

    Raises ValueError for fewer than 109 losses.
    """
    means = moving_average(losses)
    if len(means) < LEVEL_WINDOWS:
        raise ValueError(
            f"{len(losses)} losses are too few: to settle takes {LEVEL_WINDOWS + WINDOW - 1}"
        )
    first, level = means[0], np.median(means[-LEVEL_WINDOWS:])
    way = (first - means) * np.sign(first - level)
    return int(np.argmax(way >= share * abs(first - level))) + WINDOW - 1


def exponential_fall(losses, until: int = 60) -> float:
    """R squared of floor + height exp(-batch / time), fitted to complete windows up to `until`.

    Floor and height are free, the time is sought between 1 and 1000 batches. 0 where the best
    such curve rises instead of falling.
    """
    means = moving_average(losses)[: until - WINDOW + 2]
    batches = np.arange(len(means)) + WINDOW - 1
    best = (np.inf, 0.0)
    for time in np.geomspace(1, 1000, 400):
        squares, (_, height) = _linear(np.exp(-batches / time), means)
        best = min(best, (squares, height))
    squares, height = best
    if height <= 0:
        return 0.0
    return float(1 - squares / np.sum((means - means.mean()) ** 2))


def flatness(losses, start: int = 60) -> float:
    """Change of a straight line through the losses from batch `start` to the end, over their mean.

    Negative where they fall: -0.1 is a fall by a tenth of the mean.
    """
    losses = np.asarray(losses, dtype=float)[start:]
    _, (_, slope) = _linear(np.arange(len(losses)), losses)
    return float(slope * (len(losses) - 1) / losses.mean())


def published_curve(loss: str) -> np.ndarray:
    """The report's loss ("mse" or "l1") of every single batch, recovered from what it kept.

    It kept moving averages of ten batches, with zeros for the batches before the first. Each
    differs from the one before it by a tenth of (the batch that came in less the one that went
    out), so all 375 losses of "mse" and all 259 of "l1" can be recovered, exactly up to rounding.
    """
    table = pd.read_csv(paths.PUBLISHED / "published_loss.csv")
    averages = table.loc[table.loss == loss, "moving_average"].to_numpy()
    if not len(averages):
        raise ValueError(f"no published curve {loss!r}: take mse or l1")
    steps = WINDOW * np.diff(averages, prepend=0.0)
    # the loss of batch n is the sum of steps n, n - 10, n - 20, ...
    rows = np.pad(steps, (0, -len(steps) % WINDOW)).reshape(-1, WINDOW)
    return rows.cumsum(axis=0).ravel()[: len(steps)]


def published_times() -> tuple[np.ndarray, np.ndarray]:
    """Kernel widths and the report's seconds a batch for each."""
    table = pd.read_csv(paths.PUBLISHED / "published_kernel_time.csv")
    return table.kernel_width.to_numpy(), table.seconds_per_batch.to_numpy()


def time_laws(widths, seconds) -> dict[str, tuple[float, np.ndarray]]:
    """Two laws of two numbers each, fitted by least squares in seconds.

    "exponential" is a exp(b k), "square" is a + b k^2; each gives its residual (root of the mean
    square, seconds) and (a, b).
    """
    widths, seconds = np.asarray(widths, dtype=float), np.asarray(seconds, dtype=float)
    squares, coefficients = _linear(widths**2, seconds)
    laws = {"square": (np.sqrt(squares / len(widths)), coefficients)}
    shapes = np.exp(RATES[:, None] * widths)
    scales = shapes @ seconds / np.square(shapes).sum(axis=1)
    squares = np.square(seconds - scales[:, None] * shapes).sum(axis=1)
    best = squares.argmin()
    coefficients = np.array([scales[best], RATES[best]])
    laws["exponential"] = (np.sqrt(squares[best] / len(widths)), coefficients)
    return laws


def foretell(law: str, coefficients, widths) -> np.ndarray:
    """Seconds that a law of `time_laws` gives for kernel widths."""
    a, b = coefficients
    widths = np.asarray(widths, dtype=float)
    return a * np.exp(b * widths) if law == "exponential" else a + b * widths**2


def law_curves(widths, seconds) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Both laws, fitted to all widths but the last and drawn over all: widths and seconds."""
    fine = np.linspace(widths[0], widths[-1], 100)
    laws = time_laws(widths[:-1], seconds[:-1])
    return {law: (fine, foretell(law, c, fine)) for law, (_, c) in laws.items()}


def exponential_over_square(widths, seconds) -> float:
    """Residual of the exponential law over that of the square law: below 1 it fits better."""
    laws = time_laws(widths, seconds)
    return float(laws["exponential"][0] / laws["square"][0])


def last_over_trend(widths, seconds) -> float:
    """Time of the last width over what the better law of the widths before it predicts."""
    laws = time_laws(widths[:-1], seconds[:-1])
    law = min(laws, key=lambda name: laws[name][0])
    return float(seconds[-1] / foretell(law, laws[law][1], widths[-1]))


def _linear(shape: np.ndarray, values: np.ndarray) -> tuple[float, np.ndarray]:
    """Least squares of values = c0 + c1 shape: sum of squared residuals and (c0, c1)."""
    design = np.column_stack([np.ones(len(values)), shape])
    coefficients = np.linalg.lstsq(design, values, rcond=None)[0]
    return float(np.sum((values - design @ coefficients) ** 2)), coefficients
