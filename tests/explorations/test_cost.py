"""Extrapolated cost, on steps whose law is known, and the benchmark that measures the steps."""

import importlib.util
import json
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from photo_samples import street
from scipy.stats import t

from helpers import paths, results
from helpers.explorations import cost

COUNTS = np.array([500, 1000, 2000, 4000, 6000])
SCRIPT = paths.ROOT / "benchmarks" / "cost.py"


def step(degree=1, counts=COUNTS, **laws):
    """A step that costs what functions of the number of photos say."""
    points = [{"photos": int(n), **{q: float(law(n)) for q, law in laws.items()}} for n in counts]
    return {"degree": degree, "points": points}


def record(**steps):
    """A record of a made-up machine."""
    machine = {"cores": 2, "cpu": "some processor"}
    limits = {"memory_gib": 16, "disk_gib": 50}
    return {"environment": machine, "limits": limits, "steps": steps}


@pytest.mark.parametrize(("degree", "curve"), [(1, [0.003, 2]), (2, [2e-6, 0.003, 2])])
def test_an_exact_law_is_extrapolated_exactly(degree, curve):
    made = step(degree, seconds=lambda n: np.polyval(curve, n))
    value, low, high = cost.extrapolated(made, "seconds", 62058)
    assert (value, low, high) == pytest.approx((np.polyval(curve, 62058),) * 3, rel=1e-3)


def test_the_interval_is_that_of_a_weighted_straight_line():
    noise = np.random.default_rng(3).normal(1, 0.05, len(COUNTS))
    made = step(seconds=lambda n: (2 + 0.003 * n) * noise[list(COUNTS).index(n)])
    seconds = [point["seconds"] for point in made["points"]]
    line, spread = np.polyfit(COUNTS, seconds, 1, w=1 / np.array(seconds), cov=True)
    row = np.array([62058, 1])
    half = t.ppf(0.975, len(COUNTS) - 2) * np.sqrt(row @ spread @ row)
    value, low, high = cost.extrapolated(made, "seconds", 62058)
    assert value == pytest.approx(row @ line, rel=1e-4)
    assert (low, high) == pytest.approx((value - half, value + half), rel=1e-3)


def test_noise_does_not_make_more_photos_cheaper():
    falling = step(2, [60, 80, 100, 120], seconds=lambda n: 5 - n / 100 + n * n / 1e5)
    few, many = (cost.extrapolated(falling, "seconds", n)[0] for n in (1000, 62058))
    assert many >= 0.999 * few > 0


def test_too_few_points_give_no_extrapolation():
    made = step(2, [100, 200, 400], seconds=lambda n: n * n)
    assert np.isnan(cost.extrapolated(made, "seconds", 1000)).all()


@pytest.fixture
def known():
    """Two steps: one grows on disk, the other in memory."""
    grows = step(seconds=lambda n: n / 10, peak_mib=lambda n: 200, disk_mib=lambda n: n)
    swells = step(seconds=lambda n: n / 10, peak_mib=lambda n: n / 10)
    return record(preparing=grows, judging=swells)


def test_only_columns_beyond_the_measured_sizes_are_extrapolated(known):
    table = cost.table(known)
    assert list(table.index) == ["preparing", "judging"]
    for column in table:
        assert column.endswith("(extrapolated)") == ("62,058" in column)
    assert table.loc["preparing", "time, 1,000 photos"] == "100 s"
    assert table.loc["preparing", "time, 6,000 photos"] == "10 min"
    extrapolated = table.loc["judging", "memory, 62,058 photos (extrapolated)"]
    assert extrapolated.startswith("6.1 [6.") and extrapolated.endswith("] GiB")


def test_an_extrapolation_less_certain_than_its_size_is_not_shown():
    noise = dict(zip(COUNTS, (3, 0.3, 2, 0.5, 1)))
    table = cost.table(record(noisy=step(seconds=lambda n: n * noise[n], peak_mib=lambda n: n)))
    assert table.loc["noisy", "time, 62,058 photos (extrapolated)"] == "-"
    assert table.loc["noisy", "time, 6,000 photos"] == "100 min"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.416, "0.42 s"), (119, "119 s"), (186, "3.1 min"), (7199, "120 min"), (9000, "2.5 h")],
)
def test_times_are_in_the_unit_that_one_would_use(seconds, text):
    table = cost.table(record(any=step(seconds=lambda n: seconds, peak_mib=lambda n: 1)))
    assert table.loc["any", "time, 1,000 photos"] == text


def test_the_summary_names_the_machine_and_compares_all_photos_with_its_limits(known):
    summary = cost.summary(known)
    assert "2 cores (some processor)" in summary
    assert "all 62,058 photos need 3.4 hours of 4" in summary
    assert "6.1 of 16 GiB of memory" in summary and "61 of 50 GiB of disk" in summary


def test_the_summary_leaves_out_what_cannot_be_extrapolated():
    made = step(1, [100, 200], seconds=lambda n: n, peak_mib=lambda n: n)
    assert "62,058" not in cost.summary(record(any=made)) and "-" in set(
        cost.table(record(any=made)).loc["any"]
    )


def test_without_a_record_there_is_no_table_but_the_command_that_makes_one():
    assert cost.table(None) is None
    assert "benchmarks/cost.py" in cost.summary(None) and "\n" not in cost.summary(None)


def test_the_record_is_not_taken_for_a_run_on_real_photos(known, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "BUILD", tmp_path)
    monkeypatch.setattr(paths, "MEASURED", tmp_path / "measured")
    results.save(paths.MEASURED / "cost.json", known)
    results.save(paths.MEASURED / "real.json", {"claims": []})
    columns = list(results.claims_table(results.start("05_explorations")))
    assert "real" in columns and "cost" not in columns


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("benchmark_of_cost", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return street(tmp_path_factory.mktemp("cost") / "photos", places=12, views=3)


def test_every_step_of_the_report_is_timed(bench, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "PREPARED", tmp_path)
    for name, (work, degree) in bench.STEPS.items():
        if name == "rendering":
            continue
        spent = work(str(photos), 36, 2)
        assert spent.seconds > 0 and spent.cpu_seconds > 0, name
        assert ("disk_mib" in spent) == (name == "preparing")
        assert degree in (1, 2)


def test_rendering_is_scaled_from_the_photos_that_were_not_there(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RAW", tmp_path)
    folder = tmp_path / "synthetic" / "photos"
    folder.mkdir(parents=True)

    def gather(data, count):
        files = [folder / f"{n}.jpg" for n in range(count)]
        for file in files:
            file.write_bytes(bytes(2**19))
        return SimpleNamespace(photos=[SimpleNamespace(path=f, classes=f) for f in files])

    def clocked(work):
        work()
        return pd.Series({"seconds": 6.0, "cpu_seconds": 9.0})

    monkeypatch.setattr(bench.sources, "gather", gather)
    monkeypatch.setattr(bench, "clocked", clocked)
    assert dict(bench.rendering("synthetic", 4, 0)) == {
        "seconds": 6,
        "cpu_seconds": 9,
        "disk_mib": 4,
    }
    assert bench.rendering("synthetic", 6, 0).seconds == 6 * 6 / 2
    assert dict(bench.rendering("synthetic", 6, 0)) == {"disk_mib": 6}


def test_training_too_long_to_wait_for_is_scaled_from_its_first_batches(bench, monkeypatch):
    monkeypatch.setattr(bench, "clocked", lambda work: pd.Series({"seconds": 5 + 2 * work()}))
    assert bench.trained(lambda n: n, 8, most=8).seconds == 5 + 2 * 8
    assert bench.trained(lambda n: n, 1000, most=8).seconds == 5 + 2 * 1000


def test_a_step_in_its_own_process_reports_time_memory_and_disk(bench, photos, tmp_path):
    chosen = SimpleNamespace(data=str(photos), folder=tmp_path, batches=1)
    point = bench.in_a_process("preparing", 30, chosen)
    assert point["photos"] == 30 and point["seconds"] > 0
    assert 20 < point["peak_mib"] < 4000
    kept = next((tmp_path / "prepared").glob("photos-30-*"))
    files = sum(file.stat().st_size for file in kept.iterdir())
    assert point["disk_mib"] == pytest.approx(files / 2**20)


def test_a_step_that_fails_is_named(bench, tmp_path):
    chosen = SimpleNamespace(data=str(tmp_path / "nowhere"), folder=tmp_path, batches=1)
    with pytest.raises(RuntimeError, match="judging one network with 30 photos ended with status"):
        bench.in_a_process("judging one network", 30, chosen)


@pytest.fixture
def command(bench, tmp_path, monkeypatch):
    """Run the benchmark with options; its steps cost a thousandth of a second a photo."""

    def made_up(name, photos, chosen):
        times = {"seconds": photos / 1000, "cpu_seconds": photos / 500}
        return {"photos": photos, **times, "peak_mib": 100 + photos / 100}

    def run(*options, step_of=made_up):
        monkeypatch.setattr(bench, "in_a_process", step_of)
        given = ["cost.py", "--folder", tmp_path, "--json", tmp_path / "cost.json", *options]
        monkeypatch.setattr(sys, "argv", [str(option) for option in given])
        bench.main()
        return json.loads((tmp_path / "cost.json").read_text())

    return run


def test_the_benchmark_writes_a_record_that_makes_the_table(bench, command, capsys):
    found = command("--photos", "500", "1000", "2000", "6000")
    assert {"cpu", "cores", "threads", "versions"} <= set(found["environment"])
    assert list(found["steps"]) == list(bench.STEPS)
    for made in found["steps"].values():
        assert [point["photos"] for point in made["points"]] == [500, 1000, 2000, 6000]
    table = cost.table(found)
    assert set(table["time, 6,000 photos"]) == {"6.0 s"}
    assert cost.summary(found) in capsys.readouterr().out


def test_photos_rendered_before_keep_their_recorded_time(command, tmp_path):
    counts = ("--only", "rendering", "--photos", "500", "1000", "2000")
    first = command(*counts)

    def there_already(name, photos, chosen):
        return {"photos": photos, "disk_mib": 1, "peak_mib": 1}

    assert command(*counts, step_of=there_already)["steps"] == first["steps"]
    (tmp_path / "rendering.json").unlink()
    with pytest.raises(SystemExit):
        command(*counts, step_of=there_already)


def test_two_numbers_of_photos_are_refused_before_anything_runs(command, capsys):
    with pytest.raises(SystemExit):
        command("--photos", "30", "36", "30")
    assert "3 or more different numbers" in capsys.readouterr().err


def test_ctrl_c_ends_in_one_line(bench, command, capsys, monkeypatch):
    def interrupted(chosen):
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "measure", interrupted)
    with pytest.raises(SystemExit) as stopped:
        command()
    assert stopped.value.code == 130 and "rendered photos are kept" in capsys.readouterr().err
