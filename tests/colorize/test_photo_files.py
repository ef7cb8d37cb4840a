"""Everything that a file says besides its pixels survives coloring, or its loss is reported."""

import io
import re
import struct
import zlib
from functools import cache
from xml.etree import ElementTree

import imagecodecs
import numpy as np
import pytest
import tifffile
from bad_photos import chunk
from photo_samples import encoded, gray_profile, photo
from PIL import ExifTags, Image, ImageCms, ImageOps, PngImagePlugin, TiffImagePlugin

from helpers.colorize import coloring, photo_files
from helpers.colorize.photo_files import pixels
from helpers.photos import decode

FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "TIFF": "tif"}


MARK = "colors predicted by Streetside Colorization, weights 0123456789ab"
SOURCE_TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
PREDICTED = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


def saved(path, image, mark=None, **options):
    image.save(path, **options)
    return photo_files.read(decode.opened(path), mark)


def rewritten(tmp_path, scan, rgb=None):
    path = tmp_path / "written"
    photo_files.write(path, scan.rgb if rgb is None else rgb, scan)
    return Image.open(path)


def exif(orientation):
    made = Image.Exif()
    made[274], made[271], made[306] = orientation, "Kodak", "1931:05:04 10:00:00"
    return made


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_and_exif_stay_and_the_picture_with_them(tmp_path, format, orientation):
    path = tmp_path / f"photo.{FORMATS[format]}"
    lossless = {"lossless": True} if format == "WEBP" else {}
    scan = saved(path, photo(3, (64, 48)), exif=exif(orientation), **lossless)
    upright = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    assert np.array_equal(scan.rgb, np.asarray(upright))
    again = rewritten(tmp_path, scan)
    tags = again.getexif()
    assert (tags[274], tags[271], tags[306]) == (orientation, "Kodak", "1931:05:04 10:00:00")
    assert again.format == format
    shown = np.asarray(ImageOps.exif_transpose(again).convert("RGB")).astype(int)
    assert shown.shape == scan.rgb.shape
    assert np.abs(shown - scan.rgb).mean() < 3


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_upright_size_is_known_before_decoding(tmp_path, format, orientation):
    path = tmp_path / f"photo.{FORMATS[format]}"
    upright = photo(3, (64, 48))
    back = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    back = (decode.UPRIGHT | back).get(orientation)
    stored = upright if back is None else upright.transpose(back)
    stored.save(path, exif=exif(orientation))
    image = decode.opened(path)
    assert decode.upright_size(image) == (64, 48)
    shown = np.asarray(decode.upright_rgb(image)).astype(int)
    assert shown.shape == (48, 64, 3)
    assert np.abs(shown - np.asarray(upright)).mean() < 5


@pytest.mark.parametrize("end", [60, 74, 90])
@pytest.mark.parametrize("order", ["<", ">"])
def test_no_value_is_invented_for_exif_that_is_cut_off(tmp_path, end, order):
    tags = [(271, 2, 6, 74), (274, 3, 1, 6 if order == "<" else 6 << 16), (305, 2, 40, 80)]
    entries = b"".join(struct.pack(order + "HHII", *tag) for tag in tags)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(tags))
    whole = head + entries + bytes(4) + bytes(74 - 50) + b"Kodak\0" + b"x" * 40
    path = tmp_path / "cut.jpg"
    photo(3, (64, 48)).save(path, exif=b"Exif\0\0" + whole[:end])
    scan = photo_files.read(decode.opened(path), MARK)
    assert scan.losses == ["damaged parts of its EXIF are left out"]
    tags = dict(rewritten(tmp_path, scan).getexif())
    assert tags.pop(305) == MARK and tags.pop(274) == 6
    assert tags == ({271: "Kodak"} if end > 80 else {})


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_exif_does_not_define_counts_as_upright(tmp_path, orientation):
    path = tmp_path / "photo.jpg"
    photo(3, (64, 48)).save(path, exif=exif(orientation))
    image = decode.opened(path)
    assert decode.upright_size(image) == decode.upright_rgb(image).size == (64, 48)
    deep = np.random.default_rng(0).integers(0, 65536, (48, 64, 3), dtype=np.uint16)
    deep_color(tmp_path / "deep.png", deep, orientation)
    assert np.array_equal(photo_files.read(decode.opened(tmp_path / "deep.png")).deep, deep)


@pytest.mark.parametrize("format", FORMATS)
def test_xmp_and_resolution_stay(tmp_path, format):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">caption</x:xmpmeta>'
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    said = {"PNG": {"pnginfo": text}, "TIFF": {"tiffinfo": {700: xmp}}}.get(format, {"xmp": xmp})
    scan = saved(tmp_path / f"photo.{FORMATS[format]}", photo(1), dpi=(300, 300), **said)
    again = rewritten(tmp_path, scan)
    assert again.info["xmp"].strip(b"\0") == xmp
    if format != "WEBP":  # has no field for it
        assert again.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("given", "expected", "lost"),
    [
        ({282: (300, 1), 283: (150, 1), 296: 2}, (300, 150, 2), False),
        ({282: (300, 1), 296: 3}, (300, 300, 3), False),
        ({282: (300, 0), 283: (300, 0), 296: 2}, None, True),
        ({282: (0, 1), 283: (0, 1), 296: 2}, None, True),
        ({282: (300, 1), 283: (300, 1), 296: 0}, None, True),
        ({296: 3}, None, False),
    ],
)
def test_the_resolution_of_a_tiff_stays_or_is_named_and_none_is_made_up(
    tmp_path, kind, given, expected, lost
):
    path = tmp_path / "scan.tif"
    types = {282: 5, 283: 5, 296: 3}
    gray, absent = (RAMP // 257).astype(kind), {"resolution": (7, 7), "resolutionunit": 1}
    tifffile.imwrite(path, gray, photometric="minisblack", **absent)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        for tag, code in types.items():
            found = file.pages[0].tags[tag]
            if tag not in given:
                data[found.offset : found.offset + 2] = struct.pack("<H", 65000 + tag)
            elif code == 5:
                data[found.valueoffset : found.valueoffset + 8] = struct.pack("<II", *given[tag])
            else:
                data[found.offset + 8 : found.offset + 10] = struct.pack("<H", given[tag])
    path.write_bytes(data)
    scan = photo_files.read(decode.opened(path))
    assert lost == ("its resolution is damaged and left out" in scan.losses)
    tags = rewritten(tmp_path, scan, tinted(scan.deep) if kind == np.uint16 else None).tag_v2
    found = tags.get(282), tags.get(283), tags.get(296)
    assert found == expected if expected else found[2] in (None, 1)


def test_a_tiff_keeps_its_own_tags(tmp_path):
    tags = {270: "Grandmother's street", 315: "Anna", 282: 600.0, 283: 600.0, 296: 2}
    path = tmp_path / "scan.tif"
    photo(1).convert("L").save(path, tiffinfo=tags, compression="tiff_lzw")
    again = rewritten(tmp_path, photo_files.read(decode.opened(path)))
    assert again.mode == "RGB"
    assert {tag: again.getexif()[tag] for tag in tags} == tags


@cache  # a profile holds the second it was made in
def wide_profile() -> bytes:
    """A profile that swaps sRGB's red and green: colors that ignore it are plainly wrong."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(data[128:132], "big")
    entries = [132 + 12 * i for i in range(count)]
    red, green = (next(e for e in entries if data[e : e + 4] == tag) for tag in (b"rXYZ", b"gXYZ"))
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data).replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_a_profile_stays_and_colors_are_brought_back_to_it(tmp_path, mode):
    image = photo(5).quantize(200) if mode == "P" else photo(5).convert(mode)
    stored = np.asarray(image.convert("RGB")).astype(int)
    scan = saved(tmp_path / "wide.png", image, icc_profile=wide_profile())
    assert np.abs(scan.rgb[..., [1, 0, 2]].astype(int) - stored).max() <= 2
    again = rewritten(tmp_path, scan)
    assert again.info["icc_profile"] == wide_profile()
    assert np.abs(np.asarray(again).astype(int) - stored).max() <= 3


def linear_profile():
    """Linear light with the primaries of sRGB, and its name."""
    primaries = [0.64, 0.33, 1, 0.3, 0.6, 1, 0.15, 0.06, 1]
    white = [0.3127, 0.329, 1]
    made = imagecodecs.cms_profile("rgb", whitepoint=white, primaries=primaries, gamma=1.0)
    names = (name.encode("utf-16-be") for name in ("RGB built-in", "sRGB, linear"))
    return bytes(made).replace(*names)


def test_a_profile_is_srgb_if_its_colors_are_whatever_its_name(tmp_path):
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    scan = saved(tmp_path / "linear.png", Image.fromarray(gray), icc_profile=linear_profile())
    light = gray / 255
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(scan.rgb[..., 0] - srgb * 255).max() <= 1
    assert scan.losses == []  # a profile of color holds gray
    again = rewritten(tmp_path, scan)
    assert again.info["icc_profile"] == linear_profile()
    assert np.abs(np.asarray(again)[8:, :, 1].astype(int) - gray[8:]).max() <= 1


DAMAGED = gray_profile(1.0).replace(b"GRAY", b"\xebRAY")  # no letter of ASCII


@pytest.mark.parametrize("profile", [gray_profile(1.0), DAMAGED, b"not a profile"])
def test_the_profile_of_a_gray_scan_gives_way_to_srgb_and_says_so(tmp_path, profile):
    gray = photo(5).convert("L")
    scan = saved(tmp_path / "scan.png", gray, icc_profile=profile)
    assert ["profile" in loss for loss in scan.losses] == [True]
    profile = rewritten(tmp_path, scan).info["icc_profile"]
    assert "sRGB" in ImageCms.getProfileDescription(io.BytesIO(profile))


def test_without_a_profile_none_is_made_up(tmp_path):
    scan = saved(tmp_path / "plain.png", photo(5))
    assert scan.losses == [] and "icc_profile" not in rewritten(tmp_path, scan).info


DEEP_LOSS = "16 bits a channel were read, 8 are written"
RAMP = np.linspace(0, 65535, 4800).reshape(60, 80).astype(np.uint16)


def tinted(gray):
    """A 16-bit picture of other colors."""
    return np.stack([gray, gray // 2, 65535 - gray], axis=-1)


def deep_again(tmp_path, scan):
    """The pixels (as stored) and the Pillow picture of a 16-bit photo that was written."""
    again = rewritten(tmp_path, scan, tinted(scan.deep))
    Image.open(tmp_path / "written").load()
    read = png_pixels if again.format == "PNG" else tifffile.imread
    return read(tmp_path / "written"), again


def png_pixels(path):
    """The pixels of an RGB PNG of 16 bits whose rows are differences from the row above."""
    data, parts, place = path.read_bytes(), {}, 8
    while place < len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + size]
        assert struct.unpack_from(">I", data, place + 8 + size)[0] == zlib.crc32(kind + body)
        parts[kind] = parts.get(kind, b"") + body
        place += 12 + size
    width, height, depth, color = struct.unpack_from(">IIBB", parts[b"IHDR"])
    assert (depth, color) == (16, 2)
    lines = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(height, -1)
    assert (lines[:, 0] == 2).all()
    rows = np.cumsum(lines[:, 1:], axis=0, dtype=np.uint8)
    return rows.view(">u2").reshape(height, width, 3)


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_gray_of_sixteen_bits_is_written_with_sixteen_bits(tmp_path, format, orientation):
    scan = saved(tmp_path / "deep", Image.fromarray(RAMP), format=format, exif=exif(orientation))
    assert np.abs(scan.rgb - scan.deep[..., None] / 257).max() <= 0.51 and scan.losses == []
    pixels, again = deep_again(tmp_path, scan)
    assert np.array_equal(pixels, tinted(RAMP))
    tags = again.getexif()
    assert (tags[274], tags[271], tags[306]) == (orientation, "Kodak", "1931:05:04 10:00:00")


TIFFS = {"little": {"byteorder": "<"}, "big": {"byteorder": ">"}, "rows": {"rowsperstrip": 7}}
TIFFS |= {"tiles": {"tile": (16, 16)}, "packed": {"compression": "zlib"}}


def deep_color(path, colors, orientation=1, further=None, profile=None):
    """Write a picture of 16 bits (H x W x 2, 3 or 4) as a TIFF or a PNG, as the path says."""
    height, width, channels = colors.shape
    if path.suffix == ".tif":
        options = {"photometric": "rgb", "extratags": [(274, "H", 1, orientation, True)]}
        options |= {"extrasamples": ["unassalpha"][: channels - 3], "iccprofile": profile}
        tifffile.imwrite(path, colors, **options, **TIFFS[path.stem])
        return
    rows = np.zeros((height, 1 + 2 * channels * width), np.uint8)
    rows[:, 1:] = colors.astype(">u2").reshape(height, -1).view(np.uint8)
    kind = {2: 4, 3: 2, 4: 6}[channels]
    parts = {b"IHDR": struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)}
    if profile:
        parts[b"iCCP"] = b"own\0\0" + zlib.compress(profile)
    if orientation > 1:
        parts[b"eXIf"] = exif(orientation).tobytes().removeprefix(b"Exif\0\0")
    parts |= (further or {}) | {b"IDAT": zlib.compress(rows), b"IEND": b""}
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts.items()))


@pytest.mark.parametrize("orientation", [1, 5, 6])
@pytest.mark.parametrize("name", ["color.png", *(f"{kind}.tif" for kind in TIFFS)])
def test_color_of_sixteen_bits_is_read_and_written_with_sixteen_bits(tmp_path, name, orientation):
    colors = np.random.default_rng(0).integers(0, 65536, (60, 80, 3), dtype=np.uint16)
    deep_color(tmp_path / name, colors, orientation)
    scan = photo_files.read(decode.opened(tmp_path / name))
    assert np.array_equal(pixels.stored(scan.deep, orientation), colors)
    assert np.abs(scan.rgb - scan.deep / 257).max() <= 0.51 and scan.losses == []
    rewritten(tmp_path, scan, scan.deep)
    read = png_pixels if name == "color.png" else tifffile.imread
    assert np.array_equal(read(tmp_path / "written"), colors)


@pytest.mark.parametrize("name", ["color.png", "little.tif", "big.tif"])
def test_color_of_sixteen_bits_is_brought_back_to_its_own_profile(tmp_path, name):
    colors = np.random.default_rng(0).integers(0, 65536, (60, 80, 3), dtype=np.uint16)
    deep_color(tmp_path / name, colors, profile=wide_profile())
    scan = photo_files.read(decode.opened(tmp_path / name))
    assert np.abs(scan.deep[..., [1, 0, 2]] - colors.astype(float)).max() <= 2
    assert np.abs(scan.rgb - scan.deep / 257).max() <= 0.51 and scan.losses == []
    again = rewritten(tmp_path, scan, scan.deep)
    read = png_pixels if name == "color.png" else tifffile.imread
    assert np.abs(read(tmp_path / "written") - colors.astype(float)).max() <= 4
    assert again.info["icc_profile"] == wide_profile()


@pytest.mark.parametrize("name", ["gray.png", "little.tif"])
def test_gray_stays_gray_in_a_profile_of_color(tmp_path, name):
    deep_color(tmp_path / name, np.dstack([RAMP] * 3), profile=wide_profile())
    scan = photo_files.read(decode.opened(tmp_path / name))
    assert scan.deep.shape == RAMP.shape and np.abs(scan.deep - RAMP.astype(float)).max() <= 2


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["scan.png", "little.tif"])
def test_a_profile_of_gray_is_applied_to_all_sixteen_bits(tmp_path, name, channels):
    path, profile = tmp_path / name, gray_profile(1.0)
    if channels == 3:
        deep_color(path, np.dstack([RAMP] * 3), profile=profile)
    else:
        Image.fromarray(RAMP).save(path, icc_profile=profile)
    scan = photo_files.read(decode.opened(path))
    light = RAMP / 65535
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(scan.deep - srgb * 65535).max() <= 2
    assert ["profile" in loss for loss in scan.losses] == [True]
    again = rewritten(tmp_path, scan, tinted(scan.deep))
    assert "sRGB" in ImageCms.getProfileDescription(io.BytesIO(again.info["icc_profile"]))


@pytest.mark.parametrize("name", ["color.png", "little.tif", "big.tif"])
def test_sixteen_bits_stay_beside_an_alpha_channel_that_is_opaque_all_over(tmp_path, name):
    colors = np.random.default_rng(0).integers(0, 65536, (60, 80, 4), dtype=np.uint16)
    colors[..., 3] = 65535
    deep_color(tmp_path / name, colors)
    scan = photo_files.read(decode.opened(tmp_path / name))
    assert np.array_equal(scan.deep, colors[..., :3]) and scan.losses == []
    colors[5, 5, 3] = 0
    deep_color(tmp_path / name, colors)
    scan = photo_files.read(decode.opened(tmp_path / name))
    assert scan.deep is None and scan.losses == ["transparent parts became white", DEEP_LOSS]


def test_sixteen_bits_of_gray_stay_beside_an_alpha_channel(tmp_path):
    deep_color(tmp_path / "gray.png", np.dstack([RAMP, np.full_like(RAMP, 65535)]))
    scan = photo_files.read(decode.opened(tmp_path / "gray.png"))
    assert np.array_equal(scan.deep, RAMP) and scan.losses == []


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("orientation", [2, 6])
def test_a_tiff_with_an_alpha_channel_keeps_its_orientation(tmp_path, kind, orientation):
    colors = np.random.default_rng(0).integers(0, 256, (60, 80, 4)).astype(kind)
    colors[..., 3] = np.iinfo(kind).max
    deep_color(tmp_path / "little.tif", colors, orientation)
    scan = photo_files.read(decode.opened(tmp_path / "little.tif"))
    picture = scan.rgb if kind == np.uint8 else scan.deep
    assert np.array_equal(pixels.stored(picture, orientation), colors[..., :3])
    again = rewritten(tmp_path, scan, picture)
    assert again.getexif()[274] == orientation
    assert np.array_equal(tifffile.imread(tmp_path / "written"), colors[..., :3])


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_are_written_whole_from_many_strips(tmp_path, format):
    gray = np.arange(700 * 500, dtype=np.uint32).reshape(700, 500).astype(np.uint16)
    assert len([*coloring.strips(*gray.shape)]) > 2
    pixels, _ = deep_again(tmp_path, saved(tmp_path / "deep", Image.fromarray(gray), format=format))
    assert np.array_equal(pixels, tinted(gray))


def test_sixteen_bits_of_channels_one_after_another_are_kept(tmp_path):
    planes, planar = tinted(RAMP).transpose(2, 0, 1), tmp_path / "planar.tif"
    tifffile.imwrite(planar, planes, photometric="rgb", planarconfig="separate", compression="zlib")
    scan = photo_files.read(decode.opened(planar))
    assert np.array_equal(scan.deep, tinted(RAMP)) and scan.losses == []


@pytest.mark.parametrize("chunks", [{b"tRNS": bytes(6)}, {}])
def test_where_sixteen_bits_cannot_be_kept_the_loss_is_told(tmp_path, monkeypatch, chunks):
    if not chunks:
        monkeypatch.setattr(pixels, "MAX_DEEP_COLOR", 4799)  # of 4800
    deep_color(tmp_path / "photo.png", tinted(RAMP), further=chunks)
    scan = photo_files.read(decode.opened(tmp_path / "photo.png"))
    assert DEEP_LOSS in scan.losses and scan.deep is None
    assert np.abs(scan.rgb - tinted(RAMP) / 257).max() <= 1


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_a_photo_of_sixteen_bits_keeps_what_its_file_said_and_is_marked(tmp_path, format):
    own, srgb = (OWN_XMP % "").encode(), ImageCms.createProfile("sRGB")
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", own.decode())
    text.add_itxt("Description", "Elm Street – café")
    caption = "Elm Street – café".encode()
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in {700: own, 305: b"VueScan", 270: caption}.items():
        tags[tag] = value
    options = {"pnginfo": text} if format == "PNG" else {"tiffinfo": tags}
    options |= {"dpi": (600, 300), "icc_profile": ImageCms.ImageCmsProfile(srgb).tobytes()}
    scan = saved(tmp_path / "deep", Image.fromarray(RAMP), MARK, format=format, **options)
    pixels, again = deep_again(tmp_path, scan)
    assert np.array_equal(pixels, tinted(RAMP)) and "16 bits" not in " ".join(scan.losses)
    assert "sRGB" in ImageCms.getProfileDescription(io.BytesIO(again.info["icc_profile"]))
    assert again.info["dpi"] == pytest.approx((600, 300), abs=0.1)
    assert again.getexif()[305] == (MARK if format == "PNG" else f"VueScan; {MARK}")
    root, sources = xmp_of(again)
    cities = [node.get("{http://ns.adobe.com/photoshop/1.0/}City") for node in root.iter()]
    assert "Köln" in cities and sources == [PREDICTED]
    said = again.text["Description"] if format == "PNG" else again.tag_v2[270]
    assert said.encode("utf-8" if format == "PNG" else "latin-1") == caption


def test_white_as_zero_and_gamma_are_applied_to_sixteen_bits(tmp_path):
    tifffile.imwrite(tmp_path / "negative.tif", 65535 - RAMP, photometric="miniswhite")
    scan = photo_files.read(decode.opened(tmp_path / "negative.tif"))
    assert np.array_equal(scan.deep, RAMP)
    plain = encoded_deep_png(chunk(b"gAMA", struct.pack(">I", 100_000)))
    light = RAMP / 65535
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(photo_files.read(decode.opened(plain)).deep - srgb * 65535).max() <= 0.51
    further = {b"gAMA": struct.pack(">I", 100_000)}
    deep_color(tmp_path / "color.png", tinted(RAMP), further=further)
    color = photo_files.read(decode.opened(tmp_path / "color.png"))
    assert np.abs(color.deep[..., 0] - srgb * 65535).max() <= 0.51


def encoded_deep_png(further):
    buffer = io.BytesIO()
    Image.fromarray(RAMP).save(buffer, "PNG")
    return buffer.getvalue()[:33] + further + buffer.getvalue()[33:]


def test_cmyk_transparency_and_further_pages_are_told(tmp_path):
    scan = saved(tmp_path / "print.jpg", photo(1).convert("CMYK"))
    assert scan.losses == ["it was CMYK and is written as RGB"]
    clear = photo(1).convert("RGBA")
    clear.putalpha(Image.new("L", clear.size, 0))
    scan = saved(tmp_path / "clear.png", clear)
    assert scan.losses == ["transparent parts became white"] and (scan.rgb == 255).all()
    assert saved(tmp_path / "opaque.png", photo(1).convert("RGBA")).losses == []
    scan = saved(tmp_path / "pages.tif", photo(1), save_all=True, append_images=[photo(2)])
    assert scan.losses == ["further pictures in the file are left out"]


def test_black_and_white_alone_are_told_to_hold_no_color(tmp_path):
    scan = saved(tmp_path / "fax.png", photo(1).convert("1"))
    assert len(scan.losses) == 1 and "hold no color" in scan.losses[0]


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_comments_stay_and_captions_in_iptc_are_told(tmp_path, format):
    path = tmp_path / "photo"
    if format == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_text("Description", "Elm Street, 1931 \u2013 looking north")
        photo(1).save(path, format, pnginfo=info)
    else:
        photo(1).save(path, format, comment=b"Elm Street, 1931")
    again = rewritten(tmp_path, photo_files.read(decode.opened(path)))
    said = again.text["Description"] if format == "PNG" else again.info["comment"].decode()
    assert said.startswith("Elm Street, 1931")
    image = decode.opened(path)
    image.info["photoshop"] = {1028: b"a caption"}
    assert "captions in IPTC are left out" in photo_files.read(image).losses


def test_a_damaged_profile_is_a_loss_and_no_damaged_photo(tmp_path):
    photo(1).save(tmp_path / "photo", "JPEG", icc_profile=b"junk" * 50)
    scan = photo_files.read(decode.opened(tmp_path / "photo"))
    assert "written as sRGB" in scan.losses[0]
    assert rewritten(tmp_path, scan).size == photo(1).size


def test_whole_numbers_of_32_bits_have_no_known_range(tmp_path):
    Image.fromarray(np.arange(4000, dtype=np.int32).reshape(50, 80)).save(tmp_path / "p", "TIFF")
    with pytest.raises(decode.BadPhotoError, match="32-bit, signed"):
        photo_files.read(decode.opened(tmp_path / "p"))


def tiff_with(tags: dict[int, tuple[int, bytes]], description=None, **options) -> bytes:
    """A TIFF of `photo(1)` with a caption and further tags: number -> (type, value)."""
    options["extratags"] = [
        (tag, kind, len(value), value, True) for tag, (kind, value) in tags.items()
    ]
    options |= {"photometric": "rgb", "description": description, "metadata": None}
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.asarray(photo(1)), software=False, **options)
    return buffer.getvalue()


def check_colored(tmp_path, data, loss=None):
    """The photo is read and written again with its pixels; what is lost is named."""
    scan = photo_files.read(decode.opened(data))
    assert np.abs(scan.rgb.astype(int) - np.asarray(photo(1))).mean() < 3
    assert scan.losses == ([loss] if loss else [])
    again = rewritten(tmp_path, scan)
    assert np.abs(np.asarray(again).astype(int) - scan.rgb).mean() < 3
    return again


BROKEN_EXIF = b"Exif\0\0\0\x08\0\x02\x01\x12\0\x03"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_does_not_cost_the_picture(tmp_path, format):
    data = encoded(1, format=format, exif=BROKEN_EXIF)
    again = check_colored(tmp_path, data, "its EXIF is damaged and left out")
    assert not again.getexif()


def test_exif_too_long_for_a_jpeg_is_left_out_and_its_picture_is_upright(tmp_path):
    parts = exif(6)
    parts[270] = "x" * 90_000
    long = parts.tobytes()
    segments = b"".join(
        b"\xff\xe1" + (len(part) + 8).to_bytes(2, "big") + b"Exif\0\0" + part
        for part in (long[6:60_000], long[60_000:])
    )
    plain = encoded(1)
    scan = photo_files.read(decode.opened(plain[:2] + segments + plain[2:]))
    assert scan.losses == ["its EXIF is too long for a JPEG and left out"]
    shown = rewritten(tmp_path, scan)
    assert shown.getexif().get(274, 1) == 1
    assert np.abs(np.asarray(shown).astype(int) - scan.rgb).mean() < 3


@pytest.mark.parametrize(
    ("tag", "entry"), [(34665, {36867: "1931:05:04 10:00:00"}), (34853, {1: "N"})]
)
def test_exif_and_gps_directories_of_a_tiff_are_left_out_and_named(tmp_path, tag, entry):
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    directory[tag] = entry
    data = encoded(1, format="TIFF", tiffinfo=directory)
    assert tag in Image.open(io.BytesIO(data)).tag_v2
    check_colored(tmp_path, data, "EXIF and GPS details of a TIFF are left out")


def test_a_big_tiff_is_colored(tmp_path):
    again = check_colored(tmp_path, tiff_with({}, description="Elm Street", bigtiff=True))
    assert again.tag_v2[270] == "Elm Street"


def test_texts_of_a_tiff_stay_the_bytes_they_were(tmp_path):
    caption = "Elm Street – café".encode()
    again = check_colored(tmp_path, tiff_with({269: (2, b"Box 12\0")}, description=caption))
    assert again.tag_v2[270].encode("latin-1") == caption and again.tag_v2[269] == "Box 12"


def test_a_photoshop_block_is_named(tmp_path):
    block = b"8BIM\x04\x04" + bytes(6)
    data = tiff_with({34377: (7, block)})
    check_colored(tmp_path, data, "tags of a TIFF are left out: 34377")


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize(("tag", "type", "value"), [(33723, 4, (1, 2)), (270, 3, (7,))])
def test_a_tag_of_an_unusual_type_is_named_and_does_not_cost_the_picture(
    tmp_path, kind, tag, type, value
):
    path, extra = tmp_path / "odd.tif", [(tag, type, len(value), value, True)]
    tifffile.imwrite(path, RAMP.astype(kind), metadata=None, extratags=extra)
    scan = photo_files.read(decode.opened(path))
    assert scan.losses == [f"tags of a TIFF are left out: {tag}"]
    rewritten(tmp_path, scan, tinted(RAMP).astype(kind)).load()


def test_a_bad_checksum_in_a_comment_costs_the_comment_alone(tmp_path):
    comment = bytearray(chunk(b"tEXt", b"Comment\0Elm Street"))
    comment[-1] ^= 1
    for place in ("before", "after"):
        data = encoded(1, format="PNG")
        at = 33 if place == "before" else len(data) - 12
        loss = "damaged or overlong parts of a PNG are left out: tEXt"
        check_colored(tmp_path, data[:at] + bytes(comment) + data[at:], loss)


def test_long_texts_of_a_png_stay_and_vast_ones_are_left_out(tmp_path):
    for size in (2_000_000, 40_000_000):
        text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * size))
        data = encoded(1, format="PNG")
        loss = None if size < 10e6 else "damaged or overlong parts of a PNG are left out: zTXt"
        again = check_colored(tmp_path, data[:33] + text + data[33:], loss)
        assert len(again.text.get("Comment", "")) == (size if not loss else 0)


def test_the_gray_thumbnail_in_exif_is_removed(tmp_path):
    made = exif(1).tobytes()
    tiff = bytearray(made[6:])
    order = "<" if tiff[:2] == b"II" else ">"
    first = struct.unpack_from(order + "I", tiff, 4)[0]
    count = struct.unpack_from(order + "H", tiff, first)[0]
    struct.pack_into(order + "I", tiff, first + 2 + 12 * count, len(tiff))
    tiff += struct.pack(order + "HHHII", 1, 259, 3, 1, 6) + bytes(4)
    again = check_colored(tmp_path, encoded(1, exif=b"Exif\0\0" + bytes(tiff)))
    assert again.getexif()[271] == "Kodak"
    assert not again.getexif().get_ifd(ExifTags.IFD.IFD1)


def xmp_of(image):
    """The root of a file's XMP, and the digital source types in it."""
    root = ElementTree.fromstring(image.info["xmp"].strip(b"\0"))
    return root, [node.get(SOURCE_TYPE) for node in root.iter() if node.get(SOURCE_TYPE)]


@pytest.mark.parametrize("format", FORMATS)
def test_a_mark_says_that_the_colors_were_predicted(tmp_path, format):
    scan = saved(tmp_path / f"photo.{FORMATS[format]}", photo(1), MARK, exif=exif(6))
    again = rewritten(tmp_path, scan)
    tags = again.getexif()
    assert tags[305] == MARK and scan.losses == []
    assert (tags[274], tags[271], tags[306]) == (6, "Kodak", "1931:05:04 10:00:00")
    assert xmp_of(again)[1] == [PREDICTED]


@pytest.mark.parametrize("format", FORMATS)
def test_a_photo_without_metadata_is_marked_too_and_without_a_mark_gets_none(tmp_path, format):
    path = tmp_path / f"photo.{FORMATS[format]}"
    again = rewritten(tmp_path, saved(path, photo(1), MARK))
    assert again.getexif()[305] == MARK and xmp_of(again)[1] == [PREDICTED]
    again = rewritten(tmp_path, saved(path, photo(1)))
    assert 305 not in again.getexif() and "xmp" not in again.info


OWN_XMP = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:City="Köln" %s/></rdf:RDF>
</x:xmpmeta><?xpacket end="w"?>"""
FILM = """xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/negativeFilm"
"""


@pytest.mark.parametrize("source", ["", FILM])
@pytest.mark.parametrize("format", FORMATS)
def test_the_mark_joins_what_the_photo_says_itself(tmp_path, format, source):
    own = (OWN_XMP % source).encode()
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", own.decode())
    said = {"PNG": {"pnginfo": text}, "TIFF": {"tiffinfo": {700: own, 305: "VueScan"}}}
    tags = exif(1)
    tags[305] = "VueScan"
    options = {} if format == "TIFF" else {"exif": tags}
    options |= said.get(format, {"xmp": own})
    again = rewritten(tmp_path, saved(tmp_path / "photo", photo(1), MARK, format=format, **options))
    assert again.getexif()[305] == f"VueScan; {MARK}"
    root, sources = xmp_of(again)
    cities = [node.get("{http://ns.adobe.com/photoshop/1.0/}City") for node in root.iter()]
    assert "Köln" in cities and sources == [PREDICTED]


CLAIMS = {
    'GCamera:MotionPhoto="1" GCamera:MicroVideoOffset="5000"': "the video of a motion photo",
    "Camera:MicroVideo='1'": "the video of a motion photo",
    "xmpNote:HasExtendedXMP = 'ABCDEF0123456789'": "XMP beyond its first 64 kB",
    'hdrgm:Version="1.0"': "the gain map for bright screens",
    'HDRGainMap:HDRGainMapVersion="65536"': "the gain map for bright screens",
    'GDepth:Format="RangeInverse"': "a depth map, second picture or sound",
    'GImage:Mime="image/jpeg" GAudio:Mime="audio/mp4"': "a depth map, second picture or sound",
}
LISTED = """<rdf:Description %s><hdrgm:GainMapMax><rdf:Seq><rdf:li>2.3</rdf:li></rdf:Seq>
</hdrgm:GainMapMax ><hdrgm:Max2/><dc:title>Dom, hdrgm:Version="1.0"</dc:title><Container:Directory>
<rdf:Seq><rdf:li rdf:parseType="Resource"><Container:Item Item:Length="5000"/><hdrgm:Inner/>
</rdf:li></rdf:Seq></Container:Directory><dc:rights>all</dc:rights><hdrgm:Max>3</hdrgm:Max>
</rdf:Description>"""
NAMES = "GCamera Camera xmpNote hdrgm HDRGainMap GDepth GImage GAudio Container Item dc".split()
BOUND = " ".join(f'xmlns:{name}="http://example.org/{name}/"' for name in NAMES)


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("format", FORMATS)
def test_parts_that_the_new_file_lacks_are_named_and_no_longer_claimed(tmp_path, format, claim):
    own = (OWN_XMP % f"{BOUND} {claim}").encode()
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", own.decode())
    said = {"PNG": {"pnginfo": text}, "TIFF": {"tiffinfo": {700: own}}}.get(format, {"xmp": own})
    scan = saved(tmp_path / "photo", photo(1), MARK, format=format, **said)
    assert scan.losses == [f"{CLAIMS[claim]} is left out"]
    again = rewritten(tmp_path, scan)
    assert "Köln".encode() in again.info["xmp"] and xmp_of(again)[1] == [PREDICTED]
    for name in re.findall(r"\w+:\w+", claim):
        assert name.encode() not in again.info["xmp"]


def test_a_photo_that_says_it_has_no_video_loses_none(tmp_path):
    own = (OWN_XMP % f'{BOUND} GCamera:MotionPhoto="0"').encode()
    assert saved(tmp_path / "photo.jpg", photo(1), xmp=own).losses == []


def test_elements_about_parts_go_and_what_stands_beside_them_stays(tmp_path):
    own = (OWN_XMP % "").replace("</rdf:RDF>", LISTED % BOUND + "</rdf:RDF>").encode()
    scan = saved(tmp_path / "photo.jpg", photo(1), MARK, xmp=own)
    assert scan.losses == ["the gain map for bright screens is left out"]
    root, sources = xmp_of(rewritten(tmp_path, scan))
    left = {node.tag.rpartition("}")[2]: node.text for node in root.iter()}
    assert left["title"] == 'Dom, hdrgm:Version="1.0"' and left["rights"] == "all"
    assert sources == [PREDICTED]
    assert not {"GainMapMax", "Max", "Max2", "Directory", "Item", "Inner", "li"} & {*left}


@pytest.mark.parametrize(
    "strange",
    [
        "<hdrgm:A x='/>'>1</hdrgm:A>",
        "<Container:Directory><Container:Directory/><Container:Directory></Container:Directory>"
        "</Container:Directory>",
    ],
)
def test_xmp_that_would_be_broken_stays(tmp_path, strange):
    own = (OWN_XMP % BOUND).replace("</rdf:RDF>", f"<rdf:Description {BOUND}>{strange}")
    own = own.replace("</x:xmpmeta>", "</rdf:Description></rdf:RDF></x:xmpmeta>").encode()
    scan = saved(tmp_path / "photo.jpg", photo(1), xmp=own)
    assert rewritten(tmp_path, scan).info["xmp"] == own and scan.losses == []


def test_an_element_of_xmp_that_is_never_closed_takes_nothing_with_it(tmp_path):
    own = b"<x:xmpmeta><hdrgm:Version>1.0 a caption" + 2000 * b"<hdrgm:a>"
    scan = saved(tmp_path / "photo.jpg", photo(1), xmp=own)
    assert rewritten(tmp_path, scan).info["xmp"] == own and scan.losses == []


@pytest.mark.parametrize("lossless", [True, False])
def test_a_webp_without_loss_stays_without_loss(tmp_path, lossless):
    tags = exif(1)
    tags[270] = "converted from a VP8L file"
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options = {"exif": tags, "icc_profile": icc, "lossless": lossless}
    scan = saved(tmp_path / "photo.webp", photo(1), **options)
    again = np.asarray(rewritten(tmp_path, scan).convert("RGB"))
    assert np.array_equal(again, scan.rgb) == lossless


@pytest.mark.parametrize("format", FORMATS)
def test_a_photo_that_is_colored_twice_has_the_last_mark_alone(tmp_path, format):
    first = rewritten(tmp_path, saved(tmp_path / "photo", photo(1), MARK, format=format))
    other = MARK.replace("0123456789ab", "ba9876543210")
    again = rewritten(tmp_path, photo_files.read(decode.opened(first), other))
    assert again.getexif()[305] == other and xmp_of(again)[1] == [PREDICTED]


@pytest.mark.parametrize("endian", "<>")
def test_a_mark_moves_no_byte_of_exif_that_others_point_to(tmp_path, endian):
    tags = exif(1)
    tags.endian = endian
    tags[270] = "Straße in Köln".encode()
    tags.get_ifd(ExifTags.IFD.Exif)[37500] = b"a maker's note, with places of its own"
    before = tags.tobytes()
    assert before[6:8] == (b"II" if endian == "<" else b"MM")
    again = rewritten(tmp_path, saved(tmp_path / "p.jpg", photo(1), MARK, exif=before))
    after = again.info["exif"]
    assert after[14 : len(before)] == before[14:]
    assert again.getexif()[305] == MARK
    assert again.getexif()[270].encode("latin-1").decode() == "Straße in Köln"
    assert b"maker's note" in again.getexif().get_ifd(ExifTags.IFD.Exif)[37500]


def test_metadata_that_fill_a_jpeg_segment_stay_without_a_mark_which_is_named(tmp_path):
    long = exif(1)
    long[270] = "x" * 65_400
    own = (OWN_XMP % "").encode()
    own += b" " * (65_504 - len(own))
    scan = saved(tmp_path / "p.jpg", photo(1), MARK, exif=long, xmp=own)
    again = rewritten(tmp_path, scan)
    assert again.getexif()[270] == long[270] and again.info["xmp"] == own
    cannot = "cannot hold the mark that colors were predicted"
    assert scan.losses == [f"its EXIF {cannot}", f"its XMP {cannot}"]


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-32-be"])
def test_xmp_in_another_encoding_is_marked_and_loses_its_claims(tmp_path, encoding, format):
    text = OWN_XMP % f'{BOUND} GCamera:MotionPhoto="1"'
    own = f'<?xml version="1.0" encoding="{encoding.upper()}"?>{text}'.encode(encoding)
    said = {"tiffinfo": {700: own}} if format == "TIFF" else {"xmp": own}
    scan = saved(tmp_path / "photo", photo(1), MARK, format=format, **said)
    assert scan.losses == ["the video of a motion photo is left out"]
    root, sources = xmp_of(rewritten(tmp_path, scan))
    cities = [node.get("{http://ns.adobe.com/photoshop/1.0/}City") for node in root.iter()]
    assert "Köln" in cities and sources == [PREDICTED]


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "TIFF"])
def test_xmp_that_cannot_be_read_stays_without_a_mark_which_is_named(tmp_path, format):
    own = "<x:xmpmeta>".encode("utf-16-le") + b"\0\xd8 "
    said = {"tiffinfo": {700: own}} if format == "TIFF" else {"xmp": own}
    scan = saved(tmp_path / "photo", photo(1), MARK, format=format, **said)
    assert rewritten(tmp_path, scan).info["xmp"] == own
    assert scan.losses == ["its XMP cannot hold the mark that colors were predicted"]


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_mark_on_cut_off_exif_does_not_cost_the_picture(tmp_path):
    whole = exif(1).tobytes()
    for length in range(6, len(whole)):
        data = encoded(1, exif=whole[:length])
        again = rewritten(tmp_path, photo_files.read(decode.opened(data), MARK))
        assert again.size == photo(1).size and again.getexif()[305] == MARK
