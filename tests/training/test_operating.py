"""The two operating points: what they are chosen by."""

import numpy as np
import pytest
import torch

from helpers import color, metrics
from helpers.model import bins
from helpers.model.heads import new_model
from helpers.model.predict import predict
from helpers.model.street_unet import OperatingPoint
from helpers.training import operating


@pytest.fixture(scope="module")
def photos():
    """Dark below and light above; the light is blue or gray, which lightness does not tell."""
    generator = np.random.default_rng(0)
    lightness = generator.integers(20, 90, (8, 16, 24)).astype(np.uint8)
    lightness[:, :8] += 130
    ab = np.zeros((8, 16, 24, 2), np.float32)
    ab[:4, :8] = (0, -40)
    ab[:, 8:, :, 1] = 20
    return lightness, color.store_ab(ab)


@pytest.fixture(scope="module")
def model(photos):
    """A network that knows the prior alone: colors are as they are on average."""
    torch.manual_seed(0)
    return new_model([torch.from_numpy(photos[1])], dropout=0.0).eval()


def test_errors_are_those_of_the_metrics(model, photos):
    lightness, truth = photos
    point = OperatingPoint(0.7, 0.5, 1.15)
    held = operating.Validation(model, lightness, truth)
    ab = predict(model, lightness, point)
    sums = metrics.per_photo(ab, lightness, truth, bins.color_weights(truth))
    expected = metrics.pool(sums.sum().to_frame().T).iloc[0]
    square, square_gray, chroma, true_chroma = held.sums[point]
    assert square / square_gray == pytest.approx(expected.mse_vs_gray, rel=1e-4)
    assert chroma / true_chroma == pytest.approx(expected.chroma_ratio, rel=1e-4)
    assert held.gaps([point])[point] / 8 == pytest.approx(expected.colorfulness_gap, rel=0.02)


def error(held, point):
    """mse_vs_gray and chroma_ratio."""
    square, gray, chroma, true = held.sums[point]
    return square / gray, chroma / true


def test_the_accurate_point_has_the_lowest_error_and_the_other_more_color(model, photos):
    held = operating.Validation(model, *photos)
    points = operating.choose([held])
    accurate, colorful = points["street_unet_accurate"], points["street_unet"]
    assert accurate.gain == 1
    assert error(held, accurate)[0] <= error(held, OperatingPoint())[0]
    assert error(held, colorful)[1] > error(held, accurate)[1]


def test_several_folds_choose_as_their_photos_would_together(model, photos):
    """Four blue and four gray skies ask for other points; both folds together for a third."""
    lightness, truth = photos
    parts = [slice(0, 4), slice(4, 8)]
    folds = [operating.Validation(model, lightness[part], truth[part]) for part in parts]
    together = operating.choose(folds)
    assert together == operating.choose([operating.Validation(model, lightness, truth)])
    assert operating.choose(folds[:1]) != operating.choose(folds[1:])
