"""Recorded numbers: agreement is within a tolerance, and nothing that is missing agrees."""

import copy

import pytest

from helpers import metrics
from helpers.evaluation import folder


def numbers():
    values = {name: 0.5 for name in metrics.METRICS} | {"rmse_chroma20": None}
    return {"data": {"photos": 12}, "metrics": {"gray": dict(values), "street_unet": values}}


def test_the_same_numbers_agree_up_to_the_tolerance():
    found = numbers()
    found["metrics"]["street_unet"]["auc"] *= 1 + 0.9 * folder.TOLERANCE
    lines, agree = folder.compare(found, numbers())
    assert agree and lines[-1].startswith("PASS")


@pytest.mark.parametrize("what", ["value", "model", "photos", "none"])
def test_another_value_a_missing_model_or_other_photos_do_not(what):
    found = copy.deepcopy(numbers())
    if what == "value":
        found["metrics"]["street_unet"]["auc"] *= 1 - 1.1 * folder.TOLERANCE
    elif what == "model":
        del found["metrics"]["street_unet"]
    elif what == "photos":
        found["data"]["photos"] = 11
    else:
        found["metrics"]["gray"]["mse"] = None
    lines, agree = folder.compare(found, numbers())
    assert not agree and lines[-1].startswith("FAIL")
    assert what == "photos" or "recorded 0.5" in lines[1]


def test_a_number_that_is_nothing_agrees_with_itself_and_more_photos_do_not():
    found, recorded = numbers(), numbers()
    for which in (found, recorded):
        which["metrics"]["gray"]["chroma_ratio"] = 0.0
    assert folder.compare(found, recorded)[1]
    found["data"]["photos"] += 1
    assert not folder.compare(found, recorded)[1]
