"""Cars, taxis, vans, trucks and buses, as outlines seen from the side that are given a width."""

from functools import cache

import numpy as np

from ..drawing.canvas import UP, Canvas
from ..drawing.materials import TAXI, pick
from ..street import Thing
from .nature import cast_shadow

GLASS, BODY, BLACK = "glass", "body", "black"
CHROME = (176, 178, 182)
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
    model, outline = MODELS[car.kind], _silhouette(car.kind)
    length, width, roof = outline[-1, 0], model["width"], outline[:, 1].max()
    ahead = np.array([np.sin(car.heading), 0.0, np.cos(car.heading)])
    right = np.array([ahead[2], 0.0, -ahead[0]])
    middle = np.array([car.x, 0.8, car.z])
    origin = middle - 0.8 * UP - ahead * length / 2 + right * width / 2
    frame = np.array([ahead, UP, -right])  # meters along, up and to the vehicle's left
    eye = frame @ (canvas.camera.position - origin)
    away = float(np.hypot(*(middle - canvas.camera.position)[[0, 2]]))
    color, band = _paint(rng, car.kind)
    if away < length / 2 + 1.0:
        return

    def finish(rgb, sun, grain="paint"):
        return canvas.surface(rgb, "car", grain, at=middle, sunlit=sun)

    under = canvas.surface((20, 20, 22), "road", normal=UP, at=(0, 0, 0), sunlit=0.1, ground=True)
    ends, sides = (-0.12, length + 0.12), (-0.12, width + 0.12)
    foot = np.array([(ends[i], 0, sides[j]) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))])
    canvas.polygons(origin + foot[None] @ frame, under)

    glass, black = finish((46, 52, 60), 0.35, "glass"), finish((22, 24, 28), 0.2)
    shine = finish((126, 140, 158), 0.3, "glass")
    here, there = outline, np.roll(outline, -1, axis=0)
    rise = (there - here)[:, ::-1] * (-1, 1)  # normals: ahead, up
    rise /= np.linalg.norm(rise, axis=1, keepdims=True)
    sun = (rise @ (ahead @ canvas.sun, canvas.sun[1])).clip(0, 1)
    numbers = []
    for (_, _, kind), share, up in zip(model["outline"], sun.tolist(), rise[:, 1].tolist()):
        if kind == GLASS:
            numbers.append(shine if up > 0.5 and rng.random() < 0.5 else glass)
        elif kind == BLACK:
            numbers.append(black)
        else:
            numbers.append(finish(color * (0.86 + 0.22 * max(up, 0)), share + 0.1 * max(up, 0)))
    corners = np.stack([there, here, here, there], axis=1)
    across = np.broadcast_to(np.array([0.0, 0.0, width, width])[:, None], (len(here), 4, 1))
    strips = np.concatenate([corners, across], axis=2)
    order = np.argsort(-np.linalg.norm(strips.mean(axis=1) - eye, axis=1))
    canvas.polygons(origin + strips[order] @ frame, np.array(numbers)[order], facing=True)

    side, out = (0.0, -0.01) if eye[2] < 0 else (width, width + 0.01)
    sun = max(0.0, float(canvas.sun @ right) * (1 if eye[2] < 0 else -1))

    def panels(outlines, number, across=out):
        """Outlines (n x k x 2: along, up) on the side in sight."""
        flat = np.concatenate([outlines, np.full((*outlines.shape[:2], 1), across)], axis=2)
        canvas.polygons(origin + flat @ frame, number)

    panels(outline[None], finish(color * 0.93, sun), side)
    sill = np.array([[(0.05, 0.3), (0.05, 0.55), (length - 0.05, 0.52), (length - 0.05, 0.3)]])
    panels(sill, finish(color * 0.72, sun))
    panels(np.array(model["windows"]), glass)
    rings = [(1.18, black)]
    if away < 45:
        rings += [(1.0, finish((34, 34, 36), 0.2)), (0.55, finish(CHROME, 0.3))]
    wheels = np.array([(wheel, model["radius"]) for wheel in model["wheels"]])
    for scale, number in rings:
        rim = CIRCLE * model["radius"] * scale + wheels[:, None]
        panels(np.maximum(rim, (-1, 0)), number)
    if band is not None:
        low, end = (0.9, 11.8) if car.kind == "bus" else (2.0, 4.5)
        strip = np.array([[(0.2, low), (0.2, low + 0.4), (end, low + 0.4), (end, low)]])
        panels(strip, finish(band, sun))
    if away < 60:
        _ends(canvas, rng, origin, frame, outline, width, finish)
    if car.kind == "taxi":
        lamp = np.array(
            [[(2.0, v, u) for v, u in ((1.43, 0.5), (1.62, 0.5), (1.62, 1.3), (1.43, 1.3))]]
        )
        canvas.polygons(origin + lamp @ frame, finish((240, 220, 150), 0.5))
    blobs = [
        (u, roof * 0.8, v) for u in (0.4, length / 2, length - 0.4) for v in (0.3, width - 0.3)
    ]
    cast_shadow(canvas, origin + np.array(blobs) @ frame, 1.2, rng, 235)


def _paint(rng, kind: str) -> tuple[np.ndarray, tuple | None]:
    """The color of a vehicle, and of the band along its side, if it has one."""
    color = TAXI if kind == "taxi" else pick(rng, "paint", 4)
    if kind in ("van", "truck", "bus") and rng.random() < 0.6:
        color = (226, 227, 226) if rng.random() < 0.8 else pick(rng, "vivid")
    band = pick(rng, "vivid") if kind in ("truck", "bus") and rng.random() < 0.8 else None
    return np.array(color, float), band


def _ends(canvas, rng, origin, frame, outline, width, finish) -> None:
    """Lamps, plates, bumpers and the grille, on whichever end is in sight."""
    bumper = finish(CHROME if rng.random() < 0.4 else (60, 62, 66), 0.4)
    plate, dark = finish((214, 206, 168), 0.4), finish((30, 31, 34), 0.2)
    v = outline[1, 1] * 0.72 if outline[1, 1] < 1.3 else 0.95
    quads, numbers = [], []
    for along, lamp in ((-0.02, (168, 28, 30)), (outline[-1, 0] + 0.02, (232, 230, 220))):
        lit = finish(lamp, 0.45)
        parts = [(0.3, 0.5, 0.05, width - 0.05, bumper)]
        if along > 0:
            parts.append((0.5, v, 0.45, width - 0.45, dark))
        parts.append((v - 0.14, v + 0.06, 0.06, 0.38, lit))
        parts.append((v - 0.14, v + 0.06, width - 0.38, width - 0.06, lit))
        parts.append((0.5, 0.64, width / 2 - 0.22, width / 2 + 0.22, plate))
        for low, high, a, b, number in parts:
            quad = [(along, low, a), (along, high, a), (along, high, b), (along, low, b)]
            quads.append(quad if along > 0 else quad[::-1])
            numbers.append(number)
    canvas.polygons(origin + np.array(quads) @ frame, np.array(numbers), facing=True)
