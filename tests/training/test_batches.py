"""Batches: every photo once a pass, extra photos by their share, and what augmentation keeps."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from helpers.training import STREET_UNET, Photos
from helpers.training.batches import cut_to_size, draw, order, vary


def test_every_photo_comes_once_a_pass_and_passes_are_shuffled_anew():
    steps = np.concatenate([order(number, 4, 10, 0) for number in range(5)])
    first, second = steps[:10], steps[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert list(first) != list(second)
    assert list(first) != sorted(first)
    assert list(order(0, 4, 10, 1)) != list(first[:4])


def test_a_photo_is_drawn_with_its_own_colors_and_all_are():
    number = np.arange(0, 256, 5, dtype=np.uint8)[:, None, None]
    photos = Photos(number.repeat(4, 1).repeat(4, 2), number[..., None].repeat(2, 3))
    torch.manual_seed(0)
    ((lightness, ab),) = draw([photos], [300])
    assert len(lightness) == 300
    assert torch.equal(lightness[:, 0, 0], ab[:, 0, 0, 0])
    assert len(lightness.unique()) == 52


def test_extra_photos_have_their_share_of_a_batch():
    own, extra = (Photos(np.full((3, 4, 4), v, np.uint8), np.zeros((3, 4, 4, 2))) for v in (1, 2))
    drawn = draw([own, extra], replace(STREET_UNET, batch_size=8, extra_shares=(0.375,)).counts(1))
    assert [lightness[:, 0, 0].tolist() for lightness, _ in drawn] == [[1] * 5, [2] * 3]
    with pytest.raises(ValueError, match="give each one"):
        replace(STREET_UNET, extra_shares=()).counts(1)


@pytest.mark.parametrize("own", [(64, 64), (242, 252), (44, 56)])
@pytest.mark.parametrize("size", [(44, 56), (40, 40)])
@pytest.mark.parametrize("changes", ["none", "mirror", "all"])
def test_photos_of_any_size_come_in_that_of_the_batch_with_their_colors(own, size, changes):
    """Where lightness tells the color, it still does after cutting and shrinking."""
    torch.manual_seed(2)
    ramp = torch.linspace(50, 200, own[1]).expand(3, 1, *own)
    cut = cut_to_size(ramp, F.avg_pool2d(ramp, 2).expand(3, 2, *(n // 2 for n in own)), size)
    lightness, ab = vary(*cut, changes, size)
    assert lightness.shape == (3, 1, *size)
    assert ab.shape == (3, 2, *(n // 2 for n in size))
    pair = torch.stack([F.avg_pool2d(lightness, 2).flatten(), ab[:, 0].flatten()])
    if changes != "all":
        assert (pair[0] - pair[1]).abs().max() < 3
    assert torch.corrcoef(pair)[0, 1] > 0.8


def test_photos_of_the_size_of_the_batch_are_not_touched():
    photo, ab = torch.rand(2, 1, 8, 12), torch.rand(2, 2, 4, 6)
    assert all(x is y for x, y in zip(cut_to_size(photo, ab, (8, 12)), (photo, ab)))


def test_augmentation_moves_color_with_lightness():
    """Where lightness tells the color, it still does after mirroring and cropping."""
    torch.manual_seed(1)
    ramp = torch.linspace(50, 200, 64).expand(64, 1, 64, 64)
    lightness, ab = vary(ramp, F.avg_pool2d(ramp, 2).expand(64, 2, 32, 32), "all")
    lightness = F.avg_pool2d(lightness, 2)
    for light, color in zip(lightness, ab):
        pair = torch.stack([light[0].flatten(), color[0].flatten()])
        assert torch.corrcoef(pair)[0, 1] > 0.97
    assert (ab[:, 0, 0, 0] > ab[:, 0, 0, -1]).float().mean().item() == pytest.approx(0.5, abs=0.25)


def test_augmentation_keeps_lightness_in_range_and_colors_as_they_are():
    lightness, ab = vary(255 * torch.rand(32, 1, 16, 16), torch.full((32, 2, 8, 8), 37.0), "all")
    assert lightness.min() >= 0 and 1 < lightness.max() <= 255
    assert torch.allclose(ab, torch.tensor(37.0))


def test_mirroring_turns_every_other_photo_with_its_colors():
    torch.manual_seed(0)
    light, ab = torch.rand(1, 6, 8).expand(400, 1, 6, 8), torch.rand(2, 3, 4).expand(400, 2, 3, 4)
    pairs = list(zip(vary(light, ab, "mirror"), (light, ab)))
    turned, turned_too = ((x == y.flip(-1)).flatten(1).all(1) for x, y in pairs)
    kept, kept_too = ((x == y).flatten(1).all(1) for x, y in pairs)
    assert torch.equal(turned, turned_too) and torch.equal(kept, kept_too)
    assert torch.equal(turned, ~kept)
    assert turned.float().mean().item() == pytest.approx(0.5, abs=0.1)
    assert all(x is y for x, y in zip(vary(light, ab, "none"), (light, ab)))


def test_three_photos_in_ten_are_not_cropped():
    torch.manual_seed(0)
    ramp = torch.linspace(-1, 1, 32).expand(32, 32)
    ramps = torch.stack([ramp, ramp.T]).expand(600, 2, 32, 32)
    _, found = vary(255 * torch.rand(600, 1, 32, 32), ramps, "all")
    span = (found.amax(dim=(2, 3)) - found.amin(dim=(2, 3))) / 2  # across and down
    whole = (span.amax(dim=1) > 0.999).float().mean().item()
    assert whole == pytest.approx(0.3 + 0.7 * 0.12, abs=0.06)  # 0.12: by their shape alone
    assert span.min() > 0.6 * math.exp(-0.1) - 0.03
