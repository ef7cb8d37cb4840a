"""The pins, for pip and for conda, hold what pyproject.toml asks for."""

import re
import tomllib

from packaging.requirements import Requirement
from packaging.version import Version

from helpers import paths
from helpers.report import options


def pins() -> dict[str, str]:
    lines = (paths.ROOT / "requirements.txt").read_text().splitlines()
    split = [line.split("==") for line in lines if "==" in line and not line.startswith("#")]
    return {name.strip().lower(): version.strip() for name, version in split}


def test_every_direct_dependency_is_pinned_at_a_version_that_fits():
    project = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["project"]
    for line in project["dependencies"]:
        wanted = Requirement(line)
        assert Version(pins()[wanted.name.lower()]) in wanted.specifier, line


def test_every_requirement_is_pinned_and_none_names_a_build_or_a_place():
    for line in (paths.ROOT / "requirements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            assert re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9.]+", line), line


def test_conda_users_get_the_same_pins():
    text = (paths.ROOT / "environment.yml").read_text()
    assert "- -r requirements.txt" in text
    python = re.search(r"python=(\d+\.\d+)", text).group(1)
    project = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["project"]
    assert Requirement(f"python{project['requires-python']}").specifier.contains(python)
    assert "==" not in text, "a version in environment.yml would be a second source"


def test_this_environment_is_the_pinned_one():
    assert options.unmet_requirements() == []


def test_a_missing_or_other_version_is_named(monkeypatch):
    monkeypatch.setattr(options.metadata, "version", lambda name: "0.0.1")
    assert "numpy==" + pins()["numpy"] in options.unmet_requirements()
