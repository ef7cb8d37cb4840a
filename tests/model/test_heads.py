"""What a fresh network predicts, with bins or as a regression, and at operating points."""

import pytest
import torch

from helpers.model import efficientnet, heads
from helpers.model.street_unet import OperatingPoint, posterior, to_size

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


def test_the_prior_is_that_of_a_batch_with_its_shares_of_each_set(ab):
    other = torch.full((1, 16, 24, 2), 128 + 40, dtype=torch.uint8)
    mixed = heads.new_model([ab, other], [1, 3], widths=WIDTHS)
    only = heads.new_model([other], widths=WIDTHS)
    place = (mixed.centers[:, None] == only.centers).all(-1)
    held = mixed.prior[place.any(1)].sum().item()
    assert held == pytest.approx(0.75, abs=0.01)


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


def test_a_fresh_network_knows_imagenet_unless_it_is_to_begin_from_nothing(ab):
    known = efficientnet.pretrained("lite0").encoder.state_dict()
    begun = heads.new_model([ab], widths=WIDTHS).encoder.state_dict()
    nothing = heads.new_model([ab], widths=WIDTHS, pretrained=False).encoder.state_dict()
    kernels = [name for name, value in known.items() if value.ndim == 4]
    assert all(torch.equal(begun[name], value) for name, value in known.items())
    assert not any(torch.equal(nothing[name], known[name]) for name in kernels)


def test_an_unknown_head_is_refused(ab):
    with pytest.raises(ValueError, match="no head 'l3'"):
        heads.new_model([ab], head="l3")
