"""Studies of street_unet on small scenes: what is shared, what differs, what comes back."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from helpers import results, unet_studies
from helpers.augment import Photos
from helpers.preprocessing import PreparedSet
from helpers.unet_fitting import Recipe

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
        tmp_path, lightness, ab, table, pd.DataFrame(), {"name": "scenes", "root": ""}, None
    )
    recipe = Recipe(steps=2, batch=4, widths=WIDTHS)
    profile = replace(results.PROFILES["quick"], headline_seeds=2)
    run = SimpleNamespace(folder=tmp_path, profile=profile, seed=0, seeds=(0, 1))
    return unet_studies.Base(run, prepared, unet_studies.groups(prepared), recipe)


def test_every_study_that_asks_for_the_base_shares_its_fit(studies):
    studies.train("as the base")
    studies.train("head bins, weighted", head="bins", weighted=True)
    assert [path.name for path in (studies.run.folder / "checkpoints").iterdir()] == [
        "unet-base-seed0.pt"
    ]
    studies.train("photos as they are", changes="none")
    assert len(list((studies.run.folder / "checkpoints").iterdir())) == 2


def test_heads_are_read_twice_and_those_named_have_every_seed(studies):
    found = unet_studies.by_head(studies, ("L2", "L1"))
    assert list(found.index) == [
        f"{head}: {how}" for head in ("L2", "L1") for how in ("faithful", "colorful")
    ]
    assert found.seeds.tolist() == [2, 2, 1, 1]
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
    run = {"studies": unet_studies.as_records({"heads": table}), "environment": {"commit": "c0"}}
    monkeypatch.setattr(unet_studies.paths, "MEASURED", tmp_path)
    results.save(tmp_path / f"{unet_studies.RECORDED}.json", run)
    tables, source = unet_studies.recorded()
    pd.testing.assert_frame_equal(tables["heads"], table)
    assert "c0" in source


def test_photos_of_elsewhere_join_every_batch(studies):
    other = Photos(torch.zeros(2, 16, 16, dtype=torch.uint8), torch.zeros(2, 16, 16, 2).byte())
    both = replace(studies.photos, extra=other)
    alone, joined = studies.train("base"), studies.train("with elsewhere", both)
    assert alone.losses != joined.losses
