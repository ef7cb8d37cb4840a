"""Recipes: the published one, how long they last, and what is refused."""

from dataclasses import replace
from itertools import pairwise

import pytest

from helpers.training import PUBLISHED, STREET_UNET, Recipe


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"network": "resnet"}, "use one of colorize_cnn, street_unet"),
        ({"loss": "l3"}, "use one of mse, l1"),
        ({"network": "street_unet", "loss": "mse"}, "use one of bins, l2, l1"),
        ({"changes": "upside down"}, "use one of none, mirror, all"),
        ({"sampling": "pases"}, "use one of passes, draws"),
        ({"batches": None}, "give one of the two"),
        ({"epochs": 3}, "give one of the two"),
        ({"batches": 0}, "give 1 or more"),
        ({"batches": -3}, "give 1 or more"),
        ({"batch_size": 0}, "give 1 or more"),
        ({"rate": 0.0}, "above 0"),
        ({"rate": float("nan")}, "above 0"),
        ({"dropout": 1.0}, "below 1"),
        ({"average": 1.5}, "below 1"),
    ],
)
def test_an_impossible_recipe_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        Recipe(**options)


def test_the_published_recipe_is_one_pass_of_adam_over_6000_photos():
    assert (PUBLISHED.loss, PUBLISHED.rate, PUBLISHED.weight_decay) == ("mse", 1e-5, 0)
    assert PUBLISHED.length(6000) * PUBLISHED.batch_size == 6000
    assert PUBLISHED.rate_at(0, 375) == PUBLISHED.rate_at(374, 375) == 1e-5


def test_an_epoch_ends_with_a_whole_batch():
    passes = Recipe(batch_size=4, batches=None, epochs=3)
    assert [passes.end_of(epoch, 10) for epoch in (1, 2, 3)] == [3, 5, 8]
    assert passes.length(10) == 8


def test_the_rate_rises_stays_and_falls_to_nothing():
    recipe = replace(STREET_UNET, rate=2.0)
    rates = [recipe.rate_at(batch, 1660) for batch in range(1660)]
    assert rates[0] == pytest.approx(0.02)
    assert rates[198] == rates[1200] == 2.0
    assert rates[1440] == pytest.approx(1.4)
    assert all(later < earlier for earlier, later in pairwise(rates[1200:]))
    assert rates[-1] < 0.01
