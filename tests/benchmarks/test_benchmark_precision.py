"""The benchmark of bfloat16 compares like with like, and keeps what it found."""

import importlib.util
import json

import numpy as np
import pandas as pd
import pytest

from helpers import paths, results
from helpers.explorations import tables
from helpers.preprocessing import PreparedSet
from helpers.training import fitting, unet_fitting


@pytest.fixture
def benchmark(tmp_path, monkeypatch):
    """The benchmark on 40 small scenes, with a small street_unet."""
    path = paths.ROOT / "benchmarks" / "precision.py"
    specification = importlib.util.spec_from_file_location("benchmark_precision", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    lightness = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
    ab = np.stack([150 - lightness // 8, 100 + lightness // 6], axis=-1)
    table = pd.DataFrame({"place": np.arange(40) // 2, "extra": False})
    table["sha256"] = [f"{n}" for n in range(40)]
    table["split"] = ["train"] * 24 + ["validation"] * 6 + ["test"] * 10
    about = {"name": "scenes", "source": "here"}
    prepared = PreparedSet(tmp_path, lightness, ab, table, pd.DataFrame(), about, None)
    monkeypatch.setattr(module.preprocessing, "prepare", lambda *_: prepared)
    monkeypatch.setattr(paths, "BUILD", tmp_path)
    monkeypatch.setattr(results, "SMALL", (8, 8, 8, 8))
    return module


def test_each_network_is_held_against_itself_with_32_bits(benchmark, tmp_path, monkeypatch):
    fitted = {"report": [], "street": []}

    def noted(kind, fit):
        def run(*given, **options):
            recipe = next(x for x in given if hasattr(x, "bfloat16"))
            fitted[kind].append((getattr(recipe, "seed", None), recipe.bfloat16))
            return fit(*given, **options)

        return run

    monkeypatch.setattr(fitting, "fit", noted("report", fitting.fit))
    monkeypatch.setattr(unet_fitting, "fit", noted("street", unet_fitting.fit))
    monkeypatch.setattr(tables, "PRECISION", tmp_path / "precision.json")
    given = ["precision", "scenes", "--seeds", "2", "--batches", "2"]
    monkeypatch.setattr("sys.argv", [*given, "--json", str(tables.PRECISION)])
    benchmark.main()
    assert fitted["street"] == [(0, False), (0, True), (1, False), (1, True)]
    assert [half for _, half in fitted["report"]] == [False, True, False, True]
    table, said = tables.precision()
    assert sorted(table.index) == [
        f"{network}, {kind}"
        for network in ("colorize_cnn", "street_unet")
        for kind in ("bfloat16", "float32")
    ]
    for network in ("colorize_cnn", "street_unet"):
        exact, short = (table.loc[f"{network}, {kind}"] for kind in ("float32", "bfloat16"))
        assert exact.change == exact.change_low == exact.change_high == 0
        assert short.change == pytest.approx(short.mse_vs_gray - exact.mse_vs_gray, abs=1e-6)
        assert short.change != 0 and abs(short.change) < 0.05 * exact.mse_vs_gray
    assert said.startswith("2 seeds of 2 batches each on scenes, cpu, commit ")
    assert json.loads(tables.PRECISION.read_text())["environment"]["device"] == "cpu"
