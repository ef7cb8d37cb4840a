"""The benchmark of bfloat16 compares each network with itself, and keeps the result."""

import importlib.util
import json

import pytest
from study_samples import scenes

from helpers import paths, preprocessing, results
from helpers.explorations import tables


@pytest.fixture
def benchmark(tmp_path, monkeypatch):
    """The benchmark on 40 small scenes, with a small street_unet."""
    path = paths.ROOT / "benchmarks" / "precision.py"
    specification = importlib.util.spec_from_file_location("benchmark_precision", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.setattr(preprocessing, "prepare", lambda *_: scenes())
    monkeypatch.setattr(paths, "BUILD", tmp_path)
    monkeypatch.setattr(results, "SMALL", (8, 8, 8, 8))
    monkeypatch.setattr(tables, "PRECISION", tmp_path / "precision.json")
    return module


def test_each_network_is_compared_with_itself_in_float32(benchmark, tmp_path, monkeypatch):
    given = ["precision", "scenes", "--seeds", "2", "--batches", "2"]
    monkeypatch.setattr("sys.argv", [*given, "--json", str(tables.PRECISION)])
    benchmark.main()
    kinds = [f"{n}, {kind}" for n in ("street_unet", "colorize_cnn") for kind in benchmark.KINDS]
    kept = {path.stem for path in (tmp_path / "precision" / "scenes").glob("*.pt")}
    assert kept == {f"{kind.replace(', ', '-')}-seed{seed}" for kind in kinds for seed in (0, 1)}
    table, sentences = tables.precision()
    assert list(table.index) == kinds
    for network in ("colorize_cnn", "street_unet"):
        exact, short = (table.loc[f"{network}, {kind}"] for kind in ("float32", "bfloat16"))
        assert exact.change == exact.change_low == exact.change_high == 0
        assert short.change == pytest.approx(short.mse_vs_gray - exact.mse_vs_gray, abs=1e-6)
        assert short.change != 0 and abs(short.change) < 0.05 * exact.mse_vs_gray
    assert sentences.startswith("2 seeds of 2 batches each on scenes, cpu, commit ")
    assert json.loads(tables.PRECISION.read_text())["environment"]["device"] == "cpu"
