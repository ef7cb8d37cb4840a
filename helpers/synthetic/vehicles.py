"""Cars, taxis, vans, trucks and buses, as outlines seen from the side that are given a width."""

from functools import cache

import numpy as np

from .canvas import UP, Canvas
from .materials import TAXI, pick
from .nature import cast_shadow
from .street import Thing

GLASS, BODY, BLACK = "glass", "body", "black"
# Outlines run from the rear bumper over the roof to the front, (meters along, meters up), each
# with what lies between it and the next; windows are outlines on the sides.
MODELS = {
    "car": dict(
        width=1.78, wheels=(0.95, 3.65), radius=0.32,
        outline=[(0, 0.28, BODY), (0.02, 0.85, BODY), (0.2, 1.0, BODY), (0.95, 1.04, GLASS),
                 (1.6, 1.42, BODY), (2.65, 1.44, GLASS), (3.4, 1.0, BODY), (4.35, 0.8, BODY),
                 (4.55, 0.6, BODY), (4.55, 0.28, BLACK)],
        windows=[[(1.1, 1.02), (1.65, 1.36), (2.1, 1.38), (2.1, 0.98)],
                 [(2.2, 0.98), (2.2, 1.38), (2.62, 1.38), (3.25, 0.98)]],
    ),
    "suv": dict(
        width=1.9, wheels=(0.95, 3.8), radius=0.38,
        outline=[(0, 0.35, BODY), (0, 1.05, GLASS), (0.25, 1.72, BODY), (2.8, 1.78, GLASS),
                 (3.5, 1.18, BODY), (4.6, 1.02, BODY), (4.75, 0.7, BODY), (4.75, 0.35, BLACK)],
        windows=[[(0.35, 1.15), (0.5, 1.6), (1.25, 1.65), (1.25, 1.13)],
                 [(1.35, 1.13), (1.35, 1.65), (2.1, 1.66), (2.1, 1.12)],
                 [(2.2, 1.12), (2.2, 1.66), (2.75, 1.66), (3.3, 1.14)]],
    ),
    "van": dict(
        width=2.0, wheels=(1.0, 4.3), radius=0.38,
        outline=[(0, 0.35, BODY), (0, 1.15, GLASS), (0.05, 1.9, BODY), (0.2, 2.15, BODY),
                 (3.9, 2.15, GLASS), (4.6, 1.3, BODY), (5.35, 1.12, BODY), (5.45, 0.8, BODY),
                 (5.45, 0.35, BLACK)],
        windows=[[(3.2, 1.3), (3.2, 1.9), (3.8, 1.95), (4.35, 1.3)]],
    ),
    "truck": dict(
        width=2.3, wheels=(1.4, 5.6), radius=0.45,
        outline=[(0, 0.6, BODY), (0, 3.1, BODY), (4.6, 3.1, BODY), (4.65, 2.5, BODY),
                 (5.6, 2.45, GLASS), (6.3, 1.5, BODY), (6.6, 1.3, BODY), (6.65, 0.5, BLACK)],
        windows=[[(5.0, 1.5), (5.0, 2.25), (5.5, 2.25), (6.05, 1.5)]],
    ),
    "bus": dict(
        width=2.55, wheels=(3.0, 9.3), radius=0.5,
        outline=[(0, 0.4, BODY), (0, 1.9, GLASS), (0.05, 2.8, BODY), (0.2, 3.1, BODY),
                 (11.7, 3.1, BODY), (11.9, 2.9, GLASS), (12.0, 1.2, BODY), (12.0, 0.4, BLACK)],
        windows=[[(u, 1.35), (u, 2.5), (u + 1.4, 2.5), (u + 1.4, 1.35)]
                 for u in np.arange(0.5, 11, 1.55)],
    ),
}  # fmt: skip
MODELS["taxi"] = MODELS["car"]
CIRCLE = np.stack([f(np.linspace(0, 2 * np.pi, 13)[:-1]) for f in (np.cos, np.sin)], axis=1)


@cache
def _silhouette(kind: str) -> np.ndarray:
    """The outline of a side as one polygon (k x 2)."""
    return np.array([corner[:2] for corner in MODELS[kind]["outline"]])


def draw_vehicle(canvas: Canvas, car: Thing) -> None:
    """A vehicle whose middle is at (x, z), pointing along `heading`, with its shadow."""
    rng = np.random.default_rng(car.seed)
    model = MODELS[car.kind]
    outline = _silhouette(car.kind)
    length, width, roof = outline[-1, 0], model["width"], outline[:, 1].max()
    ahead = np.array([np.sin(car.heading), 0.0, np.cos(car.heading)])
    right = np.array([ahead[2], 0.0, -ahead[0]])
    origin = np.array([car.x, 0.0, car.z]) - ahead * length / 2 + right * width / 2

    def world(along, up, across):
        """Meters along, up and to the vehicle's left (0 on its right side) to the street's."""
        along, up, across = (
            np.asarray(a)[..., None] for a in np.broadcast_arrays(along, up, across)
        )
        return origin + along * ahead + up * UP - across * right

    middle = world(length / 2, 0.8, width / 2)
    if np.hypot(*(middle - canvas.camera.position)[[0, 2]]) < length / 2 + 1.0:
        return
    color = {"taxi": TAXI}.get(car.kind) or pick(rng, "paint", 4)
    if car.kind in ("van", "truck", "bus") and rng.random() < 0.6:
        color = (226, 227, 226) if rng.random() < 0.8 else pick(rng, "vivid")
    color = np.array(color)
    deep, chrome = (22, 24, 28), (176, 178, 182)

    def finish(rgb, sun, grain="paint"):
        return canvas.surface(np.clip(rgb, 4, 250), "car", grain, at=middle, sunlit=sun)

    glass, black = finish((46, 52, 60), 0.35, "glass"), finish(deep, 0.2)
    shine = finish((126, 140, 158), 0.3, "glass")
    under = canvas.surface((20, 20, 22), "road", normal=UP, at=(0, 0, 0), sunlit=0.1, ground=True)
    pad = 0.12
    canvas.polygons(
        world(
            [[-pad, length + pad, length + pad, -pad]],
            0.0,
            [[-pad, -pad, width + pad, width + pad]],
        ),
        under,
    )

    here, there = outline, np.roll(outline, -1, axis=0)
    corners = np.stack([there, here, here, there], axis=1)
    strips = world(corners[..., 0], corners[..., 1], np.array([0.0, 0.0, width, width]))
    rise = (there - here)[:, ::-1] * (-1, 1)  # normals: ahead, up
    rise /= np.linalg.norm(rise, axis=1, keepdims=True)
    sun = (rise @ (ahead @ canvas.sun, canvas.sun[1])).clip(0, 1)
    numbers = []
    for (_, _, kind), share, up in zip(model["outline"], sun, rise[:, 1]):
        if kind == GLASS:
            numbers.append(shine if up > 0.5 and rng.random() < 0.5 else glass)
        elif kind == BLACK:
            numbers.append(black)
        else:
            numbers.append(finish(color * (0.86 + 0.22 * max(up, 0)), share + 0.1 * max(up, 0)))
    distance = np.linalg.norm(strips.mean(axis=1) - canvas.camera.position, axis=1)
    order = np.argsort(-distance)
    canvas.polygons(strips[order], np.array(numbers)[order], facing=True)

    sees_right = (canvas.camera.position - middle) @ right > 0
    side = 0.0 if sees_right else width
    normal_sun = max(0.0, canvas.sun @ right * (1 if sees_right else -1))
    panel, lower = finish(color * 0.93, normal_sun), finish(color * 0.72, normal_sun)
    out = side + (-0.01 if sees_right else 0.01)
    canvas.polygons(world(outline[:, 0], outline[:, 1], side)[None], panel)
    sill = np.array([(0.05, 0.3), (0.05, 0.55), (length - 0.05, 0.52), (length - 0.05, 0.3)])
    canvas.polygons(world(sill[:, 0], sill[:, 1], out)[None], lower)
    windows = np.array(model["windows"])
    canvas.polygons(world(windows[..., 0], windows[..., 1], out), glass)
    for wheel in model["wheels"]:
        for scale, number in (
            (1.18, black),
            (1.0, finish((34, 34, 36), 0.2)),
            (0.55, finish(chrome, 0.3)),
        ):
            ring = CIRCLE * model["radius"] * scale + (wheel, model["radius"])
            canvas.polygons(world(ring[:, 0], ring[:, 1].clip(0), out)[None], number)
    _ends(canvas, rng, world, length, width, outline, finish, chrome)
    if car.kind == "taxi":
        lamp = finish((240, 220, 150), 0.5)
        canvas.polygons(
            world([[2.0, 2.0, 2.0, 2.0]], [[1.43, 1.62, 1.62, 1.43]], [[0.5, 0.5, 1.3, 1.3]]), lamp
        )
    if car.kind in ("truck", "bus") and rng.random() < 0.8:
        band = finish(pick(rng, "vivid"), normal_sun)
        v = 0.9 if car.kind == "bus" else rng.uniform(1.3, 2.2)
        edge = 11.8 if car.kind == "bus" else 4.5
        canvas.polygons(world([[0.2, 0.2, edge, edge]], [[v, v + 0.4, v + 0.4, v]], out), band)
    corners = world(
        np.repeat([0.4, length / 2, length - 0.4], 2), roof * 0.8, np.tile([0.3, width - 0.3], 3)
    )
    cast_shadow(canvas, corners, 1.2, rng, 235)


def _ends(canvas, rng, world, length, width, outline, finish, chrome) -> None:
    """Lamps, plates, bumpers and the grille, on whichever end is in sight."""
    red, white, plate = (
        finish((168, 28, 30), 0.4),
        finish((232, 230, 220), 0.5),
        finish((214, 206, 168), 0.4),
    )
    dark, bumper = (
        finish((30, 31, 34), 0.2),
        finish(chrome if rng.random() < 0.4 else (60, 62, 66), 0.4),
    )
    v = outline[1, 1] * 0.72 if outline[1, 1] < 1.3 else 0.95

    def end(along, low, high, a, b, number):
        quad = world(np.full((1, 4), along), [[low, high, high, low]], [[a, a, b, b]])
        canvas.polygons(quad if along > 0 else quad[:, ::-1], number, facing=True)

    for along, lamp in ((-0.02, red), (length + 0.02, white)):
        end(along, 0.3, 0.5, 0.05, width - 0.05, bumper)
        if along > 0:
            end(along, 0.5, v, 0.45, width - 0.45, dark)
        end(along, v - 0.14, v + 0.06, 0.06, 0.38, lamp)
        end(along, v - 0.14, v + 0.06, width - 0.38, width - 0.06, lamp)
        end(along, 0.5, 0.64, width / 2 - 0.22, width / 2 + 0.22, plate)
