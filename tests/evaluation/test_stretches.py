"""Streets differ: errors along them correlate, and only intervals that know it cover the truth."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from helpers import color, evaluation, intervals, metrics
from helpers.evaluation import stretches
from helpers.photos import split, synthetic
from helpers.photos.synthetic.street import PAIR, locate
from helpers.preprocessing import shrink

WEIGHTS = np.ones((256, 256), np.float32)


def judged(levels, count=2, kept=None):
    """Colors of places with `count` photos each, measured; and the set of these photos.

    levels: the root of mse_vs_gray of each place. The model's color is off by that times the true
    color, which is 10 or -10 everywhere. `kept` are the places that were tested.
    """
    levels = np.asarray(levels, np.float32)
    places = np.repeat(np.arange(len(levels)), count)
    sign = np.where(np.arange(len(places)) % 2, 10, -10)
    rows = np.arange(len(places)) if kept is None else np.flatnonzero(np.isin(places, kept))
    return measured(sign, levels[places], [f"{p:05d}" for p in places], rows)


def measured(colors, levels, places, rows):
    """Photos of one color each, a = b; the model is off by `levels` times that color.

    As `evaluation.evaluate` makes it, without the draws, which take long and are not needed here.
    """
    photos = pd.DataFrame({"place": places, "extra": False})
    shape = (len(photos), 2, 2, 2)
    ab = np.broadcast_to((128 + colors)[:, None, None, None], shape).astype(np.uint8)
    units = split.units(photos, rows)
    true, lightness = color.load_ab(ab[rows]), np.full((len(rows), 2, 2), 128, np.uint8)
    model = true * (1 + levels[rows])[:, None, None, None]
    sums = {
        name: [metrics.per_photo(guess, lightness, ab[rows], WEIGHTS)]
        for name, guess in {"model": model, "gray": np.zeros_like(true)}.items()
    }
    tested = photos.iloc[rows].reset_index(drop=True)
    found = evaluation.Evaluation(tested, units, sums, pd.DataFrame(), {})
    return found, SimpleNamespace(photos=photos, ab=ab)


def process(count, rho, seed=0, spread=0.4):
    """An AR(1) process of `count` values, correlated by rho to the power of their distance."""
    rng = np.random.default_rng(seed)
    values = [rng.normal()]
    for step in rng.normal(size=count - 1):
        values.append(rho * values[-1] + np.sqrt(1 - rho**2) * step)
    return spread * np.array(values)


def test_errors_of_an_autoregressive_street_correlate_by_a_power_of_the_distance():
    rho = 0.8
    errors = process(6000, rho)  # logarithms of mse_vs_gray
    found = stretches.correlation(*judged(np.exp(errors / 2), count=1), ["model"])
    for distance in (1, 2, 5, 10, 20):
        assert found.model[distance] == pytest.approx(rho**distance, abs=0.07)
    assert found.index[0] == 1 and found.index[-1] == 3 * split.STRETCH


def test_errors_of_independent_places_do_not_correlate():
    errors = process(4000, 0)
    found = stretches.correlation(*judged(np.exp(errors / 2), count=1), ["model"])
    assert found.model[:40].abs().max() < 0.06


def test_a_correlation_pairs_only_places_that_were_tested_and_reaches_half_of_the_longest_run():
    rng = np.random.default_rng(0)
    levels = np.exp(rng.normal(0, 0.4, 400) + np.repeat(rng.normal(0, 1, 8), 50))
    kept = np.concatenate([np.arange(0, 60), np.arange(100, 130), [200, 202, 204]])
    found = stretches.correlation(*judged(levels, kept=kept), ["model"])
    logs = {place: 2 * np.log(levels[place]) for place in kept}
    middle = np.mean([*logs.values()])
    variance = np.mean([(x - middle) ** 2 for x in logs.values()])
    assert list(found.index) == list(range(1, 31))
    for distance in found.index:
        pairs = [
            (logs[place] - middle) * (logs[place + distance] - middle)
            for place in kept
            if place + distance in logs
        ]
        assert found.model[distance] == pytest.approx(np.mean(pairs) / variance, abs=1e-3)


def test_a_place_counts_once_however_many_photos_it_has():
    levels = np.exp(process(500, 0.8))
    once, twice = (stretches.correlation(*judged(levels, count=n), ["model"]) for n in (1, 2))
    np.testing.assert_allclose(once, twice, rtol=1e-3, atol=1e-4)


def test_the_error_of_gray_is_that_of_its_pixels_and_photos_without_color_are_left_out():
    """The model is as wrong everywhere; the colors of the street change as a process does."""
    colors = (20 * np.exp(process(600, 0.8, spread=0.5))).clip(1, 120).round().astype(int)
    colors[::10] = 0
    places = [f"{place:05d}" for place in range(600)]
    found, prepared = measured(colors, np.full(600, 0.5, np.float32), places, np.arange(600))
    gray = stretches.correlation(found, prepared, ["gray"]).gray
    logs = np.where(colors, 2 * np.log(np.maximum(colors, 1)), np.nan)
    off = logs - np.nanmean(logs)
    for distance in (1, 3, 9):
        expected = np.nanmean(off[:-distance] * off[distance:]) / np.nanvar(logs)
        assert gray[distance] == pytest.approx(expected, abs=1e-3)


def test_the_table_of_stretches_equals_a_loop():
    rng = np.random.default_rng(0)
    found, prepared = judged(rng.uniform(0.3, 1.2, 210), count=2)
    table = stretches.by_stretch(found, "model")
    assert len(table) == found.units.nunique() == 5
    true = color.load_ab(prepared.ab)
    errors = found.per_photo("model", "mse_vs_gray")
    for unit, row in table.iterrows():
        rows = np.flatnonzero(found.units == unit)
        assert row.first_place == min(prepared.photos.place[rows])
        assert row.photos == len(rows)
        square = np.square(true[rows]).mean()  # the same for all photos
        assert row.rmse_gray == pytest.approx(np.sqrt(square))
        assert row.mse_vs_gray == pytest.approx(errors[rows].mean(), rel=1e-4)
        assert row.rmse == pytest.approx(np.sqrt(square * errors[rows].mean()), rel=1e-4)


def streets(count, spread, seed=0):
    """Roots of mse_vs_gray along stretches of 70 places, each with a level of its own."""
    rng = np.random.default_rng(seed)
    return np.exp(np.repeat(rng.normal(-0.5, spread, count), 70) + rng.normal(0, 0.1, 70 * count))


def test_95_percent_of_stretches_left_out_are_covered_and_few_by_intervals_over_places():
    inside, by_places = [], []
    for seed in range(4):  # cities
        found, _ = judged(streets(10, 0.25, seed), count=2)
        table = stretches.coverage(found, ["model"], ["mse_vs_gray"])
        assert list(table.stretch) == list(range(10))
        inside += list(table.covered)
        by_places += list(table.covered_by_places)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.05)
    assert np.mean(by_places) < 0.5


def test_coverage_leaves_out_one_stretch_at_a_time():
    found, _ = judged(streets(5, 0.6))
    each = found.by_unit("model")
    table = stretches.coverage(found, ["model"], ["mse_vs_gray", "better_than_gray"])
    assert len(table) == 10
    for row in table.itertuples():
        others = each[row.metric].drop(row.stretch)
        largest = metrics.METRICS[row.metric].largest
        assert row.value == pytest.approx(each[row.metric][row.stretch])
        assert (row.low, row.high) == pytest.approx(intervals.prediction(others, largest))
        assert row.covered == (row.low <= row.value <= row.high)
    assert (table[table.metric == "better_than_gray"].high <= 1).all()


def test_coverage_is_empty_without_enough_stretches():
    found, _ = judged(np.full(90, 0.5))
    table = stretches.coverage(found, ["model"], ["mse_vs_gray"])
    assert table.empty and {"model", "covered", "covered_by_places"} <= set(table)


STREETS, PLACES = 20, 4


@pytest.fixture(scope="module")
def rendered():
    """Sums over photos of 20 rendered streets, all of them given one color, by street and place."""
    names, stored = [], []
    for street in range(STREETS):
        for place in range(PAIR * street + 10, PAIR * street + 10 + PLACES):
            picture, _ = synthetic.render(place, view=1)
            names.append((locate(place, seed=0)[0], place))
            stored.append(color.store_ab(color.split_lab(shrink(picture))[1]))
    true = color.load_ab(np.array(stored)).astype(float)
    sums = pd.DataFrame(names, columns=["street", "place"])
    constant = true[: 3 * PLACES].mean(axis=(0, 1, 2))
    sums["square"] = np.square(true - constant).sum(axis=(1, 2, 3))
    sums["gray"] = np.square(true).sum(axis=(1, 2, 3))
    return sums


def ratio(sums):
    return (sums.square / sums.gray).to_frame("ratio")


def chosen(sums, count=300):
    """Random choices of 6 to 8 streets: their names."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield rng.choice(sums.street.unique(), rng.integers(6, 9), replace=False)


def test_the_rendered_streets_are_twenty(rendered):
    assert rendered.street.nunique() == STREETS and rendered.place.nunique() == len(rendered)


def test_intervals_over_streets_cover_the_truth_of_rendered_streets_and_over_places_do_not(
    rendered,
):
    """The truth is the error on all twenty streets; a few of them are shown.

    These few are a good part of the twenty, so that they are covered a little too often.
    """
    truth = rendered.square.sum() / rendered.gray.sum()
    inside = {"street": [], "place": []}
    for names in chosen(rendered):
        some = rendered[rendered.street.isin(names)].reset_index(drop=True)
        for unit, covered in inside.items():
            draws = intervals.bootstrap([some[["square", "gray"]]], some[unit], ratio)["ratio"]
            low, high = intervals.interval(draws, some[unit].nunique())
            covered.append(low <= truth <= high)
    by_street, by_place = np.mean(inside["street"]), np.mean(inside["place"])
    assert by_street >= 0.90
    assert by_place < 0.85 and by_place < by_street - 0.15


def test_the_prediction_covers_a_rendered_street_that_was_left_out(rendered):
    by_street = ratio(rendered.groupby("street")[["square", "gray"]].sum())["ratio"]
    inside = []
    for names in chosen(rendered):
        low, high = intervals.prediction(by_street[names])
        inside += list(by_street.drop(names).between(low, high))
    assert np.mean(inside) >= 0.90
