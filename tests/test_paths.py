"""Files and folders are written whole or not at all."""

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


def test_a_folder_is_replaced_as_one(tmp_path):
    target = tmp_path / "set"
    for content in ("first", "second"):
        with paths.whole(target) as part:
            part.mkdir()
            (part / content).touch()
    assert [path.name for path in target.iterdir()] == ["second"]
    assert list(tmp_path.iterdir()) == [target]


def test_only_the_default_run_of_the_command_draws_into_the_committed_figures(monkeypatch):
    run = paths.run_folder("synthetic", "quick")
    monkeypatch.delenv(paths.REDRAW, raising=False)
    assert paths.figures_folder(run) == paths.FIGURES / "synthetic-quick"
    monkeypatch.setenv(paths.REDRAW, "1")
    assert paths.figures_folder(run) == paths.FIGURES


def test_a_run_is_named_after_its_data_and_profile(tmp_path):
    assert paths.run_folder(tmp_path / "my photos", "full").name == "my photos-full"
