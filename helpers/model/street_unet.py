"""`StreetUnet`, the network that colors streets, its operating points, and its file of weights.

The network reads lightness and returns, at half size, a distribution over ab bins per pixel. It is
a U-Net (Ronneberger et al., 2015) whose left half is an encoder pretrained on ImageNet
(`efficientnet`): what a tree, a road or a sky is, it knows from 1.3 million photos, and training
here only has to learn what color they have. The right half merges its five sizes of features.

The logits are those of the plain posterior p(bin | lightness). Training gives rare bins larger
weights (`bins.class_weights`), and an `OperatingPoint` sets how much of that weighting a
prediction applies: the mean of softmax((logits + rebalance * log w) / temperature), times gain.

Shapes: B photos, H x W their size (any), h x w = ceil(H / 2) x ceil(W / 2), Q bins.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import paths
from . import bins
from .efficientnet import Conv, Encoder

FORMAT = "streetside-colorization/street_unet/2"
WIDTHS = (32, 48, 64, 128)  # of the decoder, from its largest size to its smallest
WIDEST, MOST_BINS = 1024, 4096  # a file that claims more is refused
MALFORMED = (LookupError, TypeError, ValueError, RuntimeError, AttributeError, ArithmeticError)


class Merge(nn.Module):
    """Features of a smaller size, enlarged, with those of the encoder: to `outputs` channels."""

    def __init__(self, below: int, across: int, outputs: int, dropout: float):
        super().__init__()
        self.layers = nn.Sequential(
            *(Conv(below + across, outputs, 3), nn.ReLU(), nn.Dropout2d(dropout)),
            *(Conv(outputs, outputs, 3), nn.ReLU()),
        )

    def forward(self, below: Tensor, across: Tensor) -> Tensor:
        enlarged = F.interpolate(below, size=across.shape[-2:], mode="nearest")
        return self.layers(torch.cat([enlarged, across], dim=1))


class StreetUnet(nn.Module):
    """Lightness (B x 1 x H x W, L / 100 in 0..1) to logits (B x Q x h x w) over ab bins.

    widths: channels of the decoder at 1/2, 1/4, 1/8 and 1/16 of the size. dropout: share of the
    decoder's channels left out in training.
    """

    def __init__(self, centers: Tensor, prior: Tensor, widths=WIDTHS, dropout: float = 0.1):
        super().__init__()
        self.widths = tuple(widths)
        self.register_buffer("centers", centers.float())
        self.register_buffer("prior", prior.float())
        self.encoder = Encoder("lite0")
        below = [*self.widths[1:], self.encoder.channels[-1]]
        self.merges = nn.ModuleList(
            Merge(*sizes, dropout)
            for sizes in zip(below, self.encoder.channels[:-1], self.widths, strict=True)
        )
        self.head = nn.Conv2d(self.widths[0], len(centers), 1)
        self.to(memory_format=torch.channels_last)

    def forward(self, lightness: Tensor) -> Tensor:
        x = (2 * lightness - 1).expand(-1, 3, -1, -1)
        *features, y = self.encoder(x.contiguous(memory_format=torch.channels_last))
        for merge, across in zip(reversed(self.merges), reversed(features)):
            y = merge(y, across)
        return self.head(y)


@dataclass(frozen=True)
class OperatingPoint:
    """The settings that turn logits into a color.

    temperature: of the annealed mean; 1 is the mean, smaller moves toward the most likely bin.
    rebalance: 0 uses the plain posterior, 1 the posterior in which rare bins have their weights.
    gain: factor on the resulting ab.
    """

    temperature: float = 1.0
    rebalance: float = 0.0
    gain: float = 1.0


@torch.inference_mode()
def posterior(model: StreetUnet, lightness: Tensor) -> Tensor:
    """Log probabilities (B x Q x h x w) of the bins for lightness (B x 1 x H x W, 0..1).

    Raises ValueError for another shape or for lightness outside of 0..1.
    """
    if lightness.ndim != 4 or lightness.shape[1] != 1 or 0 in lightness.shape:
        raise ValueError(f"lightness must be B x 1 x H x W, not {tuple(lightness.shape)}")
    if not lightness.is_floating_point() or lightness.amin() < 0 or lightness.amax() > 1:
        raise ValueError("lightness must be floats in 0..1: divide L by 100")
    return torch.log_softmax(model(lightness), dim=1)


def ab_at_half(model: StreetUnet, logs: Tensor, point: OperatingPoint) -> Tensor:
    """ab (B x 2 x h x w, ab units) at an operating point, from `posterior`'s log probabilities."""
    weights = bins.class_weights(model.prior).log()[:, None, None]
    mean = bins.annealed_mean(logs + point.rebalance * weights, model.centers, point.temperature)
    return mean * point.gain


def certainty(model: StreetUnet, logs: Tensor) -> Tensor:
    """How much the network knows of each picture's color: B numbers from 0 to 1.

    From `posterior`'s log probabilities: the mean color, squared, over the mean square of the
    bins' colors, both averaged over the picture. It is the share by which the mean color is
    expected to lower the squared error of gray: 0 for a guess, 1 where every color is certain.
    """
    mean, square = bins.moments(logs, model.centers)
    return mean.square().sum(dim=1).mean(dim=(1, 2)) / square.mean(dim=(1, 2)).clamp_min(1e-6)


def halve(ab: Tensor) -> Tensor:
    """Stored ab (N x H x W x 2) to ab units at half size (N x 2 x h x w), averaged 2 x 2."""
    return F.avg_pool2d(ab.permute(0, 3, 1, 2).float() - 128, 2, ceil_mode=True)


def to_size(x: Tensor, height: int, width: int) -> Tensor:
    """Bilinear enlargement by 2 of B x C x h x w, cut to H x W."""
    full = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    return full[..., :height, :width]


def save(path: str | Path, model: StreetUnet, meta: dict, points: dict[str, OperatingPoint]):
    """Write weights, `meta` (JSON values), the named operating points and a checksum of all that.

    Kernels are stored as float16, which halves the file and changes ab by about 0.01 units.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in _arrays(model).items()}
    small = {k: v.half() if v.ndim > 1 and k != "centers" else v for k, v in state.items()}
    points = {name: asdict(point) for name, point in points.items()}
    about = json.dumps({"widths": model.widths, "operating_points": points, "meta": meta})
    header = {"format": FORMAT, "about": about, "sha256": _checksum(about, small)}
    with paths.whole(path) as part:
        part.write_bytes(safetensors.torch.save(small, header))  # save_file hides it from others


def load(
    path: str | Path, device: str | torch.device = "cpu"
) -> tuple[StreetUnet, dict, dict[str, OperatingPoint]]:
    """The model in evaluation mode, its meta and its operating points, from a file of `save`.

    A safetensors file holds numbers and text alone, so nothing in it is executed. Names and
    shapes are checked before anything is allocated, the checksum where the file has one.
    Raises FileNotFoundError, or ValueError for a file that is cut off, pickled, damaged, of
    another kind, or whose arrays do not have the shapes of this network.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no weights at {path}: give a file that python -m helpers.training wrote"
        )
    try:
        with safetensors.safe_open(path, "pt") as file:
            header = file.metadata() or {}
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
            widths, meta, points = _about(path, header, shapes)
            stored = {name: file.get_tensor(name) for name in shapes}
    except (safetensors.SafetensorError, OSError, RuntimeError) as error:
        raise ValueError(
            f"{path} is not a complete safetensors file (cut off, or pickled?); nothing in it was "
            "executed. Restore the file, or train again"
        ) from error
    if header.get("sha256", "") not in ("", _checksum(header["about"], stored)):
        raise ValueError(f"{path} is damaged: its checksum does not match. Restore the file")
    state = {name: tensor.float() for name, tensor in stored.items()}
    for name, tensor in state.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{path}: {name} holds values that are not numbers: train again")
    model = StreetUnet(state["centers"], state["prior"], widths)
    model.load_state_dict(state, strict=False)
    return model.eval().to(device), meta, points


def _about(path: Path, header: dict, shapes: dict) -> tuple[list, dict, dict]:
    """Widths, meta and operating points; ValueError unless they and `shapes` fit this network."""
    try:
        about = json.loads(header["about"])
        widths, meta = about["widths"], about["meta"]
        points = {k: OperatingPoint(**v) for k, v in about["operating_points"].items()}
        fine = all(
            math.isfinite(p.gain + p.rebalance) and 0 < p.temperature < math.inf
            for p in points.values()
        )
        count = shapes["prior"][0]
        small = max(widths) <= WIDEST and count <= MOST_BINS
        if header["format"] != FORMAT or not isinstance(meta, dict) or not (fine and small):
            raise ValueError("not from save")
        with torch.device("meta"):  # shapes alone, no memory
            expected = _arrays(StreetUnet(torch.empty(count, 2), torch.empty(count), widths))
    except MALFORMED as error:
        raise ValueError(f"{path} does not hold weights of street_unet ({FORMAT})") from error
    needed = {name: tuple(tensor.shape) for name, tensor in expected.items()}
    for name in sorted(needed.keys() | shapes.keys()):
        if shapes.get(name) != needed.get(name):
            found, wanted = (held.get(name, "nothing") for held in (shapes, needed))
            raise ValueError(f"{path}: {name} is {found}, but street_unet needs {wanted}")
    return widths, meta, points


def _arrays(model: StreetUnet) -> dict[str, Tensor]:
    """What a file of weights holds: the state without counts of batches."""
    return {k: v for k, v in model.state_dict().items() if not k.endswith("batches_tracked")}


def _checksum(about: str, arrays: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(about.encode())
    for name, tensor in sorted(arrays.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
