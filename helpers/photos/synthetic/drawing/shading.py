"""From surfaces to a picture: light, shadow, grain of materials, haze and the camera's film."""

import numpy as np
from PIL import Image

from .camera import HEIGHT, WIDTH
from .canvas import Canvas
from .materials import film, grains, stains
from .weather import SKY_STEP, Weather

BAND = 64  # rows at a time, so that the work stays in the processor's cache
PROFILE_STEP = 0.5  # meters between heights of a roof line


def shade(canvas: Canvas, weather: Weather, roofs, rng: np.random.Generator):
    """The picture (HEIGHT x WIDTH x 3, uint8) and the class of each pixel (HEIGHT x WIDTH, uint8).

    `roofs` is (x, start, left, right): the building lines are at -x and +x, and the heights of
    the roofs along them (1-D arrays, a value each `PROFILE_STEP` from z = `start`) cast shadows.
    """
    table = np.array(canvas.surfaces, np.float32)
    gray = table[:, :3] @ np.array([0.3, 0.59, 0.11], np.float32)
    colors = gray + (table[:, :3].T - gray) * np.float32(weather.saturation)
    numbers, shadow = canvas.pictures()
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    top, left = rng.integers(0, 500, 2)
    grain = film()[:, top : top + HEIGHT, left : left + WIDTH]
    for first in range(0, HEIGHT, BAND):
        rows = slice(first, min(first + BAND, HEIGHT))
        number = numbers[rows]
        if not number.any():  # sky alone
            continue
        corner = number[::2, ::2]
        gains, hazes = _light(canvas, weather, roofs, table, corner, shadow[rows][::2, ::2], first)
        # Most pixels show the surface of their corner; the others are worked out one by one.
        others = np.flatnonzero(number != _double(corner, number.shape))
        y, x = np.divmod(others, WIDTH)
        own, at = number.take(others), y // 2 * corner.shape[1] + x // 2
        for c in range(3):
            value = _double(_lit(colors[c].take(corner), gains[c], hazes[c]), number.shape)
            value.put(others, _lit(colors[c].take(own), gains[c].take(at), hazes[c].take(at)))
            value += grain[c, rows]
            np.clip(value, 0, 255, out=value)
            picture[rows, :, c] = value
    is_sky = numbers == 0  # and no sky is worked out below the last row that shows some
    height = np.flatnonzero(is_sky.any(axis=1)).max(initial=0) + 1
    sky = _sky(canvas, weather, height)
    for c in range(3):  # one by one: many times as fast as together
        np.copyto(picture[:height, :, c], sky[..., c], where=is_sky[:height])
    return picture, table[:, 3].astype(np.uint8).take(numbers)


def _lit(color, gain, haze) -> np.ndarray:
    """Colors (float32, changed in place) in light and haze, rounded to float32 after each."""
    color *= gain
    color += haze
    return color


def _light(canvas, weather, roofs, table, number, shadow, first) -> tuple[list, list]:
    """For the surfaces in every second pixel of a band from row `first`: what their red, green and
    blue are multiplied by (light, grain, haze), and what haze adds to them."""
    camera = canvas.camera
    p, q, s, ground, lit, tile, pixels, reach, ux, uz = table.T[4:14].take(number, axis=1)
    y = first + 2 * np.arange(number.shape[0])
    x = 2 * np.arange(number.shape[1])
    right = ((x - WIDTH / 2) / camera.focal).astype(np.float32)[None]
    up = ((HEIGHT / 2 - y) / camera.focal).astype(np.float32)[:, None]
    depth = 1 / np.maximum(p * right + q * up + s, np.float32(1e-4))
    x, h, z = (r * depth + np.float32(c) for r, c in zip(camera.rays(x, y), camera.position))
    if weather.sunlight.max() > 0:
        lit = lit * _in_sun(x, h, z, weather.sun, roofs)
        lit *= 1 - ground * shadow * np.float32(1 / 255)
    u = ((x * ux + z * uz) * pixels).astype(np.int32)
    v = ((h + ground * (z - h)) * pixels).astype(np.int32)
    fine = grains().take(tile.astype(np.int32) + ((v & 255) << 8) + (u & 255))
    coarse = stains().take(((v >> 4 & 255) << 8) + (u >> 4 & 255))
    texture = 1 + fine * (1.3 * reach / (reach + depth)) + np.float32(0.035) * coarse
    far = depth / (depth + np.float32(weather.haze))
    texture *= (1 - far) * (1 - np.float32(weather.vignette) * right * right)
    gains, hazes = [], []
    for c in range(3):
        balance = np.float32(weather.balance[c])
        gains.append(
            texture * (weather.ambient[c] * balance + lit * (weather.sunlight[c] * balance))
        )
        hazes.append(far * (weather.horizon[c] * balance))
    return gains, hazes


def _double(field: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Each value of a field (h x w) for two rows and two columns, cut to `shape`."""
    doubled = np.empty(shape, field.dtype)
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        part = doubled[i::2, j::2]
        part[...] = field[: part.shape[0], : part.shape[1]]
    return doubled


def _sky(canvas: Canvas, weather: Weather, height: int) -> np.ndarray:
    """The upper `height` rows of the sky, whatever stands before it: height x WIDTH x 3, uint8."""
    small = weather.sky(canvas.camera, height) * weather.balance
    box = (0.5, 0.5, 0.5 + WIDTH / SKY_STEP, 0.5 + height / SKY_STEP)
    image = Image.fromarray(np.clip(small, 0, 255).astype(np.uint8))
    return np.asarray(image.resize((WIDTH, height), Image.Resampling.BILINEAR, box))


def _in_sun(x, y, z, sun, roofs) -> np.ndarray:
    """How much of the sun (0..1) a point sees over the roofs on the sun's side of the street."""
    line, start, left, right = roofs
    heights = right if sun[0] > 0 else left
    sun = sun.astype(np.float32)
    across = np.float32(sun[0]) if abs(sun[0]) > 0.05 else np.float32(np.copysign(0.05, sun[0]))
    way = np.maximum((np.float32(np.copysign(line, across)) - x) / across, 0)
    index = ((z + way * sun[2] - np.float32(start)) * np.float32(1 / PROFILE_STEP)).astype(np.int32)
    roof = heights.take(index, mode="clip")
    return np.clip((y + way * sun[1] - roof) * np.float32(1.5), 0, 1)
