"""Timings in turn, with networks whose time is known."""

import time

import numpy as np
import pandas as pd
import pytest
import torch

from helpers import paths, results
from helpers.explorations import timings
from helpers.training import threads


class Sleepy(torch.nn.Conv2d):
    """A network that takes at least so many seconds a step."""

    def __init__(self, seconds):
        super().__init__(1, 2, 1)
        self.seconds = seconds

    def forward(self, x):
        time.sleep(self.seconds)
        return super().forward(x)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "BUILD", tmp_path)
    return results.start("05_explorations")


def contenders(log):
    def note(name):
        mine = threads.own_part()
        if mine is None or mine.number == 0:  # once a step, however many threads share it
            log.append(name)

    def build(name, seconds):
        def made():
            net = Sleepy(seconds)
            net.register_forward_pre_hook(lambda *_: note(name))
            return net

        return made

    return {"slow": build("slow", 0.06), "quick": build("quick", 0.0)}


def test_contenders_take_turns_and_the_first_round_does_not_count(run):
    log = []
    seconds = timings.in_turn(run, "sleep", contenders(log), repeats=3)
    assert log == ["slow", "quick"] * 4
    assert seconds.shape == (3, 2) and list(seconds) == ["slow", "quick"]
    assert (seconds.slow >= 0.06).all() and seconds.slow.median() > seconds.quick.median()


def test_times_are_kept_until_something_else_is_asked(run):
    log = []
    first = timings.in_turn(run, "sleep", contenders(log), repeats=2)
    steps = len(log)
    pd.testing.assert_frame_equal(timings.in_turn(run, "sleep", contenders(log), repeats=2), first)
    assert len(log) == steps
    assert len(timings.in_turn(run, "sleep", contenders(log), repeats=3)) == 3
    assert len(log) == steps + 8


def test_times_of_another_number_of_threads_are_taken_anew(run):
    log, before = [], torch.get_num_threads()
    timings.in_turn(run, "sleep", contenders(log), repeats=2)
    steps = len(log)
    torch.set_num_threads(2 if before == 1 else 1)
    try:
        timings.in_turn(run, "sleep", contenders(log), repeats=2)
    finally:
        torch.set_num_threads(before)
    assert len(log) == 2 * steps


def test_interval_over_rounds_is_around_the_ratio_of_medians():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(2, 0.1, 40), "b": rng.normal(1, 0.05, 40)})
    value, (low, high) = timings.over_rounds(table, lambda s: s[0] / s[1])
    assert value == pytest.approx(table.a.median() / table.b.median())
    assert 1.9 < low < value < high < 2.1


def test_rounds_that_agree_leave_no_doubt():
    table = pd.DataFrame({"a": [2.0] * 5, "b": [4.0] * 5})
    assert timings.over_rounds(table, lambda s: s[0] / s[1]) == (0.5, (0.5, 0.5))
