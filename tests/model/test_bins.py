"""Color bins agree with plain loops and closed forms."""

import math

import numpy as np
import pytest
import torch

from helpers.model import bins

CENTERS = bins.gamut_centers()


def test_the_gamut_has_261_bins_on_a_grid_of_ten():
    assert len(CENTERS) == 261
    assert (CENTERS % 10 == 0).all()
    assert len(CENTERS.unique(dim=0)) == 261


def test_used_bins_are_those_that_hold_enough_colors():
    ab = np.array([[0, 0]] * 96 + [[20, -30]] * 3 + [[-40, 40]], dtype=np.float32)
    kept = bins.used_centers(bins.count(bins.table_rows(torch.from_numpy(ab))), share=0.02)
    assert sorted(map(tuple, kept.tolist())) == [(0, 0), (20, -30)]


def test_a_color_outside_of_the_gamut_makes_no_bin():
    ab = np.array([[0, 0], [120, -120]], dtype=np.float32)
    counts = bins.count(bins.table_rows(torch.from_numpy(ab)))
    assert bins.used_centers(counts, share=0).tolist() == [[0, 0]]


def test_soft_encoding_is_that_of_a_loop():
    colors = torch.tensor([[3.0, -4.0], [62.0, 12.5], [-6.0, 4.5]])
    found = bins.soft_encode(colors, CENTERS)
    for row, (a, b) in zip(found, colors.tolist()):
        distances = [math.hypot(a - x, b - y) for x, y in CENTERS.tolist()]
        nearest = sorted(range(len(distances)), key=distances.__getitem__)[:5]
        weights = {i: math.exp(-(distances[i] ** 2) / (2 * 5**2)) for i in nearest}
        for i in nearest:
            assert row[i].item() == pytest.approx(weights[i] / sum(weights.values()), abs=1e-5)
        assert (row > 0).sum() == 5


def test_a_color_far_from_every_bin_still_gets_a_distribution():
    far = bins.soft_encode(torch.tensor([[127.0, 127.0]]), torch.tensor([[0.0, 0.0], [10.0, 0.0]]))
    assert far.sum().item() == pytest.approx(1)
    assert far[0, 1] > far[0, 0]


def test_the_table_holds_the_encoding_of_every_stored_color():
    centers = CENTERS[::7]
    ab = torch.tensor([[-128.0, 127.0], [0.0, 0.0], [17.0, -60.0]])
    rows = bins.table_rows(ab)
    expected = bins.soft_encode(ab, centers)
    assert torch.allclose(bins.encoding_table(centers)[rows], expected, atol=1e-6)


def test_the_prior_is_the_mean_encoding():
    centers = CENTERS[::7]
    ab = torch.randint(-60, 60, (50, 2), generator=torch.Generator().manual_seed(0)).float()
    prior = bins.prior(bins.count(bins.table_rows(ab)), bins.encoding_table(centers))
    assert torch.allclose(prior, bins.soft_encode(ab, centers).mean(dim=0), atol=1e-6)


def test_class_weights_follow_the_formula_and_average_one():
    prior = torch.tensor([0.7, 0.2, 0.1, 0.0])
    weights = bins.class_weights(prior, mix=0.5)
    assert (prior * weights).sum().item() == pytest.approx(1)
    assert (weights[3] / weights[0]).item() == pytest.approx((0.35 + 0.125) / 0.125)
    assert torch.allclose(bins.class_weights(prior, mix=1), torch.ones(4))


def test_the_annealed_mean_goes_from_the_mean_to_the_mode():
    centers = torch.tensor([[0.0, 0.0], [10.0, 20.0], [-30.0, 0.0]])
    shares = torch.tensor([0.5, 0.3, 0.2])
    logits = shares.log()[None, :, None, None]
    mean = bins.annealed_mean(logits, centers, 1.0).flatten()
    assert torch.allclose(mean, shares @ centers, atol=1e-5)
    mode = bins.annealed_mean(logits, centers, 0.01).flatten()
    assert torch.allclose(mode, centers[0], atol=1e-4)
    half = (shares**2 / (shares**2).sum()) @ centers  # T = 1/2 squares the shares
    assert torch.allclose(bins.annealed_mean(logits, centers, 0.5).flatten(), half, atol=1e-4)


def test_entropy_is_zero_when_certain_and_log2_of_the_bins_when_not():
    certain = torch.zeros(1, 8, 1, 1)
    certain[0, 3] = 100
    assert bins.entropy(certain).item() == pytest.approx(0, abs=1e-5)
    assert bins.entropy(torch.zeros(1, 8, 2, 3)).shape == (1, 2, 3)
    assert bins.entropy(torch.zeros(1, 8, 1, 1)).item() == pytest.approx(3)
