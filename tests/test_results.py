"""Verdicts, parts and the joined results."""

import json

import numpy as np
import pytest

from helpers import paths, results
from helpers.report import environment


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "BUILD", tmp_path)
    monkeypatch.setattr(paths, "FIGURES", tmp_path / "figures")
    return results.start("03_training")


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((0.2, 0.3), "holds"),
        ((0.0, 1.0), "holds"),
        ((1.1, 1.2), "fails"),
        ((-2, -1), "fails"),
        ((0.9, 1.1), "unclear"),
        ((-1, 2), "unclear"),
        (None, "unclear"),
    ],
)
def test_a_claim_holds_inside_fails_outside_and_is_unclear_across_its_band(interval, expected):
    assert results.verdict(interval, (0, 1)) == expected


def test_a_claim_without_a_band_written_beforehand_is_refused(run):
    with pytest.raises(KeyError, match="invented"):
        run.claim("invented", 1.0)


def test_every_claim_is_complete_and_has_an_ordered_band():
    for key, claim in results.claims_file().items():
        assert set(claim) == {"text", "source", "how", "band", "where", "depends_on_data"}, key
        assert claim["band"][0] <= claim["band"][1], key
        assert claim["source"] in ("report", "ours"), key
        assert (paths.NOTEBOOKS / f"{claim['where']}.ipynb").exists(), key


def test_a_notebook_begins_anew_and_adds_up(run):
    run.record(metrics={"gray": {"mse": 1.0}})
    run.record(metrics={"mean": {"mse": 2.0}}, timings={"fit": 3.0})
    joined = environment.assemble(run.folder, "quick")
    assert joined["metrics"] == {"gray": {"mse": 1.0}, "mean": {"mse": 2.0}}
    results.start("03_training")
    assert environment.assemble(run.folder, "quick")["metrics"] == {}


def test_results_hold_every_claim_also_those_nobody_measured(run):
    run.claim("level_7e4", 6.5e-4, (6.4e-4, 6.6e-4))
    run.claim("level_7e4", 8e-4)
    joined = environment.assemble(run.folder, "quick")
    assert [c["key"] for c in joined["claims"]] == list(results.claims_file())
    verdicts = {c["key"]: c["verdict"] for c in joined["claims"]}
    assert verdicts.pop("level_7e4") == "fails"
    assert set(verdicts.values()) == {"unclear"}
    assert json.loads((paths.BUILD / "results.json").read_text()) == joined


def test_a_number_that_is_none_is_not_written_as_nan(run):
    with pytest.raises(ValueError, match="JSON"):
        run.record(metrics={"gray": {"mse": float("nan")}})


def test_an_absent_file_names_what_to_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="run the notebook"):
        results.load(tmp_path / "none.json")


def test_an_unknown_profile_names_the_known_ones():
    with pytest.raises(ValueError, match="quick, full"):
        results.start("03_training", profile="slow")


def test_a_figure_is_kept_as_a_file_and_carries_its_words(run, monkeypatch):
    from IPython import display

    from helpers import plots

    shown = []
    monkeypatch.setattr(display, "display", lambda bundle, **kw: shown.append((bundle, kw)))
    monkeypatch.delenv(paths.REDRAW, raising=False)
    figure, _ = plots.new()
    run.figure(results.Drawing(figure, "loss", "Loss.", "A falling line."))
    file = paths.FIGURES / "synthetic-quick" / "loss.png"
    assert file.read_bytes().startswith(b"\x89PNG")
    assert shown[0][1]["metadata"]["alt"] == "A falling line."


def test_a_claim_is_judged_by_its_band_and_printed_with_number_interval_and_band(run):
    first, second = results.judge(run, "deeper_network", (0.5, (0.4, 0.6))).splitlines()
    assert first.startswith("holds    Loss could be reduced") and "deeper" in first
    assert second == "         0.500 [0.400, 0.600]; holds if this is at most 0.999"
    assert results.judge(run, "deeper_network", (2.0, (1.9, 2.1))).startswith("fails")


def test_a_number_that_stands_alone_is_shown_without_an_interval(run):
    lines = results.judge(run, "factor_11", (3269, None)).splitlines()
    assert lines[0].startswith("fails") and lines[1].strip() == "3,269; holds if this is 0"
    assert "[" not in results.judge(run, "fall_until_60", (46, (46, 46)))


@pytest.mark.parametrize("estimate", [(0.5, (np.nan, np.nan)), (None, None), (np.nan, None)])
def test_a_claim_without_a_number_or_an_interval_stays_open(run, estimate):
    line = results.judge(run, "deeper_network", estimate)
    assert line.startswith("unclear") and "not measured; holds if" in line
    (claim,) = results.load(run.folder / "parts" / f"{run.notebook}.json")["claims"]
    assert claim["measured"] is None and claim["interval"] is None


@pytest.mark.parametrize(
    ("band", "text"),
    [
        ([0, 0], "is 0"),
        ([0, 0.999], "is at most 0.999"),
        ([-10, -0.001], "is at most -0.001"),
        ([1.25, 1000], "is at least 1.25"),
        ([40, 80], "lies in 40 to 80"),
        ([-0.1, 0.1], "lies in -0.1 to 0.1"),
        ([0.9, 1], "lies in 0.9 to 1"),
    ],
)
def test_an_end_of_a_band_that_is_only_there_to_be_one_is_not_named(band, text):
    assert results.band_text(band) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not measured"),
        (0, "0"),
        (46.0, "46"),
        (1.0, "1.00"),
        (0.2004, "0.200"),
        (12.34, "12.3"),
        (123.4, "123"),
        (999.7, "1,000"),
        (3269.4, "3,269"),
        (-0.05, "-0.0500"),
        (5.95e-4, "5.95 × 10⁻⁴"),
    ],
)
def test_numbers_have_three_digits(value, text):
    assert results.number_text(value) == text


def test_the_table_has_every_claim_judged_or_not(run, tmp_path, monkeypatch):
    measured = {"claims": [{"key": "vibrant", "verdict": "fails"}]}
    results.save(tmp_path / "measured" / "thumbnails-full.json", measured)
    monkeypatch.setattr(paths, "MEASURED", tmp_path / "measured")
    results.judge(run, "deeper_network", (0.5, (0.4, 0.6)))
    other = results.start("05_explorations")
    other.claim("level_7e4", 5e-4)
    table = results.claims_table(run).set_index("claim")
    known = results.claims_file()
    assert list(table.index) == [claim["text"] for claim in known.values()]
    deeper = table.loc[known["deeper_network"]["text"]]
    expected = ("report", "0.500 [0.400, 0.600]", "is at most 0.999", "holds", "-")
    assert tuple(deeper) == expected
    level = table.loc[known["level_7e4"]["text"]]
    assert (level.measured, level.verdict) == ("5.00 × 10⁻⁴", "fails")
    vibrant = table.loc[known["vibrant"]["text"]]
    assert (vibrant.measured, vibrant.verdict) == ("not measured", "unclear")
    assert vibrant["thumbnails-full"] == "fails"
