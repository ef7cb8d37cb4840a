"""Names of the user's folders are drawn as they are."""

import warnings

import numpy as np
import pandas as pd
import pytest

from helpers.plots import explorations, preprocessing

EDGES = np.arange(4.0)


def drawn(name: str) -> list:
    """The texts of both figures that show a name, without the mark of a formula or a warning."""
    counts = {name: np.ones((3, 3)), "other": np.ones((3, 3))}
    row = {
        "value": [1.0],
        "mse_vs_gray": [1.0],
        "mse_vs_gray_low": [0.9],
        "mse_vs_gray_high": [1.1],
    }
    histograms = preprocessing.color_histograms(counts, EDGES).figure
    sizes = explorations.unet_more({f"width\n({name})": pd.DataFrame(row)}, "this run").figure
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in (histograms, sizes):
            figure.savefig("/dev/null", format="png")
    return [histograms.axes[0].title, sizes.axes[0].xaxis.label]


@pytest.mark.parametrize("name", ["$a_b$", r"$\q$", r"\$ {2019} {{x}}", "$", "a^b & <c>", "Zürich"])
def test_a_name_is_no_formula(name):
    for text in drawn(name):
        shown, math = text._preprocess_math(text.get_text())
        assert not math and name in shown


def test_a_character_that_the_font_lacks_is_a_box():
    for text in drawn("東京 \udcff"):
        assert "□□ □" in text.get_text()
