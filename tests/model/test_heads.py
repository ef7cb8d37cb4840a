"""Heads: their losses against loops, and what a fresh network predicts."""

import pytest
import torch

from helpers.model import bins, heads
from helpers.model.street_unet import Block, OperatingPoint, to_size
from helpers.training.augment import Photos

WIDTHS = (8, 8, 8, 8)


@pytest.fixture(scope="module")
def photos():
    torch.manual_seed(0)
    ab = torch.randint(90, 166, (6, 16, 16, 2), dtype=torch.uint8)
    return Photos(torch.randint(0, 256, (6, 16, 16), dtype=torch.uint8), ab)


@pytest.mark.parametrize("head, power", [("l2", 2), ("l1", 1)])
def test_a_weighted_regression_counts_pixels_by_their_true_color(photos, head, power):
    model = heads.new_model([photos], widths=WIDTHS, head=head)
    output, ab = 20 * torch.randn(2, 2, 3, 4), torch.randint(-40, 40, (2, 2, 3, 4)).float()
    weights, total = bins.class_weights(model.prior), 0.0
    for b in range(2):
        for y in range(3):
            for x in range(4):
                soft = bins.soft_encode(ab[b, :, y, x][None], model.centers)[0]
                wrong = ((output - ab)[b, :, y, x] / heads.SCALE).abs() ** power
                total += float((soft * weights).sum() * wrong.mean())
    found = heads.loss_function(model, head)(output, ab)
    assert found.item() == pytest.approx(total / 24, rel=1e-4)


def test_without_weights_a_regression_is_the_plain_mean(photos):
    model = heads.new_model([photos], widths=WIDTHS, head="l2")
    output, ab = 20 * torch.randn(2, 2, 3, 4), torch.randint(-40, 40, (2, 2, 3, 4)).float()
    expected = torch.nn.functional.mse_loss(output, ab) / heads.SCALE**2
    assert heads.loss_function(model, "l2", False)(output, ab).item() == pytest.approx(
        expected.item(), rel=1e-5
    )


def test_a_fresh_regression_predicts_about_the_mean_color(photos):
    model = heads.new_model([photos], widths=WIDTHS, head="l2").eval()
    ab = heads.colors(model, photos.lightness[:, None] / 255)
    assert ab.shape == (6, 2, 16, 16)
    mean = photos.ab.float().mean(dim=(0, 1, 2)) - 128
    assert torch.allclose(ab.mean(dim=(0, 2, 3)), mean, atol=10)


def test_of_a_point_a_regression_has_the_gain_alone(photos):
    model = heads.new_model([photos], widths=WIDTHS, head="l1").eval()
    light = photos.lightness[:, None] / 255
    plain = heads.colors(model, light)
    assert torch.allclose(
        heads.colors(model, light, OperatingPoint(0.3, 1.0, 1.5)), 1.5 * plain, atol=1e-4
    )


def test_bins_are_read_at_the_point_that_is_asked_for(photos):
    model = heads.new_model([photos], widths=WIDTHS).eval()
    light = photos.lightness[:1, None] / 255
    with torch.inference_mode():
        shares = torch.softmax(model(light) / 0.5, dim=1)
    mean = torch.einsum("bqhw,qc->bchw", shares, model.centers)
    found = heads.colors(model, light, OperatingPoint(temperature=0.5))
    assert torch.allclose(found, to_size(mean, 16, 16), atol=1e-3)


def test_without_context_no_block_sees_the_whole_picture(photos):
    blocks = [
        sum(isinstance(b, Block) and b.gate is not None for b in model.modules())
        for model in (heads.new_model([photos], context=c, widths=WIDTHS) for c in (True, False))
    ]
    assert blocks == [5, 0]


def test_an_unknown_head_is_refused(photos):
    with pytest.raises(ValueError, match="no head 'l3'"):
        heads.new_model([photos], head="l3")


def test_a_regression_that_has_learned_nothing_predicts_the_mean_color_of_any_shape():
    ab = torch.randint(140, 200, (3, 16, 24, 2), dtype=torch.uint8)
    lightness = torch.zeros(3, 16, 24, dtype=torch.uint8)
    model = heads.new_model([Photos(lightness, ab)], widths=WIDTHS, head="l1").eval()
    torch.nn.init.zeros_(model.head.weight)
    found = heads.colors(model, lightness[:, None] / 255)
    mean = (ab.float() - 128).mean(dim=(0, 1, 2))[:, None, None]
    assert torch.allclose(found, mean.expand(3, 2, 16, 24), atol=0.01)
