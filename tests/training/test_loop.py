"""A training run depends on its seed alone, survives a kill, and keeps the best weights."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from training_samples import scenes, stored, weights

from helpers import paths
from helpers.model import ColorizeCNN
from helpers.model.predict import predict
from helpers.training import STREET_UNET, Photos, Recipe, checkpoint, fit
from helpers.training.batches import order
from helpers.training.loop import averaged, validation_error
from helpers.training.losses import objective

SHORT = Recipe(rate=1e-3, batch_size=4, batches=12)
VALIDATED = Recipe(rate=1e-3, batch_size=4, batches=None, epochs=12)
STREET = replace(
    STREET_UNET, batches=6, batch_size=4, widths=(8, 8, 8, 8), extra_shares=(0.5,), sizes=()
)
RECIPES = {"colorize_cnn": SHORT, "street_unet": STREET}


def photos_for(recipe):
    return scenes() if recipe.network == "street_unet" else stored(10)


@pytest.fixture
def every_batch(monkeypatch):
    """A checkpoint after every batch instead of every ten seconds."""
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)


def nothing(output, target):
    return output.mean() * 0


def counting(taken, at=None, action=None):
    """A logged number that counts batches and does something in the middle of one of them."""

    def count(output, target):
        taken.append(1)
        if len(taken) == at:
            action()
        return output.mean() * 0

    return {"count": count}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(recipe):
    torch.manual_seed(99)  # what happened before must not matter
    photos = photos_for(recipe)
    runs = [weights(fit(replace(recipe, seed=seed), photos)) for seed in (3, 3, 4)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.allclose(runs[0], runs[2], atol=1e-3)


def test_the_largest_seed_trains_like_any_other():
    assert fit(replace(SHORT, seed=2**63 - 1), stored(10)).batches == 12


def test_training_is_adam_on_shuffled_batches_as_a_reader_would_write_it():
    photos = stored(10)
    ours = fit(replace(SHORT, seed=5), photos, build=ColorizeCNN)

    torch.manual_seed(5)
    net = ColorizeCNN()
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    losses = []
    for number in range(12):
        rows = order(number, 4, 10, 5)
        x = torch.tensor(photos.lightness[rows], dtype=torch.float32).unsqueeze(1)
        y = torch.tensor(photos.ab[rows].astype(np.float32) / 255).movedim(-1, 1)
        adam.zero_grad()
        loss = torch.nn.MSELoss()(net(x), y)
        loss.backward()
        adam.step()
        losses.append(float(loss.detach()))
    np.testing.assert_allclose(ours.history.loss, losses, rtol=1e-4)
    assert (ours.batches, ours.photos_seen) == (12, 48)


def test_street_unet_learns_that_light_is_sky():
    model = fit(replace(STREET, batches=40, rate=3e-3, average=0.9), scenes()).model
    photos = scenes(4, seed=5)
    wrong = np.square(predict(model, photos.lightness) - (photos.ab - 128.0)).mean()
    assert wrong < 0.5 * np.square(photos.ab - 128.0).mean()


def test_further_numbers_are_logged_for_every_batch():
    recipe = replace(SHORT, loss="l1")
    log = {"mse": torch.nn.functional.mse_loss}
    fitted = fit(recipe, stored(10), log=log)
    plain = fit(recipe, stored(10))
    assert list(fitted.history.loss) == list(plain.history.loss)
    one = fit(replace(recipe, loss="mse", batches=1), stored(10))
    assert fitted.history.mse[0] == pytest.approx(one.history.loss[0])


def test_photos_may_be_chosen_by_their_rows():
    photos, rows = stored(12), np.array([7, 2, 9, 4, 11])
    chosen = fit(SHORT, Photos(photos.lightness, photos.ab, rows))
    copied = fit(SHORT, Photos(photos.lightness[rows], photos.ab[rows]))
    assert torch.equal(weights(chosen), weights(copied))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_ctrl_c_saves_and_the_same_call_resumes_to_the_same_weights(tmp_path, recipe):
    photos, path = photos_for(recipe), tmp_path / "fit.pt"
    further = {"extra": [scenes(seed=3)]} if recipe is STREET else {}
    whole = fit(recipe, photos, log={"count": nothing}, **further)
    stop = counting([], 3, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, photos, path=path, log=stop, **further)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    taken = []
    resumed = fit(recipe, photos, path=path, log=counting(taken), **further)
    assert len(taken) == recipe.batches - 3
    assert torch.equal(weights(whole), weights(resumed))
    assert whole.history.equals(resumed.history)


KILLED = """
import os, signal, sys
sys.path[:0] = ["tests", "tests/training"]
import test_loop as t
t.torch.set_num_threads(int(sys.argv[2]))
t.checkpoint.INTERVAL = 0.0
log = t.counting([], 20, lambda: os.kill(os.getpid(), signal.SIGKILL))
t.fit(t.VALIDATED, t.stored(10), t.stored(6, 1), path=sys.argv[1], log=log)
"""


def test_a_kill_leaves_a_checkpoint_that_is_resumed_to_the_same_weights(tmp_path):
    path = tmp_path / "fit.pt"
    arguments = [sys.executable, "-c", KILLED, str(path), str(torch.get_num_threads())]
    killed = subprocess.run(arguments, cwd=paths.ROOT, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert 0 < os.path.getsize(path)
    photos, taken = (stored(10), stored(6, 1)), []
    resumed = fit(VALIDATED, *photos, path=path, log=counting(taken))
    whole = fit(VALIDATED, *photos, log={"count": nothing})
    assert 0 < len(taken) < len(whole.history)
    assert torch.equal(weights(whole), weights(resumed))
    assert whole.history.equals(resumed.history)


def test_a_second_caller_waits_for_a_fit_and_loads_it(tmp_path):
    path, found = tmp_path / "fit.pt", []
    first = fit(SHORT, stored(10), path=tmp_path / "other.pt")
    with checkpoint.held(path):
        asks = threading.Thread(target=lambda: found.append(fit(SHORT, stored(10), path=path)))
        asks.start()
        asks.join(1.0)  # time enough to train one of its own
        assert not found
        shutil.copyfile(tmp_path / "other.pt", path)
    asks.join()
    assert found[0].seconds == first.seconds


def test_a_finished_fit_is_loaded_and_not_trained_again(tmp_path):
    first = fit(SHORT, stored(10), path=tmp_path / "fit.pt", log={"count": nothing})
    taken = []
    again = fit(SHORT, stored(10), path=tmp_path / "fit.pt", log=counting(taken))
    assert not taken
    assert torch.equal(weights(first), weights(again))
    assert again.history.equals(first.history)
    assert again.seconds == first.seconds > 0


@pytest.mark.parametrize(
    "other",
    [
        {"recipe": replace(SHORT, rate=2e-3)},
        {"recipe": replace(SHORT, seed=1)},
        {"train": stored(10, seed=1)},
        {"train": stored(9)},
        {"validation": stored(4)},
        {"build": ColorizeCNN},
        {"build": partial(ColorizeCNN, fast=True, second_half="relu")},
        {"build": partial(ColorizeCNN, fast=True, padding="zeros")},
    ],
    ids=lambda other: "-".join(other),
)
def test_a_checkpoint_of_something_else_is_not_used(tmp_path, every_batch, other):
    base = dict(recipe=SHORT, train=stored(10))
    fit(**base, path=tmp_path / "fit.pt")
    replaced = fit(**(base | other), path=tmp_path / "fit.pt")
    fresh = fit(**(base | other))
    assert torch.equal(weights(replaced), weights(fresh))
    assert replaced.history.equals(fresh.history)


def test_the_weights_of_the_best_epoch_are_kept_and_patience_ends_the_training():
    # The validation photos contradict the training photos: every step makes them worse.
    photos = stored(10)
    against = Photos(photos.lightness, 255 - photos.ab)
    recipe = replace(VALIDATED, epochs=50, patience=3)
    fitted = fit(recipe, photos, against)
    epochs = fitted.epochs
    best = int(epochs.validation.argmin())
    assert len(epochs) == best + 1 + 3 < 50
    assert list(epochs.batches[:3]) == [3, 5, 8]  # 10 photos in batches of 4
    assert list(epochs.epoch[epochs.best]) == [best + 1]
    error = validation_error(fitted.model, against, objective(recipe, fitted.model))
    assert error == pytest.approx(epochs.validation.min(), rel=1e-6)
    assert not fitted.model.training


def test_patience_ends_the_training_where_a_batch_holds_several_epochs():
    few = stored(3)  # in batches of 4
    against = Photos(few.lightness, 255 - few.ab)
    fitted = fit(replace(VALIDATED, epochs=50, patience=3), few, against)
    errors = fitted.history.validation
    assert errors.notna().all() and len(errors) == errors.argmin() + 1 + 3 < 20


@pytest.mark.parametrize("batches", [5, 15, 23])
def test_without_epochs_validation_comes_eight_times_and_last_at_the_end(batches):
    photos = stored(10)
    fitted = fit(replace(SHORT, sampling="draws", batches=batches), photos, photos)
    measured = fitted.history.validation.notna()
    assert measured.sum() == min(batches, 8) and measured.iloc[-1]


def test_the_validation_loss_counts_every_photo_once():
    photos = stored(70)  # more than two passes, the last one shorter
    torch.manual_seed(0)
    net = ColorizeCNN()
    by_hand = np.mean((predict(net, photos.lightness) - (photos.ab - 128.0)) ** 2) / 255**2
    assert validation_error(net.train(), photos, objective(SHORT, net)) == pytest.approx(
        by_hand, rel=1e-5
    )
    assert net.training


def test_the_validation_error_of_street_unet_is_relative_to_gray():
    photos = scenes(35)
    fitted = fit(replace(STREET, batches=8), photos, photos)
    assert fitted.history.validation.notna().all()  # eight looks
    ab = predict(fitted.model, photos.lightness)
    true = photos.ab - 128.0
    expected = np.square(ab - true).mean() / np.square(true).mean()
    # measured at half size, where the borders between colors are one pixel sharper
    assert fitted.history.validation.iloc[-1] == pytest.approx(expected, rel=0.05)


def test_an_average_forgets_its_start_and_keeps_batch_statistics():
    norm, expected = torch.nn.BatchNorm1d(1), 0.0
    average = averaged(norm, 0.2)
    for count, value in enumerate([8.0, 1.0, 5.0, 3.0]):
        keep = min(0.2, (count + 1) / (count + 10)) if count else 0
        expected = keep * expected + (1 - keep) * value
        torch.nn.init.constant_(norm.weight, value)
        norm.running_mean.fill_(value)
        norm.num_batches_tracked += 1
        average.update_parameters(norm)
    assert average.module.weight.item() == pytest.approx(expected)
    assert average.module.running_mean.item() == pytest.approx(expected)
    assert average.module.num_batches_tracked == 4


def test_training_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fit(replace(STREET, batches=1), Photos(*stored(6).take(slice(None))))
    assert torch.equal(torch.rand(3), expected)


def test_bfloat16_learns_about_the_same():
    losses = [fit(replace(SHORT, bfloat16=half), stored(10)).history.loss for half in (False, True)]
    assert list(losses[0]) != list(losses[1])
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.03)


def test_no_photos_are_refused():
    with pytest.raises(ValueError, match="no photos"):
        fit(SHORT, stored(0))
    with pytest.raises(ValueError, match="patience needs validation photos"):
        fit(replace(VALIDATED, patience=2), stored(4))


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path):
    wild = replace(SHORT, rate=1e30)
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        fit(wild, stored(10), build=partial(ColorizeCNN, second_half="relu"))
