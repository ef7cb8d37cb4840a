"""What GPUs will do, as far as a CPU can tell."""

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from helpers import paths, training
from helpers.model import ColorizeCNN
from helpers.report import environment
from helpers.training import devices, fitting
from helpers.training.batches import Photos
from helpers.training.devices import Graphed


@pytest.fixture
def photos():
    random = np.random.default_rng(0)
    lightness = random.integers(0, 256, (9, 8, 12)).astype(np.uint8)
    return Photos(lightness, random.integers(0, 256, (9, 8, 12, 2)).astype(np.uint8))


class FakeGraph:
    """Records the step that runs while it is captured, and runs it again on replay."""

    def __init__(self):
        self.replays, self.captured = 0, None

    def replay(self):
        self.replays += 1
        self.captured()


@pytest.fixture
def gpu(monkeypatch):
    """As much of torch.cuda as `Graphed` uses; `captures` says whether capture works."""
    fake = SimpleNamespace(captures=True, graphs=[])

    @contextlib.contextmanager
    def graph(made):
        fake.graphs.append(made)
        if not fake.captures:
            raise RuntimeError("operation not permitted when stream is capturing")
        yield

    stream = SimpleNamespace(wait_stream=lambda other: None)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    monkeypatch.setattr(torch.cuda, "Stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: contextlib.nullcontext())
    return fake


def test_the_best_device_is_found_and_a_missing_one_refused(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.usable_device("auto").type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.usable_device().type == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert devices.usable_device("auto").type == "cpu"
    with pytest.raises(ValueError, match="no device 'tpu' here: take cpu, cuda or mps"):
        devices.usable_device("tpu")


@pytest.mark.parametrize("rows", [None, np.array([7, 2, 8, 2])])
def test_batches_made_on_a_device_are_those_made_from_the_disk(photos, rows):
    mapped = Photos(photos.lightness, photos.ab, rows)
    there = mapped.on("cpu")
    assert there.lightness.dtype == torch.uint8 and len(there) == len(mapped)
    for ours, expected in zip(there.batch(np.array([3, 0, 3])), mapped.batch(np.array([3, 0, 3]))):
        assert torch.equal(ours, expected) and ours.stride() == expected.stride()


def test_a_captured_step_sees_every_batch_once(gpu):
    seen, buffers = [], []

    def step(lightness, ab):
        if gpu.graphs and not buffers:  # captured: recorded, and run at each replay
            buffers.extend((lightness, ab))
            loss = torch.zeros(())

            def again():
                seen.append(lightness.sum().item())
                loss.copy_((lightness - ab).sum())

            gpu.graphs[0].captured = again
            return loss
        seen.append(lightness.sum().item())
        return (lightness - ab).sum()

    graphed = Graphed(step)
    for number in range(8):
        lightness, ab = torch.full((2, 3), float(number)), torch.full((2, 3), 0.5)
        assert graphed(lightness, ab).item() == 6 * (number - 0.5)
    assert seen == [6.0 * number for number in range(8)]
    assert gpu.graphs[0].replays == 8 - devices.WARM


def test_where_capture_fails_steps_go_on_as_they_are_and_say_so(gpu, photos, capsys):
    gpu.captures = False
    losses = []
    for wrapped in (False, True):
        torch.manual_seed(0)
        net = ColorizeCNN()
        adam = torch.optim.Adam(net.parameters(), 1e-2)

        def step(lightness, ab, net=net, adam=adam):
            return fitting.update(net, adam, fitting.LOSSES["mse"], lightness, ab)

        taken = Graphed(step) if wrapped else step
        batches = [photos.batch(np.array([number, 8 - number])) for number in range(6)]
        losses.append([taken(*batch).item() for batch in batches])
    assert losses[0] == losses[1]
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "not permitted" in said
    assert len(gpu.graphs) == 1  # tried once


def test_an_optimizer_kept_elsewhere_keeps_this_devices_ways():
    def made(rate):
        weights = torch.nn.Parameter(torch.ones(2))
        adam = torch.optim.Adam([weights], rate)
        weights.sum().backward()
        adam.step()
        return adam

    kept, fresh = made(0.1).state_dict(), made(0.2)
    kept["param_groups"][0]["capturable"] = True
    kept["state"][0]["step"] += 5
    devices.load_optimizer(fresh, kept)
    (group,) = fresh.param_groups
    assert (group["lr"], group["capturable"]) == (0.2, False)
    assert next(iter(fresh.state.values()))["step"] == 6


def test_a_rate_changes_in_place_where_a_captured_step_reads_it():
    group = {"lr": torch.tensor(0.5)}
    read = group["lr"]
    devices.set_rate(group, 0.25)
    assert read.item() == 0.25
    devices.set_rate(plain := {"lr": 0.5}, 0.125)
    assert plain["lr"] == 0.125


def test_only_a_gpu_that_works_alone_captures_its_steps(monkeypatch):
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert devices.graphed(print, cpu) is print
    assert isinstance(devices.graphed(print, cuda), Graphed)
    monkeypatch.setattr(devices.distributed, "ranks", lambda: 2)
    assert devices.graphed(print, cuda) is print
    assert not isinstance(devices.rate(0.5, cpu), torch.Tensor)


def test_the_faster_number_of_threads_is_taken(monkeypatch):
    threads, clock = [4], [0.0]
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads[-1])
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    monkeypatch.setattr(devices.time, "perf_counter", lambda: clock[0])
    for cost, best in (({1: 2.0, 4: 1.0}, 4), ({1: 1.0, 4: 9.0}, 1)):
        threads[:] = [4]

        def step(cost=cost):
            clock[0] += cost[threads[-1]]

        assert devices.faster_threads(step) == best == threads[-1]


def test_bfloat16_learns_about_the_same(photos):
    losses = {}
    for half in (False, True):
        torch.manual_seed(0)
        net = ColorizeCNN()
        adam = torch.optim.Adam(net.parameters(), 1e-3)
        batch = photos.batch(np.arange(4))
        taken = [fitting.update(net, adam, fitting.LOSSES["mse"], *batch, half) for _ in range(5)]
        losses[half] = [loss.item() for loss in taken]
        assert all(weights.dtype == torch.float32 for weights in net.parameters())
    assert losses[True] != losses[False]
    np.testing.assert_allclose(losses[True], losses[False], rtol=0.03)


def test_notebooks_train_on_the_cpu_unless_another_device_was_asked_for(monkeypatch, tmp_path):
    monkeypatch.delenv(paths.DEVICE, raising=False)
    assert devices.asked() == torch.device("cpu")
    monkeypatch.setenv(paths.DEVICE, "meta")
    assert environment.described()["device"] == "meta"
    told = []
    monkeypatch.setattr(training, "fit", lambda *given: told.append(given[-1]))
    run = SimpleNamespace(folder=tmp_path)
    photos = SimpleNamespace(lightness=None, ab=None, indices=lambda part: None)
    training._headline(run, photos, None, None, 0, "published")
    assert told == [torch.device("meta")]
