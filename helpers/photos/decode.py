"""Reads photo files into upright 8-bit sRGB, and says why a file cannot be read."""

import errno
import functools
import hashlib
import io
import math
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageCms, PngImagePlugin

FORMATS = {"JPEG", "MPO", "PNG", "WEBP", "TIFF"}  # MPO: a JPEG with a second picture behind it
SAVE_AS = "save it as JPEG, PNG, WebP or TIFF"
MAX_PIXELS = 120_000_000  # decoded, about half a gigabyte
MAX_BYTES = 1_000_000_000  # of a file: MAX_PIXELS of 16-bit RGBA without compression

# Pillow warns from 89 megapixels on and refuses from twice that; this project has one limit.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# `exif` names what is lost.
warnings.filterwarnings("ignore", message=".*EXIF|Truncated File Read", module="PIL")
PngImagePlugin.MAX_TEXT_CHUNK = 2**24  # bytes of a text; Pillow refuses a photo with more

ORIENTATION = 0x0112  # the EXIF tag; from 5 on, width and height change places
# What turns a stored photo upright, by its EXIF orientation.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
JPEG_END = b"\xff\xd9"
PNG_HEAD = b"\x89PNG\r\n\x1a\n"
BAD_PROFILE = (ImageCms.PyCMSError, OSError, ValueError)  # what a damaged one raises
SPACES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}
SRGB_GAMMA = 0.45455
TIFF_HEADS = {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}
LARGE_TILE = 2**22  # pixels
TIFFS = (
    "of a kind that can be read: save it as gray or RGB with 8 or 16 bits, little-endian, channels "
    "interleaved, without alpha"
)
EXIF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
TRANSFERS = {16: "PQ", 18: "HLG"}  # ITU-T H.273


class BadPhotoError(ValueError):
    """A photo that cannot be used. Its text is the reason, in words for a user."""


class TooLargeError(BadPhotoError):
    """A photo beyond the limit of pixels or bytes."""


def opened(
    photo: Image.Image | np.ndarray | bytes | str | os.PathLike, most: int = MAX_PIXELS
) -> Image.Image:
    """Open a photo without decoding it: a file, its bytes, or an array (H x W [x 3], uint8).

    Raises TooLargeError if it has more than `most` pixels, or a WebP more than half of that;
    BadPhotoError if it is no JPEG, PNG, WebP or TIFF, or is an animation; FileNotFoundError or
    PermissionError as the system does.
    """
    if isinstance(photo, Image.Image):
        return photo
    if isinstance(photo, np.ndarray):
        return Image.fromarray(photo)
    data = photo if isinstance(photo, bytes) else read(photo, most)
    if not data:
        raise BadPhotoError("an empty file: copy it again")
    too_large = TooLargeError(f"more than {most / 10**6:g} megapixels")
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, most)  # Pillow's own, for all threads
    lost = []
    if data[:8] == PNG_HEAD:
        data, lost = _readable_png(data)
    elif data[:2] == b"\xff\xd8" and data.rfind(JPEG_END) < data.rfind(b"\xff\xda"):
        data = _ended_jpeg(data, most)
    try:
        image = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError:
        raise too_large from None
    except Image.UnidentifiedImageError:
        if data[:4] in TIFF_HEADS:
            raise BadPhotoError(f"a TIFF that is damaged or not {TIFFS}") from None
        raise BadPhotoError(f"not a photo that can be read: {SAVE_AS}") from None
    if image.format not in FORMATS:
        raise BadPhotoError(f"a {image.format} file: {SAVE_AS}")
    if image.format in ("PNG", "WEBP") and getattr(image, "n_frames", 1) > 1:
        raise BadPhotoError("an animation, not a photo: save one picture of it")
    if image.format == "TIFF":
        _skip_thumbnail(image)
    image.info["lossless"] = image.format == "WEBP" and b"VP8L" in data[: data.find(b"VP8 ")]
    if image.width * image.height > most:
        raise too_large
    # Beside its picture, Pillow's decoder of WebP holds two of four bytes a pixel.
    if image.format == "WEBP" and image.width * image.height > most // 2:
        raise TooLargeError(f"more than {most / 2e6:g} megapixels, half the limit, in a WebP")
    if lost:
        names = ", ".join(lost)
        image.info["lost"] = [f"damaged or overlong parts of a PNG are left out: {names}"]
    if image.format == "PNG":
        _check_encoding(data, "icc_profile" in image.info)
    elif image.format == "TIFF":
        _check_samples(image)
    return image


def read(path: str | os.PathLike, most: int = MAX_PIXELS) -> bytes:
    """The bytes of a photo file.

    Raises TooLargeError, before reading, if they are more than `most` pixels can need.
    """
    largest = max(MAX_BYTES, MAX_BYTES * most // MAX_PIXELS)
    if os.stat(path).st_size > largest:
        raise TooLargeError(f"a file of more than {largest // 10**6:,} MB")
    return Path(path).read_bytes()


def exif(image: Image.Image) -> Image.Exif:
    """The EXIF of a photo; what is damaged is removed and named in `image.info["lost"]`."""
    found = image.info.get("exif", b"")
    try:
        sound = _without_values_cut_off(found)
        Image.Exif().load(sound)  # Pillow may have overlooked the damage
        if sound != found:
            image.info["exif"] = sound
            image.info.setdefault("lost", []).append("damaged parts of its EXIF are left out")
        return image.getexif()
    except Exception:  # struct, value and syntax errors, as the damage may be
        image.info.pop("exif", None)
        image.info.setdefault("lost", []).append("its EXIF is damaged and left out")
        return image.getexif()


def _without_values_cut_off(exif: bytes) -> bytes:
    """EXIF without the tags of its first directory whose values would lie beyond its end.

    Everything else stays in its place. Raises ValueError or struct.error if the directory itself is
    cut off.
    """
    head = 6 if exif.startswith(b"Exif\0\0") else 0
    if len(exif) < head + 8:
        return exif
    sign = "<" if exif[head : head + 2] == b"II" else ">"
    first = head + struct.unpack_from(sign + "I", exif, head + 4)[0]
    count = struct.unpack_from(sign + "H", exif, first)[0]
    end = first + 2 + 12 * count
    if end > len(exif):
        raise ValueError("the directory is cut off")
    kept = []
    for at in range(first + 2, end, 12):
        _, kind, number, place = struct.unpack_from(sign + "HHII", exif, at)
        size = number * EXIF_SIZES.get(kind, 0)
        if size <= 4 or head + place + size <= len(exif):
            kept.append(exif[at : at + 12])
    if len(kept) == count:
        return exif
    following, rest = exif[end : end + 4], exif[end + 4 :]  # where the thumbnail's directory is
    directory = struct.pack(sign + "H", len(kept)) + b"".join(kept) + following
    return exif[:first] + directory.ljust(end + 4 - first, b"\0") + rest


def orientation(image: Image.Image) -> int:
    """The EXIF orientation of a photo, 1 to 8; 1 (upright) in place of any other value."""
    found = exif(image).get(ORIENTATION, 1)
    return found if found in UPRIGHT else 1


def _readable_png(png: bytes) -> tuple[bytes, list[str]]:
    """A PNG without damaged or overlong side data, which Pillow would refuse, and its names."""
    kept, lost, begin, place = [], [], 0, 8
    while place + 12 <= len(png):
        end = place + 12 + int.from_bytes(png[place : place + 4], "big")
        kind = png[place + 4 : place + 8]
        if kind[:1].islower() and _unreadable(kind, png[place + 8 : end - 4], png[end - 4 : end]):
            lost.append(kind.decode("latin-1"))
            kept.append(png[begin:place])
            begin = end
        place = end
    return (b"".join([*kept, png[begin:]]), lost) if lost else (png, [])


def _unreadable(kind: bytes, data: bytes, checksum: bytes) -> bool:
    if zlib.crc32(kind + data) != int.from_bytes(checksum, "big"):
        return True
    packed = data.find(b"\0x") + 1 if kind == b"iTXt" else data.find(b"\0\0x") + 2
    if kind not in (b"zTXt", b"iTXt") or packed < 2:
        return False
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(data[packed:], PngImagePlugin.MAX_TEXT_CHUNK)
    except zlib.error:
        return kind == b"zTXt"
    return bool(unpacker.unconsumed_tail)


def _ended_jpeg(jpeg: bytes, most: int) -> bytes:
    """A JPEG without its end marker gets one if all its pixels are there, else it is unchanged.

    They are if the decoder has no use for further bytes, whatever these are.
    """
    bare = jpeg.removesuffix(b"\xff")
    found = set()
    for filler in (b"\x55", b"\xaa", b"\x33"):
        try:
            with Image.open(io.BytesIO(bare + filler * 256 + JPEG_END)) as image:
                if image.width * image.height > most:
                    return jpeg
                found.add(hashlib.sha256(image.tobytes()).digest())
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            return jpeg
    return bare + JPEG_END if len(found) == 1 else jpeg


def _check_encoding(png: bytes, has_profile: bool) -> None:
    """Refuse a PNG whose cICP chunk names another encoding than sRGB, which Pillow overlooks."""
    place = 8
    while (kind := png[place + 4 : place + 8]) and kind != b"IDAT":
        if kind == b"cICP":
            primaries, transfer = png[place + 8], png[place + 9]
            if transfer != 13 or not (primaries == 1 or has_profile):
                name = TRANSFERS.get(transfer, f"cICP {primaries}/{transfer}")
                raise BadPhotoError(f"colors in the encoding {name}: save it as sRGB")
        place += 12 + int.from_bytes(png[place : place + 4], "big")


def _skip_thumbnail(tiff: Image.Image) -> None:
    """Turn to the first page that is not a reduced copy, if there is one."""
    for page in range(tiff.n_frames):
        tiff.seek(page)
        if not tiff.tag_v2.get(254, 0) & 1:
            return
    tiff.seek(0)


def _check_samples(tiff: Image.Image) -> None:
    """Refuse a TIFF that Pillow reads wrong, and note how its deep values are scaled."""
    tag = tiff.tag_v2.get
    bits, samples, planar = max(tag(258, (1,))), tag(277, 1), tag(284, 1) == 2
    if planar and (samples == 2 or (bits > 8 and tag(259, 1) == 1)):
        raise BadPhotoError(f"a TIFF with channels one after another, not {TIFFS}")
    if {*tag(339, (1,))} != {1} or bits > 16:
        raise BadPhotoError(f"a TIFF with {bits}-bit, signed or floating-point values, not {TIFFS}")
    tile = tag(322, 1), tag(323, 1)  # libtiff takes memory for a whole one, whatever it says
    if not all(isinstance(side, int) for side in tile) or math.prod(tile) > max(
        LARGE_TILE, 4 * tiff.width * tiff.height
    ):
        raise BadPhotoError("a TIFF whose tiles are far larger than the photo: save it in strips")
    if tiff.mode == "I;16":
        black, white = (2**bits - 1, 0) if tag(262) == 0 else (0, 2**bits - 1)
        tiff.info["black and white"] = black, white


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height of an opened photo after the turn by its EXIF orientation.

    Pillow turns a TIFF itself and reports its final size.
    """
    turned = image.format != "TIFF" and orientation(image) >= 5
    return image.size[::-1] if turned else image.size


def can_scale(image: Image.Image, scale: int) -> bool:
    """Whether `upright_rgb` can let the decoder average blocks of `scale` x `scale` pixels.

    Only JPEG decoders can. The sides of a photo that is turned must be multiples of `scale`, or
    its blocks would start at the wrong edge.
    """
    upright = orientation(image) == 1
    even = image.width % scale == 0 and image.height % scale == 0
    return image.format in ("JPEG", "MPO") and (upright or even)


def upright_rgb(image: Image.Image, scale: int = 1) -> Image.Image:
    """Decode an opened photo whole: 8-bit sRGB, upright, transparent parts white.

    `scale` 2, 4 or 8 lets the JPEG decoder average blocks of so many pixels a side.
    Raises what the decoder raises (mostly OSError) if the file is damaged or cut off.
    """
    if scale > 1:
        wanted = tuple(-(-side // scale) for side in image.size)
        image.draft(None, (image.width // scale, image.height // scale))
        if image.size != wanted:
            raise BadPhotoError(f"the decoder gave {image.size}, not {wanted}")
    turn = orientation(image)
    if image.format != "TIFF" and turn in UPRIGHT:  # Pillow turns a TIFF itself
        image = image.transpose(UPRIGHT[turn])
    return srgb(image)


def srgb(image: Image.Image) -> Image.Image:
    """Convert a Pillow picture of any mode to 8-bit sRGB, transparent parts white.

    Raises BadPhotoError for modes whose range or meaning is unknown.
    """
    if image.mode == "F" or (image.mode == "I" and image.format != "PNG"):
        raise BadPhotoError("32 bits a channel, whose range is unknown: save it with 8 or 16")
    if image.mode == "LAB":
        raise BadPhotoError("LAB colors, which are not supported: convert it to RGB")
    profile, power = image.info.get("icc_profile"), gamma(image)
    if image.mode.startswith("I"):
        deep, key = np.asarray(image), image.info.get("transparency")
        alpha = None if key is None else Image.fromarray((deep != key).astype(np.uint8) * 255)
        image, power = Image.fromarray(gray(image, 255)), None
    else:
        alpha = None
        if image.has_transparency_data:
            image = image.convert("LA") if image.mode == "La" else image
            image = image.convert("RGBA")
            alpha = image.getchannel("A")
        if image.mode not in ("L", "CMYK", "RGB"):
            image = image.convert("RGB")
    if profile:
        image = _to_srgb(image, profile)
    elif power:
        image = image.point(levels(255, power, 255).tolist() * len(image.getbands()))
    image.load()
    image = image if image.mode == "RGB" else image.convert("RGB")
    if alpha:
        image.paste((255, 255, 255), mask=ImageChops.invert(alpha))
    return image


def gray(image: Image.Image, most: int) -> np.ndarray:
    """sRGB values (H x W, 0 to `most`) of a gray picture with more than 8 bits."""
    black, white = image.info.get("black and white", (0, 65535))
    table = levels(max(black, white), gamma(image), most)
    return (table if white else table[::-1])[np.asarray(image).clip(0, len(table) - 1)]


def gamma(image: Image.Image) -> float | None:
    """The exponent of a PNG's gAMA chunk if it applies: without profile, and not that of sRGB."""
    found = image.info.get("gamma")
    if not found or {"srgb", "icc_profile"} & image.info.keys() or abs(found - SRGB_GAMMA) < 0.005:
        return None
    return found


def levels(last: int, power: float | None, most: int) -> np.ndarray:
    """sRGB (0 to `most`) of each value from 0 to `last`, which is light ** power if that is given.

    uint8 if `most` is 255, else uint16.
    """
    values = np.arange(last + 1) / last
    if power:
        light = values ** (1 / power)
        values = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(values * most).astype(np.uint8 if most == 255 else np.uint16)


def reason(error: BaseException) -> str:
    """Why a photo could not be read or written, in words for a user."""
    match error:
        case FileNotFoundError():
            return "no such file: check its name"
        case PermissionError():
            return f"no permission for {error.filename}" if error.filename else "no permission"
        case BadPhotoError():
            return str(error)
        case MemoryError():
            return "too large for this machine's memory"
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EFBIG):
            return "the disk is full: make room"
        case IsADirectoryError():
            return "a folder, not a photo"
        case OSError(errno=int() as number):
            return os.strerror(number)
    return f"damaged or cut off ({error}): copy it again"


def transform(mode: str, profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform | None] | None:
    """The mode (L, RGB or CMYK) that a profile is for and its transform to sRGB, if it needs one.

    None if the profile is damaged or cannot be applied to a picture of `mode`.
    """
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        wanted = SPACES[own.profile.xcolor_space.strip()]
        if "CMYK" in (mode, wanted) and mode != wanted:
            return None
        if wanted != "CMYK" and _is_srgb(profile, wanted):
            return wanted, None
        return wanted, _built(profile, wanted)
    except (*BAD_PROFILE, KeyError):
        return None


def _built(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    exact = ImageCms.Flags.NOOPTIMIZE if mode == "L" else 0
    own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(own, ImageCms.createProfile("sRGB"), mode, "RGB", flags=exact)


@functools.lru_cache(maxsize=16)  # each strip of a photo uses it
def _is_srgb(profile: bytes, mode: str) -> bool:
    """Whether a profile is sRGB, to the rounding of 8 bits. Its name may say otherwise."""
    steps = np.linspace(0, 255, 8).round().astype(np.uint8)
    before = Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), -1).reshape(8, 64, 3))
    before = before if mode == "RGB" else before.getchannel(0)
    after = ImageCms.applyTransform(before, _built(profile, mode))
    apart = ImageChops.difference(after, before.convert("RGB"))
    return max(high for _, high in apart.getextrema()) <= 1


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert from another profile (Display P3, gray, print); unchanged if it cannot be applied."""
    wanted, made = transform(image.mode, profile) or (None, None)
    if made is None:
        return image
    if wanted != "L":
        image = image if image.mode == wanted else image.convert(wanted)
        return ImageCms.applyTransform(image, made)
    channels = image.split()
    if any(ImageChops.difference(channels[0], other).getbbox() for other in channels[1:]):
        return image  # a profile of gray on colors
    ramp = ImageCms.applyTransform(Image.fromarray(np.arange(256, dtype=np.uint8)[None]), made)
    return channels[0].point(np.asarray(ramp)[0, :, 1].tolist())
