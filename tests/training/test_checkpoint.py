"""Checkpoints: damaged ones are set aside by name, and reading one runs no code."""

import hashlib
import io
import os
import time

import pytest
import torch
from training_samples import stored

from helpers.training import Recipe, checkpoint, fit

SHORT = Recipe(rate=1e-3, batch_size=4, batches=3)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"not a checkpoint at all" * 9])
def test_a_damaged_checkpoint_is_set_aside_and_the_training_begins_again(tmp_path, capsys, content):
    path = tmp_path / "fit.pt"
    path.write_bytes(content)
    assert fit(SHORT, stored(10), path=path).batches == 3
    assert (tmp_path / "fit.pt.damaged").read_bytes() == content
    assert "fit.pt.damaged" in capsys.readouterr().out


def test_one_flipped_bit_is_seen(tmp_path, capsys):
    path = tmp_path / "fit.pt"
    fit(SHORT, stored(10), path=path)
    data = bytearray(path.read_bytes())
    for place in range(0, len(data), len(data) // 20):
        changed = data.copy()
        changed[place] ^= 4
        path.write_bytes(changed)
        assert fit(SHORT, stored(10), path=path).batches == 3
    assert capsys.readouterr().out.count("set aside") >= 20


def test_reading_a_checkpoint_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "it ran"),))

    content = io.BytesIO()
    torch.save({"key": "key", "state": Evil()}, content)
    data = content.getvalue()
    path = tmp_path / "fit.pt"
    path.write_bytes(hashlib.sha256(data).digest() + data)
    assert checkpoint.load(path, "key") is None
    assert not (tmp_path / "it ran").exists()


def test_a_state_comes_back_for_its_own_key_alone(tmp_path):
    path, state = tmp_path / "kept.pt", {"x": torch.arange(3), "history": [[1.5]]}
    checkpoint.save(path, "mine", state)
    found = checkpoint.load(path, "mine")
    assert torch.equal(found["x"], state["x"]) and found["history"] == [[1.5]]
    assert checkpoint.load(path, "another") is None
    assert path.exists()


def test_a_checkpoint_is_due_at_intervals_and_at_once_after_ctrl_c(monkeypatch):
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.2)
    pace = checkpoint.Pace()
    assert not pace.due()
    time.sleep(0.25)
    assert pace.due() and not pace.due()
    pace.interrupted = True
    assert pace.due()
