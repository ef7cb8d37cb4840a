"""The benchmark of the preprocessing runs and writes what it promises."""

import json
import subprocess
import sys

from photo_samples import street

from helpers import paths


def test_the_benchmark_writes_its_ratios(tmp_path):
    photos = street(tmp_path / "photos", places=1, views=2, size=(1281, 1025))
    script, output = paths.ROOT / "benchmarks" / "preprocessing.py", tmp_path / "numbers.json"
    options = ["--photos", photos, "--rounds", "1", "--repeats", "1", "--counts", "40"]
    done = subprocess.run(
        [sys.executable, script, *options, "--json", output], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    numbers = json.loads(output.read_text())
    assert set(numbers["ratios"]) == {
        "default_vs_report",
        "default_vs_skimage",
        "default_vs_floor",
        "two_workers_vs_one",
    }
    assert all(ratio > 0 for ratio in numbers["ratios"].values())
    assert numbers["ratios"]["default_vs_skimage"] > 1
    assert [row["photos"] for row in numbers["scaling"]] == [40]
    assert numbers["scaling"][0]["seconds"] > 0
    assert numbers["error"]["delta_e_mean"] < 0.5
