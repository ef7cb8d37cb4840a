import subprocess

import pytest

from helpers import paths
from helpers.report import environment


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    def git(*words):
        settings = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(tmp_path), *settings, *words], check=True)

    monkeypatch.setattr(paths, "ROOT", tmp_path)
    for name in ("helpers/a.py", "figures/a.png", "notebooks/figures/a.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("as committed")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "all")
    return tmp_path


def test_figures_drawn_anew_do_not_make_a_commit_dirty(checkout):
    clean = environment.commit()
    assert len(clean) == 12 and set(clean) <= set("0123456789abcdef")
    (checkout / "figures" / "a.png").write_text("drawn anew")
    assert environment.commit() == clean


@pytest.mark.parametrize("name", ["helpers/a.py", "notebooks/figures/a.ipynb"])
def test_a_changed_source_makes_a_commit_dirty(checkout, name):
    clean = environment.commit()
    (checkout / name).write_text("changed")
    assert environment.commit() == f"{clean}-dirty"


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("https://github.com/ada/street.side.git", "ada/street.side"),
        ("https://token@github.com/ada/street-side/", "ada/street-side"),
        ("git@github.com:ada/streets.git", "ada/streets"),
        ("ssh://git@github.com/ada/streets", "ada/streets"),
        ("https://example.org/github.com/ada/streets.git", ""),
        ("/home/ada/streets", ""),
    ],
)
def test_links_lead_to_the_repository_on_github_and_nowhere_else(checkout, address, found):
    assert environment.repository() == ""
    subprocess.run(["git", "-C", str(checkout), "remote", "add", "origin", address], check=True)
    assert environment.repository() == found


def test_a_folder_without_history_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    assert environment.commit() == "unknown (not a git checkout)"
