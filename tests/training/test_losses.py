"""The losses against loops and closed forms."""

import math

import numpy as np
import pytest
import torch
from training_samples import stored

from helpers.model import ColorizeCNN, bins
from helpers.model.predict import predict
from helpers.training import Recipe, fit
from helpers.training.losses import cross_entropy, regression_loss


def test_a_loss_of_the_report_is_the_mean_over_pixels_in_its_scale():
    photos = stored(4)
    fitted = fit(Recipe(loss="l1", batch_size=4, batches=1), photos, build=ColorizeCNN)
    torch.manual_seed(0)
    before = predict(ColorizeCNN(), photos.lightness)
    by_hand = np.abs(before - (photos.ab - 128.0)).mean() / 255
    assert fitted.history.loss[0] == pytest.approx(by_hand, rel=1e-4)


def test_the_cross_entropy_is_that_of_a_loop():
    centers = bins.gamut_centers()[::9]
    table = bins.encoding_table(centers)
    weights = bins.class_weights(torch.rand(len(centers)).softmax(0))
    logits, ab = torch.randn(2, len(centers), 2, 3), torch.randint(-50, 50, (2, 2, 2, 3)).float()
    total = 0.0
    for b in range(2):
        for y in range(2):
            for x in range(3):
                shares = torch.softmax(logits[b, :, y, x] + weights.log(), dim=0)
                soft = bins.soft_encode(ab[b, :, y, x][None], centers)[0]
                total -= sum(w * t * math.log(p) for w, t, p in zip(weights, soft, shares))
    assert cross_entropy(logits, ab, table, weights).item() == pytest.approx(
        float(total) / 12, rel=1e-4
    )


def test_the_weighted_cross_entropy_is_smallest_at_the_plain_posterior():
    """So one network answers both with and without the weights."""
    centers = torch.tensor([[0.0, 0.0], [60.0, 0.0]])
    table = bins.encoding_table(centers)
    weights = torch.tensor([0.5, 5.0])
    ab = torch.zeros(1, 2, 1, 10)
    ab[0, 0, 0, :2] = 60  # one in five
    logits = torch.zeros(1, 2, 1, 1, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=100)

    def closure():
        optimizer.zero_grad()
        loss = cross_entropy(logits.expand(1, 2, 1, 10), ab, table, weights)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert torch.softmax(logits, dim=1)[0, 1].item() == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("power", [1, 2])
def test_a_regression_loss_weighs_each_pixel_by_its_true_color(power):
    output = torch.zeros(1, 2, 1, 2)
    ab = torch.tensor([[[[50.0, 0.0]], [[0.0, 25.0]]]])
    weights = torch.zeros(65536)
    weights[bins.table_rows(torch.tensor([50.0, 0.0]))] = 3.0
    weights[bins.table_rows(torch.tensor([0.0, 25.0]))] = 1.0
    expected = (3 * 1 / 2 + 1 * 0.5**power / 2) / 2
    assert regression_loss(output, ab, weights, power).item() == pytest.approx(expected)
