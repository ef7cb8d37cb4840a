"""People, lamps, signals, signs and whatever else stands on a sidewalk."""

import numpy as np

from ..drawing.canvas import UP, Canvas
from ..drawing.materials import pick
from ..street import Thing
from .nature import cast_shadow

HAIR = [(28, 24, 22), (70, 50, 36), (120, 92, 60), (150, 148, 146)]


def draw_person(canvas: Canvas, person: Thing) -> None:
    """A person of `size` meters, in clothes of any color."""
    rng = np.random.default_rng(person.seed)
    at, tall = np.array([person.x, 0.0, person.z]), person.size
    if canvas.camera.to_camera(at)[2] < 2.2:
        return
    right = canvas.camera.axes[0]
    wide, stride = rng.uniform(0.9, 1.15), rng.uniform(0.02, 0.16)

    def finish(rgb, sun=0.55):
        return canvas.surface(rgb, "person", "paint", at=at, sunlit=sun)

    skin, hair = finish(pick(rng, "skin", 3)), finish(HAIR[rng.integers(4)])
    legs_rgb, top_rgb = np.array(pick(rng, "clothes")), np.array(pick(rng, "clothes"))
    legs, shade, top, arm = (finish(c) for c in (legs_rgb, legs_rgb * 0.8, top_rgb, top_rgb * 0.82))
    shoes = finish((30, 28, 28))
    skirt = rng.random() < 0.2
    parts = [  # corners as (across, up), shares of the height
        (shade, [(-0.09, 0.5), (0.01, 0.5), (-0.03 - stride, 0.03), (-0.09 - stride, 0.03)]),
        (legs, [(-0.01, 0.5), (0.09, 0.5), (0.09 + stride, 0.03), (0.03 + stride, 0.03)]),
        (
            shoes,
            [
                (-0.1 - stride, 0.04),
                (-0.02 - stride, 0.04),
                (-0.01 - stride, 0),
                (-0.1 - stride, 0),
            ],
        ),
        (
            shoes,
            [(0.03 + stride, 0.04), (0.1 + stride, 0.04), (0.13 + stride, 0), (0.03 + stride, 0)],
        ),
        (arm, [(-0.13, 0.8), (-0.08, 0.8), (-0.11, 0.45), (-0.16, 0.47)]),
        (arm, [(0.13, 0.8), (0.08, 0.8), (0.12, 0.45), (0.17, 0.48)]),
        (skin, [(-0.16, 0.48), (-0.11, 0.48), (-0.12, 0.42), (-0.15, 0.42)]),
        (top, [(-0.1, 0.83), (0.1, 0.83), (0.1, 0.46), (-0.1, 0.46)]),
        (skin, [(-0.03, 0.88), (0.03, 0.88), (0.03, 0.82), (-0.03, 0.82)]),
        (hair, [(-0.06, 0.92), (-0.04, 1.0), (0.04, 1.0), (0.06, 0.92)]),
        (skin, [(-0.052, 0.96), (0.052, 0.96), (0.04, 0.865), (-0.04, 0.865)]),
    ]
    if skirt:
        parts[0:2] = [
            (legs, [(-0.09, 0.52), (0.09, 0.52), (0.15, 0.25), (-0.15, 0.25)]),
            (skin, [(-0.07, 0.25), (0.07, 0.25), (0.06, 0.04), (-0.06, 0.04)]),
        ]
    if rng.random() < 0.4:
        bag = finish(pick(rng, "vivid"))
        parts.append((bag, [(0.1, 0.6), (0.2, 0.6), (0.21, 0.42), (0.1, 0.42)]))
    shapes = np.array([corners for _, corners in parts]) * tall
    points = at + shapes[..., :1] * right * wide + shapes[..., 1:] * UP
    ground = canvas.surface(
        (40, 40, 42), "sidewalk", normal=UP, at=(0, 0, 0), sunlit=0.1, ground=True
    )
    foot = np.array([(-0.2, -0.1), (-0.1, 0.12), (0.15, 0.12), (0.22, -0.08)]) * wide
    canvas.polygons((at + np.stack([foot[:, 0], 0 * foot[:, 0], foot[:, 1]], axis=1))[None], ground)
    canvas.polygons(points, np.array([number for number, _ in parts]))
    cast_shadow(canvas, at + UP * np.linspace(0.1, 1.7, 6)[:, None], 0.25, rng, 220)


def draw_furniture(canvas: Canvas, thing: Thing) -> None:
    """A lamp, signal, sign, bin, hydrant or mailbox."""
    rng = np.random.default_rng(thing.seed)
    at = np.array([thing.x, 0.0, thing.z])
    if canvas.camera.to_camera(at)[2] < 1.0:
        return
    right = canvas.camera.axes[0]
    inward = np.array([np.sign(-thing.x), 0.0, 0.0])

    def box(low, high, half, rgb, sun=0.4, shift=0.0, along=right):
        center, half = at + along * shift, right * half
        low, high = low * UP, high * UP
        quad = [
            center - half + low,
            center - half + high,
            center + half + high,
            center + half + low,
        ]
        canvas.polygons(np.array([quad]), canvas.surface(rgb, "other", "paint", at=at, sunlit=sun))

    def arm(height, reach, rgb, thick=0.06):
        foot, head = at + height * UP, at + inward * reach + (height + 0.5) * UP
        quad = [foot, foot + 2 * thick * UP, head + thick * UP, head]
        canvas.polygons(np.array([quad]), canvas.surface(rgb, "other", at=at, sunlit=0.3))

    steel = np.array((66, 70, 70)) * rng.uniform(0.6, 1.6)
    if thing.kind == "lamp":
        box(0, 8.2, 0.09, steel)
        arm(7.8, 2.4, steel)
        box(8.3, 8.5, 0.35, (170, 172, 170), 0.4, 2.4, inward)
    elif thing.kind == "signal":
        box(0, 5.6, 0.1, steel)
        arm(5.2, 4.2, steel)
        yellow = (206, 152, 32)
        for shift, high in ((4.0, 5.9), (0.25, 3.4)):
            box(high - 1.0, high, 0.2, yellow, 0.5, shift, inward)
            lit = int(rng.integers(0, 2)) * 2
            for k, rgb in enumerate(((226, 40, 36), (210, 160, 30), (60, 200, 140))):
                box(
                    high - 0.3 - k * 0.31,
                    high - 0.08 - k * 0.31,
                    0.1,
                    rgb if k == lit else (40, 34, 24),
                    0.3,
                    shift,
                    inward,
                )
        box(2.9, 3.2, 0.55, (28, 96, 66), 0.4, 0.1)
    elif thing.kind == "sign":
        box(0, 2.9, 0.035, (130, 132, 132))
        rgb = [(196, 40, 40), (232, 232, 228), (30, 110, 70), (40, 80, 150)][rng.integers(4)]
        box(2.2, 2.9, 0.24, rgb)
        box(2.4, 2.7, 0.16, (232, 230, 226))
    elif thing.kind == "bin":
        box(0, 0.95, 0.3, [(52, 70, 58), (70, 70, 72), (40, 62, 96)][rng.integers(3)])
        box(0.9, 1.0, 0.32, (30, 30, 30))
    elif thing.kind == "hydrant":
        box(0, 0.7, 0.12, [(150, 44, 38), (60, 62, 62), (196, 160, 44)][rng.integers(3)])
    else:
        box(0, 1.2, 0.3, (36, 62, 116))
