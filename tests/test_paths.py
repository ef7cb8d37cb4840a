"""Files and folders are written whole or not at all, and never in place of something else."""

import argparse
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import paths


def test_a_file_takes_its_name_only_when_the_block_succeeds(tmp_path):
    target = tmp_path / "deep" / "file.txt"
    with paths.whole(target) as part:
        part.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), paths.whole(target) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_never_replaces_a_folder(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "precious.txt").touch()
    with pytest.raises(IsADirectoryError), paths.whole(tmp_path / "photos"):
        raise AssertionError("the block is not entered")
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["precious.txt"]


def make(target, content):
    with paths.whole_folder(target, "made.json") as part:
        part.mkdir()
        (part / "made.json").write_text("{}")
        (part / content).touch()


def test_a_folder_is_replaced_as_one(tmp_path):
    target = tmp_path / "set"
    for content in ("first", "second"):
        make(target, content)
    assert sorted(path.name for path in target.iterdir()) == ["made.json", "second"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("kind", ["folder", "empty folder", "file", "broken link"])
def test_a_folder_replaces_only_what_has_its_marker(tmp_path, kind):
    target = tmp_path / "set"
    if kind == "file":
        target.touch()
    elif kind == "broken link":
        target.symlink_to(tmp_path / "nowhere")
    else:
        target.mkdir()
    if kind == "folder":
        (target / "precious.txt").touch()
    with pytest.raises(FileExistsError, match="not made by this project"):
        make(target, "new")
    assert os.path.lexists(target) and list(tmp_path.iterdir()) == [target]
    assert kind != "folder" or (target / "precious.txt").exists()


def test_a_folder_that_fails_leaves_the_old_one(tmp_path):
    make(tmp_path / "set", "first")
    with (
        pytest.raises(ValueError, match=r"has no made\.json"),
        paths.whole_folder(tmp_path / "set", "made.json") as part,
    ):
        part.mkdir()
    assert (tmp_path / "set" / "first").exists() and len(list(tmp_path.iterdir())) == 1


def test_a_file_to_write_may_be_new_or_there_but_no_folder(tmp_path):
    (tmp_path / "there.json").touch()
    for name in ("there.json", "new.json", "deep/er/new.json"):
        assert paths.output_file(str(tmp_path / name)) == tmp_path / name
    with pytest.raises(argparse.ArgumentTypeError, match="is a folder: give the name of a file"):
        paths.output_file(str(tmp_path))
    with pytest.raises(argparse.ArgumentTypeError, match="is a file, not a folder"):
        paths.output_file(str(tmp_path / "there.json" / "new.json"))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("x" * 300, "give another name"),
        ("not there yet/" + "x" * 300, "give another name"),
        ("~nosuchuser/new.json", "no such user"),
    ],
)
def test_a_name_that_cannot_be_written_is_refused_in_one_sentence(name, says):
    with pytest.raises(argparse.ArgumentTypeError, match=says):
        paths.output_file(name)


def test_a_file_to_read_is_there_and_no_folder(tmp_path):
    (tmp_path / "there.json").touch()
    assert paths.input_file(str(tmp_path / "there.json")) == tmp_path / "there.json"
    with pytest.raises(argparse.ArgumentTypeError, match="is a folder: give the name of a file"):
        paths.input_file(str(tmp_path))
    for missing in (str(tmp_path / "gone.json"), "~nosuchuser/gone.json", "x" * 300):
        with pytest.raises(argparse.ArgumentTypeError, match="there is no such file"):
            paths.input_file(missing)


OPTIONS = [
    ("-m helpers.evaluation photos", "--json"),
    ("-m helpers.evaluation photos", "--check"),
    ("-m helpers.evaluation photos", "--weights"),
    ("-m helpers.training photos", "--output"),
    ("-m helpers.training photos --model street_unet", "--output"),
    ("-m helpers.preprocessing.color_statistics photos", "--output"),
    ("-m helpers.colorize photos --output colored", "--weights"),
    ("benchmarks/preprocessing.py", "--json"),
    ("benchmarks/training.py", "--json"),
    ("benchmarks/colorize.py", "--json"),
    ("benchmarks/precision.py", "--json"),
    ("benchmarks/cost.py", "--json"),
]


@pytest.mark.filterwarnings("ignore:.*found in sys.modules")
@pytest.mark.parametrize(("command", "option"), OPTIONS, ids=lambda text: text)
def test_an_option_that_names_a_file_refuses_a_folder_and_leaves_it_alone(
    tmp_path, command, option, monkeypatch, capsys
):
    mine = tmp_path / "mine"
    for folder in (mine, tmp_path / "photos"):
        folder.mkdir()
        (folder / "precious.txt").write_text("precious")
    program, *words = command.removeprefix("-m ").split()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [program, *words, option, str(mine)])
    with pytest.raises(SystemExit) as stop:
        if command.startswith("-m "):
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(str(paths.ROOT / program), run_name="__main__")
    assert stop.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert f"{mine} is a folder: give the name of a file" in last and option in last
    assert (mine / "precious.txt").read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "photos"]


@pytest.fixture
def code(tmp_path, monkeypatch):
    """A package `helpers` of three files."""
    monkeypatch.setattr(paths, "HELPERS", tmp_path)
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    for name in ("color.py", "photos/pool.py", "photos/deep/scene.py"):
        (tmp_path / name).write_text(name)
    return tmp_path


def test_the_key_of_code_is_the_same_until_the_code_changes(code):
    keys = [paths.code_key("color.py", "photos")]
    assert paths.code_key("color.py", "photos") == keys[0]
    (code / "photos" / "deep" / "new.py").touch()
    keys.append(paths.code_key("color.py", "photos"))
    (code / "photos" / "pool.py").write_text("other")
    keys.append(paths.code_key("color.py", "photos"))
    (code / "photos" / "pool.py").rename(code / "photos" / "renamed.py")
    keys.append(paths.code_key("color.py", "photos"))
    (code / "color.py").write_text("other")
    keys.append(paths.code_key("color.py", "photos"))
    assert len(set(keys)) == len(keys)
    (code / "another.py").touch()
    (code / "photos" / "notes.txt").touch()
    assert paths.code_key("color.py", "photos") == keys[-1]


def test_only_the_default_run_of_the_command_draws_into_the_committed_figures(monkeypatch):
    run = paths.run_folder("synthetic", "quick")
    monkeypatch.delenv(paths.REDRAW, raising=False)
    assert paths.figures_folder(run) == paths.FIGURES / "synthetic-quick"
    monkeypatch.setenv(paths.REDRAW, "1")
    assert paths.figures_folder(run) == paths.FIGURES


def test_a_run_is_named_after_its_data_and_profile(tmp_path):
    assert paths.run_folder(tmp_path / "my photos", "full").name == "my photos-full"


def test_folders_with_long_names_give_short_names_that_differ(tmp_path):
    one, other = (paths.run_folder(tmp_path / ("L" * 249 + end), "full") for end in "ab")
    assert one != other and max(len(one.name), len(other.name)) < 50


@pytest.mark.parametrize("name", paths.SOURCES)
def test_a_folder_called_like_a_source_is_another_run(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    assert paths.run_folder(name, "full").name == f"{name}-full"
    for folder in (tmp_path / name, f"./{name}", str(tmp_path / name), Path(name)):
        assert paths.run_folder(folder, "full").name == f"folder {name}-full"


def test_the_name_of_a_folder_as_an_argument_is_no_source_and_no_option(tmp_path):
    names = {"my photos": "my photos", "synthetic": "./synthetic", "-h": "./-h"}
    assert {name: paths.folder_argument(tmp_path / name) for name in names} == names


HALF = """import os, sys, time
from pathlib import Path
from helpers import paths
with paths.whole(Path(sys.argv[1])) as part:
    part.write_text("half")
    print("begun", flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no lock that ends with its process")
def test_what_a_killed_process_left_is_removed_and_what_one_at_work_writes_is_not(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / ".mine.part").mkdir()  # another program's
    environment = os.environ | {"PYTHONPATH": str(paths.ROOT)}
    command = [sys.executable, "-c", HALF, str(tmp_path / "photos" / "a\n.jpg")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    process.stdout.readline()
    paths.remove_left_behind(tmp_path)
    left = [path for path in (tmp_path / "photos").iterdir() if path.name != ".mine.part"]
    assert len(left) == 1
    process.kill()
    process.wait()
    paths.remove_left_behind(tmp_path)
    assert [path.name for path in (tmp_path / "photos").iterdir()] == [".mine.part"]
