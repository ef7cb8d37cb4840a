"""Shading works block by block, and gives what pixel by pixel does."""

import numpy as np
import pytest

from helpers.photos.synthetic import scene
from helpers.photos.synthetic.drawing import shading
from helpers.photos.synthetic.drawing.camera import HEIGHT, WIDTH
from helpers.photos.synthetic.drawing.materials import film


@pytest.mark.parametrize(("place", "view"), [(0, 1), (60, 2)])
def test_every_pixel_has_the_color_of_its_own_surface_in_the_light_of_its_block(
    place, view, monkeypatch
):
    asked = []
    monkeypatch.setattr(scene, "shade", lambda *given: asked.append(given) or _shaded(*given))
    scene.render(place, view)
    canvas, weather, roofs, _ = asked[0]
    ours, classes = shading.shade(canvas, weather, roofs, np.random.default_rng(5))
    expected = _shaded(canvas, weather, roofs, np.random.default_rng(5))
    apart = np.abs(ours.astype(int) - expected[0])  # 64 bits round otherwise than 32, rarely
    assert apart.max() <= 1 and (apart > 0).mean() < 1e-4
    assert np.array_equal(classes, expected[1])


def _shaded(canvas, weather, roofs, rng):
    """The whole picture at once, every pixel gathered by itself."""
    table = np.array(canvas.surfaces, np.float32)
    gray = table[:, :3] @ np.array([0.3, 0.59, 0.11], np.float32)
    colors = gray + (table[:, :3].T - gray) * np.float32(weather.saturation)
    numbers, shadow = canvas.pictures()
    top, left = rng.integers(0, 500, 2)
    light = shading._light(canvas, weather, roofs, table, numbers[::2, ::2], shadow[::2, ::2], 0)
    y, x = np.mgrid[:HEIGHT, :WIDTH] // 2
    gains, hazes = (np.stack(part)[:, y, x] for part in light)
    grain = film()[:, top : top + HEIGHT, left : left + WIDTH]
    picture = np.clip(colors[:, numbers] * gains + hazes + grain, 0, 255).astype(np.uint8)
    sky = shading._sky(canvas, weather, HEIGHT)
    picture = np.where((numbers == 0)[..., None], sky, picture.transpose(1, 2, 0))
    return picture, table[:, 3].astype(np.uint8)[numbers]
