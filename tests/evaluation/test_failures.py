"""Error by groups of pixels, choices by rule, and definitions side by side."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from helpers import color, metrics
from helpers.evaluation import failures
from helpers.model import bins


@pytest.fixture(scope="module")
def photos():
    """Truth (stored), a prediction and the places of 12 small pictures."""
    rng = np.random.default_rng(2)
    truth = rng.normal(128, 18, (12, 8, 6, 2)).round().clip(0, 255).astype(np.uint8)
    ab = (color.load_ab(truth) * 0.5 + rng.normal(0, 4, truth.shape)).astype(np.float32)
    return truth, ab, pd.Series(np.arange(12) // 2)


def test_groups_equal_a_loop_over_pixels(photos):
    truth, ab, places = photos
    groups = np.random.default_rng(0).integers(0, 4, truth.shape[:-1], dtype=np.uint8)
    found = failures.by_group([ab], truth, groups, places, ["a", "b", "c"]).table
    true = color.load_ab(truth)
    inside = [np.square(ab - true).sum(-1)[groups == g].sum() for g in range(3)]
    for g, name in enumerate("abc"):
        mask = groups == g
        row = found.loc[name]
        assert row.pixels == pytest.approx(mask.sum() / (groups < 3).sum())
        assert row.error == pytest.approx(inside[g] / sum(inside), rel=1e-5)
        assert row.rmse == pytest.approx(np.sqrt(np.square((ab - true)[mask]).mean()), rel=1e-5)
        assert row.rmse_gray == pytest.approx(np.sqrt(np.square(true[mask]).mean()), rel=1e-5)
        assert row.mse_vs_gray == pytest.approx((row.rmse / row.rmse_gray) ** 2)
        assert row.mse_vs_gray_low < row.mse_vs_gray < row.mse_vs_gray_high


def test_one_group_of_all_pixels_is_the_metric_itself(photos):
    truth, ab, places = photos
    groups = np.zeros((1, 1), np.uint8)
    found = failures.by_group([ab], truth, groups, places, ["all"])
    light = np.full(truth.shape[:-1], 128, np.uint8)
    sums = metrics.per_photo(ab, light, truth, np.ones((256, 256)))
    pooled = metrics.pool(sums.sum().to_frame().T)
    assert found.table.mse_vs_gray["all"] == pytest.approx(pooled.mse_vs_gray[0], rel=1e-6)


def test_the_mean_over_groups_counts_each_the_same(photos):
    truth, ab, places = photos
    found = failures.by_group(
        [ab], truth, failures.height_groups(8, 4), places, ["1", "2", "3", "4"]
    )
    value, (low, high) = found.mean(["1", "4"])
    assert value == pytest.approx(found.table.mse_vs_gray[["1", "4"]].mean())
    assert low < value < high


def test_seeds_count_as_their_mean_and_widen_the_interval(photos):
    truth, ab, places = photos
    groups = failures.height_groups(8, 2)
    found, good, bad = (
        failures.by_group(seeds, truth, groups, places, ["top", "bottom"]).table
        for seeds in ([ab, 0 * ab], [ab], [0 * ab])
    )
    both = (good + bad) / 2
    np.testing.assert_allclose(found.mse_vs_gray, both.mse_vs_gray, rtol=1e-5)
    np.testing.assert_allclose(found.rmse_gray, both.rmse_gray, rtol=1e-5)
    np.testing.assert_allclose(found.rmse**2, (good.rmse**2 + bad.rmse**2) / 2, rtol=1e-5)
    assert (found.mse_vs_gray_low < good.mse_vs_gray_high).all()
    assert (found.mse_vs_gray_high > 0.99).all()


def test_an_empty_group_is_not_a_number(photos):
    truth, ab, places = photos
    groups = np.zeros(truth.shape[:-1], np.uint8)
    found = failures.by_group([ab], truth, groups, places, ["all", "none"])
    assert found.table.loc["none", "pixels"] == 0
    assert np.isnan(found.table.loc["none", ["rmse", "mse_vs_gray", "mse_vs_gray_low"]]).all()
    value, limits = found.mean(["all", "none"])
    assert np.isnan(value) and np.isnan(limits).all()


def test_chroma_groups_follow_their_names():
    ab = np.array([[0, 0], [4, 3], [9, 0], [0, -19], [20, 0], [40, 0], [50, 0], [90, 90]])
    stored = (ab + 128).astype(np.uint8)
    names = [failures.CHROMA_NAMES[i] for i in failures.chroma_groups(stored)]
    assert names == ["0-5", "5-10", "5-10", "10-20", "20-30", "30-50", "over 50", "over 50"]


def test_height_groups_are_bands_of_equal_size_from_the_top():
    groups = failures.height_groups(88, 8)
    assert groups.shape == (88, 1)
    np.testing.assert_array_equal(np.bincount(groups[:, 0]), np.full(8, 11))
    assert (np.diff(groups[:, 0].astype(int)) >= 0).all()


def test_spread_takes_the_middles_of_equal_parts_of_the_ranking():
    values = np.random.default_rng(0).permutation(100)
    np.testing.assert_array_equal(values[failures.spread(values, 5)], [10, 30, 50, 70, 90])
    np.testing.assert_array_equal(failures.spread(np.array([3.0, 1.0, 2.0]), 3), [1, 2, 0])


def test_our_definitions_come_first_and_equal_the_metrics(photos):
    truth, ab, _ = photos
    light = np.full(truth.shape[:-1], 128, np.uint8)
    models = {"model": ab, "gray": np.zeros_like(ab)}
    table = failures.definitions(models, light, truth, truth)
    weights = bins.color_weights(truth)
    for model, prediction in models.items():
        sums = metrics.per_photo(prediction, light, truth, weights)
        pooled = metrics.pool(sums.sum().to_frame().T).iloc[0]
        for name in table.index.unique(0):
            definition, value = next(iter(table.loc[name, model].items()))
            assert definition.endswith("(ours)")
            assert value == pytest.approx(pooled[name], rel=1e-3, abs=1e-3), name


def test_definitions_differ_as_their_formulas_say(photos):
    truth, ab, _ = photos
    light = np.full(truth.shape[:-1], 128, np.uint8)
    table = failures.definitions({"model": ab}, light, truth, truth).model
    distance = np.sqrt(np.square(ab - color.load_ab(truth)).sum(-1)).ravel()
    strict = np.array([(distance < t).mean() for t in range(151)])
    loose = np.array([(distance <= t).mean() for t in range(151)])
    auc = table["auc"]
    assert auc["less than t, trapezoid over 0..150"] == pytest.approx(np.trapezoid(strict) / 150)
    assert auc["at most t, mean of 151 shares"] == pytest.approx(loose.mean())
    true_rgb, rgb = (
        color.join_lab(color.load_lightness(light), x) for x in (color.load_ab(truth), ab)
    )
    square = np.square(rgb.astype(float) - true_rgb).mean()
    assert table["psnr"].iloc[1] == pytest.approx(10 * np.log10(255**2 / square), rel=1e-4)
    absolute = metrics.colorfulness(rgb, absolute=True).mean()
    assert table["colorfulness"].iloc[1] == pytest.approx(absolute)
    prior = bins.color_weights(truth, 1e-4)[truth[..., 0], truth[..., 1]]
    area = metrics.auc_of(distance.reshape(truth.shape[:-1]))
    expected = (prior * area).sum() / prior.sum()
    assert table["auc_rebalanced"].iloc[1] == pytest.approx(expected)
    ratio = table["rmse"].iloc[1] / table["rmse"].iloc[0]
    assert ratio == pytest.approx(np.sqrt(2))


def test_a_photo_off_by_one_color_is_all_cast():
    truth = np.random.default_rng(0).integers(90, 160, (2, 8, 10, 2), dtype=np.uint8)
    found = failures.reasons(color.load_ab(truth) + np.float32([3, -4]), truth)
    np.testing.assert_allclose(found[["cast", "vivid", "other"]], [[1, 0, 0]] * 2, atol=1e-5)
    np.testing.assert_allclose(found.rmse, 5 / np.sqrt(2), rtol=1e-5)


def test_reasons_for_an_error_are_those_of_a_loop_and_add_up_to_one():
    rng = np.random.default_rng(1)
    truth = rng.integers(60, 190, (3, 6, 5, 2), dtype=np.uint8)
    ab = rng.normal(0, 20, truth.shape).astype(np.float32)
    found = failures.reasons(ab, truth)
    assert np.allclose(found[["cast", "vivid", "other"]].sum(axis=1), 1)
    wrong = ab[2] - (truth[2].astype(float) - 128)
    rest, vivid = wrong - wrong.mean(axis=(0, 1)), 0.0
    for y in range(6):
        for x in range(5):
            if np.hypot(*(truth[2, y, x].astype(float) - 128)) > 30:
                vivid += (rest[y, x] ** 2).sum()
    assert found.vivid[2] == pytest.approx(vivid / (wrong**2).sum(), rel=1e-4)


def groups(**rows):
    """A table of by_group: for each name pixels, error, mse_vs_gray and its interval."""
    names = ["pixels", "error", "mse_vs_gray", "mse_vs_gray_low", "mse_vs_gray_high"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names)


def test_a_group_is_better_or_worse_than_gray_only_where_its_interval_leaves_one():
    table = groups(
        road=(0.5, 0.4, 1.4, 1.2, 1.6), sky=(0.3, 0.2, 0.4, 0.3, 0.5),
        door=(0.2, 0.4, 0.9, 0.7, 1.1), cat=(0, 0, np.nan, np.nan, np.nan),
    )  # fmt: skip
    found = failures.against_gray(table)
    assert dict(found) == {"road": "worse", "sky": "better", "door": "not distinguishable"}


def test_weaknesses_are_the_groups_that_do_not_beat_gray_the_worst_first():
    classes = groups(door=(0.2, 0.4, 0.9, 0.7, 1.1), sky=(0.3, 0.2, 0.4, 0.3, 0.5))
    chromas = groups(dull=(0.5, 0.1, 4.4, 4.0, 4.8))
    found = failures.weaknesses({"class": classes, "true chroma": chromas})
    assert list(found.index) == ["true chroma dull", "class door"]
    assert list(found.loc["true chroma dull"]) == ["4.40 [4.00, 4.80]", "worse", "50.0%", "10.0%"]
    assert failures.weaknesses({"class": classes.loc[["sky"]]}).empty


def test_who_knows_the_class_answers_with_its_mean_color():
    rng = np.random.default_rng(0)
    lightness = rng.integers(0, 256, (5, 16, 6), dtype=np.uint8)
    classes = rng.integers(0, 3, lightness.shape, dtype=np.uint8)
    ab = np.stack([100 + 9 * classes + lightness // 8, 120 + rng.integers(0, 9, classes.shape)], -1)
    prepared = SimpleNamespace(
        lightness=lightness,
        ab=ab.astype(np.uint8),
        classes=classes,
        indices=lambda part: np.array([0, 1, 2]),
    )
    test, true = np.array([3, 4]), ab.astype(float) - 128
    spans = {name: 0.0 for name in ("class", "cell", "photo")}
    for photo, y, x in product(test, range(16), range(6)):
        same = classes[:3] == classes[photo, y, x]
        alike = same & (lightness[:3] // 16 == lightness[photo, y, x] // 16)
        alike &= (np.arange(16) // 2 == y // 2)[None, :, None]
        here = classes[photo] == classes[photo, y, x]
        means = {
            "class": true[:3][same].mean(axis=0),
            "cell": true[:3][alike if alike.any() else same].mean(axis=0),
            "photo": true[photo][here].mean(axis=0),
        }
        for name, mean in means.items():
            spans[name] += np.square(mean - true[photo, y, x]).sum()
    found = failures.oracles(prepared, test)
    expected = np.array([*spans.values()]) / np.square(true[test]).sum()
    np.testing.assert_allclose(found, expected, rtol=1e-5)
