"""Intervals that mean what they say, and comparisons that are paired."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from helpers import color, evaluation, metrics, paths
from helpers.model import ColorizeCNN, street_unet
from helpers.model.heads import new_model
from helpers.model.predict import predict
from helpers.model.street_unet import OperatingPoint
from helpers.photos import split

WEIGHTS = np.ones((256, 256), np.float32)


@pytest.fixture(scope="module")
def prepared():
    """40 places of two small photos; places differ more than the photos of one."""
    rng = np.random.default_rng(0)
    lightness = rng.integers(30, 220, (80, 6, 8), dtype=np.uint8)
    spread = np.repeat(rng.uniform(3, 25, 40), 2)[:, None, None, None]
    ab = (128 + spread * rng.normal(size=(80, 6, 8, 2))).round().clip(0, 255).astype(np.uint8)
    place = np.repeat([f"{i:06d}" for i in range(40)], 2)
    files = [f"{p}_{v}.jpg" for p, v in zip(place, [1, 2] * 40)]
    sides = np.where(np.arange(80) < 50, "train", "test")
    photos = pd.DataFrame({"file": files, "place": place, "split": sides, "extra": False})
    return prepared_set(lightness, ab, photos)


def prepared_set(lightness, ab, photos):
    return SimpleNamespace(
        lightness=lightness,
        ab=ab,
        photos=photos,
        indices=lambda name: np.flatnonzero(photos.split == name),
        units=lambda rows: split.units(photos, rows),
    )


@pytest.fixture(scope="module")
def streets(prepared):
    """Ten stretches of 56 places with two photos each."""
    rng = np.random.default_rng(1)
    place = np.repeat([f"{i:06d}" for i in range(560)], 2)
    photos = pd.DataFrame({"place": place, "split": "test", "extra": False})
    shape = (1120, 6, 8)
    spread = np.repeat(rng.uniform(3, 25, 10), 112)[:, None, None, None]
    ab = (128 + spread * rng.normal(size=(*shape, 2))).round().clip(0, 255).astype(np.uint8)
    return prepared_set(rng.integers(30, 220, shape, dtype=np.uint8), ab, photos)


def judge(prepared, indices=None, **models):
    indices = np.arange(80) if indices is None else indices
    return evaluation.evaluate(models, prepared, indices, WEIGHTS)


def shrunk(prepared, factor):
    """A prediction with a known error: mse_vs_gray is (1 - factor)^2."""
    return color.load_ab(prepared.ab) * np.float32(factor)


def test_a_known_error_is_found(prepared):
    judged = judge(prepared, good=[shrunk(prepared, 0.9)], gray=[shrunk(prepared, 0)])
    assert judged.estimates.mse_vs_gray["good"] == pytest.approx(0.01, rel=1e-4)
    assert judged.estimates.chroma_ratio["good"] == pytest.approx(0.9, rel=1e-4)
    np.testing.assert_allclose(judged.interval("good", "mse_vs_gray"), 0.01, rtol=1e-4)
    np.testing.assert_allclose(judged.per_photo("good", "mse_vs_gray"), 0.01, rtol=1e-4)


def test_a_ratio_of_two_sets_does_not_pair_their_draws(prepared):
    factors = np.random.default_rng(2).uniform(0, 0.9, (80, 1, 1, 1)).astype(np.float32)
    here = judge(prepared, model=[color.load_ab(prepared.ab) * factors])
    value, (low, high) = evaluation.ratio(here, here, "model")
    least, most = here.interval("model", "mse_vs_gray")
    alone = (most - least) / here.estimates.mse_vs_gray["model"]
    assert value == 1 and low < 1 < high
    # Two independent errors add up: the spread of their ratio is root two times that of each.
    assert high - low == pytest.approx(alone * np.sqrt(2), rel=0.15)


@pytest.mark.parametrize("known", ["training_photos", "validation_photos"])
def test_shipped_weights_color_no_photos_that_they_were_trained_or_tuned_on(
    prepared, tmp_path, monkeypatch, known
):
    monkeypatch.setattr(paths, "SHIPPED", tmp_path / "w.safetensors")
    model = new_model([torch.from_numpy(prepared.ab)], widths=(8, 8, 8, 8), pretrained=False)
    meta = {"training_photos": [], "validation_photos": []} | {known: ["hash-70"]}
    street_unet.save(paths.SHIPPED, model.eval(), meta, {"street_unet": OperatingPoint()})
    photos = prepared.photos.assign(sha256=[f"hash-{i}" for i in range(80)])
    named = prepared_set(prepared.lightness, prepared.ab, photos)
    unseen, count = evaluation.shipped(named, np.arange(50, 70))
    assert count == 0 and unseen["street_unet_shipped"].shape == (20, 6, 8, 2)
    assert evaluation.shipped(named, np.arange(50, 80)) == ({}, 1)


def test_more_photos_of_the_same_places_do_not_narrow_an_interval(prepared):
    twice = np.repeat(np.arange(80), 2)
    once = judge(prepared, model=[shrunk(prepared, 0)])
    doubled = judge(prepared, twice, model=[shrunk(prepared, 0)[twice]])
    np.testing.assert_allclose(once.interval("model", "mse"), doubled.interval("model", "mse"))
    as_places = prepared.photos.assign(place=prepared.photos.file)
    free = prepared_set(prepared.lightness, prepared.ab, as_places)
    narrow, wide = judge(free, model=[shrunk(prepared, 0)]), once
    assert np.ptp(narrow.interval("model", "mse")) < 0.85 * np.ptp(wide.interval("model", "mse"))


def test_a_paired_difference_shows_what_two_intervals_hide(prepared):
    judged = judge(prepared, a=[shrunk(prepared, 0)], b=[shrunk(prepared, 0.02)])
    (_, high), (low, _) = judged.interval("b", "mse"), judged.interval("a", "mse")
    assert low < high
    difference = judged.compare("a", "b", "mse")
    assert difference.word == "worse"
    assert difference.low > 0
    assert judged.compare("b", "a", "mse").high < 0
    assert str(difference).endswith("worse")
    assert judged.compare("b", "a", "mse").word == "better"


def test_more_colorfulness_is_not_called_better(prepared):
    judged = judge(prepared, a=[shrunk(prepared, 0.2)], b=[shrunk(prepared, 2)])
    assert judged.compare("b", "a", "colorfulness").word == "different"


def test_models_that_are_equally_good_seldom_differ(prepared):
    """One comparison in twenty may go wrong: five of twenty would be far too many."""
    wrong = 0
    for trial in range(20):
        noise = np.random.default_rng(trial).normal(0, 5, (2, *prepared.ab.shape))
        one, two = shrunk(prepared, 0.5) + noise
        difference = judge(prepared, a=[one], b=[two]).compare("a", "b")
        wrong += difference.word != "not distinguishable"
    assert wrong < 5


def test_seeds_are_averaged_and_their_spread_widens_the_interval(prepared):
    seeds = [shrunk(prepared, f) for f in (0.2, 0.5, 0.8)]
    judged = judge(prepared, three=seeds, alone=[seeds[1]])
    expected = np.mean([0.8**2, 0.5**2, 0.2**2])
    assert judged.estimates.mse_vs_gray["three"] == pytest.approx(expected, rel=1e-4)
    low, high = judged.interval("three", "mse_vs_gray")
    assert low < expected - 0.1
    assert high > expected + 0.1
    np.testing.assert_allclose(judged.interval("alone", "mse_vs_gray"), 0.25, rtol=1e-4)


def test_a_generator_of_seeds_gives_the_same_as_a_list(prepared):
    seeds = [shrunk(prepared, 0.3), shrunk(prepared, 0.6)]
    listed = judge(prepared, m=seeds).as_results()
    assert judge(prepared, m=iter(seeds)).as_results() == listed


def test_results_have_every_metric_with_its_interval(prepared):
    noise = np.random.default_rng(0).normal(0, 5, prepared.ab.shape)
    found = judge(prepared, m=[shrunk(prepared, 0.5) + noise]).as_results()["m"]
    for name in metrics.METRICS:
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"], name
    assert len(found) == 3 * len(metrics.METRICS)


def test_results_of_stretches_say_where_one_more_stretch_may_lie(streets):
    noise = np.random.default_rng(0).normal(0, 5, streets.ab.shape)
    models = {"m": [shrunk(streets, 0.5) + noise]}
    judged = evaluation.evaluate(models, streets, np.arange(1120), WEIGHTS)
    found = judged.as_results()["m"]
    assert len(found) == 5 * len(metrics.METRICS)
    low, high = judged.interval("m", "mse")
    assert found["mse_new_low"] < low < found["mse"] < high < found["mse_new_high"]
    for name, metric in metrics.METRICS.items():
        assert found[f"{name}_new_high"] <= metric.largest, name


def test_metrics_of_each_unit_are_those_of_its_photos_alone(streets):
    models = {"m": [shrunk(streets, 0.5), shrunk(streets, 0.7)]}
    judged = evaluation.evaluate(models, streets, np.arange(1120), WEIGHTS)
    found = judged.by_unit("m")
    assert len(found) == judged.units.nunique() == 10
    for unit, row in found.iterrows():
        rows = np.flatnonzero(judged.units == unit)
        only = {"m": [shrunk(streets, factor)[rows] for factor in (0.5, 0.7)]}
        alone = evaluation.evaluate(only, streets, rows, WEIGHTS).estimates.loc["m"]
        pd.testing.assert_series_equal(row, alone, check_names=False)


def test_places_of_the_same_streets_do_not_narrow_an_interval(streets):
    """Half the places show as much of the spread between streets as all of them."""
    half, gray = np.flatnonzero(np.arange(1120) % 4 < 2), shrunk(streets, 0)
    all_of_them, fewer = (
        np.ptp(evaluation.evaluate({"m": [gray[r]]}, streets, r, WEIGHTS).interval("m", "mse"))
        for r in (np.arange(1120), half)
    )
    assert fewer < 1.15 * all_of_them


def test_the_interval_of_the_median_is_that_of_medians_in_resampled_stretches(streets):
    noise = np.random.default_rng(0).normal(0, 5, streets.ab.shape)
    ab = shrunk(streets, 0.5) + noise
    judged = evaluation.evaluate({"m": [ab]}, streets, np.arange(1120), WEIGHTS)
    ratios = judged.per_photo("m", "mse_vs_gray")
    assert judged.estimates.mse_vs_gray_median["m"] == pytest.approx(np.median(ratios))
    by_stretch = [ratios[judged.units == unit] for unit in range(10)]
    rng = np.random.default_rng(0)
    medians = [
        np.median(np.concatenate([by_stretch[i] for i in rng.integers(10, size=10)]))
        for _ in range(4000)
    ]
    found = judged.draws["m"].mse_vs_gray_median
    quarters = [25, 50, 75]
    np.testing.assert_allclose(*(np.percentile(x, quarters) for x in (found, medians)), rtol=0.05)


@pytest.mark.parametrize(
    ("places", "views", "words"),
    [(350, 2, "5 stretches of about 140"), (20, 2, "20 places of about 2"), (20, 1, "20")],
)
def test_words_say_what_was_resampled(prepared, places, views, words):
    count = places * views
    photos = pd.DataFrame({"place": np.repeat(np.arange(places), views).astype(str)})
    rows = np.arange(count) % 80
    few = prepared_set(prepared.lightness[rows], prepared.ab[rows], photos.assign(extra=False))
    models = {"gray": [np.zeros(few.ab.shape, np.float32)]}
    judged = evaluation.evaluate(models, few, np.arange(count), WEIGHTS)
    assert judged.resampled() == f"{words} photos"


def test_one_place_has_no_interval_and_the_results_are_still_json(prepared):
    judged = judge(prepared, np.arange(2), m=[shrunk(prepared, 0.5)[:2]])
    found = judged.as_results()["m"]
    assert found["mse"] > 0
    assert found["mse_low"] is found["mse_high"] is None
    json.dumps(found, allow_nan=False)
    assert judged.table().loc["m", metrics.METRICS["mse"].head].endswith("[-, -]")


def test_the_table_says_value_and_interval(prepared):
    judged = judge(prepared, gray=[shrunk(prepared, 0)])
    assert judged.table().loc["gray", "MSE / gray"] == "1.000 [1.000, 1.000]"
    assert judged.table(["mse_vs_gray"], intervals=False).loc["gray", "MSE / gray"] == "1.000"


@pytest.mark.parametrize(
    ("factor", "answer"), [(0.1, "is better than gray"), (-0.1, "is worse than gray")]
)
def test_one_sentence_tells_whether_gray_is_beaten(prepared, factor, answer):
    judged = judge(prepared, m=[shrunk(prepared, factor)])
    assert judged.against_gray("m").startswith(f"m {answer}: ")


def test_no_sentence_claims_more_than_the_interval_shows(prepared):
    lucky = shrunk(prepared, 0)
    lucky[0], lucky[3] = 8, -8
    assert "not distinguishable" in judge(prepared, m=[lucky]).against_gray("m")


def test_nothing_to_evaluate_is_an_error(prepared):
    with pytest.raises(ValueError, match="no photos"):
        judge(prepared, np.array([], int), m=[])


def test_a_fold_is_colored_by_every_model_on_its_test_photos():
    rng = np.random.default_rng(0)
    count, split_at = 36, ["train"] * 24 + ["validation"] * 4 + ["test"] * 8
    photos = pd.DataFrame({"place": np.arange(count) // 2, "split": split_at, "extra": False})
    lightness = rng.integers(30, 220, (count, 88, 112), dtype=np.uint8)
    ab = rng.integers(100, 156, (count, 88, 112, 2), dtype=np.uint8)
    fold = prepared_set(lightness, ab, photos)
    torch.manual_seed(0)
    networks = {name: ColorizeCNN() for name in ("published", "colorize_cnn")}
    network = new_model([torch.from_numpy(ab[:24])], widths=(8, 8, 8, 8))
    points = {"street_unet": OperatingPoint(0.5), "street_unet_accurate": OperatingPoint()}
    unet = SimpleNamespace(model=network, points=points)
    found = evaluation.colored(fold, networks, unet)
    assert all(colors.shape == (8, 88, 112, 2) for colors in found.values())
    plain = predict(networks["published"], lightness[28:])
    np.testing.assert_allclose(found["published"], plain, atol=1e-4)
    largest = np.abs(found["published_stretched"]).max(axis=(1, 2, 3))
    np.testing.assert_allclose(largest, 50, rtol=1e-4)
    dull = predict(networks["colorize_cnn"], lightness[24:28])
    gain = color.chroma(color.load_ab(ab[24:28])).mean() / color.chroma(dull).mean()
    np.testing.assert_allclose(
        found["colorize_cnn_scaled"], gain * found["colorize_cnn"], rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(
        found["street_unet"], predict(network, lightness[28:], points["street_unet"]), atol=1e-3
    )
