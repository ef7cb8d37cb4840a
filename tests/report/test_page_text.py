"""Words, numbers and tables of the page."""

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from helpers.report import page_text


@pytest.mark.parametrize(
    ("profile", "best", "said"),
    [
        ("quick", {"0": 12}, "trained longer but cut off by the limit of 12 epochs"),
        ("quick", {"0": 8}, "trained until validation stopped improving"),
        ("full", {"0": 20, "1": 40}, "trained until validation stopped improving"),
        ("full", {"0": 20, "1": 41}, "cut off for 1 of 2 folds by the limit of 60 epochs"),
        ("quick", {}, "trained longer"),
    ],
)
def test_what_ended_a_training_is_told_from_its_best_passes(profile, best, said):
    told = page_text.training_text({"profile": profile, "training": {"best_epochs": best}})
    assert told.endswith(said) and ("cut off" in told) == ("cut off" in said)


def test_a_table_loses_its_row_numbers_and_its_empty_row_of_heads():
    frame = pd.DataFrame({"what": ["a sky", "a car"], "mse": ["0.5 (0.4–0.6)", "1.2"]})
    plain = BeautifulSoup(page_text.table(frame.to_html()), "html.parser")
    assert [cell.text for cell in plain.select("thead th")] == ["what", "mse"]
    assert [cell.text for cell in plain.select("tbody tr:first-child > *")] == [*frame.iloc[0]]
    assert [cell.text for cell in plain.select(".text")] == ["what", "a sky", "a car"]
    named = BeautifulSoup(page_text.table(frame.set_index("what").to_html()), "html.parser")
    assert [cell.text for cell in named.select("thead tr > *")] == ["what", "mse"]
    assert [cell.text for cell in named.select("tbody th")] == ["a sky", "a car"]


def test_rows_numbered_in_another_order_and_rows_that_span_keep_their_numbers():
    frame = pd.DataFrame({"mse": [1, 2]}, index=[1, 0])
    assert page_text.table(frame.to_html()).count("<th>") == 3
    spans = pd.DataFrame({"mse": [1, 2]}, index=[["a", "a"], [0, 1]])
    assert 'rowspan="2"' in page_text.table(spans.to_html())


@pytest.mark.parametrize(
    ("measured", "verdict", "text"),
    [
        (5.95e-4, "fails", "misses the band by 0.8%"),
        (7.07e-4, "fails", "misses the band by 1.0%"),
        (9e-4, "fails", ""),
        (6.5e-4, "holds", ""),
    ],
)
def test_a_claim_that_fails_by_a_hair_says_so(measured, verdict, text):
    claim = {"measured": measured, "band": [6e-4, 7e-4], "verdict": verdict}
    assert page_text.miss_text(claim) == text


def test_a_key_finds_numbers_and_claims():
    known = [{"key": "level_7e4", "verdict": "holds"}, {"key": "factor_11", "measured": None}]
    found = {"claims": known}
    assert page_text.fill("{{ claims.level_7e4.verdict }}", found) == "holds"
    assert page_text.fill("{{claims.factor_11.measured}}", found) == "not measured"


def test_what_only_the_user_of_a_notebook_needs_is_folded():
    parts = [
        "**Answer.** Yes.",
        "**Inputs.** One.",
        "**Outputs.** Two.",
        "**Time.** Three.",
        "Now.",
    ]
    parts += ["**Change this:** edit this line:", "```python\nrate = 1\n```", "Expect more."]
    html = page_text.Prose("03_training", {}).render_cell("\n\n".join(parts))
    folds = BeautifulSoup(html, "html.parser").select("details")
    assert [fold.summary.text for fold in folds] == [title for title, _ in page_text.FOLDED]
    inputs, change = (fold.text for fold in folds)
    assert "One." in inputs and "Three." in inputs and "Yes." not in inputs + change
    assert "rate = 1" in change and "Expect more." in change and "Now." not in inputs + change
