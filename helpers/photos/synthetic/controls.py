"""Street View's controls of 2010, drawn where they lie on its pictures."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .camera import HEIGHT, WIDTH

BLUE = (92, 122, 190)


def draw(picture: np.ndarray, north: float) -> np.ndarray:
    """`picture` (HEIGHT x WIDTH x 3, uint8) with the controls and the black last row and column.

    A darkened frame of 4 px; mouse cursor at x 0-11, y 0-20; pan disc and compass (`north`, in
    radians clockwise from up) in x 8-90, y 8-90; zoom buttons in x 40-60, y 103-145; full-screen
    button in x 1256-1275, y 4-23; the notice in x 11-181, y 1005-1017.
    """
    image = Image.fromarray(picture)
    layer = Image.new("RGBA", (WIDTH, 150))
    pen = ImageDraw.Draw(layer)
    pen.ellipse((10, 10, 88, 88), fill=(120, 120, 120, 90), outline=(235, 235, 235, 190), width=2)
    pen.ellipse((24, 23, 74, 73), fill=(255, 255, 255, 255))
    for dx, dy in ((0, -1), (1, 0), (0, 1), (-1, 0)):
        tip = (49 + dx * 20, 48 + dy * 20)
        arms = [(tip[0] - dx * 5 + s * dy * 5, tip[1] - dy * 5 + s * dx * 5) for s in (-1, 1)]
        pen.line([arms[0], tip, arms[1]], fill=(*BLUE, 255), width=3)
    pen.ellipse((45, 44, 53, 53), outline=(*BLUE, 255))
    x, y = 49 + 36 * np.sin(north), 48 - 36 * np.cos(north)
    pen.rectangle((x - 4, y - 4, x + 4, y + 4), fill=(255, 255, 255, 255))
    pen.line([(x - 2, y + 2), (x - 2, y - 2), (x + 2, y + 2), (x + 2, y - 2)], fill=(0, 0, 0, 255))
    pen.rounded_rectangle(
        (40, 103, 57, 143), 8, fill=(255, 255, 255, 255), outline=(205, 205, 205, 255)
    )
    pen.line([(40, 123), (57, 123)], fill=(150, 150, 150, 255))
    for box in ((45, 113, 53, 115), (48, 110, 50, 118), (45, 132, 53, 134)):
        pen.rectangle(box, fill=(*BLUE, 255))
    pen.polygon(
        [(0, 1), (0, 14), (3, 12), (6, 19), (8, 18), (6, 11), (10, 11)],
        fill=(255, 255, 255, 255),
        outline=(0, 0, 0, 255),
    )
    pen.rectangle((1256, 4, 1275, 23), fill=(150, 150, 150, 120))
    pen.rectangle((1259, 5, 1273, 19), outline=(255, 255, 255, 255))
    for sx in (-1, 1):
        for sy in (-1, 1):
            pen.line(
                [(1266 + sx * 2, 12 + sy * 2), (1266 + sx * 5, 12 + sy * 5)],
                fill=(255, 255, 255, 255),
            )
    image.paste(layer, (0, 0), layer)
    picture = np.array(image)
    notice = _notice()
    box = picture[1003 : 1003 + notice.shape[0], 11 : 11 + notice.shape[1]]
    box[notice] = np.maximum(box[notice], 150) // 4 * 3 + 60
    for edge in (
        np.s_[:4],
        np.s_[HEIGHT - 5 :],
        np.s_[4 : HEIGHT - 5, :4],
        np.s_[4 : HEIGHT - 5, WIDTH - 5 :],
    ):
        picture[edge] = picture[edge] // 4 * 3
    picture[-1], picture[:, -1] = 0, 0
    return picture


def mask() -> np.ndarray:
    """HEIGHT x WIDTH bools: where a control, the frame or the black edge hides the street."""
    hidden = np.zeros((HEIGHT, WIDTH), bool)
    for x0, y0, x1, y1 in (
        (0, 0, 11, 20),
        (8, 8, 90, 90),
        (40, 103, 60, 145),
        (1256, 4, 1275, 23),
        (11, 1005, 181, 1017),
    ):
        hidden[y0 : y1 + 1, x0 : x1 + 1] = True
    hidden[:4], hidden[-5:], hidden[:, :4], hidden[:, -5:] = True, True, True, True
    return hidden


def _notice() -> np.ndarray:
    """13 x 171 bools: the words at the bottom, in Pillow's built-in font, stretched."""
    words = Image.new("L", (400, 14))
    pen = ImageDraw.Draw(words)
    pen.text(
        (1, 1),
        "(c) 2010 Google   Report a problem",
        fill=255,
        font=ImageFont.load_default_imagefont(),
    )
    box = words.getbbox()
    return np.asarray(words.crop(box).resize((171, 13))) > 100
