"""Work in processes loses nothing when a worker is killed, and leaves no process behind."""

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from helpers.photos import pool

CHUNK = 8  # items a worker gets at a time


def double(number: int) -> int:
    return 2 * number


def slow_first(number: int) -> int:
    time.sleep(0.3 if number == 0 else 0)
    return number


def end_process_once(number: int, marker: str) -> int:
    if number == 5 and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def end_process(number: int) -> int:
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def end_every_process(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)


def fail(number: int) -> int:
    if number == 3:
        raise OSError("worker's error")
    return number


def mark(number: int, folder: str) -> int:
    (Path(folder) / str(number)).touch()
    return number


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def children() -> list:
    workers = psutil.Process().children(recursive=True)
    return [child for child in workers if "spawn_main" in " ".join(child.cmdline())]


def run(function, items, workers=2):
    return list(pool.in_order(function, items, workers, CHUNK, "killed"))


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers):
    assert run(slow_first, [(i,) for i in range(20)], workers) == list(range(20))
    assert not children()


def test_no_items_are_no_work():
    assert run(double, []) == []


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is not known there")
def test_a_worker_killed_once_loses_nothing(tmp_path):
    items = [(i, str(tmp_path / "killed")) for i in range(40)]
    assert run(end_process_once, items) == list(range(40))
    assert (tmp_path / "killed").exists() and not children()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is not known there")
def test_an_item_that_ends_its_process_again_is_named_and_the_rest_goes_on():
    expected = [i if i != 5 else "killed" for i in range(20)]
    assert run(end_process, [(i,) for i in range(20)]) == expected
    assert not children()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is not known there")
def test_workers_that_never_live_are_one_sentence():
    with pytest.raises(OSError, match="worker processes end as soon as they start"):
        run(end_every_process, [(i,) for i in range(20)])
    assert not children()


def test_an_exception_ends_the_workers():
    with pytest.raises(OSError, match="worker's error"):
        run(fail, [(i,) for i in range(20)])
    assert not children()


def test_the_workers_do_not_run_far_ahead(tmp_path):
    results = pool.in_order(mark, [(i, str(tmp_path)) for i in range(400)], 2, CHUNK, None)
    assert next(results) == 0
    time.sleep(1)
    assert 8 <= len(list(tmp_path.iterdir())) <= 8 * CHUNK
    results.close()
    assert not children()


def modules(name: str) -> list[str]:
    importlib.import_module(name)
    return [heavy for heavy in ("torch", "matplotlib", "pandas") if heavy in sys.modules]


@pytest.mark.parametrize("worker", ["preprocessing.thumbnail", "photos.synthetic.files"])
def test_workers_load_neither_pytorch_nor_plots_whatever_the_parent_loaded(worker, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, torch, matplotlib, pandas\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_pool\n"
        f"print(test_pool.run(test_pool.modules, [('helpers.{worker}',)] * 9))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == str([[]] * 9), done.stderr


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from helpers.photos import pool
import test_pool
if __name__ == "__main__":
    print("begun", flush=True)
    for _ in pool.in_order(test_pool.sleep, [(0.05,)] * 4000, 2, 8, None):
        print("one", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ there")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_the_run(how, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent)))
    parent = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while parent.stdout.readline() != "one\n":
        assert parent.poll() is None
    workers = psutil.Process(parent.pid).children(recursive=True)
    assert len(workers) >= 2
    os.killpg(parent.pid, how) if how == signal.SIGINT else parent.send_signal(how)
    _, errors = parent.communicate(timeout=30)
    assert parent.returncode != 0
    assert errors.count("Traceback") <= 1
    assert psutil.wait_procs(workers, timeout=15)[1] == []
