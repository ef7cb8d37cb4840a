"""Reads a photo file and writes its colored version with everything else that the file said.

The pixels are upright 8-bit sRGB, as `decode` returns them; those of a PNG or TIFF of 16 bits also
have 16 bits. The new file has the format, EXIF, XMP, comments, resolution, orientation (stored
as before, with its tag) and color profile of the old one. `Scan.losses` names what cannot be kept.
A mark in EXIF and XMP says that the colors were predicted.
"""

import errno
import hashlib
import io
import json
import re
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import tifffile
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from .. import paths
from ..photos import decode
from ..photos.decode import ORIENTATION
from .coloring import Painted, strips

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
# The tags of a TIFF that describe the photo, and the types in which libtiff writes them; the others
# describe how its bytes are stored.
TIFF_TAGS = dict.fromkeys((269, 270, 271, 272, 285, 305, 306, 315, 316, 33432), (2,))
TIFF_TAGS |= {700: {1, 7}, 33723: {1, 7}, 274: {3, 4}, 282: {5}, 283: {5}, 296: {3, 4}}
STORAGE_TAGS = {*range(254, 269), 273, 277, 278, 279, 280, 281, 284, 292, 293, 317, 318, 319, 320,
                322, 323, 324, 325, 330, 338, 339, 347, 529, 530, 531, 532, 34675}  # fmt: skip
DIRECTORIES = {34665, 34853, 40965}  # of EXIF, GPS and interoperability: libtiff writes none
LONGEST_EXIF, LONGEST_XMP = 65_533, 65_504  # bytes in a JPEG segment
SOFTWARE, XMP = 305, 700  # tags
MARK = "colors predicted"
# IPTC's word for a photo of which a trained model made a part; it stands in XMP.
SOURCES = b"cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE = b"compositeWithTrainedAlgorithmicMedia"
SOURCE_TYPE = b"""<rdf:Description rdf:about=""
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 Iptc4xmpExt:DigitalSourceType="http://%b%b"/>
""" % (SOURCES, SOURCE)
NEW_XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
</rdf:RDF>
</x:xmpmeta>"""
# What XMP says of parts of a file that the new one lacks: names, what claims such a part, the loss.
PARTS = (
    (b"xmpNote:HasExtendedXMP", b"", "XMP beyond its first 64 kB is left out"),
    (rb"(?:G?Camera):(?:MotionPhoto|MicroVideo)\w*", rb"""(?:Photo|Video)(?:\s*=\s*["']|>)1""",
     "the video of a motion photo is left out"),
    (rb"(?:hdrgm|HDRGainMap):\w+", b"", "the gain map for bright screens is left out"),
    (rb"(?:GDepth|GImage|GAudio):\w+", b"", "a depth map, second picture or sound is left out"),
    (b"(?:G?Container):Directory", b"", None),  # the list of the parts
)  # fmt: skip
READ = 2**20  # pixels that are converted at a time
OPTIONS = {
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "PNG": {"compress_level": 3},  # of one with a profile of its own; see `_png`
    "WEBP": {"quality": 95, "method": 2},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}
DEEP_TIFF = {"photometric": "rgb", "compression": "adobe_deflate", "predictor": True}
DEEP_TIFF |= {"metadata": None, "software": False}  # the tags are all ours


class WriteError(Exception):
    """A file that could not be written, through no fault of the photo. Its text is the reason."""


@dataclass
class Scan:
    """A photo file: its pixels and everything else that it said."""

    rgb: np.ndarray  # H x W x 3, uint8, sRGB, upright
    format: str  # JPEG, PNG, WEBP or TIFF
    orientation: int
    profile: bytes | None  # ICC profile for the file to write
    metadata: dict  # options for Pillow's writer of this format
    losses: list[str] = field(default_factory=list)
    mark: str | None = None  # see `mark_of`
    deep: np.ndarray | None = None  # H x W [x 3], uint16, sRGB, upright: a PNG or TIFF of 16 bits


def mark_of(weights: Path) -> str:
    """The mark for photos that a file of weights colors. Raises OSError if it cannot be read."""
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    return f"{MARK} by Streetside Colorization, weights {digest[:12]}"


def read(image: Image.Image, mark: str | None = None) -> Scan:
    """Decode a photo from `decode.opened`, which cannot be used afterward.

    Raises what the decoder raises.
    mark: the text of `mark_of` for the new file, or None for a file without a mark.
    """
    format = "JPEG" if image.format == "MPO" else image.format
    can_hold = format in ("PNG", "TIFF")
    # Before EXIF, for which Pillow decodes some photos.
    lower = decode.lower_bytes(image) if can_hold else None
    deep_gray = can_hold and decode.is_deep(image)
    losses = _losses(image, deep_gray or lower is not None)
    exif = decode.exif(image)
    losses += image.info.get("lost", [])
    profile = image.info.get("icc_profile")
    if profile:
        if decode.transform(image.mode, profile) is None:
            losses.append("its color profile cannot be used, so it was read and is written as sRGB")
        elif image.mode not in ("RGB", "RGBA", "P") or not _writable(profile):
            losses.append("its color profile cannot hold these colors, so they are written as sRGB")
        if losses and "profile" in losses[-1]:
            profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    orientation = exif.get(ORIENTATION, 1)
    metadata = _metadata(image, format, exif)
    losses += _drop_claims(metadata["tiffinfo"] if format == "TIFF" else metadata, format)
    if format == "JPEG" and len(metadata.get("exif", b"")) > LONGEST_EXIF:
        losses.append("its EXIF is too long for a JPEG and left out")
        del metadata["exif"]
        orientation = 1
    if mark:
        missing = _add_mark(metadata, format, mark)
        losses += [
            f"its {name} cannot hold the mark that colors were predicted" for name in missing
        ]
    if format == "PNG" and "xmp" in metadata:  # Pillow writes it as a text
        text = metadata.pop("xmp").decode("utf-8", "replace")
        metadata["pnginfo"].add_itxt("XML:com.adobe.xmp", text)
    turned = 1 if format == "TIFF" else exif.get(ORIENTATION, 1)
    rgb = _upright(image, turned)
    values = None
    if lower:
        image.close()  # here and below: to have its memory back
        second = _upright(lower, turned)
        lower.close()
        values = _deep(rgb, second)
    elif deep_gray:
        values = _filled(image, turned, (), np.uint16, decode.deep_gray)
    return Scan(rgb, format, orientation, profile, metadata, losses, mark, values)


def stored(picture: np.ndarray, orientation: int) -> np.ndarray:
    """A view of an upright picture (H x W [x 3]) as a file with this EXIF orientation stores it."""
    return BACK[orientation](picture) if orientation in BACK else picture


def _upright(image: Image.Image, orientation: int) -> np.ndarray:
    """sRGB (H x W x 3, uint8) of an opened picture, upright; of gray, a view of one channel."""
    profile = image.info.get("icc_profile")
    space, change = (decode.transform(image.mode, profile) if profile else None) or (None, None)
    one = image.mode in ("1", "L", "LA") or image.mode.startswith("I")
    if change and (space == "L") != one:  # strips might differ in whether they are gray
        return _filled(decode.srgb(image), orientation, (3,), np.uint8, np.asarray)
    try:
        gray = _filled(image, orientation, (), np.uint8, lambda x: _channel(decode.srgb(x), one))
        return np.broadcast_to(gray[..., None], (*gray.shape, 3))
    except _ColorError:
        pass  # and let go of the gray rows
    return _filled(image, orientation, (3,), np.uint8, decode.srgb)


def _deep(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Color of 16 bits a channel from its upper and lower bytes; H x W if both are gray."""
    if not (upper.strides[2] or lower.strides[2]):
        upper, lower = upper[..., 0], lower[..., 0]
    values = upper.astype(np.uint16)
    values <<= 8
    values |= lower
    return values


class _ColorError(Exception):
    """A picture whose channels differ."""


def _channel(strip: Image.Image, gray: bool) -> np.ndarray:
    """The channel of a strip that is gray, as many scans in RGB are. Raises _ColorError."""
    rgb = np.asarray(strip)
    if not (gray or all(np.array_equal(rgb[..., 0], rgb[..., i]) for i in (1, 2))):
        raise _ColorError
    return rgb[..., 0]


def _filled(image: Image.Image, orientation: int, channels: tuple, dtype, converted) -> np.ndarray:
    """An upright array, filled in strips with `converted(strip)`: a whole copy takes memory."""
    image.load()
    width, height = image.size[::-1] if orientation in (5, 6, 7, 8) else image.size
    upright = np.empty((height, width, *channels), dtype)
    rows = stored(upright, orientation)
    for first, last in strips(image.height, image.width, READ):
        strip = image.crop((0, first, image.width, last))
        strip.format = image.format
        rows[first:last] = np.asarray(converted(strip))
    return upright


def write(path: Path, rgb: np.ndarray, scan: Scan) -> None:
    """Write a picture (H x W x 3, uint8, sRGB, upright) as a file like that of `scan`.

    uint16 is possible where `scan.deep` is. JPEG has quality 95 and chroma at full size, lossy
    WebP quality 95; a lossless WebP stays lossless. Raises WriteError.
    """
    write_stored(path, stored(rgb, scan.orientation), scan)


def write_stored(path: Path, rows: np.ndarray | Painted, scan: Scan) -> None:
    """Like `write`, for a picture as the file stores it (`stored`), which is read in strips."""
    own = scan.profile and not _is_srgb(scan.profile)
    if scan.format == "PNG" and not own:
        _store(path, _png(rows, scan))
        return
    if rows.dtype == np.uint16:
        _store(path, _deep_tiff(rows, scan))
        return
    image = Image.new("RGB", rows.shape[1::-1])
    for first, last in strips(*rows.shape[:2]):
        image.paste(Image.fromarray(rows[first:last]), (0, first))
    if own:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(scan.profile))
        ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), profile, inPlace=True)
    options = OPTIONS[scan.format] | scan.metadata
    if scan.profile:
        options["icc_profile"] = scan.profile
    _store(path, _encoded(image, format=scan.format, **options))


def write_picture(path: Path, pixels: np.ndarray, mark: str | None = None) -> None:
    """Write a picture (H x W or H x W x 3, uint8) in the format of its name. Raises WriteError."""
    format, metadata = Image.registered_extensions()[path.suffix], {}
    if mark:
        _add_mark(metadata, format, mark)
    _store(path, _encoded(Image.fromarray(pixels), format=format, quality=92, **metadata))


def _encoded(image: Image.Image, **options) -> memoryview:
    """A file in memory: Pillow's own writers overlook a full disk."""
    encoded = io.BytesIO()
    image.save(encoded, **options)
    return encoded.getbuffer()


def _png(pixels: np.ndarray | Painted, scan: Scan) -> memoryview:
    """A PNG of 8 or 16 bits: the side data that Pillow writes, around rows compressed here.

    Pillow cannot write color of 16 bits, and needs the whole picture in memory.
    """
    height, width = pixels.shape[:2]
    options = scan.metadata | ({"icc_profile": scan.profile} if scan.profile else {})
    plain, side = (
        _encoded(Image.new("RGB", (1, 1)), format="PNG", **given).tobytes()
        for given in ({}, options)
    )
    black_pixel = plain[33:-12]  # between the 33 bytes with the size and the 12 at the end
    before, _, behind = side[33:].partition(black_pixel)
    encoded, size = io.BytesIO(), pixels.dtype.itemsize
    encoded.write(side[:8])
    header = struct.pack(">IIBBBBB", width, height, 8 * size, 2, 0, 0, 0)
    PngImagePlugin.putchunk(encoded, b"IHDR", header)
    encoded.write(before)
    packer, above = zlib.compressobj(3), np.zeros((1, 3 * width * size), np.uint8)
    for first, last in strips(height, width):
        values = pixels[first:last].astype(f">u{size}")
        rows = values.reshape(last - first, -1).view(np.uint8)
        lines = np.full((last - first, 1 + rows.shape[1]), 2, np.uint8)  # 2: less the row above
        lines[:, 1:] = rows - np.concatenate([above, rows[:-1]])
        PngImagePlugin.putchunk(encoded, b"IDAT", packer.compress(lines))
        above = rows[-1:]
    PngImagePlugin.putchunk(encoded, b"IDAT", packer.flush())
    encoded.write(behind)
    return encoded.getbuffer()


def _deep_tiff(pixels: np.ndarray | Painted, scan: Scan) -> memoryview:
    """A TIFF of 16 bits, which Pillow cannot write."""
    tags = scan.metadata["tiffinfo"]
    head = _encoded(Image.new("RGB", (1, 1)), format="TIFF", tiffinfo=tags).tobytes()
    with tifffile.TiffFile(io.BytesIO(head)) as file:  # the tags as Pillow writes them
        found = [tag for tag in file.pages[0].tags if tag.code in {*TIFF_TAGS} - {282, 283, 296}]
    extra = [
        (tag.code, tag.dtype, tag.count, head[tag.valueoffset :][: tag.valuebytecount], True)
        for tag in found
    ]
    x, y = tags.get(282), tags.get(283)
    options = {"resolution": (x, y) if x and y else None, "resolutionunit": tags.get(296)}
    options |= {"extratags": extra, "iccprofile": scan.profile, "byteorder": "<"} | DEEP_TIFF
    encoded = io.BytesIO()
    parts = [*strips(*pixels.shape[:2])]
    options |= {"shape": pixels.shape, "dtype": np.uint16, "rowsperstrip": parts[0][1]}
    tifffile.imwrite(encoded, (_packed(pixels[first:last]) for first, last in parts), **options)
    return encoded.getbuffer()


def _packed(rows: np.ndarray) -> bytes:
    """Rows of 16 bits as a strip of a TIFF. tifffile packs whole pictures only."""
    less_left = np.diff(rows, axis=1, prepend=np.zeros_like(rows[:, :1]))  # the predictor
    return zlib.compress(less_left.astype("<u2").tobytes(), 3)


def _store(path: Path, encoded: bytes | memoryview) -> None:
    """Write an encoded file whole or not at all."""
    try:
        with paths.whole(path) as part:
            size = part.write_bytes(encoded)
            if not size == part.stat().st_size == len(encoded):
                raise OSError(errno.ENOSPC, "written in part")
    except OSError as error:
        raise WriteError(f"could not be written: {decode.reason(error)}") from error


def _losses(image: Image.Image, deep: bool) -> list[str]:
    raw = decode.raw_mode(image.tile[0].args) if image.tile else ""
    all_losses = {
        "its gamma was applied, and it is written as sRGB": decode.gamma(image),
        "16 bits a channel were read, 8 are written": not deep
        and ("16" in raw or image.mode.startswith("I")),
        "black and white alone hold no color (scan it in shades of gray)": image.mode == "1",
        "it was CMYK and is written as RGB": image.mode == "CMYK",
        "transparent parts became white": _is_clear(image),
        "further pictures in the file are left out": getattr(image, "n_frames", 1) > 1,
        "captions in IPTC are left out": "photoshop" in image.info,
    }
    losses = [text for text, holds in all_losses.items() if holds]
    if image.format == "TIFF":
        left_out = {*image.tag_v2} - _own_tags(image) - STORAGE_TAGS
        if left_out & DIRECTORIES:
            losses.append("EXIF and GPS details of a TIFF are left out")
        if left_out - DIRECTORIES:
            names = ", ".join(str(tag) for tag in sorted(left_out - DIRECTORIES))
            losses.append(f"tags of a TIFF are left out: {names}")
    return losses


def _is_clear(image: Image.Image) -> bool:
    """Whether parts of a picture may be transparent; an alpha channel may be opaque all over."""
    if "A" in image.getbands():
        return image.getchannel("A").getextrema()[0] < 255
    return image.has_transparency_data


def _own_tags(tiff: Image.Image) -> set[int]:
    kinds = tiff.tag_v2.tagtype
    return {tag for tag in tiff.tag_v2 if kinds[tag] in TIFF_TAGS.get(tag, ())}


def _metadata(image: Image.Image, format: str, exif: Image.Exif) -> dict:
    """EXIF, XMP, resolution and comments as options for Pillow's writer of the format."""
    if format == "TIFF":
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        for tag in _own_tags(image):
            value = image.tag_v2[tag]
            # Pillow reads texts as Latin-1 and would write them as ASCII
            tags[tag] = value.encode("latin-1", "replace") if isinstance(value, str) else value
            tags.tagtype[tag] = image.tag_v2.tagtype[tag]
        return {"tiffinfo": tags}
    kept = {name: image.info.get(name) for name in ("dpi", "comment", "xmp")}
    kept["exif"] = image.info.get("exif") or (exif.tobytes() if exif else None)
    if kept["exif"]:
        kept["exif"] = _without_thumbnail(kept["exif"])
    if image.info.get("lossless"):
        kept |= {"lossless": True, "quality": 50}  # here the effort; 95 takes three times as long
    if format == "PNG":
        kept["pnginfo"] = PngImagePlugin.PngInfo()
        for name, text in getattr(image, "text", {}).items():
            if name != "XML:com.adobe.xmp":
                kept["pnginfo"].add_itxt(name, text)
    return {name: value for name, value in kept.items() if value}


def _drop_claims(metadata: dict, format: str) -> list[str]:
    """Remove from XMP what it says of parts that the new file lacks. Returns the losses."""
    name = XMP if format == "TIFF" else "xmp"
    own, losses = metadata.get(name), []
    if not isinstance(own, bytes):
        return []
    left = own = metadata[name] = _in_utf8(own)
    for names, claims, loss in PARTS:
        shorter = _without(left, names)
        if loss and shorter != left and re.search(claims, left):
            losses.append(loss)
        left = shorter
    if left != own and _is_xml(own) and not _is_xml(left):
        return []  # stranger than what cameras write: better as it was
    metadata[name] = left
    return losses


def _in_utf8(xmp: bytes) -> bytes:
    """XMP in UTF-8, which every reader takes; ISO 16684-1 allows UTF-16 and UTF-32, too."""
    encoding = json.detect_encoding(xmp)  # by the order mark and the zeros, as for XML
    if encoding.startswith("utf-8"):
        return xmp
    try:
        text = xmp.decode(encoding)
    except UnicodeDecodeError:
        return xmp
    return re.sub(r"""(?i)(?<=encoding=["'])utf-(16|32)[-\w]*""", "UTF-8", text).encode()


def _without(xmp: bytes, names: bytes) -> bytes:
    """XMP without the attributes and elements whose names match."""
    attribute = re.compile(rb"""\s(?:%b)\s*=\s*(?:"[^"]*"|'[^']*')""" % names)
    xmp = re.sub(rb"<[^<>]*>", lambda tag: attribute.sub(b"", tag[0]), xmp)
    kept, place = [], 0
    for start in re.finditer(rb"<(%b)(?=[\s/>])[^<>]*>" % names, xmp):
        if start.start() < place:  # inside an element that is left out
            continue
        end = start.end()
        if not start[0].endswith(b"/>"):
            closing = xmp.find(b"</" + start[1], end)
            if closing < 0:  # no XML
                break
            end = xmp.find(b">", closing) + 1
        kept.append(xmp[place : start.start()])
        place = end
    return b"".join(kept) + xmp[place:]


def _is_xml(text: bytes) -> bool:
    try:
        ElementTree.fromstring(text.strip(b"\0"))
    except (ElementTree.ParseError, ValueError, LookupError):  # of an unknown encoding
        return False
    return True


def _without_thumbnail(exif: bytes) -> bytes:
    """EXIF whose first directory names no second one, in which a gray thumbnail would be."""
    start = 6 if exif.startswith(b"Exif\0\0") else 0
    order = "little" if exif[start : start + 2] == b"II" else "big"
    first = start + int.from_bytes(exif[start + 4 : start + 8], order)
    end = first + 2 + 12 * int.from_bytes(exif[first : first + 2], order)
    return exif if end + 4 > len(exif) else exif[:end] + bytes(4) + exif[end + 4 :]


def _add_mark(metadata: dict, format: str, mark: str) -> list[str]:
    """Put the mark into options for Pillow's writer, beside what the photo says itself.

    Returns the parts that cannot hold it: a full segment of a JPEG, XMP in another encoding.
    """
    if format == "TIFF":
        tags = metadata["tiffinfo"]
        tags[SOFTWARE] = _joined(tags.get(SOFTWARE), mark)
        tags[XMP] = xmp = _with_source_type(tags.get(XMP, NEW_XMP))
        return [] if isinstance(xmp, bytes) and SOURCE in xmp else ["XMP"]
    own = metadata.get("exif", b"")
    exif = _with_software(own if len(own) > 14 else Image.Exif().tobytes(), mark)  # 14: its head
    xmp = _with_source_type(metadata.get("xmp", NEW_XMP))
    missing = [] if SOURCE in xmp else ["XMP"]
    for name, part, longest in (("EXIF", exif, LONGEST_EXIF), ("XMP", xmp, LONGEST_XMP)):
        if format == "JPEG" and len(part) > longest:
            missing.append(name)
        else:
            metadata[name.lower()] = part
    return missing


def _joined(software: bytes | None, mark: str) -> bytes:
    """A photo's own text of the tag Software, then the mark; an earlier mark is replaced."""
    own = software if isinstance(software, bytes) else b""
    own = own.split(MARK.encode())[0].rstrip(b"; \0")
    return (own + b"; " if own else b"") + mark.encode()


def _with_source_type(xmp: bytes) -> bytes:
    """XMP with the digital source type; a packet in another encoding is returned unchanged."""
    if not isinstance(xmp, bytes):
        return xmp
    if SOURCES in xmp:  # a source type of its own, which no longer holds
        return re.sub(b"(?<=%b)\\w+" % re.escape(SOURCES), SOURCE, xmp)
    before, end, after = xmp.rpartition(b"</rdf:RDF>")
    return before + SOURCE_TYPE + end + after if end else xmp


def _with_software(exif: bytes, mark: str) -> bytes:
    """EXIF with the mark in the tag Software.

    The first directory moves to the end. All other bytes stay in place, so that makers' notes and
    texts in any encoding remain valid.
    """
    read = Image.Exif()
    read.load(exif)
    text = _joined(str(read.get(SOFTWARE, "")).encode("latin-1", "replace"), mark) + b"\0"
    start = 6 if exif.startswith(b"Exif\0\0") else 0
    tiff = exif[start:] + bytes(len(exif) % 2)
    order, sign = ("little", "<") if tiff[:2] == b"II" else ("big", ">")
    first = int.from_bytes(tiff[4:8], order)
    end = first + 2 + 12 * int.from_bytes(tiff[first : first + 2], order)
    found = (tiff[place : place + 12] for place in range(first + 2, min(end, len(tiff) - 11), 12))
    entries = {int.from_bytes(entry[:2], order): entry for entry in found}
    size = len(entries | {SOFTWARE: b""})
    place = len(tiff) + 2 + 12 * size + 4
    entries[SOFTWARE] = struct.pack(sign + "HHII", SOFTWARE, 2, len(text), place)
    moved = struct.pack(sign + "H", size) + b"".join(entries[tag] for tag in sorted(entries))
    header = tiff[:4] + struct.pack(sign + "I", len(tiff))
    return exif[:start] + header + tiff[8:] + moved + bytes(4) + text


def _is_srgb(profile: bytes) -> bool:
    try:
        return "sRGB" in ImageCms.getProfileDescription(io.BytesIO(profile))
    except decode.BAD_PROFILE:
        return False


def _writable(profile: bytes) -> bool:
    """Whether sRGB pixels can be converted to a profile; a scanner's may convert one way only."""
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        ImageCms.buildTransform(own, srgb, "RGB", "RGB")
        ImageCms.buildTransform(srgb, own, "RGB", "RGB")
    except decode.BAD_PROFILE:
        return False
    return True
