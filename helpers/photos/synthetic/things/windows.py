"""The faces of buildings as lists of quads, and their windows.

A face has its own coordinates: u along it, v up, w out of it, all in meters. What is listed
later is drawn over what is listed before.
"""

from dataclasses import dataclass, field

import numpy as np

from ..drawing.materials import pick

NEAR_ONLY, MIDDLE = 2, 1  # details that are drawn within about 30 and 80 meters


@dataclass
class Face:
    """Quads of a face (n x 4 x 3: u, v, w), the finish of each, and how near it must be."""

    finishes: list[tuple] = field(default_factory=list)  # color, class, grain, share of sun
    parts: list[tuple] = field(default_factory=list)

    def finish(self, rgb, name="other", grain="plain", sun=1.0) -> int:
        """The number of a new finish."""
        self.finishes.append((tuple(rgb), name, grain, sun))
        return len(self.finishes) - 1

    def rects(self, u0, v0, u1, v1, finish, w=0.0, detail=0) -> None:
        """Rectangles; every argument but the last may be an array."""
        u0, v0, u1, v1, finish, w = (
            a.ravel() for a in np.broadcast_arrays(u0, v0, u1, v1, finish, w)
        )
        corners = np.stack([u0, v0, w, u0, v1, w, u1, v1, w, u1, v0, w], axis=1)
        self.parts.append((corners.reshape(-1, 4, 3), finish, np.full(len(u0), detail)))

    def quad(self, corners, finish, detail=0) -> None:
        """One quad by its four corners (u, v, w)."""
        self.parts.append((np.array(corners, float)[None], np.array([finish]), np.array([detail])))

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Quads (n x 4 x 3), finishes (n), details (n)."""
        return tuple(np.concatenate(part) for part in zip(*self.parts))


def glass(rng, face: Face) -> list[int]:
    """Finishes of panes: dark, less dark, one that mirrors the sky, one with its blinds down."""
    dark = rng.uniform(24, 62)
    mirror = rng.uniform(95, 190)
    return [
        face.finish((dark, dark * 1.03, dark * 1.1), "glass", "glass", 0.2),
        face.finish((dark * 1.5, dark * 1.55, dark * 1.6), "glass", "glass", 0.2),
        face.finish((mirror * 0.86, mirror * 0.94, mirror * 1.06), "glass", "glass", 0.2),
        face.finish((176, 172, 160), "glass", "plaster", 0.4),
    ]


def windows(rng, face: Face, width, base, height, wall) -> None:
    """Rows of windows above `base` in a wall of color `wall`, now and then a fire escape."""
    storey, bay = rng.uniform(3.0, 3.9), rng.uniform(1.9, 3.4)
    rows = int((height - base - 0.9) / storey)
    columns = max(1, int((width - 0.8) / bay))
    if rows < 1:
        return
    bay = width / columns
    w, h = bay * rng.uniform(0.38, 0.7), storey * rng.uniform(0.46, 0.68)
    u = (np.arange(columns)[None, :] + 0.5) * bay - w / 2 + np.zeros((rows, 1))
    v = base + 0.7 + np.arange(rows)[:, None] * storey + np.zeros((1, columns))
    panes = np.array(glass(rng, face))
    pane = panes[rng.choice(4, size=u.shape, p=rng.dirichlet([6, 3, 2, 1.5]))]
    light = rng.random() < 0.45
    trim_color = (214, 208, 196) if light else tuple(np.array(wall) * 0.6)
    trim = face.finish(trim_color, "stone" if light else "other")
    frame = face.finish((228, 226, 220) if rng.random() < 0.45 else (46, 44, 44), "other")
    deep = face.finish((18, 18, 22), "glass", "plain", 0.1)
    if rng.random() < 0.7:
        face.rects(
            u - 0.14, v - 0.16, u + w + 0.14, v + h + rng.uniform(0.1, 0.35), trim, detail=MIDDLE
        )
    face.rects(u, v, u + w, v + h, pane)
    face.rects(u, v + h * 0.9, u + w, v + h, deep, detail=MIDDLE)
    face.rects(u, v + h * 0.47, u + w, v + h * 0.53, frame, detail=MIDDLE)
    if w > 1.1:
        face.rects(u + w * 0.48, v, u + w * 0.52, v + h, frame, detail=NEAR_ONLY)
    for edge in (u, u + w - 0.06):
        face.rects(edge, v, edge + 0.06, v + h, frame, detail=NEAR_ONLY)
    face.rects(u - 0.1, v - 0.14, u + w + 0.1, v, trim, 0.1, detail=MIDDLE)
    if rng.random() < 0.5:
        cooled = rng.random(u.shape) < rng.uniform(0.05, 0.35)
        if cooled.any():
            box, grille = face.finish((188, 184, 174)), face.finish((110, 108, 104))
            cu, cv = u[cooled] + w * 0.2, v[cooled]
            face.rects(cu, cv, cu + 0.7, cv + 0.42, box, 0.3, detail=MIDDLE)
            face.rects(cu + 0.08, cv + 0.06, cu + 0.62, cv + 0.34, grille, 0.31, detail=NEAR_ONLY)
    if rng.random() < 0.35:
        band = face.finish(np.array(wall) * rng.choice([0.75, 1.2]), "stone")
        rows_v = v[:, 0] - 0.5
        face.rects(0, rows_v, width, rows_v + 0.22, band, 0.04, detail=MIDDLE)
    if face.finishes[0][1] == "brick" and width < 20 and rng.random() < 0.35:
        _fire_escape(face, u[0, columns // 2], w, v[:, 0])


def _fire_escape(face, u, w, floors) -> None:
    iron = face.finish((30, 28, 28), "other", "plain", 0.4)
    left, right = u - 0.5, u + w + 0.5
    for v in floors.tolist():
        face.rects(left, v - 0.3, right, v - 0.18, iron, 1.0, detail=MIDDLE)
        face.rects(left, v + 0.6, right, v + 0.66, iron, 1.0, detail=MIDDLE)
        bars = np.linspace(left, right, 9)
        face.rects(bars, v - 0.2, bars + 0.04, v + 0.62, iron, 1.0, detail=NEAR_ONLY)
    for v, above in zip(floors[:-1].tolist(), floors[1:].tolist()):
        foot, head = (left + 0.3, v - 0.2, 0.9), (right - 0.4, above - 0.3, 0.9)
        face.quad(
            [foot, head, (head[0] + 0.35, head[1], 0.9), (foot[0] + 0.35, foot[1], 0.9)],
            iron,
            MIDDLE,
        )


def curtain_wall(rng, face: Face, width, base, height) -> None:
    """Bands of glass and panels with mullions before them, above `base`."""
    storey, bay = rng.uniform(3.2, 4), rng.uniform(1.3, 2.6)
    columns, rows = max(2, int(width / bay)), int((height - base) / storey)
    bay = width / columns
    spandrel = face.finish(
        pick(rng, str(rng.choice(["tower", "stone", "plaster"]))), "stone", "plain", 0.8
    )
    mullion = face.finish((60, 62, 66) if rng.random() < 0.6 else (190, 190, 188), "other")
    u, v = np.meshgrid(np.arange(columns) * bay, base + np.arange(rows) * storey)
    panes = np.array(glass(rng, face))
    chosen = rng.random(u.shape) < 0.35
    pane = panes[rng.choice(4, size=u.shape, p=[0.35, 0.35, 0.22, 0.08])]
    face.rects(u[chosen], v[chosen] + 0.9, u[chosen] + bay, v[chosen] + storey, pane[chosen])
    rows_v = base + np.arange(rows) * storey
    face.rects(0, rows_v, width, rows_v + rng.uniform(0.5, 1.2), spandrel)
    bars = np.arange(columns + 1) * bay
    face.rects(bars - 0.07, base, bars + 0.07, height, mullion, 0.05, detail=MIDDLE)
