"""Verdicts, parts and the joined results."""

import json

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
    run.figure(figure, "loss", caption="Loss.", alt="A falling line.")
    file = paths.FIGURES / "synthetic-quick" / "loss.png"
    assert file.read_bytes().startswith(b"\x89PNG")
    assert shown[0][1]["metadata"]["alt"] == "A falling line."
