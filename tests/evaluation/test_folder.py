"""Which photos are a fair test of weights, and the command that measures them there."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from photo_samples import street

from helpers import color, paths, preprocessing
from helpers.colorize import Colorizer
from helpers.evaluation import __main__ as command
from helpers.evaluation import folder as evaluation_folder
from helpers.metrics import METRICS
from helpers.model import street_unet


@pytest.fixture
def known():
    """What is asked of a prepared set of 80 photos of which the last 30 are for testing."""
    photos = pd.DataFrame({"sha256": [f"hash-{i}" for i in range(80)]})
    return SimpleNamespace(photos=photos, indices={"test": np.arange(50, 80)}.get)


def test_photos_that_weights_have_not_seen_are_all_fair(known):
    np.testing.assert_array_equal(evaluation_folder.fair_photos(known, ["other"]), np.arange(80))


def test_where_weights_saw_some_only_unseen_test_photos_are_fair(known):
    fair = evaluation_folder.fair_photos(known, ["hash-3", "hash-60"])
    np.testing.assert_array_equal(fair, [i for i in range(50, 80) if i != 60])


def test_weights_that_saw_everything_cannot_be_judged(known):
    with pytest.raises(ValueError, match="give other places"):
        evaluation_folder.fair_photos(known, known.photos.sha256)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Photos of twelve places; what is prepared from them stays out of the project."""
    monkeypatch.setattr(paths, "PREPARED", tmp_path / "prepared")
    monkeypatch.setattr(paths, "SHIPPED", tmp_path / "shipped.safetensors")
    return street(tmp_path / "photos")


def save_weights(path, seen=(), **meta):
    torch.manual_seed(0)
    centers = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 20.0]])
    model = street_unet.StreetUnet(centers, torch.tensor([0.8, 0.1, 0.1]), widths=(8, 8, 8, 8))
    meta = {"training_photos": list(seen), "validation_photos": [], **meta}
    points = {"street_unet": street_unet.OperatingPoint(gain=1.5)}
    street_unet.save(path, model.eval(), meta, points)
    return path


def test_the_command_measures_the_baselines_of_a_folder(folder, capsys, tmp_path):
    file = tmp_path / "found.json"
    assert command.main([str(folder), "--json", str(file), "--judged", "0"]) == 0
    printed = capsys.readouterr().out
    assert "36 photos of 12 places; 0 left out" in printed
    found = json.loads(file.read_text())
    assert list(found["metrics"]) == ["gray", "mean", "random_copy", "nearest_copy"]
    assert found["metrics"]["gray"]["mse_vs_gray"] == 1
    assert found["data"]["weights"] is None


def test_the_command_leaves_out_what_the_weights_have_seen(folder, capsys, tmp_path):
    prepared = preprocessing.prepare(folder)
    seen = prepared.photos.sha256[prepared.indices("train")]
    weights = save_weights(tmp_path / "w.safetensors", seen, training_mean_ab=[1.0, 2.0])
    assert command.main([str(folder), "--weights", str(weights), "--judged", "0"]) == 0
    printed = capsys.readouterr().out
    count = len(prepared.indices("test"))
    assert f"{count} photos" in printed
    assert f"{36 - count} left out" in printed
    assert "street_unet" in printed


def test_a_classifier_judges_gray_copies_and_the_weights(folder, capsys, tmp_path):
    prepared = preprocessing.prepare(folder)
    seen = prepared.photos.sha256[prepared.indices("train")]
    weights = save_weights(tmp_path / "w.safetensors", seen, training_mean_ab=[1.0, 2.0])
    file = tmp_path / "found.json"
    options = ["--weights", str(weights), "--judged", "2", "--json", str(file)]
    assert command.main([str(folder), *options]) == 0
    printed = capsys.readouterr().out
    assert "same class as original" in printed and "A classifier judged 2 of these" in printed
    found = json.loads(file.read_text())["judge"]
    assert found["photos"] == 2
    assert list(found["models"])[:3] == ["gray", "random_copy", "street_unet"]
    assert found["models"]["gray"]["frechet"] > 0


def test_a_negative_number_of_judged_photos_is_refused(folder, capsys):
    with pytest.raises(SystemExit):
        command.main([str(folder), "--judged", "-1"])
    assert "0 or more, not -1" in capsys.readouterr().err


def test_weights_are_measured_on_the_colors_that_a_user_gets(folder, tmp_path):
    weights = tmp_path / "w.safetensors"
    model, meta, points = street_unet.load(paths.WEIGHTS / "street_unet.safetensors")
    street_unet.save(weights, model, meta, {"street_unet": points["street_unet"]})
    judged, *_ = evaluation_folder.evaluate_folder(folder, weights)
    prepared = preprocessing.prepare(folder)
    truth = color.load_ab(prepared.ab)
    photos = color.join_lab(color.load_lightness(prepared.lightness), truth)
    colorizer = Colorizer.load(weights, "street_unet")
    colored = np.stack([colorizer.colorize(photo) for photo in photos])
    expected = np.square(color.split_lab(colored)[1] - truth).mean() / np.square(truth).mean()
    assert judged.estimates.mse_vs_gray["street_unet"] == pytest.approx(expected, rel=0.01)


def test_shipped_weights_are_taken_without_being_named(folder, tmp_path):
    save_weights(paths.SHIPPED, training_mean_ab=[3.0, -4.0])
    judged, counts, judgement = evaluation_folder.evaluate_folder(folder, None)
    assert judgement is None
    assert counts["weights"] == paths.SHIPPED.name
    truth = color.load_ab(preprocessing.prepare(folder).ab)
    expected = np.square(truth - [3.0, -4.0]).mean() / np.square(truth).mean()
    assert judged.estimates.mse_vs_gray["mean"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("wrong", ["pickled", "nameless"])
def test_weights_that_cannot_be_trusted_are_one_sentence(folder, capsys, tmp_path, wrong):
    path = tmp_path / "w.safetensors"
    if wrong == "pickled":
        torch.save({"a": 1}, path)
    elif wrong == "nameless":
        save_weights(path)
    assert command.main([str(folder), "--weights", str(path)]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "w.safetensors" in error
    assert "Traceback" not in error


@pytest.mark.parametrize("option", ["--weights", "--check", "--json"])
def test_a_folder_in_place_of_a_file_is_refused_before_any_work(folder, capsys, tmp_path, option):
    before = sorted(folder.iterdir())
    with pytest.raises(SystemExit) as stop:
        command.main([str(folder), option, str(folder)])
    assert stop.value.code == 2
    assert "is a folder" in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


RECORDS = {
    "nothing": "",
    "cut off": '{"data": {"photos": 36}, "metrics"',
    "not text": b"\xff\xfe{",
    "nested too deeply": "[" * 100_000,
    "a number": "3",
    "a list": "[]",
    "no sections": "{}",
    "a list of metrics": '{"data": {"photos": 36}, "metrics": []}',
    "no model": '{"data": {"photos": 36}, "metrics": {}}',
    "a model without numbers": '{"data": {"photos": 36}, "metrics": {"gray": {}}}',
    "words": {"data": {"photos": 36}, "metrics": {"gray": dict.fromkeys(METRICS, "1")}},
    "no count": {"data": {"photos": "36"}, "metrics": {"gray": dict.fromkeys(METRICS, 1)}},
    "not a number": {"data": {"photos": 36}, "metrics": {"gray": dict.fromkeys(METRICS, np.nan)}},
}


@pytest.mark.parametrize("content", RECORDS.values(), ids=RECORDS)
def test_a_record_without_numbers_is_refused_by_name_before_any_work(capsys, tmp_path, content):
    record = tmp_path / "record.json"
    text = json.dumps(content) if isinstance(content, dict) else content
    record.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert command.main([str(tmp_path / "no photos"), "--check", str(record)]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert "record.json does not hold what" in error


def test_what_json_wrote_passes_the_check(folder, capsys, tmp_path):
    record = tmp_path / "record.json"
    assert command.main([str(folder), "--judged", "0", "--json", str(record)]) == 0
    assert command.main([str(folder), "--judged", "0", "--check", str(record)]) == 0
    assert "PASS" in capsys.readouterr().out


def test_a_folder_that_is_missing_is_one_sentence(folder, capsys):
    assert command.main([str(folder / "nowhere")]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert "there is no folder" in error and "nowhere" in error


@pytest.mark.parametrize("name", ["~nosuchuser/photos", "x" * 300])
def test_a_name_that_no_folder_can_have_is_one_sentence(name, capsys):
    assert command.main([name]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert "there is no folder" in error


@pytest.mark.parametrize("source", ["synthetic", "streetview"])
def test_a_source_of_the_report_is_no_folder_and_is_not_downloaded(capsys, source):
    assert command.main([source]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert f"./run_all.sh --data {source}" in error and f"./{source}" in error
