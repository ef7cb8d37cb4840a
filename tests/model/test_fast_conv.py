"""The fast convolution equals the plain one: values, gradients, and whole loss curves."""

import pytest
import torch
import torch.nn.functional as F

from helpers.model import ColorizeCNN
from helpers.model.fast_conv import UpsampledConv2d, upsampled_conv


def plain(x, weight, bias, padding):
    reach = weight.shape[-1] // 2
    mode = {"replicate": "replicate", "zeros": "constant"}[padding]
    y = F.pad(F.interpolate(x, scale_factor=2), (reach,) * 4, mode=mode)
    return F.conv2d(y, weight, bias)


def values_and_gradients(function, width, padding, dtype=torch.float64):
    generator = torch.Generator().manual_seed(width)
    shapes = (2, 3, 5, 6), (4, 3, width, width), (4,)
    inputs = [torch.randn(s, generator=generator, dtype=dtype).requires_grad_() for s in shapes]
    out = function(*inputs, padding)
    out.backward(torch.randn(out.shape, generator=generator, dtype=dtype))
    return [out.detach(), *(each.grad for each in inputs)]


@pytest.mark.parametrize("padding", ["replicate", "zeros"])
@pytest.mark.parametrize("width", [1, 3, 5, 7, 9])
def test_values_and_gradients_are_those_of_upsampling_padding_and_convolving(width, padding):
    fast = values_and_gradients(upsampled_conv, width, padding)
    slow = values_and_gradients(plain, width, padding)
    for ours, theirs in zip(fast, slow, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match="odd"):
        upsampled_conv(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2, 2), None, "zeros")


def twins(**options):
    torch.manual_seed(3)
    slow = ColorizeCNN(**options)
    fast = ColorizeCNN(**options, fast=True)
    fast.load_state_dict(slow.state_dict())
    return slow, fast.to(memory_format=torch.channels_last)


def photos(count):
    generator = torch.Generator().manual_seed(5)
    lightness = torch.randint(0, 256, (count, 1, 16, 20), generator=generator).float()
    brightness = lightness / 255
    return lightness, torch.cat([0.2 * brightness, 0.3 + 0.5 * brightness], dim=1)


@pytest.mark.parametrize("options", [{}, {"padding": "zeros"}, {"kernel_size": 5}])
def test_the_fast_network_has_the_values_and_gradients_of_the_plain_one(options):
    slow, fast = twins(**options)
    lightness, ab = photos(4)
    for net in (slow, fast):
        F.mse_loss(net(lightness), ab).backward()
    torch.testing.assert_close(fast(lightness), slow(lightness), rtol=1e-5, atol=1e-6)
    for (name, ours), theirs in zip(fast.named_parameters(), slow.parameters(), strict=True):
        scale = theirs.grad.abs().max()
        assert (ours.grad - theirs.grad).abs().max() < 1e-5 * scale, name


def test_both_have_the_same_losses_over_100_batches_of_training():
    curves = []
    for net in twins():
        optimizer = torch.optim.Adam(net.parameters(), 1e-3)
        generator = torch.Generator().manual_seed(1)
        lightness, ab = photos(64)
        losses = []
        for _ in range(100):
            rows = torch.randint(0, 64, (8,), generator=generator)
            loss = F.mse_loss(net(lightness[rows]), ab[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        curves.append(losses)
    slow, fast = torch.tensor(curves)
    assert ((fast - slow).abs() / slow).max() < 1e-3
    assert slow[-10:].mean() < 0.5 * slow[:10].mean(), "nothing was learned: a weak comparison"


def test_the_layer_is_a_convolution_with_the_same_names_and_numbers():
    layer, reference = UpsampledConv2d(8, 2, 3), torch.nn.Conv2d(8, 2, 3)
    assert {k: v.shape for k, v in layer.state_dict().items()} == {
        k: v.shape for k, v in reference.state_dict().items()
    }
