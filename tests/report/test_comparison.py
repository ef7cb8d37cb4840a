"""Photos laid over each other, on the page and in the notebook."""

import base64
import io
import re

import numpy as np
import pytest
from page_samples import figure_output
from PIL import Image

from helpers import paths, results
from helpers.plots.comparison import comparison


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "BUILD", tmp_path)
    monkeypatch.setattr(paths, "FIGURES", tmp_path / "figures")
    return results.start("04_evaluation")


def flat(*levels):
    return np.stack([np.full((88, 112, 3), level, np.uint8) for level in levels])


def test_the_page_gets_every_photo_in_every_version_with_its_words(run):
    layers = {"gray": flat(50, 60)[..., 0], "output": flat(100, 110), "<truth>": flat(150, 160)}
    drawing = comparison(layers, ["first", "second"], "grid", "Two.", "Flat photos.")
    shown = figure_output(run, drawing)
    html = shown.metadata["image/jpeg"]["html"]
    assert re.findall(r'alt="([^"]*)"', html)[:3] == [
        "first: gray",
        "first: output",
        "first: &lt;truth&gt;",
    ]
    pictures = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
        for data in re.findall(r"base64,([^\"]*)", html)
    ]
    assert [picture.shape[:2] for picture in pictures] == [(88, 112)] * 6
    assert [int(picture.mean()) for picture in pictures] == [50, 100, 150, 60, 110, 160]


def test_the_notebook_and_the_file_show_the_plain_grid(run):
    drawing = comparison({"a": flat(0), "b": flat(255)}, ["x"], "grid", "C.", "A.")
    shown = figure_output(run, drawing)
    assert shown.data["image/jpeg"]
    with Image.open(next(paths.FIGURES.rglob("grid.png"))) as picture:
        assert picture.width > 2 * 112


@pytest.mark.parametrize(
    "layers", [{"a": flat(0)}, {"a": flat(0), "b": flat(0, 1)}, {"a": flat(0, 1), "b": flat(0, 1)}]
)
def test_layers_that_do_not_match_are_refused(layers):
    with pytest.raises(ValueError, match="grid"):
        comparison(layers, ["x"], "grid", "C.", "A.")
