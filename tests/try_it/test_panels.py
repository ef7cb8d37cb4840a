"""The panels work without a browser: what their widgets do when they are moved or clicked."""

import io
import time
from datetime import UTC, datetime

import numpy as np
import pytest
from bad_photos import BAD
from colorizer_samples import scene
from PIL import Image
from training_samples import stored

from helpers import training, try_it
from helpers.try_it.panels import LONGEST

SECONDS = 60  # after which a training counts as hanging on a busy machine


def png(seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(scene(seed=seed)).save(buffer, "PNG")
    return buffer.getvalue()


def file(name: str, content: bytes) -> tuple[dict, ...]:
    """An upload as the widget reports it."""
    about = {"name": name, "type": "", "size": len(content), "last_modified": datetime.now(UTC)}
    return (about | {"content": memoryview(content)},)


@pytest.fixture
def coloring(tmp_path):
    return try_it.ColoringPanel(try_it.load(png(), "street.png"), tmp_path / "colored")


def shown(panel) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(panel.picture.value)).convert("RGB")).astype(int)


def chroma(picture: np.ndarray) -> float:
    return np.ptp(picture, axis=-1).mean()


def test_gray_and_color_are_side_by_side(coloring):
    picture = shown(coloring)
    assert picture.shape == (90, 240, 3)
    assert chroma(picture[:, :110]) < 2 < chroma(picture[:, 130:])


def test_a_large_photo_is_shown_small_and_saved_at_full_size(coloring):
    content = io.BytesIO()
    Image.fromarray(scene(900, 1200)).save(content, "JPEG")
    coloring.upload.value = file("large.jpg", content.getvalue())
    assert shown(coloring).shape[1] == 2 * LONGEST
    coloring.save.click()
    assert Image.open(coloring.folder / "large.jpg").size == (1200, 900)


@pytest.mark.parametrize(
    ("widget", "value"), [("gain", 0.0), ("temperature", 0.3), ("model", "accurate")]
)
def test_every_setting_changes_what_is_shown_and_what_is_saved(coloring, widget, value):
    coloring.save.click()
    before = shown(coloring), (coloring.folder / "street.png").read_bytes()
    getattr(coloring, widget).value = value
    coloring.save.click()
    assert np.abs(shown(coloring) - before[0]).max() > 2
    assert (coloring.folder / "street.png").read_bytes() != before[1]


def test_the_button_says_where_the_photo_was_saved(coloring):
    coloring.save.click()
    assert coloring.message.value == f"Saved as {coloring.folder / 'street.png'}"


def test_a_folder_that_cannot_be_written_is_named_in_one_sentence(coloring):
    coloring.folder.write_text("a file")
    coloring.save.click()
    assert coloring.message.value.startswith("street.png could not be written: ")


def test_a_path_is_taken_as_an_upload_is(coloring, tmp_path):
    (tmp_path / "other.png").write_bytes(png(seed=1))
    before = shown(coloring)
    coloring.path.value = str(tmp_path / "other.png")
    assert coloring.message.value == "other.png, 120 x 90 pixels"
    assert np.abs(shown(coloring) - before).mean() > 5


@pytest.mark.parametrize("kind", ["text", "cut off"])
def test_a_broken_upload_is_named_and_the_photo_before_it_stays(coloring, kind):
    before = coloring.picture.value
    coloring.upload.value = file("broken.jpg", BAD[kind][0])
    assert coloring.message.value.startswith("broken.jpg cannot be read: ")
    assert coloring.picture.value == before
    coloring.save.click()
    assert (coloring.folder / "street.png").exists()


def test_the_same_photo_can_be_chosen_again(coloring, tmp_path):
    (tmp_path / "other.png").write_bytes(png(1))
    for _ in range(2):
        coloring.upload.value = file("first.png", png())
        assert coloring.photo.name == "first.png"
        coloring.path.value = f' "{tmp_path / "other.png"}" '  # as pasted from a file manager
        assert coloring.photo.name == "other.png"


@pytest.fixture
def trainer():
    recipe = training.Recipe(batches=20, batch_size=4, rate=1e-3)
    return try_it.TrainingPanel(stored(8, height=16, width=16), recipe)


def ended(panel) -> str:
    """The last message of a training, once it has ended."""
    deadline = time.monotonic() + SECONDS
    while panel.start.disabled:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return panel.message.value


def test_a_click_trains_as_the_widgets_say_and_ends_with_the_last_batch(trainer):
    trainer.kernel_size.value, trainer.loss.value = 5, "l1"
    trainer.rate.value, trainer.batches.value = 1e-2, 10
    trainer.start.click()
    assert ended(trainer).startswith("Finished. Batch 10 of 10, 5.0 epochs.")
    assert len(trainer.curve.losses) == 10
    expected = training.Recipe(batches=10, batch_size=4, rate=1e-2, loss="l1", kernel_size=5)
    fitted = training.fit(expected, trainer.photos)
    assert trainer.fitted.history.loss.equals(fitted.history.loss)
    assert Image.open(io.BytesIO(trainer.picture.value)).format == "PNG"


def test_stop_ends_a_training_and_the_next_one_starts_from_nothing(trainer):
    trainer.batches.value = 1000
    trainer.start.click()
    while not trainer.curve.losses:
        time.sleep(0.01)
    trainer.stop.click()
    assert ended(trainer).startswith("Stopped. Batch ")
    assert 0 < len(trainer.curve.losses) < 1000
    trainer.batches.value = 10
    trainer.start.click()
    assert ended(trainer).startswith("Finished. Batch 10 of 10")


def test_the_second_click_of_a_double_click_starts_no_second_training(trainer):
    trainer.batches.value = 1000
    trainer.start.click()
    first = trainer.curve
    trainer.start.click()
    assert trainer.curve is first
    trainer.stop.click()
    assert ended(trainer).startswith("Stopped. Batch ")


def test_a_new_panel_stops_the_training_of_the_one_before(trainer):
    trainer.batches.value = 1000
    trainer.start.click()
    try_it.TrainingPanel(trainer.photos, trainer.recipe)
    assert ended(trainer).startswith("Stopped. Batch ")


def test_a_loss_that_is_not_finite_ends_with_a_sentence():
    recipe = training.Recipe(batches=20, batch_size=4, rate=0.1)
    photos = stored(8, height=16, width=16)
    panel = try_it.TrainingPanel(photos, recipe)
    panel.rate.max, panel.rate.value = 38, 1e38
    panel.start.click()
    assert "lower the learning rate" in ended(panel)
