"""Arrays in, arrays out: lightness, sizes and types are kept, and wrong input is refused."""

import numpy as np
import pytest
import torch
from colorizer_samples import CENTERS, PRIOR, save_weights, scene
from photo_samples import photo
from PIL import Image
from skimage.color import lab2rgb, rgb2lab

from helpers.colorize import Colorizer, coloring
from helpers.colorize.coloring import network_size
from helpers.model import street_unet
from helpers.model.street_unet import OperatingPoint


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save_weights(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture(scope="module")
def colorizer(weights):
    return Colorizer.load(weights, device="cpu")


def chroma(rgb):
    return np.hypot(*np.moveaxis(rgb2lab(rgb)[..., 1:], -1, 0))


def lightness(picture):
    return rgb2lab(np.stack([picture] * 3, axis=-1) if picture.ndim == 2 else picture)[..., 0]


@pytest.mark.parametrize("size", [(90, 120), (300, 424), (1, 1), (7, 300), (300, 8), (40, 30)])
def test_every_pixel_keeps_its_lightness(colorizer, size):
    gray = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    rgb = colorizer.colorize(gray)
    assert rgb.shape == (*size, 3) and rgb.dtype == np.uint8
    # Half a step of each channel, at the dark end, where steps of L are largest.
    assert np.abs(lightness(rgb) - lightness(gray)).max() < 0.25


def test_a_picture_gets_color(colorizer):
    assert chroma(colorizer.colorize(scene())).mean() > 5


def test_floats_give_floats_of_exactly_the_same_lightness(colorizer):
    gray = scene() / 255
    rgb = colorizer.colorize(gray)
    assert rgb.dtype == np.float32 and rgb.min() >= 0 and rgb.max() <= 1
    assert np.abs(lightness(rgb) - lightness(gray)).max() < 1e-3
    assert np.abs(rgb - colorizer.colorize(scene()) / 255).max() < 1.1 / 255


def test_the_color_of_a_color_picture_plays_no_part(colorizer):
    rgb = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    rgb = np.kron(rgb, np.ones((2, 2, 1), np.uint8))
    gray = lab2rgb(rgb2lab(rgb) * [1, 0, 0])[..., 1].clip(0, 1)
    from_gray = colorizer.colorize(gray)
    assert np.abs(colorizer.colorize(rgb) / 255 - from_gray).max() < 2 / 255
    assert np.abs(colorizer.gray_version(rgb) - gray * 255).max() < 0.6


def alike(one, other):
    """Whether the last digit alone differs: PyTorch computes the end of an array another way."""
    assert one.dtype == other.dtype
    if one.dtype != np.uint8:
        return np.allclose(one, other, atol=1e-5)
    steps = np.abs(one.astype(int) - other)
    return steps.max() <= 1 and steps.mean() < 1e-3


def test_three_equal_channels_are_a_gray_picture(colorizer):
    gray = scene()
    assert np.array_equal(
        colorizer.colorize(np.stack([gray] * 3, axis=-1)), colorizer.colorize(gray)
    )


def test_strips_leave_no_trace(colorizer, monkeypatch):
    gray = scene(180, 240)
    scan = np.pad(gray, 20, constant_values=245)
    pictures = gray, scan, scan / 255
    whole = [colorizer.colorize(picture) for picture in pictures]
    monkeypatch.setattr(coloring, "STRIP", 1000)
    for picture, before in zip(pictures, whole):
        assert alike(colorizer.colorize(picture), before)


def test_the_network_sees_as_many_pixels_of_every_picture():
    for size in [(88, 112), (880, 1120), (4000, 6000)]:
        rows, columns = network_size(*size)
        assert rows * columns == pytest.approx(coloring.SEEN, rel=0.01)
        assert rows / columns == pytest.approx(size[0] / size[1], rel=0.01)
        assert np.allclose(network_size(*size, 0.5), [rows / 2, columns / 2], atol=0.51)
    for size in [(1, 1), (1, 100_000), (100_000, 1), (300, 20)]:
        rows, columns = network_size(*size)
        assert min(rows, columns) >= 8 and rows * columns < 1.01 * coloring.SEEN


def test_seen_once_at_that_size_the_colors_are_those_of_the_network(
    colorizer, weights, monkeypatch
):
    """Where nothing has to be shrunk, chroma averaged down is what the network said."""
    monkeypatch.setattr(coloring, "SCALES", (1,))
    monkeypatch.setattr(coloring, "MIRRORED_SCALE", None)
    monkeypatch.setattr(coloring, "SEEN", 88 * 112)
    monkeypatch.setattr(coloring, "UNSURE", 0)
    gray = np.kron(np.random.default_rng(1).integers(60, 200, (11, 14)), np.ones((8, 8)))
    gray = gray.astype(np.uint8)
    model, _, points = street_unet.load(weights)
    seen = torch.from_numpy(lightness(gray)).float()[None, None] / 100
    said = street_unet.ab_at_half(model, street_unet.posterior(model, seen), points["street_unet"])
    fine, *_ = colorizer.predict(gray)
    assert fine.shape[-2:] == (88, 112)
    averaged = torch.nn.functional.avg_pool2d(fine, 2)
    assert (averaged - said).square().mean() < 0.02 * said.square().mean()


class BySize(torch.nn.Module):
    """A network whose distribution over the bins depends only on the size of its input."""

    def __init__(self, shares):
        super().__init__()
        self.shares, self.sizes = iter(shares), []
        self.centers, self.prior = CENTERS, PRIOR

    def forward(self, lightness):
        height, width = lightness.shape[-2:]
        self.sizes.append((height, width))
        logs = torch.tensor(next(self.shares)).log()[None, :, None, None]
        return logs.expand(1, 4, (height + 1) // 2, (width + 1) // 2)


def test_a_color_must_be_likely_at_every_size():
    """The geometric mean over the three sizes, scaled to sum to 1."""
    shares = [[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.4, 0.4, 0.1, 0.1]]
    network = BySize(shares)
    _, bits, _ = Colorizer(network, OperatingPoint(), "cpu").predict(scene(240, 320))
    mean = np.prod(shares, axis=0) ** (1 / 3)
    mean /= mean.sum()
    assert network.sizes == [network_size(240, 320, scale) for scale in coloring.SCALES]
    assert np.allclose(bits, -(mean * np.log2(mean)).sum(), atol=1e-5)


class ByPlace(torch.nn.Module):
    """A network that gives each bin its share of `shares(lightness at half size)`."""

    def __init__(self, shares):
        super().__init__()
        self.shares, self.centers, self.prior = shares, CENTERS, PRIOR

    def forward(self, lightness):
        half = torch.nn.functional.avg_pool2d(lightness, 2, ceil_mode=True)
        likely = self.shares(half[:, 0])
        return torch.stack([likely, 1 - likely, *[torch.full_like(likely, 0.1)] * 2], 1).log()


def test_the_middle_size_is_seen_mirrored_and_its_colors_return_to_their_place(monkeypatch):
    """Colors that follow the picture stay where they are; those that follow the side move."""

    def entropy(shares):
        return Colorizer(ByPlace(shares), OperatingPoint(), "cpu").predict(scene(240, 320))[1]

    def by_light(half):
        return 0.1 + 0.8 * half

    def by_side(half):
        return torch.linspace(0.02, 0.5, half.shape[-1]).expand_as(half)

    followed, lopsided = entropy(by_light), entropy(by_side)
    monkeypatch.setattr(coloring, "MIRRORED_SCALE", None)
    assert (followed - entropy(by_light)).abs().max() < 0.02
    alone = entropy(by_side)
    assert (lopsided[..., 0] - alone[..., 0]).min() > 0.1
    assert (alone[..., -1] - lopsided[..., -1]).min() > 0.1


def test_of_a_picture_that_the_network_is_unsure_of_the_colors_are_not_rebalanced(monkeypatch):
    gray, shares = scene(240, 320), np.array([0.4, 0.3, 0.2, 0.1], np.float32)
    square = (shares[:, None] * CENTERS.numpy() ** 2).sum()
    known = np.square(shares @ CENTERS.numpy()).sum() / square  # what the mean color explains
    colors = {}
    for limit, rebalance in ((known - 0.01, 0.5), (known + 0.01, 0.5), (known + 0.01, 0)):
        monkeypatch.setattr(coloring, "UNSURE", limit)
        colorizer = Colorizer(BySize([shares] * 3), OperatingPoint(rebalance=rebalance), "cpu")
        colors[limit > known, rebalance], _, unsure = colorizer.predict(gray)
        assert unsure == (limit > known)
    mean = colors[True, 0]
    assert torch.equal(colors[True, 0.5], mean) and mean.abs().max() > 1
    assert (colors[False, 0.5] - mean).abs().max() > 0.3


def test_a_picture_that_the_network_is_unsure_of_has_the_colors_of_accurate(weights, monkeypatch):
    gray = scene()
    for options in ({}, {"chroma_gain": 0.5}, {"temperature": 0.2}):
        accurate, *_ = Colorizer.load(weights, "accurate", **options).predict(gray)
        for limit in (0, 2):
            monkeypatch.setattr(coloring, "UNSURE", limit)
            colorful, _, unsure = Colorizer.load(weights, "colorful", **options).predict(gray)
            assert unsure == torch.equal(colorful, accurate) == (limit == 2)


def test_options_do_what_they_say(weights, monkeypatch):
    monkeypatch.setattr(coloring, "UNSURE", 0)
    gray = scene()
    plain, *_ = Colorizer.load(weights).predict(gray)
    doubled, *_ = Colorizer.load(weights, chroma_gain=2).predict(gray)
    assert torch.allclose(doubled, 2 * plain, atol=1e-3)
    none = Colorizer.load(weights, chroma_gain=0).colorize(gray)
    assert np.abs(none.astype(int) - gray[..., None]).max() <= 1
    bold, *_ = Colorizer.load(weights, temperature=0.05).predict(gray)
    meek, *_ = Colorizer.load(weights, temperature=20).predict(gray)
    assert bold.std() > plain.std() > meek.std()
    other = Colorizer.load(weights, model="accurate")
    assert other.point.temperature == 1 and other.point.rebalance == 0


def test_a_border_of_paper_stays_without_color_and_changes_nothing_inside(colorizer):
    gray = scene()
    scan = np.full((120, 150), 245, np.uint8)
    place = slice(12, 102), slice(10, 130)
    scan[place] = gray
    for picture, cut in [(scan, gray), (scan / 255, gray / 255)]:
        colored = colorizer.colorize(picture)
        assert alike(colored[place], colorizer.colorize(cut))
        assert np.abs(lightness(colored) - lightness(picture)).max() < 0.25
        colored[place] = 0
        assert np.ptp(colored, axis=-1).max() < 1e-4
    bits = colorizer.uncertainty(scan)
    assert np.array_equal(bits[place], colorizer.uncertainty(gray))
    bits[place] = 0
    assert not bits.any()


def test_a_faded_print_gets_the_colors_of_a_fresh_one_and_keeps_its_lightness(colorizer):
    fresh = np.kron(scene(), np.ones((4, 4))) * 0.5 + 45
    faded = (fresh * 0.5 + 110).astype(np.uint8)
    fresh_ab, *_ = colorizer.predict(fresh.astype(np.uint8))
    faded_ab, *_ = colorizer.predict(faded)
    assert (faded_ab - fresh_ab).square().mean() < 0.01 * fresh_ab.square().mean()
    assert np.abs(lightness(colorizer.colorize(faded)) - lightness(faded)).max() < 0.25


def test_uncertainty_lies_between_nothing_and_the_logarithm_of_the_bins(colorizer):
    gray = scene(180, 240)
    bits = colorizer.uncertainty(gray)
    assert bits.shape == gray.shape and bits.dtype == np.float32
    assert bits.min() >= 0 and bits.max() <= np.log2(len(CENTERS)) + 1e-5
    assert bits.std() > 0


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (np.zeros((4, 4, 4), np.uint8), "H x W x 3"),
        (np.zeros(4, np.uint8), "H x W x 3"),
        (np.zeros((0, 4), np.uint8), "at least one pixel"),
        (np.zeros((4, 4), np.int32), r"16 bits \(uint16\)"),
        (np.full((4, 4), 200.0), "divide values of 0..255"),
        (np.full((4, 4), -0.1), "0..1"),
        (np.full((4, 4), np.nan), "0..1"),
    ],
)
def test_other_arrays_are_refused_with_a_remedy(colorizer, picture, says):
    with pytest.raises(ValueError, match=says):
        colorizer.colorize(picture)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"model": "grandmother"}, "take one of colorful, accurate"),
        ({"temperature": 0}, "take 0.01 to 1000"),
        ({"temperature": float("nan")}, "take 0.01"),
        ({"temperature": 1e-40}, "take 0.01"),
        ({"chroma_gain": -1}, "take 0 to 1000"),
        ({"chroma_gain": 1e30}, "take 0 to 1000"),
        ({"device": "abacus"}, "take cpu"),
    ],
)
def test_wrong_options_are_refused_with_a_remedy(weights, options, says):
    with pytest.raises(ValueError, match=says):
        Colorizer.load(weights, **options)


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors"):
        Colorizer.load(tmp_path / "none.safetensors")


def test_a_picture_that_cannot_be_written_to_is_colored_and_left_alone(colorizer):
    gray = scene()
    gray.flags.writeable = False
    before = gray.copy()
    colorizer.colorize(gray[::-1, ::-1])
    assert np.array_equal(gray, before)


@pytest.mark.parametrize("kind", [">f4", np.float64, np.longdouble, np.float16])
def test_floats_of_any_kind_give_the_same_colors(colorizer, kind):
    gray = (scene() / 255).astype(np.float32)
    found = colorizer.colorize(gray.astype(kind))
    np.testing.assert_allclose(
        found, colorizer.colorize(gray), atol=0.02 if kind is np.float16 else 0
    )


def test_a_map_of_a_small_copy_has_the_border_of_the_photo(colorizer):
    bits = torch.ones(1, 1, 4, 6)
    found = colorizer.map_of_bits(bits, scene(90, 120), (slice(5, 40), slice(0, 120)))
    assert (found[5:40] == 1).all() and (found[:5] == 0).all() and (found[40:] == 0).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "YCbCr", "HSV", "CMYK", "RGBA", "I;16"])
def test_a_pillow_picture_of_any_mode_gets_the_colors_of_its_rgb(colorizer, mode):
    gray = scene() if mode == "I;16" else np.asarray(photo(1, (120, 90)).convert("L"))
    rgb = Image.fromarray(gray) if mode in ("L", "I;16") else photo(1, (120, 90))
    if mode == "I;16":
        picture = Image.fromarray(gray.astype(np.uint16) * 257)
    else:
        picture = rgb.quantize(256) if mode == "P" else rgb.convert(mode)
    shown = np.asarray(rgb if mode == "I;16" else picture.convert("RGB"))
    found, expected = colorizer.colorize(picture), colorizer.colorize(shown)
    assert np.array_equal(found, expected)
    assert np.abs(lightness(found) - lightness(shown)).max() < 0.5
    assert np.array_equal(colorizer.uncertainty(picture), colorizer.uncertainty(shown))


def test_a_transparent_pillow_picture_is_on_white(colorizer):
    clear = photo(1).convert("RGBA")
    clear.putalpha(0)
    assert (colorizer.colorize(clear) == 255).all()


@pytest.mark.parametrize("mode", ["LAB", "F", "I"])
def test_a_pillow_picture_of_unknown_range_or_meaning_is_refused(colorizer, mode):
    with pytest.raises(ValueError, match=r"LAB|32 bits"):
        colorizer.colorize(Image.new(mode, (30, 20)))
