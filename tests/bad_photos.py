"""Files that are bad photos, each with the reason that must be reported."""

import io
import struct
import zlib

from photo_samples import encoded, photo


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def vast_png(side: int) -> bytes:
    """A PNG of `side` x `side` black pixels in a few kilobytes: rows compress to nothing."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    pack = zlib.compressobj(9)
    rows = b"".join(pack.compress(bytes(1 + side // 8)) for _ in range(64)) + pack.flush()
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def animation(format: str) -> bytes:
    buffer = io.BytesIO()
    frames = [photo(i) for i in range(3)]
    frames[0].save(buffer, format, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def gray(mode: str) -> bytes:
    buffer = io.BytesIO()
    photo(77).convert("L").convert(mode).save(buffer, "PNG")
    return buffer.getvalue()


BAD = {
    "empty": (b"", "an empty file: copy it again"),
    "text": (b"I am no photo.\n", "not a photo that can be read: save it as JPEG"),
    "page": (b"<html><body>404</body></html>", "not a photo that can be read"),
    "cut off": (encoded(500, (640, 480))[:9000], "damaged or cut off"),
    "cut off in its head": (encoded(500)[:100], "damaged or cut off|not a photo"),
    "cut off PNG": (encoded(500, format="PNG")[:5000], "damaged or cut off"),
    "one pixel": (encoded(500, (1, 1), "PNG"), "1 x 1 pixels, smaller than 112 x 88"),
    "small": (encoded(500, (111, 300)), "111 x 300 pixels, smaller than 112 x 88"),
    "vast": (vast_png(60_000), "more than 120 megapixels"),
    "large": (vast_png(12_000), "more than 120 megapixels"),
    "GIF": (animation("GIF"), "a GIF file: save it as JPEG"),
    "animated PNG": (animation("PNG"), "an animation, not a photo: save one picture of it"),
    "animated WebP": (animation("WEBP"), "an animation, not a photo"),
    "bitmap": (encoded(500, format="BMP"), "a BMP file: save it as JPEG"),
    "gray": (gray("L"), "gray already"),
    "gray in colors": (gray("RGB"), "gray already"),
    "black": (gray("1"), "gray already"),
}  # fmt: skip
