"""Studies of street_unet as tables and sentences."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import curve_fit
from scipy.stats import t

from helpers import paths, results
from helpers.explorations import tables
from helpers.metrics import METRICS


def study(**rows):
    """Rows of error, its interval and chroma ratio; names as unet_studies gives them."""
    names = ["mse_vs_gray", "mse_vs_gray_low", "mse_vs_gray_high", "chroma_ratio"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names)


def steps(half=0.005, **changes):
    """Rows that differ from the first by so much, each change give or take `half`."""
    changes = {"base recipe": 0, **changes}
    rows = study(**{name: (0.5 + change, 0.4, 0.6, 0.4) for name, change in changes.items()})
    change = np.array([*changes.values()], float)
    halves = np.array([0, *[half] * (len(change) - 1)])
    return rows.assign(change=change, change_low=change - halves, change_high=change + halves)


def test_a_table_begins_with_the_error_and_its_interval_then_the_change():
    shown = tables.readable(steps(**{"augmentation left out": -0.068}), change=True)
    error = METRICS["mse_vs_gray"].label
    assert list(shown.columns) == [error, f"change of {error}", METRICS["chroma_ratio"].label]
    assert list(shown.index) == ["base recipe", "augmentation left out"]
    assert list(shown.iloc[1]) == [
        "0.432\N{NO-BREAK SPACE}[0.400,\N{NO-BREAK SPACE}0.600]",
        "-0.068\N{NO-BREAK SPACE}[-0.073,\N{NO-BREAK SPACE}-0.063]",
        "0.400",
    ]
    assert len(tables.readable(steps()).columns) == 2


def test_columns_are_named_by_label_and_unit():
    shown = tables.readable(steps().assign(colorfulness_gap=1.234, seeds=3, of="here"))
    assert "colorfulness gap" in shown and shown["training runs"].item() == 3
    assert shown["test photos"].item() == "here"


def verdicts(text):
    """The verdict of each line."""
    words = ("better", "worse", "not distinguishable")
    return [next(word for word in words if word in line) for line in text.splitlines()]


def test_a_step_is_better_or_worse_only_if_its_interval_excludes_zero():
    names = {"averaging of weights left out": 0.02, "cropping and relighting added": -0.01}
    names |= {"photos of another landscape added": 0.004, "augmentation left out": -0.004}
    sentences = tables.step_sentences(steps(**names))
    assert verdicts(sentences) == ["worse", "better", *["not distinguishable"] * 2]
    assert "averaging of weights left out: +0.020 [+0.015, +0.025]" in sentences


def test_heads_are_compared_at_one_point_by_paired_intervals():
    table = study(
        **{
            "bins, weighted, colorful": (0.6, 0.5, 0.7, 0.8),
            "bins, weighted, accurate": (0.5, 0.4, 0.55, 0.4),
            "L2, weighted, colorful": (0.62, 0.55, 0.72, 0.9),
            "L2, colorful": (0.7, 0.6, 0.8, 1.0),
            "L1, colorful": (0.55, 0.45, 0.65, 1.0),
            "L2, accurate": (0.58, 0.56, 0.6, 0.5),
        }
    )
    low, high = [0, 0, -0.01, 0.05, -0.08, -0.02], [0, 0, 0.05, 0.15, -0.02, 0.1]
    change = [0, 0, 0.02, 0.1, -0.05, 0.08]
    table = table.assign(change=change, change_low=low, change_high=high)
    assert tables.head_sentences(table, "colorful").splitlines() == [
        "colorful, compared with bins, weighted (0.600 [0.500, 0.700])",
        "  better: L1 (-0.050 [-0.080, -0.020])",
        "  worse: L2 (+0.100 [+0.050, +0.150])",
        "  not distinguishable: L2, weighted (+0.020 [-0.010, +0.050])",
    ]
    assert verdicts(tables.head_sentences(table, "accurate").splitlines()[1]) == [
        "not distinguishable"
    ]
    assert "bins, weighted, accurate" in tables.readable(table).index


def test_another_landscape_is_compared_with_gray_there():
    rows = {"here, tested here": (0.57, 0.5, 0.6), "elsewhere, tested elsewhere": (0.8, 0.7, 0.9)}
    rows |= {
        "here, tested elsewhere": (1.15, 1.1, 1.2),
        "elsewhere, tested here": (1.05, 0.99, 1.1),
    }
    rows |= {
        "on both, tested here": (0.59, 0.5, 0.6),
        "on both, tested elsewhere": (0.93, 0.91, 0.94),
    }
    table = study(**{f"trained {name}": (*row, 0.4) for name, row in rows.items()})
    sentences = tables.landscape_sentences(table)
    assert verdicts(sentences) == ["worse", "not distinguishable"]
    away, _ = sentences.splitlines()
    assert away.startswith("trained here, tested elsewhere: 1.150 [1.100, 1.200]")
    assert away.endswith("trained on both: 0.930 [0.910, 0.940]")
    assert "trained on both, tested here" in tables.readable(table).index


def test_a_power_law_gives_its_own_change_for_each_doubling():
    value = np.array([100, 200, 800])
    table = pd.DataFrame({"value": value, "mse_vs_gray": 3 * value**-0.25})
    change, (low, high) = tables.per_doubling(table)
    assert change == pytest.approx(2**-0.25 - 1) == pytest.approx(low) == pytest.approx(high)


def test_the_interval_of_a_doubling_agrees_with_curve_fit():
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


def test_bfloat16_is_worse_only_if_its_interval_excludes_zero(tmp_path, monkeypatch):
    names = ("one, float32", "one, bfloat16", "two, float32", "two, bfloat16", "three, bfloat16")
    rows = study(**{name: (0.5, 0.4, 0.6, 0.4) for name in names})
    changes = {"change": [0, 0.02, 0, 0.02, -0.02], "change_low": [0, 0.01, 0, -0.01, -0.03]}
    rows = rows.assign(**changes, change_high=[0, 0.03, 0, 0.05, -0.01])
    environment = {"device": "cpu", "commit": "abc"}
    record = {"seeds": 3, "batches": 7, "data": "photos", "environment": environment}
    monkeypatch.setattr(tables, "PRECISION", tmp_path / "precision.json")
    results.save(tables.PRECISION, record | tables.as_records({"precision": rows}))
    table, sentences = tables.precision()
    pd.testing.assert_frame_equal(table, rows, check_dtype=False)
    about, *lines = sentences.splitlines()
    assert about == "3 seeds of 7 batches each on photos, cpu, commit abc"
    assert verdicts("\n".join(lines)) == ["worse", "not distinguishable", "better"]


def test_tables_come_back_as_they_were_recorded(tmp_path, monkeypatch):
    table = pd.DataFrame({"mse_vs_gray": [0.5, np.nan]}, index=["a", "b"])
    run = {"studies": tables.as_records({"heads": table}), "environment": {"commit": "c0"}}
    monkeypatch.setattr(paths, "MEASURED", tmp_path)
    results.save(tmp_path / f"{tables.RECORDED}.json", run)
    recorded, source = tables.recorded()
    pd.testing.assert_frame_equal(recorded["heads"], table)
    assert "c0" in source
