"""What is saved is the photo, colored; what cannot be read is named in one sentence."""

import io

import numpy as np
import pytest
from bad_photos import BAD
from colorizer_samples import save_weights, scene
from photo_samples import street
from PIL import Image
from skimage.color import rgb2lab

from helpers import paths, try_it
from helpers.colorize import Colorizer, photo_files
from helpers.photos import decode


@pytest.fixture(scope="module")
def colorizer(tmp_path_factory):
    return Colorizer.load(save_weights(tmp_path_factory.mktemp("weights") / "w.safetensors"))


def upload(format: str = "PNG", size: tuple[int, int] = (300, 200), **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(scene(size[1] // 6 * 6, size[0] // 8 * 8)).save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_saved_photo_has_the_size_and_the_format_of_the_upload(tmp_path, colorizer, format):
    photo = try_it.load(upload(format), "harbor.photo")
    saved = Image.open(try_it.save(photo, colorizer, tmp_path / "colored"))
    assert (saved.size, saved.format) == ((296, 198), format)
    assert [path.name for path in (tmp_path / "colored").iterdir()] == ["harbor.photo"]


def test_a_saved_photo_has_the_lightness_of_the_upload_and_colors(tmp_path, colorizer):
    saved = try_it.save(try_it.load(upload(), "street.png"), colorizer, tmp_path)
    before = rgb2lab(np.asarray(Image.open(io.BytesIO(upload())).convert("RGB")))
    after = rgb2lab(np.asarray(Image.open(saved)))
    assert np.abs(after - before)[..., 0].max() < 0.5
    assert np.abs(after[..., 1:]).mean() > 3


def test_an_upload_is_saved_inside_the_folder_whatever_its_name_says(tmp_path, colorizer):
    photo = try_it.load(upload(), "../../elsewhere/street.png")
    assert try_it.save(photo, colorizer, tmp_path / "colored").parent == tmp_path / "colored"


def test_saving_again_replaces_the_result_but_never_the_photo_itself(tmp_path, colorizer):
    original = tmp_path / "street.png"
    original.write_bytes(upload())
    photo = try_it.load(original)
    for _ in range(2):
        try_it.save(photo, colorizer, tmp_path / "colored")
    with pytest.raises(photo_files.WriteError, match="would replace the original"):
        try_it.save(photo, colorizer, tmp_path)
    assert original.read_bytes() == upload()


@pytest.mark.parametrize("kind", ["empty", "text", "cut off", "large", "GIF"])
def test_a_broken_upload_is_named_in_one_sentence(kind):
    content, reason = BAD[kind]
    with pytest.raises(decode.BadPhotoError, match=f"^street.jpg cannot be read: .*{reason}") as at:
        try_it.load(content, "street.jpg")
    assert str(at.value).endswith(".") and "\n" not in str(at.value)


def test_a_path_that_leads_nowhere_is_named(tmp_path):
    with pytest.raises(decode.BadPhotoError, match=r"gone.jpg cannot be read: there is no"):
        try_it.load(tmp_path / "gone.jpg")


@pytest.mark.parametrize("name", ["~nosuchuser/a.jpg", "x" * 300])
def test_a_name_that_no_photo_can_have_is_one_sentence(name):
    with pytest.raises(decode.BadPhotoError, match=r"cannot be read: "):
        try_it.load(name)


def test_a_street_of_a_folder_is_one_of_its_photos(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "PREPARED", tmp_path / "prepared")
    folder = street(tmp_path / "photos")
    assert try_it.street(str(folder), 36) in folder.iterdir()
