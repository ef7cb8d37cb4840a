"""Chroma stops at edges, comes back when averaged, and strips are the whole."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from helpers.colorize.edges import along_edges, bilinear, bilinear_rows


def two_walls(columns=80, edge=44):
    """A dark and a light wall: the guide, their chroma, and that at an eighth of the size."""
    guide = torch.full((1, 1, 64, columns), 0.2)
    guide[..., edge:] = 0.8
    chroma = torch.cat([100 * (guide - 0.5), 30 - 100 * (guide - 0.2)], dim=1)
    return guide, chroma, F.avg_pool2d(chroma, 8)


def test_color_stops_at_the_edge_where_bilinear_bleeds():
    guide, chroma, low = two_walls(edge=48)
    assert (bilinear(low, 64, 80) - chroma).abs().max() > 20
    assert (along_edges(low, guide) - chroma).abs().max() < 0.1


def test_a_cell_of_both_walls_is_mostly_taken_apart():
    guide, chroma, low = two_walls(edge=44)
    inside = slice(8, -8)
    plain = (bilinear(low, 64, 80) - chroma)[..., inside].square().mean()
    assert (along_edges(low, guide) - chroma)[..., inside].square().mean() < plain / 2


def test_without_edges_a_ramp_stays_a_ramp():
    low = torch.arange(10.0).expand(1, 1, 8, 10)
    flat = along_edges(low, torch.full((1, 1, 64, 80), 0.5))
    inside = slice(12, -12)
    assert (flat - bilinear(low, 64, 80))[..., inside].abs().max() < 0.1


@pytest.mark.parametrize("size", [(11, 13), (29, 31), (64, 80)])
def test_the_correction_brings_the_averages_nearer(size):
    random = np.random.default_rng(0)
    low = torch.from_numpy(random.normal(0, 20, (1, 2, 7, 9))).float()
    guide = torch.from_numpy(random.random((1, 1, *size))).float()
    off = [
        (F.adaptive_avg_pool2d(along_edges(low, guide, correction=n), (7, 9)) - low).square().mean()
        for n in (0, 0.5)
    ]
    assert off[1] < off[0]


def test_a_constant_stays_constant():
    guide = torch.rand(1, 1, 33, 47)
    color = torch.tensor([12.0, -30.0])[None, :, None, None].expand(1, 2, 5, 7)
    assert torch.allclose(along_edges(color, guide), color[..., :1, :1].expand(1, 2, 33, 47))


def test_a_loop_over_pixels_agrees():
    random = np.random.default_rng(0)
    low, guide = random.normal(size=(4, 5)), random.random((12, 20))
    coarse = guide.reshape(4, 3, 5, 4).mean(axis=(1, 3))
    expected = np.zeros((12, 20))
    for i in range(12):
        for j in range(20):
            y, x = (i + 0.5) / 3 - 0.5, (j + 0.5) / 4 - 0.5
            total = 0
            for m in range(round(y) - 1, round(y) + 2):
                for n in range(round(x) - 1, round(x) + 2):
                    k, l = min(max(m, 0), 3), min(max(n, 0), 4)  # noqa: E741
                    far = ((y - m) ** 2 + (x - n) ** 2) / 0.6**2
                    unlike = (guide[i, j] - coarse[k, l]) / 0.05
                    weight = np.exp(-far / 2) * (np.exp(-(unlike**2) / 2) + 1e-6)
                    expected[i, j] += weight * low[k, l]
                    total += weight
            expected[i, j] /= total
    tensors = (torch.from_numpy(a)[None, None].float() for a in (low, guide))
    found = along_edges(*tensors, correction=0)[0, 0]
    assert np.abs(found.numpy() - expected).max() < 1e-4


@pytest.mark.parametrize(("height", "width"), [(64, 80), (29, 31), (8, 10), (5, 6), (1, 1)])
def test_strips_of_rows_are_the_whole(height, width):
    low = torch.rand(1, 2, 8, 10)
    whole = bilinear(low, height, width)
    for first, last in [(0, 1), (height // 2, height), (0, height)]:
        rows = bilinear_rows(low, first, last, height, width)
        assert torch.allclose(rows, whole[:, :, first:last], atol=1e-6)
