"""Verdicts, parts and the joined results."""

import json

import numpy as np
import pytest

from helpers import paths, results
from helpers.report import environment

FIELDS = {"text", "source", "how", "band", "where", "depends_on_data"}
OPTIONAL = {"uncounted", "needs", "sentence", "section"}
MACHINE = "machine-dependent"


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


def test_a_claim_that_its_band_cannot_judge_has_its_own_verdict_whatever_was_measured(run):
    assert run.claim("level_7e4", 6.5e-4)["verdict"] == "not comparable"
    assert run.claim("kernel_9_jump", 0.8)["verdict"] == "machine-dependent"
    assert run.claim("kernel_9_jump_csv", 3.0)["verdict"] == "holds"


def test_a_claim_that_needs_a_full_run_is_unclear_in_a_quick_one(run):
    assert run.claim("deeper_network", 0.5)["verdict"] == "unclear"
    assert results.judge(run, "deeper_network", (0.5, None)).endswith("; needs the full profile")
    full = results.start("03_training", profile="full")
    assert full.claim("deeper_network", 0.5)["verdict"] == "holds"
    assert "needs" not in results.judge(full, "deeper_network", (0.5, None))


def judged(**verdicts):
    return [{"key": k, "source": "report", "verdict": v} for k, v in verdicts.items()]


@pytest.mark.parametrize("differ", [("unclear", "holds"), ("holds", "fails")])
def test_a_tally_counts_sentences_and_a_sentence_whose_checks_differ_is_unclear(differ):
    claims = judged(
        fall_until_60="holds",
        fall_until_60_csv="holds",
        exponential_fall=differ[0],
        exponential_fall_csv=differ[1],
        two_stacked_cheaper="fails",
        three_stacked_cheaper="fails",
    )
    assert results.tally(claims) == {"holds": 1, "fails": 1, "unclear": 1}
    expected = "Of 3 sentences of the report, 1 hold, 1 fail and 1 are unclear"
    assert results.tally_text(claims) == expected


def test_a_tally_leaves_out_what_cannot_be_compared_and_claims_of_our_own():
    claims = judged(level_7e4="not comparable", level_7e4_csv="fails", kernel_9_jump=MACHINE)
    claims += [{"key": "beats_gray", "source": "ours", "verdict": "holds"}]
    assert results.tally(claims) == {"holds": 0, "fails": 1, "unclear": 0}


def test_a_tally_of_an_older_run_counts_claims_that_the_file_no_longer_has():
    assert results.tally(judged(gone="holds", gone_csv="holds"))["holds"] == 1


def test_a_claim_without_a_band_written_beforehand_is_refused(run):
    with pytest.raises(KeyError, match="invented"):
        run.claim("invented", 1.0)


def test_every_claim_is_complete_and_has_an_ordered_band():
    for key, claim in results.claims_file().items():
        assert set(claim) - OPTIONAL == FIELDS, key
        assert claim.get("uncounted", "not comparable") in results.UNCOUNTED, key
        assert claim.get("needs", "full") in results.PROFILES, key
        assert claim.get("sentence", key) in results.claims_file(), key
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
    run.claim("vibrant", 1.0)
    run.claim("vibrant", 0.5)
    joined = environment.assemble(run.folder, "quick")
    assert [c["key"] for c in joined["claims"]] == list(results.claims_file())
    verdicts = {c["key"]: c["verdict"] for c in joined["claims"]}
    assert verdicts.pop("vibrant") == "fails"
    known = results.claims_file()
    assert verdicts == {key: known[key].get("uncounted", "unclear") for key in verdicts}
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


def test_the_points_of_a_drawing_are_saved_by_series_and_rows_by_name():
    from helpers import plots

    figure, (left, right) = plots.new(1, 2, sharey=True)
    left.errorbar([0.5, 0.25], [0, 1], xerr=0.1, fmt="o", capsize=3, label="ours")
    left.axvline(1)
    left.set_yticks([0, 1], ["gray", "street_unet,\naccurate"])
    left.set_xlabel("error")
    right.plot([3, np.nan, 7], [0.2, 0, 1.2], label="here")
    right.plot([2.5], [1])
    right.set(title="chroma", xscale="log")
    assert results.drawn(figure).splitlines() == [
        "panel,series,x,y",
        "error,ours,0.5,gray",
        'error,ours,0.25,"street_unet, accurate"',
        "chroma,here,3,gray",
        'chroma,here,7,"street_unet, accurate"',
        'chroma,,2.5,"street_unet, accurate"',
    ]


def test_a_claim_is_judged_by_its_band_and_printed_with_number_interval_and_band(run):
    first, second = results.judge(run, "beats_gray", (0.5, (0.4, 0.6))).splitlines()
    assert first.startswith("holds    The report's network colors better")
    assert second == "         0.500 [0.400, 0.600]; holds if this is below 1"
    assert results.judge(run, "beats_gray", (2.0, (1.9, 2.1))).startswith("fails    The")
    assert results.judge(run, "kernel_9_jump", (0.8, None)).startswith(f"{MACHINE}  A 9 x 9")


def test_a_number_that_stands_alone_is_shown_without_an_interval(run):
    lines = results.judge(run, "factor_11", (3269, None)).splitlines()
    assert lines[0].startswith("fails") and lines[1].strip() == "3,269; holds if this is 0"
    assert "[" not in results.judge(run, "fall_until_60", (46, (46, 46)))


@pytest.mark.parametrize("estimate", [(0.5, (np.nan, np.nan)), (None, None), (np.nan, None)])
def test_a_claim_without_a_number_or_an_interval_stays_open(run, estimate):
    line = results.judge(run, "beats_gray", estimate)
    assert line.startswith("unclear") and "not measured; holds if" in line
    (claim,) = results.load(run.folder / "parts" / f"{run.notebook}.json")["claims"]
    assert claim["measured"] is None and claim["interval"] is None


@pytest.mark.parametrize(
    ("band", "text"),
    [
        ([0, 0], "is 0"),
        ([0, 0.999], "is below 1"),
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
    results.judge(run, "beats_gray", (0.5, (0.4, 0.6)))
    other = results.start("05_explorations")
    other.claim("level_7e4", 5e-4)
    table = results.claims_table(run).set_index("claim")
    known = results.claims_file()
    assert list(table.index) == [claim["text"] for claim in known.values()]
    better = table.loc[known["beats_gray"]["text"]]
    expected = ("ours", "0.500 [0.400, 0.600]", "is below 1", "holds", "-")
    assert tuple(better) == expected
    level = table.loc[known["level_7e4"]["text"]]
    assert (level.measured, level.verdict) == ("5.00 × 10⁻⁴", "not comparable")
    vibrant = table.loc[known["vibrant"]["text"]]
    assert (vibrant.measured, vibrant.verdict) == ("not measured", "unclear")
    assert vibrant["thumbnails-full"] == "fails"
