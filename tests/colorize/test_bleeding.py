"""The yardstick of bleeding: what it calls near, stray and good."""

import numpy as np
import pytest
from colorizer_samples import save_weights, scene

from helpers.colorize import Colorizer, bleeding

EDGE = 80


def wall_and_sky():
    """L (120 x 160) and ab of two areas that meet in one edge."""
    left = np.arange(160) < EDGE
    lightness = np.tile(np.where(left, 30.0, 80.0), (120, 1))
    ab = np.tile(np.where(left[:, None], [20.0, 20.0], [-5.0, -30.0]), (120, 1, 1))
    return lightness, ab


def test_the_truth_has_no_error_and_strays_nowhere():
    lightness, ab = wall_and_sky()
    found = bleeding.measure(ab, ab, lightness)
    assert found["delta_e"] == found["near"] == found["elsewhere"] == 0
    assert found["stray"] < 0.05


def test_color_that_ran_over_is_an_error_near_the_edge_alone():
    lightness, ab = wall_and_sky()
    spilled = ab.copy()
    spilled[:, EDGE : EDGE + 5] = ab[0, 0]
    found = bleeding.measure(spilled, ab, lightness)
    assert found["near"] > 5 and found["elsewhere"] == 0


def test_an_edge_of_color_where_there_is_none_of_light_strays():
    lightness, ab = wall_and_sky()
    shifted = np.roll(ab, 30, axis=1)
    assert bleeding.measure(shifted, ab, lightness)["stray"] > 0.9


def test_every_way_is_compared_for_both_sources(tmp_path):
    colorizer = Colorizer.load(save_weights(tmp_path / "tiny.safetensors"))
    rgb = colorizer.colorize(scene(240, 320))
    table = bleeding.compare([rgb, rgb], colorizer)
    assert len(table) == 2 + 2 * len(bleeding.WAYS)
    assert table.way.iloc[0] == "gray" and table.chroma.iloc[-1] == "truth"
    ideal = table[table.chroma == "ground truth at half size"].set_index("way")
    assert ideal.near["joint, corrected"] < ideal.near["bilinear"]
    assert table.delta_e.iloc[-1] == pytest.approx(0, abs=1e-6)
