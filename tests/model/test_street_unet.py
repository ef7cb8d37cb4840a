"""The network: shapes at any size, operating points, and files that can be trusted."""

import json
import pickle
import random

import pytest
import safetensors
import torch
from safetensors.torch import load_file, save_file

from helpers.model import bins, street_unet
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


@pytest.mark.parametrize("size", [(88, 112), (1, 1), (17, 33), (50, 97)])
def test_logits_are_half_the_size_and_colors_the_size_of_any_picture(model, size):
    lightness = torch.rand(2, 1, *size)
    half = tuple((n + 1) // 2 for n in size)
    assert model(lightness).shape == (2, 4, *half)
    ab, entropy = street_unet.predict(model, lightness)
    assert ab.shape == (2, 2, *size)
    assert entropy.shape == (2, *size)


def test_what_is_padded_does_not_change_a_picture_that_fits(model):
    lightness = torch.rand(1, 1, 32, 48)
    tall = torch.cat([lightness, lightness[:, :, -1:].expand(-1, -1, 5, -1)], dim=2)
    grown = torch.cat([tall, tall[:, :, -1:].expand(-1, -1, 11, -1)], dim=2)
    assert torch.allclose(model(tall), model(grown)[:, :, :19], atol=1e-5)


def test_the_color_follows_the_whole_picture(model):
    """Half the picture away, beyond the convolutions' reach, light still counts."""
    with torch.no_grad():
        for block in model.bottom:
            block.second[1].weight.fill_(1)
    dark, light = torch.full((2, 1, 1, 16, 512), 0.3)
    light[..., 400:] = 1
    assert not torch.equal(model(dark)[..., :8], model(light)[..., :8])


def test_an_operating_point_is_what_its_formula_says(model):
    logs = torch.log_softmax(torch.randn(1, 4, 3, 5), dim=1)
    point = OperatingPoint(temperature=0.6, rebalance=0.7, gain=1.3)
    weights = bins.class_weights(PRIOR)[None, :, None, None]
    shares = (logs.exp() * weights**0.7) ** (1 / 0.6)
    shares = shares / shares.sum(dim=1, keepdim=True)
    expected = 1.3 * torch.einsum("bqhw,qc->bchw", shares, CENTERS)
    assert torch.allclose(street_unet.ab_at_half(model, logs, point), expected, atol=1e-4)


def test_entropy_does_not_depend_on_the_operating_point(model):
    lightness = torch.rand(1, 1, 16, 16)
    _, plain = street_unet.predict(model, lightness)
    _, vivid = street_unet.predict(model, lightness, OperatingPoint(0.3, 1.5, 2.0))
    assert torch.equal(plain, vivid)


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
        street_unet.predict(model, lightness)


def test_what_is_saved_comes_back(model, weights):
    loaded, meta, points = street_unet.load(weights)
    assert meta == {"training_mean_ab": [1.0, 2.0]}
    assert points == POINTS
    assert not loaded.training
    lightness = torch.rand(1, 1, 40, 24)
    ab, _ = street_unet.predict(model, lightness)
    again, _ = street_unet.predict(loaded, lightness)
    assert torch.allclose(ab, again, atol=0.05)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        street_unet.load(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_a_truncated_file_is_refused(weights, share):
    whole = weights.read_bytes()
    weights.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match="no whole safetensors file"):
        street_unet.load(weights)


def test_bytes_that_are_not_weights_are_refused(tmp_path):
    path = tmp_path / "noise.safetensors"
    path.write_bytes(random.Random(0).randbytes(4096))
    with pytest.raises(ValueError, match="no whole safetensors file"):
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
    with pytest.raises(ValueError, match="no whole safetensors file"):
        street_unet.load(path)
    assert not left.exists()


def test_other_safetensors_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match="does not hold weights of street_unet"):
        street_unet.load(path)


def test_weights_of_a_wrong_shape_are_named(weights):
    with street_unet.safetensors.safe_open(weights, "pt") as file:
        header = file.metadata()
    arrays = load_file(weights)
    arrays["head.bias"] = torch.zeros(7)
    save_file(arrays, weights, header)
    with pytest.raises(ValueError, match=r"head\.bias is \(7,\), but street_unet needs \(4,\)"):
        street_unet.load(weights)


def test_weights_with_a_part_missing_are_named(weights):
    with street_unet.safetensors.safe_open(weights, "pt") as file:
        header = file.metadata()
    arrays = load_file(weights)
    del arrays["head.bias"]
    save_file(arrays, weights, header)
    with pytest.raises(ValueError, match=r"head\.bias is nothing"):
        street_unet.load(weights)


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ({"meta": None}, "does not hold weights of street_unet"),
        ({"operating_points": []}, "does not hold weights of street_unet"),
        ({"operating_points": {"a": {"temperature": "warm"}}}, "does not hold weights"),
        ({"operating_points": {"a": {"temperature": 0}}}, "does not hold weights"),
        ({"operating_points": {"a": {"gain": float("nan")}}}, "does not hold weights"),
    ],
)
def test_what_is_wrong_about_weights_is_told_in_a_sentence(weights, about, says):
    with safetensors.safe_open(weights, "pt") as file:
        header, state = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}
    changed = json.loads(header["about"]) | about
    changed = {name: value for name, value in changed.items() if value is not None}
    save_file(state, weights, header | {"about": json.dumps(changed)})
    with pytest.raises(ValueError, match=says):
        street_unet.load(weights)


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("prior", lambda x: x[:-1], "prior"),
        ("centers", lambda x: x.repeat(1, 2)[:, :3], "same bins|centers"),
        ("head.bias", lambda x: x * float("nan"), "no numbers"),
    ],
)
def test_bins_that_do_not_belong_together_and_values_that_are_none_are_named(
    weights, name, values, says
):
    with safetensors.safe_open(weights, "pt") as file:
        header, state = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}
    state[name] = values(state[name]).contiguous()
    save_file(state, weights, header)
    with pytest.raises(ValueError, match=says):
        street_unet.load(weights)
