"""The ground: road, sidewalks, curbs, markings, crossings, patches."""

import numpy as np

from ..drawing.canvas import UP, Canvas
from ..street import BEYOND, REACH, Street

WHITE, YELLOW = (198, 198, 194), (206, 168, 66)


def draw(canvas: Canvas, street: Street) -> None:
    """Draw all ground that is within reach of the camera."""
    rng = np.random.default_rng([*street.seed, 10])
    here = canvas.camera.position[2]
    low, high = here - REACH - 400, here + REACH + 400
    curb, line = street.curb, street.line
    gray = rng.uniform(86, 128)
    asphalt = np.array([gray, gray, gray]) + rng.normal(0, 2.2, 3) * (0.6, 0.4, 1.6)
    pale = rng.uniform(128, 172)
    slabs = np.array([pale, pale * 0.985, pale * rng.uniform(0.92, 0.985)])

    def flat(rgb, name, grain="plain", strength=1.0):
        return canvas.surface(
            rgb, name, grain, normal=UP, at=(0, 0, 0), ground=True, strength=strength
        )

    road, walk = flat(asphalt, "road", "asphalt"), flat(slabs, "sidewalk", "slabs")
    earth = flat(slabs * 0.8, "other", "asphalt")
    stone, gutter = flat(slabs * 0.84, "sidewalk"), flat(asphalt * 0.72, "road", "asphalt")
    worn = float(rng.uniform(0.35, 0.95))
    paint = flat(asphalt + (np.array(WHITE) - asphalt) * worn, "road", "asphalt", 0.6)
    yellow = flat(asphalt + (np.array(YELLOW) - asphalt) * worn, "road", "asphalt", 0.6)
    dark = [flat(asphalt * f, "road", "asphalt") for f in (0.74, 0.86, 1.12)]

    def strips(x0, z0, x1, z1, surface):
        x0, z0, x1, z1 = (a.ravel() for a in np.broadcast_arrays(x0, z0, x1, z1))
        y = np.zeros_like(x0, float)
        corners = np.stack([x0, y, z0, x0, y, z1, x1, y, z1, x1, y, z0], axis=1)
        canvas.polygons(corners.reshape(-1, 4, 3).astype(float), surface)

    strips(-400, low, 400, high, earth)
    for side in (-1, 1):
        strips(side * curb, low, side * line, high, walk)
        strips(side * curb, low, side * (curb + 0.18), high, stone)
    strips(-curb, low, curb, high, road)
    near = [(m, h) for m, h in street.crossings if abs(m - here) < REACH]
    for middle, half in near:
        for side in (-1, 1):
            strips(side * curb, middle - half - 3, side * 300, middle + half + 3, walk)
            strips(side * (curb - 0.01), middle - half, side * 300, middle + half, road)
            strips(side * (curb + 1), middle - 0.08, side * 300, middle + 0.08, yellow)
    for side in (-1, 1):
        strips(side * (curb - 0.45), low, side * curb, high, gutter)

    z = np.sort(rng.uniform(-BEYOND, BEYOND, 160))
    z = z + np.round((here - z) / (2 * BEYOND)) * 2 * BEYOND  # patches repeat along the street
    x, wide, long = (
        rng.uniform(-curb, curb, 160),
        rng.uniform(0.4, 2.2, 160),
        rng.uniform(0.5, 9, 160),
    )
    for i, surface in enumerate(dark):
        some = slice(i, None, 3)
        strips(x[some], z[some], x[some] + wide[some], z[some] + long[some], surface)

    dashes = np.arange(np.floor((here - 120) / 9) * 9, here + 120, 9.0)
    dashes = dashes[[all(abs(d - m) > h + 5 for m, h in near) for d in dashes]]
    lanes = max(2, round(2 * curb / 3.6))
    edges = np.linspace(-curb, curb, lanes + 1)[1:-1]
    for edge in edges:
        if abs(edge) < 1.0 and not street.one_way:
            for offset in (-0.18, 0.08):
                strips(edge + offset, dashes, edge + offset + 0.11, dashes + 9.0, yellow)
        else:
            strips(edge - 0.06, dashes, edge + 0.06, dashes + 3.0, paint)
    for middle, half in near:
        bars = np.arange(-curb + 0.5, curb - 0.3, 1.2)
        for z in (middle - half - 3.2, middle + half + 0.6):
            strips(bars, z, bars + 0.55, z + 2.6, paint)
        strips(-curb, middle - half - 4.8, curb, middle - half - 4.4, paint)
        bars = np.arange(middle - half + 0.4, middle + half - 0.4, 1.2)
        for side in (-1, 1):
            strips(side * (curb + 0.6), bars, side * (curb + 3.0), bars + 0.55, paint)
