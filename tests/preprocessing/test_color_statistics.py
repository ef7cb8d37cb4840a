"""The numbers that say how colorful a set of photos is."""

import json

import numpy as np
import pytest
from photo_samples import street

from helpers import color, paths
from helpers.preprocessing import color_statistics, prepare
from helpers.preprocessing.color_statistics import EDGES, histogram, statistics


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "PREPARED", tmp_path / "prepared")
    monkeypatch.setattr(color_statistics, "BATCH", 7)  # does not divide the number of photos
    return prepare(street(tmp_path / "photos"), workers=1)


def test_every_pixel_within_the_edges_is_counted_in_its_bin(prepared):
    a, b = (prepared.ab[..., channel].astype(int).ravel() - 128 for channel in (0, 1))
    counts = histogram(prepared)
    inside = (np.abs(a) < 60) & (np.abs(b) < 60)
    assert inside.sum() <= counts.sum() <= ((np.abs(a) <= 60) & (np.abs(b) <= 60)).sum()
    for i, j in ((30, 30), (25, 40), (33, 12)):
        low_a, low_b = EDGES[i], EDGES[j]
        here = (a >= low_a) & (a < low_a + 2) & (b >= low_b) & (b < low_b + 2)
        assert counts[i, j] == here.sum() > 0


def test_the_statistics_are_those_of_all_pixels_at_once(prepared):
    ab = color.load_ab(prepared.ab).astype(float)
    found = statistics(prepared)
    assert found["std_a"] == pytest.approx(ab[..., 0].std(), rel=1e-4)
    assert found["std_b"] == pytest.approx(ab[..., 1].std(), rel=1e-4)
    assert found["gray_mse"] == pytest.approx(np.square(ab / 255).mean(), rel=1e-4)
    assert found["gray_share"] == pytest.approx((np.hypot(*ab.T) < 10).mean(), rel=1e-4)


def test_the_command_writes_numbers_that_the_notebook_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "PREPARED", tmp_path / "prepared")
    output = tmp_path / "measured.json"
    color_statistics.main([str(street(tmp_path / "photos")), "--output", str(output)])
    written, committed = json.loads(output.read_text()), color_statistics.thumbnails()
    assert written.keys() == committed.keys()
    assert written["statistics"].keys() == committed["statistics"].keys()
    assert np.shape(written["counts"]) == np.shape(committed["counts"]) == (60, 60)


def test_the_committed_thumbnails_are_as_gray_as_was_said():
    measured = color_statistics.thumbnails()["statistics"]
    assert measured["std_a"] == pytest.approx(5.8, rel=0.05)
    assert measured["std_b"] == pytest.approx(10.7, rel=0.05)
    assert measured["colorfulness"] == pytest.approx(24.8, rel=0.06)
    assert measured["gray_mse"] == pytest.approx(1.19e-3, rel=0.05)
