"""What a fresh network predicts, with bins or as a regression, and at operating points."""

import pytest
import torch

from helpers.model import heads
from helpers.model.street_unet import Block, OperatingPoint, posterior, to_size

WIDTHS = (8, 8, 8, 8)


@pytest.fixture(scope="module")
def ab():
    """Stored colors of six photos, B x H x W x 2."""
    torch.manual_seed(0)
    return torch.randint(90, 166, (6, 16, 24, 2), dtype=torch.uint8)


@pytest.fixture(scope="module")
def lightness():
    torch.manual_seed(1)
    return torch.rand(6, 1, 16, 24)


def untrained(ab, head="bins"):
    """A network whose output does not depend on the photo yet."""
    model = heads.new_model([ab], widths=WIDTHS, head=head).eval()
    torch.nn.init.zeros_(model.head.weight)
    return model


@pytest.mark.parametrize("head", ["l2", "l1"])
def test_an_untrained_regression_predicts_the_mean_color(ab, lightness, head):
    found = heads.colors(untrained(ab, head), lightness)
    mean = (ab.float() - 128).mean(dim=(0, 1, 2))[:, None, None]
    assert torch.allclose(found, mean.expand(6, 2, 16, 24), atol=0.01)


def test_untrained_bins_are_the_prior_of_the_photos(ab, lightness):
    model = untrained(ab)
    assert model.prior.sum().item() == pytest.approx(1, abs=1e-5)
    shares = posterior(model, lightness).exp()
    prior = model.prior.clamp_min(1e-6)
    expected = (prior / prior.sum())[:, None, None].expand_as(shares)
    assert torch.allclose(shares, expected, atol=1e-5)


def test_photos_of_two_sets_count_as_those_of_one(ab):
    together, apart = (heads.new_model(sets, widths=WIDTHS) for sets in ([ab], [ab[:2], ab[2:]]))
    assert torch.equal(together.centers, apart.centers)
    assert torch.allclose(together.prior, apart.prior)


def test_only_the_gain_of_an_operating_point_changes_a_regression(ab, lightness):
    model = heads.new_model([ab], widths=WIDTHS, head="l1").eval()
    plain = heads.colors(model, lightness)
    found = heads.colors(model, lightness, OperatingPoint(0.3, 1.0, 1.5))
    assert torch.allclose(found, 1.5 * plain, atol=1e-4)


def test_a_temperature_divides_the_logits(ab, lightness):
    model = heads.new_model([ab], widths=WIDTHS).eval()
    with torch.inference_mode():
        shares = torch.softmax(model(lightness) / 0.5, dim=1)
    mean = torch.einsum("bqhw,qc->bchw", shares, model.centers)
    found = heads.colors(model, lightness, OperatingPoint(temperature=0.5))
    assert torch.allclose(found, to_size(mean, 16, 24), atol=1e-3)


def test_without_context_no_block_depends_on_the_whole_picture(ab):
    gated = [
        sum(isinstance(b, Block) and b.gate is not None for b in model.modules())
        for model in (heads.new_model([ab], context=c, widths=WIDTHS) for c in (True, False))
    ]
    assert gated == [5, 0]


def test_an_unknown_head_is_refused(ab):
    with pytest.raises(ValueError, match="no head 'l3'"):
        heads.new_model([ab], head="l3")
