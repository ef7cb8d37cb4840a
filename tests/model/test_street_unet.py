"""The network takes pictures of any size, and a file of weights is checked before it is used."""

import json
import os
import pickle
import random

import memory
import numpy as np
import pytest
import safetensors
import torch
from safetensors.torch import load_file, save_file

from helpers import paths
from helpers.model import bins, efficientnet, street_unet
from helpers.model.predict import predict
from helpers.model.street_unet import OperatingPoint, StreetUnet

CENTERS = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 20.0], [-10.0, -30.0]])
PRIOR = torch.tensor([0.7, 0.1, 0.1, 0.1])
POINTS = {"street_unet": OperatingPoint(0.5, 1.0, 1.2)}


@pytest.fixture
def model():
    torch.manual_seed(0)
    return StreetUnet(CENTERS, PRIOR, widths=(8, 8, 8, 8)).eval()


@pytest.fixture
def weights(model, tmp_path):
    path = tmp_path / "weights.safetensors"
    street_unet.save(path, model, {"training_mean_ab": [1.0, 2.0]}, POINTS)
    return path


def rewritten(weights, arrays=None, about=None, **header):
    """The file of weights again, with other arrays, other things said about them, or both."""
    with safetensors.safe_open(weights, "pt") as file:
        old = file.metadata()
    about = json.loads(old["about"]) | (about or {})
    about = {name: value for name, value in about.items() if value is not None}
    header = {"format": old["format"], "about": json.dumps(about)} | header
    save_file(arrays or load_file(weights), weights, header)


@pytest.mark.parametrize("size", [(88, 112), (1, 1), (17, 33), (50, 97)])
def test_logits_are_half_the_size_and_colors_the_size_of_any_picture(model, size):
    half = tuple((n + 1) // 2 for n in size)
    logs = street_unet.posterior(model, torch.rand(2, 1, *size))
    assert logs.shape == (2, 4, *half)
    assert torch.allclose(logs.exp().sum(dim=1), torch.ones(2, *half), atol=1e-5)
    ab = street_unet.ab_at_half(model, logs, OperatingPoint())
    assert street_unet.to_size(ab, *size).shape == (2, 2, *size)


def test_the_color_follows_the_whole_picture(model):
    """A change half the picture away, beyond the reach of the decoder, has an effect."""
    model.encoder.load_state_dict(efficientnet.pretrained("lite0").encoder.state_dict())
    dark, light = torch.full((2, 1, 1, 32, 256), 0.3)
    light[..., 160:] = 1
    assert not torch.equal(model(dark)[..., :8], model(light)[..., :8])


def test_certainty_is_the_share_by_which_the_mean_color_lowers_the_error_of_gray(model):
    logs = torch.log_softmax(3 * torch.randn(2, 4, 3, 5), dim=1)
    for picture, found in zip(logs.exp(), street_unet.certainty(model, logs)):
        shares = picture.flatten(1).T  # pixels x bins
        gray = (shares @ CENTERS.square().sum(1)).sum()
        mean = shares @ CENTERS
        wrong = sum((s * (CENTERS - m).square().sum(1)).sum() for s, m in zip(shares, mean))
        assert found.item() == pytest.approx(1 - (wrong / gray).item(), abs=1e-4)


def test_an_operating_point_is_what_its_formula_says(model):
    logs = torch.log_softmax(torch.randn(1, 4, 3, 5), dim=1)
    point = OperatingPoint(temperature=0.6, rebalance=0.7, gain=1.3)
    weights = bins.class_weights(PRIOR)[None, :, None, None]
    shares = (logs.exp() * weights**0.7) ** (1 / 0.6)
    shares = shares / shares.sum(dim=1, keepdim=True)
    expected = 1.3 * torch.einsum("bqhw,qc->bchw", shares, CENTERS)
    assert torch.allclose(street_unet.ab_at_half(model, logs, point), expected, atol=1e-4)


def test_chroma_at_half_size_is_the_mean_of_two_by_two_pixels():
    stored = torch.randint(0, 256, (2, 5, 6, 2), dtype=torch.uint8)
    half = street_unet.halve(stored)
    assert half.shape == (2, 2, 3, 3)
    pixels = stored.float() - 128
    assert torch.allclose(half[1, :, 1, 2], pixels[1, 2:4, 4:6].mean(dim=(0, 1)))
    assert torch.allclose(half[0, :, 2, 0], pixels[0, 4, 0:2].mean(dim=0))


@pytest.mark.parametrize(
    "lightness",
    [
        torch.rand(1, 3, 8, 8),
        torch.rand(8, 8),
        torch.zeros(1, 1, 0, 8),
        100 * torch.ones(1, 1, 8, 8),
    ],
)
def test_lightness_of_another_shape_or_scale_is_refused(model, lightness):
    with pytest.raises(ValueError, match="lightness must be"):
        street_unet.posterior(model, lightness)


def test_what_is_saved_comes_back(model, weights):
    loaded, meta, points = street_unet.load(weights)
    assert meta == {"training_mean_ab": [1.0, 2.0]}
    assert points == POINTS
    assert not loaded.training
    lightness = np.random.default_rng(0).integers(0, 256, (2, 40, 24), dtype=np.uint8)
    np.testing.assert_allclose(predict(loaded, lightness), predict(model, lightness), atol=0.05)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        street_unet.load(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_a_truncated_file_is_refused(weights, share):
    whole = weights.read_bytes()
    weights.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match="not a complete safetensors file"):
        street_unet.load(weights)


def test_bytes_that_are_not_weights_are_refused(tmp_path):
    path = tmp_path / "noise.safetensors"
    path.write_bytes(random.Random(0).randbytes(4096))
    with pytest.raises(ValueError, match="not a complete safetensors file"):
        street_unet.load(path)


class Trap:
    """Unpickling it would leave a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("write", [pickle.dump, torch.save])
def test_a_pickled_file_is_refused_and_never_run(tmp_path, write):
    path, left = tmp_path / "evil.safetensors", tmp_path / "executed"
    with path.open("wb") as file:
        write(Trap(left), file)
    with pytest.raises(ValueError, match="not a complete safetensors file"):
        street_unet.load(path)
    assert not left.exists()


def test_other_safetensors_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match="does not hold weights of street_unet"):
        street_unet.load(path)


def test_weights_of_a_wrong_shape_are_named(weights):
    rewritten(weights, load_file(weights) | {"head.bias": torch.zeros(7)})
    with pytest.raises(ValueError, match=r"head\.bias is \(7,\), but street_unet needs \(4,\)"):
        street_unet.load(weights)


def test_weights_with_a_part_missing_are_named(weights):
    arrays = load_file(weights)
    del arrays["head.bias"]
    rewritten(weights, arrays)
    with pytest.raises(ValueError, match=r"head\.bias is nothing"):
        street_unet.load(weights)


@pytest.mark.parametrize(
    "about",
    [
        {"meta": None},
        {"meta": ["a", "list"]},
        {"widths": [8, 8, 8]},
        {"widths": "wide"},
        {"widths": [-8, 8, 8, 8]},
        {"operating_points": []},
        {"operating_points": {"a": {"temperature": "warm"}}},
        {"operating_points": {"a": {"temperature": 0}}},
        {"operating_points": {"a": {"gain": float("nan")}}},
        {"operating_points": {"a": {"gain": 10**400}}},
        {"operating_points": {"a": {"rebalance": float("inf")}}},
    ],
)
def test_a_file_that_describes_its_weights_wrongly_is_refused(weights, about):
    rewritten(weights, about=about)
    with pytest.raises(ValueError, match="does not hold weights of street_unet"):
        street_unet.load(weights)


@memory.needs_linux
@pytest.mark.parametrize("widths", [[20_000] * 4, [1024] * 4, [10**12] * 4])
def test_a_file_that_claims_absurd_widths_is_refused_without_taking_the_memory(weights, widths):
    rewritten(weights, about={"widths": widths})

    def refused():
        with pytest.raises(ValueError, match=r"weights\.safetensors"):
            street_unet.load(weights)

    assert memory.taken(refused) < 100e6


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("prior", lambda x: x[:-1]),
        ("prior", lambda x: x.sum()),
        ("centers", lambda x: x.repeat(1, 2)[:, :3]),
        ("head.bias", lambda x: x * float("nan")),
    ],
)
def test_arrays_that_do_not_belong_together_or_are_not_finite_are_refused(weights, name, values):
    arrays = load_file(weights)
    arrays[name] = values(arrays[name]).contiguous()
    rewritten(weights, arrays)
    with pytest.raises(ValueError, match=r"weights\.safetensors"):
        street_unet.load(weights)


def test_a_flipped_bit_anywhere_is_refused_or_changes_nothing(weights):
    model, meta, points = street_unet.load(weights)
    whole, rng = weights.read_bytes(), random.Random(0)
    header = 8 + int.from_bytes(whole[:8], "little")
    places = [rng.randrange(header) for _ in range(60)]
    places += [rng.randrange(header, len(whole)) for _ in range(20)]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.randrange(8)
        weights.write_bytes(damaged)
        try:
            again, *about = street_unet.load(weights)
        except ValueError:
            continue
        assert place < header  # the name of the checksum itself, at most
        assert about == [meta, points]
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, again.state_dict()[name])


@pytest.mark.skipif(os.name == "nt", reason="permissions are others there")
def test_whoever_may_read_a_new_file_may_read_weights(weights, tmp_path):
    (tmp_path / "new").touch()
    assert weights.stat().st_mode == (tmp_path / "new").stat().st_mode


def test_a_damaged_file_is_named_as_such(weights):
    damaged = bytearray(weights.read_bytes())
    damaged[-5] ^= 1
    weights.write_bytes(damaged)
    with pytest.raises(ValueError, match="damaged: its checksum"):
        street_unet.load(weights)


def test_the_shipped_weights_load_with_both_operating_points():
    model, meta, points = street_unet.load(paths.SHIPPED)
    assert {"street_unet", "street_unet_accurate"} <= points.keys()
    assert isinstance(meta, dict)
    assert len(model.centers) == len(model.prior)
