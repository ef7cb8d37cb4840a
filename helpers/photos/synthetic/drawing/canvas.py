"""What is drawn: polygons in space onto a picture of surfaces, far ones first.

A picture of surfaces holds a number in each pixel; what that number means (color, class,
plane in space, light) is kept in a list. Color is worked out once, at the end, for what is
in sight (`shading`).
"""

import numpy as np
from PIL import Image, ImageDraw

from .camera import HEIGHT, NEAR, WIDTH, Camera, clip_near
from .materials import CLASS_ID, GRAIN_ID, GRAINS

UP = np.array([0.0, 1.0, 0.0])


class Canvas:
    """Surfaces as seen by `camera`, lit by a sun in direction `sun` (3, of length 1)."""

    def __init__(self, camera: Camera, sun: np.ndarray):
        self.camera, self.sun = camera, sun
        self.surfaces = [(0, 0, 0, CLASS_ID["sky"], 0, 0, 0, 0, 0, 0, 0, 1e-4, 0, 0)]
        self._solid, self._shadow = [], []
        self._behind = float(camera.axes[2] @ camera.position)

    def surface(self, rgb, name: str, grain="plain", *, plane=None, normal=None, at=None,
                sunlit=None, ground=False, strength=1.0) -> int:  # fmt: skip
        """The number of a new surface of color `rgb` (0..255) and class `name`.

        It lies in the plane through `at` with `normal`, or, without a normal, faces the camera
        at the depth of `at`. `sunlit` (0..1) is the share of the sun's light that it takes;
        by default it follows from the normal. `ground` maps grain and shadows from above.
        """
        if normal is not None:
            plane = self.camera.plane(normal, at)
            if sunlit is None:
                sunlit = max(0.0, float(np.dot(normal, self.sun)))
        along = (1.0, 0.0) if ground else (1.0, 1.0)  # of a wall, one of x and z does not change
        if plane is None and normal is None:
            along = self.camera.axes[0, [0, 2]]
            depth = float(self.camera.axes[2] @ at - self._behind)
            plane = (0.0, 0.0, 1 / max(depth, NEAR))
        pixels, gain, reach = GRAINS[grain]
        sunlit = 0.5 if sunlit is None else sunlit
        record = (*rgb, CLASS_ID[name], *plane, ground, sunlit, GRAIN_ID[grain] << 16, pixels)
        self.surfaces.append((*record, gain * strength * reach, *along))
        return len(self.surfaces) - 1

    def polygons(self, points: np.ndarray, numbers, facing: bool = False) -> None:
        """Draw polygons (n x k x 3, in meters) of surfaces `numbers` (n, or one), in order.

        With `facing`, only those whose corners run clockwise as seen by the camera.
        """
        if isinstance(numbers, int):
            numbers = np.full(len(points), numbers)
        self._solid.append((np.asarray(points, float), numbers, facing))

    def shadows(self, points: np.ndarray, strength: int = 255) -> None:
        """Take sunlight (0..255 for none to all) from the ground under polygons (n x k x 3)."""
        self._shadow.append((points, np.full(len(points), strength), False))

    def pictures(self) -> tuple[np.ndarray, np.ndarray]:
        """The number of the surface in each pixel (int32), and the sunlight lost there (uint8)."""
        return self._paint(self._solid, "I"), self._paint(self._shadow, "L")

    def _paint(self, queue: list, mode: str) -> np.ndarray:
        """Draw what was queued, in order; outlines of as many corners are projected at once."""
        image = Image.new(mode, (WIDTH, HEIGHT), 0)
        counts = np.array([len(points) for points, _, _ in queue], int)
        starts = np.cumsum(counts) - counts
        kept = []
        for corners in sorted({points.shape[1] for points, _, _ in queue}):
            entries = [i for i, (points, _, _) in enumerate(queue) if points.shape[1] == corners]
            points = np.concatenate([queue[i][0] for i in entries])
            numbers = np.concatenate([queue[i][1] for i in entries])
            facing = np.repeat([queue[i][2] for i in entries], counts[entries])
            places = np.concatenate([np.arange(starts[i], starts[i] + counts[i]) for i in entries])
            kept += self._outlines(points, numbers, facing, places)
        polygon = ImageDraw.Draw(image).polygon
        for _, outline, number in sorted(kept):
            polygon(outline, number)
        return np.asarray(image)

    def _outlines(self, points, numbers, facing, places) -> list[tuple[int, list, int]]:
        """(place in the order, x y x y ... in pixels, number) of the polygons that are in sight."""
        seen = self.camera.to_camera(points)
        front = seen[..., 2] >= NEAR
        whole = front.all(axis=1)
        pixels = self.camera.to_pixels(np.where(front[..., None], seen, 1.0))
        low, high = pixels.min(axis=1), pixels.max(axis=1)
        visible = ((high > 0) & (low < (WIDTH, HEIGHT))).all(axis=1)
        visible &= (high - low > 0.7).any(axis=1) & (~facing | (_area(pixels) > 0))
        some = np.flatnonzero(whole & visible)
        flat = pixels[some].reshape(len(some), 2 * points.shape[1])
        kept = list(zip(places[some].tolist(), flat.tolist(), numbers[some].tolist()))
        for i in np.flatnonzero(front.any(axis=1) & ~whole).tolist():
            clipped = self.camera.to_pixels(clip_near(seen[i]))
            if not facing[i] or _area(clipped) > 0:
                kept.append((int(places[i]), clipped.ravel().tolist(), int(numbers[i])))
        return kept


def _area(pixels: np.ndarray) -> np.ndarray:
    """Twice the area of polygons in pixels (... x k x 2), positive when clockwise on screen."""
    x, y = pixels[..., 0], pixels[..., 1]
    return (x * np.roll(y, -1, axis=-1) - y * np.roll(x, -1, axis=-1)).sum(axis=-1)
