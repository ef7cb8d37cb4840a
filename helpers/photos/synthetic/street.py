"""Where things stand: streets as lists of lots, trees, cars and people, all from seeds."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from .drawing.camera import Camera
from .drawing.shading import PROFILE_STEP
from .drawing.weather import Weather

PAIR = 90  # places that two streets share, the first of them 30 to 60 places long
BEYOND = 260.0  # meters of street before the first place and after the last
REACH = 210.0  # meters that are drawn


@dataclass(frozen=True)
class Lot:
    """A piece of land on `side` (-1 left, 1 right) from z = start to end, with what is on it."""

    side: int
    start: float
    end: float
    kind: str  # "building", "park", "yard" (low and open)
    height: float
    depth: float
    corner: int  # -1: a street crosses before it, 1: after it, 0: neither
    setback: float
    seed: tuple[int, ...]


@dataclass(frozen=True)
class Thing:
    """Something that stands on the street at (x, z): a tree, a car, a person, a lamp."""

    kind: str
    x: float
    z: float
    heading: float  # of a vehicle: radians, 0 is along z
    size: float
    seed: tuple[int, ...]


@dataclass(frozen=True)
class Street:
    """One street; lengths in meters, x = 0 in the middle of the road."""

    seed: tuple[int, ...]
    curb: float  # from the middle to the curb
    line: float  # from the middle to the buildings
    step: float  # between places
    style: str
    season: str
    weather: Weather
    yaw: float
    pitch: float
    focal: float
    lane: float
    one_way: bool
    crossings: tuple[tuple[float, float], ...]  # middle and half width of the streets that cross
    lots: tuple[Lot, ...] = field(repr=False)
    things: tuple[Thing, ...] = field(repr=False)
    roofs: tuple = field(repr=False)

    def camera(self, index: int, view: int) -> Camera:
        """The camera at the street's place number `index`, view 1 to 4."""
        rng = np.random.default_rng([*self.seed, 3, index])
        x, along, turn = self.lane + rng.normal(0, 0.25), rng.normal(0, 0.6), rng.normal(0, 0.02)
        yaw = self.yaw + turn + (view - 1) * np.pi / 2
        return Camera((x, 2.5, index * self.step + along), yaw, self.pitch, self.focal)


def locate(place: int, seed: int) -> tuple[int, int, int]:
    """The number of the street on which a place lies, the place's number there, and how many
    places the street has (30 to 60)."""
    pair, index = divmod(place, PAIR)
    first = int(np.random.default_rng([seed, 1, pair]).integers(30, 61))
    if index < first:
        return 2 * pair, index, first
    return 2 * pair + 1, index - first, PAIR - first


@lru_cache(maxsize=4)
def lay_out(number: int, places: int, seed: int) -> Street:
    """Street `number`, `places` long."""
    key = (seed, 2, number)
    rng = np.random.default_rng(key)
    style = str(rng.choice(["side", "avenue", "canyon", "open"], p=[0.34, 0.26, 0.16, 0.24]))
    widths = {"side": (4.6, 6.5), "avenue": (8, 11.5), "canyon": (5.5, 8), "open": (7, 12)}
    curb = rng.uniform(*widths[style])
    line = curb + rng.uniform(3, 5.5)
    step = float(rng.uniform(7, 11))
    season = str(rng.choice(["summer", "spring", "autumn", "winter"], p=[0.55, 0.17, 0.14, 0.14]))
    weather = Weather.draw(rng)
    start, end = -BEYOND, places * step + BEYOND
    crossings, z = [], start + rng.uniform(0, 60)
    while z < end:
        crossings.append((float(z), float(rng.uniform(6, 10))))
        z += rng.uniform(70, 130)
    lots = _lots(rng, key, style, start, end, crossings)
    along = rng.random() < 0.5  # the car's heading, and so view 1, is about along the street
    return Street(
        seed=key,
        curb=curb,
        line=line,
        step=step,
        style=style,
        season=season,
        weather=weather,
        yaw=float(rng.normal(0, 0.1) if along else rng.uniform(-np.pi, np.pi) / 4),
        pitch=float(np.radians(rng.uniform(3, 10))),
        focal=float(rng.uniform(600, 740)),
        lane=float(rng.uniform(-0.35, 0.45) * curb),
        one_way=style in ("side", "canyon") and rng.random() < 0.7,
        crossings=tuple(crossings),
        lots=tuple(lots),
        things=tuple(_things(rng, key, curb, start, end, crossings)),
        roofs=_roofs(lots, line, start, end),
    )


def _lots(rng, key, style, start, end, crossings) -> list[Lot]:
    usual = {"side": 15, "avenue": 24, "canyon": 48, "open": 13}[style]
    bare = {"side": 0.14, "avenue": 0.16, "canyon": 0.08, "open": 0.55}[style]
    lots = []
    for side in (-1, 1):
        edges = [start, *(e for m, h in crossings for e in (m - h - 3, m + h + 3)), end]
        for low, high in zip(edges[::2], edges[1::2]):
            z = low
            while z < high - 4:
                width = float(
                    rng.choice(
                        [rng.uniform(6, 9), rng.uniform(9, 18), rng.uniform(18, 40)],
                        p=[0.35, 0.4, 0.25],
                    )
                )
                stop = high if high - z - width < 6 else z + width
                kind = (
                    "building"
                    if rng.random() > bare
                    else str(rng.choice(["park", "yard"], p=[0.8, 0.2]))
                )
                height = float(np.clip(usual * rng.lognormal(0, 0.35), 5, 120))
                setback = (
                    float(rng.uniform(1, 4)) if kind == "building" and style == "open" else 0.0
                )
                corner = -1 if z == low else 1 if stop == high else 0
                depth = float(rng.uniform(35, 90) if corner else rng.uniform(10, 22))
                lots.append(
                    Lot(side, z, stop, kind, height, depth, corner, setback, (*key, 7, len(lots)))
                )
                z = stop
    return lots


def _things(rng, key, curb, start, end, crossings) -> list[Thing]:
    things = []
    leafy, parked = rng.choice([0.3, 0.7, 0.95]), rng.uniform(0.3, 0.95)

    def clear(z, margin):
        return all(abs(z - middle) > half + margin for middle, half in crossings)

    def add(kind, x, z, heading, size):
        things.append(
            Thing(str(kind), float(x), float(z), heading, float(size), (*key, 8, len(things)))
        )

    for side in (-1, 1):
        z, height = start, rng.uniform(6, 13)
        while z < end:
            z += rng.uniform(7, 12)
            if rng.random() < leafy and clear(z, 6):
                add("tree", side * (curb + 0.9), z, 0.0, height * rng.uniform(0.75, 1.25))
            elif rng.random() < 0.45 and clear(z, 5):
                add(
                    rng.choice(["lamp", "sign", "bin", "hydrant", "mailbox"]),
                    side * (curb + 0.6),
                    z,
                    -side,
                    1,
                )
        z = start
        while z < end:
            z += rng.uniform(5.3, 6.6)
            if rng.random() < parked and clear(z, 9):
                kind = rng.choice(
                    ["car", "suv", "van", "taxi", "truck"], p=[0.56, 0.24, 0.11, 0.04, 0.05]
                )
                add(
                    kind,
                    side * (curb - 1.15),
                    z,
                    (0 if side > 0 else np.pi) + rng.normal(0, 0.02),
                    1,
                )
    for middle, half in crossings:
        for side in (-1, 1):
            add("signal", side * (curb + 0.7), middle - half - 1.2, -side, 1)
            add("signal", -side * (curb + 0.7), middle + half + 1.2, side, 1)
    return things


def _roofs(lots, line, start, end):
    heights = np.zeros((2, int((end - start) / PROFILE_STEP) + 1), np.float32)
    for lot in lots:
        span = slice(int((lot.start - start) / PROFILE_STEP), int((lot.end - start) / PROFILE_STEP))
        heights[(lot.side + 1) // 2, span] = lot.height if lot.kind == "building" else 0
    return line, start, heights[0], heights[1]
