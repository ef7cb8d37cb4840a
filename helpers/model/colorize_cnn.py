"""The report's network, its variants, and a table of what each layer costs."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .fast_conv import UpsampledConv2d

if TYPE_CHECKING:
    import pandas as pd

SHRINK = 4  # two poolings by 2: sides must be multiples of this
STEPS = (nn.Conv2d, nn.MaxPool2d, nn.Upsample)
ACTIVATIONS = (nn.ReLU, nn.Sigmoid)
COLUMNS = (
    "name kind kernel activation channels height width parameters multiply_adds receptive_field"
).split()


class ColorizeCNN(nn.Module):
    """The report's network, 1-8-16-32-64-2 channels, with its state dict names conv1 to conv5.

    kernel_size: odd width of every kernel; the report used 3.
    second_half: activation of conv3, conv4 and conv5: "sigmoid" as in the report, or "relu" as
        before that ("prior, we had used only ReLU"), which leaves outputs without an upper bound.
    padding: "replicate" as in the report, or "zeros".
    extra_layers: number of further layers of 32 channels with ReLU after conv3, where the picture
        is smallest ("a deeper network"). Their names are deeper.0, deeper.1, ...
    fast: compute conv4 and conv5 without the upsampled pictures (see `fast_conv`). Parameters are
        the same; values and gradients are equal up to rounding.
    Raises ValueError for another `second_half` or `padding`, or for an even `kernel_size`.
    """

    def __init__(
        self,
        kernel_size: int = 3,
        second_half: str = "sigmoid",
        padding: str = "replicate",
        extra_layers: int = 0,
        fast: bool = False,
    ):
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel width {kernel_size} is even: take an odd one, such as 3")
        if second_half not in ("sigmoid", "relu"):
            raise ValueError(f'no second half {second_half!r}: take "sigmoid" or "relu"')
        if padding not in ("replicate", "zeros"):
            raise ValueError(f'no padding {padding!r}: take "replicate" or "zeros"')

        def conv(inputs, outputs, kind=nn.Conv2d):
            return _same_size(inputs, outputs, kernel_size, padding, kind)

        after_upsampling = UpsampledConv2d if fast else nn.Conv2d
        self.conv1 = conv(1, 8)
        self.conv2 = conv(8, 16)
        self.conv3 = conv(16, 32)
        self.conv4 = conv(32, 64, after_upsampling)
        self.conv5 = conv(64, 2, after_upsampling)
        self.deeper = nn.ModuleList(conv(32, 32) for _ in range(extra_layers))
        self.pool = nn.MaxPool2d(2)
        self.upsample = nn.Identity() if fast else nn.Upsample(scale_factor=2)
        self.relu = nn.ReLU()
        self.squash = nn.Sigmoid() if second_half == "sigmoid" else nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Lightness (N x 1 x H x W, 2.55 L, 0..255) to ab (N x 2 x H x W, (ab + 128) / 255).

        Raises ValueError unless H and W are multiples of 4.
        """
        height, width = x.shape[-2:]
        if height % SHRINK or width % SHRINK:
            raise ValueError(f"{height} x {width} pixels: both must be multiples of {SHRINK}")
        # ReLU and max pooling commute; pooling first leaves a quarter of the ReLUs
        x = self.relu(self.pool(self.conv1(x)))  # N x 8 x H/2 x W/2
        x = self.relu(self.pool(self.conv2(x)))  # N x 16 x H/4 x W/4
        x = self.squash(self.conv3(x))  # N x 32 x H/4 x W/4
        for layer in self.deeper:
            x = self.relu(layer(x))
        x = self.squash(self.conv4(self.upsample(x)))  # N x 64 x H/2 x W/2
        return self.squash(self.conv5(self.upsample(x)))  # N x 2 x H x W


class ReachCNN(nn.Module):
    """A stack of `layers` convolutions, kernel x kernel at full size, each of `width` channels.

    A 1 x 1 layer before the stack maps lightness to `width` channels, and one after it maps those
    to ab. The receptive field is 1 + layers (kernel - 1) pixels wide, so stacks of equal width
    differ in the stack alone. ReLU between layers, a sigmoid at the end, replicate padding.
    """

    def __init__(self, kernel: int, layers: int, width: int):
        super().__init__()
        self.lift = nn.Conv2d(1, width, 1)
        self.stack = nn.ModuleList(_same_size(width, width, kernel) for _ in range(layers))
        self.read = nn.Conv2d(width, 2, 1)
        self.relu = nn.ReLU()
        self.squash = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Lightness (N x 1 x H x W, 0..255) to ab (N x 2 x H x W, report's scale)."""
        x = self.relu(self.lift(x))
        for layer in self.stack:
            x = self.relu(layer(x))
        return self.squash(self.read(x))


def _same_size(inputs, outputs, width, padding="replicate", kind=nn.Conv2d) -> nn.Conv2d:
    return kind(inputs, outputs, width, padding=width // 2, padding_mode=padding)


def layer_table(net: nn.Module, size: tuple[int, int] = (88, 112)) -> "pd.DataFrame":
    """One row per step that changes shape or size, in the order of a forward pass of `net`.

    Columns: name; kind ("input", "conv", "pool", "upsample", "upsample + conv"); kernel (width);
    activation ("ReLU", "Sigmoid" or ""), which has no row of its own; channels, height, width of
    the output; parameters; multiply_adds for one photo; receptive_field, the side in input pixels
    of the largest square that one output pixel depends on. `size` is H x W. The network must be
    one chain of layers.
    """
    import pandas as pd

    rows = [dict(name="input", kind="input", channels=1, height=size[0], width=size[1])]
    names = {module: name for name, module in net.named_modules()}
    steps: list[nn.Module] = []

    def note(module, _, output):
        if isinstance(module, ACTIVATIONS):
            last = next(row for row in reversed(rows) if "conv" in row["kind"])
            last["activation"] = type(module).__name__
        else:
            steps.append(module)
            rows.append(_row(names[module], module, output.shape, steps))

    noted = [module for module in names if isinstance(module, STEPS + ACTIVATIONS)]
    hooks = [module.register_forward_hook(note) for module in noted]
    try:
        with torch.no_grad():
            net(next(net.parameters()).new_zeros(1, 1, *size))
    finally:
        for hook in hooks:
            hook.remove()
    counts = ["kernel", "parameters", "multiply_adds"]
    absent = dict.fromkeys(counts, 0) | {"receptive_field": 1, "activation": ""}
    table = pd.DataFrame(rows, columns=COLUMNS).fillna(absent)
    return table.astype(dict.fromkeys([*counts, "receptive_field"], int))


def _row(name: str, module: nn.Module, shape: torch.Size, steps: list[nn.Module]) -> dict:
    _, channels, height, width = shape
    row = dict(name=name, channels=channels, height=height, width=width)
    row |= dict(receptive_field=_receptive_field(steps))
    if not isinstance(module, nn.Conv2d):
        return row | dict(kind="pool" if isinstance(module, nn.MaxPool2d) else "upsample")
    kernel = module.kernel_size[0]
    taps = kernel**2
    fast = isinstance(module, UpsampledConv2d)
    if fast:
        taps = (kernel + 1) ** 2 // 4
    return row | dict(
        kind="upsample + conv" if fast else "conv",
        kernel=kernel,
        parameters=sum(p.numel() for p in module.parameters()),
        multiply_adds=taps * module.in_channels * channels * height * width,
    )


def _receptive_field(steps: list[nn.Module]) -> int:
    """The largest number of input rows behind one output row; it depends on the row's phase."""
    widest = 0
    for row in range(SHRINK):
        low = high = row
        for module in reversed(steps):
            if isinstance(module, nn.MaxPool2d):
                low, high = 2 * low, 2 * high + 1
                continue
            if isinstance(module, nn.Conv2d):
                reach = module.kernel_size[0] // 2
                low, high = low - reach, high + reach
            if isinstance(module, (nn.Upsample, UpsampledConv2d)):
                low, high = low // 2, high // 2
        widest = max(widest, high - low + 1)
    return widest
