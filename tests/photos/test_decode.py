"""A photo file becomes the sRGB pixels that a color-managed viewer shows, or is refused by name."""

import io
import struct

import memory
import numpy as np
import pytest
import tifffile
from bad_photos import chunk, vast_png
from photo_samples import encoded, gray_profile, photo
from PIL import Image

from helpers.photos import decode

GRAYS = np.tile(np.arange(256, dtype=np.uint8), (4, 1))


def as_png(image: Image.Image, *chunks: bytes, **options) -> bytes:
    """A PNG file with further chunks behind its header."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    data = buffer.getvalue()
    return data[:33] + b"".join(chunks) + data[33:]


def as_tiff(values: np.ndarray, **options) -> bytes:
    """A TIFF file, written by tifffile."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, **options)
    return buffer.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(decode.upright_rgb(decode.opened(data)))


def encoded_srgb(light: np.ndarray) -> np.ndarray:
    """Values (0..255) of linear light (0..1) as IEC 61966-2-1 has them."""
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def apart(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference between RGB found and gray values expected."""
    return np.abs(found.astype(float) - np.asarray(expected)[..., None]).max()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "P"])
def test_a_gray_profile_is_applied_to_gray_in_any_mode(mode):
    expected = encoded_srgb((GRAYS / 255) ** 1.0)
    image = Image.fromarray(GRAYS).convert(mode)
    assert apart(pixels(as_png(image, icc_profile=gray_profile(1.0))), expected) <= 1.5


def test_transparent_parts_are_white_and_the_others_have_their_profile():
    image = Image.fromarray(GRAYS).convert("LA")
    image.putalpha(Image.fromarray(np.repeat([[255], [255], [0], [0]], 256, 1).astype(np.uint8)))
    found = pixels(as_png(image, icc_profile=gray_profile(1.0)))
    assert apart(found[:2], encoded_srgb(GRAYS[:2] / 255)) <= 1.5
    assert (found[2:] == 255).all()


def test_the_color_key_of_sixteen_bits_is_white():
    deep = GRAYS.astype(np.uint16) * 257
    found = pixels(as_png(Image.fromarray(deep), chunk(b"tRNS", struct.pack(">H", 100 * 257))))
    assert apart(found, np.where(GRAYS == 100, 255, GRAYS)) == 0


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "P", "I;16"])
@pytest.mark.parametrize("gamma", [1.0, 1 / 1.8])
def test_the_gamma_of_a_png_is_applied(mode, gamma):
    image = Image.fromarray(GRAYS).convert(mode) if mode != "I;16" else None
    image = image or Image.fromarray(GRAYS.astype(np.uint16) * 257)
    data = as_png(image, chunk(b"gAMA", struct.pack(">I", round(gamma * 100_000))))
    assert apart(pixels(data), encoded_srgb((GRAYS / 255) ** (1 / gamma))) <= 0.6


@pytest.mark.parametrize("chunks", [
    [chunk(b"gAMA", struct.pack(">I", 45455))],
    [chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 100_000))],
])  # fmt: skip
def test_the_gamma_of_srgb_or_beside_srgb_changes_nothing(chunks):
    assert apart(pixels(as_png(Image.fromarray(GRAYS), *chunks)), GRAYS) == 0


def test_a_small_tiff_with_huge_tiles_is_refused_before_they_take_memory():
    buffer = io.BytesIO()
    picture = np.zeros((40, 50, 3), np.uint16)
    tifffile.imwrite(buffer, picture, photometric="rgb", tile=(16, 16), compression="zlib")
    data = bytearray(buffer.getvalue())
    decode.upright_rgb(decode.opened(bytes(data)))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        sides = [file.pages[0].tags[tag] for tag in (322, 323)]
    for side in sides:
        data[side.offset + 8 : side.offset + 10] = struct.pack("<H", 16_000)
    with pytest.raises(decode.BadPhotoError, match="tiles"):
        decode.opened(bytes(data))


@pytest.mark.parametrize(("code", "says"), [((9, 16), "PQ"), ((9, 18), "HLG"), ((12, 13), "12/13")])
def test_png_colors_of_another_encoding_are_refused_by_name(code, says):
    data = as_png(photo(1), chunk(b"cICP", bytes([*code, 0, 1])))
    with pytest.raises(decode.BadPhotoError, match=says):
        decode.opened(data)


def test_png_colors_that_are_said_to_be_srgb_are_read():
    data = as_png(photo(1), chunk(b"cICP", bytes([1, 13, 0, 1])))
    assert np.array_equal(pixels(data), np.asarray(photo(1)))


KINDS = {  # photometric, samples
    "gray": ("minisblack", 1),
    "negative gray": ("miniswhite", 1),
    "gray with alpha": ("minisblack", 2),
    "RGB": ("rgb", 3),
    "RGB with alpha": ("rgb", 4),
}
RIGHT = {(bits, kind) for bits in ("u1", "u2") for kind in KINDS} - {("u2", "gray with alpha")}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "f2", "f4"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("order", "<>")
def test_a_tiff_is_read_right_or_refused_by_name(kind, dtype, compression, order):
    photometric, samples = KINDS[kind]
    levels = np.kron(np.random.default_rng(0).integers(0, 256, (3, 5)), np.ones((8, 8)))
    whole = dtype[0] in "ui"
    most = np.iinfo(dtype).max if whole else 1
    stored = (255 - levels if photometric == "miniswhite" else levels) / 255 * most
    stored = (np.rint(stored) if whole else stored).astype(dtype)
    options = {"photometric": photometric, "compression": compression, "byteorder": order}
    if samples > 1:
        stored = np.stack([stored] * samples, axis=-1)
        if samples != 3:
            stored[..., -1] = most
            options["extrasamples"] = ["unassalpha"]
    for planar in ("contig", "separate") if samples > 1 else (None,):
        values = np.moveaxis(stored, -1, 0) if planar == "separate" else stored
        try:
            found = pixels(as_tiff(values, planarconfig=planar, **options))
        except decode.BadPhotoError as error:
            assert "TIFF" in str(error) and "save it" in str(error)
            if planar != "separate" and (order, kind) != (">", "negative gray"):
                assert (dtype, kind) not in RIGHT
        else:
            assert apart(found, levels) <= 1


def test_packed_values_of_12_bits_are_scaled_to_their_own_white():
    levels = np.arange(0, 4096, 16).reshape(4, 64)
    first, second = levels[:, ::2], levels[:, 1::2]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=-1)
    tags = [(256, 64), (257, 4), (258, 12), (259, 1), (262, 1), (273, 122), (277, 1), (278, 4)]
    tags.append((279, packed.size))
    data = b"II*\0" + struct.pack("<IH", 8, len(tags))
    data += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags) + bytes(4)
    data += packed.astype(np.uint8).tobytes()
    assert apart(pixels(data), levels / 4095 * 255) <= 0.5


def test_of_a_tiff_that_begins_with_a_thumbnail_the_photo_is_meant():
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for size, reduced in (((28, 22), 1), ((114, 88), 0), ((114, 88), 0)):
            file.write(np.asarray(photo(1, size)), photometric="rgb", subfiletype=reduced)
    assert np.array_equal(pixels(buffer.getvalue()), np.asarray(photo(1)))


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_its_end_is_whole_and_one_that_lacks_more_is_not(missing, progressive):
    data = encoded(1, (640, 480), progressive=progressive)
    assert np.array_equal(pixels(data[:-missing]), pixels(data))
    for cut in (200, 20, 6):
        with pytest.raises(OSError, match="truncated"):
            pixels(data[:-cut])


def test_the_limit_of_pixels_is_the_callers():
    data = vast_png(12_000)
    assert decode.opened(data, most=150_000_000).size == (12_000, 12_000)
    with pytest.raises(decode.TooLargeError, match="more than 143 megapixels"):
        decode.opened(data, most=143_000_000)
    with pytest.raises(decode.TooLargeError, match="more than 120 megapixels"):
        decode.opened(data)
    jpeg = encoded(1)
    place = jpeg.index(b"\xff\xc0") + 5  # of height and width
    without_end = jpeg[:place] + b"\xea\x60\xea\x60" + jpeg[place + 4 : -2]
    with pytest.raises(decode.TooLargeError, match="more than 120 megapixels"):
        decode.opened(without_end)


def test_a_webp_may_have_half_as_many_pixels_since_its_decoder_takes_twice_the_memory():
    webp = encoded(1, format="WEBP", lossless=True)
    place = webp.index(b"VP8L") + 9  # of width and height less one, 14 bits each, lowest first

    def sized(width, height):
        sides = (width - 1) | (height - 1) << 14
        kept = int.from_bytes(webp[place : place + 4], "little") >> 28 << 28
        return webp[:place] + (sides | kept).to_bytes(4, "little") + webp[place + 4 :]

    assert decode.opened(sized(10_000, 6_000)).size == (10_000, 6_000)
    with pytest.raises(decode.TooLargeError, match="more than 60 megapixels, half the limit, in a"):
        decode.opened(sized(10_000, 6_001))
    assert decode.opened(sized(10_000, 6_001), most=121_000_000).size == (10_000, 6_001)


@memory.needs_linux
def test_a_vast_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "vast.jpg"
    with path.open("wb") as file:
        file.write(encoded(1))
        file.truncate(decode.MAX_BYTES + 1)

    def refused():
        with pytest.raises(decode.BadPhotoError, match="more than 1,000 MB"):
            decode.opened(path)

    assert memory.taken(refused) < 100e6
