"""Photos are found in their folders, in the order of the places that they show."""

import os
import sys
from itertools import pairwise

import pytest
from photo_samples import encoded, street

from helpers import paths
from helpers.photos import synthetic
from helpers.photos.sources import choose, find, gather, spread
from helpers.preprocessing import prepare
from helpers.training.headline import training_size

links = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(0))
    return root


def places(source):
    return {photo.file: (photo.place, photo.view) for photo in source.photos}


def test_a_name_tells_place_and_view(tmp_path):
    touch(tmp_path, "000012_1.jpg", "deeper/still/000007_4.PNG", "Main Street_2.webp")
    assert places(find(tmp_path)) == {
        "deeper/still/000007_4.PNG": ("000007", "4"),
        "000012_1.jpg": ("000012", "1"),
        "Main Street_2.webp": ("Main Street", "2"),
    }


def test_photos_come_in_the_order_of_their_places(tmp_path):
    touch(tmp_path, "10_1.jpg", "9_2.jpg", "9_1.jpg", "100_1.jpg")
    files = [photo.file for photo in find(tmp_path).photos]
    assert files == ["9_1.jpg", "9_2.jpg", "10_1.jpg", "100_1.jpg"]


def test_a_count_of_photos_is_no_view(tmp_path):
    touch(tmp_path, *(f"photo_{i}.jpg" for i in range(8, 12)))
    assert places(find(tmp_path))["photo_9.jpg"] == ("photo_9", "")


def test_folders_are_places_where_there_are_enough_to_split(tmp_path):
    touch(tmp_path, *(f"street {i}/{name}.jpg" for i in range(10) for name in "ab"))
    assert places(find(tmp_path))["street 3/b.jpg"] == ("street 3", "")


def test_few_folders_are_not_places(tmp_path):
    touch(tmp_path, *(f"album/{name}.jpg" for name in "abc"), "d.jpg")
    assert {place for place, _ in places(find(tmp_path)).values()} == {
        "album/a",
        "album/b",
        "album/c",
        "d",
    }


def test_only_photos_are_taken_and_hidden_files_left_out(tmp_path):
    touch(tmp_path, "a.jpg", "b.JPEG", "c.tiff", "README.md", "x.csv", ".hidden.jpg", ".git/d.jpg")
    source = find(tmp_path)
    assert {photo.file for photo in source.photos} == {"a.jpg", "b.JPEG", "c.tiff"}
    assert source.rejected == []


@pytest.mark.parametrize("ending", sorted(paths.PHOTO_ENDINGS))
def test_every_ending_of_a_photo_is_found(tmp_path, ending):
    touch(tmp_path, f"small{ending}", f"LARGE{ending.upper()}")
    assert len(find(tmp_path).photos) == 2
    assert {".jfif", ".jpe", ".mpo"} <= paths.PHOTO_ENDINGS


@pytest.mark.parametrize("ending", "jxl ppm tga pdf heic avif jp2 gif bmp psd dng cr3 arw".split())
def test_a_picture_of_another_kind_is_named_with_what_to_do(tmp_path, ending):
    touch(tmp_path, "a.jpg", f"deep/other.{ending}", f"OTHER.{ending.upper()}")
    what = f"a {ending} file: save it as JPEG, PNG, WebP or TIFF"
    expected = [(f"OTHER.{ending.upper()}", what), (f"deep/other.{ending}", what)]
    source = find(tmp_path)
    assert sorted(source.rejected) == expected and len(source.photos) == 1


@links
def test_a_link_that_leads_back_ends(tmp_path):
    touch(tmp_path / "album", "street/a.jpg")
    (tmp_path / "album" / "street" / "back").symlink_to(tmp_path / "album")
    (tmp_path / "album" / "above").symlink_to(tmp_path)
    assert [photo.file for photo in find(tmp_path / "album").photos] == ["street/a.jpg"]


@links
def test_a_linked_folder_is_followed_once_and_a_folder_keeps_its_own_name(tmp_path):
    touch(tmp_path / "elsewhere", "a.jpg")
    touch(tmp_path / "photos", "street/b.jpg", ".hidden/c.jpg")
    for name, target in (
        ("1", tmp_path / "elsewhere"),
        ("2", tmp_path / "elsewhere"),
        ("3", tmp_path / "photos" / "street"),
        ("4", tmp_path / "photos" / ".hidden"),
    ):
        (tmp_path / "photos" / name).symlink_to(target)
    found = find(tmp_path / "photos").photos
    assert [photo.file for photo in found] == ["1/a.jpg", "4/c.jpg", "street/b.jpg"]


@links
def test_links_in_a_circle_are_named(tmp_path):
    touch(tmp_path / "photos", "a.jpg")
    for one, other in (("x.jpg", "y.jpg"), ("y.jpg", "x.jpg"), ("folder", "folder")):
        (tmp_path / "photos" / one).symlink_to(tmp_path / "photos" / other)
    source = find(tmp_path / "photos")
    assert len(source.photos) == 1
    assert [file for file, _ in source.rejected] == ["x.jpg", "y.jpg"]
    assert all(reason.startswith("cannot be reached") for _, reason in source.rejected)
    with pytest.raises(FileNotFoundError, match="no folder"):
        find(tmp_path / "photos" / "folder")


@pytest.mark.parametrize("letter", ["L", "ß", "東"])
def test_a_folder_with_the_longest_name_is_a_folder(tmp_path, letter, monkeypatch):
    monkeypatch.setattr(paths, "PREPARED", tmp_path / "prepared")
    name = letter * (250 // len(letter.encode()))
    prepared = prepare(street(tmp_path / name), extra=street(tmp_path / name / name), workers=1)
    assert len(prepared.photos) == 108


def test_a_name_that_no_file_can_have_is_one_sentence():
    for name in ("x" * 300, "~nosuchuser/photos", "a\0b"):
        with pytest.raises(FileNotFoundError, match="no folder"):
            find(name)


def test_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*: name a folder of photos"):
        gather(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="'synthetic' or 'streetview'"):
        gather("sinthetic")


def test_a_file_is_no_folder(tmp_path):
    touch(tmp_path, "a.jpg")
    with pytest.raises(ValueError, match="is a file: name the folder"):
        gather(tmp_path / "a.jpg")


@pytest.mark.parametrize("names", [[], ["notes.txt"]])
def test_a_folder_without_photos_is_one_sentence(tmp_path, names):
    touch(tmp_path, *names)
    with pytest.raises(ValueError, match="holds no photo"):
        gather(tmp_path)


def test_a_folder_whose_pictures_are_no_photos_is_one_sentence_that_names_the_first(tmp_path):
    touch(tmp_path, "a.gif", "b.gif")
    assert find(tmp_path).photos == []
    for refused in (gather, training_size):
        with pytest.raises(ValueError, match=r"no photo of .*'a.gif', is a gif file: save it as"):
            refused(tmp_path)


@pytest.mark.parametrize("images", [0, -5])
def test_a_number_of_photos_is_positive(tmp_path, images):
    with pytest.raises(ValueError, match="--images"):
        gather(tmp_path, images)


@pytest.mark.parametrize("total", [3, 10, 150, 350, 10343])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.99, 1])
def test_stretches_are_whole_and_reach_from_end_to_end(total, share):
    number = max(1, int(total * share))
    chosen = spread(total, number)
    assert len(set(chosen)) == number and chosen == sorted(chosen)
    assert chosen[0] == 0 and chosen[-1] < total
    if number >= 3:
        assert chosen[-1] == total - 1
        breaks = sum(b - a > 1 for a, b in pairwise(chosen))
        assert breaks <= max(3, round(number / 70)) - 1


def test_fewer_photos_are_whole_places_in_stretches(tmp_path):
    photos = find(street(tmp_path, places=30, views=3)).photos
    chosen = choose(photos, 50)
    assert len(chosen) == 48
    by_place = [int(photo.place) for photo in chosen[::3]]
    assert by_place == [*range(0, 5), *range(12, 17), *range(24, 30)]
    assert choose(photos, 1000) == photos == choose(photos, None)


def test_as_many_whole_places_are_taken_as_fit(tmp_path):
    touch(
        tmp_path,
        *(f"{place:03d}_{view}.jpg" for place in range(20) for view in range(place % 5 + 1)),
    )
    photos = find(tmp_path).photos
    views = [place % 5 + 1 for place in range(20)]
    fitting = [n for n in range(20) if sum(views[i] for i in spread(20, n)) <= 31]
    chosen = choose(photos, 31)
    assert len({photo.place for photo in chosen}) == max(fitting) and len(chosen) <= 31


@pytest.mark.parametrize("more", [0, 4])
def test_fewer_photos_than_a_place_has_are_refused_with_a_number_that_works(
    tmp_path, monkeypatch, more
):
    monkeypatch.setattr(paths, "PREPARED", tmp_path / "prepared")
    folder = street(tmp_path / "street")
    touch(folder, *(f"000000_{view}.jpg" for view in range(4, 4 + more)))
    for refused in (gather, prepare, training_size):
        with pytest.raises(ValueError, match=f"too few for .* --images {30 + more} or"):
            refused(folder, 2)
    assert prepare(folder, 30 + more, workers=1).manifest["places"] == 10


def test_streets_are_rendered_once_and_again_when_their_code_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RAW", tmp_path)
    source = gather("synthetic", 2)
    assert [photo.file for photo in source.photos] == ["000000_1.jpg", "000000_2.jpg"]
    assert all(photo.path.exists() and photo.classes.exists() for photo in source.photos)
    assert source.class_names == synthetic.CLASSES
    photo = source.photos[0].path
    photo.write_bytes(b"mine")
    gather("synthetic", 2)
    assert photo.read_bytes() == b"mine"
    (tmp_path / "synthetic" / "version.txt").write_text("another")
    gather("synthetic", 2)
    assert photo.read_bytes() != b"mine"


def test_street_view_photos_are_stretches_over_the_three_cities(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RAW", tmp_path)
    rows = [f"{place:06d}_{view}.jpg,lacking" for place in range(1, 10344) for view in range(6)]
    touch(tmp_path / "streetview", "000001_1.jpg")
    noted = "\n".join(["file,reason", *rows]).replace("000001_1.jpg,lacking\n", "")
    (tmp_path / "streetview" / "missing.csv").write_text(noted)  # so nothing is downloaded
    source = gather("streetview", 600)
    assert [photo.file for photo in source.photos] == ["000001_1.jpg"]
    assert source.rejected[0] == ("000001_2.jpg", "lacking") and len(source.rejected) == 599
    names = [photo.file for photo in source.photos] + [file for file, _ in source.rejected]
    numbers = sorted({int(name[:6]) for name in names})
    assert numbers[0] == 1 and numbers[-1] == 10343 and len(numbers) == 150
    assert sum(b - a > 1 for a, b in pairwise(numbers)) == 2
    assert {name[7] for name in names} == set("1234")


@pytest.mark.skipif(not hasattr(os, "fsencode") or sys.platform != "linux", reason="bytes as names")
def test_a_name_that_is_no_text_is_found(tmp_path):
    with open(os.fsencode(tmp_path) + b"/\xff\xfe_1.jpg", "wb") as file:
        file.write(encoded(0))
    assert len(find(tmp_path).photos) == 1
