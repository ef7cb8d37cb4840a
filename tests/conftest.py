"""Imported before any test: the thread environment counts only if set before PyTorch loads."""

import helpers  # noqa: F401

# isort: split
import json
import os

import nbformat
import pytest
from pipeline_samples import book

from helpers import paths
from helpers.report import page, pipeline


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A project of two small notebooks, each of which counts its runs in a file."""
    monkeypatch.setattr(paths, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(paths, "BUILD", tmp_path / "build")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(page, "build", lambda folder, books, out: out.write_text("page"))
    for name in ("PYTHONPATH", "IPYTHONDIR", "TQDM_DISABLE", paths.REDRAW, paths.DEVICE):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    (tmp_path / "requirements.txt").touch()
    (tmp_path / "notebooks").mkdir()
    parts = tmp_path / "build" / "synthetic-quick" / "parts"
    for name in ("01_one", "02_two"):
        counts = f"open({str(tmp_path / name)!r}, 'a').write('x')"
        part = (
            f"from pathlib import Path; p = Path({str(parts)!r}); p.mkdir(exist_ok=True);"
            f"(p / '{name}.json').write_text('{{}}');"
        )
        nbformat.write(book(counts, part), tmp_path / "notebooks" / f"{name}.ipynb")
    monkeypatch.setattr(pipeline, "inputs_key", lambda parameters: json.dumps(parameters))
    return tmp_path
