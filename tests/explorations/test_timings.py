"""Timings in turn, with networks whose time is known."""

import dataclasses
import time

import numpy as np
import pandas as pd
import pytest
import torch
from study_samples import run  # noqa: F401

from helpers import model, paths
from helpers.explorations import timings


class Sleepy(torch.nn.Conv2d):
    """A network that takes at least so many seconds per step, and logs its name."""

    def __init__(self, name, seconds, log):
        super().__init__(1, 2, 1)
        self.about = name, seconds, log

    def forward(self, x):
        name, seconds, log = self.about
        log.append(name)
        time.sleep(seconds)
        return super().forward(x)


def contenders(log):
    return {
        "slow": lambda: Sleepy("slow", 0.06, log),
        "quick": lambda: Sleepy("quick", 0.0, log),
    }


def test_contenders_take_turns_and_the_first_round_does_not_count(run):  # noqa: F811
    log = []
    seconds = timings.in_turn(run, "sleep", contenders(log))
    assert log == ["slow", "quick"] * 3
    assert seconds.shape == (2, 2) and list(seconds) == ["slow", "quick"]
    assert (seconds.slow >= 0.06).all() and seconds.slow.median() > seconds.quick.median()


class Counting(torch.nn.Conv2d):
    """A network that logs how many photos it sees."""

    def __init__(self, log):
        super().__init__(1, 2, 1)
        self.log = log

    def forward(self, x):
        self.log.append(len(x))
        return super().forward(x)


def test_single_networks_see_one_photo_and_the_others_a_batch(run):  # noqa: F811
    log = []
    builds = dict.fromkeys(("batch", "one"), lambda: Counting(log))
    timings.in_turn(run, "counting", builds, single=("one",))
    assert log == [timings.BATCH, 1] * 3


@pytest.mark.parametrize("jump", [1.0, 3.0])
def test_the_cost_of_memory_is_what_the_widest_kernel_takes_more_in_a_batch(jump):
    row = {"7": 2.0, "9": 3.0 * jump, "7, one photo": 0.2, "9, one photo": 0.3}
    value, limits = timings.memory_cost(pd.DataFrame([row] * 5))
    assert (value, *limits) == pytest.approx((jump,) * 3)


@pytest.fixture
def other_threads():
    before = torch.get_num_threads()
    yield lambda: torch.set_num_threads(2 if before == 1 else 1)
    torch.set_num_threads(before)


def test_times_are_cached_for_the_same_threads_and_code(run, monkeypatch, other_threads):  # noqa: F811
    log = []
    first = timings.in_turn(run, "sleep", contenders(log))
    steps = len(log)
    pd.testing.assert_frame_equal(timings.in_turn(run, "sleep", contenders(log)), first)
    assert len(log) == steps
    other_threads()
    timings.in_turn(run, "sleep", contenders(log))
    assert len(log) == 2 * steps
    monkeypatch.setattr(paths, "code_key", lambda *names: "another code")
    timings.in_turn(run, "sleep", contenders(log))
    assert len(log) == 3 * steps


def test_interval_over_rounds_is_around_the_ratio_of_medians():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(2, 0.1, 40), "b": rng.normal(1, 0.05, 40)})
    value, (low, high) = timings.over_rounds(table, lambda s: s[0] / s[1])
    assert value == pytest.approx(table.a.median() / table.b.median())
    assert 1.9 < low < value < high < 2.1


def test_rounds_that_agree_leave_no_doubt():
    table = pd.DataFrame({"a": [2.0] * 5, "b": [4.0] * 5})
    assert timings.over_rounds(table, lambda s: s[0] / s[1]) == (0.5, (0.5, 0.5))


def test_kernels_are_timed_plain_and_once_fast(run):  # noqa: F811
    once = dataclasses.replace(run.profile, timing_repeats=1)
    seconds = timings.kernels(dataclasses.replace(run, profile=once))
    one = ["7, one photo", "9, one photo"]
    assert list(seconds) == ["1", "3", "5", "7", "9", "3, fast", *one]
    plain, fast = model.ColorizeCNN(3), model.ColorizeCNN(fast=True)
    assert "upsample" in set(model.layer_table(plain).kind)
    assert "upsample" not in set(model.layer_table(fast).kind)
