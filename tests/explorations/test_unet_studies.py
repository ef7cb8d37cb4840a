"""Studies of street_unet on small scenes: what is shared, what differs, what comes back."""

from dataclasses import replace

import numpy as np
import pytest
from study_samples import run, scenes  # noqa: F401

from helpers import intervals, preprocessing
from helpers.explorations import unet_studies
from helpers.model.predict import predict
from helpers.training import STREET_UNET, Recipe

WIDTHS = (8, 8, 8, 8)


@pytest.fixture
def studies(run):  # noqa: F811
    photos = scenes()
    recipe = replace(STREET_UNET, batches=2, batch_size=4, widths=WIDTHS, changes="mirror")
    return unet_studies.Base(run, photos, unet_studies.groups(photos), recipe)


def checkpoints(studies):
    return {path.stem for path in (studies.run.folder / "checkpoints").glob("*.pt")}


def test_every_study_with_the_recipe_of_the_base_shares_its_training_run(studies):
    studies.train("base recipe")
    studies.train("head bins, weighted", loss="bins", weighted=True)
    assert checkpoints(studies) == {"unet-base-seed0"}
    studies.train("augmentation left out", changes="none")
    assert checkpoints(studies) == {"unet-base-seed0", "unet-augmentation-left-out-seed0"}


def test_the_base_is_the_recipe_of_street_unet_in_the_size_of_the_profile(run):  # noqa: F811
    recipe = unet_studies.base(run, scenes()).recipe
    assert isinstance(recipe, Recipe) and recipe.network == "street_unet"
    assert recipe.batches == run.profile.unet_study_batches
    assert recipe.widths == run.profile.unet_study_widths


def test_heads_have_two_points_and_those_named_every_seed(studies):
    found = unet_studies.by_head(studies, ("L2", "L1"))
    assert list(found.index) == [
        f"{head}, {how}" for head in ("L2", "L1") for how in ("accurate", "colorful")
    ]
    assert found.seeds.tolist() == [2, 2, 1, 1]
    assert checkpoints(studies) == {
        "unet-head-L2-seed0",
        "unet-head-L2-seed1",
        "unet-head-L1-seed0",
    }
    assert found.chroma_ratio["L1, colorful"] == pytest.approx(1, abs=0.2)


def test_bins_have_an_accurate_and_a_colorful_point(studies):
    found = unet_studies.by_head(studies, ("bins",))
    accurate, colorful = found.loc["bins, accurate"], found.loc["bins, colorful"]
    assert accurate.mse_vs_gray < colorful.mse_vs_gray
    assert accurate.chroma_ratio < colorful.chroma_ratio


def test_bins_and_l2_are_compared_at_the_same_chroma_of_the_validation_photos(studies):
    photos = studies.prepared.photos
    tried = photos.split.replace({"test": "gap", "validation": "test"})
    same = replace(studies, prepared=replace(studies.prepared, photos=photos.assign(split=tried)))
    found = unet_studies.at_equal_chroma(same).estimates
    assert list(found.index) == ["bins", "L2"]
    assert found.chroma_ratio["L2"] == pytest.approx(found.chroma_ratio["bins"], rel=0.02)
    assert found.mse_vs_gray["L2"] != pytest.approx(found.mse_vs_gray["bins"], rel=1e-6)


def test_an_encoder_of_imagenet_is_compared_with_one_of_random_weights_for_every_seed(studies):
    found = unet_studies.by_pretraining(studies)
    assert list(found.index) == ["pretrained", "random initial weights"]
    assert found.seeds.tolist() == [studies.run.profile.head_seeds] * 2
    assert found.change.pretrained == 0 and found.change["random initial weights"] != 0


def test_fewer_photos_are_whole_places(studies):
    found = unet_studies.by_photos(studies)
    assert found.value.tolist() == [4, 6, 12, 24]  # of 12 places with two photos each
    assert found.index.tolist() == [f"{n} photos" for n in found.value]
    assert found.mse_vs_gray.nunique() == 4


def test_extra_photos_are_not_among_the_shares(studies):
    photos = studies.prepared.photos.assign(extra=lambda rows: rows.place < "000004")
    fewer = replace(studies.prepared, photos=photos)
    less = replace(studies, prepared=fewer, photos=unet_studies.groups(fewer))
    assert unet_studies.by_photos(less).value.tolist() == [2, 4, 8, 16]


def other(studies, name):
    """The same scenes with other colors, as photos of another landscape."""
    photos = studies.prepared.photos
    ab = 255 - studies.prepared.ab
    about = {"name": name, "source": name}
    return replace(studies.prepared, ab=ab, photos=photos, manifest=about)


def test_photos_of_elsewhere_join_every_batch(studies):
    found = unet_studies.by_step(studies, other(studies, "there"))
    assert list(found.index) == [*unet_studies.STEPS, "photos of another landscape added"]
    assert found.change.iloc[0] == 0
    assert (found.change.iloc[1:] != 0).all()


def test_landscapes_are_trained_and_tested_here_and_elsewhere(studies):
    found = unet_studies.by_landscape(studies, other(studies, "there"))
    assert list(found.index) == [
        f"trained {trained}, tested {at}"
        for at in ("here", "elsewhere")
        for trained in ("here", "elsewhere", "on both")
    ]
    assert list(found.of) == 3 * ["here"] + 3 * ["there"]
    errors = found.mse_vs_gray
    for at, away in (("here", "elsewhere"), ("elsewhere", "here")):
        assert errors[f"trained {at}, tested {at}"] < errors[f"trained {away}, tested {at}"]


def test_widths_are_given_as_numbers_of_parameters(studies):
    found = unet_studies.by_width(studies)
    base = studies.train("base").model
    assert len(found) == 3
    assert found.value.iloc[1] == sum(p.numel() for p in base.parameters())
    assert found.value.iloc[2] > found.value.iloc[0] > found.value.iloc[1]


def test_each_size_is_trained_and_tested_on_photos_of_that_size(studies, monkeypatch):
    def prepare(data, images, size):
        return replace(scenes(), manifest={"name": f"scenes-{size[0]}", "source": data})

    monkeypatch.setattr(preprocessing, "prepare", prepare)
    found = unet_studies.by_size(studies, "synthetic", 40, ((112, 88), (224, 176)))
    assert list(found.index) == ["112 x 88", "224 x 176"]
    assert found.value.tolist() == [112, 224] and set(found.of) == {"synthetic"}
    assert checkpoints(studies) == {"unet-scenes-112-seed0", "unet-scenes-224-seed0"}


def test_changes_have_paired_intervals(studies):
    models = {name: studies.train(name, seed=seed) for seed, name in enumerate(("base", "again"))}
    found = unet_studies.evaluated(models, studies.prepared)
    row = unet_studies.table(found, dict.fromkeys(models, "base")).loc["again"]
    draws = found.draws["again"].mse_vs_gray - found.draws["base"].mse_vs_gray
    limits = intervals.interval(draws, found.units.nunique())
    assert (row.change_low, row.change_high) == pytest.approx(limits)


def test_networks_are_measured_by_their_mean_color_on_the_test_photos(studies):
    fitted = studies.train("base")
    found = unet_studies.table(unet_studies.evaluated({"base": fitted}, studies.prepared)).loc[
        "base"
    ]
    ab = predict(fitted.model, studies.prepared.lightness[30:])
    truth = studies.prepared.ab[30:].astype(float) - 128
    expected = np.square(ab - truth).sum() / np.square(truth).sum()
    assert found.mse_vs_gray == pytest.approx(expected, rel=1e-3)
    assert found.mse_vs_gray_low < found.mse_vs_gray < found.mse_vs_gray_high
