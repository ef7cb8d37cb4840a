"""How sure are we of a metric? The bootstrap over places, and over seeds.

Photos of one place share their walls and light, so places are drawn with replacement, not
photos: the same draws for every model. With several seeds of a model, so many seeds are drawn as
well and their metrics averaged; of three seeds that understates their spread, by a factor of
about 0.8. (Efron: "Bootstrap methods: another look at the jackknife", Annals of Statistics 1979.)
"""

import numpy as np
import pandas as pd

DRAWS = 2000
TAILS = (2.5, 97.5)  # percentiles that leave 95 %
RNG = 1979  # of the draws: fixed, so that the same numbers give the same intervals


def bootstrap(seeds: list[pd.DataFrame], places: pd.Series, pool) -> pd.DataFrame:
    """What `pool` makes of sums (rows of photos) in each draw of places: DRAWS rows.

    seeds: sums of the same photos by models of several seeds. The draws are the same for every
    call with the same places and number of seeds. Of fewer than two places nothing can be drawn:
    all is NaN then.
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
    """The middle 95 % of draws, those that are numbers; NaN without any."""
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
