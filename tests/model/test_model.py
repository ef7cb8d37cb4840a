"""The network equals the report's, and the table of its layers is correct."""

import pytest
import torch

from helpers.model import AsPublished, ColorizeCNN, ReachCNN, layer_table


def lightness(height=88, width=112, count=2):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 1, height, width), generator=generator).float()


@pytest.mark.parametrize("fast", [False, True])
def test_the_network_is_the_published_one_weights_values_and_gradients(fast):
    torch.manual_seed(7)
    theirs = AsPublished()
    torch.manual_seed(7)
    ours = ColorizeCNN(fast=fast)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x, outputs = lightness(), []
    for net in (ours, theirs):
        outputs.append(net(x))
        outputs[-1].square().mean().backward()
    torch.testing.assert_close(*outputs, rtol=1e-5, atol=1e-6)
    for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert (a.grad - b.grad).abs().max() <= 1e-5 * b.grad.abs().max(), name


def test_a_photo_comes_out_at_its_size_as_two_channels_within_the_scale():
    out = ColorizeCNN()(lightness(40, 64))
    assert out.shape == (2, 2, 40, 64)
    assert 0 <= out.min() and out.max() <= 1


@pytest.mark.parametrize("size", [(88, 110), (87, 112)])
def test_sides_that_do_not_divide_by_four_are_refused_by_name(size):
    with pytest.raises(ValueError, match=f"{size[0]} x {size[1]}.*multiples of 4"):
        ColorizeCNN()(lightness(*size))


def test_relu_throughout_leaves_outputs_without_an_upper_bound():
    net = ColorizeCNN(second_half="relu")
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(0.1)
    assert net(lightness()).min() > 1
    assert ColorizeCNN(second_half="relu")(lightness()).min() >= 0


def test_padding_matters_at_the_edge_and_nowhere_else():
    torch.manual_seed(1)
    replicate, zeros = ColorizeCNN(), ColorizeCNN(padding="zeros")
    zeros.load_state_dict(replicate.state_dict())
    x = lightness(count=1)
    apart = (replicate(x) - zeros(x)).abs().amax(dim=(0, 1))
    assert apart[:2].max() > 1e-3
    assert apart[16:-16, 16:-16].max() < 1e-6


def test_a_deeper_network_has_further_layers_of_32_channels_and_the_same_start():
    torch.manual_seed(2)
    deep = ColorizeCNN(extra_layers=2)
    torch.manual_seed(2)
    plain = ColorizeCNN()
    count = [sum(p.numel() for p in net.parameters()) for net in (deep, plain)]
    assert count[0] - count[1] == 2 * (32 * 32 * 9 + 32)
    for name, weights in plain.state_dict().items():
        assert torch.equal(weights, deep.state_dict()[name]), name
    assert not torch.equal(deep(lightness()), plain(lightness()))


@pytest.mark.parametrize(
    "option", [{"second_half": "tanh"}, {"padding": "reflect"}, {"kernel_size": 4}]
)
def test_an_option_that_makes_no_network_is_refused(option):
    with pytest.raises(ValueError, match="take"):
        ColorizeCNN(**option)


def test_the_table_holds_the_shapes_parameters_and_products_of_the_closed_forms():
    table = layer_table(ColorizeCNN())
    assert list(table.name) == (
        "input conv1 pool conv2 pool conv3 upsample conv4 upsample conv5".split()
    )
    convs = table[table.kind == "conv"].set_index("name")
    channels = [1, 8, 16, 32, 64, 2]
    pixels = [88 * 112, 44 * 56, 22 * 28, 44 * 56, 88 * 112]
    for i, name in enumerate(convs.index):
        inputs, outputs = channels[i : i + 2]
        assert convs.channels[name] == outputs
        assert convs.height[name] * convs.width[name] == pixels[i]
        assert convs.parameters[name] == 9 * inputs * outputs + outputs
        assert convs.multiply_adds[name] == 9 * inputs * outputs * pixels[i]
    assert table.parameters.sum() == sum(p.numel() for p in ColorizeCNN().parameters()) == 25538
    assert table.multiply_adds.sum() == 63_157_248


def test_the_fast_network_multiplies_four_ninths_as_often_after_upsampling():
    plain = layer_table(ColorizeCNN()).set_index("name")
    fast = layer_table(ColorizeCNN(fast=True)).set_index("name")
    for name in ("conv4", "conv5"):
        assert fast.multiply_adds[name] * 9 == plain.multiply_adds[name] * 4
    assert fast.parameters.sum() == plain.parameters.sum()
    assert fast.receptive_field["conv5"] == plain.receptive_field["conv5"]


def rows_that_matter(net, height=48):
    """The most input rows that change one output row, found by changing them one by one."""
    net = net.double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(1e-3)  # every path counts, and no sigmoid is flat
    still = torch.full((height, 1, height, 8), 100.0, dtype=torch.float64)
    moved = still.clone()
    moved[range(height), :, range(height)] += 50
    changed = (net(moved) - net(still)).abs().amax(dim=(1, 3)) > 1e-15
    return int(changed.sum(dim=0).max())  # of the input rows, for each output row


@pytest.mark.parametrize(
    "net",
    [ColorizeCNN(k, fast=f) for k in (1, 3, 5) for f in (False, True)]
    + [ColorizeCNN(extra_layers=1), ReachCNN(3, 3, 2), ReachCNN(7, 1, 2)],
)
def test_the_receptive_field_is_what_changing_the_input_row_by_row_shows(net):
    foretold = layer_table(net, (48, 8)).receptive_field.iloc[-1]
    assert rows_that_matter(net) == foretold


def test_stacks_of_equal_reach_differ_in_products_alone():
    tables = [layer_table(ReachCNN(k, n, 16)) for k, n in ((3, 2), (5, 1), (3, 3), (7, 1))]
    assert [t.receptive_field.iloc[-1] for t in tables] == [5, 5, 7, 7]
    stacks = [t[t.name.str.startswith("stack")] for t in tables]
    taps = [int(s.multiply_adds.sum()) // (16 * 16 * 88 * 112) for s in stacks]
    assert taps == [18, 25, 27, 49]
    assert ReachCNN(5, 1, 4)(lightness()).shape == (2, 2, 88, 112)
