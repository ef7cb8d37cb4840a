"""Devices, and what several processes share."""

import numpy as np
import pytest
import torch
from training_samples import stored

from helpers import paths
from helpers.model.predict import usable_device
from helpers.training import Photos, devices


def test_the_best_device_is_found_and_a_missing_one_refused(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert usable_device("auto").type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert usable_device().type == "mps"
    with pytest.raises(ValueError, match=r"no device 'tpu' here: take cpu or mps$"):
        usable_device("tpu")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert usable_device("auto").type == "cpu"
    with pytest.raises(ValueError, match=r"take cpu$"):
        usable_device("tpu")


def test_notebooks_train_on_the_cpu_unless_another_device_was_asked_for(monkeypatch):
    monkeypatch.delenv(paths.DEVICE, raising=False)
    assert devices.requested() == torch.device("cpu")
    monkeypatch.setenv(paths.DEVICE, "meta")
    assert devices.requested() == torch.device("meta")


@pytest.mark.parametrize("rows", [None, np.array([7, 2, 8, 2])])
def test_photos_in_the_memory_of_a_device_are_those_on_the_disk(rows):
    photos = stored(9)
    mapped = Photos(photos.lightness, photos.ab, rows)
    there = mapped.on("cpu")
    assert len(there) == len(mapped)
    for ours, expected in zip(there.take(np.array([3, 0, 3])), mapped.take(np.array([3, 0, 3]))):
        assert ours.dtype == torch.uint8 and torch.equal(ours, expected)


def test_shares_are_disjoint_and_complete(monkeypatch):
    monkeypatch.setattr(devices, "ranks", lambda: 3)
    parts = []
    for rank in range(3):
        monkeypatch.setattr(devices, "rank", lambda rank=rank: rank)
        parts.append(list(range(10))[devices.part(10)])
    assert [number for each in parts for number in each] == list(range(10))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_batches_that_cannot_be_shared_equally_are_refused(monkeypatch):
    monkeypatch.setattr(devices, "ranks", lambda: 3)
    with pytest.raises(ValueError, match="3 processes cannot share 16"):
        devices.check(16, "key")
