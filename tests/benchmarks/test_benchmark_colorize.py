"""The benchmark of coloring measures photos of a folder and writes what it found."""

import importlib.util
import json

import numpy as np
import pytest
from PIL import Image

from helpers import paths


@pytest.fixture
def benchmark(monkeypatch):
    """The benchmark with one small size, measured once."""
    path = paths.ROOT / "benchmarks" / "colorize.py"
    specification = importlib.util.spec_from_file_location("benchmark_colorize", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.setattr(module, "SIZES", {2: (160, 120)})
    monkeypatch.setattr(module, "ROUNDS", 1)
    return module


def test_time_memory_and_bleeding_of_a_folder_are_written(benchmark, tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    blocks = np.random.default_rng(0).integers(40, 200, (6, 8, 3), dtype=np.uint8)
    picture = Image.fromarray(blocks).resize((320, 240), Image.Resampling.NEAREST)
    picture.save(tmp_path / "photos" / "blocks.png")
    given = ["colorize", "--photos", str(tmp_path / "photos"), "--count", "2"]
    monkeypatch.setattr("sys.argv", [*given, "--json", str(tmp_path / "found.json")])
    benchmark.main()
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["pictures"] == 1
    assert 0 < found["seconds_2mp"] < found["seconds_startup"] and found["peak_gib_2mp"] > 0.1
    by_way = {(row["chroma"], row["way"]): row for row in found["bleeding"]}
    for chroma in ("ground truth at half size", "street_unet"):
        joint, bilinear = by_way[chroma, "joint, corrected"], by_way[chroma, "bilinear"]
        ratio = found["ratios"][f"near_vs_bilinear, {chroma}"]
        assert ratio == pytest.approx(joint["near"] / bilinear["near"])
