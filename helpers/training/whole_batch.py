"""Which layers need the whole batch where threads or processes share it, and how do they get it?

Batch norm needs the mean and variance over all photos; dropout needs the random numbers that a
photo would get in one process. Both are PyTorch's own layers where nobody shares.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from . import distributed, threads


def whole(model: nn.Module) -> nn.Module:
    """The model with its batch norms and dropouts replaced by those that see the whole batch.

    Parameters stay the same objects, names and values the same. On GPUs, which processes share
    alone, batch norms are PyTorch's nn.SyncBatchNorm. Raises ValueError for a batch norm or
    dropout that has no such twin here.
    """
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.BatchNorm2d) and _usual(module):
            gpu = module.weight.is_cuda
            made = nn.SyncBatchNorm.convert_sync_batchnorm(module) if gpu else _norm(module)
        elif isinstance(module, nn.Dropout2d):
            made = WholeDropout2d(module.p).train(module.training)
        elif isinstance(module, (_BatchNorm, _DropoutNd)):
            raise ValueError(
                f"{name}, {module}, cannot see a whole batch that threads or processes share: take "
                "nn.BatchNorm2d with its usual options or nn.Dropout2d, or one thread"
            )
        else:
            continue
        model.set_submodule(name, made)
    return model


def _usual(norm: nn.BatchNorm2d) -> bool:
    return norm.affine and norm.track_running_stats and norm.momentum is not None


def _norm(norm: nn.BatchNorm2d) -> "WholeBatchNorm2d":
    made = WholeBatchNorm2d(norm.num_features, norm.eps, norm.momentum).train(norm.training)
    made.weight, made.bias = norm.weight, norm.bias  # the same parameters, not copies
    made.load_state_dict(norm.state_dict())
    return made


def total(numbers: Tensor) -> Tensor:
    """The sum over all that share the batch of what each has; a new tensor."""
    mine = threads.own_part()
    return mine.team.total(numbers) if mine else distributed.total(numbers.clone())


def _share(photos: int) -> float:
    """Which share of the whole batch so many photos are."""
    mine = threads.own_part()
    return photos / mine.photos if mine else 1 / distributed.ranks()


class WholeBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over all photos of a batch that threads or processes share.

    What nn.SyncBatchNorm is on GPUs, which does not run on the CPU. N x C x H x W stays so.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        y, mean, variance = _Norm.apply(x, self.weight, self.bias, self.eps)
        mine = threads.own_part()
        if mine is None or mine.number == 0:  # threads have one model, which one of them updates
            pixels = x.numel() / len(mean) / _share(len(x))
            with torch.no_grad():
                self.num_batches_tracked += 1
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(variance * (pixels / (pixels - 1)), self.momentum)
        return y


class _Norm(torch.autograd.Function):
    """x to (x - mean) / sqrt(variance + eps) * weight + bias, mean and variance over all parts."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, eps: float):
        # PyTorch's own half of nn.BatchNorm2d: torch.var_mean takes 15 times as long. What it
        # gives has as many bits as the running statistics that it gets, not as x.
        zeros, ones = torch.zeros_like(weight), torch.ones_like(weight)
        mean, square = torch.batch_norm_update_stats(x, zeros, ones, 0.0)
        # in 64 bits the difference of two squares keeps what 32 bits hold
        own, share = torch.stack([mean, square]).double(), _share(len(x))
        own[1] += own[0] ** 2
        mean, square = total(share * own)
        variance = (square - mean**2).clamp_min(0).float()
        mean = mean.float()
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.eps, ctx.pixels = eps, x.numel() / len(mean) / share
        ctx.mark_non_differentiable(mean, variance)
        return F.batch_norm(x, mean, variance, weight, bias, eps=eps), mean, variance

    @staticmethod
    def backward(ctx, slope: Tensor, *_):
        """With z = (x - mean) / deviation: slope_x = weight / deviation * (slope - E[slope] -
        z E[slope z]), means over all pixels of all parts (Ioffe and Szegedy, 2015, section 3)."""
        x, weight, mean, variance = ctx.saved_tensors
        slope_x, by_weight, by_bias = torch.ops.aten.native_batch_norm_backward(
            slope, x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        scale = -weight * torch.rsqrt(variance + ctx.eps) / ctx.pixels
        across, along = scale * total(torch.stack([by_bias, by_weight]))
        slope_x += F.batch_norm(x, mean, variance, along, across, eps=ctx.eps)
        return slope_x, by_weight, by_bias, None


class WholeDropout2d(nn.Dropout2d):
    """Leaves out the channels that one process would, whoever shares the batch.

    N x C x H x W, with 0 in those channels and the others scaled up. Random numbers are drawn for
    all photos, as nn.Dropout2d draws them, and each part takes those of its own.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        mine = threads.own_part()
        if mine is None:
            photos = len(x) * distributed.ranks()
            mine = threads.Part(distributed.part(photos), photos)
        kept = x.new_empty(mine.photos, x.shape[1], 1, 1)
        kept.bernoulli_(1 - self.p, generator=mine.generator).div_(1 - self.p)
        return x * kept[mine.rows]
