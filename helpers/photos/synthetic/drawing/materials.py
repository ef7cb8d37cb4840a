"""What things are made of: their classes, usual colors, and the grain of their surfaces."""

from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

CLASSES = (
    "sky", "road", "sidewalk", "brick", "stone", "plaster", "glass",
    "leaf", "car", "person", "awning", "other", "none",
)  # fmt: skip
CLASS_ID = {name: i for i, name in enumerate(CLASSES)}

# sRGB, from the usual to the rare. Several of a kind are about equally light, so that
# their color does not follow from their lightness.
COLORS = {
    "brick": [(138, 78, 60), (118, 62, 52), (160, 98, 72), (176, 148, 106), (108, 78, 64),
              (146, 140, 134), (186, 178, 166), (128, 92, 74), (150, 84, 70), (96, 100, 96)],
    "stone": [(186, 174, 150), (142, 140, 136), (112, 84, 70), (204, 196, 182), (160, 148, 126),
              (122, 124, 128), (172, 160, 148)],
    "plaster": [(208, 196, 166), (214, 208, 198), (176, 168, 156), (186, 152, 132), (150, 160, 168),
                (206, 186, 132), (148, 146, 142), (170, 178, 156), (132, 96, 82)],
    "tower": [(78, 92, 104), (104, 108, 108), (58, 72, 84), (128, 122, 112), (92, 112, 118)],
    "paint": [(28, 29, 32), (205, 206, 206), (150, 153, 156), (92, 95, 99), (235, 234, 230),
              (44, 48, 58), (104, 34, 34), (38, 58, 100), (122, 112, 96), (40, 70, 58),
              (138, 48, 42), (66, 96, 136), (172, 156, 118)],
    "vivid": [(154, 44, 44), (34, 72, 134), (30, 100, 72), (20, 20, 24), (236, 232, 224),
              (212, 172, 62), (186, 96, 48), (104, 40, 62), (48, 118, 144), (92, 62, 112)],
    "clothes": [(30, 32, 40), (60, 64, 72), (200, 198, 194), (40, 52, 86), (132, 36, 42),
                (96, 84, 68), (70, 96, 70), (168, 120, 90), (190, 60, 80), (120, 130, 150)],
    "skin": [(222, 180, 150), (190, 140, 108), (140, 96, 70), (92, 62, 48)],
}  # fmt: skip
TAXI = (226, 166, 22)

SIZE = 256  # of a tile, in pixels; tiles wrap around
# name: pixels a meter, strength, and the distance in meters over which the grain is resolved
GRAINS = {
    "plain": (16, 0.0, 1.0),
    "brick": (64, 1.0, 26.0),
    "stone": (40, 1.0, 40.0),
    "plaster": (24, 1.0, 50.0),
    "asphalt": (48, 1.0, 22.0),
    "slabs": (40, 1.0, 40.0),
    "leaf": (44, 1.0, 60.0),
    "glass": (28, 1.0, 80.0),
    "tower": (18, 1.0, 1e4),
    "paint": (30, 1.0, 40.0),
}
GRAIN_ID = {name: i for i, name in enumerate(GRAINS)}


def noise(rng: np.random.Generator, size: int, scales: tuple[float, ...]) -> np.ndarray:
    """Wrapping noise, size x size, mean 0 and deviation 1: an equal part of each blur width."""
    total = np.zeros((size, size))
    for scale in scales:
        layer = gaussian_filter(rng.standard_normal((size, size)), scale, mode="wrap")
        total += layer / layer.std()
    return ((total - total.mean()) / total.std()).astype(np.float32)


def _blocks(rng, rows: int, columns: int, spread: float, joint: float, depth: float):
    """Courses of blocks, each of its own lightness, with darker or lighter joints."""
    y, x = np.mgrid[:SIZE, :SIZE] * np.array([rows, columns])[:, None, None] / SIZE
    row = y.astype(int)
    x = x + 0.5 * (row % 2)
    gain = spread * rng.standard_normal((rows, columns))[row, x.astype(int) % columns]
    return np.where((y % 1 < joint) | (x % 1 < joint * columns / rows * 1.2), depth, gain)


@cache
def grains() -> np.ndarray:
    """The tiles of `GRAINS` in order, each SIZE x SIZE gains about 0, as one flat float32 array."""
    rng = np.random.default_rng(20100)
    fine, coarse = noise(rng, SIZE, (0.6, 2)), noise(rng, SIZE, (4, 16))
    y, x = np.mgrid[:SIZE, :SIZE]
    tiles = {
        "plain": 0 * fine,
        "brick": _blocks(rng, 60, 20, 0.13, 0.16, 0.12) + 0.03 * fine,
        "stone": _blocks(rng, 16, 8, 0.05, 0.05, -0.3) + 0.05 * fine + 0.05 * coarse,
        "plaster": 0.03 * fine + 0.07 * coarse,
        "asphalt": 0.05 * fine + 0.025 * coarse,
        "slabs": np.where((y % 64 < 2) | (x % 64 < 2), -0.2, 0.03 * fine + 0.04 * coarse),
        "leaf": 0.30 * noise(rng, SIZE, (1.2, 3)) + 0.1 * coarse,
        "glass": 0.16 * noise(rng, SIZE, (8, 24)),
        "tower": np.where((y % 64 > 22) & (x % 32 > 9), -0.45, 0.05)
        + 0.12 * noise(rng, SIZE, (6, 12)),
        "paint": 0.03 * coarse,
    }
    return np.concatenate([np.ravel(tiles[name]) for name in GRAINS]).astype(np.float32)


@cache
def stains() -> np.ndarray:
    """Wrapping noise of many scales, SIZE x SIZE, flat, mean 0 and deviation 1."""
    return noise(np.random.default_rng(20101), SIZE, (2, 6, 16, 32)).ravel()


@cache
def film() -> np.ndarray:
    """Grain of a camera: 3 x 1536 x 1792 steps of 8 bits about 0, finer in light than in color."""
    rng = np.random.default_rng(20102)
    light = gaussian_filter(rng.standard_normal((1536, 1792), dtype=np.float32), 0.6)
    color = gaussian_filter(rng.standard_normal((3, 192, 224), dtype=np.float32), (0, 1.2, 1.2))
    color = zoom(color, (1, 8, 8), order=1)
    grain = 3.2 * light / light.std() + 1.5 * color / color.std()
    return np.rint(grain).astype(np.int8)


def pick(rng: np.random.Generator, kind: str, spread: float = 3.5) -> tuple[float, float, float]:
    """A color of that kind, sRGB 0..255, the usual ones more often than the rare."""
    colors = COLORS[kind]
    weights = 1 / (2.0 + np.arange(len(colors)))
    color = np.array(colors[rng.choice(len(colors), p=weights / weights.sum())], float)
    color = color * rng.normal(1, 0.12) + rng.normal(0, spread, 3)
    return tuple(color.clip(6, 250))
