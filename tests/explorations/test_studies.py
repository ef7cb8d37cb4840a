"""Studies, on photos whose colors and errors are known."""

import functools

import numpy as np
import pandas as pd
import pytest
from study_samples import prepared, run  # noqa: F401

from helpers import color
from helpers.explorations import studies
from helpers.model import ColorizeCNN
from helpers.training.recipe import Recipe


def study_of(ab, truth, places=None):
    places = [f"{i}" for i in range(len(ab))] if places is None else places
    return studies.Study(studies.sums(ab, truth), pd.Series(places))


def test_distance_to_the_border_counts_pixels():
    expected = [[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(studies.distance_to_border(4, 5), expected)


def test_gray_has_the_error_of_gray_and_truth_has_none():
    truth = prepared().ab
    assert studies.value(study_of(np.zeros((*truth.shape,)), truth))[0] == pytest.approx(1)
    assert studies.value(study_of(color.load_ab(truth), truth))[0] == 0


def test_errors_agree_with_a_plain_mean():
    truth = prepared().ab
    ab = np.random.default_rng(1).normal(0, 20, truth.shape).astype(np.float32)
    true = color.load_ab(truth)
    value, (low, high) = studies.value(study_of(ab, truth))
    assert value == pytest.approx(np.mean((ab - true) ** 2) / np.mean(true**2), rel=1e-5)
    assert low < value < high
    by_ring = studies.by_ring(study_of(ab, truth))
    inner = (slice(None), slice(5, 7), slice(5, 11))
    middle = np.sum((ab[inner] - true[inner]) ** 2) / np.sum(true[inner] ** 2)
    assert len(by_ring) == 6 and by_ring[5] == pytest.approx(middle, rel=1e-5)


def test_half_the_color_has_half_the_chroma():
    truth = prepared().ab
    half = study_of(color.load_ab(truth) / 2, truth)
    value, interval = studies.value(half, studies.chroma_ratio)
    assert (value, *interval) == pytest.approx((0.5, 0.5, 0.5), rel=1e-6)


def test_error_near_the_edge_is_told_from_error_inside():
    truth = np.full((4, 12, 16, 2), 128, np.uint8)
    ab = np.full(truth.shape, 3.0)
    assert studies.value(study_of(ab, truth), studies.edge_over_inside)[0] == pytest.approx(1)
    near = studies.distance_to_border(12, 16) < studies.EDGE
    ab[:, near] = 6.0
    assert studies.value(study_of(ab, truth), studies.edge_over_inside)[0] == pytest.approx(4)


def test_chroma_quantile_agrees_with_numpy_within_a_bin():
    truth = prepared(size=(40, 40)).ab
    ab = np.random.default_rng(2).normal(0, 12, truth.shape)
    found, (low, high) = studies.value(study_of(ab, truth), studies.chroma_quantile)
    assert found == pytest.approx(np.quantile(np.hypot(*np.moveaxis(ab, -1, 0)), 0.999), rel=0.03)
    assert low <= found <= high


def test_share_above_falls_from_all_to_none():
    truth = prepared().ab
    ab = np.full(truth.shape, 10.0)
    shares = studies.share_above(study_of(ab, truth))
    assert len(shares) == len(studies.CHROMA_EDGES)
    assert shares[0] == 1 and shares[-1] == 0
    step = np.flatnonzero(np.diff(shares))[0]
    assert studies.CHROMA_EDGES[step] <= np.hypot(10, 10) < studies.CHROMA_EDGES[step + 1]
    true = np.hypot(*np.moveaxis(color.load_ab(truth), -1, 0))
    at = studies.CHROMA_EDGES[200]
    found = studies.share_above(study_of(ab, truth), "counts_true")[200]
    assert found == pytest.approx(np.mean(true >= at), abs=1e-6)


def test_outputs_beyond_every_edge_are_counted():
    truth = prepared().ab
    assert studies.share_above(study_of(np.full(truth.shape, 1e5), truth))[-2] == 1


def test_a_study_compared_with_itself_shows_no_difference():
    data = prepared()
    ab = np.random.default_rng(1).normal(0, 20, data.ab.shape)
    same = study_of(ab, data.ab)
    assert studies.ratio(same, same) == (1, (1, 1))
    assert studies.difference(same, same, studies.chroma_ratio) == (0, (0, 0))


def test_a_difference_is_the_first_less_the_second():
    data = prepared()
    true = color.load_ab(data.ab)
    more, less = study_of(true, data.ab), study_of(true / 4, data.ab)
    value, interval = studies.difference(more, less, studies.chroma_ratio)
    assert (value, *interval) == pytest.approx((0.75,) * 3)


def test_pairing_finds_a_small_difference_among_very_unlike_places():
    truth = np.full((12, 8, 8, 2), 128, np.uint8)
    size = np.geomspace(1, 100, 12)[:, None, None, None] * np.ones(truth.shape)
    pair = study_of(1.01 * size, truth), study_of(size, truth)
    value, (low, high) = studies.ratio(*pair, lambda s: s["square"].sum(axis=1).to_numpy())
    assert (value, low, high) == pytest.approx((1.01**2,) * 3)


def test_photos_of_one_place_are_drawn_together():
    # pairs of photos with the same error: half as many independent ones, an interval wider by
    # the square root of two
    truth = np.full((80, 8, 8, 2), 138, np.uint8)
    errors = np.random.default_rng(3).uniform(0, 20, 40).repeat(2)
    ab = 10 + errors[:, None, None, None] * np.ones(truth.shape)
    _, apart = studies.value(study_of(ab, truth))
    _, together = studies.value(study_of(ab, truth, [str(i // 2) for i in range(80)]))
    assert np.diff(together) / np.diff(apart) == pytest.approx(np.sqrt(2), rel=0.1)


def test_a_study_is_kept_and_the_same_when_it_is_resumed(run):  # noqa: F811
    data = prepared()
    first = studies.study(run, data, "short", Recipe(batches=3))
    kept = list((run.folder / "checkpoints").glob("*short*.pt"))
    stamp = kept[0].stat().st_mtime_ns
    again = studies.study(run, data, "short", Recipe(batches=3))
    assert len(kept) == 1 and kept[0].stat().st_mtime_ns == stamp
    pd.testing.assert_frame_equal(first.sums, again.sums)
    pd.testing.assert_frame_equal(first.history, again.history)
    assert len(first.history) == 3 and list(first.places) == list(data.photos.place[8:])


def test_one_change_of_the_network_or_recipe_changes_the_outcome(run):  # noqa: F811
    data = prepared()
    base = studies.published(run, data, 2)
    assert len(base.history) == 2
    zeros = functools.partial(ColorizeCNN, fast=True, padding="zeros")
    others = [
        studies.study(run, data, "zeros", Recipe(batches=2), zeros),
        studies.study(run, data, "rate", Recipe(batches=2, learning_rate=1e-3)),
    ]
    for other in others:
        assert studies.ratio(other, base)[0] != pytest.approx(1, abs=1e-9)


def test_the_published_study_is_that_of_notebook_03(run):  # noqa: F811
    studies.published(run, prepared(), run.profile.published_batches)
    assert (run.folder / "checkpoints" / f"published-seed{run.seed}.pt").exists()
