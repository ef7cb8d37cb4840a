"""Everything that a file says besides its pixels survives coloring, or its loss is reported."""

import io
from functools import cache

import numpy as np
import pytest
from photo_samples import photo
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from helpers.colorize import photo_files
from helpers.photos import decode

FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "TIFF": "tif"}


def saved(path, image, **options):
    image.save(path, **options)
    return photo_files.read(decode.opened(path))


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
    back = photo_files.BACK.get(orientation)
    stored = upright if back is None else upright.transpose(back)
    stored.save(path, exif=exif(orientation))
    image = decode.opened(path)
    assert decode.upright_size(image) == (64, 48)
    shown = np.asarray(decode.upright_rgb(image)).astype(int)
    assert shown.shape == (48, 64, 3)
    assert np.abs(shown - np.asarray(upright)).mean() < 5


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


def test_the_profile_of_a_gray_scan_gives_way_to_srgb_and_says_so(tmp_path):
    gray = photo(5).convert("L")
    scan = saved(tmp_path / "scan.png", gray, icc_profile=b"not a profile that can be used")
    assert any("profile" in loss for loss in scan.losses)
    profile = rewritten(tmp_path, scan).info["icc_profile"]
    assert "sRGB" in ImageCms.getProfileDescription(io.BytesIO(profile))


def test_without_a_profile_none_is_made_up(tmp_path):
    scan = saved(tmp_path / "plain.png", photo(5))
    assert scan.losses == [] and "icc_profile" not in rewritten(tmp_path, scan).info


def test_sixteen_bits_are_read_and_the_loss_is_told(tmp_path):
    ramp = np.linspace(0, 65535, 4800).reshape(60, 80).astype(np.uint16)
    for name in ("deep.png", "deep.tif"):
        scan = saved(tmp_path / name, Image.fromarray(ramp))
        assert np.abs(scan.rgb - ramp[..., None] / 257).max() <= 0.51
        assert scan.losses == ["16 bits a channel were read, 8 are written"]


def test_cmyk_transparency_and_further_pages_are_told(tmp_path):
    scan = saved(tmp_path / "print.jpg", photo(1).convert("CMYK"))
    assert scan.losses == ["it was CMYK and is written as RGB"]
    clear = photo(1).convert("RGBA")
    clear.putalpha(Image.new("L", clear.size, 0))
    scan = saved(tmp_path / "clear.png", clear)
    assert scan.losses == ["transparent parts became white"] and (scan.rgb == 255).all()
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
