"""The live curve follows a training batch by batch."""

import numpy as np
import pytest
from training_samples import stored

from helpers import training, try_it
from helpers.try_it.live import EVERY

RECIPE = training.Recipe(batches=7, batch_size=4, rate=1e-3)


@pytest.mark.parametrize("loss", ["mse", "l1"])
def test_the_curve_holds_the_loss_of_every_batch(loss):
    curve = try_it.Curve(loss)
    recipe = training.Recipe(batches=7, batch_size=4, loss=loss)
    fitted = training.fit(recipe, stored(8, height=16, width=16), log={"curve": curve})
    assert len(curve.losses) == 7
    assert np.allclose(curve.losses, fitted.history.loss)


def test_the_curve_is_shown_while_the_network_trains():
    shown = []
    curve = try_it.Curve("mse", lambda losses: shown.append(len(losses)))
    training.fit(RECIPE, stored(8, height=16, width=16), log={"curve": curve})
    assert shown == [EVERY]


def test_a_stopped_curve_ends_the_training_at_the_next_batch():
    curve = try_it.Curve("mse", lambda losses: curve.stop())
    with pytest.raises(KeyboardInterrupt):
        training.fit(RECIPE, stored(8, height=16, width=16), log={"curve": curve})
    assert len(curve.losses) == EVERY
