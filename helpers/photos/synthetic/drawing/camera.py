"""A pinhole camera on a street: x across the street, y up, z along it, all in meters."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...controls import SAVED

WIDTH, HEIGHT = SAVED  # as Street View photos; their last row and column are black
NEAR = 0.3


@dataclass(frozen=True)
class Camera:
    """Stands at `position` (x, y, z in meters), looks along `yaw` (0 is along +z) and `pitch`
    (up), both in radians; `focal` is in pixels."""

    position: tuple[float, float, float]
    yaw: float
    pitch: float
    focal: float

    @cached_property
    def axes(self) -> np.ndarray:
        """3 x 3: the camera's right, up and forward as rows, in world coordinates."""
        sy, cy, sp, cp = (f(a) for a in (self.yaw, self.pitch) for f in (np.sin, np.cos))
        return np.array([[cy, 0, -sy], [-sy * sp, cp, -cy * sp], [sy * cp, sp, cy * cp]])

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """World points (... x 3) to right, up and depth (... x 3), in meters."""
        return (points - np.asarray(self.position)) @ self.axes.T

    def to_pixels(self, seen: np.ndarray) -> np.ndarray:
        """Right, up and depth (... x 3; depth over 0) to pixels (... x 2), x then y."""
        scale = self.focal / seen[..., 2:]
        return seen[..., :2] * scale * (1, -1) + (WIDTH / 2, HEIGHT / 2)

    def rays(self, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        """For pixels x (W) and y (H): the three world components (each H x W, float32) of
        the ray through each of them whose depth is one meter."""
        right = ((x - WIDTH / 2) / self.focal)[None, :]
        up = ((HEIGHT / 2 - y) / self.focal)[:, None]
        r, u, f = self.axes
        return [(r[i] * right + u[i] * up + f[i]).astype(np.float32) for i in range(3)]

    def plane(self, normal, point) -> tuple[float, float, float]:
        """The plane through `point` as (p, q, r): 1 / depth = p right + q up + r at a pixel
        whose ray goes `right` and `up` per meter of depth."""
        normal = np.asarray(normal, float)
        distance = normal @ (np.asarray(point, float) - self.position)
        if abs(distance) < 1e-3:  # seen edge on
            distance = 1e-3
        return tuple(self.axes @ normal / distance)


def clip_near(polygon: np.ndarray) -> np.ndarray:
    """The part of a polygon (k x 3: right, up, depth) that lies in front of the camera (m x 3)."""
    following = np.roll(polygon, -1, axis=0)
    kept = []
    for here, there in zip(polygon, following):
        if here[2] >= NEAR:
            kept.append(here)
        if (here[2] >= NEAR) != (there[2] >= NEAR):
            kept.append(here + (there - here) * (NEAR - here[2]) / (there[2] - here[2]))
    return np.array(kept).reshape(-1, 3)
