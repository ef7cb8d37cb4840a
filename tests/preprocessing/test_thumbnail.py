"""Averaging is exact, and the decoder's help costs little."""

import io

import memory
import numpy as np
import pytest
from photo_samples import encoded, photo
from PIL import Image, ImageCms
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.transform import resize_local_mean

from helpers import color
from helpers.photos import decode
from helpers.preprocessing import thumbnail
from helpers.preprocessing.geometry import FACTOR, SIZE
from helpers.preprocessing.thumbnail import prepare_photo, shrink


def noise(size, seed=0) -> Image.Image:
    """A photo with detail down to the pixel."""
    patch = np.random.default_rng(seed).normal(0, 12, (509, 509, 3))
    grain = np.resize(patch, (size[1], 509, 3))[:, np.arange(size[0]) % 509]
    return Image.fromarray((np.asarray(photo(seed, size)) + grain).clip(0, 255).astype(np.uint8))


def jpeg(image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **{"quality": 95, "subsampling": "4:2:0", **options})
    return buffer.getvalue()


def block_mean(rgb, box, size):
    left, top, right, bottom = box
    cell = (right - left) // size[0]
    kept = rgb[top:bottom, left:right].astype(float)
    return kept.reshape(size[1], cell, size[0], cell, 3).mean(axis=(1, 3))


def delta_e(one, other):
    return deltaE_ciede2000(rgb2lab(one / 255), rgb2lab(other / 255))


def test_whole_cells_are_averaged_exactly():
    image = noise((1281, 1025))
    expected = block_mean(np.asarray(image), (100, 70, 1220, 950), (112, 88))
    assert np.abs(shrink(image) - expected).max() <= 0.5


def test_a_loop_over_cells_agrees():
    image = noise((1281, 1025), seed=3)
    rgb, small = np.asarray(image).astype(int), shrink(image)
    for row, column in [(0, 0), (87, 111), (40, 7), (13, 90)]:
        total = np.zeros(3)
        for y in range(70 + 10 * row, 80 + 10 * row):
            for x in range(100 + 10 * column, 110 + 10 * column):
                total += rgb[y, x]
        assert np.abs(small[row, column] - total / 100).max() <= 0.5


@pytest.mark.parametrize("size", [(256, 256), (640, 640), (333, 500), (1000, 600), (113, 89)])
def test_fractions_of_a_pixel_count_by_their_share(size):
    image = noise(size)
    left, top, right, bottom = thumbnail.crop_box(size)
    rgb = np.asarray(image).astype(float)
    # An independent area average, on a crop whose edges are whole pixels along one axis.
    fine = np.kron(rgb, np.ones((7, 1, 1))) if top != int(top) else rgb
    scale = 7 if top != int(top) else 1
    if left != int(left):
        fine, across = np.kron(rgb, np.ones((1, 7, 1))), 7
    else:
        across = 1
    kept = fine[
        round(top * scale) : round(bottom * scale), round(left * across) : round(right * across)
    ]
    expected = resize_local_mean(kept, (88, 112), channel_axis=-1, preserve_range=True)
    exact = thumbnail.average(image, (left, top, right, bottom), (112, 88))
    assert np.abs(exact - expected).mean() < 0.6


def test_a_constant_photo_stays_constant():
    for size in [(114, 88), (256, 256), (1281, 1025), (777, 555)]:
        image = Image.new("RGB", size, (10, 200, 77))
        assert (shrink(image) == (10, 200, 77)).all()


def test_the_mean_of_a_fractional_crop_is_that_of_its_pixels():
    rgb = np.asarray(noise((224, 300))).astype(float)  # cut at the top and bottom by 62 pixels
    assert shrink(Image.fromarray(rgb.astype(np.uint8))).mean() == pytest.approx(
        rgb[62:238].mean(), abs=0.2
    )


def test_the_decoders_half_size_is_the_area_average_but_for_rounding():
    photos = [jpeg(noise((1281, 1025), seed)) for seed in range(2)]
    for data in photos:
        fast, exact = shrink(data).astype(float), shrink(data, exact=True).astype(float)
        whole = np.asarray(decode.upright_rgb(decode.opened(data)))
        truth = block_mean(whole, (100, 70, 1220, 950), (112, 88))
        assert np.abs(exact - truth).max() <= 0.5
        assert not np.array_equal(fast, exact)  # the decoder did help
        assert np.abs(fast - truth).mean() < 0.4
        assert delta_e(fast, truth).mean() < 0.5


def test_the_decoder_helps_only_where_its_blocks_fit():
    def scale(size, box=None, of=(112, 88), format="JPEG"):
        image = decode.opened(encoded(0, size, format))
        return thumbnail._decoder_scale(image, box or thumbnail.crop_box(size, of), of)

    assert scale((1281, 1025)) == 2
    assert scale((1281, 1025), format="PNG") == 1
    assert scale((1281, 1025), box=thumbnail.crop_box((1281, 1025), factor=11)) == 1
    assert scale((1281, 1025), of=(224, 176)) == 1
    assert scale((640, 640)) == 1
    assert scale((4000, 3000)) == 4


def test_the_decoder_does_not_help_where_turning_would_shift_its_blocks():
    exif = Image.Exif()
    exif[decode.ORIENTATION] = 3
    for size, even in [((640, 480), True), ((641, 480), False), ((640, 481), False)]:
        turned = decode.opened(encoded(0, size, exif=exif))
        assert decode.can_scale(turned, 2) == even
        assert decode.can_scale(decode.opened(encoded(0, size)), 2)


def test_large_photos_decoded_smaller_stay_near_the_exact_way():
    data = jpeg(noise((4032, 3024)))
    assert delta_e(shrink(data) * 1.0, shrink(data, exact=True) * 1.0).mean() < 0.5


def test_another_size_holds_the_same_picture():
    image = noise((1281, 1025))
    large = shrink(image, size=(224, 176))
    assert large.shape == (176, 224, 3)
    assert np.abs(large.reshape(88, 2, 112, 2, 3).mean(axis=(1, 3)) - shrink(image)).max() <= 1


@pytest.mark.parametrize("kind", ["array", "image", "bytes", "file"])
def test_a_photo_may_come_in_any_form(kind, tmp_path):
    image = photo(1)
    image.save(tmp_path / "photo.png")
    forms = {
        "array": np.asarray(image),
        "image": image,
        "bytes": (tmp_path / "photo.png").read_bytes(),
        "file": tmp_path / "photo.png",
    }
    assert np.array_equal(shrink(forms[kind]), np.asarray(image)[:, 1:113])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_is_set_upright(orientation):
    upright = photo(2, (224, 176))
    turned = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's number of what a camera did
    stored = upright.transpose(turned[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[decode.ORIENTATION] = orientation
    buffer = io.BytesIO()
    stored.save(buffer, "PNG", exif=exif)
    assert np.array_equal(shrink(buffer.getvalue()), shrink(upright))


def test_a_turned_photo_scaled_by_the_decoder_is_upright_too():
    upright = noise((2240, 1760))
    exif = Image.Exif()
    exif[decode.ORIENTATION] = 6  # to be turned clockwise by a quarter
    data = jpeg(upright.transpose(Image.Transpose.ROTATE_90), exif=exif, subsampling="4:4:4")
    assert thumbnail._decoder_scale(decode.opened(data), (0, 0, 2240, 1760), (112, 88)) > 1
    assert delta_e(shrink(data) * 1.0, shrink(upright) * 1.0).mean() < 1


@pytest.mark.parametrize("mode", ["RGBA", "P", "CMYK", "LA", "L", "I;16", "1"])
def test_other_kinds_of_pixels_are_read(mode, tmp_path):
    image = photo(3)
    gray = image.convert("L")
    if mode == "I;16":
        stored = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    else:
        stored = image.convert(mode)
    path = tmp_path / ("photo.tif" if mode == "CMYK" else "photo.png")
    stored.save(path)
    expected = {"CMYK": image, "RGBA": image, "P": stored.convert("RGB"), "1": stored}
    wanted = np.asarray(expected.get(mode, gray).convert("RGB"))[:, 1:113].astype(int)
    assert np.abs(shrink(path) - wanted).max() <= 1


def test_sixteen_bit_colors_are_read(tmp_path):
    import tifffile

    deep = np.asarray(photo(4)).astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="rgb")
    wanted = np.asarray(photo(4))[:, 1:113].astype(int)
    assert np.abs(shrink(tmp_path / "deep.tif") - wanted).max() <= 1


def test_what_is_transparent_lies_on_white():
    image = photo(5).convert("RGBA")
    image.putalpha(0)
    assert (shrink(image) == 255).all()


def test_another_color_profile_becomes_srgb():
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    plain, named = encoded(6, format="PNG"), encoded(6, format="PNG", icc_profile=lab.tobytes())
    assert np.array_equal(shrink(plain), shrink(named))
    broken = encoded(6, format="PNG", icc_profile=b"no profile")
    assert np.array_equal(shrink(plain), shrink(broken))


def test_lightness_and_ab_are_those_of_scikit_image(tmp_path):
    path = tmp_path / "1.png"
    photo(7).save(path)
    result = thumbnail.prepare_photo(path, (112, 88), 10, None, True)
    lab = rgb2lab(np.asarray(photo(7))[:, 1:113])
    assert np.abs(color.load_lightness(result.lightness) - lab[..., 0]).max() < 0.2
    assert np.abs(color.load_ab(result.ab) - lab[..., 1:]).max() <= 0.5001
    rounded = np.dstack([color.load_lightness(result.lightness), color.load_ab(result.ab)])
    cost = deltaE_ciede2000(lab, rounded)
    assert result.rounding["delta_e_mean"] == pytest.approx(cost.mean(), rel=1e-3)
    assert result.rounding["delta_e_max"] == pytest.approx(cost.max(), rel=1e-3)


def test_the_commonest_class_of_a_cell_wins(tmp_path):
    rng = np.random.default_rng(0)
    # Classes in patches of 23 pixels: most cells have a clear winner.
    classes = np.kron(rng.integers(0, 13, (45, 56)), np.ones((23, 23))).astype(np.uint8)
    classes = classes[:1025, :1281]
    Image.fromarray(classes).save(tmp_path / "classes.png")
    small = thumbnail.shrink_classes(tmp_path / "classes.png", (112, 88), 10)
    kept = classes[70:950, 100:1220].reshape(88, 10, 112, 10).swapaxes(1, 2).reshape(88, 112, 100)
    counts = (kept[..., None] == np.arange(13)).sum(axis=2)
    clear = counts.max(axis=-1) > 75
    assert clear.mean() > 0.4
    assert np.array_equal(small[clear], counts.argmax(axis=-1)[clear])


@memory.needs_linux
def test_a_vast_file_is_rejected_before_it_is_read(tmp_path):
    path = tmp_path / "vast.tif"
    with path.open("wb") as file:
        file.truncate(decode.MAX_BYTES + 1)

    def rejected():
        assert prepare_photo(path, SIZE, FACTOR, None, False) == "a file of more than 1,000 MB"

    assert memory.taken(rejected) < 100e6
