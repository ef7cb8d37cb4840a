"""One picture: a place on a street, seen in one of four directions."""

import numpy as np

from ..controls import mask
from .drawing import controls
from .drawing.canvas import Canvas
from .drawing.materials import CLASS_ID
from .drawing.shading import shade
from .street import REACH, Street, Thing, lay_out, locate
from .things import ground, lots, nature, people, vehicles
from .traffic import traffic


def render(place: int, view: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """What place number `place` (0, 1, 2, ...) looks like in direction `view` (1 to 4).

    Returns the picture, 1025 x 1281 x 3, uint8 sRGB, with Street View's controls and its black
    last row and column, and the class of every pixel, 1025 x 1281, uint8 indices of `CLASSES`
    ("none" where a control lies). The views of a place are 90 degrees apart; place n + 1 is
    7 to 11 m along the street from place n, until, after 30 to 60 places, another street begins.
    The same `seed`, `place` and `view` give the same picture, in any order.
    """
    if view not in (1, 2, 3, 4):
        raise ValueError(f"view must be 1, 2, 3 or 4, not {view}")
    if place < 0:
        raise ValueError(f"place must be 0 or more, not {place}")
    number, index, places = locate(place, seed)
    street = lay_out(number, places, seed)
    camera = street.camera(index, view)
    canvas = Canvas(camera, street.weather.sun)
    lots.draw_skyline(canvas, street)
    ground.draw(canvas, street)
    things = [*street.things, *traffic(street, index)]
    _draw_lots(canvas, street, [thing for thing in things if abs(thing.x) > street.line])
    _draw_things(canvas, street, [thing for thing in things if abs(thing.x) <= street.line])
    rng = np.random.default_rng([*street.seed, 9, index, view])
    picture, classes = shade(canvas, street.weather, street.roofs, rng)
    classes[mask()] = CLASS_ID["none"]
    return controls.draw(picture, -camera.yaw), classes


def _draw_lots(canvas: Canvas, street: Street, things: list[Thing]) -> None:
    """Everything behind the building lines, from far to near; `things` are on crossing streets."""
    here = canvas.camera.position[2]
    lots_away = [(max(lot.start - here, here - lot.end, 0.0), lot) for lot in street.lots]
    away = lots_away + [(abs(thing.z - here), thing) for thing in things]
    for distance, piece in sorted(away, key=lambda pair: -pair[0]):
        if distance > REACH:
            continue
        if isinstance(piece, Thing):
            vehicles.draw_vehicle(canvas, piece)
        elif piece.kind == "building":
            lots.draw_building(canvas, street, piece)
        else:
            (nature.draw_lawn if piece.kind == "park" else lots.draw_yard)(canvas, street, piece)
            for tree in _far_first(canvas, nature.trees_of(piece, street)):
                nature.draw_tree(canvas, street, tree)


def _draw_things(canvas: Canvas, street: Street, things: list[Thing]) -> None:
    """Everything between the building lines, from far to near."""
    here = canvas.camera.position[2]
    for thing in _far_first(canvas, [thing for thing in things if abs(thing.z - here) < 120]):
        if thing.kind == "tree":
            nature.draw_tree(canvas, street, thing)
        elif thing.kind in vehicles.MODELS:
            vehicles.draw_vehicle(canvas, thing)
        elif thing.kind == "person":
            people.draw_person(canvas, thing)
        else:
            people.draw_furniture(canvas, thing)


def _far_first(canvas: Canvas, things: list[Thing]) -> list[Thing]:
    """The things in sight, far ones first."""
    if not things:
        return []
    seen = canvas.camera.to_camera(np.array([(t.x, 1.5, t.z) for t in things]))
    margin = np.array([12.0 if t.kind in ("tree", "bus", "truck") else 4.0 for t in things])
    ahead = (seen[:, 2] > -margin / 2) & (np.abs(seen[:, 0]) < seen[:, 2] * 1.15 + margin)
    distance = np.hypot(seen[:, 0], seen[:, 2])
    return [things[i] for i in np.argsort(-distance, kind="stable") if ahead[i]]
