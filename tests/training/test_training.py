"""A fit depends on its seed alone, survives a kill, and keeps the weights that validated best."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from helpers import paths, results, training
from helpers.model import ColorizeCNN
from helpers.training import Recipe, checkpoint, distributed, fit, fitting, moving_average, predict
from helpers.training.batches import Photos, as_input, order

SHORT = Recipe(learning_rate=1e-3, batch_size=4, batches=12)
build = partial(ColorizeCNN, fast=True)


def photos(count, seed=0):
    """Random lightness whose color follows from it, so that there is something to learn."""
    lightness = np.random.default_rng(seed).integers(0, 256, (count, 8, 12)).astype(np.uint8)
    return lightness, np.stack([lightness // 2, 200 - lightness // 2], axis=-1)


def weights(fitted):
    return torch.cat([value.flatten() for value in fitted.model.state_dict().values()])


@pytest.fixture
def every_batch(monkeypatch):
    """A checkpoint after every batch instead of every ten seconds."""
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)


def counted(taken):
    """The step of a fit, which leaves a mark in `taken`."""
    update = fitting.update
    return lambda *arguments, **options: taken.append(1) or update(*arguments, **options)


def stop_at(monkeypatch, number, action):
    """Have `action` happen in the middle of batch `number` of the next fit."""
    taken, update = [], fitting.update

    def stopping(*arguments, **options):
        taken.append(1)
        if len(taken) == number:
            action()
        return update(*arguments, **options)

    monkeypatch.setattr(fitting, "update", stopping)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path):
    torch.manual_seed(99)  # what happened before must not matter
    runs = [
        fit(build, photos(10), None, SHORT, s, tmp_path / f"{i}.pt")
        for i, s in enumerate([3, 3, 4])
    ]
    assert torch.equal(weights(runs[0]), weights(runs[1]))
    assert not torch.allclose(weights(runs[0]), weights(runs[2]), atol=1e-3)


def test_a_fit_is_adam_on_shuffled_batches_as_a_reader_would_write_it(tmp_path):
    lightness, ab = photos(10)
    ours = fit(ColorizeCNN, (lightness, ab), None, SHORT, 5, tmp_path / "fit.pt")

    torch.manual_seed(5)
    net = ColorizeCNN()
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    losses = []
    for number in range(12):
        rows = order(number, 4, 10, 5)
        x = torch.tensor(lightness[rows], dtype=torch.float32).unsqueeze(1)
        y = torch.tensor((ab[rows].astype(np.float32)) / 255).movedim(-1, 1)
        adam.zero_grad()
        loss = torch.nn.MSELoss()(net(x), y)
        loss.backward()
        adam.step()
        losses.append(float(loss.detach()))
    np.testing.assert_allclose(ours.history.loss, losses, rtol=1e-4)
    assert (ours.batches, ours.photos_seen) == (12, 48)


def test_every_photo_comes_once_a_pass_and_passes_are_shuffled_anew():
    steps = np.concatenate([order(number, 4, 10, 0) for number in range(5)])
    first, second = steps[:10], steps[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert list(first) != list(second)
    assert list(first) != sorted(first)
    assert list(order(0, 4, 10, 1)) != list(first[:4])


def test_a_loss_is_the_mean_over_the_pixels_in_the_reports_scale(tmp_path):
    lightness, ab = photos(4)
    one = Recipe(loss="l1", batch_size=4, batches=1)
    fitted = fit(ColorizeCNN, (lightness, ab), None, one, 0, tmp_path / "fit.pt")
    torch.manual_seed(0)
    before = predict(ColorizeCNN(), lightness)
    by_hand = np.abs(before - (ab.astype(float) - 128)).mean() / 255
    assert fitted.history.loss[0] == pytest.approx(by_hand, rel=1e-4)


def test_photos_may_be_chosen_by_their_rows_without_a_copy(tmp_path):
    lightness, ab = photos(12)
    rows = np.array([7, 2, 9, 4, 11])
    chosen = fit(build, (lightness, ab, rows), None, SHORT, 0, tmp_path / "a.pt")
    copied = fit(build, (lightness[rows], ab[rows]), None, SHORT, 0, tmp_path / "b.pt")
    assert torch.equal(weights(chosen), weights(copied))


def test_ctrl_c_saves_and_the_same_call_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    whole = fit(build, photos(10), None, SHORT, 0, tmp_path / "whole.pt")
    with monkeypatch.context() as patch:
        stop_at(patch, 5, lambda: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            fit(build, photos(10), None, SHORT, 0, tmp_path / "fit.pt")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    taken = []
    monkeypatch.setattr(fitting, "update", counted(taken))
    resumed = fit(build, photos(10), None, SHORT, 0, tmp_path / "fit.pt")
    assert len(taken) == 12 - 5
    assert torch.equal(weights(whole), weights(resumed))
    assert list(whole.history.loss) == list(resumed.history.loss)


KILLED = """
import os, signal, sys
sys.path.insert(0, "tests")
import test_training as t
t.torch.set_num_threads(int(sys.argv[2]))
t.checkpoint.INTERVAL = 0.0
class Now:
    setattr = staticmethod(setattr)
t.stop_at(Now, 20, lambda: os.kill(os.getpid(), signal.SIGKILL))
t.fit(t.build, t.photos(10), t.photos(6, 1), t.VALIDATED, 0, sys.argv[1])
"""
VALIDATED = Recipe(learning_rate=1e-3, batch_size=4, batches=None, epochs=12)


def test_a_kill_in_the_middle_leaves_a_checkpoint_that_ends_at_the_same_weights(tmp_path):
    path = tmp_path / "fit.pt"
    arguments = [sys.executable, "-c", KILLED, str(path), str(torch.get_num_threads())]
    killed = subprocess.run(arguments, cwd=paths.ROOT, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert 0 < os.path.getsize(path)
    train, validation = photos(10), photos(6, 1)
    resumed = fit(build, train, validation, VALIDATED, 0, path)
    whole = fit(build, train, validation, VALIDATED, 0, tmp_path / "whole.pt")
    assert torch.equal(weights(whole), weights(resumed))
    assert whole.history.equals(resumed.history)


def test_who_asks_for_a_fit_that_another_makes_waits_and_finds_it_done(tmp_path):
    path, found = tmp_path / "fit.pt", []
    first = fit(build, photos(10), None, SHORT, 0, tmp_path / "other.pt")
    with distributed.held(path):
        asks = threading.Thread(
            target=lambda: found.append(fit(build, photos(10), None, SHORT, 0, path))
        )
        asks.start()
        asks.join(1.0)  # time enough to make one of its own
        assert not found
        shutil.copyfile(tmp_path / "other.pt", path)
    asks.join()
    assert found[0].seconds == first.seconds


def test_a_finished_fit_is_loaded_and_not_done_again(tmp_path, monkeypatch):
    first = fit(build, photos(10), None, SHORT, 0, tmp_path / "fit.pt")
    monkeypatch.setattr(fitting, "update", lambda *_, **__: pytest.fail("trained again"))
    again = fit(build, photos(10), None, SHORT, 0, tmp_path / "fit.pt")
    assert torch.equal(weights(first), weights(again))
    assert again.history.equals(first.history)
    assert again.seconds == first.seconds > 0


@pytest.mark.parametrize(
    "other",
    [
        {"recipe": Recipe(learning_rate=2e-3, batch_size=4, batches=12)},
        {"seed": 1},
        {"train": photos(10, seed=1)},
        {"train": photos(9)},
        {"validation": photos(4)},
        {"build": ColorizeCNN},
        {"build": partial(ColorizeCNN, fast=True, second_half="relu")},
        {"build": partial(ColorizeCNN, fast=True, padding="zeros")},
    ],
    ids=lambda other: "-".join(other),
)
def test_a_checkpoint_of_something_else_is_not_used(tmp_path, every_batch, other):
    base = dict(build=build, train=photos(10), validation=None, recipe=SHORT, seed=0)
    fit(**base, path=tmp_path / "fit.pt")
    replaced = fit(**(base | other), path=tmp_path / "fit.pt")
    fresh = fit(**(base | other), path=tmp_path / "fresh.pt")
    assert torch.equal(weights(replaced), weights(fresh))
    assert replaced.history.equals(fresh.history)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"not a checkpoint at all"])
def test_a_checkpoint_that_cannot_be_read_is_made_again(tmp_path, content):
    (tmp_path / "fit.pt").write_bytes(content)
    fitted = fit(build, photos(10), None, SHORT, 0, tmp_path / "fit.pt")
    assert fitted.batches == 12


def test_reading_a_checkpoint_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "it ran"),))

    torch.save({"key": Evil()}, tmp_path / "fit.pt")
    fit(build, photos(10), None, SHORT, 0, tmp_path / "fit.pt")
    assert not (tmp_path / "it ran").exists()


def test_validation_keeps_the_best_weights_and_stops_when_it_lost_patience(tmp_path, monkeypatch):
    told = iter([5.0, 3.0, 4.0, 2.0, 2.5, 2.6, 2.7, 1.0])
    kept = []

    def mean_loss(model, *_):
        kept.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
        return next(told)

    monkeypatch.setattr(fitting, "mean_loss", mean_loss)
    recipe = Recipe(learning_rate=1e-3, batch_size=4, batches=None, epochs=50, patience=3)
    fitted = fit(build, photos(10), photos(6, 1), recipe, 0, tmp_path / "fit.pt")
    epochs = fitted.epochs
    assert list(epochs.validation) == [5.0, 3.0, 4.0, 2.0, 2.5, 2.6, 2.7]
    assert list(epochs.epoch[epochs.best]) == [4]
    assert torch.equal(weights(fitted), kept[3])
    assert list(epochs.batches) == [3, 5, 8, 10, 13, 15, 18]  # 10 photos in batches of 4
    assert not fitted.model.training


def test_the_validation_loss_counts_every_photo_once():
    lightness, ab = photos(70)  # more than one batch of 64, the second shorter
    torch.manual_seed(0)
    net = ColorizeCNN()
    by_hand = np.mean((predict(net, lightness) - (ab.astype(float) - 128)) ** 2) / 255**2
    ours = fitting.mean_loss(net, Photos(lightness, ab), fitting.LOSSES["mse"])
    assert ours == pytest.approx(by_hand, rel=1e-5)
    assert net.training


def test_a_prediction_is_the_networks_output_in_ab_units():
    lightness, _ = photos(5)
    net = ColorizeCNN()
    ab = predict(net, lightness, batch_size=2)
    assert (ab.shape, ab.dtype) == ((5, 8, 12, 2), np.float32)
    expected = net(as_input(lightness)).detach().movedim(1, -1).numpy() * 255 - 128
    np.testing.assert_allclose(ab, expected, atol=1e-3)


def test_the_published_average_counts_zeros_before_the_first_batch():
    losses = [10.0, 20.0, 30.0, 40.0]
    np.testing.assert_allclose(moving_average(losses, 2), [5, 15, 25, 35])
    np.testing.assert_allclose(moving_average(losses, 2, published=False), [15, 25, 35])
    assert len(moving_average(range(375))) == 375
    assert len(moving_average(range(375), published=False)) == 366


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"loss": "l3"}, "take one of mse, l1"),
        ({"batches": None}, "give one of the two"),
        ({"epochs": 3}, "give one of the two"),
    ],
)
def test_an_impossible_recipe_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        Recipe(**options)


def test_the_published_recipe_is_the_default_and_a_pass_ends_with_a_whole_batch():
    published = Recipe()
    assert (published.loss, published.learning_rate) == ("mse", 1e-5)
    assert (published.batch_size, published.length(6000)) == (16, 375)
    passes = Recipe(batch_size=4, batches=None, epochs=3)
    assert [passes.end_of(epoch, 10) for epoch in (1, 2, 3)] == [3, 5, 8]
    assert passes.length(10) == 8


def test_no_photos_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no photos"):
        fit(build, photos(0), None, SHORT, 0, tmp_path / "fit.pt")


def test_a_loss_that_is_no_number_stops_the_fit(tmp_path):
    with pytest.raises(FloatingPointError, match="lower the rate"):
        fit(
            partial(ColorizeCNN, second_half="relu"),
            photos(10),
            None,
            Recipe(learning_rate=1e30, batches=12),
            0,
            tmp_path / "fit.pt",
        )


def test_the_headline_models_use_the_profile_and_their_own_checkpoints(tmp_path):
    lightness, ab = photos(30)
    parts = {"train": np.arange(20), "validation": np.arange(20, 26)}
    prepared = SimpleNamespace(lightness=lightness, ab=ab, indices=parts.get)
    quick = results.PROFILES["quick"]
    profile = replace(quick, published_batches=6, epochs=3, patience=2)
    run = SimpleNamespace(folder=tmp_path, profile=profile)
    published = training.published(run, prepared, 7)
    trained = training.colorize_cnn(run, prepared, 7)
    assert published.batches == 6 and published.epochs.empty
    assert len(trained.epochs) <= 3 and trained.epochs.best.sum() == 1
    names = sorted(path.name for path in (tmp_path / "checkpoints").glob("*.pt"))
    assert names == ["colorize_cnn-seed7.pt", "published-seed7.pt"]


def test_constant_losses_are_those_of_gray_and_of_the_training_mean():
    (lightness, ab), rows = photos(12), np.array([3, 8, 1])
    judged = Photos(lightness, ab, rows)
    losses = training.constant_losses(Photos(lightness[4:], ab[4:]), judged)
    truth, mean = ab[rows] - 128.0, ab[4:].mean(axis=(0, 1, 2)) - 128.0
    assert losses["gray"] == pytest.approx((truth**2).mean() / 255**2)
    assert losses["mean"] == pytest.approx(((truth - mean) ** 2).mean() / 255**2)


def test_claims_about_the_curve_span_the_seeds():
    batches = np.arange(375)
    slow, fast = (1e-3 + 2e-3 * np.exp(-batches / time) for time in (30, 15))
    one, both = training.curve_claims([slow]), training.curve_claims([slow, fast])
    other = training.curve_claims([fast])
    for key, (value, (low, high)) in both.items():
        values = one[key][0], other[key][0]
        assert value == pytest.approx(np.mean(values))
        assert low <= min(values) and max(values) <= high
    assert one["exponential_fall"][0] == pytest.approx(1, abs=1e-3)
    assert one["level_7e4"][0] == pytest.approx(1e-3, rel=1e-3)
    assert set(both) <= set(results.claims_file())
    assert {f"{key}_csv" for key in both} <= set(results.claims_file())
