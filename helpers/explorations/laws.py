"""Laws of curves: when a loss settles, how a loss falls, how time grows with kernel width.

Losses are one number per batch; batches count from 0, as in the report. A window is ten batches
and has the number of its last one, so the first complete window is 9.
"""

import numpy as np
import pandas as pd
from scipy.optimize import curve_fit
from scipy.stats import linregress

from .. import paths
from ..training import moving_average

WINDOW = 10
TURN = 60  # the batch after which the report says the loss is steady
SETTLED = 0.9  # the share of its way down at which a loss counts as settled
SETTLED_RANGE = (0.85, 0.95)  # the same for the ends of its interval
LEVEL_WINDOWS = 100  # the last windows, whose median is the level at which a loss settles
TIMES = (1, 1000)  # batches: the range of the time constant of an exponential fall
TIME_LAWS = {  # seconds per step against kernel width k
    "exponential": lambda k, a, b: a * np.exp(b * k),
    "square": lambda k, a, b: a + b * k**2,
}


def settles(losses) -> tuple[int, tuple[int, int]]:
    """The batch at which a loss settles, and its interval (see data/claims.toml).

    A loss has settled in the first complete window whose mean has come 90% of the way from the
    first window's mean to the median of the last 100 windows. The interval uses 85% and 95%.
    Raises ValueError for fewer than 109 losses, which do not fill 100 windows.
    """
    low, high = (settles_at(losses, share) for share in SETTLED_RANGE)
    return settles_at(losses, SETTLED), (low, high)


def settles_at(losses, share: float) -> int:
    """The batch at which a loss has come `share` (0..1) of its way, falling or rising.

    Raises ValueError for fewer than 109 losses.
    """
    if len(losses) < LEVEL_WINDOWS + WINDOW - 1:
        raise ValueError(f"{len(losses)} losses are too few: give {LEVEL_WINDOWS + WINDOW - 1}")
    means = moving_average(losses, WINDOW, published=False)
    first, level = means[0], np.median(means[-LEVEL_WINDOWS:])
    way = (first - means) * np.sign(first - level)
    return int(np.argmax(way >= share * abs(first - level))) + WINDOW - 1


def settling_ratio(slow, fast) -> tuple[float, tuple[float, float]]:
    """The batch at which `slow` settles over that of `fast`.

    The interval is the range of this ratio for 85% to 95% of the way.
    """
    shares = np.linspace(*SETTLED_RANGE, 11)
    ratios = [settles_at(slow, share) / settles_at(fast, share) for share in shares]
    middle = settles_at(slow, SETTLED) / settles_at(fast, SETTLED)
    return middle, (min(ratios), max(ratios))


def exponential_fall(losses) -> float:
    """R squared of floor + height exp(-batch / time), fitted to complete windows up to TURN.

    The floor is free, the height is not negative, the time is between 1 and 1000 batches. The
    result is 0 for a loss that rises.
    """
    means = moving_average(losses, WINDOW, published=False)[: TURN - WINDOW + 2]
    batches = np.arange(len(means), dtype=float)  # from the first window: only the height changes

    def curve(batch, floor, height, time):
        return floor + height * np.exp(-batch / time)

    squares = [np.sum((means - means.mean()) ** 2)]
    scale = np.ptp(means)
    for time in (3, 30, 300):  # a fit from one start alone may end in a local minimum
        start = (means[-1], max(means[0] - means[-1], 0), time)
        limits = ([-np.inf, 0, TIMES[0]], [np.inf, np.inf, TIMES[1]])
        found, _ = curve_fit(
            curve, batches, means, start, bounds=limits, x_scale=(scale, scale, time)
        )
        squares.append(np.sum((means - curve(batches, *found)) ** 2))
    return float(1 - min(squares) / squares[0])


def flatness(losses) -> float:
    """Change of a straight line through the losses from batch TURN to the end, over their mean.

    It is negative for a fall: -0.1 is a fall by a tenth of the mean.
    """
    losses = np.asarray(losses, dtype=float)[TURN:]
    slope = linregress(np.arange(len(losses)), losses).slope
    return float(slope * (len(losses) - 1) / losses.mean())


def curve_claims(curves: list[np.ndarray]) -> dict[str, tuple[float, tuple[float, float]]]:
    """Measured value and interval for the claims of data/claims.toml about the loss curve.

    curves: the MSE of every batch, one array per seed. The value is the mean over seeds and the
    interval is their range. For the batch of settling it includes the definition's own interval.
    """
    settled = [settles(curve) for curve in curves]
    lows, highs = zip(*(interval for _, interval in settled))
    claims = {"fall_until_60": (np.mean([batch for batch, _ in settled]), (min(lows), max(highs)))}
    measures = {
        "exponential_fall": exponential_fall,
        "flat_after_60": flatness,
        "level_7e4": lambda curve: moving_average(curve, WINDOW, published=False).min(),
    }
    for key, measure in measures.items():
        values = [measure(curve) for curve in curves]
        claims[key] = (np.mean(values), (min(values), max(values)))
    return claims


def published_curve(loss: str) -> np.ndarray:
    """The report's loss ("mse" or "l1") of every single batch, recovered from its moving averages.

    The report kept averages over ten batches, with zeros for the batches before the first. Two
    neighbors differ by a tenth of (the batch that enters minus the batch that leaves). So all 375
    losses of "mse" and all 259 of "l1" can be recovered, exactly up to rounding. Raises
    ValueError for another name.
    """
    table = pd.read_csv(paths.PUBLISHED / "published_loss.csv")
    averages = table.loc[table.loss == loss, "moving_average"].to_numpy()
    if not len(averages):
        raise ValueError(f"no published curve {loss!r}: use mse or l1")
    steps = WINDOW * np.diff(averages, prepend=0.0)
    # the loss of batch n is the sum of steps n, n - 10, n - 20, ...
    rows = np.pad(steps, (0, -len(steps) % WINDOW)).reshape(-1, WINDOW)
    return rows.cumsum(axis=0).ravel()[: len(steps)]


def published_times() -> tuple[np.ndarray, np.ndarray]:
    """Kernel widths (pixels) and the report's seconds per batch for each."""
    table = pd.read_csv(paths.PUBLISHED / "published_kernel_time.csv")
    return table.kernel_width.to_numpy(), table.seconds_per_batch.to_numpy()


def time_laws(widths, seconds) -> dict[str, tuple[float, np.ndarray]]:
    """TIME_LAWS fitted by least squares: the residual (root mean square, seconds) and (a, b)."""
    widths, seconds = np.asarray(widths, dtype=float), np.asarray(seconds, dtype=float)
    rate, height = np.polyfit(widths, np.log(seconds), 1)
    starts = {"exponential": (np.exp(height), rate), "square": (seconds[0], 0.0)}
    fitted = {}
    for name, law in TIME_LAWS.items():
        found, _ = curve_fit(law, widths, seconds, starts[name])
        fitted[name] = (np.sqrt(np.mean((law(widths, *found) - seconds) ** 2)), found)
    return fitted


def law_curves(widths, seconds) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Both laws, fitted to all widths but the last and drawn over all: widths and seconds."""
    fine = np.linspace(widths[0], widths[-1], 100)
    fitted = time_laws(widths[:-1], seconds[:-1])
    return {name: (fine, TIME_LAWS[name](fine, *found)) for name, (_, found) in fitted.items()}


def exponential_over_square(widths, seconds) -> float:
    """Residual of the exponential law over that of the square law: below 1 it fits better."""
    fitted = time_laws(widths, seconds)
    return float(fitted["exponential"][0] / fitted["square"][0])


def last_over_trend(widths, seconds) -> float:
    """Time of the last width over the forecast of the law that fits the other widths better."""
    fitted = time_laws(widths[:-1], seconds[:-1])
    name = min(fitted, key=lambda name: fitted[name][0])
    return float(seconds[-1] / TIME_LAWS[name](widths[-1], *fitted[name][1]))
