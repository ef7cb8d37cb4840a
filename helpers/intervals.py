"""95% confidence intervals by resampling places, and the one wording for comparisons.

Photos of one place share walls and light, so places are drawn with replacement, not photos
(the bootstrap: Efron, Annals of Statistics 7, 1979). Every model gets the same
draws. With n seeds, each draw averages n
seeds picked with replacement; for n = 3 the spread between seeds then comes out at about 0.8 of
the true one.
"""

import numpy as np
import pandas as pd

DRAWS = 2000
TAILS = (2.5, 97.5)  # percentiles around the middle 95%
RNG = 1979  # of the draws: fixed, so that the same numbers give the same intervals


def bootstrap(seeds: list[pd.DataFrame], places: pd.Series, pool) -> pd.DataFrame:
    """Metrics in every draw of places: DRAWS rows.

    seeds: sums of the same photos by models of several seeds, one row a photo. places: the place
    of each photo. pool: from a table of sums to a table of metrics, row by row. The draws depend
    on the places and the number of seeds alone, so that models are compared within a draw;
    scipy.stats.bootstrap has no such pairing over several calls. With fewer than two places all
    is NaN.
    """
    codes, names = pd.factorize(places)
    rng = np.random.default_rng(RNG)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), DRAWS)
    seeds_drawn = rng.integers(len(seeds), size=(len(seeds), DRAWS))
    pooled = []
    for sums in seeds:
        by_place = sums.groupby(codes).sum()
        pooled.append(pool(pd.DataFrame(counts @ by_place.to_numpy(), columns=sums.columns)))
    values = np.stack(pooled)  # seeds x draws x metrics
    mean = np.take_along_axis(values, seeds_drawn[:, :, None], axis=0).mean(axis=0)
    if len(names) < 2:
        mean = np.full_like(mean, np.nan)
    return pd.DataFrame(mean, columns=pooled[0].columns)


def interval(draws: np.ndarray | pd.Series) -> tuple[float, float]:
    """The middle 95% of the draws that are finite; NaN if none is."""
    known = np.asarray(draws)[np.isfinite(draws)]
    return tuple(float(v) for v in np.percentile(known, TAILS)) if len(known) else (np.nan, np.nan)


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
