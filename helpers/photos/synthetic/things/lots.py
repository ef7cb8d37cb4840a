"""Buildings, yards and the skyline behind them."""

from functools import lru_cache

import numpy as np

from ..drawing.camera import WIDTH
from ..drawing.canvas import Canvas
from ..drawing.materials import pick
from ..street import Lot, Street
from .facades import building
from .windows import MIDDLE, NEAR_ONLY, Face

BEHIND, CLOSING = 130, 36  # blocks of the skyline: behind the lots, and at the ends of the street


@lru_cache(maxsize=400)
def _faces(lot: Lot, style: str) -> tuple[Face, Face]:
    return building(
        np.random.default_rng(lot.seed),
        lot.end - lot.start,
        lot.height,
        lot.depth,
        bool(lot.corner),
        style,
    )


def draw_building(canvas: Canvas, street: Street, lot: Lot) -> None:
    """A building: its face on the street, and those of its sides that the camera can see."""
    front, side = _faces(lot, street.style)
    x = lot.side * (street.line + lot.setback)
    here = canvas.camera.position[2]
    if not _in_view(
        canvas, [(x + d, z) for d in (0, lot.side * lot.depth) for z in (lot.start, lot.end)]
    ):
        return
    away = max(lot.start - here, here - lot.end, 0)
    detail = NEAR_ONLY if away < 28 else MIDDLE if away < 75 else 0
    for z, direction in ((lot.start, -1), (lot.end, 1)):
        if direction * (here - z) > 0 and _in_view(canvas, [(x, z), (x + lot.side * lot.depth, z)]):
            origin, normal = (x, 0, z), (0, 0, direction)
            _face(canvas, side, origin, (lot.side, 0, 0), normal, 0)
    _face(canvas, front, (x, 0, lot.start), (0, 0, 1), (-lot.side, 0, 0), detail)


def _in_view(canvas: Canvas, feet: list[tuple[float, float]]) -> bool:
    """Whether anything upright that stands within `feet` (x, z) may be in the picture."""
    seen = canvas.camera.to_camera(np.array([(x, h, z) for x, z in feet for h in (0, 40)], float))
    reach = np.maximum(seen[:, 2], 0) * (WIDTH / 2 / canvas.camera.focal)
    return bool(
        (seen[:, 2] > 0).any() and (seen[:, 0] < reach).any() and (seen[:, 0] > -reach).any()
    )


def _face(canvas, face: Face, origin, along, normal, detail) -> None:
    quads, finishes, details = face.arrays()
    keep = details <= detail
    quads, finishes = quads[keep], finishes[keep]
    world = np.array(origin) + quads @ np.array([along, (0, 1, 0), normal], float)
    plane = canvas.camera.plane(normal, origin)
    sun = max(0.0, float(np.dot(normal, canvas.sun)))
    number = {
        f: canvas.surface(rgb, name, grain, plane=plane, sunlit=min(1.0, sun * share))
        for f, (rgb, name, grain, share) in enumerate(face.finishes)
    }
    canvas.polygons(world, np.array([number[f] for f in finishes.tolist()]))


def draw_yard(canvas: Canvas, street: Street, lot: Lot) -> None:
    """An open lot behind a fence of boards."""
    rng = np.random.default_rng(lot.seed)
    x, height = lot.side * street.line, rng.uniform(1.8, 3)
    boards = canvas.surface(pick(rng, str(rng.choice(["vivid", "plaster"]))), "other", "paint",
                            normal=(-lot.side, 0, 0), at=(x, 0, 0))  # fmt: skip
    quad = [(x, 0, lot.start), (x, height, lot.start), (x, height, lot.end), (x, 0, lot.end)]
    canvas.polygons(np.array([quad]), boards)


@lru_cache(maxsize=4)
def _skyline(seed: tuple[int, ...], line: float, style: str) -> tuple:
    """Blocks: kinds, colors, z, x, half widths, heights; those that close the street come last."""
    rng = np.random.default_rng([*seed, 11])
    tall = {"side": 15, "avenue": 30, "canyon": 60, "open": 14}[style]
    z = np.append(
        rng.uniform(0, 1000, BEHIND), rng.choice([-1, 1], CLOSING) * rng.uniform(330, 480, CLOSING)
    )
    x = rng.choice([-1, 1], BEHIND) * (line + 42 + 170 * rng.random(BEHIND) ** 1.5)
    x = np.append(x, rng.uniform(-110, 110, CLOSING))
    half, height = rng.uniform(6, 19, len(x)), tall * rng.lognormal(0, 0.5, len(x))
    kinds = rng.choice(["brick", "stone", "plaster", "tower"], len(x), p=[0.36, 0.27, 0.22, 0.15])
    return kinds, [pick(rng, str(kind)) for kind in kinds], z, x, half, height


def draw_skyline(canvas: Canvas, street: Street) -> None:
    """What stands behind the first row of buildings, and what closes the street far away."""
    kinds, colors, z, x, half, height = _skyline(street.seed, street.line, street.style)
    here = canvas.camera.position
    behind = (z[:BEHIND] - here[2]) % 1000 - 500  # the same blocks again after a kilometer
    z = here[2] + np.append(behind, z[BEHIND:])
    lit = [
        max(0.0, float(s)) for s in (-canvas.sun[0], canvas.sun[0], -canvas.sun[2], canvas.sun[2])
    ]
    seen = canvas.camera.to_camera(np.stack([x, np.zeros_like(x), z], axis=1))
    in_view = (seen[:, 2] > 0) & (
        np.abs(seen[:, 0]) < seen[:, 2] * WIDTH / 2 / canvas.camera.focal + 30
    )
    order = np.argsort(-np.hypot(x - here[0], z - here[2]))
    quads, numbers = [], []
    for i in order[in_view[order]].tolist():
        x0, x1, z0, z1 = x[i] - half[i], x[i] + half[i], z[i] - half[i], z[i] + half[i]
        name = "glass" if kinds[i] == "tower" else str(kinds[i])
        faces = [
            ((-1, 0, 0), (x0, z0), (x0, z1), here[0] < x0),
            ((1, 0, 0), (x1, z0), (x1, z1), here[0] > x1),
            ((0, 0, -1), (x0, z0), (x1, z0), here[2] < z0),
            ((0, 0, 1), (x0, z1), (x1, z1), here[2] > z1),
        ]
        for (normal, (ax, az), (bx, bz), visible), sun in zip(faces, lit):
            if visible:
                plane = canvas.camera.plane(normal, (ax, 0, az))
                numbers.append(canvas.surface(colors[i], name, "tower", plane=plane, sunlit=sun))
                quads.append([(ax, 0, az), (ax, height[i], az), (bx, height[i], bz), (bx, 0, bz)])
    if quads:
        canvas.polygons(np.array(quads), numbers)
