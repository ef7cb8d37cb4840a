"""Gray, sepia and color photos are recognized; errors are those of scikit-image."""

import numpy as np
import pytest
from colorizer_samples import scene
from photo_samples import photo
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from helpers.colorize import judged


def toned(gray, strength=1.0):
    levels = gray[..., None] / 255
    tint = np.array([1.0, 0.86, 0.65]) ** strength
    return (255 * levels * (tint + (1 - tint) * levels)).clip(0, 255).astype(np.uint8)


def test_gray_sepia_and_color_are_told_apart():
    gray = scene(240, 320)
    assert judged.kind(np.stack([gray] * 3, axis=-1)) == "gray"
    assert judged.kind(toned(gray)) == "toned"
    noise = np.random.default_rng(0).normal(0, 8, (960, 1280, 3))
    scanned = np.kron(toned(gray), np.ones((4, 4, 1))) + noise
    assert judged.kind(scanned.clip(0, 255).astype(np.uint8)) == "toned"
    fading = np.linspace(1, 0.7, 320)[:, None] ** [0, 0.2, 1]
    assert judged.kind((toned(gray) * fading).astype(np.uint8)) == "toned"
    assert judged.kind(np.asarray(photo(1))) == "color"


def test_errors_are_those_of_scikit_image():
    truth, other = (np.asarray(photo(n)) for n in (1, 2))
    assert judged.errors(truth, truth)["delta_e"] == 0
    found = judged.errors(other, truth)
    ab = rgb2lab(truth)[..., 1:]
    assert found["rmse"] == pytest.approx(
        np.sqrt(((rgb2lab(other)[..., 1:] - ab) ** 2).mean()), rel=1e-5
    )
    assert found["rmse_gray"] == pytest.approx(np.sqrt((ab**2).mean()), rel=1e-5)
    lightness = rgb2lab(truth) * [1, 0, 0]
    expected = deltaE_ciede2000(rgb2lab(truth), lightness).mean()
    assert found["delta_e_gray"] == pytest.approx(expected, rel=1e-4)


class Grays:
    """Gives a bright photo its own colors, a dark one half of them."""

    def colorize(self, rgb):
        gray = np.stack([self.gray_version(rgb)] * 3, axis=-1)
        return rgb if rgb.mean() > 100 else (0.5 * rgb + 0.5 * gray).astype(np.uint8)

    def gray_version(self, rgb):
        return np.rint(rgb2lab(rgb)[..., 0] * 2.55).astype(np.uint8)


def test_photos_are_ranked_from_the_best_to_the_worst_relative_to_gray(tmp_path):
    bright, dark = np.asarray(photo(1)) // 2 + 120, np.asarray(photo(2)) // 4
    for name, pixels in (("a", dark), ("b", bright)):
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{name}.png")
    best, worst = judged.ranked(sorted(tmp_path.iterdir()), Grays(), longest=4000)
    assert best.ratio == 0 and (best.colored == bright).all()
    assert 0.2 < worst.ratio < 0.8 and (worst.truth == dark).all()
