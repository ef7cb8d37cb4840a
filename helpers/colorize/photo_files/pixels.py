"""The pixels of a photo file: read upright as sRGB of 8 or 16 bits, written in the file's colors.

Pillow has 8 bits for color: imagecodecs and tifffile read 16, imagecodecs applies profiles to them,
and PNG and TIFF are written here, in strips.
"""

import io
import logging
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

from ...photos import decode
from .. import recolor
from ..coloring import Painted, strips
from .side_data import RESOLUTION, TIFF_TAGS

# What turns the array of an upright photo back to its EXIF orientation, without a copy.
BACK = {
    2: np.fliplr,
    3: lambda rgb: np.rot90(rgb, 2),
    4: np.flipud,
    5: lambda rgb: rgb.swapaxes(0, 1),
    6: np.rot90,
    7: lambda rgb: np.rot90(rgb, 2).swapaxes(0, 1),
    8: lambda rgb: np.rot90(rgb, 3),
}
logging.getLogger("tifffile").addHandler(logging.NullHandler())  # else it prints to the terminal
READ = 2**20  # pixels that are converted at a time
MAX_DEEP_COLOR = 40_000_000  # pixels: beside Pillow's picture they take half a gigabyte
DEEP_MODES = {"RGB", "RGBA", "RGBX", "LA"}  # Pillow's, of color and of gray beside alpha
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
TIFF = {"photometric": "rgb", "compression": "adobe_deflate", "predictor": True}
TIFF |= {"metadata": None, "software": False}  # the tags are all ours


class _ColorError(Exception):
    """A picture whose channels differ."""


def stored(picture: np.ndarray, orientation: int) -> np.ndarray:
    """A view of an upright picture (H x W [x 3]) as a file with this EXIF orientation stores it."""
    return BACK[orientation](picture) if orientation in BACK else picture


def upright(image: Image.Image, orientation: int) -> np.ndarray:
    """sRGB (H x W x 3, uint8) of a decoded picture, upright; of gray, a view of one channel."""
    profile = image.info.get("icc_profile")
    orientation = _still_to_turn(image, orientation)
    space, change = (decode.transform(image.mode, profile) if profile else None) or (None, None)
    one = image.mode in ("1", "L", "LA") or image.mode.startswith("I")
    if change and (space == "L") != one:  # strips might differ in whether they are gray
        return _filled(decode.srgb(image), orientation, (3,), np.uint8, np.asarray)
    return _gray_or_color(image, orientation, decode.srgb, one)


def _still_to_turn(image: Image.Image, orientation: int) -> int:
    """The orientation of a picture that Pillow decoded: it turns a TIFF itself."""
    return 1 if image.format == "TIFF" else orientation


def is_deep(image: Image.Image) -> bool:
    """Whether an opened picture, not yet decoded, has 16 bits a channel."""
    kinds = (
        tile.args if isinstance(tile.args, str) else [*(tile.args or "")][:1] for tile in image.tile
    )
    return image.mode.startswith("I") or any("16" in str(kind) for kind in kinds)


def is_clear(image: Image.Image) -> bool:
    """Whether parts of a picture may be transparent; an alpha channel may be opaque all over."""
    if "A" in image.getbands():
        return image.getchannel("A").getextrema()[0] < 255
    return image.has_transparency_data


def deep(image: Image.Image, file: bytes | None, orientation: int) -> np.ndarray | None:
    """sRGB of 16 bits (H x W, or H x W x 3 if there is color; uint16), upright.

    image: for which `is_deep` held, decoded since, so that Pillow alone decides what is damaged; it
    is closed. file: what it was opened from, if it is not of one channel. None, and still open,
    where 16 bits are not kept: parts are transparent, color has more than MAX_DEEP_COLOR pixels, or
    the library that reads it is more strict than Pillow, as with a wrong checksum.
    """
    if image.format not in ("PNG", "TIFF") or "transparency" in image.info or is_clear(image):
        return None
    if image.mode.startswith("I"):
        turned, change = _still_to_turn(image, orientation), partial(decode.gray, most=65535)
        values = _filled(image, turned, (), np.uint16, change)
    else:
        if image.mode not in DEEP_MODES or image.width * image.height > MAX_DEEP_COLOR:
            return None
        try:
            values = _decoded(image, file)
        except Exception:
            return None
        values = _upright_values(values, orientation)
        if power := decode.gamma(image):
            _in_strips(values, decode.levels(65535, power, 65535).__getitem__)
    mode, profile = image.mode, image.info.get("icc_profile")
    image.close()
    return _in_srgb(values, mode, profile) if profile else values


def _decoded(image: Image.Image, file: bytes) -> np.ndarray:
    """The values of a PNG or TIFF as they are stored: H x W x C, uint16."""
    if image.format == "PNG":
        return imagecodecs.png_decode(file)
    with tifffile.TiffFile(io.BytesIO(file)) as tiff:
        page = tiff.pages[image.tell()]
        pixels = page.size // page.samplesperpixel
        if page.dtype != np.uint16 or pixels != image.width * image.height:
            raise ValueError("read otherwise than by Pillow")
        values = page.asarray(maxworkers=1)
        return np.moveaxis(values, 0, -1) if page.planarconfig == 2 else values


def _upright_values(values: np.ndarray, orientation: int) -> np.ndarray:
    """Stored values (H x W x C) upright, without alpha; H x W if they are gray."""
    height, width, channels = values.shape
    gray = channels < 3 or all(np.array_equal(values[..., 0], values[..., i]) for i in (1, 2))
    values = values[..., 0] if gray else values[..., :3]
    size = (width, height) if orientation >= 5 else (height, width)
    array = np.empty((*size, *values.shape[2:]), np.uint16)
    stored(array, orientation)[...] = values
    return array


def eight_bits(values: np.ndarray) -> np.ndarray:
    """The nearest 8 bits of 16 (H x W [x 3], uint16), as H x W x 3; of gray, a view."""
    nearest = np.empty(values.shape, np.uint8)
    for first, last in strips(*values.shape[:2], READ):
        nearest[first:last] = (values[first:last].astype(np.uint32) + 128) // 257
    return nearest if values.ndim == 3 else np.broadcast_to(nearest[..., None], (*values.shape, 3))


def _in_srgb(values: np.ndarray, mode: str, profile: bytes) -> np.ndarray:
    """Convert 16 bits from a profile, as `decode.srgb` converts 8, in place."""
    space, change = decode.transform(mode, profile) or (None, None)
    if change is None or (space == "L" and values.ndim == 3):
        return values
    if values.ndim == 3:
        _in_strips(values, lambda rows: converted(rows, profile, SRGB))
        return values
    ramp = np.arange(65536, dtype=np.uint16)[None]
    ramp = ramp if space == "L" else ramp[..., None].repeat(3, axis=2)
    # A scanner's profile may tint gray: its lightness is what counts.
    luminance = recolor.luminance(recolor.as_tensor(converted(ramp, profile, SRGB), "cpu"))
    table = np.rint(recolor.encoded(luminance, eight_bits=False).numpy() * 65535)
    _in_strips(values, table[0].astype(np.uint16).__getitem__)
    return values


def _in_strips(values: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> None:
    for first, last in strips(*values.shape[:2], READ):
        values[first:last] = change(values[first:last])


def converted(pixels: np.ndarray, source: bytes, target: bytes) -> np.ndarray:
    """Colors (H x W, gray, or H x W x 3; uint8 or uint16) of one profile in another, of RGB."""
    space = "rgb" if pixels.ndim == 3 else "gray"
    # With its shortcuts LittleCMS is off by up to 150 of 65535 in the shadows, without by 1.
    flags = imagecodecs.CMS.FLAGS.NOOPTIMIZE if pixels.dtype == np.uint16 else None
    options = {"colorspace": space, "outcolorspace": "rgb", "flags": flags}
    return imagecodecs.cms_transform(np.ascontiguousarray(pixels), source, target, **options)


def is_writable(profile: bytes) -> bool:
    """Whether sRGB pixels can be converted to a profile; a scanner's may convert one way only."""
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        ImageCms.buildTransform(own, srgb, "RGB", "RGB")
        ImageCms.buildTransform(srgb, own, "RGB", "RGB")
    except decode.BAD_PROFILE:
        return False
    return True


def _gray_or_color(image: Image.Image, orientation: int, change, one: bool = False) -> np.ndarray:
    """Strips of a picture, changed, as H x W x 3; if all are gray, a view of one channel."""
    try:
        gray = _filled(image, orientation, (), np.uint8, lambda x: _channel(change(x), one))
        return np.broadcast_to(gray[..., None], (*gray.shape, 3))
    except _ColorError:
        pass  # and let go of the gray rows
    return _filled(image, orientation, (3,), np.uint8, change)


def _channel(strip: Image.Image, gray: bool) -> np.ndarray:
    """The channel of a strip that is gray, as many scans in RGB are. Raises _ColorError."""
    rgb = np.asarray(strip)
    if not (gray or all(np.array_equal(rgb[..., 0], rgb[..., i]) for i in (1, 2))):
        raise _ColorError
    return rgb[..., 0]


def _filled(image: Image.Image, orientation: int, channels: tuple, dtype, change) -> np.ndarray:
    """An upright array, filled in strips with `change(strip)`: a whole copy takes memory."""
    width, height = image.size[::-1] if orientation in (5, 6, 7, 8) else image.size
    array = np.empty((height, width, *channels), dtype)
    rows = stored(array, orientation)
    for first, last in strips(image.height, image.width, READ):
        strip = image.crop((0, first, image.width, last))
        strip.format = image.format
        rows[first:last] = np.asarray(change(strip))
    return array


def in_profile(
    pixels: np.ndarray | Painted, profile: bytes | None
) -> Iterator[tuple[int, np.ndarray]]:
    """Strips of an sRGB picture (H x W x 3), each with its first row, in a profile's colors."""
    _, change = (decode.transform("RGB", profile) if profile else None) or (None, None)
    own = profile if change else None
    for first, last in strips(*pixels.shape[:2]):
        rows = pixels[first:last]
        yield first, converted(rows, SRGB, own) if own else rows


def encoded(image: Image.Image, **options) -> memoryview:
    """A file in memory: Pillow's own writers overlook a full disk."""
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getbuffer()


def png(pixels: np.ndarray | Painted, profile: bytes | None, metadata: dict) -> memoryview:
    """A PNG of 8 or 16 bits: the side data that Pillow writes, around rows compressed here.

    Pillow needs the whole picture in memory. metadata: see `side_data.kept`.
    """
    height, width = pixels.shape[:2]
    plain, side = (
        encoded(Image.new("RGB", (1, 1)), format="PNG", **given).tobytes()
        for given in ({}, metadata | ({"icc_profile": profile} if profile else {}))
    )
    black_pixel = plain[33:-12]  # between the 33 bytes with the size and the 12 at the end
    before, _, behind = side[33:].partition(black_pixel)
    file, size = io.BytesIO(), pixels.dtype.itemsize
    file.write(side[:8])
    header = struct.pack(">IIBBBBB", width, height, 8 * size, 2, 0, 0, 0)
    PngImagePlugin.putchunk(file, b"IHDR", header)
    file.write(before)
    packer, above = zlib.compressobj(3), np.zeros((1, 3 * width * size), np.uint8)
    for _, strip in in_profile(pixels, profile):
        rows = strip.astype(f">u{size}").reshape(len(strip), -1).view(np.uint8)
        lines = np.full((len(rows), 1 + rows.shape[1]), 2, np.uint8)  # 2: less the row above
        lines[:, 1:] = rows - np.concatenate([above, rows[:-1]])
        PngImagePlugin.putchunk(file, b"IDAT", packer.compress(lines))
        above = rows[-1:]
    PngImagePlugin.putchunk(file, b"IDAT", packer.flush())
    file.write(behind)
    return file.getbuffer()


def tiff(pixels: np.ndarray | Painted, profile: bytes | None, metadata: dict) -> memoryview:
    """A TIFF of 8 or 16 bits: the tags that Pillow writes, around rows compressed here.

    Pillow needs the whole picture in memory. metadata: see `side_data.kept`.
    """
    tags = metadata["tiffinfo"]
    head = encoded(Image.new("RGB", (1, 1)), format="TIFF", tiffinfo=tags).tobytes()
    with tifffile.TiffFile(io.BytesIO(head)) as file:  # the tags as Pillow writes them
        found = [tag for tag in file.pages[0].tags if tag.code in {*TIFF_TAGS} - {*RESOLUTION}]
    extra = [
        (tag.code, tag.dtype, tag.count, head[tag.valueoffset :][: tag.valuebytecount], True)
        for tag in found
    ]
    options = {"resolution": None}
    if 282 in tags:
        options = {"resolution": (tags[282], tags[283]), "resolutionunit": tags.get(296, 2)}
    options |= {"extratags": extra, "iccprofile": profile, "byteorder": "<"} | TIFF
    buffer = io.BytesIO()
    (_, height), *_ = strips(*pixels.shape[:2])
    options |= {"shape": pixels.shape, "dtype": pixels.dtype, "rowsperstrip": height}
    packed = (_packed(strip) for _, strip in in_profile(pixels, profile))
    tifffile.imwrite(buffer, packed, **options)
    return buffer.getbuffer()


def _packed(rows: np.ndarray) -> bytes:
    """Rows as a strip of a TIFF. tifffile packs whole pictures only."""
    less_left = np.diff(rows, axis=1, prepend=np.zeros_like(rows[:, :1]))  # the predictor
    return zlib.compress(less_left.astype(rows.dtype.newbyteorder("<")).tobytes(), 3)
