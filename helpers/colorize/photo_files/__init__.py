"""Reads a photo file and writes its colored version with everything else that the file holds.

The pixels are upright sRGB (`pixels`). The new file has the format, EXIF, XMP, comments,
resolution, orientation (stored as before, with its tag) and color profile of the old one
(`side_data`). `Scan.losses` names what cannot be kept. A mark in EXIF and XMP says that the colors
were predicted.
"""

import errno
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from ... import paths
from ...photos import decode
from ..coloring import Painted
from . import pixels, side_data

OPTIONS = {
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "WEBP": {"quality": 95, "method": 2},
}


class WriteError(Exception):
    """A file that could not be written, through no fault of the photo. Its text is the reason."""


@dataclass
class Scan:
    """A photo file: its pixels and everything else that it holds."""

    rgb: np.ndarray  # H x W x 3, uint8, sRGB, upright
    format: str  # JPEG, PNG, WEBP or TIFF
    orientation: int
    profile: bytes | None  # ICC profile for the file to write
    metadata: dict  # its side data, as options for Pillow's writer of this format
    losses: list[str] = field(default_factory=list)
    mark: str | None = None  # see `mark_of`
    deep: np.ndarray | None = None  # H x W [x 3], uint16, sRGB, upright: a PNG or TIFF of 16 bits

    @property
    def picture(self) -> np.ndarray:
        """The pixels with all the bits that are kept."""
        return self.rgb if self.deep is None else self.deep


def mark_of(weights: Path) -> str:
    """The mark for photos that a file of weights colors. Raises OSError if it cannot be read."""
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    return f"{side_data.MARK} by Streetside Colorization, weights {digest[:12]}"


def read(image: Image.Image, mark: str | None = None) -> Scan:
    """Decode a photo from `decode.opened`, which cannot be used afterward.

    Raises what the decoder raises.
    mark: the text of `mark_of` for the new file, or None for a file without a mark.
    """
    format = "JPEG" if image.format == "MPO" else image.format
    # Before EXIF, for which Pillow decodes some photos.
    was_deep, source = pixels.is_deep(image), image.fp
    file = source.getvalue() if was_deep and not image.mode.startswith("I") else None
    exif = decode.exif(image)
    profile, losses = image.info.get("icc_profile"), [*image.info.get("lost", [])]
    if profile:
        if decode.transform(image.mode, profile) is None:
            losses.append("its color profile cannot be used, so it was read and is written as sRGB")
            profile = pixels.SRGB
        elif not pixels.is_writable(profile):
            losses.append("its color profile cannot hold these colors, so they are written as sRGB")
            profile = pixels.SRGB
    turned = orientation = decode.orientation(image)
    metadata = side_data.kept(image, format, exif)
    losses += _losses(image) + side_data.drop_claims(metadata, format)
    if format == "JPEG" and len(metadata.get("exif", b"")) > side_data.LONGEST_EXIF:
        losses.append("its EXIF is too long for a JPEG and left out")
        del metadata["exif"]
        orientation = 1
    if mark:
        missing = side_data.add_mark(metadata, format, mark)
        losses += [
            f"its {name} cannot hold the mark that colors were predicted" for name in missing
        ]
    if format == "PNG" and "xmp" in metadata:  # Pillow writes it as a text
        text = metadata.pop("xmp").decode("utf-8", "replace")
        metadata["pnginfo"].add_itxt("XML:com.adobe.xmp", text)
    image.load()
    source.close()  # here and below: to have its memory back
    deep = pixels.deep(image, file, turned) if was_deep else None
    del file
    if was_deep and deep is None:
        losses.append("16 bits a channel were read, 8 are written")
    rgb = pixels.upright(image, turned) if deep is None else pixels.eight_bits(deep)
    return Scan(rgb, format, orientation, profile, metadata, losses, mark, deep)


def write(path: Path, rgb: np.ndarray, scan: Scan) -> None:
    """Write a picture (H x W x 3, uint8, sRGB, upright) as a file like that of `scan`.

    uint16 is possible where `scan.deep` is. JPEG has quality 95 and chroma at full size, lossy
    WebP quality 95; a lossless WebP stays lossless. Raises WriteError.
    """
    write_stored(path, pixels.stored(rgb, scan.orientation), scan)


def write_stored(path: Path, rows: np.ndarray | Painted, scan: Scan) -> None:
    """Like `write`, for a picture as the file stores it (`stored`), which is read in strips."""
    if scan.format in ("PNG", "TIFF"):
        file = pixels.png if scan.format == "PNG" else pixels.tiff
        _store(path, file(rows, scan.profile, scan.metadata))
        return
    image = Image.new("RGB", rows.shape[1::-1])
    for first, strip in pixels.in_profile(rows, scan.profile):
        image.paste(Image.fromarray(strip), (0, first))
    options = OPTIONS[scan.format] | scan.metadata
    if scan.profile:
        options["icc_profile"] = scan.profile
    _store(path, pixels.encoded(image, format=scan.format, **options))


def write_picture(path: Path, picture: np.ndarray, mark: str | None = None) -> None:
    """Write a picture (H x W or H x W x 3, uint8) in the format of its name. Raises WriteError."""
    format, metadata = Image.registered_extensions()[path.suffix], {}
    if mark:
        side_data.add_mark(metadata, format, mark)
    file = pixels.encoded(Image.fromarray(picture), format=format, quality=92, **metadata)
    _store(path, file)


def _store(path: Path, encoded: bytes | memoryview) -> None:
    """Write an encoded file whole or not at all."""
    try:
        with paths.whole(path) as part:
            size = part.write_bytes(encoded)
            if not size == part.stat().st_size == len(encoded):
                raise OSError(errno.ENOSPC, "written in part")
    except PermissionError as error:
        raise WriteError(f"could not be written: no permission for {path.parent}") from error
    except OSError as error:
        raise WriteError(f"could not be written: {decode.reason(error)}") from error


def _losses(image: Image.Image) -> list[str]:
    all_losses = {
        "its gamma was applied, and it is written as sRGB": decode.gamma(image),
        "black and white alone hold no color (scan it in shades of gray)": image.mode == "1",
        "it was CMYK and is written as RGB": image.mode == "CMYK",
        "transparent parts became white": pixels.is_clear(image),
        "further pictures in the file are left out": getattr(image, "n_frames", 1) > 1,
        "captions in IPTC are left out": "photoshop" in image.info,
    }
    losses = [text for text, holds in all_losses.items() if holds]
    return losses + (side_data.left_out(image) if image.format == "TIFF" else [])
