"""Two 95% intervals over stretches of street, and the one wording for comparisons.

Photos of one stretch share buildings, light and camera, so `interval` draws whole stretches with
replacement, not photos or places (block bootstrap: Kuensch, Annals of Statistics 17, 1989). Every
model gets the same draws. `photos.split.units` says what the unit is where photos form no
stretches. With n seeds, each draw averages n seeds picked with replacement; for n = 3 the spread
between seeds then comes out at about 0.8 of the true one.

interval     of the mean over streets like these
prediction   of the value on one more stretch
"""

import functools

import numpy as np
import pandas as pd
from scipy.special import expit, logit, ndtr, stdtrit  # scipy.stats loads a second longer

DRAWS = 4000
LEVEL = 0.95
NEARLY = 0.005  # shares nearer to 0 or 1 count as this near, since their log odds have no end
RNG = 1979  # of the draws: fixed, so that the same numbers give the same intervals


def draw(units: pd.Series) -> np.ndarray:
    """How often each photo counts in every draw: DRAWS x photos.

    units: the unit of each photo, as `split.units` gives it. The draws depend on the units alone,
    so that models are compared within a draw.
    """
    codes, names = pd.factorize(units)
    return _drawn(len(names))[:, codes]


@functools.lru_cache(maxsize=4)  # every model and metric uses the same draws
def _drawn(count: int) -> np.ndarray:
    rng = np.random.default_rng(RNG)
    return rng.multinomial(count, np.full(count, 1 / count), DRAWS).astype(np.int32)


def bootstrap(seeds: list[pd.DataFrame], units: pd.Series, pool) -> pd.DataFrame:
    """Metrics in every draw of units: DRAWS rows.

    seeds: sums of the same photos by models of several seeds, one row a photo. units: the unit of
    each photo. pool: from a table of sums to a table of metrics, row by row. The draws are those
    of `draw`; scipy.stats.bootstrap has no such pairing over several calls. With fewer than two
    units all is NaN.
    """
    codes, names = pd.factorize(units)
    counts = _drawn(len(names))
    rng = np.random.default_rng([RNG, len(seeds)])
    seeds_drawn = rng.integers(len(seeds), size=(len(seeds), DRAWS))
    pooled = []
    for sums in seeds:
        by_unit = sums.groupby(codes).sum()
        pooled.append(pool(pd.DataFrame(counts @ by_unit.to_numpy(), columns=sums.columns)))
    values = np.stack(pooled)  # seeds x draws x metrics
    mean = np.take_along_axis(values, seeds_drawn[:, :, None], axis=0).mean(axis=0)
    if len(names) < 2:
        mean = np.full_like(mean, np.nan)
    return pd.DataFrame(mean, columns=pooled[0].columns)


def interval(draws: np.ndarray | pd.Series, units: int) -> tuple[float, float]:
    """The middle of the draws that are finite, 95% for many units; NaN if none is or units < 2.

    units: how many were drawn from. Few units show less than their true spread, so the percentiles
    go further out, as a t-interval would: Hesterberg's expanded percentiles (The American
    Statistician 69, 2015, section 4.2.2).
    """
    known = np.asarray(draws)[np.isfinite(draws)]
    if not len(known) or units < 2:
        return np.nan, np.nan
    reach = np.sqrt(units / (units - 1)) * stdtrit(units - 1, (1 + LEVEL) / 2)
    tails = 100 * ndtr([-reach, reach])
    return tuple(float(value) for value in np.percentile(known, tails))


def prediction(values: np.ndarray | pd.Series, largest: float = np.inf) -> tuple[float, float]:
    """The 95% prediction interval of one more value like these; NaN if there are fewer than two.

    values: a metric of each stretch, 0 or more. largest: 1 for a share, which is what it cannot
    exceed. Mean and spread are those of the logarithms, since ratios spread by factors; of log odds
    for shares; and of the values where one is 0. The interval is the t-interval of a further draw
    from a normal law (Hahn and Meeker, Statistical Intervals, section 4.7).
    """
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    count = len(known)
    if count < 2:
        return np.nan, np.nan
    if np.ptp(known) == 0:
        return float(known[0]), float(known[0])
    if largest == 1:
        scale, back = logit, expit
        known = known.clip(NEARLY, 1 - NEARLY)
    elif (known > 0).all():
        scale, back = np.log, np.exp
    else:
        scale, back = np.asarray, lambda ends: np.maximum(ends, 0)
    x = scale(known)
    reach = stdtrit(count - 1, (1 + LEVEL) / 2) * np.sqrt(1 + 1 / count) * x.std(ddof=1)
    low, high = back(x.mean() + np.array([-reach, reach]))
    return float(low), float(high)


def as_text(values: tuple[float, ...], digits: int, sign: str = "") -> str:
    """A number, or a number with its interval: "0.912 [0.884, 0.941]"."""
    texts = [f"{value:{sign}.{digits}f}" if np.isfinite(value) else "-" for value in values]
    return texts[0] if len(texts) == 1 else f"{texts[0]} [{texts[1]}, {texts[2]}]"


def compared(low: float, high: float, reference: float = 0.0, lower_is_better: bool = True) -> str:
    """The report's one wording for an interval compared with a reference value.

    "better" or "worse" if the interval lies on one side of `reference`, else
    "not distinguishable"; also for an interval that is NaN.
    """
    if high < reference:
        return "better" if lower_is_better else "worse"
    if low > reference:
        return "worse" if lower_is_better else "better"
    return "not distinguishable"
