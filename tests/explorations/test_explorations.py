"""The explorations: losses in one unit, stacks, the leak."""

import numpy as np
import pandas as pd
import pytest
import torch
from study_samples import prepared, run  # noqa: F401

from helpers import explorations, model, training
from helpers.explorations import laws, studies
from helpers.training.recipe import Recipe


def test_l1_is_fitted_as_any_recipe_would_be(run):  # noqa: F811
    data = prepared()
    watched = explorations.l1(run, data)
    recipe = Recipe(loss="l1", batches=4)
    plain = studies.study(run, data, "plain", recipe)
    np.testing.assert_allclose(watched.history.loss, plain.history.loss, rtol=1e-6)
    assert studies.ratio(watched, plain)[0] == pytest.approx(1, abs=1e-6)


def test_square_errors_of_l1_are_those_of_its_batches(run):  # noqa: F811
    # before the first step both losses see the same network and the same batch
    data = prepared()
    watched = explorations.l1(run, data).history
    assert list(watched.columns) == ["batch", "loss", "mse"] and len(watched) == 4
    twin = training.published(run, data, run.seed).history
    assert watched.mse[0] == pytest.approx(twin.loss[0], rel=1e-6)
    assert watched.mse[1] != pytest.approx(twin.loss[1], rel=1e-9)
    assert (watched.mse >= watched.loss**2).all()


def test_l1_is_kept_and_the_same_when_it_is_resumed(run):  # noqa: F811
    data = prepared()
    first = explorations.l1(run, data)
    (path,) = (run.folder / "checkpoints").glob("*l1*.pt")
    stamp = path.stat().st_mtime_ns
    again = explorations.l1(run, data)
    assert path.stat().st_mtime_ns == stamp
    pd.testing.assert_frame_equal(first.history, again.history)
    pd.testing.assert_frame_equal(first.sums, again.sums)


def test_rmse_of_a_batch_is_in_ab_units():
    assert explorations.batch_rmse([(10 / 255) ** 2, 0]) == pytest.approx([10, 0])


def test_a_fall_half_as_fast_settles_about_twice_as_late():
    batches = np.arange(375)
    slow, fast = (1 + np.exp(-batches / time) for time in (40, 20))
    value, (low, high) = explorations.settling_ratio(slow, fast)
    assert low <= value <= high
    # counted from batch 9, where the first window ends
    late, early = (9 + time * np.log(10) for time in (40, 20))
    assert value == pytest.approx(late / early, rel=0.03)
    assert explorations.settling_ratio(fast, fast) == (1, (1, 1))
    assert laws.settles(slow)[0] / laws.settles(fast)[0] == value


@pytest.mark.parametrize("stack, large", [("two 3 x 3", "one 5 x 5"), ("three 3 x 3", "one 7 x 7")])
def test_stacks_and_large_kernels_reach_equally_far(stack, large):
    tables = [
        model.layer_table(explorations.stack(*explorations.STACKS[name])) for name in (stack, large)
    ]
    assert len({t.receptive_field.iloc[-1] for t in tables}) == 1
    assert tables[0].multiply_adds.sum() < tables[1].multiply_adds.sum()
    assert {c for t in tables for c in t.channels[1:-1]} == {explorations.STACK_WIDTH}


@pytest.mark.parametrize("shape", explorations.STACKS.values())
def test_no_stack_begins_at_an_end_of_the_scale(shape):
    white = torch.full((1, 1, 8, 8), 255.0)
    for seed in range(5):
        torch.manual_seed(seed)
        assert 0.2 < explorations.stack(*shape)(white).mean() < 0.8


def test_the_table_of_stacks_has_all_that_is_compared(run, monkeypatch):  # noqa: F811
    monkeypatch.setattr(explorations, "STACK_WIDTH", 2)
    monkeypatch.setattr(explorations.timings, "BATCH", 1)
    table, seconds, fitted = explorations.compare_stacks(run, prepared())
    assert list(table.name) == list(fitted) == list(seconds) == list(explorations.STACKS)
    assert list(table.reach) == [5, 5, 7, 7]
    for column in ("seconds", "mse_vs_gray"):
        assert (table[f"{column}_low"] <= table[column]).all()
        assert (table[column] <= table[f"{column}_high"]).all()
    again, _, _ = explorations.compare_stacks(run, prepared())
    pd.testing.assert_frame_equal(table, again)


def test_kernels_are_timed_plain_and_once_fast(run, monkeypatch):  # noqa: F811
    asked = {}
    monkeypatch.setattr(
        explorations.timings, "in_turn", lambda run, name, builds, repeats: asked.update(builds)
    )
    explorations.time_kernels(run)
    assert list(asked) == ["1", "3", "5", "7", "9", "3, fast"]
    for name, build in asked.items():
        kinds = set(model.layer_table(build()).kind)
        assert ("upsample" in kinds) == (name != "3, fast")
        assert build().conv1.kernel_size[0] == int(name[0])


def views(places, each=4):
    """Photos whose views are alike within a place; places have colors and pictures of their own."""
    rng = np.random.default_rng(0)
    count = places * each
    data = prepared(train=count, test=0, size=(88, 112))
    place = np.arange(count) // each
    scenes = rng.integers(0, 200, (places, 22, 28), dtype=np.uint8).repeat(4, 1).repeat(4, 2)
    data.lightness = scenes[place] + rng.integers(0, 40, (count, 88, 112), dtype=np.uint8)
    colors = rng.integers(98, 159, (places, 1, 1, 2), dtype=np.uint8)
    data.ab = np.broadcast_to(colors[place], (count, 88, 112, 2))
    split = np.where(place < places // 4, "test", np.where(place < places // 2, "gap", "train"))
    data.photos = pd.DataFrame({"place": place.astype(str), "split": split, "extra": False})
    return data


def test_views_that_are_alike_leak_through_a_split_by_photo():
    data = views(16)
    by_stretches, by_photo = explorations.leak(data)
    assert studies.value(by_photo)[0] < 0.8 * studies.value(by_stretches)[0]
    assert studies.difference(by_stretches, by_photo, studies.mse_vs_gray)[1][0] > 0


def test_photos_that_have_nothing_in_common_do_not_leak():
    data = views(60, each=1)
    by_stretches, by_photo = explorations.leak(data)
    low, high = studies.difference(by_stretches, by_photo, studies.mse_vs_gray)[1]
    assert low < 0 < high


def test_the_copy_never_comes_from_the_photo_itself_nor_from_extra_ones(monkeypatch):
    data, seen = views(8), []
    data.photos.loc[[30, 31], "extra"] = True
    plain = explorations.nearest_copy

    def spy(lightness, others, ab, allowed):
        seen.append(allowed)
        return plain(lightness, others, ab, allowed)

    monkeypatch.setattr(explorations, "nearest_copy", spy)
    explorations.leak(data)
    by_stretches, by_photo = seen
    assert by_stretches.shape == by_photo.shape == (8, 30)
    assert (by_stretches.sum(axis=1) == 14).all() and (by_photo.sum(axis=1) == 14).all()
    assert not by_photo[np.arange(8), data.indices("test")].any()
    assert by_photo[:, :8].any()
