"""How verdicts read: the line of one claim, and the table of all."""

import numpy as np
import pytest
from study_samples import run  # noqa: F401

from helpers import paths, results


def test_a_claim_is_judged_by_its_band_and_printed_with_number_interval_and_band(run):  # noqa: F811
    first, second = results.judge(run, "deeper_network", (0.5, (0.4, 0.6))).splitlines()
    assert first.startswith("holds    Loss could be reduced") and "deeper" in first
    assert second == "         0.500 [0.400, 0.600]; holds if this is at most 0.999"
    assert results.judge(run, "deeper_network", (2.0, (1.9, 2.1))).startswith("fails")


def test_a_number_that_stands_alone_is_shown_without_an_interval(run):  # noqa: F811
    lines = results.judge(run, "factor_11", (3269, None)).splitlines()
    assert lines[0].startswith("fails") and lines[1].strip() == "3,269; holds if this is 0"
    assert "[" not in results.judge(run, "fall_until_60", (46, (46, 46)))


@pytest.mark.parametrize("estimate", [(0.5, (np.nan, np.nan)), (None, None), (np.nan, None)])
def test_a_claim_without_a_number_or_an_interval_stays_open(run, estimate):  # noqa: F811
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


def test_the_table_has_every_claim_judged_or_not(run, tmp_path, monkeypatch):  # noqa: F811
    measured = {"claims": [{"key": "vibrant", "verdict": "fails"}]}
    results.save(tmp_path / "measured" / "thumbnails-full.json", measured)
    monkeypatch.setattr(paths, "MEASURED", tmp_path / "measured")
    results.judge(run, "deeper_network", (0.5, (0.4, 0.6)))
    other = results.start("03_training")
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
