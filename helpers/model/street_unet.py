"""What is the network that colors streets?

`StreetUnet` reads lightness and gives, at half size, a distribution over ab bins per pixel.
A U-Net (Ronneberger et al., 2015) of residual blocks: lightness is folded 2 x 2 into channels
(nothing is lost, a quarter of the cost), then halved three times; at the two smallest sizes
each block is scaled by what the whole picture looks like (squeeze and excitation, Hu et al.,
2018), since the color of a wall hangs on the light of the whole.

The logits are those of the plain posterior p(bin | lightness). Training weights rare bins
(`heads`), and `OperatingPoint` says how much of that weighting a prediction takes back in:
softmax((logits + rebalance * log w) / temperature), its mean, times gain.

Shapes: B photos, H x W their size (any), h x w = ceil(H / 2) x ceil(W / 2), Q bins.
"""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from .. import paths
from . import bins

FORMAT = "streetside-colorization/street_unet/1"
SIZE = (112, 88)  # width and height of the photos that it learns from
WIDTHS = (32, 64, 128, 192)


def conv(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution and batch norm, no bias of its own."""
    layer = nn.Conv2d(inputs, outputs, size, stride, (size - 1) // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """x + scale(x) * conv(relu(conv(x))), then ReLU; C x h x w stays C x h x w."""

    def __init__(self, width: int, gated: bool, dropout: float):
        super().__init__()
        self.first, self.second = conv(width, width), conv(width, width)
        self.drop = nn.Dropout2d(dropout)
        nn.init.zeros_(self.second[1].weight)  # starts as the identity
        self.gate = None
        if gated:
            self.gate = nn.Sequential(
                nn.Linear(width, width // 4), nn.ReLU(), nn.Linear(width // 4, width), nn.Sigmoid()
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.drop(F.relu(self.first(x))))
        if self.gate is not None:
            y = y * self.gate(x.mean(dim=(2, 3)))[:, :, None, None]
        return F.relu(x + y)


class StreetUnet(nn.Module):
    """Lightness (B x 1 x H x W, L / 100 in 0..1) to logits (B x Q x h x w) over ab bins."""

    def __init__(self, centers: Tensor, prior: Tensor, widths=WIDTHS, dropout: float = 0.1):
        super().__init__()
        self.widths = tuple(widths)
        self.register_buffer("centers", centers.float())
        self.register_buffer("prior", prior.float())
        w1, w2, w3, w4 = self.widths
        self.stem = conv(4, w1)
        self.down1 = conv(w1, w2, 2, 2)
        self.down2 = conv(w2, w3, 2, 2)
        self.down3 = conv(w3, w4, 2, 2)
        self.level1 = nn.Sequential(conv(w1, w1), nn.ReLU())
        self.level2 = nn.Sequential(Block(w2, False, 0))
        self.level3 = nn.Sequential(Block(w3, True, dropout), Block(w3, True, dropout))
        self.bottom = nn.Sequential(Block(w4, True, dropout), Block(w4, True, dropout))
        self.up3, self.up2, self.up1 = conv(w4, w3, 1), conv(w3, w2, 1), conv(w2, w1, 1)
        self.merge3 = nn.Sequential(Block(w3, True, dropout))
        self.merge2 = nn.Sequential(Block(w2, False, 0))
        self.merge1 = nn.Sequential(Block(w1, False, 0))
        self.head = nn.Conv2d(w1, len(centers), 1)
        self.to(memory_format=torch.channels_last)

    def forward(self, lightness: Tensor) -> Tensor:
        height, width = lightness.shape[-2:]
        x = F.pad(lightness, (0, -width % 16, 0, -height % 16), mode="replicate")
        x = F.pixel_unshuffle(x * 4 - 2, 2).contiguous(memory_format=torch.channels_last)
        x1 = self.level1(F.relu(self.stem(x)))
        x2 = self.level2(F.relu(self.down1(x1)))
        x3 = self.level3(F.relu(self.down2(x2)))
        y = self.bottom(F.relu(self.down3(x3)))
        y = self.merge3(F.relu(x3 + enlarge(self.up3(y))))
        y = self.merge2(F.relu(x2 + enlarge(self.up2(y))))
        y = self.merge1(F.relu(x1 + enlarge(self.up1(y))))
        return self.head(y)[..., : (height + 1) // 2, : (width + 1) // 2]


def enlarge(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


@dataclass(frozen=True)
class OperatingPoint:
    """How logits become a color.

    temperature: of the annealed mean; 1 is the mean, smaller goes to the most likely bin.
    rebalance: 0 reads the plain posterior, 1 the one in which rare bins are weighted up.
    gain: what ab is multiplied by in the end.
    """

    temperature: float = 1.0
    rebalance: float = 0.0
    gain: float = 1.0


@torch.inference_mode()
def posterior(model: StreetUnet, lightness: Tensor) -> Tensor:
    """Log probabilities (B x Q x h x w) of the bins for lightness (B x 1 x H x W, 0..1).

    Raises ValueError for another shape or for a lightness that is not in 0..1.
    """
    if lightness.ndim != 4 or lightness.shape[1] != 1 or 0 in lightness.shape:
        raise ValueError(f"lightness must be B x 1 x H x W, not {tuple(lightness.shape)}")
    if not lightness.is_floating_point() or lightness.amin() < 0 or lightness.amax() > 1:
        raise ValueError("lightness must be floats in 0..1: divide L by 100")
    return torch.log_softmax(model(lightness), dim=1)


def ab_at_half(model: StreetUnet, logs: Tensor, point: OperatingPoint) -> Tensor:
    """ab (B x 2 x h x w) that an operating point reads from log probabilities."""
    weights = bins.class_weights(model.prior).log()[:, None, None]
    mean = bins.annealed_mean(logs + point.rebalance * weights, model.centers, point.temperature)
    return mean * point.gain


def halve(ab: Tensor) -> Tensor:
    """Stored ab (N x H x W x 2) to ab units at half size (N x 2 x h x w), averaged 2 x 2."""
    return F.avg_pool2d(ab.permute(0, 3, 1, 2).float() - 128, 2, ceil_mode=True)


def to_size(x: Tensor, height: int, width: int) -> Tensor:
    """Bilinear enlargement by 2 of B x C x h x w, cut to H x W."""
    full = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    return full[..., :height, :width]


@torch.inference_mode()
def predict(
    model: StreetUnet, lightness: Tensor, point: OperatingPoint | None = None
) -> tuple[Tensor, Tensor]:
    """ab (B x 2 x H x W, ab units) and entropy (B x H x W, bits) for lightness in 0..1.

    The entropy is that of the plain posterior, whatever the operating point. The model should
    be in evaluation mode, as `load` returns it.
    """
    point = point or OperatingPoint()
    size = lightness.shape[-2:]
    logs = posterior(model, lightness)
    unsure = bins.entropy(logs)[:, None]
    return to_size(ab_at_half(model, logs, point), *size), to_size(unsure, *size)[:, 0]


def save(path: str | Path, model: StreetUnet, meta: dict, points: dict[str, OperatingPoint]):
    """Write weights, what is known about them (JSON values) and the named operating points.

    Kernels are stored as float16, which halves the file and moves ab by about 0.01 units.
    """
    state = {k: v for k, v in model.state_dict().items() if not k.endswith("batches_tracked")}
    state = {k: v.detach().cpu().contiguous() for k, v in state.items()}
    small = {k: v.half() if v.ndim > 1 and k != "centers" else v for k, v in state.items()}
    points = {name: asdict(point) for name, point in points.items()}
    about = {"widths": model.widths, "operating_points": points, "meta": meta}
    with paths.whole(path) as part:
        save_file(small, part, {"format": FORMAT, "about": json.dumps(about)})


def load(
    path: str | Path, device: str | torch.device = "cpu"
) -> tuple[StreetUnet, dict, dict[str, OperatingPoint]]:
    """The model in evaluation mode, its meta and its operating points, from `save`'s file.

    safetensors holds numbers and text alone, so that nothing in the file is ever executed.
    Raises FileNotFoundError, or ValueError for a file that is cut off, pickled, of another
    kind, or whose arrays do not have the shapes of this network.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}: give a file that helpers.fit_unet wrote")
    try:
        with safetensors.safe_open(path, "pt") as file:
            header = file.metadata() or {}
            state = {name: file.get_tensor(name).float() for name in file.keys()}
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(
            f"{path} is no whole safetensors file (cut off, or pickled?); none of it was run. "
            "Restore it, or make it again with python -m helpers.fit_unet"
        ) from error
    try:
        if header["format"] != FORMAT:
            raise KeyError("format")
        about = json.loads(header["about"])
        points = {k: OperatingPoint(**v) for k, v in about["operating_points"].items()}
        if not all(math.isfinite(p.gain) and p.temperature > 0 for p in points.values()):
            raise ValueError("operating points")
        model = StreetUnet(state["centers"], state["prior"], about["widths"])
        meta = about["meta"]
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise ValueError(f"{path} does not hold weights of street_unet ({FORMAT})") from error
    wanted = {k: v for k, v in model.state_dict().items() if not k.endswith("batches_tracked")}
    for name in wanted.keys() | state.keys():
        found = tuple(state[name].shape) if name in state else "nothing"
        needed = tuple(wanted[name].shape) if name in wanted else "nothing"
        if found != needed:
            raise ValueError(f"{path}: {name} is {found}, but street_unet needs {needed}")
        if not state[name].isfinite().all():
            raise ValueError(f"{path}: {name} holds values that are no numbers: train again")
    if state["centers"].shape != (len(state["prior"]), 2):
        raise ValueError(f"{path}: centers and prior do not belong to the same bins")
    model.load_state_dict(state, strict=False)
    return model.eval().to(device), meta, points
