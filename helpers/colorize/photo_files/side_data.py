"""What a photo file says besides its pixels: EXIF, XMP, tags of a TIFF, and the mark we add."""

import json
import re
import struct
from collections.abc import Mapping
from math import inf
from numbers import Rational
from xml.etree import ElementTree

from PIL import Image, PngImagePlugin, TiffImagePlugin

# The tags of a TIFF that describe the photo, and the types in which libtiff writes them; the others
# describe how its bytes are stored.
TIFF_TAGS = dict.fromkeys((269, 270, 271, 272, 285, 305, 306, 315, 316, 33432), (2,))
TIFF_TAGS |= {700: {1, 7}, 33723: {1, 7}, 274: {3, 4}, 282: {5}, 283: {5}, 296: {3, 4}}
STORAGE_TAGS = {*range(254, 269), 273, 277, 278, 279, 280, 281, 284, 292, 293, 317, 318, 319, 320,
                322, 323, 324, 325, 330, 338, 339, 347, 529, 530, 531, 532, 34675}  # fmt: skip
RESOLUTION = (282, 283, 296)  # tags: horizontal, vertical, unit
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


def kept(image: Image.Image, format: str, exif: Image.Exif) -> dict:
    """EXIF, XMP, resolution and comments of a photo, as options for Pillow's writer."""
    if format == "TIFF":
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        for tag in _own_tags(image):
            value = image.tag_v2[tag]
            # Pillow reads texts as Latin-1 and would write them as ASCII
            tags[tag] = value.encode("latin-1", "replace") if isinstance(value, str) else value
            tags.tagtype[tag] = image.tag_v2.tagtype[tag]
        if resolution := _resolution(tags):
            tags[282], tags[283] = resolution
        else:
            for tag in {*RESOLUTION} & {*tags}:
                del tags[tag]
        return {"tiffinfo": tags}
    metadata = {name: image.info.get(name) for name in ("dpi", "comment", "xmp")}
    metadata["exif"] = image.info.get("exif") or (exif.tobytes() if exif else None)
    if metadata["exif"]:
        metadata["exif"] = _without_thumbnail(metadata["exif"])
    if image.info.get("lossless"):
        # The quality is here the effort; 95 takes three times as long.
        metadata |= {"lossless": True, "quality": 50}
    if format == "PNG":
        metadata["pnginfo"] = PngImagePlugin.PngInfo()
        for name, text in getattr(image, "text", {}).items():
            if name != "XML:com.adobe.xmp":
                metadata["pnginfo"].add_itxt(name, text)
    return {name: value for name, value in metadata.items() if value}


def left_out(tiff: Image.Image) -> list[str]:
    """The losses among the tags of a TIFF: those that are neither kept nor say how it is stored."""
    lost, losses = {*tiff.tag_v2} - _own_tags(tiff) - STORAGE_TAGS, []
    if {282, 283} & {*tiff.tag_v2} and not _resolution(tiff.tag_v2):
        losses.append("its resolution is damaged and left out")
    if lost & DIRECTORIES:
        losses.append("EXIF and GPS details of a TIFF are left out")
    if lost - DIRECTORIES:
        names = ", ".join(str(tag) for tag in sorted(lost - DIRECTORIES))
        losses.append(f"tags of a TIFF are left out: {names}")
    return losses


def _resolution(tags: Mapping) -> tuple[Rational, Rational] | None:
    """Horizontal and vertical resolution, which are equal if one is missing.

    None if they are no positive numbers, or in a unit that TIFF does not know.
    """
    x = tags.get(282, tags.get(283))
    both = x, tags.get(283, x)
    known = tags.get(296) in (None, 1, 2, 3)
    return both if known and all(isinstance(n, Rational) and 0 < n < inf for n in both) else None


def _own_tags(tiff: Image.Image) -> set[int]:
    kinds = tiff.tag_v2.tagtype
    return {tag for tag in tiff.tag_v2 if kinds[tag] in TIFF_TAGS.get(tag, ())}


def drop_claims(metadata: dict, format: str) -> list[str]:
    """Remove from XMP what it says of parts that the new file lacks. Returns the losses."""
    holder, name = (metadata["tiffinfo"], XMP) if format == "TIFF" else (metadata, "xmp")
    own, losses = holder.get(name), []
    if not isinstance(own, bytes):
        return []
    left = own = holder[name] = _in_utf8(own)
    for names, claims, loss in PARTS:
        shorter = _without(left, names)
        if loss and shorter != left and re.search(claims, left):
            losses.append(loss)
        left = shorter
    if left != own and _is_xml(own) and not _is_xml(left):
        return []  # stranger than what cameras write: better as it was
    holder[name] = left
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


def add_mark(metadata: dict, format: str, mark: str) -> list[str]:
    """Put a mark into options for Pillow's writer, beside what the photo says itself.

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
