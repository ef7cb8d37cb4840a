"""Laws of curves, on curves whose law is known."""

import numpy as np
import pandas as pd
import pytest

from helpers import paths
from helpers.explorations import laws
from helpers.training import moving_average

BATCHES = np.arange(375)


def falling(time, floor=2.0, height=3.0):
    return floor + height * np.exp(-BATCHES / time)


@pytest.mark.parametrize("time", [10, 20, 45])
def test_an_exponential_fall_settles_after_ln_10_of_its_times(time):
    # every window of an exponential is the first one times exp(-n / time): 90% are gone when
    # that is 0.1, counted from batch 9; the level is the floor long after the fall
    batch, (early, late) = laws.settles(falling(time))
    assert batch == pytest.approx(9 + time * np.log(10), abs=1.5)
    assert early == pytest.approx(9 + time * np.log(1 / 0.15), abs=1.5)
    assert late == pytest.approx(9 + time * np.log(20), abs=2)


def test_settling_does_not_depend_on_the_unit_or_on_the_direction():
    curve = falling(30)
    assert laws.settles(curve) == laws.settles(1000 * curve + 7) == laws.settles(-curve)


def test_the_level_is_that_of_the_last_hundred_windows():
    # a step down at batch 200 has come 9 tenths of its way in the window that ends at 208
    assert laws.settles_at(np.where(BATCHES < 200, 5.0, 1.0), 0.89) == 208


def test_too_few_losses_to_settle_are_refused():
    laws.settles(BATCHES[:109])
    with pytest.raises(ValueError, match="too few"):
        laws.settles(BATCHES[:108])


def test_a_perfect_exponential_has_r_squared_1():
    assert laws.exponential_fall(falling(20)) > 0.9999


def test_r_squared_agrees_with_a_grid_search():
    noisy = falling(25) + np.random.default_rng(1).normal(0, 0.5, 375)
    means = moving_average(noisy, published=False)[:52]
    squares = []
    for time in np.geomspace(1, 1000, 2000):
        design = np.column_stack([np.ones(52), np.exp(-np.arange(52) / time)])
        squares.append(np.linalg.lstsq(design, means)[1].item())
    expected = 1 - min(squares) / np.sum((means - means.mean()) ** 2)
    assert laws.exponential_fall(noisy) == pytest.approx(expected, abs=1e-4)


def test_a_rise_is_no_exponential_fall():
    assert laws.exponential_fall(-falling(20)) == 0


def test_noise_alone_is_no_exponential_fall():
    assert laws.exponential_fall(np.random.default_rng(0).normal(size=375)) < 0.6


def test_flatness_of_a_line_is_its_change_over_its_mean():
    assert laws.flatness(np.full(375, 3.0)) == pytest.approx(0, abs=1e-12)
    line = 10 - 0.01 * BATCHES
    assert laws.flatness(line) == pytest.approx((line[-1] - line[60]) / line[60:].mean())


def test_flatness_ignores_what_happened_before():
    flat = np.full(375, 3.0)
    flat[:60] = 100
    assert laws.flatness(flat) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("loss, count", [("mse", 375), ("l1", 259)])
def test_recovered_losses_give_back_every_published_average(loss, count):
    losses = laws.published_curve(loss)
    assert len(losses) == count and losses.min() > 0
    table = pd.read_csv(paths.PUBLISHED / "published_loss.csv")
    published = table[table.loss == loss].moving_average.to_numpy()
    np.testing.assert_allclose(moving_average(losses), published, rtol=1e-9)


def test_a_curve_that_was_not_published_is_refused():
    with pytest.raises(ValueError, match="mse or l1"):
        laws.published_curve("huber")


def test_each_law_is_found_where_it_holds():
    widths = np.array([1, 3, 5, 7])
    exponential = 0.03 * np.exp(0.31 * widths)
    square = 0.04 + 0.005 * widths**2
    residual, (a, b) = laws.time_laws(widths, exponential)["exponential"]
    assert residual < 1e-4 and a == pytest.approx(0.03, rel=0.01) and b == pytest.approx(0.31)
    residual, (a, b) = laws.time_laws(widths, square)["square"]
    assert residual < 1e-12 and (a, b) == pytest.approx((0.04, 0.005))
    assert laws.exponential_over_square(widths, exponential) < 0.1
    nearly = square * [1, 1.001, 0.999, 1]
    assert laws.exponential_over_square(widths, nearly) > 10


def test_both_laws_agree_with_a_grid_search():
    widths, seconds = (values[:4] for values in laws.published_times())
    fitted, rates = laws.time_laws(widths, seconds), np.linspace(0, 2, 4001)
    designs = [np.exp(rate * widths)[:, None] for rate in rates]
    squares = [np.linalg.lstsq(design, seconds)[1].item() for design in designs]
    assert fitted["exponential"][0] == pytest.approx(np.sqrt(min(squares) / 4), rel=1e-3)
    assert fitted["exponential"][1][1] == pytest.approx(rates[np.argmin(squares)], abs=1e-3)
    line = np.polynomial.Polynomial.fit(widths**2, seconds, 1).convert()
    np.testing.assert_allclose(fitted["square"][1], line.coef, rtol=1e-4)


@pytest.mark.parametrize("law", ["exponential", "square"])
def test_a_width_on_the_trend_is_once_its_forecast(law):
    widths = np.array([1, 3, 5, 7, 9])
    seconds = laws.TIME_LAWS[law](widths, 0.03, 0.31)
    assert laws.last_over_trend(widths, seconds) == pytest.approx(1, rel=0.01)
    seconds[-1] *= 3
    assert laws.last_over_trend(widths, seconds) == pytest.approx(3, rel=0.01)


@pytest.mark.parametrize("law", ["exponential", "square"])
def test_curves_are_fitted_without_the_last_width_and_drawn_up_to_it(law):
    widths = np.array([1, 3, 5, 7, 9])
    seconds = laws.TIME_LAWS[law](widths, 0.03, 0.31)
    expected = seconds[[0, -1]].copy()
    seconds[-1] *= 3
    fine, curve = laws.law_curves(widths, seconds)[law]
    assert (fine[0], fine[-1]) == (1, 9)
    np.testing.assert_allclose(curve[[0, -1]], expected, rtol=0.01)


def test_the_residual_is_the_root_of_the_mean_square_in_seconds():
    widths, seconds = np.array([1.0, 3, 5, 7]), np.array([1.0, 3, 1, 3])
    for name, (residual, found) in laws.time_laws(widths, seconds).items():
        errors = laws.TIME_LAWS[name](widths, *found) - seconds
        assert residual == pytest.approx(np.sqrt(np.mean(errors**2)))


def test_the_level_is_a_median_that_one_odd_window_does_not_move():
    curve = np.where(BATCHES < 100, 5.0, 1.0)
    curve[360] = 1000
    assert laws.settles_at(curve, 0.89) == 108


def test_a_fall_half_as_fast_settles_about_twice_as_late():
    slow, fast = (1 + np.exp(-BATCHES / time) for time in (40, 20))
    value, (low, high) = laws.settling_ratio(slow, fast)
    assert low <= value <= high
    # counted from batch 9, where the first window ends
    late, early = (9 + time * np.log(10) for time in (40, 20))
    assert value == pytest.approx(late / early, rel=0.03)
    assert laws.settling_ratio(fast, fast) == (1, (1, 1))
    assert laws.settles(slow)[0] / laws.settles(fast)[0] == value


def test_claims_about_a_curve_are_means_over_seeds_with_their_range():
    curves = [falling(20), falling(30)]
    claims = laws.curve_claims(curves)
    assert list(claims) == ["fall_until_60", "exponential_fall", "flat_after_60", "level_7e4"]
    batches = [laws.settles(curve)[0] for curve in curves]
    value, (low, high) = claims["fall_until_60"]
    assert value == np.mean(batches) and low < min(batches) and high > max(batches)
    flat = [laws.flatness(curve) for curve in curves]
    assert claims["flat_after_60"] == (np.mean(flat), (min(flat), max(flat)))
    assert claims["level_7e4"][0] == pytest.approx(2, rel=1e-3)
