"""Trees, hedges and lawns."""

import numpy as np

from ..drawing.camera import NEAR
from ..drawing.canvas import UP, Canvas
from ..street import Lot, Street, Thing

LEAVES = {
    "summer": [(92, 112, 44), (104, 122, 52), (80, 104, 50), (116, 124, 58), (92, 104, 60)],
    "spring": [(124, 140, 58), (108, 130, 54), (134, 144, 74), (190, 148, 164), (214, 204, 206)],
    "autumn": [(178, 122, 44), (156, 92, 42), (186, 150, 62), (124, 116, 52), (142, 66, 46)],
    "winter": [(58, 76, 48), (70, 84, 58)],  # of what is evergreen
}
BARK = (78, 68, 58)
LEVELS = np.array([0.38, 0.55, 0.75, 1.0, 1.3])  # of light, from deep in a crown to its top


def _leaf_shapes() -> np.ndarray:
    """24 ragged seven-cornered outlines of radius about 1 (24 x 7 x 2)."""
    rng = np.random.default_rng(20103)
    angle = np.sort(rng.uniform(0, 2 * np.pi, (24, 7)), axis=1)
    radius = rng.uniform(0.45, 1.35, (24, 7))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle) * 0.8], axis=-1)


SHAPES = _leaf_shapes()


def _greens(canvas, street, rng, at) -> np.ndarray:
    """The numbers of a plant's five surfaces, dark to light."""
    colors = LEAVES[street.season]
    base = np.array(colors[rng.choice(len(colors))], float) * rng.normal(1, 0.1) + rng.normal(
        0, 4, 3
    )
    return np.array(
        [
            canvas.surface(base * level, "leaf", "leaf", at=at, sunlit=0.75 * level)
            for level in LEVELS
        ]
    )


def _clusters(canvas, centers, radius, greens, light, rng) -> None:
    """Clusters of leaves about `centers` (n x 3); `light` (n) is 0 for dark to 1 for light."""
    seen = canvas.camera.to_camera(centers)
    order = np.argsort(light + 0.25 * rng.standard_normal(len(centers)) - 0.15 * seen[:, 2])
    order = order[seen[order, 2] > NEAR + 0.4]
    seen, light, radius = seen[order], light[order], np.broadcast_to(radius, len(centers))[order]
    scale = radius * rng.uniform(0.6, 1.4, len(order))
    shape = SHAPES[rng.integers(0, len(SHAPES), len(order))] * scale[:, None, None]
    outlines = centers[order, None] + shape @ canvas.camera.axes[:2]
    level = (light * 5 + rng.normal(0, 0.5, len(order))).clip(0, 4).astype(int)
    canvas.polygons(outlines, greens[level])


def draw_tree(canvas: Canvas, street: Street, tree: Thing) -> None:
    """A tree `size` meters high, with its shadow; bare in winter."""
    rng = np.random.default_rng(tree.seed)
    at = np.array([tree.x, 0.0, tree.z])
    away = canvas.camera.to_camera(at)[2]
    if away < 1.5 and np.hypot(*(at - canvas.camera.position)[[0, 2]]) < 3:
        return
    height, spread = tree.size, tree.size * rng.uniform(0.3, 0.45)
    low = max(2.2, height * rng.uniform(0.25, 0.4))
    evergreen = rng.random() < 0.12
    bare = street.season == "winter" and not evergreen
    greens = _greens(canvas, street, rng, at)
    bark = canvas.surface(
        np.array(BARK) * rng.uniform(0.6, 1.1), "other", "plaster", at=at, sunlit=0.4
    )
    _wood(canvas, rng, at, height, spread, low, bark, 46 if bare else 10)
    distance = np.hypot(*(at - canvas.camera.position)[[0, 2]])
    count = int(np.clip(8000 / distance, 36, 1000))
    lobes = _ball(rng, 11) * 0.68
    inner = np.arange(count) < count // 6  # larger clusters fill the crown behind the small ones
    points = (
        lobes[rng.integers(0, 11, count)] + _ball(rng, count) * np.where(inner, 0.25, 0.45)[:, None]
    )
    light = 0.46 + 0.3 * points @ canvas.sun + 0.2 * points[:, 1] - 0.35 * inner
    crown = at + (low + height) / 2 * UP + points * (spread, (height - low) * 0.54, spread)
    if bare:
        cast_shadow(canvas, crown[::8], 0.15, rng, 90)
        return
    radius = spread / np.sqrt(count) * rng.uniform(1.1, 1.4) * np.where(inner, 2.6, 1.0)
    _clusters(canvas, crown, radius, greens, light.clip(0, 1), rng)
    cast_shadow(canvas, crown[:: max(1, count // 26)], spread * 0.3, rng, 200)


def _ball(rng: np.random.Generator, count: int) -> np.ndarray:
    """Points in a ball of radius 1, more of them near its skin (count x 3)."""
    way = rng.standard_normal((count, 3))
    return way / np.linalg.norm(way, axis=1, keepdims=True) * rng.random((count, 1)) ** 0.25


def _wood(canvas, rng, at, height, spread, low, bark, branches) -> None:
    """A trunk, and branches that fork from it."""
    right = canvas.camera.axes[0]
    pixel = np.hypot(*(at - canvas.camera.position)[[0, 2]]) / canvas.camera.focal
    wide = 0.018 * height + 0.05

    def limb(foot, head, thick, thin):
        thick, thin = right * max(thick, 0.6 * pixel), right * max(thin, 0.6 * pixel)
        return [foot - thick, head - thin, head + thin, foot + thick]

    top = at + (low + height) / 2 * UP
    limbs = [limb(at, top, wide, wide * 0.45)]
    ends = [(top, wide * 0.4), (at + low * UP, wide * 0.6)]
    for _ in range(branches):
        foot, thick = ends[rng.integers(len(ends))]
        way = rng.normal(0, 1, 3) * (1, 0.5, 1) + (0, 0.6, 0)
        head = foot + way / np.linalg.norm(way) * spread * rng.uniform(0.3, 0.75)
        limbs.append(limb(foot, head, thick * 0.6, thick * 0.25))
        ends.append((head, thick * 0.45))
    canvas.polygons(np.array(limbs), bark)


def cast_shadow(canvas: Canvas, points, radius: float, rng, strength: int) -> None:
    """Round shadows on the ground, in the sun, of blobs about `points` (n x 3)."""
    foot = points - points[:, 1:2] / canvas.sun[1] * canvas.sun
    shape = SHAPES[rng.integers(0, len(SHAPES), len(points))] * radius
    corners = np.stack([shape[..., 0], np.zeros(shape.shape[:2]), shape[..., 1]], axis=-1)
    canvas.shadows(foot[:, None] + corners, strength)


def draw_lawn(canvas: Canvas, street: Street, lot: Lot) -> None:
    """A park: grass behind a hedge or a fence."""
    rng = np.random.default_rng(lot.seed)
    x0, x1 = lot.side * street.line, lot.side * (street.line + 60)
    base = np.array(LEAVES["summer"][rng.integers(5)], float) * 0.95
    base = base * (0.85, 0.75, 0.9) if street.season == "winter" else base
    grass = canvas.surface(base, "leaf", "leaf", normal=UP, at=(0, 0, 0), ground=True, strength=0.6)
    canvas.polygons(
        np.array([[(x0, 0, lot.start), (x0, 0, lot.end), (x1, 0, lot.end), (x1, 0, lot.start)]]),
        grass,
    )
    if rng.random() < 0.6:
        _draw_hedge(
            canvas, street, rng, x0 + lot.side * 0.5, lot.start, lot.end, rng.uniform(0.7, 1.8)
        )


def _draw_hedge(canvas, street: Street, rng, x, start, end, height) -> None:
    """A hedge along the street at `x`."""
    middle = (x, 0, (start + end) / 2)
    greens = _greens(canvas, street, rng, middle)
    away = max(3.0, start - canvas.camera.position[2], canvas.camera.position[2] - end)
    count = int(np.clip(2400 / away, 30, 420))
    z, y = rng.uniform(start + 0.3, end - 0.3, count), rng.uniform(0.05, 1, count)
    points = np.stack([x + rng.normal(0, 0.3, count), y * height, z], axis=1)
    radius = 1.25 * np.sqrt((end - start) * height / count)
    _clusters(canvas, points, radius, greens, (0.15 + 0.75 * y).clip(0, 1), rng)


def trees_of(lot: Lot, street: Street) -> list[Thing]:
    """The trees of a park."""
    rng = np.random.default_rng([*lot.seed, 1])
    count = int((lot.end - lot.start) * rng.uniform(0.1, 0.3)) + 1
    return [
        Thing(
            kind="tree",
            x=lot.side * (street.line + rng.uniform(3, 30)),
            z=rng.uniform(lot.start + 1, lot.end - 1),
            heading=0.0,
            size=rng.uniform(6, 15),
            seed=(*lot.seed, 2, i),
        )
        for i in range(count)
    ]
