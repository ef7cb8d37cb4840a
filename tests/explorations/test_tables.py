"""How the studies of street_unet read: tables as text, and what is said of them."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import curve_fit
from scipy.stats import t

from helpers.explorations import tables, unet_studies


def study(**rows):
    """Rows of error, its interval and chroma ratio; names as unet_studies gives them."""
    names = ["mse_vs_gray", "mse_vs_gray_low", "mse_vs_gray_high", "chroma_ratio"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names)


def steps(half=0.005, **changes):
    """Rows that differ from the first by so much, each change give or take `half`."""
    changes = {"as the base": 0, **changes}
    rows = study(**{name: (0.5 + change, 0.4, 0.6, 0.4) for name, change in changes.items()})
    change = np.array([*changes.values()], float)
    halves = np.array([0, *[half] * (len(change) - 1)])
    return rows.assign(change=change, change_low=change - halves, change_high=change + halves)


def test_every_study_of_a_step_has_a_name_for_readers():
    assert set(unet_studies.STEPS) < set(tables.ROWS)


def test_a_table_begins_with_the_error_and_its_interval_then_the_change():
    shown = tables.readable(steps(**{"photos as they are": -0.068}), change=True)
    assert list(shown.columns) == ["error over gray's", "change", "chroma"]
    assert list(shown.index) == ["nothing left out", "changes of the photos left out"]
    assert list(shown.iloc[1]) == [
        "0.432\N{NO-BREAK SPACE}[0.400,\N{NO-BREAK SPACE}0.600]",
        "-0.068\N{NO-BREAK SPACE}[-0.073,\N{NO-BREAK SPACE}-0.063]",
        "0.40",
    ]
    assert "change" not in tables.readable(steps())


def test_leaving_out_helps_when_the_error_rises_and_adding_when_it_falls():
    names = {"weights not averaged": 0.02, "no look at the whole picture": -0.01}
    said = tables.steps_said(steps(**names, **{"photos of elsewhere as well": 0.03}))
    assert said.splitlines() == [
        "averaging of the weights left out: error +0.020 [+0.015, +0.025], so that part had helped",
        "look at the whole picture left out: error -0.010 [-0.015, -0.005], "
        "so that part had harmed",
        "photos of elsewhere added: error +0.030 [+0.025, +0.035], so it harmed",
    ]
    better = tables.steps_said(steps(**{"photos of elsewhere as well": -0.03}))
    assert better.endswith("so it helped")


@pytest.mark.parametrize("change", [0.004, -0.004])
def test_a_change_whose_interval_holds_zero_is_called_no_difference(change):
    said = tables.steps_said(steps(**{"weights not averaged": change}))
    assert said.endswith(", no difference that these photos can show")


def test_heads_are_told_apart_by_paired_intervals_and_within_one_reading():
    table = study(
        **{
            "bins, weighted: colorful": (0.6, 0.5, 0.7, 0.8),
            "bins, weighted: faithful": (0.5, 0.4, 0.55, 0.4),
            "L2, weighted: colorful": (0.62, 0.55, 0.72, 0.9),
            "L2: colorful": (0.7, 0.6, 0.8, 1.0),
            "L1: colorful": (0.55, 0.45, 0.65, 1.0),
            "L2: faithful": (0.58, 0.56, 0.6, 0.5),
        }
    )
    low, high = [0, 0, -0.01, 0.05, -0.08, -0.02], [0, 0, 0.05, 0.15, -0.02, 0.1]
    change = [0, 0, 0.02, 0.1, -0.05, 0.08]
    table = table.assign(change=change, change_low=low, change_high=high)
    assert tables.heads_said(table, "colorful").splitlines() == [
        "colorful, against bins, weighted (0.600, chroma 0.80)",
        "  worse: L2 (0.700, chroma 1.00) by +0.100 [+0.050, +0.150]",
        "  better: L1 (0.550, chroma 1.00) by -0.050 [-0.080, -0.020]",
        "  not told apart: L2, weighted (0.620, chroma 0.90) by +0.020 [-0.010, +0.050]",
    ]
    assert "not told apart: L2 (0.580" in tables.heads_said(table, "faithful")


def test_another_landscape_is_held_against_gray_there():
    rows = {"here, tried here": (0.57, 0.5, 0.6), "elsewhere, tried elsewhere": (0.8, 0.7, 0.9)}
    rows |= {"here, tried elsewhere": (1.15, 1.1, 1.2), "elsewhere, tried here": (1.05, 0.99, 1.1)}
    rows |= {"both, tried here": (0.59, 0.5, 0.6), "both, tried elsewhere": (0.93, 0.91, 0.94)}
    table = study(**{f"trained {name}": (*row, 0.4) for name, row in rows.items()})
    away, home = tables.landscapes_said(table).splitlines()
    assert away.startswith("trained here and tried elsewhere: worse than gray there, 1.150 [1.1")
    assert away.endswith("trained on both: 0.930 [0.910, 0.940]")
    assert home.startswith("trained elsewhere and tried here: not told apart from gray there")
    assert "trained on both, tried here" in tables.readable(table).index


def test_a_power_law_gives_its_own_change_for_each_doubling_without_doubt():
    value = np.array([100, 200, 800])
    table = pd.DataFrame({"value": value, "mse_vs_gray": 3 * value**-0.25})
    change, (low, high) = tables.per_doubling(table)
    assert change == pytest.approx(2**-0.25 - 1) == pytest.approx(low) == pytest.approx(high)


def test_the_interval_of_a_doubling_is_that_of_a_general_fitter():
    table = pd.DataFrame({"value": [120, 236, 472, 948], "mse_vs_gray": [0.62, 0.607, 0.601, 0.57]})
    x, y = np.log2(table.value), np.log2(table.mse_vs_gray)
    (_, slope), spread = curve_fit(lambda x, a, b: a + b * x, x, y)
    half = t.ppf(0.975, 2) * np.sqrt(spread[1, 1])
    change, limits = tables.per_doubling(table)
    assert change == pytest.approx(2**slope - 1, rel=1e-5)
    assert limits == pytest.approx((2 ** (slope - half) - 1, 2 ** (slope + half) - 1), rel=1e-4)


def test_two_points_have_no_interval():
    table = pd.DataFrame({"value": [1, 2], "mse_vs_gray": [1.0, 0.5]})
    change, limits = tables.per_doubling(table)
    assert change == pytest.approx(-0.5) and np.isnan(limits).all()


def test_16_bits_are_said_to_harm_only_where_the_interval_leaves_zero(tmp_path, monkeypatch):
    names = ("one, float32", "one, bfloat16", "two, float32", "two, bfloat16", "three, bfloat16")
    rows = study(**{name: (0.5, 0.4, 0.6, 0.4) for name in names})
    changes = {"change": [0, 0.02, 0, 0.02, -0.02], "change_low": [0, 0.01, 0, -0.01, -0.03]}
    rows = rows.assign(**changes, change_high=[0, 0.03, 0, 0.05, -0.01])
    environment = {"device": "cpu", "commit": "abc"}
    record = {"seeds": 3, "batches": 7, "data": "photos", "environment": environment}
    monkeypatch.setattr(tables, "PRECISION", tmp_path / "precision.json")
    made = record | tables.as_records({"precision": rows})
    tables.results.save(tables.PRECISION, made)
    table, said = tables.precision()
    pd.testing.assert_frame_equal(table, rows, check_dtype=False)
    assert said.splitlines() == [
        "3 seeds of 7 batches each on photos, cpu, commit abc",
        "one, bfloat16: error +0.020 [+0.010, +0.030], so it harms",
        "two, bfloat16: error +0.020 [-0.010, +0.050], so it makes no difference seen here",
        "three, bfloat16: error -0.020 [-0.030, -0.010], so it helps",
    ]
