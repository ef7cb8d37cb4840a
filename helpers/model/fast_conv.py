"""How is a convolution after nearest upsampling computed without the large picture?

Let y be x with every pixel doubled, and z the convolution of y with an odd kernel w of width k.
In one dimension, with h = k // 2,

    z[r] = sum over t of w[t] y[r - h + t],   y[2 m + d] = x[m] for d = 0 and 1,

so x[m] adds w[t] to z[r] for the two t = 2 m + d - r + h: in all w[t] + w[t + 1] with
t = 2 m - r + h. That is a transposed convolution of x with stride 2 whose kernel of width k + 1
holds the sums of neighbors in w, turned around. In two dimensions the sums run over both: a
3 x 3 kernel becomes 4 x 4, of which each pixel of z meets 2 x 2. Padding commutes with doubling:
replicate (or zero) padding of y is the same padding of x, half as wide.

The multiply-adds fall from k^2 to (k + 1)^2 / 4 a pixel and channel pair, and y, four times the
size of x, is never written to memory, which costs more than the arithmetic. Values and gradients
are equal up to rounding.
"""

import torch.nn.functional as F
from torch import Tensor, nn


def upsampled_conv(
    x: Tensor, weight: Tensor, bias: Tensor | None, padding: str = "replicate"
) -> Tensor:
    """conv2d(pad(upsample(x, 2)), weight, bias) by the identity above.

    x is N x C x H x W, weight D x C x k x k with k odd, the result N x D x 2H x 2W. `padding` is
    "replicate" or "zeros".
    """
    width = weight.shape[-1]
    if width % 2 == 0:
        raise ValueError(f"a kernel of width {width} has no middle: take an odd one")
    sums = F.conv2d(weight.reshape(-1, 1, width, width), weight.new_ones(1, 1, 2, 2), padding=1)
    kernel = sums.reshape(*weight.shape[:2], width + 1, width + 1).flip(2, 3).transpose(0, 1)
    border = (width // 2 + 1) // 2
    if padding == "replicate" and border:
        x = F.pad(x, (border,) * 4, mode="replicate")
    elif padding == "zeros" and border:
        x = F.pad(x, (border,) * 4)
    return F.conv_transpose2d(x, kernel, bias, stride=2, padding=2 * border + width // 2)


class UpsampledConv2d(nn.Conv2d):
    """nn.Upsample(scale_factor=2) and nn.Conv2d in one, with the parameters of the latter."""

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W to N x D x 2H x 2W."""
        return upsampled_conv(x, self.weight, self.bias, self.padding_mode)
