"""Intervals of few units cover as often as they say."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t

from helpers import intervals

TRIALS = 300


def mean(sums):
    return (sums.x / sums.n).to_frame("mean")


def drawn(values):
    """The mean of `values` in every draw, each of them a unit of its own."""
    sums = pd.DataFrame({"x": values, "n": 1.0})
    return intervals.bootstrap([sums], pd.Series(range(len(values))), mean)["mean"]


def test_the_interval_of_a_mean_of_many_is_that_of_the_normal_law():
    values = np.random.default_rng(0).normal(5, 2, 400)
    low, high = intervals.interval(drawn(values), 400)
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)


def covered(count):
    """In which shares of trials 5 lies in our interval of a mean, and in plain percentiles."""
    rng = np.random.default_rng(count)
    inside = []
    for _ in range(TRIALS):
        draws = drawn(rng.normal(5, 2, count))
        both = intervals.interval(draws, count), np.percentile(draws, [2.5, 97.5])
        inside.append([low <= 5 <= high for low, high in both])
    return np.mean(inside, axis=0)


@pytest.mark.parametrize("count", [6, 10])
def test_the_interval_of_few_units_covers_the_true_mean_in_95_percent_of_trials(count):
    ours, plain = covered(count)
    assert 0.90 <= ours <= 0.99
    assert ours > plain
    if count == 6:
        assert plain < 0.90 and ours - plain > 0.03


def test_the_interval_of_few_units_is_about_that_of_student():
    values = np.random.default_rng(3).normal(5, 2, 8)
    half = t.ppf(0.975, 7) * values.std(ddof=1) / np.sqrt(8)
    low, high = intervals.interval(drawn(values), 8)
    assert high - low == pytest.approx(2 * half, rel=0.1)


def test_the_interval_of_five_units_reaches_as_far_as_hesterbergs_percentiles():
    normal = norm.ppf((np.arange(400_000) + 0.5) / 400_000)
    reach = t.ppf(0.975, 4) * np.sqrt(5 / 4)
    assert intervals.interval(normal, 5) == pytest.approx((-reach, reach), abs=0.01)


def test_draws_that_are_not_finite_are_left_out():
    draws = np.random.default_rng(0).normal(size=4000)
    more = np.concatenate([draws, [np.nan, np.inf, -np.inf]])
    assert intervals.interval(more, 10) == intervals.interval(draws, 10)


@pytest.mark.parametrize(("draws", "units"), [([1.0, 2.0, 3.0], 1), ([np.nan, np.inf], 9), ([], 9)])
def test_there_is_no_interval_of_one_unit_or_of_nothing_finite(draws, units):
    assert np.isnan(intervals.interval(np.array(draws), units)).all()


def test_photos_of_one_unit_are_drawn_together():
    rng = np.random.default_rng(0)
    units = pd.Series(np.repeat(list("abcdefghij"), 5))
    alike = pd.DataFrame({"x": np.repeat(rng.normal(5, 2, 10), 5), "n": 1.0})
    as_units = intervals.bootstrap([alike], units, mean)["mean"]
    as_photos = drawn(alike.x)
    assert as_units.std() == pytest.approx(np.sqrt(5) * as_photos.std(), rel=0.05)


def test_draws_depend_on_the_units_and_not_on_what_is_measured():
    rng = np.random.default_rng(0)
    units = pd.Series(np.arange(20) // 2)
    one, other = (pd.DataFrame({"x": rng.normal(size=20), "n": 1.0}) for _ in range(2))
    both = one.assign(x=one.x + other.x)
    means = [intervals.bootstrap([sums], units, mean)["mean"] for sums in (one, other, both)]
    np.testing.assert_allclose(means[0] + means[1], means[2], atol=1e-12)


def test_how_often_photos_count_agrees_with_the_bootstrap():
    rng = np.random.default_rng(0)
    units = pd.Series(rng.permutation(np.repeat(["a", "b", "c", "d", "e", "f"], 3)))
    sums = pd.DataFrame({"x": rng.normal(5, 2, 18), "n": 1.0})
    counts = intervals.draw(units)
    assert counts.shape == (intervals.DRAWS, 18) and (counts.sum(axis=1) == 18).all()
    expected = counts @ sums.x.to_numpy() / 18
    np.testing.assert_allclose(intervals.bootstrap([sums], units, mean)["mean"], expected)


def test_seeds_that_differ_spread_the_draws():
    units = pd.Series(range(30))
    low, high = (pd.DataFrame({"x": np.full(30, x), "n": 1.0}) for x in (1.0, 3.0))
    draws = intervals.bootstrap([low, high], units, mean)["mean"]
    assert draws.value_counts(normalize=True).to_dict() == pytest.approx(
        {1.0: 0.25, 2.0: 0.5, 3.0: 0.25}, abs=0.03
    )


def test_one_unit_has_no_draws():
    sums = pd.DataFrame({"x": [1.0, 2.0], "n": 1.0})
    assert intervals.bootstrap([sums], pd.Series(["a", "a"]), mean).isna().all(axis=None)


def test_the_prediction_is_the_textbook_interval_of_the_logarithms():
    values = np.array([0.41, 0.62, 0.57, 0.93, 0.71, 0.5])
    logs = np.log(values)
    middle = logs.sum() / 6
    spread = np.sqrt(((logs - middle) ** 2).sum() / 5)
    reach = t.ppf(0.975, df=5) * spread * np.sqrt(1 + 1 / 6)
    expected = np.exp([middle - reach, middle + reach])
    assert intervals.prediction(values) == pytest.approx(tuple(expected))
    assert intervals.prediction(pd.Series([*values, np.nan])) == pytest.approx(tuple(expected))


def test_values_of_which_one_is_zero_are_predicted_on_the_plain_scale_down_to_zero():
    values = [0.0, 1.0, 2.0, 4.0]
    reach = t.ppf(0.975, df=3) * np.std(values, ddof=1) * np.sqrt(1 + 1 / 4)
    assert reach > np.mean(values)
    assert intervals.prediction(values) == pytest.approx((0, np.mean(values) + reach))


def test_one_value_everywhere_is_predicted_exactly():
    for value in (0.1, 1.0, 0.0, 0.7):
        assert intervals.prediction([value] * 7) == (value, value)


@pytest.mark.parametrize("count", [4, 10])
def test_the_prediction_covers_a_further_value_in_95_percent_of_trials(count):
    rng = np.random.default_rng(count)
    inside = []
    for _ in range(2000):
        *known, further = rng.lognormal(-0.5, 0.4, count + 1)
        low, high = intervals.prediction(known)
        inside.append(low <= further <= high)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)


def test_shares_are_predicted_by_their_log_odds_and_stay_shares():
    values = np.array([0.6, 0.9, 0.95, 0.8])
    odds = np.log(values / (1 - values))
    reach = t.ppf(0.975, df=3) * odds.std(ddof=1) * np.sqrt(1 + 1 / 4)
    expected = 1 / (1 + np.exp(-(odds.mean() + np.array([-reach, reach]))))
    assert intervals.prediction(values, largest=1) == pytest.approx(tuple(expected))
    low, high = intervals.prediction([0.0, 1.0, 0.5], largest=1)
    assert 0 <= low < 0.01 and 0.99 < high <= 1


def test_shares_count_as_no_nearer_to_one_than_half_a_percent():
    near = intervals.prediction([0.995, 0.995, 0.6], largest=1)
    assert intervals.prediction([1.0, 1.0, 0.6], largest=1) == pytest.approx(near)


@pytest.mark.parametrize("values", [[], [0.5], [0.5, np.nan], [np.nan, np.inf]])
def test_fewer_than_two_values_predict_nothing(values):
    assert np.isnan(intervals.prediction(np.array(values, float))).all()
