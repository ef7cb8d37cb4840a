"""The benchmark of training runs, and says what issue and notes rely on."""

import importlib.util
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from helpers import paths
from helpers.training import Photos


@pytest.fixture
def benchmark(monkeypatch):
    """The benchmark with small photos, all its contenders in this process."""
    path = paths.ROOT / "benchmarks" / "training.py"
    specification = importlib.util.spec_from_file_location("benchmark_training", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)

    class Here:
        def __init__(self, *_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def submit(self, function, *arguments):
            return SimpleNamespace(result=lambda: function(*arguments))

    lightness = np.random.default_rng(0).integers(0, 256, (20, 16, 24)).astype(np.uint8)
    photos = Photos(lightness, np.stack([lightness // 2, 200 - lightness // 2], axis=-1))
    monkeypatch.setattr(module, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(module, "photos", lambda: photos)
    monkeypatch.setattr(module, "TURN", 1)
    threads = torch.get_num_threads()
    yield module
    torch.set_num_threads(threads)


def test_every_contender_is_timed_and_two_losses_are_compared(benchmark):
    found = benchmark.measure(turns=2, batches=8)
    names = {"default_vs_published_loop", "default_vs_floor", "two_threads_vs_one"}
    assert set(found["ratios"]) == names
    assert all(value > 0 for value in found["ratios"].values())
    assert set(found["ms_per_photo"]) == set(benchmark.CONTENDERS)
    assert set(found["layers_ms_per_photo"]) >= {"conv1", "conv2", "conv3", "conv4", "conv5"}
    assert found["batches_compared"] == 8 and found["turns"] == 2
    assert found["largest_difference_of_losses"] < 1e-3
    assert len(found["losses"]["default"]) == 8
