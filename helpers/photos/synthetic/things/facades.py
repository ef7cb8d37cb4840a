"""Whole buildings: walls, shops with awnings and signs, doors, cornices."""

import numpy as np

from ..drawing.materials import pick
from .windows import MIDDLE, NEAR_ONLY, Face, curtain_wall, glass, windows


def building(
    rng: np.random.Generator, width: float, height: float, depth: float, corner: bool, style: str
) -> tuple[Face, Face]:
    """The face on the street (`width` x `height`) and the sides (`depth` x `height`).

    The side of a building on a corner is as rich as its face; other sides are plain.
    """
    kinds = {"side": (0.62, 0.16, 0.19, 0.03), "avenue": (0.4, 0.27, 0.17, 0.16),
             "canyon": (0.22, 0.38, 0.08, 0.32), "open": (0.5, 0.14, 0.3, 0.06)}[style]  # fmt: skip
    kind = str(rng.choice(["brick", "stone", "plaster", "tower"], p=kinds))
    if kind == "tower" and height < 14:
        kind = "stone"
    wall = pick(rng, kind)
    shop = (
        height > 5.5
        and rng.random() < {"side": 0.35, "avenue": 0.75, "canyon": 0.6, "open": 0.4}[style]
    )
    base = rng.uniform(3.6, 4.8) if shop else rng.uniform(0.8, 1.4)
    rhythm = rng.integers(2**32)  # of windows: the same on both faces
    faces = []
    for length in (width, depth):
        face = Face()
        faces.append(face)
        if face is not faces[0] and not corner:
            side = kind if rng.random() < 0.5 else "brick"
            color = wall if side == kind else pick(rng, "brick")
            face.rects(
                0, 0, length, height, face.finish(color, "glass" if side == "tower" else side, side)
            )
            if rng.random() < 0.4:
                windows(rng, face, length, 4.0, height, color)
            continue
        again = np.random.default_rng(rhythm)
        if kind == "tower":
            face.rects(0, 0, length, height, face.finish(wall, "glass", "glass"))
            curtain_wall(again, face, length, base, height)
        else:
            face.rects(0, 0, length, height, face.finish(wall, kind, kind))
            windows(again, face, length, base, height, wall)
            _cornice(again, face, length, height, wall)
        if shop:
            _shops(rng, face, length, base)
        elif kind != "tower":
            _doors(rng, face, length)
    return tuple(faces)


def _cornice(rng, face, width, height, wall) -> None:
    out, tall = rng.uniform(0.1, 0.7), rng.uniform(0.4, 1.2)
    color = pick(rng, str(rng.choice(["stone", "plaster", "vivid"], p=[0.6, 0.35, 0.05])))
    if rng.random() < 0.4:
        color = np.array(wall) * 0.7
    front, under = (
        face.finish(color, "stone"),
        face.finish(np.array(color) * 0.5, "stone", "plain", 0.1),
    )
    low = height - tall
    face.quad([(0, low, 0), (width, low, 0), (width, low, out), (0, low, out)], under)
    face.rects(0, low - 0.5, width, low, under, detail=MIDDLE)
    face.rects(0, low, width, height + 0.1, front, out)


def _doors(rng, face, width) -> None:
    dark, color = (
        face.finish((36, 32, 30), "other"),
        face.finish(
            np.array(pick(rng, str(rng.choice(["vivid", "clothes"])))) * 0.6, "other", "paint"
        ),
    )
    stone = face.finish(pick(rng, "stone"), "stone", "stone")
    face.rects(0, 0, width, 0.8, stone, 0.03, detail=MIDDLE)
    for u in np.arange(rng.uniform(1, 2.5), width - 1.5, rng.uniform(6, 9)).tolist():
        face.rects(u - 0.3, 0, u + 1.5, 3.1, stone, 0.05)
        face.rects(u, 0.3, u + 1.2, 2.8, dark, 0.05)
        face.rects(u + 0.1, 0.3, u + 1.1, 2.4, color, 0.05)
        for step, out in enumerate((1.4, 1.0, 0.6)):
            face.rects(u - 0.3, step * 0.18, u + 1.5, (step + 1) * 0.18, stone, out, detail=MIDDLE)


def _shops(rng, face, width, base) -> None:
    edges = np.append(np.arange(0, max(width - 4, 1), rng.uniform(4.5, 9)), width)
    dark = face.finish((26, 25, 26), "other", "plain", 0.3)
    panes = glass(rng, face)[:2]
    goods = [
        face.finish(pick(rng, k, 14), "glass", "plaster", 0.3)
        for k in ("vivid", "clothes", "vivid", "plaster")
    ]
    letters = face.finish((238, 236, 226), "other")
    for left, right in zip(edges[:-1].tolist(), edges[1:].tolist()):
        frame = face.finish(
            pick(rng, str(rng.choice(["stone", "vivid", "tower"], p=[0.55, 0.2, 0.25]))),
            "other",
            "paint",
        )
        face.rects(left, 0, right, base, frame, 0.02)
        if rng.random() < 0.12:
            _shutter(face, left, right, base, pick(rng, "plaster"))
            continue
        count = max(1, int((right - left) / rng.uniform(1.6, 2.6)))
        u = left + 0.2 + np.arange(count) * (right - left - 0.3) / count
        w = (right - left - 0.3) / count - 0.15
        face.rects(u, 0.5, u + w, base - 1.1, rng.choice(panes, size=count), 0.02)
        n = int(rng.integers(2, 9))
        gu, gv = rng.uniform(left + 0.3, right - 1.0, n), rng.uniform(0.6, base - 2.2, n)
        face.rects(
            gu,
            gv,
            gu + rng.uniform(0.2, 0.8, n),
            gv + rng.uniform(0.2, 0.8, n),
            rng.choice(goods, size=n),
            0.02,
            MIDDLE,
        )
        face.rects(u - 0.06, 0.4, u + 0.06, base - 1.0, frame, 0.04, detail=MIDDLE)
        face.rects(u[0], 0, u[0] + 1.0, 2.3, dark, 0.03)
        sign = face.finish(
            pick(rng, str(rng.choice(["vivid", "stone", "tower"], p=[0.5, 0.3, 0.2]))), "other"
        )
        face.rects(left + 0.1, base - 1.0, right - 0.1, base - 0.15, sign, 0.15)
        _letters(rng, face, left + 0.5, right - 0.5, base - 0.8, 0.45, letters)
        if rng.random() < 0.38:
            _awning(rng, face, left, right, base - 1.0)


def _letters(rng, face, left, right, v, tall, finish) -> None:
    u = left + rng.uniform(0, 0.3) * (right - left)
    n = int(rng.integers(4, 14))
    at = u + np.arange(n) * tall * 0.8
    at = at[(at < right - tall) & (rng.random(n) < 0.88)]
    if len(at):
        face.rects(at, v, at + 0.09, v + tall, finish, 0.16, detail=MIDDLE)
        bar = v + rng.choice([0, 0.2, 0.36], size=len(at))
        face.rects(at, bar, at + tall * 0.55, bar + 0.09, finish, 0.16, detail=MIDDLE)


def _shutter(face, left, right, base, color) -> None:
    steel = face.finish(color, "other", "paint")
    line = face.finish(np.array(color) * 0.75, "other")
    face.rects(left + 0.3, 0, right - 0.3, base - 0.9, steel, 0.03)
    v = np.arange(0.2, base - 1.0, 0.22)
    face.rects(left + 0.3, v, right - 0.3, v + 0.05, line, 0.03, detail=NEAR_ONLY)


def _awning(rng, face, left, right, top) -> None:
    color = np.array(pick(rng, "vivid"))
    cloth = face.finish(color, "awning", "paint", 1.1)
    edge = face.finish(color * 0.8, "awning", "paint", 0.8)
    stripe = face.finish((230, 226, 214), "awning", "paint", 1.1)
    out, low = rng.uniform(0.9, 1.8), top - rng.uniform(0.6, 1.1)

    def slope(a, b, finish):
        face.quad([(a, top, 0.1), (b, top, 0.1), (b, low, out), (a, low, out)], finish)

    slope(left + 0.1, right - 0.1, cloth)
    if rng.random() < 0.3:
        for u in np.arange(left + 0.1, right - 0.5, 0.8).tolist():
            slope(u, u + 0.4, stripe)
    face.rects(left + 0.1, low - 0.3, right - 0.1, low, edge, out)
    for u in (left + 0.1, right - 0.1):
        face.quad([(u, top, 0.1), (u, low, out), (u, low - 0.3, out), (u, low, 0.1)], edge)
