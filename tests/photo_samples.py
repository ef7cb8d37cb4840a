"""Small colored photos for the tests, each unlike the others."""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image


def photo(number: int, size: tuple[int, int] = (114, 88)) -> Image.Image:
    """A smooth pattern of colors that depends on `number` alone."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def encoded(number: int, size: tuple[int, int] = (114, 88), format: str = "JPEG", **options):
    """The bytes of a photo file."""
    buffer = io.BytesIO()
    photo(number, size).save(buffer, format, **options)
    return buffer.getvalue()


def street(folder: Path, places: int = 12, views: int = 3, size=(114, 88), first: int = 0) -> Path:
    """A folder of photos named <place>_<view>.jpg."""
    folder.mkdir(parents=True, exist_ok=True)
    for place in range(first, first + places):
        for view in range(1, views + 1):
            path = folder / f"{place:06d}_{view}.jpg"
            path.write_bytes(encoded(10 * place + view, size, quality=92))
    return folder


def gray_profile(gamma: float) -> bytes:
    """A minimal ICC profile of gray paper whose light is value ** gamma; it has no name."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags = struct.pack(">I", 2)
    tags += b"wtpt" + struct.pack(">2I", 156, 20) + b"kTRC" + struct.pack(">2I", 176, 16)
    size = 128 + len(tags) + len(white) + len(curve)
    head = struct.pack(">I4sI", size, b"lcms", 0x02100000) + b"mntrGRAYXYZ " + bytes(12)
    head += b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head + bytes(128 - len(head)) + tags + white + curve
