"""A prepared set is the same however it was made, and made once."""

import json
import os
import shutil
import subprocess
import sys

import memory
import numpy as np
import pandas as pd
import pytest
from photo_samples import encoded, photo, street
from PIL import Image
from skimage.color import rgb2lab

from helpers import color, paths, preprocessing
from helpers.photos import synthetic
from helpers.photos.split import split_places
from helpers.preprocessing import load, prepare


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "PREPARED", tmp_path / "prepared")
    monkeypatch.setattr(paths, "RAW", tmp_path / "raw")


@pytest.fixture
def folder(tmp_path):
    return street(tmp_path / "my street")


def same(one, other):
    pd.testing.assert_frame_equal(one.photos, other.photos)
    pd.testing.assert_frame_equal(one.rejected, other.rejected)
    return np.array_equal(one.lightness, other.lightness) and np.array_equal(one.ab, other.ab)


def test_photos_become_lightness_and_ab_in_the_order_of_their_places(folder):
    prepared = prepare(folder, workers=1)
    assert prepared.lightness.shape == (36, 88, 112) and prepared.ab.shape == (36, 88, 112, 2)
    assert prepared.lightness.dtype == prepared.ab.dtype == np.uint8
    assert isinstance(prepared.ab, np.memmap)
    assert list(prepared.photos.file) == sorted(prepared.photos.file)
    for i in (0, 17, 35):
        rgb = np.asarray(Image.open(folder / prepared.photos.file[i]))[:, 1:113]
        lab = rgb2lab(rgb)
        assert np.abs(color.load_lightness(prepared.lightness[i]) - lab[..., 0]).max() < 0.2
        assert np.abs(color.load_ab(prepared.ab[i]) - lab[..., 1:]).max() < 0.501
        assert prepared.path(i) == (folder / prepared.photos.file[i]).resolve()


def test_the_table_says_what_each_photo_is(folder):
    prepared = prepare(folder, workers=1)
    first = prepared.photos.iloc[0]
    assert (first.file, first.place, first["view"]) == ("000000_1.jpg", "000000", "1")
    assert first.crop == "112x88+1+0 of 114x88"
    sha = subprocess.run(["sha256sum", folder / first.file], capture_output=True, text=True)
    assert sha.stdout.startswith(first.sha256)
    assert prepared.name == "my street-36-112x88-f10" == prepared.folder.name
    assert prepared.manifest["source"] == "my street" and prepared.manifest["count"] == 36
    assert prepared.manifest["places"] == 12 and prepared.manifest["rejected"] == 0
    assert prepared.classes is None and prepared.class_names is None


def test_the_split_is_that_of_the_places(folder):
    prepared = prepare(folder, workers=1)
    by_place = split_places(prepared.photos.place)
    assert list(prepared.photos.split) == [by_place[place] for place in prepared.photos.place]
    parts = [prepared.indices(name) for name in ("train", "validation", "test", "gap")]
    assert sorted(np.concatenate(parts)) == list(range(36))
    assert all(len(part) for part in parts)


def test_one_worker_and_several_agree(tmp_path):
    folder = street(tmp_path / "photos", places=20, size=(150, 140))
    (folder / "000003_2.jpg").write_bytes(b"no photo")
    one = prepare(folder, workers=1)
    files = {path.name: path.read_bytes() for path in one.folder.iterdir()}
    several = prepare(folder, workers=3, force=True)
    assert {path.name: path.read_bytes() for path in several.folder.iterdir()} == files


def test_what_was_prepared_is_opened_again(folder):
    first = prepare(folder, workers=1)
    before = (first.folder / "manifest.json").stat().st_ino
    assert same(prepare(folder), first)
    assert same(load(first.folder), first)
    assert (first.folder / "manifest.json").stat().st_ino == before


@pytest.mark.parametrize(
    "change",
    ["photo", "same time", "added", "not a photo", "removed", "force", "damaged", "unfinished"],
)
def test_what_changed_is_prepared_again(folder, change):
    first = prepare(folder, workers=1)
    before = (first.folder / "manifest.json").stat().st_ino
    if change == "photo":
        (folder / "000005_1.jpg").write_bytes(encoded(999))
    elif change == "same time":
        photo = folder / "000005_1.jpg"
        status, size = photo.stat(), photo.stat().st_size
        photo.write_bytes(encoded(999, quality=50).ljust(size, b"\0"))
        os.utime(photo, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert photo.stat().st_size == size and photo.stat().st_mtime_ns == status.st_mtime_ns
    elif change == "not a photo":
        (folder / "notes.pdf").touch()
    elif change == "added":
        street(folder, places=1, first=50)
    elif change == "removed":
        (folder / "000005_1.jpg").unlink()
    elif change == "damaged":
        (first.folder / "ab.npy").write_bytes(b"half")
    elif change == "unfinished":
        (first.folder / "photos.csv").unlink()
    again = prepare(folder, workers=1, force=change == "force")
    assert (again.folder / "manifest.json").stat().st_ino != before
    count = {"added": 39, "removed": 35}.get(change, 36)
    assert len(again.photos) == len(again.ab) == count
    if change in ("photo", "same time"):
        assert again.photos.sha256[15] != first.photos.sha256[15]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_change_behind_a_linked_folder_is_seen(folder, tmp_path):
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "link").symlink_to(folder)
    first = prepare(tmp_path / "album", workers=1)
    (folder / "000005_1.jpg").write_bytes(encoded(999))
    (folder / "000006_1.jpg").unlink()
    again = prepare(tmp_path / "album", workers=1)
    assert len(first.photos) == 36 and len(again.photos) == 35
    assert again.photos.sha256[15] != first.photos.sha256[15]


def test_other_code_prepares_again(folder, tmp_path, monkeypatch):
    first = prepare(folder, workers=1)
    shutil.copytree(paths.HELPERS, tmp_path / "helpers")
    monkeypatch.setattr(paths, "HELPERS", tmp_path / "helpers")
    assert prepare(folder, workers=1).manifest["key"] == first.manifest["key"]
    (tmp_path / "helpers" / "preprocessing" / "another.py").touch()
    assert prepare(folder, workers=1).manifest["key"] != first.manifest["key"]


def test_geometry_is_part_of_the_name_and_the_pictures(tmp_path):
    folder = street(tmp_path / "full", places=10, size=(1281, 1025))
    ten, eleven = prepare(folder, workers=1), prepare(folder, factor=11, workers=1)
    assert ten.name.endswith("-f10") and eleven.name.endswith("-f11")
    assert ten.photos.crop[0] == "1120x880+100+70 of 1281x1025"
    assert eleven.photos.crop[0].startswith("1232x968+")
    assert not np.array_equal(ten.lightness[0], eleven.lightness[0])


def test_another_size_is_prepared_beside_it(tmp_path):
    folder = street(tmp_path / "photos", places=10, size=(300, 240))
    large = prepare(folder, size=(224, 176), workers=1)
    assert large.lightness.shape == (30, 176, 224) and "224x176" in large.name


def test_extra_photos_join_the_training_alone(folder, tmp_path):
    more = street(tmp_path / "more", places=3, first=0, views=2)
    for path in more.iterdir():
        path.write_bytes(encoded(1000 + int(path.stem.replace("_", ""))))
    alone, joined = prepare(folder, workers=1), prepare(folder, extra=more, workers=1)
    assert joined.name == "my street-36-112x88-f10-with-more-6"
    assert list(joined.photos.split[36:]) == ["train"] * 6
    assert joined.photos.extra.tolist() == [False] * 36 + [True] * 6
    assert list(joined.photos.split[:36]) == list(alone.photos.split)
    assert joined.path(36) == (more / "000000_1.jpg").resolve()
    assert joined.manifest["extra"] == "more" and joined.manifest["places"] == 12


def test_an_extra_copy_of_a_test_photo_is_not_trained_on(folder, tmp_path):
    more = street(tmp_path / "more", places=1, first=0, views=3)
    joined = prepare(folder, extra=more, workers=1)
    assert list(joined.photos.split[36:]) == ["gap"] * 3


def test_the_cost_of_8_bits_is_measured(folder):
    cost = prepare(folder, workers=1).manifest["eight_bit"]
    # Rounding to whole units is uniform within half a unit: its RMSE is the root of 1/12.
    assert cost["ab_rmse"] == pytest.approx(np.sqrt(1 / 12), rel=0.03)
    assert cost["lightness_rmse"] == pytest.approx(np.sqrt(1 / 12) / 2.55, rel=0.03)
    assert 0.2 < cost["delta_e_mean"] < cost["delta_e_max"] < 1
    assert cost["photos"] >= 24


def test_rendered_streets_bring_their_classes():
    raw = paths.RAW / "synthetic"  # as if these had been rendered before
    street(raw / "photos", places=10, views=4, size=(1281, 1025))
    (raw / "classes").mkdir()
    for path in (raw / "photos").iterdir():
        classes = np.zeros((1025, 1281), np.uint8)
        classes[:510] = int(path.stem[-1])
        Image.fromarray(classes).save(raw / "classes" / f"{path.stem}.png")
    (raw / "version.txt").write_text(paths.code_key("photos/controls.py", "photos/synthetic"))
    prepared = prepare("synthetic", 40, workers=1)
    assert prepared.classes.shape == (40, 88, 112)
    assert prepared.class_names == synthetic.CLASSES
    assert (prepared.classes[1, :44] == 2).all() and (prepared.classes[1, 44:] == 0).all()


def test_too_few_places_or_photos_are_one_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"too few to split: 9 places, .* at least 10 places"):
        prepare(street(tmp_path / "nine", places=9), workers=1)
    with pytest.raises(ValueError, match=r"too few to split: 8 usable photos, .* 24 photos"):
        prepare(street(tmp_path / "eight", places=8, views=1), workers=1)
    assert not list(paths.PREPARED.glob("[!.]*"))


def test_fewer_photos_make_a_smaller_set(folder):
    prepared = prepare(folder, images=30, workers=1)
    assert len(prepared.photos) == 30 and prepared.name == "my street-30-112x88-f10"


def test_many_rejected_photos_are_reported_but_not_as_an_error(folder, capsys):
    for i in range(3):
        (folder / f"00000{i}_1.jpg").write_bytes(b"")
    prepare(folder, workers=1)  # three of 36 are under a tenth
    assert capsys.readouterr().out == ""
    (folder / "000003_1.jpg").write_bytes(b"")
    for _ in range(2):  # prepared, then opened again
        prepare(folder, workers=1)
        out = capsys.readouterr().out
        assert "4 of 36 photos were rejected: see " in out and "rejected.csv" in out


def test_no_usable_photo_is_one_sentence(tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "1.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"no photo of .* can be used; .*'1.jpg'.* an empty file"):
        prepare(tmp_path / "bad", workers=1)


def test_a_folder_of_gifs_has_no_full_size_photo_and_the_message_says_why(folder, tmp_path):
    (tmp_path / "gifs").mkdir()
    (tmp_path / "gifs" / "a.gif").touch()
    with pytest.raises(ValueError, match=r"no photo of .*'a.gif', is a gif file: save it as"):
        preprocessing.full_size_photo(prepare(folder, workers=1), tmp_path / "gifs")


def test_the_cost_of_8_bits_is_measured_where_every_second_photo_is_gray(tmp_path):
    pairs = street(tmp_path / "pairs", places=50, views=2)
    for path in pairs.glob("*_1.jpg"):
        Image.open(path).convert("L").save(path)
    prepared = prepare(pairs, workers=1)
    assert len(prepared.photos) == 50 and set(prepared.photos["view"]) == {"2"}
    cost = prepared.manifest["eight_bit"]
    assert cost["photos"] == 48 and 0 < cost["delta_e_mean"] < 1


FULL = """
import resource, sys, warnings
from pathlib import Path
from helpers import paths, preprocessing
paths.PREPARED = Path(sys.argv[2])
warnings.simplefilter("always", ResourceWarning)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    preprocessing.prepare(sys.argv[1], workers=1)
except OSError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes")
def test_a_full_disk_leaves_no_file_open(folder, tmp_path):
    command = [sys.executable, "-c", FULL, folder, tmp_path / "prepared"]
    environment = os.environ | {"PYTHONPATH": str(paths.ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "the disk is full while writing to" in done.stdout
    assert ".npy" not in done.stderr


def test_too_little_room_is_reported_before_the_work(folder, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("", (), {"free": 1000}))
    with pytest.raises(OSError, match=r"MB are needed .* are free: make room"):
        prepare(folder, workers=1)
    assert not list(paths.PREPARED.glob("[!.]*"))


def test_the_set_does_not_depend_on_who_seeded_what(folder):
    np.random.seed(1)  # noqa: NPY002
    first = prepare(folder, workers=1)
    np.random.seed(2)  # noqa: NPY002
    assert same(first, prepare(folder, workers=1, force=True))


MEMORY = f"""
import sys
from helpers import paths, preprocessing
from pathlib import Path
paths.PREPARED = Path(sys.argv[2])
preprocessing.prepare(sys.argv[1], workers=1)
print({memory.PEAK})
"""


@memory.needs_linux
def test_memory_does_not_grow_with_the_photos(tmp_path):
    peaks = []
    for places in (24, 480):
        photos = street(tmp_path / f"{places}", places=places, views=2)
        arguments = [sys.executable, "-c", MEMORY, photos, tmp_path / "prepared"]
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
        peaks.append(float(done.stdout))
    arrays = 912 * 88 * 112 * 3  # bytes that the larger set has more on the disk
    # Mapped pages that were read count as memory, though the system may drop them.
    assert peaks[1] - peaks[0] < 0.8 * arrays


def test_the_manifest_is_plain_json(folder):
    prepared = prepare(folder, workers=1)
    manifest = json.loads((prepared.folder / "manifest.json").read_text())
    assert manifest["splits"] == prepared.photos.split.value_counts().to_dict()
    assert len(manifest["code"]) == 12


def test_shrink_takes_a_photo_as_it_is():
    assert np.array_equal(preprocessing.shrink(photo(1)), np.asarray(photo(1))[:, 1:113])
