"""Street View's controls, drawn where `photos/controls.py` says that they lie."""

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ...controls import CONTROLS, SAVED

BLUE = (92, 122, 190, 255)
WHITE = (255, 255, 255, 255)
BLACK = (0, 0, 0, 255)


def draw(picture: np.ndarray, north: float) -> np.ndarray:
    """`picture` (1025 x 1281 x 3, uint8) with the controls and the black last row and column.

    `north` is the direction of the compass, in radians clockwise from up.
    """
    image = Image.fromarray(picture)
    layer = Image.new("RGBA", (SAVED[0], 150))
    pen = ImageDraw.Draw(layer)
    _draw_disc(pen, north)
    _draw_zoom(pen)
    _draw_cursor(pen)
    _draw_full_screen(pen)
    image.paste(layer, (0, 0), layer)
    picture = np.array(image)
    notice = _notice()
    left, top = CONTROLS["copyright line"][:2]
    box = picture[top - 2 :, left:][: notice.shape[0], : notice.shape[1]]
    box[notice] = np.maximum(box[notice], 150) // 4 * 3 + 60
    frame = _frame()
    picture[frame] = picture[frame] // 4 * 3
    picture[-1], picture[:, -1] = 0, 0
    return picture


def _draw_disc(pen: ImageDraw.ImageDraw, north: float) -> None:
    left, top, right, bottom = CONTROLS["pan disc and compass"]
    x, y = left + 41, top + 40
    edge = (left + 2, top + 2, right - 3, bottom - 3)
    pen.ellipse(edge, fill=(120, 120, 120, 90), outline=(235, 235, 235, 190), width=2)
    pen.ellipse((x - 25, y - 25, x + 25, y + 25), fill=WHITE)
    for dx, dy in ((0, -1), (1, 0), (0, 1), (-1, 0)):
        tip = (x + dx * 20, y + dy * 20)
        arms = [(tip[0] - dx * 5 + s * dy * 5, tip[1] - dy * 5 + s * dx * 5) for s in (-1, 1)]
        pen.line([arms[0], tip, arms[1]], fill=BLUE, width=3)
    pen.ellipse((x - 4, y - 4, x + 4, y + 5), outline=BLUE)
    x, y = x + 36 * np.sin(north), y - 36 * np.cos(north)
    pen.rectangle((x - 4, y - 4, x + 4, y + 4), fill=WHITE)
    pen.line([(x - 2, y + 2), (x - 2, y - 2), (x + 2, y + 2), (x + 2, y - 2)], fill=BLACK)


def _draw_zoom(pen: ImageDraw.ImageDraw) -> None:
    x, y = CONTROLS["zoom buttons"][:2]
    edge = (x, y, x + 17, y + 40)
    pen.rounded_rectangle(edge, 8, fill=WHITE, outline=(205, 205, 205, 255))
    pen.line([(x, y + 20), (x + 17, y + 20)], fill=(150, 150, 150, 255))
    for left, top, right, bottom in ((5, 10, 13, 12), (8, 7, 10, 15), (5, 29, 13, 31)):
        pen.rectangle((x + left, y + top, x + right, y + bottom), fill=BLUE)


def _draw_cursor(pen: ImageDraw.ImageDraw) -> None:
    x, y = CONTROLS["mouse cursor"][:2]
    outline = ((0, 1), (0, 14), (3, 12), (6, 19), (8, 18), (6, 11), (10, 11))
    pen.polygon([(x + right, y + down) for right, down in outline], fill=WHITE, outline=BLACK)


def _draw_full_screen(pen: ImageDraw.ImageDraw) -> None:
    left, top, right, bottom = CONTROLS["full-screen button"]
    pen.rectangle((left, top, right - 1, bottom - 1), fill=(150, 150, 150, 120))
    pen.rectangle((left + 3, top + 1, right - 3, bottom - 5), outline=WHITE)
    x, y = left + 10, top + 8
    for dx in (-1, 1):
        for dy in (-1, 1):
            pen.line([(x + dx * 2, y + dy * 2), (x + dx * 5, y + dy * 5)], fill=WHITE)


@cache
def _frame() -> np.ndarray:
    frame = np.zeros(SAVED[::-1], dtype=bool)
    for name, (left, top, right, bottom) in CONTROLS.items():
        if name.startswith("frame"):
            frame[top:bottom, left:right] = True
    return frame


@cache
def _notice() -> np.ndarray:
    """The words at the bottom as bools, in Pillow's built-in font, stretched to their box."""
    words = Image.new("L", (400, 14))
    text, font = "(c) 2010 Google   Report a problem", ImageFont.load_default_imagefont()
    ImageDraw.Draw(words).text((1, 1), text, fill=255, font=font)
    left, top, right, bottom = CONTROLS["copyright line"]
    return np.asarray(words.crop(words.getbbox()).resize((right - left, bottom - top))) > 100
