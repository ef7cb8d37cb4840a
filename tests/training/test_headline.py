"""The training runs of the report: their recipes, photos, checkpoints and weights."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from training_samples import scenes, stored

from helpers import results, training
from helpers.model import street_unet
from helpers.preprocessing import PreparedSet
from helpers.training import STREET_UNET, Photos, fit, groups, headline, moving_average, operating

WIDTHS = (8, 8, 8, 8)


def prepared(folder, name, photos=None, **rows):
    """A prepared set; for each hash its split, and "extra" where it counts as such."""
    table = pd.DataFrame({"sha256": list(rows), "split": [row.split()[0] for row in rows.values()]})
    table["extra"] = ["extra" in row for row in rows.values()]
    photos = photos or scenes(len(rows))
    manifest = {"name": name, "size": [32, 32], "factor": 10}
    return PreparedSet(
        folder, photos.lightness, photos.ab, table, pd.DataFrame(), manifest, classes=None
    )


def test_the_reports_networks_use_the_profile_and_their_own_checkpoints(tmp_path):
    rows = {f"t{i}": "train" for i in range(20)} | {f"v{i}": "validation" for i in range(6)}
    here = prepared(tmp_path, "here", stored(26), **rows)
    profile = replace(results.PROFILES["quick"], published_batches=6, epochs=3, patience=2)
    run = SimpleNamespace(folder=tmp_path, profile=profile)
    published = training.published(run, here, 7)
    trained = training.colorize_cnn(run, here, 7)
    assert published.batches == 6 and published.epochs.empty
    assert len(trained.epochs) <= 3 and trained.epochs.best.sum() == 1
    changed = training.published(run, here, 7, kernel_size=5, loss="mse")
    assert changed.model.conv1.kernel_size == (5, 5)
    names = sorted(path.name for path in (tmp_path / "checkpoints").glob("*.pt"))
    assert names == [
        "colorize_cnn-seed7.pt",
        "published-kernel_size-5-seed7.pt",
        "published-seed7.pt",
    ]


def test_weights_of_a_run_are_rewritten_when_the_training_changed(tmp_path):
    here = prepared(tmp_path, "here", a="train", b="train", c="validation")

    def trained(batches):
        profile = SimpleNamespace(unet_batches=batches, unet_widths=WIDTHS)
        run = SimpleNamespace(profile=profile, folder=tmp_path)
        return training.street_unets(run, {3: here})[3]

    first = trained(1)
    written = first.path.stat().st_mtime_ns
    assert trained(1).path.stat().st_mtime_ns == written
    second = trained(2)
    assert street_unet.load(second.path)[1]["key"] == second.fitted.key != first.fitted.key
    assert set(first.points) == {"street_unet", "street_unet_accurate"}
    second.path.write_bytes(b"damaged")
    assert trained(2).points == second.points and street_unet.load(second.path)


def test_the_training_size_is_that_of_upright_photos_up_to_a_limit(tmp_path):
    turned = Image.Exif()
    turned[274] = 6
    for number in range(3):
        photo = Image.new("RGB", (400, 300), (90, number, 60))
        photo.save(tmp_path / f"{number}.jpg", exif=turned)
    (tmp_path / "3.jpg").write_bytes(b"damaged")
    width, height = headline.training_size(tmp_path)
    assert width < height and width % 28 == height % 22 == 0
    assert 0.8 * headline.MOST_PIXELS < width * height <= headline.MOST_PIXELS


def test_a_fold_chooses_its_points_without_the_photos_that_it_tests(tmp_path):
    sides = ["test", "test", "train", "train", "validation", "validation"]
    turned = [sides[-shift:] + sides[:-shift] for shift in (0, 2, 4)]
    folds = {s: prepared(tmp_path, "here", **dict(zip("abcdef", turned[s]))) for s in range(3)}
    profile = SimpleNamespace(unet_batches=1, unet_widths=WIDTHS)
    unets = training.street_unets(SimpleNamespace(profile=profile, folder=tmp_path), folds)
    for seed, fold in folds.items():
        _, meta, points = street_unet.load(unets[seed].path)
        tested = set(fold.photos.sha256[fold.photos.split == "test"])
        asked = {s for s in folds if unets[s].fitted.key in meta["points_chosen_with"]}
        assert asked == {s for s in folds if not tested & held(folds[s])}
        assert seed in asked and len(asked) == 2 and points == unets[seed].points


def held(fold):
    return set(fold.photos.sha256[fold.photos.split == "validation"])


def test_extra_photos_train_and_all_that_trained_are_named_in_the_weights(tmp_path):
    here = prepared(tmp_path, "here", a="train", b="train extra", c="validation", d="test")
    away = prepared(tmp_path, "away", e="validation", f="train", g="test")
    photos = groups(here, away)
    assert photos.train.hashes == ("a",) and photos.validation.hashes == ("c",)
    assert [extra.hashes for extra in photos.extra] == [("b",), ("f",)]
    assert [extra.hashes for extra in groups(here).extra] == [("b",)]
    recipe = replace(STREET_UNET, batches=1, batch_size=4, widths=WIDTHS)
    fitted = fit(recipe, photos.train, extra=photos.extra)
    redder = tuple(Photos(x.lightness, x.ab + 9, hashes=x.hashes) for x in photos.extra)
    photos = replace(photos, extra=redder)
    held = [headline.held_out(fitted, photos)]
    headline.write(tmp_path / "w.safetensors", fitted, photos, recipe, [here, away], held)
    _, meta, read = street_unet.load(tmp_path / "w.safetensors")
    assert read == operating.choose(held)
    assert meta["training_photos"] == ["a", "b", "f"] and meta["data"] == ["here", "away"]
    assert meta["validation_photos"] == ["c"]
    assert meta["training_mean_ab"] == pytest.approx([0, -5])  # of the photos of here alone


def test_a_set_without_photos_to_train_or_validate_on_is_refused(tmp_path):
    for lacking in ("train", "validation"):
        with pytest.raises(ValueError, match="no training or no validation photos"):
            groups(prepared(tmp_path, "few", a=lacking, b="test"))


def test_the_published_average_counts_zeros_before_the_first_batch():
    losses = [10.0, 20.0, 30.0, 40.0]
    np.testing.assert_allclose(moving_average(losses, 2), [5, 15, 25, 35])
    np.testing.assert_allclose(moving_average(losses, 2, published=False), [15, 25, 35])
    assert len(moving_average(range(375))) == 375
    assert len(moving_average(range(375), published=False)) == 366
    with pytest.raises(ValueError, match="do not fill one window"):
        moving_average([1.0], published=False)


def test_constant_losses_are_those_of_gray_and_of_the_training_mean():
    photos, rows = stored(12), np.array([3, 8, 1])
    judged = Photos(photos.lightness, photos.ab, rows)
    losses = training.constant_losses(Photos(photos.lightness[4:], photos.ab[4:]), judged)
    truth, mean = photos.ab[rows] - 128.0, photos.ab[4:].mean(axis=(0, 1, 2)) - 128.0
    assert losses["gray"] == pytest.approx((truth**2).mean() / 255**2)
    assert losses["mean"] == pytest.approx(((truth - mean) ** 2).mean() / 255**2)
    absolute = training.constant_losses(Photos(photos.lightness[4:], photos.ab[4:]), judged, "l1")
    assert absolute["gray"] == pytest.approx(np.abs(truth).mean() / 255)
    assert absolute["mean"] == pytest.approx(np.abs(truth - mean).mean() / 255)
