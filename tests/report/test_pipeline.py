"""Steps run in order, are skipped when nothing changed, and say where they failed."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from pipeline_samples import book

from helpers import paths
from helpers.report import notebooks, options, page, pipeline

COMMAND = [sys.executable, "-m", "helpers.pipeline"]


def runs(house) -> tuple[int, int]:
    return tuple(len((house / name).read_text()) for name in ("01_one", "02_two"))


def test_the_notebooks_are_told_where_to_train(house):
    assert pipeline.main(["--device", "auto"]) == 0
    assert os.environ[paths.DEVICE] == "auto"


def test_a_second_run_with_nothing_changed_executes_nothing(house):
    assert pipeline.main([]) == 0
    assert pipeline.main([]) == 0
    assert runs(house) == (1, 1)
    assert (paths.BUILD / "report.html").read_text() == "page"


def test_a_changed_notebook_runs_again_and_so_do_those_after_it(house):
    pipeline.main([])
    second = house / "notebooks" / "02_two.ipynb"
    second.write_text(second.read_text().replace("append", "a").replace("'x'", "'y'"))
    pipeline.main([])
    assert runs(house) == (1, 2)
    first = house / "notebooks" / "01_one.ipynb"
    first.write_text(first.read_text().replace("'x'", "'y'"))
    pipeline.main([])
    assert runs(house) == (2, 3)


def test_other_options_force_and_lost_artifacts_run_again(house):
    pipeline.main([])
    pipeline.main(["--seed", "3"])
    assert runs(house) == (2, 2)
    pipeline.main(["--seed", "3", "--force"])
    assert runs(house) == (3, 3)
    (paths.BUILD / "synthetic-quick" / "notebooks" / "02_two.ipynb").unlink()
    pipeline.main(["--seed", "3"])
    assert runs(house) == (3, 4)


def test_a_failing_cell_is_named_last_with_the_log_and_what_was_done_is_kept(house, capsys):
    path = house / "notebooks" / "02_two.ipynb"
    nbformat.write(book("1 + 1", "raise ValueError('too few photos')"), path)
    assert pipeline.main([]) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "02_two, cell 3: ValueError: too few photos" in last
    assert "run.log" in last
    assert not (paths.BUILD / "report.html").exists()
    assert (house / "01_one").read_text() == "x"
    pipeline.main([])
    assert (house / "01_one").read_text() == "x"


def test_a_notebook_that_leaves_early_has_not_run(house, capsys):
    nbformat.write(book("import sys; sys.exit(0)", "1 + 1"), house / "notebooks" / "02_two.ipynb")
    assert pipeline.main([]) == 1
    assert "02_two" in capsys.readouterr().err
    assert not (paths.BUILD / "synthetic-quick" / "notebooks" / "02_two.ipynb").exists()


def test_a_second_run_at_the_same_time_says_so_and_stops(house, capsys):
    with pipeline.only_run():
        assert pipeline.main([]) == 1
    assert "Another run is at work" in capsys.readouterr().err
    assert not (house / "01_one").exists()


def test_what_is_written_back_is_stripped_of_what_changes(house):
    nbformat.write(book("print(1)"), house / "notebooks" / "01_one.ipynb")
    executed = house / "executed.ipynb"
    notebooks.execute(house / "notebooks" / "01_one.ipynb", executed, {})
    notebooks.write_back(executed, house / "01_one.ipynb")
    kept = json.loads((house / "01_one.ipynb").read_text())
    assert [cell["execution_count"] for cell in kept["cells"]] == [1, 2]
    assert kept["cells"][1]["outputs"][0]["text"] == ["1\n"]
    assert "papermill" not in (house / "01_one.ipynb").read_text()


def test_sources_stay_as_they_are_until_the_page_has_told_their_commit(house, monkeypatch):
    books = sorted((house / "notebooks").glob("*.ipynb"))
    before, seen = [path.read_bytes() for path in books], []

    def build(folder, executed, out):
        seen.extend(path.read_bytes() for path in books)
        out.write_text("page")

    monkeypatch.setattr(page, "build", build)
    assert pipeline.main(["--update"]) == 0
    assert seen == before
    for path in books:
        assert json.loads(path.read_text())["cells"][1]["execution_count"] == 2
    assert pipeline.main(["--update"]) == 0
    assert runs(house) == (1, 1), "outputs that were written back are no reason to run again"


def test_a_notebook_runs_in_its_folder_and_the_run_stays_where_it_is(house):
    path, done = house / "notebooks" / "01_one.ipynb", house / "done"
    nbformat.write(book(f"import os; open({str(done)!r}, 'w').write(os.getcwd())"), path)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(notebooks.execute, path, house / "executed.ipynb", {})
        seen = {os.getcwd()}
        while not running.done():
            seen.add(os.getcwd())
            time.sleep(0.01)
        running.result()
    assert done.read_text() == str(path.parent)
    assert seen == {os.getcwd()}


def test_only_what_differs_from_the_defaults_is_passed_to_notebooks(tmp_path):
    chosen = options.parser().parse_args(["--data", str(tmp_path), "--seed", "2"])
    assert pipeline.changed_parameters(chosen) == {"data": str(tmp_path.resolve()), "seed": 2}
    assert pipeline.changed_parameters(options.parser().parse_args([])) == {}


def test_the_key_changes_with_photos_options_and_helpers(tmp_path):
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"1")
    asked = {"data": str(tmp_path)}
    key = pipeline.inputs_key(asked)
    assert pipeline.inputs_key(asked) == key
    assert pipeline.inputs_key(asked | {"seed": 1}) != key
    photo.write_bytes(b"12")
    assert pipeline.inputs_key(asked) != key


def test_the_command_that_makes_a_run_again_has_its_options_and_no_path(tmp_path):
    chosen = options.parser().parse_args(["--data", str(tmp_path / "my photos"), "--seed", "2"])
    assert pipeline.rebuild_command(chosen) == "./run_all.sh --data 'my photos' --seed 2"
    assert pipeline.rebuild_command(options.parser().parse_args([])) == "./run_all.sh"


def test_what_draws_the_page_alone_leaves_the_notebooks_be():
    page, rest = (
        {path.name for path in pipeline._helpers(page_only)} for page_only in (True, False)
    )
    assert {"report.py", "style.css"} <= page
    assert {"results.py", "training.py"} <= rest and not page & rest


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupted_run_says_so_and_leaves_no_process_behind(tmp_path):
    slow = tmp_path / "slow.ipynb"
    pid = tmp_path / "pid"
    nbformat.write(
        book(f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"),
        slow,
    )
    code = (
        "import sys; from pathlib import Path; from helpers import notebooks\n"
        f"notebooks.execute(Path({str(slow)!r}), Path({str(tmp_path / 'out.ipynb')!r}), {{}})"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code], cwd=paths.ROOT, stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + 30
    while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(run.pid, signal.SIGINT)
    run.communicate(timeout=30)
    assert run.returncode != 0
    assert not (tmp_path / "out.ipynb").exists()
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
