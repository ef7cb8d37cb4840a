"""Layers that see the whole batch are PyTorch's own, however many threads share it."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from helpers.training import threads, whole_batch


def inputs(photos=6):
    """Photos as unlike in their mean as in their detail, so that halves of a batch differ."""
    torch.manual_seed(0)
    means = (
        5 + torch.arange(photos)[:, None, None, None] * torch.tensor([1.0, -2, 3])[:, None, None]
    )
    return means + 2 * torch.randn(photos, 3, 5, 6), torch.randn(photos, 3, 5, 6)


def norm():
    torch.manual_seed(1)
    made = nn.BatchNorm2d(3, momentum=0.3)
    nn.init.normal_(made.weight)
    nn.init.normal_(made.bias)
    return made


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_batch_norm_of_a_team_is_pytorchs_of_the_whole_batch(size, layout):
    x, slope = (tensor.to(memory_format=layout) for tensor in inputs())
    plain, shared = norm(), whole_batch.whole(nn.Sequential(norm()))
    own = [x.clone().requires_grad_() for _ in range(2)]
    (plain(own[0]) * slope).mean().backward()

    def loss(part, part_slope):
        return (shared(part) * part_slope).mean()

    weights = [*shared.parameters()]
    threads.Team(size).backward(loss, [own[1], *weights], own[1], slope)
    assert_close(own[1].grad, own[0].grad, rtol=0, atol=1e-6)
    for ours, expected in zip(weights, plain.parameters()):
        assert_close(ours.grad, expected.grad, rtol=0, atol=1e-6)
    for ours, expected in zip(shared.state_dict().values(), plain.state_dict().values()):
        assert_close(ours, expected, rtol=0, atol=1e-5)
    assert_close(shared.eval()(x).detach(), plain.eval()(x).detach(), rtol=0, atol=1e-5)


def test_batch_norm_keeps_digits_where_the_mean_is_far_from_zero():
    x, _ = inputs()
    shared = whole_batch.whole(nn.Sequential(nn.BatchNorm2d(3)))
    team, outputs = threads.Team(2), {}

    def loss(part):
        outputs[threads.own_part().number] = shared(part).detach()
        return shared[0].weight.sum()

    team.backward(loss, [shared[0].weight], x + 1000)
    expected = nn.BatchNorm2d(3, dtype=torch.float64)((x + 1000).double())
    assert_close(torch.cat([outputs[0], outputs[1]]), expected.detach().float(), rtol=0, atol=2e-3)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_team_leaves_out_the_channels_that_one_thread_does(size):
    x, team = torch.ones(6, 8, 2, 2), threads.Team(size)
    plain, shared = nn.Dropout2d(0.4), whole_batch.whole(nn.Sequential(nn.Dropout2d(0.4)))
    torch.manual_seed(3)
    expected = [plain(x), plain(x)]
    torch.manual_seed(3)
    outputs = {}

    def loss(part):
        mine = threads.own_part()
        outputs[mine.number if mine else 0] = [shared(part), shared(part)]
        return (part * 1.0).mean()

    team.backward(loss, [x.requires_grad_()], x)
    ours = [torch.cat([outputs[number][turn] for number in range(size)]) for turn in (0, 1)]
    for mine, whole in zip(ours, expected):
        assert torch.equal(mine, whole)
    assert not torch.equal(*ours)
    assert torch.equal(shared.eval()(x), x)


def test_names_values_and_parameters_stay_the_same():
    model = nn.Sequential(nn.Conv2d(1, 3, 3), norm(), nn.Dropout2d(0.2)).train()
    before, parameters = (
        {k: v.clone() for k, v in model.state_dict().items()},
        [*model.parameters()],
    )
    assert whole_batch.whole(model) is model
    kinds = (nn.Conv2d, whole_batch.WholeBatchNorm2d, whole_batch.WholeDropout2d)
    assert tuple(map(type, model)) == kinds
    assert all(a is b for a, b in zip(model.parameters(), parameters))
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_statistics_of_16_bit_pictures_keep_32_bits():
    x = inputs()[0].bfloat16()
    plain, shared = norm(), whole_batch.whole(nn.Sequential(norm()))
    plain(x + 20)
    team = threads.Team(2)
    team.backward(lambda part: shared(part + 20).float().mean(), [*shared.parameters()], x)
    assert_close(shared[0].running_mean, plain.running_mean, rtol=1e-6, atol=0)
    assert_close(shared[0].running_var, plain.running_var, rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm2d(3, affine=False),
        nn.BatchNorm2d(3, track_running_stats=False),
        nn.BatchNorm2d(3, momentum=None),
        nn.BatchNorm1d(3),
        nn.Dropout(0.1),
    ],
)
def test_layers_that_cannot_see_the_whole_batch_are_refused(layer):
    with pytest.raises(ValueError, match=f"1, {type(layer).__name__}.*one thread"):
        whole_batch.whole(nn.Sequential(nn.ReLU(), layer))
