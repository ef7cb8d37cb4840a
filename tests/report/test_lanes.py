"""Chapters that do not need each other share the machine, and stop together."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from filelock import FileLock
from pipeline_samples import book

from helpers import paths
from helpers.photos import pool
from helpers.report import lanes, pipeline, progress

SECONDS = 60  # that something may take on a busy machine before it counts as hanging


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(pool, "cores", lambda: 2)
    monkeypatch.delenv(lanes.THREADS, raising=False)


def test_a_chapter_runs_after_those_whose_networks_or_verdicts_it_shows():
    names = sorted(path.stem for path in paths.NOTEBOOKS.glob("[0-9]*.ipynb"))
    before, beside, after = lanes.in_lanes(names)
    assert before == ["01_preprocessing"]
    assert sorted(name for lane in beside for name in lane) == names[1:-1]
    places = {name: place for lane in beside for place, name in enumerate(lane)}
    assert places["04_evaluation"] > places["03_training"]
    assert after == [path.stem for path in showing_all_verdicts()]


def showing_all_verdicts() -> list[Path]:
    books = sorted(paths.NOTEBOOKS.glob("[0-9]*.ipynb"))
    return [path for path in books if "verdicts.claims_table(" in path.read_text()]


def test_a_lane_with_nothing_beside_it_has_the_machine_to_itself():
    alone = ["03_training", "04_evaluation", "06_colorize_your_photos"]
    assert lanes.in_lanes(alone) == (alone, [], [])
    assert lanes.in_lanes(["04_evaluation", "05_explorations", "06_colorize_your_photos"]) == (
        [],
        [["04_evaluation"], ["05_explorations"]],
        ["06_colorize_your_photos"],
    )


def test_what_is_timed_or_on_a_gpu_or_on_one_core_runs_alone(monkeypatch):
    assert lanes.wanted("quick", "cpu")
    assert not lanes.wanted("full", "cpu") and not lanes.wanted("quick", "cuda")
    monkeypatch.setenv(lanes.THREADS, "1")
    assert not lanes.wanted("quick", "cpu")
    monkeypatch.delenv(lanes.THREADS)
    monkeypatch.setattr(pool, "cores", lambda: 1)
    assert not lanes.wanted("quick", "cpu")


def test_lanes_run_at_the_same_time_and_each_in_its_order():
    met, begun = threading.Barrier(2, timeout=SECONDS), []

    def work(name):
        begun.append(name)
        if name in ("03_training", "02_model"):
            met.wait()

    names = ["01_preprocessing", "02_model", "03_training", "04_evaluation", "06_colorize"]
    lanes.each(work, names, True)
    assert begun[0] == "01_preprocessing" and sorted(begun[1:3]) == ["02_model", "03_training"]
    assert begun[3:] == ["04_evaluation", "06_colorize"]
    begun.clear()
    lanes.each(begun.append, names, False)
    assert begun == names


@pytest.mark.parametrize("asked, shared", [(None, 1), ("6", 3), ("1", 1)])
def test_kernels_side_by_side_share_the_threads(monkeypatch, asked, shared):
    if asked:
        monkeypatch.setenv(lanes.THREADS, asked)
    seen = []
    lanes.side_by_side(lambda name: seen.append(os.environ[lanes.THREADS]), [["a"], ["b"]])
    assert seen == [str(shared)] * 2
    assert os.environ.get(lanes.THREADS) == asked


def test_signals_mean_after_the_lanes_what_they_meant_before():
    before = [signal.getsignal(number) for number in lanes.SIGNALS]
    lanes.side_by_side(lambda name: None, [["a"], ["b"]])
    assert [signal.getsignal(number) for number in lanes.SIGNALS] == before
    with pytest.raises(ZeroDivisionError):
        lanes.side_by_side(lambda name: 1 / 0, [["a"], ["b"]])
    assert [signal.getsignal(number) for number in lanes.SIGNALS] == before


def test_after_a_failure_no_further_chapter_begins(monkeypatch):
    met, ended, begun = threading.Barrier(2, timeout=SECONDS), threading.Event(), []
    monkeypatch.setattr(lanes, "_end_kernels", lambda running: ended.set())

    def work(name):
        begun.append(name)
        met.wait()
        if name == "fails":
            raise ValueError("no photos")
        assert ended.wait(SECONDS)

    with pytest.raises(ValueError, match="no photos"):
        lanes.side_by_side(work, [["fails", "one more"], ["goes on", "another"]])
    assert sorted(begun) == ["fails", "goes on"]


def waits_for(mine: Path, other: Path) -> str:
    """A cell that ends only if another notebook runs at the same time."""
    return (
        f"import time; from pathlib import Path; Path({str(mine)!r}).touch()\n"
        f"while not Path({str(other)!r}).exists(): time.sleep(0.05)"
    )


@pytest.fixture
def two_lanes(house, monkeypatch):
    """The house, its notebooks in two lanes, each of which waits for the other to begin.

    Call it to have the first fail then, and the second do something else.
    """
    monkeypatch.setattr(lanes, "LANES", (("01_one",), ("02_two",)))
    one, two = house / "one", house / "two"

    def write(first: str = "", second: str = "") -> None:
        for name, files, last in (("01_one", (one, two), first), ("02_two", (two, one), second)):
            path = house / "notebooks" / f"{name}.ipynb"
            old = [cell.source for cell in nbformat.read(path, 4).cells[1:3]]
            nbformat.write(book(*old, waits_for(*files), last), path)

    write()
    return write


def test_a_run_executes_two_chapters_at_once_where_they_may(two_lanes):
    assert pipeline.main([]) == 0
    assert (paths.BUILD / "report.html").read_text() == "page"


def test_a_chapter_that_fails_stops_the_one_beside_it_and_is_the_one_named(two_lanes, capsys):
    two_lanes("raise ValueError('no photos')", "import time; time.sleep(600)")
    began = time.monotonic()
    assert pipeline.main([]) == 1
    assert time.monotonic() - began < SECONDS
    assert "01_one, cell 5: ValueError: no photos" in capsys.readouterr().err.splitlines()[-1]
    assert not lanes._kernels()


def test_a_kernel_that_does_not_heed_is_ended(two_lanes, monkeypatch):
    monkeypatch.setattr(lanes, "GRACE", 1.0)
    deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)"
    two_lanes("raise ValueError('no photos')", deaf)
    began = time.monotonic()
    assert pipeline.main([]) == 1
    assert time.monotonic() - began < SECONDS
    assert not lanes._kernels()


def stopped(tmp_path, cell: str, *numbers: int, grace: float = 10.0) -> list[Path]:
    """Run two notebooks of that cell side by side, and send these signals when both run.

    Returns the files in which they named their processes, and checks that these ended.
    """
    for name in ("one", "two"):
        source = cell.replace("MINE", repr(str(tmp_path / name)))
        nbformat.write(book(source), tmp_path / f"{name}.ipynb")
    code = (
        "from pathlib import Path; from helpers import lanes, notebooks\n"
        f"lanes.GRACE, here = {grace}, Path({str(tmp_path)!r})\n"
        "lanes.side_by_side(lambda name: notebooks.execute("
        "here / f'{name}.ipynb', here / f'{name}-out.ipynb', {}), [['one'], ['two']])"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code], cwd=paths.ROOT, stderr=subprocess.PIPE, start_new_session=True
    )
    pids = [tmp_path / name for name in ("one", "two")]
    deadline = time.monotonic() + SECONDS
    while not all(pid.exists() and pid.read_text() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for number in numbers:
        os.killpg(run.pid, number)
        time.sleep(0.3)
    _, said = run.communicate(timeout=SECONDS)
    assert run.returncode != 0 and b"KeyboardInterrupt" in said
    assert not any(psutil.pid_exists(int(pid.read_text())) for pid in pids)
    assert not list(tmp_path.glob("*-out.*"))
    return pids


def test_ctrl_c_lets_both_chapters_save_and_leaves_none_behind(tmp_path):
    saves = (
        "import os, time; from pathlib import Path\n"
        "try: Path(MINE).write_text(str(os.getpid())); time.sleep(600)\n"
        "except KeyboardInterrupt: Path(MINE + '-saved').touch(); raise"
    )
    pids = stopped(tmp_path, saves, signal.SIGINT)
    assert all(pid.with_name(f"{pid.name}-saved").exists() for pid in pids)


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_leaves_no_chapter_behind_either(tmp_path, second):
    deaf = (
        "import os, signal, time; from pathlib import Path\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "Path(MINE).write_text(str(os.getpid())); time.sleep(600)"
    )
    stopped(tmp_path, deaf, signal.SIGTERM, second, second, grace=2.0)


def test_kernels_side_by_side_draw_their_bars_on_lines_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "BUILD", tmp_path)
    progress._line.cache_clear()
    with FileLock(tmp_path / ".line-0.lock"):  # as another kernel would hold it
        assert progress._line()[0] == 1
    progress._line.cache_clear()
    assert progress._line()[0] == 0
    progress._line.cache_clear()


def test_a_line_of_one_lane_is_not_broken_by_that_of_another(monkeypatch):
    written = []
    out = io.StringIO()
    monkeypatch.setattr(out, "write", written.append)
    monkeypatch.setattr(sys, "stdout", out)
    progress.tell("[4/6] 04_evaluation ...")
    assert [piece for piece in written if piece] == ["[4/6] 04_evaluation ...\n"]
