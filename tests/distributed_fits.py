"""Fits of made-up photos that torchrun starts twice over, and a test once: see test_distributed.

torchrun ... tests/distributed_fits.py losses FOLDER
torchrun ... tests/distributed_fits.py command FOLDER
"""

import json
import os
import signal
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch
from torch import nn

from helpers import paths, preprocessing
from helpers.model import ColorizeCNN
from helpers.training import __main__ as command_line
from helpers.training import augment, checkpoint, distributed, fitting, unet_fitting
from helpers.training.recipe import Recipe

STEPS, KILLED, TOGETHER = 12, 7, 3  # steps of a run, the step that one is killed in, and so on


def photos(count=40, side=16, seed=0):
    """Photos as unlike in their mean as in their detail, so that halves of a batch differ."""
    random = np.random.default_rng(seed)
    means = random.integers(20, 200, (count, 1, 1))
    lightness = (means + random.integers(0, 50, (count, side, side))).astype(np.uint8)
    return lightness, np.stack([lightness // 2, 200 - lightness // 2], axis=-1)


def normed() -> nn.Module:
    """A small network with batch norm at its heart."""
    first, norm, last = nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.Conv2d(6, 2, 1)
    return nn.Sequential(first, norm, nn.ReLU(), last, nn.Sigmoid())


def losses(folder: Path) -> dict[str, list[float]]:
    """Losses of three networks over batches of 16, however many processes share them."""
    recipe = Recipe(learning_rate=1e-2, batches=None, epochs=3)
    found = {}
    for name, build in {"colorize_cnn": partial(ColorizeCNN, fast=True), "normed": normed}.items():
        fitted = fitting.fit(build, photos(), photos(90, seed=1), recipe, 0, folder / f"{name}.pt")
        found[name] = fitted.history.loss.tolist() + fitted.epochs.validation.tolist()
    main, extra, validation = (
        augment.Photos(*map(torch.from_numpy, photos(count, 32, count))) for count in (20, 10, 12)
    )
    recipe = unet_fitting.Recipe(steps=6, widths=(4, 8, 8, 8), dropout=0.1)
    trained = unet_fitting.fit(main, extra, recipe, validation=validation)
    found["street_unet"] = trained.losses + list(trained.validated.values())
    average = trained.model.state_dict().items()
    found["street_unet, average"] = [float(v.float().std()) for _, v in average if v.ndim > 1]
    found["street_unet, norms"] = [float(v.mean()) for k, v in average if "running" in k]
    return found


def command(folder: Path, size: int) -> None:
    """The command line on made-up photos; notes how many steps each process took.

    Where torchrun started it for the first time, the second process dies in the middle.
    """
    life, rank = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), os.environ.get("RANK")
    taken, update = [], fitting.update

    def counted(*arguments, **options):
        taken.append(1)
        (folder / f"steps-{life}-{rank}").write_text(str(len(taken)))
        if (life, rank, len(taken)) == ("0", "1", KILLED):
            os.kill(os.getpid(), signal.SIGKILL)
        return update(*arguments, **options)

    lightness, ab = photos()
    split = np.array(["train"] * 30 + ["validation"] * 10)
    prepared = SimpleNamespace(
        name="made up",
        lightness=lightness,
        ab=ab,
        indices=lambda name: np.flatnonzero(split == name),
        photos=pd.DataFrame({"sha256": [str(number) for number in range(40)]}),
    )
    paths.BUILD = paths.PREPARED = folder
    preprocessing.prepare = lambda *_, **__: prepared
    fitting.update, checkpoint.INTERVAL, distributed.TOGETHER = counted, 0.0, TOGETHER
    output = str(folder / "new.safetensors")
    options = ["--batches", str(STEPS), "--batch-size", str(size), "--device", "cpu"]
    command_line.main(["anywhere", *options, "--output", output])


if __name__ == "__main__":
    torch.set_num_threads(1)
    what, where = sys.argv[1], Path(sys.argv[2])
    if what == "command":
        command(where, 8)
    else:
        with distributed.group(torch.device("cpu")):
            found, rank = losses(where), distributed.rank()
        if rank == 0:
            (where / "losses.json").write_text(json.dumps(found))
