"""Studies of street_unet on small scenes: what is shared, what differs, what comes back."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from helpers import results
from helpers.explorations import tables, unet_studies
from helpers.model import heads
from helpers.preprocessing import PreparedSet
from helpers.training.augment import Photos
from helpers.training.unet_fitting import Recipe

WIDTHS = (8, 8, 8, 8)


@pytest.fixture
def studies(tmp_path):
    rng = np.random.default_rng(0)
    lightness = rng.integers(0, 256, (40, 16, 16), dtype=np.uint8)
    ab = np.stack([150 - lightness // 8, 100 + lightness // 6], axis=-1)
    table = pd.DataFrame({"place": np.arange(40) // 2, "extra": False})
    table["sha256"] = [f"{n}" for n in range(40)]
    table["split"] = ["train"] * 24 + ["validation"] * 6 + ["test"] * 10
    prepared = PreparedSet(
        tmp_path, lightness, ab, table, pd.DataFrame(), {"name": "scenes", "source": "here"}, None
    )
    recipe = Recipe(steps=2, batch=4, widths=WIDTHS)
    profile = replace(results.PROFILES["quick"], headline_seeds=2)
    run = SimpleNamespace(folder=tmp_path, profile=profile, seed=0, seeds=(0, 1))
    return unet_studies.Base(run, prepared, unet_studies.groups(prepared), recipe)


def test_every_study_that_asks_for_the_base_shares_its_fit(studies):
    studies.train("as the base")
    studies.train("head bins, weighted", head="bins", weighted=True)
    assert [path.name for path in (studies.run.folder / "checkpoints").glob("*.pt")] == [
        "unet-base-seed0.pt"
    ]
    studies.train("photos as they are", changes="none")
    assert len(list((studies.run.folder / "checkpoints").glob("*.pt"))) == 2


def test_heads_are_read_twice_and_those_named_have_every_seed(studies):
    found = unet_studies.by_head(studies, ("L2", "L1"))
    assert list(found.index) == [
        f"{head}: {how}" for head in ("L2", "L1") for how in ("faithful", "colorful")
    ]
    assert found.seeds.tolist() == [2, 2, 1, 1]
    files = {path.stem for path in (studies.run.folder / "checkpoints").glob("*.pt")}
    assert files == {"unet-head-L2-seed0", "unet-head-L2-seed1", "unet-head-L1-seed0"}
    assert found.chroma_ratio["L1: colorful"] == pytest.approx(1, abs=0.2)


def test_fewer_photos_keep_whole_places(studies, monkeypatch):
    seen = {}
    plain = unet_studies.Base.train

    def noted(self, name, photos=None, **changes):
        seen[name] = (photos or self.photos).train.hashes
        return plain(self, name, photos, **changes)

    monkeypatch.setattr(unet_studies.Base, "train", noted)
    found = unet_studies.by_photos(studies)
    assert found.value.tolist() == [4, 6, 12, 24]  # of 12 places with two photos each
    kept = [set(hashes) for hashes in seen.values()]
    assert all(small < large for small, large in pairwise(kept))
    for hashes in kept:
        assert {int(h) ^ 1 for h in hashes} == {int(h) for h in hashes}


def test_large_pictures_are_predicted_in_smaller_parts_to_the_same_colors(studies):
    model = studies.train("base").model
    light = studies.prepared.lightness[:5]
    whole = unet_studies.predict(model, light)
    one_by_one = np.concatenate([unet_studies.predict(model, light[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(whole, one_by_one, atol=1e-4)


def test_tables_come_back_as_they_were_recorded(tmp_path, monkeypatch):
    table = pd.DataFrame({"mse_vs_gray": [0.5, np.nan]}, index=["a", "b"])
    run = {"studies": tables.as_records({"heads": table}), "environment": {"commit": "c0"}}
    monkeypatch.setattr(tables.paths, "MEASURED", tmp_path)
    results.save(tmp_path / f"{tables.RECORDED}.json", run)
    recorded, source = tables.recorded()
    pd.testing.assert_frame_equal(recorded["heads"], table)
    assert "c0" in source


def test_photos_of_elsewhere_join_every_batch(studies):
    other = Photos(torch.zeros(2, 16, 16, dtype=torch.uint8), torch.zeros(2, 16, 16, 2).byte())
    both = replace(studies.photos, extra=other)
    alone, joined = studies.train("base"), studies.train("with elsewhere", both)
    assert alone.losses != joined.losses


def test_bins_are_read_once_as_faithful_and_once_as_colorful(studies):
    found = unet_studies.by_head(studies, ("bins",))
    faithful, colorful = found.loc["bins: faithful"], found.loc["bins: colorful"]
    assert faithful.mse_vs_gray < colorful.mse_vs_gray
    assert faithful.chroma_ratio < colorful.chroma_ratio


def test_heads_and_steps_are_held_against_the_first_by_paired_intervals(studies):
    found = unet_studies.by_head(studies, ("bins, weighted", "L2"))
    for reading in ("faithful", "colorful"):
        base, other = (found.loc[f"{head}: {reading}"] for head in ("bins, weighted", "L2"))
        assert base.change == base.change_low == base.change_high == 0
        assert other.change == pytest.approx(other.mse_vs_gray - base.mse_vs_gray)
        assert other.change_low < other.change < other.change_high
    models = {name: studies.train(name, seed=seed) for seed, name in enumerate(("base", "again"))}
    judged = unet_studies.judge(models, studies.prepared)
    row = unet_studies.table(judged, dict.fromkeys(models, "base")).loc["again"]
    draws = judged.draws["again"].mse_vs_gray - judged.draws["base"].mse_vs_gray
    assert (row.change_low, row.change_high) == pytest.approx(np.percentile(draws, [2.5, 97.5]))


def test_networks_are_judged_by_their_mean_color_on_the_test_photos(studies):
    trained = studies.train("base")
    found = unet_studies.table(unet_studies.judge({"base": trained}, studies.prepared)).loc["base"]
    light = torch.from_numpy(studies.prepared.lightness[30:])[:, None] / 255
    ab = heads.colors(trained.model, light).permute(0, 2, 3, 1).numpy()
    predicted = unet_studies.predict(trained.model, studies.prepared.lightness[30:])
    np.testing.assert_allclose(predicted, ab, atol=1e-4)
    truth = studies.prepared.ab[30:].astype(float) - 128
    expected = np.square(ab - truth).sum() / np.square(truth).sum()
    assert found.mse_vs_gray == pytest.approx(expected, rel=1e-3)
    assert found.mse_vs_gray_low < found.mse_vs_gray < found.mse_vs_gray_high


def other(studies, first, **changes):
    """The same scenes under other names: hashes from `first` on."""
    photos = studies.prepared.photos.assign(sha256=[str(first + n) for n in range(40)])
    return replace(studies.prepared, photos=photos, **changes)


@pytest.fixture
def told(studies, monkeypatch):
    """Nothing is trained: tables say what a network was trained on and where it was judged."""

    def train(self, name, photos=None, **changes):
        groups = photos or self.photos
        saw = groups.train.hashes[0] + (f"+{groups.extra.hashes[0]}" if groups.extra else "")
        model = torch.nn.Linear(1000 * sum(changes.get("widths", WIDTHS)), 1, bias=False)
        return SimpleNamespace(saw=saw, changes=changes, model=model)

    def judge(models, prepared):
        rows = {
            name: {"saw": model.saw, "changes": model.changes, "at": prepared.photos.sha256[0]}
            for name, model in models.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    monkeypatch.setattr(unet_studies.Base, "train", train)
    monkeypatch.setattr(unet_studies, "judge", judge)
    monkeypatch.setattr(unet_studies, "table", lambda found, against=None: found)
    return studies


def test_landscapes_are_learned_here_elsewhere_or_both_and_tried_in_each(told):
    found = unet_studies.by_landscape(told, other(told, 100, manifest={"source": "there"}))
    assert list(found.of) == 3 * ["here"] + 3 * ["there"]
    assert {name: tuple(row[["saw", "at"]]) for name, row in found.iterrows()} == {
        "trained here, tried here": ("0", "0"),
        "trained elsewhere, tried here": ("100", "0"),
        "trained both, tried here": ("0+100", "0"),
        "trained here, tried elsewhere": ("0", "100"),
        "trained elsewhere, tried elsewhere": ("100", "100"),
        "trained both, tried elsewhere": ("0+100", "100"),
    }


def test_steps_are_judged_here_and_photos_of_elsewhere_are_added_to_those_of_here(told):
    found = unet_studies.by_step(told, other(told, 100))
    assert set(found["at"]) == {"0"}
    assert found.saw["photos of elsewhere as well"] == "0+100"
    assert dict(found.changes.iloc[:-1]) == unet_studies.STEPS
    assert list(unet_studies.by_step(told).index) == list(unet_studies.STEPS)


def test_widths_are_counted_in_numbers_that_are_learned(told):
    found = unet_studies.by_width(told)
    widths = (results.TINY, WIDTHS, results.LARGE)
    assert found.value.tolist() == [1000 * sum(each) for each in widths]


def test_each_size_is_trained_and_judged_on_photos_of_its_own(told, monkeypatch):
    def prepare(data, images, size):
        return other(told, size[0])

    monkeypatch.setattr(unet_studies.preprocessing, "prepare", prepare)
    found = unet_studies.by_size(told, "synthetic", 40, ((112, 88), (224, 176)))
    assert list(found.index) == ["112 x 88", "224 x 176"]
    assert found.value.tolist() == [112, 224]
    assert list(found.saw) == list(found["at"]) == ["112", "224"]
    assert set(found.of) == {"synthetic"}


def test_photos_that_count_as_extra_are_not_among_the_shares(studies, monkeypatch):
    photos = studies.prepared.photos.assign(extra=lambda rows: rows.place < 4)
    fewer = replace(studies.prepared, photos=photos)
    less = replace(studies, prepared=fewer, photos=unet_studies.groups(fewer))
    assert unet_studies.by_photos(less).value.tolist() == [2, 4, 8, 16]
