"""Studies of the report's network, on photos whose colors and errors are known."""

import functools
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from study_samples import prepared, prepared_set, run  # noqa: F401

from helpers import color, model, training
from helpers.explorations import studies
from helpers.model import ColorizeCNN
from helpers.training import Recipe


@pytest.fixture
def data():
    return prepared()


def truth(data):
    """Colors of the test photos in ab units."""
    return color.load_ab(data.ab[data.indices("test")])


def with_truth(stored, train=2):
    """A prepared set with these stored colors of test photos."""
    stored = np.concatenate([stored[:train], stored])
    lightness = np.zeros(stored.shape[:3], np.uint8)
    return prepared_set(lightness, stored, train=train, validation=0)


def test_distance_to_the_border_counts_pixels():
    expected = [[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(studies.distance_to_border(4, 5), expected)


def test_gray_has_the_error_of_gray_and_ground_truth_has_none(data):
    true = truth(data)
    assert studies.measure(np.zeros_like(true), data).value()[0] == pytest.approx(1)
    assert studies.measure(true, data).value()[0] == 0


def test_errors_agree_with_a_plain_mean(data):
    true = truth(data)
    ab = np.random.default_rng(1).normal(0, 20, true.shape).astype(np.float32)
    study = studies.measure(ab, data)
    value, (low, high) = study.value()
    assert value == pytest.approx(np.mean((ab - true) ** 2) / np.mean(true**2), rel=1e-5)
    assert low < value < high
    inner = (slice(None), slice(5, 7), slice(5, 11))
    middle = np.sum((ab[inner] - true[inner]) ** 2) / np.sum(true[inner] ** 2)
    assert len(study.by_ring()) == 6 and study.by_ring()[5] == pytest.approx(middle, rel=1e-5)


def test_half_the_color_has_half_the_chroma(data):
    value, interval = studies.measure(truth(data) / 2, data).value("chroma_ratio")
    assert (value, *interval) == pytest.approx((0.5, 0.5, 0.5), rel=1e-6)


def test_error_near_the_border_is_separate_from_error_inside():
    gray = with_truth(np.full((4, 12, 16, 2), 128, np.uint8))
    ab = np.full((4, 12, 16, 2), 3.0)
    assert studies.measure(ab, gray).value("edge_over_inside")[0] == pytest.approx(1)
    ab[:, studies.distance_to_border(12, 16) < studies.EDGE] = 6.0
    assert studies.measure(ab, gray).value("edge_over_inside")[0] == pytest.approx(4)


def test_the_highest_chroma_agrees_with_numpy_within_a_bin():
    data = prepared(size=(40, 40))
    ab = np.random.default_rng(2).normal(0, 12, truth(data).shape)
    found, (low, high) = studies.measure(ab, data).value("chroma_999")
    assert found == pytest.approx(np.quantile(np.hypot(*np.moveaxis(ab, -1, 0)), 0.999), rel=0.03)
    assert low <= found <= high


def test_share_above_falls_from_all_to_none(data):
    study = studies.measure(np.full(truth(data).shape, 10.0), data)
    shares = study.share_above()
    assert len(shares) == len(studies.CHROMA_EDGES)
    assert shares[0] == 1 and shares[-1] == 0
    step = np.flatnonzero(np.diff(shares))[0]
    assert studies.CHROMA_EDGES[step] <= np.hypot(10, 10) < studies.CHROMA_EDGES[step + 1]
    chroma = np.hypot(*np.moveaxis(truth(data), -1, 0))
    expected = np.mean(chroma >= studies.CHROMA_EDGES[200])
    assert study.share_above("counts_true")[200] == pytest.approx(expected, abs=1e-6)


def test_colors_beyond_every_bin_are_counted(data):
    assert studies.measure(np.full(truth(data).shape, 1e5), data).share_above()[-2] == 1


def test_a_study_compared_with_itself_shows_no_difference(data):
    same = studies.measure(np.random.default_rng(1).normal(0, 20, truth(data).shape), data)
    assert same.ratio(same) == (1, (1, 1))
    assert same.difference(same, "chroma_ratio") == (0, (0, 0))


def test_a_difference_is_the_first_minus_the_second(data):
    more, less = (studies.measure(truth(data) / part, data) for part in (1, 4))
    value, interval = more.difference(less, "chroma_ratio")
    assert (value, *interval) == pytest.approx((0.75,) * 3)


def test_pairing_finds_a_small_difference_among_very_different_places():
    data = prepared(train=4, test=24)
    size = np.geomspace(1, 100, 24)[:, None, None, None]
    ab = truth(data) + size
    pair = (studies.measure(truth(data) + scale * size, data) for scale in (1.01, 1))
    value, (low, high) = next(pair).ratio(next(pair))
    assert (value, low, high) == pytest.approx((1.01**2,) * 3)
    low, high = studies.measure(ab, data).value()[1]
    assert high > 1.2 * low


def test_a_study_is_cached_and_the_same_when_it_is_loaded(run, data):  # noqa: F811
    first = studies.study(run, data, "short", Recipe(batches=3))
    (kept,) = (run.folder / "checkpoints").glob("*.pt")
    assert kept.name == "study-short-seed0.pt"
    stamp = kept.stat().st_mtime_ns
    again = studies.study(run, data, "short", Recipe(batches=3))
    assert kept.stat().st_mtime_ns == stamp
    pd.testing.assert_series_equal(first.estimates, again.estimates)
    pd.testing.assert_frame_equal(first.history, again.history)
    assert len(first.history) == 3


def test_one_change_of_network_recipe_or_seed_changes_the_outcome(run, data):  # noqa: F811
    base = studies.published(run, data, 2)
    assert len(base.history) == 2
    zeros = functools.partial(ColorizeCNN, fast=True, padding="zeros")
    others = [
        studies.study(run, data, "zeros", Recipe(batches=2), zeros),
        studies.study(run, data, "rate", Recipe(batches=2, rate=1e-3)),
        studies.study(replace(run, seed=1), data, "published-2", Recipe(batches=2)),
    ]
    for other in others:
        assert other.ratio(base)[0] != pytest.approx(1, abs=1e-9)


def test_the_published_study_is_the_training_run_of_notebook_03(run, data):  # noqa: F811
    study = studies.published(run, data, run.profile.published_batches)
    fitted = training.published(run, data, run.seed)
    pd.testing.assert_frame_equal(study.history, fitted.history)


def test_l1_training_logs_the_squared_error_of_each_batch(run, data):  # noqa: F811
    # before the first step both losses see the same network and the same batch
    recipe = Recipe(loss="l1", batches=4)
    logged = studies.study(run, data, "l1", recipe, log={"mse": F.mse_loss}).history
    twin = studies.published(run, data, 4).history
    assert logged.mse[0] == pytest.approx(twin.loss[0], rel=1e-6)
    assert logged.mse[1] != pytest.approx(twin.loss[1], rel=1e-9)
    assert (logged.mse >= logged.loss**2).all()


@pytest.mark.parametrize("stack, large", [("two 3 x 3", "one 5 x 5"), ("three 3 x 3", "one 7 x 7")])
def test_stacks_and_large_kernels_have_equal_reach_and_width(stack, large):
    small, big = (
        model.layer_table(studies.stack(*studies.STACKS[name])) for name in (stack, large)
    )
    assert small.receptive_field.iloc[-1] == big.receptive_field.iloc[-1]
    assert small.multiply_adds.sum() < big.multiply_adds.sum()
    assert {c for t in (small, big) for c in t.channels[1:-1]} == {studies.STACK_WIDTH}


@pytest.mark.parametrize("shape", studies.STACKS.values())
def test_no_stack_is_saturated_at_the_start(shape):
    white = torch.full((1, 1, 8, 8), 255.0)
    for seed in range(5):
        torch.manual_seed(seed)
        assert 0.2 < studies.stack(*shape)(white).mean() < 0.8


def test_the_table_of_stacks_has_all_that_is_compared(run, data):  # noqa: F811
    table, seconds, fitted = studies.compare_stacks(run, data)
    assert list(table.name) == list(fitted) == list(seconds) == list(studies.STACKS)
    assert list(table.reach) == [5, 5, 7, 7]
    for column in ("seconds", "mse_vs_gray"):
        assert (table[f"{column}_low"] <= table[column]).all()
        assert (table[column] <= table[f"{column}_high"]).all()
    again, _, _ = studies.compare_stacks(run, data)
    pd.testing.assert_frame_equal(table, again)


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_only_a_full_run_separates_the_size_of_a_step_from_the_number_of_steps(run, data, profile):  # noqa: F811
    longer = replace(run, profile=replace(run.profile, name=profile, study_batches=4))
    base = studies.published(longer, data, 4)
    found = studies.suggestions(longer, data, base)
    separate = {"batches of 64, as many steps", "third of the rate, three times the steps"}
    assert separate & set(found) == (separate if profile == "full" else set())
    assert {"two more layers", "batches of 64, as many photos"} < set(found)
    assert all(low <= value <= high for value, (low, high) in found.values())


def test_each_suggestion_trains_with_the_steps_its_name_says(run, data):  # noqa: F811
    longer = replace(run, profile=replace(run.profile, name="full", study_batches=4))
    studies.suggestions(longer, data, studies.published(longer, data, 4))
    steps = {
        path.stem.removeprefix("study-").removesuffix("-seed0"): trained(path)
        for path in (longer.folder / "checkpoints").glob("study-*.pt")
    }
    assert steps == {
        "batches-of-64-as-many-photos": 1,
        "batches-of-64-as-many-steps": 4,
        "third-of-the-rate-as-many-steps": 4,
        "third-of-the-rate-three-times-the-steps": 12,
        "two-more-layers": 4,
    }


def trained(path):
    """Steps in a checkpoint; its first 32 bytes are a digest."""
    return len(torch.load(io.BytesIO(path.read_bytes()[32:]))["state"]["history"])


def views(places, each=4):
    """Photos whose views are alike within a place; places differ in colors and lightness."""
    rng = np.random.default_rng(0)
    count = places * each
    place = np.arange(count) // each
    looks = rng.integers(0, 200, (places, 22, 28), dtype=np.uint8).repeat(4, 1).repeat(4, 2)
    lightness = looks[place] + rng.integers(0, 40, (count, 88, 112), dtype=np.uint8)
    colors = rng.integers(98, 159, (places, 1, 1, 2), dtype=np.uint8)
    data = prepared_set(lightness, np.tile(colors[place], (1, 88, 112, 1)), 0, 0)
    split = np.where(place < places // 4, "test", np.where(place < places // 2, "gap", "train"))
    return replace(data, photos=data.photos.assign(place=place.astype(str), split=split))


def test_views_that_are_alike_leak_through_a_split_by_photo():
    by_stretches, by_photo = studies.leak(views(32))
    assert by_photo.value()[0] < 0.8 * by_stretches.value()[0]
    assert by_stretches.difference(by_photo)[1][0] > 0


def test_photos_that_have_nothing_in_common_do_not_leak():
    by_stretches, by_photo = studies.leak(views(60, each=1))
    low, high = by_stretches.difference(by_photo)[1]
    assert low < 0 < high


def test_a_copy_never_comes_from_the_photo_itself():
    # identical lightness everywhere but in pairs: the only similar photo is the photo itself
    by_stretches, by_photo = studies.leak(views(8, each=1))
    assert by_stretches.value()[0] > 0.1 and by_photo.value()[0] > 0.1
