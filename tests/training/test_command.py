"""`python -m helpers.training`, alone and in two processes."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from photo_samples import street
from safetensors import safe_open
from safetensors.torch import load_file

from helpers import paths
from helpers.model import ColorizeCNN, street_unet
from helpers.training import __main__ as command

TORCHRUN = "torch.distributed.run --standalone --nproc-per-node=2 --monitor-interval=0.1"

# Started by torchrun: a first life in which the second process dies once a checkpoint is there.
DIES = """
import os, signal, sys, threading, time
from pathlib import Path
from helpers import paths
from helpers.training import __main__ as command, checkpoint
import torch
torch.set_num_threads(1)
folder = Path(sys.argv[1])
paths.BUILD, paths.PREPARED, checkpoint.INTERVAL = folder, folder / "prepared", 0.0

def die():
    while not any(folder.glob("training/new-*.pt")):
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)

if os.environ.get("TORCHELASTIC_RESTART_COUNT") == "0" and os.environ["RANK"] == sys.argv[2]:
    threading.Thread(target=die, daemon=True).start()
command.main(sys.argv[3:])
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return street(tmp_path_factory.mktemp("photos") / "street")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "BUILD", tmp_path)
    monkeypatch.setattr(paths, "PREPARED", tmp_path / "prepared")
    return tmp_path


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def two_processes(folder, dies, *arguments, restarts=0):
    script = folder / "start.py"
    script.write_text(DIES)
    start = [sys.executable, "-m", *TORCHRUN.split(), f"--max-restarts={restarts}"]
    env = os.environ | {"PYTHONPATH": str(paths.ROOT), "OMP_NUM_THREADS": "1"}
    env.pop("TQDM_DISABLE", None)
    line = [*start, str(script), str(folder), dies, *map(str, arguments)]
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_weights_of_the_reports_network_load_into_it(photos, folder, capsys):
    output = folder / "new.safetensors"
    command.main(
        [str(photos), "--model", "colorize_cnn", "--batches", "3", "--output", str(output)]
    )
    assert str(output) in capsys.readouterr().out
    ColorizeCNN().load_state_dict(load_file(output))
    with safe_open(output, "pt") as file:
        about = json.loads(file.metadata()["about"])
    assert about["recipe"]["batches"] == 3 and len(about["training_photos"]) > 3


def test_weights_of_street_unet_say_where_they_come_from(photos, folder, capsys):
    output = folder / "new.safetensors"
    options = ["--from-scratch", "--batches", "2", "--batch-size", "2", "--dropout", "0"]
    command.main([str(photos), *options, "--output", str(output)])
    assert "relative to gray" in capsys.readouterr().out
    _, meta, points = street_unet.load(output)
    assert set(points) == {"street_unet", "street_unet_accurate"}
    assert meta["recipe"]["batches"] == 2 and meta["recipe"]["dropout"] == 0
    assert meta["training_photos"] and meta["validation_photos"]


def test_a_users_weights_are_halfway_between_the_shipped_ones_and_what_was_learned(
    photos, folder, capsys
):
    tuned = {}
    for keep in ("0", "0.5"):
        output = folder / f"kept-{keep}.safetensors"
        options = ["--batches", "2", "--batch-size", "2", "--keep", keep]
        command.main([str(photos), *options, "--output", str(output)])
        tuned[keep], meta, _ = street_unet.load(output)
        assert meta["kept"] == float(keep) and len(meta["training_photos"]) > 4731
    shipped = street_unet.load(paths.SHIPPED)[0].state_dict()
    learned, half = (tuned[keep].state_dict() for keep in ("0", "0.5"))
    moved = learned["head.bias"] - shipped["head.bias"]
    assert moved.abs().max() > 1e-5
    assert torch.allclose(half["head.bias"], shipped["head.bias"] + moved / 2, atol=1e-7)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--batches", "0"], "whole number from 1 up"),
        (["--batches", "-4"], "whole number from 1 up"),
        (["--batch-size", "0"], "whole number from 1 up"),
        (["--rate", "0"], "number above 0"),
        (["--rate", "nan"], "number above 0"),
        (["--dropout", "1"], "below 1"),
        (["--threads", "none"], "whole number from 1 up"),
        (["--seed", "-1"], "whole number from 0 up"),
        (["--batches", "3", "--epochs", "3"], "not allowed with"),
    ],
)
def test_numbers_out_of_range_are_refused(folder, capsys, wrong, said):
    with pytest.raises(SystemExit) as stop:
        command.main(["anywhere", "--output", str(folder / "x"), *wrong])
    assert stop.value.code == 2
    assert said in capsys.readouterr().err
    assert not (folder / "x").exists()


@pytest.mark.parametrize(
    ("useless", "said"),
    [
        (["--model", "colorize_cnn", "--average", "0.9"], "--average is an option of street_unet"),
        (["--model", "published", "--from-scratch"], "--from-scratch is an option of street_unet"),
        (["--model", "published", "--weight-decay", "0"], "--weight-decay is an option of"),
        (["--from-scratch", "--keep", "0"], "--from-scratch does not use"),
        (["--dropout", "0.2"], "--dropout needs --from-scratch"),
    ],
)
def test_options_without_effect_are_refused(folder, capsys, useless, said):
    with pytest.raises(SystemExit) as stop:
        command.main(["anywhere", "--output", str(folder / "x"), *useless])
    assert stop.value.code == 2
    assert said in capsys.readouterr().err


def test_a_training_of_other_options_leaves_a_checkpoint_alone(photos, folder):
    def checkpoints(output, *options):
        given = ["--model", "published", "--batches", "1", "--output", str(output), *options]
        command.main([str(photos), *given])
        return {path: path.read_bytes() for path in folder.glob("training/*.pt")}

    (folder / "other").mkdir()
    first = checkpoints(folder / "new.safetensors")
    second = checkpoints(folder / "new.safetensors", "--rate", "0.5")
    third = checkpoints(folder / "other" / "new.safetensors")
    assert [len(found) for found in (first, second, third)] == [1, 2, 3]
    assert first.items() <= second.items() <= third.items()
    assert checkpoints(folder / "new.safetensors").keys() == third.keys()


def test_the_weights_that_training_begins_with_are_not_replaced(folder, capsys):
    before = paths.SHIPPED.stat()
    with pytest.raises(SystemExit) as stop:
        command.main([str(folder), "--output", str(paths.SHIPPED)])
    said = capsys.readouterr().err
    assert stop.value.code == 2 and "are the shipped weights, with which this begins" in said
    assert paths.SHIPPED.stat().st_mtime_ns == before.st_mtime_ns


def test_a_missing_folder_is_one_sentence(folder, capsys):
    with pytest.raises(SystemExit) as stop:
        command.main([str(folder / "absent"), "--output", str(folder / "x")])
    assert stop.value.code == 1
    message = capsys.readouterr().err
    assert "absent" in message and message.count("\n") == 1


def test_twice_eight_photos_learn_what_sixteen_do_though_a_process_is_killed_and_restarted(
    photos, tmp_path, folder, one_thread, capsys
):
    cnn = ["--model", "colorize_cnn", "--epochs", "10"]
    command.main([str(photos), *cnn, "--output", str(folder / "one.safetensors")])
    alone = capsys.readouterr().out
    other = tmp_path / "two"
    other.mkdir()
    options = (*cnn, "--batch-size", 8, "--output", other / "new.safetensors")
    done = two_processes(other, "1", photos, *options, restarts=1)
    assert "SIGKILL" in done.stderr or "-9" in done.stderr
    assert done.stderr.count("colorize_cnn:   0%") == 1  # the second life began later
    numbers = [re.findall(r"loss (\S+), validation (\S+),", t)[0] for t in (alone, done.stdout)]
    assert np.allclose(*(np.array(pair, float) for pair in numbers), rtol=2e-3)
    one, two = (load_file(f) for f in (folder / "one.safetensors", other / "new.safetensors"))
    for name, weights in one.items():
        assert torch.allclose(weights, two[name], atol=1e-4), name


def test_street_unet_learns_in_two_processes(photos, tmp_path):
    options = ("--model", "street_unet", "--batches", 2, "--batch-size", 2)
    output = tmp_path / "new.safetensors"
    assert "2 batches of 4" in two_processes(tmp_path, "nobody", photos, *options, "--output",
                                             output).stdout  # fmt: skip
    assert street_unet.load(output)[1]["recipe"]["batch_size"] == 4
