"""Chapters run in order or side by side, are cached, and report where they failed."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
import torch
from bs4 import BeautifulSoup
from conftest import build_house
from photo_samples import street
from pipeline_samples import book

from helpers import paths
from helpers.report import notebooks, options, pipeline

SECONDS = 60  # after which something counts as hanging on a busy machine


def runs(house) -> tuple[int, int]:
    return tuple(len((house / name).read_text()) for name in ("01_one", "02_two"))


def replace_cells(house, name: str, *sources: str) -> None:
    nbformat.write(book(*sources), house / "notebooks" / f"{name}.ipynb")


def add_cell(house, name: str, source: str) -> None:
    path = house / "notebooks" / f"{name}.ipynb"
    old = [cell.source for cell in nbformat.read(path, 4).cells[2:]]
    replace_cells(house, name, *old, source)


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + SECONDS
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline, path
        time.sleep(0.1)
    return path.read_text()


def ends(pid: int) -> bool:
    """Whether a process ends within a few seconds."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_a_second_run_executes_nothing_and_says_so(used_house, capsys):
    first = (paths.BUILD / "report.html").read_bytes()
    assert pipeline.main([]) == 0
    assert runs(used_house) == (1, 1)
    assert capsys.readouterr().out.splitlines()[:2] == [
        "[1/2] 01_one: nothing changed",
        "[2/2] 02_two: nothing changed",
    ]
    assert (paths.BUILD / "report.html").read_bytes() == first


def test_the_notebooks_get_the_device_and_the_parameters(small_house):
    add_cell(small_house, "01_one", f"import os; print(os.environ[{paths.DEVICE!r}], data)")
    assert pipeline.main(["--device", "auto"]) == 0
    executed = nbformat.read(paths.BUILD / "synthetic-quick" / "notebooks" / "01_one.ipynb", 4)
    assert executed.cells[-1].outputs[0].text == "auto synthetic\n"


def test_a_changed_notebook_runs_again_and_so_do_those_after_it(used_house):
    add_cell(used_house, "02_two", "1")
    pipeline.main([])
    assert runs(used_house) == (1, 2)
    add_cell(used_house, "01_one", "1")
    pipeline.main([])
    assert runs(used_house) == (2, 3)


def test_a_change_of_chapter_0_runs_it_again_and_no_other(used_house, monkeypatch):
    monkeypatch.setattr(pipeline, "ALONE", "01_one")
    pipeline.main([])
    before = runs(used_house)
    add_cell(used_house, "01_one", "print(6 * 7)")
    pipeline.main([])
    assert runs(used_house) == (before[0] + 1, before[1])
    assert ">42\n" in (paths.BUILD / "report.html").read_text()


def test_other_options_force_and_lost_files_run_again(used_house):
    pipeline.main(["--seed", "3"])
    assert runs(used_house) == (2, 2)
    pipeline.main(["--seed", "3", "--force"])
    assert runs(used_house) == (3, 3)
    (paths.BUILD / "synthetic-quick" / "notebooks" / "02_two.ipynb").unlink()
    pipeline.main(["--seed", "3"])
    assert runs(used_house) == (3, 4)
    (paths.BUILD / "synthetic-quick" / "parts" / "02_two.json").write_text("")
    pipeline.main(["--seed", "3"])
    assert runs(used_house) == (3, 5)


def test_a_page_or_numbers_that_are_gone_or_empty_are_built_again(used_house):
    for name in ("report.html", "results.json", "synthetic-quick/results.json"):
        for lose in (Path.unlink, lambda path: path.write_text("")):
            lose(paths.BUILD / name)
            assert pipeline.main([]) == 0
            assert (paths.BUILD / name).stat().st_size > 0, name
    assert runs(used_house) == (1, 1)


def test_a_failing_cell_is_named_last_with_its_log_and_earlier_chapters_stay_cached(house, capsys):
    replace_cells(house, "02_two", "1 + 1", "raise ValueError('too few photos')")
    assert pipeline.main([]) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "02_two, cell 3: ValueError: too few photos" in last
    log = house / last.rpartition("The log is ")[2]
    assert "too few photos" in log.read_text()
    assert not (paths.BUILD / "report.html").exists()
    pipeline.main([])
    assert (house / "01_one").read_text() == "x"


@pytest.mark.parametrize(
    ("source", "said"),
    [("import sys; sys.exit(0)", "SystemExit"), ("import os; os._exit(1)", "Kernel died")],
)
def test_a_notebook_that_ends_early_has_failed(small_house, capsys, source, said):
    replace_cells(small_house, "01_one", source, "1 + 1")
    assert pipeline.main([]) == 1
    error = capsys.readouterr().err
    assert "01_one" in error and said in error
    assert not (paths.BUILD / "synthetic-quick" / "notebooks" / "01_one.ipynb").exists()


def test_a_second_run_at_the_same_time_stops_with_a_sentence(house):
    pid = house / "pid"
    add_cell(house, "01_one", f"open({str(pid)!r}, 'w').write('x'); import time; time.sleep(600)")
    first = start(house)
    wait_for(pid)
    second = start(house)
    assert "Another run is at work" in second.communicate(timeout=SECONDS)[1]
    assert second.returncode == 1
    first.send_signal(signal.SIGINT)
    assert first.wait(SECONDS) == 130


def start(house, *lines: str) -> subprocess.Popen:
    """A run in the house, as a process of its own; `lines` of code go before it."""
    code = [
        "import sys; from pathlib import Path; from helpers import paths",
        "from helpers.report import notebooks, pipeline",
        f"paths.ROOT = Path({str(house)!r})",
        "paths.NOTEBOOKS, paths.BUILD = paths.ROOT / 'notebooks', paths.ROOT / 'build'",
        *lines,
        "sys.exit(pipeline.main([]))",
    ]
    environment = os.environ | {"PYTHONPATH": str(Path(paths.__file__).parents[1])}
    return subprocess.Popen(
        [sys.executable, "-c", "\n".join(code)],
        env=environment | {"OMP_NUM_THREADS": "2"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_what_is_written_back_is_stripped_of_what_changes(house):
    replace_cells(house, "01_one", "print(1)")
    executed = house / "executed.ipynb"
    notebooks.execute(house / "notebooks" / "01_one.ipynb", executed, {"data": "streets"})
    notebooks.write_back(executed, house / "01_one.ipynb")
    kept = json.loads((house / "01_one.ipynb").read_text())
    assert [cell["execution_count"] for cell in kept["cells"][1:]] == [1, 2, 3]
    assert kept["cells"][-1]["outputs"][0]["text"] == ["1\n"]
    assert "papermill" not in (house / "01_one.ipynb").read_text()


def test_the_default_run_writes_its_notebooks_back_and_that_makes_nothing_due(house):
    assert pipeline.main(["--update"]) == 0
    for path in (house / "notebooks").glob("*.ipynb"):
        assert json.loads(path.read_text())["cells"][2]["execution_count"] == 2
    assert pipeline.main(["--update"]) == 0
    assert runs(house) == (1, 1)


def test_a_notebook_runs_in_its_own_folder(small_house):
    done = small_house / "done"
    add_cell(small_house, "01_one", f"import os; open({str(done)!r}, 'w').write(os.getcwd())")
    assert pipeline.main([]) == 0
    assert done.read_text() == str(small_house / "notebooks")


def test_only_what_differs_from_the_defaults_is_passed_to_notebooks(tmp_path):
    chosen = options.parser().parse_args(["--data", str(tmp_path), "--seed", "2"])
    assert pipeline.changed_parameters(chosen) == {"data": str(tmp_path.resolve()), "seed": 2}
    assert pipeline.changed_parameters(options.parser().parse_args([])) == {}


def test_the_command_that_repeats_a_run_has_its_options_and_no_path(tmp_path):
    chosen = options.parser().parse_args(["--data", str(tmp_path / "my photos"), "--seed", "2"])
    assert pipeline.rebuild_command(chosen) == "./run_all.sh --data 'my photos' --seed 2"
    assert pipeline.rebuild_command(options.parser().parse_args([])) == "./run_all.sh"
    chosen = options.parser().parse_args(["--device", "auto"])
    assert pipeline.rebuild_command(chosen) == "./run_all.sh --device auto"


@pytest.mark.parametrize("package", ["soupsieve", "nbconvert"])
def test_a_page_that_cannot_be_built_is_reported_before_the_first_notebook(house, package):
    run = start(house, f"sys.modules[{package!r}] = None")
    said = run.communicate(timeout=SECONDS)[1]
    assert run.returncode == 1 and "the page cannot be built with Python" in said
    assert not (house / "01_one").exists()


WRITES = """import os, time
from pathlib import Path
from helpers import paths
with paths.whole(Path("../build/a.json")) as part:
    part.touch()
    Path("../begun").write_text(f"{os.getppid()} {os.getpid()}")
    time.sleep(600)"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_what_a_killed_run_leaves_is_removed_by_the_next(small_house):
    add_cell(small_house, "01_one", WRITES)
    run = start(small_house)
    processes = [run.pid, *map(int, wait_for(small_house / "begun").split())]
    for pid in processes:
        os.kill(pid, signal.SIGKILL)
    run.communicate(timeout=SECONDS)
    assert all(map(ends, processes))
    build = small_house / "build"
    files = [*(build / "kernels").iterdir(), *build.glob(".a.json.*.part")]
    assert len(files) == 2 and all(path.exists() for path in files)
    replace_cells(small_house, "01_one", "1")
    assert pipeline.main([]) == 0
    assert not any(path.exists() for path in files)


ODD = '{{x}} {2019} $\\q$ a\\b "c" <i> 東京'


def test_a_folder_of_any_name_reaches_notebooks_and_page_as_it_is(tmp_path, monkeypatch):
    (tmp_path / ODD / "photos").mkdir(parents=True)
    house = build_house(tmp_path / ODD, monkeypatch)
    folder = street(tmp_path / ODD / ODD, places=8)
    (house / "notebooks" / "02_two.ipynb").unlink()
    replace_cells(house, "01_one", "print(data)")
    assert pipeline.main(["--data", str(folder)]) == 0
    executed = nbformat.read(house / "build" / f"{ODD}-quick" / "notebooks" / "01_one.ipynb", 4)
    assert executed.cells[-1].outputs[0].text == f"{folder}\n"
    page = BeautifulSoup((house / "build" / "report.html").read_text(), "html.parser")
    assert f"the photos of “{ODD}”" in page.find(id="about").text
    assert shlex.join(["--data", ODD]) in page.find(id="about").pre.text


@pytest.mark.skipif(sys.platform != "linux", reason="bytes as names")
def test_a_folder_whose_name_is_not_utf_8_gets_its_page(small_house):
    folder = street(small_house / os.fsdecode(b"a\xff"), places=8)
    replace_cells(small_house, "01_one", "import os", "os.path.basename(data)", "print(data)")
    assert pipeline.main(["--data", str(folder)]) == 0
    assert "the photos of “<bdi>a\ufffd</bdi>”" in (paths.BUILD / "report.html").read_text()


@pytest.mark.parametrize("option", ["--data", "--extra", "--elsewhere"])
def test_a_folder_called_synthetic_is_never_taken_for_rendered_streets(
    tmp_path, monkeypatch, option
):
    folder = street(tmp_path / "synthetic", places=8)
    monkeypatch.chdir(tmp_path)
    for given in ("./synthetic", str(folder), *(["synthetic"] if option != "--data" else [])):
        chosen = options.parse([option, given])
        assert pipeline.changed_parameters(chosen) == {option[2:]: str(folder.resolve())}
        assert len(pipeline.photos_read(chosen)) == 24
        assert pipeline.rebuild_command(chosen) == f"./run_all.sh {option} ./synthetic"


@pytest.fixture
def photos(tmp_path):
    """A folder of photos with a linked folder in it; returns it and a photo of the latter."""
    inside, away = tmp_path / "photos", tmp_path / "away"
    inside.mkdir()
    away.mkdir()
    for path in (inside / "a.jpg", away / "b.jpg"):
        path.write_bytes(b"1")
    (inside / "linked").symlink_to(away)
    return inside, away / "b.jpg"


def key(folder, **options_set) -> str:
    chosen = options.parser().parse_args(["--data", str(folder)])
    parameters = pipeline.changed_parameters(chosen) | options_set
    return pipeline.inputs_key(parameters, pipeline.photos_read(chosen))


def test_the_key_changes_with_any_photo_also_in_a_linked_folder(photos):
    folder, linked = photos
    keys = [key(folder), key(folder, seed=1)]
    (folder / "a.jpg").write_bytes(b"12")
    keys.append(key(folder))
    linked.write_bytes(b"12")
    keys.append(key(folder))
    (linked.parent / "c.jpg").write_bytes(b"1")
    keys.append(key(folder))
    linked.unlink()
    keys.append(key(folder))
    assert len(set(keys)) == len(keys)


def test_a_photo_replaced_by_one_of_the_same_size_and_time_changes_the_key(photos):
    folder, linked = photos
    before, status = key(folder), linked.stat()
    time.sleep(0.05)
    linked.write_bytes(b"2")
    os.utime(linked, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert key(folder) != before


def test_files_of_editors_and_file_managers_change_no_key(photos):
    folder, _ = photos
    before = key(folder)
    for name in ("Thumbs.db", ".DS_Store", ".a.jpg.swp", "desktop.ini"):
        (folder / name).write_bytes(b"1")
    assert key(folder) == before


@pytest.fixture
def code(tmp_path, monkeypatch):
    """A copy of what counts of this project's code, to be changed."""
    helpers = tmp_path / "helpers"
    for name in ("color.py", "report/page.py", "report/templates/style.css"):
        (helpers / name).parent.mkdir(parents=True, exist_ok=True)
        (helpers / name).write_text("1")
    monkeypatch.setattr(paths, "HELPERS", helpers)
    return helpers


@pytest.mark.parametrize(
    ("name", "chapters_due", "page_due"),
    [
        ("color.py", True, False),
        ("new_room/thing.py", True, False),
        ("report/page.py", False, True),
        ("report/new.py", False, True),
        ("report/templates/style.css", False, True),
        (".color.py.swp", False, False),
        ("report/templates/.style.css.swp", False, False),
        ("report/templates/Thumbs.db", False, False),
    ],
)
def test_code_makes_due_what_depends_on_it(code, name, chapters_due, page_due):
    before = pipeline.inputs_key({}, []), pipeline.page_key()
    (code / name).parent.mkdir(exist_ok=True)
    (code / name).write_text("2")
    after = pipeline.inputs_key({}, []), pipeline.page_key()
    assert [a != b for a, b in zip(before, after)] == [chapters_due, page_due]


@pytest.fixture
def two_lanes(house, monkeypatch):
    """The house, its chapters in two lanes; each waits until the other has begun."""
    monkeypatch.setattr(pipeline, "LANES", (("01_one",), ("02_two",)))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    one, two = str(house / "one-begun"), str(house / "two-begun")
    for name, mine, other in (("01_one", one, two), ("02_two", two, one)):
        add_cell(
            house,
            name,
            f"import os, time; open({mine!r}, 'w').write(str(os.getpid()))\n"
            f"while not os.path.exists({other!r}): time.sleep(0.05)",
        )
    return house


LANES = "pipeline.LANES = (('01_one',), ('02_two',))"


def kernels(house) -> list[int]:
    """Processes of both kernels, once both run."""
    return [int(wait_for(house / f"{name}-begun")) for name in ("one", "two")]


def test_chapters_run_side_by_side_and_share_the_threads(two_lanes):
    assert pipeline.main([]) == 0
    found = json.loads((paths.BUILD / "results.json").read_text())
    assert found["environment"]["threads_of_chapters"] == {"01_one": 1, "02_two": 1}


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this machine has that device")
def test_a_device_that_is_not_there_is_refused_before_any_chapter(house, capsys):
    assert pipeline.main(["--device", "mps"]) == 1
    assert "no device 'mps' here: take cpu" in capsys.readouterr().err
    assert not (house / "01_one").exists()


def test_another_device_has_one_chapter_at_a_time(house, monkeypatch):
    monkeypatch.setattr(pipeline, "LANES", (("01_one",), ("02_two",)))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    (house / "build" / "synthetic-quick" / "parts").mkdir(parents=True)
    assert pipeline.main(["--device", "auto"]) == 0
    found = json.loads((paths.BUILD / "results.json").read_text())
    assert found["environment"]["threads_of_chapters"] == {"01_one": 2, "02_two": 2}


def test_a_chapter_that_fails_stops_the_one_beside_it_and_is_the_one_named(two_lanes, capsys):
    add_cell(two_lanes, "01_one", "raise ValueError('no photos')")
    add_cell(two_lanes, "02_two", "time.sleep(600)")
    began = time.monotonic()
    assert pipeline.main([]) == 1
    assert time.monotonic() - began < SECONDS
    assert "01_one, cell 5: ValueError: no photos" in capsys.readouterr().err.splitlines()[-1]
    assert all(map(ends, kernels(two_lanes)))


SAVES = "try: time.sleep(600)\nexcept KeyboardInterrupt: open({!r}, 'w').write('x'); raise"
DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("numbers", "ignored"),
    [
        ([signal.SIGINT], True),
        ([signal.SIGTERM, signal.SIGINT, signal.SIGTERM], False),
    ],
)
def test_ctrl_c_lets_chapters_save_and_the_same_command_resumes(two_lanes, numbers, ignored):
    saved = [two_lanes / "one-saved", two_lanes / "two-saved"]
    for name, path in zip(("01_one", "02_two"), saved):
        add_cell(two_lanes, name, SAVES.format(str(path)))
    ignore = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)" if ignored else ""
    run = start(two_lanes, LANES, ignore)
    both = kernels(two_lanes)
    time.sleep(1)  # until the cells sleep
    for number in numbers:
        os.killpg(run.pid, number)
    _, said = run.communicate(timeout=SECONDS)
    assert run.returncode == 130 and "The same command resumes" in said
    assert all(path.exists() for path in saved) and all(map(ends, both))
    assert not list((paths.BUILD / "synthetic-quick" / "notebooks").glob("*"))
    if not ignored:
        return
    for name in ("01_one", "02_two"):
        add_cell(two_lanes, name, "1")
        path = two_lanes / "notebooks" / f"{name}.ipynb"
        path.write_text(path.read_text().replace("time.sleep(600)", "1"))
    assert pipeline.main([]) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_kernel_that_ignores_ctrl_c_and_kernels_of_a_killed_run_end_too(two_lanes, number):
    for name in ("01_one", "02_two"):
        add_cell(two_lanes, name, DEAF if number == signal.SIGINT else "time.sleep(600)")
    run = start(two_lanes, LANES, "notebooks.GRACE = 1.0")
    both = kernels(two_lanes)
    time.sleep(1)
    run.send_signal(number)
    run.communicate(timeout=SECONDS)
    assert run.returncode != 0 and all(map(ends, both))


@pytest.mark.parametrize(("claim", "shown"), [(False, "3"), (True, "4")])
def test_checks_fail_if_a_test_does_or_a_notebook_shows_what_it_did_not(house, capfd, claim, shown):
    (house / "tests").mkdir()
    (house / "tests" / "test_it.py").write_text(f"def test_it(): assert {claim}\n")
    (house / "notebooks" / "02_two.ipynb").unlink()
    made = book("1 + 2")
    result = nbformat.v4.new_output("execute_result", {"text/plain": shown}, execution_count=2)
    made.cells[-1] |= {"outputs": [result], "execution_count": 2}
    nbformat.write(made, house / "notebooks" / "01_one.ipynb")
    assert pipeline.main(["test"]) == 1
    said = capfd.readouterr().out
    assert ("FAILED tests/test_it.py" in said) != claim
    assert ("FAILED notebooks/01_one.ipynb" in said) == (shown == "4")


def test_chapters_run_after_those_whose_networks_or_verdicts_they_show():
    names = sorted(path.stem for path in paths.NOTEBOOKS.glob("[0-9]*.ipynb"))
    chapters = [notebooks.Chapter(n, Path(n), Path(n), Path(n), {}) for n in names]
    found = [
        [[chapter.notebook.name for chapter in lane] for lane in lanes]
        for lanes in pipeline.stages(chapters, beside=True)
    ]
    assert found[:2] == [[["00_try_it"]], [["01_preprocessing"]]]
    assert found[-1] == [["06_colorize_your_photos"]]
    (lanes,) = found[2:-1]
    assert sorted(name for lane in lanes for name in lane) == names[2:-1]
    (training,) = [lane for lane in lanes if "03_training" in lane]
    assert training.index("03_training") < training.index("04_evaluation")
    assert all(len(lanes) == 1 for lanes in pipeline.stages(chapters, beside=False))
