"""The calibration curve: against distributions whose errors are known."""

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.evaluation import calibration
from helpers.model import heads


def drawn(factor=1.0, photos=40):
    """Expected errors of all sizes, and normal errors that are `factor` times as large."""
    rng = np.random.default_rng(0)
    expected = rng.uniform(1, 100, (photos, 20, 20))
    measured = expected * np.square(factor * rng.normal(size=expected.shape))
    places = pd.Series(np.arange(photos) // 4)
    return calibration.calibration(expected / 30, expected, measured, places)


def test_an_honest_map_lies_on_the_diagonal():
    found = drawn()
    np.testing.assert_allclose(found.table.measured, found.table.expected, rtol=0.05)
    ratio, (low, high) = found.ratio
    assert ratio == pytest.approx(1, abs=0.02) and low < ratio < high
    assert (found.table.measured_low < found.table.measured_high).all()


def test_a_map_that_is_too_sure_lies_above_it():
    ratio, (low, high) = drawn(factor=2).ratio
    assert ratio == pytest.approx(2, rel=0.02) and low < ratio < high


def test_groups_are_of_equal_size_and_the_surest_comes_first():
    table = drawn().table
    assert len(table) == calibration.GROUPS
    assert table.expected.is_monotonic_increasing and table.bits.is_monotonic_increasing
    assert table.bits.iloc[0] == pytest.approx(
        np.sqrt(table.expected**2).iloc[0] ** 2 / 30, rel=0.1
    )


def test_what_a_network_expects_is_the_variance_of_its_bins():
    torch.manual_seed(0)
    ab = torch.randint(100, 156, (6, 16, 16, 2), dtype=torch.uint8)
    lightness = torch.randint(0, 256, (6, 16, 16), dtype=torch.uint8)
    model = heads.new_model([ab], widths=(8, 8, 8, 8)).eval()
    entropy, expected, measured = calibration.maps(model, lightness.numpy(), ab.numpy())
    with torch.inference_mode():
        shares = torch.softmax(model(lightness[2:3, None].float() / 255), dim=1)[0, :, 3, 5]
    mean = shares @ model.centers
    variance = sum(p * (c - mean).square().sum() for p, c in zip(shares, model.centers)) / 2
    assert expected[2, 3, 5] == pytest.approx(variance.item(), rel=1e-3)
    assert entropy[2, 3, 5] == pytest.approx(-(shares * shares.log2()).sum().item(), rel=1e-3)
    true = ab[2, 6:8, 10:12].float().mean(dim=(0, 1)) - 128
    assert measured[2, 3, 5] == pytest.approx(((mean - true) ** 2).mean().item(), rel=1e-3)


def test_photos_of_one_place_are_drawn_together():
    rng = np.random.default_rng(0)
    maps = [rng.uniform(1, 100, (10, 6, 6)) for _ in range(3)]
    alone = calibration.calibration(*maps, pd.Series(range(10)))
    twice = [np.repeat(each, 2, axis=0) for each in maps]
    together = calibration.calibration(*twice, pd.Series(np.repeat(range(10), 2)))
    pd.testing.assert_frame_equal(together.table, alone.table)
    assert together.ratio[1] == pytest.approx(alone.ratio[1])


def test_every_photo_is_read_however_many_pass_at_once(monkeypatch):
    ab = torch.randint(100, 156, (5, 16, 16, 2), dtype=torch.uint8)
    lightness = torch.randint(0, 256, (5, 16, 16), dtype=torch.uint8)
    model = heads.new_model([ab], widths=(8, 8, 8, 8)).eval()
    whole = calibration.maps(model, lightness.numpy(), ab.numpy())
    monkeypatch.setattr(calibration, "BATCH", 2)
    for found, expected in zip(calibration.maps(model, lightness.numpy(), ab.numpy()), whole):
        np.testing.assert_allclose(found, expected, rtol=1e-3)
