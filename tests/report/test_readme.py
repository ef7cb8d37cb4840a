"""The README says what the recorded run measured, names what exists, and nothing else."""

import json
import re

import pytest

from helpers import paths
from helpers.report import options, readme

TEXT = readme.README.read_text(encoding="utf-8")


def recorded() -> dict:
    return json.loads(readme.RECORD.read_text(encoding="utf-8"))


def test_the_numbers_in_the_readme_are_those_of_the_recorded_full_run():
    assert recorded()["profile"] == "full"
    assert readme.filled(TEXT, recorded()) == TEXT


def test_another_number_in_the_record_would_be_noticed():
    changed = recorded()
    changed["metrics"]["published"]["mse_vs_gray"] += 0.05
    assert readme.filled(TEXT, changed) != TEXT


def test_a_readme_without_its_marks_is_refused():
    with pytest.raises(ValueError, match="marks"):
        readme.filled("no marks", recorded())


def test_every_file_that_the_readme_links_exists():
    links = re.findall(r"\]\((?!https?://|#|\.\./\.\./(?:actions|deployments)/)([^)#]+)", TEXT)
    assert links
    for link in links:
        assert (paths.ROOT / link).exists(), link


def test_every_option_of_a_command_in_the_readme_exists():
    known = {flag for action in options.parser()._actions for flag in action.option_strings}
    for line in TEXT.splitlines():
        if "./run_all.sh" in line:
            assert set(re.findall(r"(?<!\S)--[a-z]+", line)) <= known, line


def test_the_best_value_of_each_column_is_bold():
    changed = recorded()
    for model, chroma in (("published", 0.2), ("street_unet", 1.3), ("colorize_cnn", 0.9)):
        changed["metrics"][model] |= {"mse_vs_gray": 2 - chroma, "chroma_ratio": chroma}
    changed["metrics"]["gray"]["delta_e"] = 0.1
    lines = [line for line in readme.table(changed).splitlines() if line.count(" | ") == 3]
    rows = {name: cells for name, *cells in (line.split(" | ") for line in lines)}
    bold = [[name for name, cells in rows.items() if "**" in cells[i]] for i in range(3)]
    assert bold == [
        ["| ours, most accurate"],
        ["| the same network, trained longer"],
        ["| left gray"],
    ]
