"""Several processes learn what one does, and go on where one of them was killed."""

import json
import os
import subprocess
import sys

import distributed_fits
import pytest
import torch
from safetensors.torch import load_file

from helpers import paths
from helpers.training import distributed, fitting


def torchrun(what, folder, restarts=0):
    """Two processes on this machine; what they printed."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [f"--max-restarts={restarts}", "--monitor-interval=0.1"]
    command += [str(paths.ROOT / "tests" / "distributed_fits.py"), what, str(folder)]
    env = os.environ | {"PYTHONPATH": str(paths.ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_twice_eight_photos_learn_what_sixteen_do(tmp_path, one_thread):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = distributed_fits.losses(tmp_path / "one")
    torchrun("losses", tmp_path / "two")
    two = json.loads((tmp_path / "two" / "losses.json").read_text())
    for name, losses in one.items():
        assert two[name] == pytest.approx(losses, rel=1e-4, abs=1e-6), name
    assert len(one["colorize_cnn"]) == 8 + 3  # batches, and looks at the validation photos
    assert one["normed"][7] < 0.9 * one["normed"][0]  # something was learned


def test_a_killed_process_is_started_again_and_the_run_goes_on_from_its_checkpoint(
    tmp_path, one_thread, monkeypatch, capsys
):
    two, one = tmp_path / "two", tmp_path / "one"
    two.mkdir()
    one.mkdir()
    printed = torchrun("command", two, restarts=1).stdout
    for name, module in (("BUILD", paths), ("PREPARED", paths), ("update", fitting)):
        monkeypatch.setattr(module, name, getattr(module, name))  # put back afterwards
    for name, module in (("INTERVAL", distributed.checkpoint), ("TOGETHER", distributed)):
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setattr(distributed_fits.train.preprocessing, "prepare", None)
    distributed_fits.command(one, 16)

    def told(text):
        (line,) = [line for line in text.splitlines() if "wrote" in line]
        return line.split(", ")[:-2]  # the rest names speed and file

    steps = {path.name: int(path.read_text()) for path in two.glob("steps-*")}
    last = distributed_fits.KILLED - 1  # of which the checkpoint tells: batches 3, 6, ...
    assert steps["steps-0-1"] == distributed_fits.KILLED
    assert steps["steps-1-0"] == steps["steps-1-1"] == distributed_fits.STEPS - last
    assert told(printed) == told(capsys.readouterr().out)
    assert f"{distributed_fits.STEPS} batches of 16" in printed
    kept = [torch.load(x / "training/new.pt", weights_only=True)["state"] for x in (one, two)]
    assert kept[1]["losses"] == pytest.approx(kept[0]["losses"], rel=1e-4)
    assert len(kept[1]["losses"]) == distributed_fits.STEPS
    pair = [load_file(folder / "new.safetensors") for folder in (one, two)]
    for name, weights in pair[0].items():
        assert torch.allclose(weights, pair[1][name], atol=1e-4), name


def test_parts_are_disjoint_and_complete(monkeypatch):
    monkeypatch.setattr(distributed, "ranks", lambda: 3)
    parts = []
    for rank in range(3):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        parts.append(list(range(10))[distributed.part(10)])
    assert [number for each in parts for number in each] == list(range(10))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_batches_that_cannot_be_shared_alike_are_refused(monkeypatch):
    monkeypatch.setattr(distributed, "ranks", lambda: 3)
    with pytest.raises(ValueError, match="3 processes cannot share 16"):
        distributed.check(16, "key")
