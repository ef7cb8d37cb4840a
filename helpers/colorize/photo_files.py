"""How is a photo file read to be colored, and written so that nothing is lost silently?

The pixels are upright 8-bit sRGB, as `decode` gives them. The file that is written has the
format of the one that was read, its EXIF, XMP, comments, resolution, orientation (stored the way
it was, with the tag that says so) and color profile. What cannot be kept stands in `Scan.losses`.
"""

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin
from skimage.color import deltaE_ciede2000

from .. import color, paths
from ..photos import decode
from ..photos.decode import ORIENTATION
from ..preprocessing.thumbnail import GRAY_CHROMA

# How a photo that was turned upright is turned back, by its EXIF orientation.
BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
# TIFF keeps everything in tags; these describe the photo, the others its bytes.
TIFF_TAGS = (270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 700, 33432, 33723, 34665, 34853)
OPTIONS = {
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "PNG": {"compress_level": 3},
    "WEBP": {"quality": 95, "method": 2},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}
LOOK = 256  # pixels of the longer side of the copy on which a photo is judged
# Colors that stray no further (ab units) from one tone a lightness are one tone; on 798 street
# photos of four sets it took two in color for toned.
TONE_SPREAD = 2.5


@dataclass
class Scan:
    """A photo that was read, and what its file said besides the pixels."""

    rgb: np.ndarray  # H x W x 3, 8 bits, sRGB, upright
    format: str  # JPEG, PNG, WEBP or TIFF
    orientation: int
    profile: bytes | None  # of the colors in the file, if the pixels can be brought back to it
    metadata: dict  # what Pillow's writer of this format takes
    losses: list[str] = field(default_factory=list)


def read(image: Image.Image) -> Scan:
    """Decode a photo that `decode.opened` opened. Raises what the decoder raises."""
    format = "JPEG" if image.format == "MPO" else image.format
    losses = _losses(image)
    profile = image.info.get("icc_profile")
    if profile and (image.mode not in ("RGB", "RGBA", "P") or not _writable(profile)):
        losses.append("its color profile cannot hold these colors, so they are written as sRGB")
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    orientation = image.getexif().get(ORIENTATION, 1)
    metadata = _metadata(image, format)
    rgb = np.asarray(decode.upright_rgb(image))
    return Scan(rgb, format, orientation, profile, metadata, losses)


def write(path: Path, rgb: np.ndarray, scan: Scan) -> None:
    """Write a picture (H x W x 3, 8 bits, sRGB, upright) as the file of `scan`, whole or not.

    JPEG and WebP are lossy: quality 95, JPEG with chroma at full size.
    """
    image = Image.fromarray(rgb)
    if scan.profile and not _is_srgb(scan.profile):
        own = ImageCms.ImageCmsProfile(io.BytesIO(scan.profile))
        image = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), own)
    if scan.orientation in BACK:
        image = image.transpose(BACK[scan.orientation])
    options = OPTIONS[scan.format] | scan.metadata
    if scan.profile:
        options["icc_profile"] = scan.profile
    with paths.whole(path) as part:
        image.save(part, scan.format, **options)


def write_picture(path: Path, pixels: np.ndarray) -> None:
    """Write a picture of ours (H x W or H x W x 3, 8 bits) in the format of its name, whole."""
    with paths.whole(path) as part:
        Image.fromarray(pixels).save(part, quality=92)


def shrunk(pixels: np.ndarray, longest: int = LOOK) -> np.ndarray:
    """A copy of a picture (8 bits) whose longer side is at most `longest` pixels."""
    height, width = pixels.shape[:2]
    scale = min(1, longest / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def kind(rgb: np.ndarray) -> str:
    """`gray`, `toned` or `color`: what a picture (H x W x 3, 8 bits) is.

    Toned is a print in one tone, such as sepia: its ab are the same wherever L is the same, but
    for what changes slowly over the print, as stains and fading do. Judged on a shrunk copy, in
    which grain and the noise of a scanner average out.
    """
    lightness, ab = color.split_lab(shrunk(rgb))
    if (color.chroma(ab) > GRAY_CHROMA).mean() <= 0.01:
        return "gray"
    level = np.rint(lightness / 4).astype(int).ravel()
    flat = ab.reshape(-1, 2)
    y, x = (axis.ravel() / max(lightness.shape) for axis in np.indices(lightness.shape))
    place = np.stack([x, y, x * x, x * y, y * y], axis=-1)
    place, flat = (_without_means(values, level) for values in (place, flat))
    drift = place @ np.linalg.lstsq(place, flat, rcond=None)[0]
    spread = np.sqrt(np.square(flat - drift).sum(axis=-1).mean())
    return "toned" if spread <= TONE_SPREAD else "color"


def _without_means(values: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Values (N x C) less the mean of their level (N)."""
    count = np.maximum(1, np.bincount(level))
    means = [np.bincount(level, column) / count for column in values.T]
    return values - np.stack(means, axis=-1)[level]


def errors(rgb: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """How far a colored picture is from its truth (both H x W x 3, 8 bits), on shrunk copies.

    delta_e: mean CIEDE2000; rmse: of ab, per channel; delta_e_gray and rmse_gray: the same of
    the truth without its color.
    """
    lightness, ab = color.split_lab(shrunk(rgb))
    true_lightness, true_ab = color.split_lab(shrunk(truth))
    true_lab = np.concatenate([true_lightness[..., None], true_ab], axis=-1)
    lab = np.concatenate([lightness[..., None], ab], axis=-1)
    return {
        "delta_e": float(deltaE_ciede2000(true_lab, lab).mean()),
        "delta_e_gray": float(deltaE_ciede2000(true_lab, true_lab * [1, 0, 0]).mean()),
        "rmse": float(np.sqrt(np.square(ab - true_ab).mean())),
        "rmse_gray": float(np.sqrt(np.square(true_ab).mean())),
    }


def _losses(image: Image.Image) -> list[str]:
    args = image.tile[0].args if image.tile else ""
    raw = args if isinstance(args, str) else str(args[0])
    told = {
        "16 bits a channel were read, 8 are written": "16" in raw or image.mode.startswith("I"),
        "black and white alone hold no color (scan it in shades of gray)": image.mode == "1",
        "it was CMYK and is written as RGB": image.mode == "CMYK",
        "transparent parts became white": image.has_transparency_data,
        "further pictures in the file are left out": getattr(image, "n_frames", 1) > 1,
        "captions in IPTC are left out": "photoshop" in image.info,
    }
    return [text for text, holds in told.items() if holds]


def _metadata(image: Image.Image, format: str) -> dict:
    """EXIF, XMP, resolution and comments as Pillow's writer of the format takes them."""
    exif, xmp = image.getexif(), image.info.get("xmp")
    kept = {"dpi": image.info.get("dpi"), "comment": image.info.get("comment")}
    if format == "TIFF":
        for tag in set(exif) - set(TIFF_TAGS):
            del exif[tag]
        return {"exif": exif.tobytes()}  # bytes: decoding drops the orientation from the object
    kept["exif"] = image.info.get("exif") or (exif.tobytes() if exif else None)
    if format == "PNG":
        kept["pnginfo"] = PngImagePlugin.PngInfo()
        texts = {"XML:com.adobe.xmp": xmp.decode("utf-8", "replace")} if xmp else {}
        for name, text in (getattr(image, "text", {}) | texts).items():
            kept["pnginfo"].add_itxt(name, text)
    else:
        kept["xmp"] = xmp
    return {name: value for name, value in kept.items() if value}


def _is_srgb(profile: bytes) -> bool:
    try:
        return "sRGB" in ImageCms.getProfileDescription(io.BytesIO(profile))
    except decode.BAD_PROFILE:
        return False


def _writable(profile: bytes) -> bool:
    """Whether sRGB pixels can be brought to a profile: a scanner's own may know one way only."""
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        ImageCms.buildTransform(own, srgb, "RGB", "RGB")
        ImageCms.buildTransform(srgb, own, "RGB", "RGB")
    except decode.BAD_PROFILE:
        return False
    return True
