"""A convolution after nearest-neighbor upsampling, computed without the large picture.

Let y be x with every pixel doubled, and z the convolution of y with a kernel w of odd width k.
In one dimension, with h = k // 2,

    z[r] = sum over t of w[t] y[r - h + t],   y[2 m + d] = x[m] for d = 0 and 1.

So x[m] enters z[r] with the weight w[t] + w[t + 1] for t = 2 m - r + h, where weights outside of
the kernel are zero. That is a transposed convolution of x with stride 2. Its kernel, of width
k + 1, holds the sums of neighbors in w in reverse order. In two dimensions the sums run over both:
a 3 x 3 kernel becomes 4 x 4, and each pixel of z uses 2 x 2 of its weights. Padding commutes with
doubling: replicate (or zero) padding of y is the same padding of x, half as wide.

Per pixel and pair of channels, k^2 multiply-adds become (k + 1)^2 / 4. The larger saving is that
y, four times the size of x, is never written to memory. Values and gradients are equal up to
rounding.
"""

import torch.nn.functional as F
from torch import Tensor, nn


def upsampled_conv(x: Tensor, weight: Tensor, bias: Tensor | None, padding: str) -> Tensor:
    """conv2d(pad(upsample(x, 2)), weight, bias) by the identity above: N x D x 2H x 2W.

    x is N x C x H x W, weight D x C x k x k with k odd; `padding` is "replicate" or "zeros".
    Raises ValueError for an even k.
    """
    width = weight.shape[-1]
    if width % 2 == 0:
        raise ValueError(f"kernel width {width} is even: the width must be odd")
    sums = F.conv2d(weight.reshape(-1, 1, width, width), weight.new_ones(1, 1, 2, 2), padding=1)
    kernel = sums.reshape(*weight.shape[:2], width + 1, width + 1).flip(2, 3).transpose(0, 1)
    border = (width // 2 + 1) // 2
    mode = {"replicate": "replicate", "zeros": "constant"}[padding]
    x = F.pad(x, (border,) * 4, mode=mode)
    return F.conv_transpose2d(x, kernel, bias, stride=2, padding=2 * border + width // 2)


class UpsampledConv2d(nn.Conv2d):
    """nn.Upsample(scale_factor=2) and nn.Conv2d in one, with the parameters of the latter."""

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W to N x D x 2H x 2W."""
        return upsampled_conv(x, self.weight, self.bias, self.padding_mode)
