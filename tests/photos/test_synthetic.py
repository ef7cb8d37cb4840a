"""Rendered streets look like streets: in color, in layout, in their files, and every time."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from PIL import Image
from skimage.color import rgb2lab

from helpers.photos.synthetic import CLASSES, render, write_photos
from helpers.photos.synthetic.street import lay_out, locate

CLEAR = np.s_[4:1005, 92:1256]  # what no control of Street View covers
STREETS = [place for pair in range(6) for place in (90 * pair + 10, 90 * pair + 75)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two views of one place on each of 12 streets, as files."""
    folder = tmp_path_factory.mktemp("streets")
    write_photos(folder, STREETS, views=(1, 2), workers=2)
    return folder


@pytest.fixture(scope="module")
def photos(folder):
    """The photos, cropped to the clear part and shrunk ten times: 24 x 88 x 112 x 3."""
    crop = (92, 64, 92 + 1120, 64 + 880)
    files = sorted((folder / "photos").iterdir())
    return np.array([np.asarray(Image.open(file).crop(crop).reduce(10)) for file in files])


@pytest.fixture(scope="module")
def classes(folder):
    """Every fifth pixel of the class maps: 24 x 205 x 257."""
    files = sorted((folder / "classes").iterdir())
    return np.array([np.asarray(Image.open(file))[::5, ::5] for file in files])


@pytest.fixture(scope="module")
def labels(folder):
    """The class in the middle of each pixel of the shrunk photos: 24 x 88 x 112."""
    files = sorted((folder / "classes").iterdir())
    return np.array([np.asarray(Image.open(file))[69:944:10, 97:1212:10] for file in files])


@pytest.fixture(scope="module")
def scene():
    return render(31, 1)


def share(classes, *names):
    return np.isin(classes, [CLASSES.index(name) for name in names]).mean()


def distance(one, other):
    """Root mean square difference in lightness and color between pictures, at a hundredth."""
    shrunk = (np.asarray(Image.fromarray(p).reduce(20), float) for p in (one, other))
    return np.sqrt(np.mean((next(shrunk) - next(shrunk)) ** 2))


def test_a_picture_and_its_classes_have_the_size_of_street_views_files(scene):
    picture, classes = scene
    assert picture.shape == (1025, 1281, 3) and picture.dtype == np.uint8
    assert classes.shape == (1025, 1281) and classes.dtype == np.uint8
    assert classes.max() < len(CLASSES)


def test_the_last_row_and_column_are_black_and_nothing_else_is(scene):
    picture, _ = scene
    assert not picture[-1].any() and not picture[:, -1].any()
    assert picture[-2, :-1].any() and picture[:-1, -2].any()


def test_controls_lie_where_street_view_had_them_and_nowhere_else(scene):
    picture, classes = scene
    none = classes == CLASSES.index("none")
    assert not none[CLEAR].any()
    for x0, x1, y0, y1 in (
        (8, 90, 8, 90),
        (40, 60, 103, 145),
        (1256, 1275, 4, 23),
        (11, 181, 1005, 1017),
        (0, 11, 0, 20),
    ):
        assert none[y0 : y1 + 1, x0 : x1 + 1].all()
    assert none[:4].all() and none[:, :4].all() and none[-1].all() and none[:, -1].all()
    assert (picture[35:40, 56:60] > 240).all()  # the pan disc is white
    assert (picture[106:110, 46:52] > 240).all()  # so are the zoom buttons
    frame, inside = picture[2, 300:1200].mean(), picture[5, 300:1200].mean()
    assert frame < 0.85 * inside


def test_the_words_of_the_notice_are_there(scene):
    picture, _ = scene
    edges = np.abs(np.diff(picture[1005:1018].astype(float), axis=1)).mean(axis=(0, 2))
    assert edges[11:181].mean() > 2 * edges[300:470].mean()


def test_the_same_seed_gives_the_same_picture_in_any_order(scene):
    render(700, 3)
    again = render(31, 1)
    assert np.array_equal(scene[0], again[0]) and np.array_equal(scene[1], again[1])


def test_another_seed_gives_another_street(scene):
    assert distance(scene[0], render(31, 1, seed=1)[0]) > 20


@pytest.mark.parametrize(("place", "view"), [(0, 0), (0, 5), (-1, 1)])
def test_a_place_or_view_that_does_not_exist_is_refused(place, view):
    with pytest.raises(ValueError, match="must be"):
        render(place, view)


def test_streets_are_30_to_60_places_long_and_follow_each_other():
    found = [locate(place, seed=3) for place in range(900)]
    starts = [place for place, (_, index, _) in enumerate(found) if index == 0]
    lengths = np.diff(starts)
    assert lengths.min() >= 30 and lengths.max() <= 60
    assert [found[place][2] for place in starts[:-1]] == lengths.tolist()


def test_places_follow_the_street_a_few_meters_apart_and_views_are_90_degrees_apart():
    number, _, places = locate(90, seed=0)
    street = lay_out(number, places, 0)
    z = [street.camera(index, 1).position[2] for index in range(places)]
    assert 4 < np.diff(z).min() and np.diff(z).max() < 14
    views = [street.camera(7, view) for view in (1, 2, 3, 4)]
    assert len({view.position for view in views}) == 1
    assert np.diff([view.yaw for view in views]) == pytest.approx(np.full(3, np.pi / 2))


def test_neighbors_look_more_alike_than_far_places():
    near, far = [], []
    for place in (3, 183, 273):
        here, next_one, away = (render(place + further, 1)[0] for further in (0, 1, 90 * 7))
        near.append(distance(here, next_one))
        far.append(distance(here, away))
    assert np.mean(near) < 0.75 * np.mean(far)


def test_opposite_views_of_a_place_differ():
    views = [render(5, view)[0] for view in (1, 2, 3, 4)]
    assert min(distance(views[i], views[j]) for i in range(4) for j in range(i)) > 15


def test_sky_is_above_and_road_below(classes):
    rows = np.arange(0, 1025, 5)[None, :, None]
    height = {
        name: (rows * (classes == CLASSES.index(name))).sum()
        / (classes == CLASSES.index(name)).sum()
        for name in ("sky", "leaf", "road")
    }
    assert height["sky"] < 350 and height["road"] > 700
    assert height["sky"] < height["leaf"] < height["road"]
    assert share(classes[:, :60], "road", "sidewalk", "car") < 0.02
    assert share(classes[:, 200:], "sky") == 0


def test_every_class_is_seen_and_none_is_everything(classes):
    shares = {name: share(classes, name) for name in CLASSES}
    assert min(shares.values()) > 2e-4
    assert max(shares.values()) < 0.45
    assert shares["sky"] > 0.1 and shares["leaf"] > 0.03
    assert shares["brick"] + shares["stone"] + shares["plaster"] > 0.1


def test_colors_are_spread_as_on_real_streets(photos):
    lab = rgb2lab(photos)
    red, green, blue = (photos[..., c].reshape(len(photos), -1).astype(float) for c in range(3))
    rg, yb = red - green, (red + green) / 2 - blue
    colorfulness = np.sqrt(rg.var(1) + yb.var(1)) + 0.3 * np.hypot(rg.mean(1), yb.mean(1))
    measured = [
        lab[..., 1].std(),
        lab[..., 2].std(),
        colorfulness.mean(),
        np.mean((lab[..., 1:] / 255) ** 2) * 1e3,
    ]
    real = [5.8, 10.7, 24.8, 1.19]  # of the thumbnails of Manhattan
    assert measured == pytest.approx(real, rel=0.25)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    assert np.median(chroma) < 8  # mostly gray
    assert (chroma > 30).mean() < 0.05  # rarely saturated


def test_classes_have_the_colors_of_what_they_are(photos, labels):
    lab = rgb2lab(photos)
    a, b = (
        {name: np.median(lab[..., c][labels == CLASSES.index(name)]) for name in CLASSES[:-1]}
        for c in (1, 2)
    )
    assert a["leaf"] < -2 and b["leaf"] > 5
    assert b["sky"] < -2
    assert a["brick"] > 3 and b["brick"] > 3
    assert abs(a["road"]) < 3 and abs(b["road"]) < 3


def test_lightness_does_not_tell_color(photos):
    """The best color for each lightness explains less than a quarter of a and b. (The
    photos of Manhattan: about a twentieth.)"""
    lab = rgb2lab(photos)
    level = lab[..., 0].astype(int).clip(0, 99).ravel()
    for channel in (1, 2):
        values = lab[..., channel].ravel()
        mean = np.bincount(level, values, 100) / np.maximum(np.bincount(level, minlength=100), 1)
        assert np.mean((values - mean[level]) ** 2) > 0.75 * np.mean(values**2)


def test_paint_of_cars_and_awnings_cannot_be_known_from_lightness(photos, labels):
    lab = rgb2lab(photos)
    for name in ("car", "awning"):
        color = lab[labels == CLASSES.index(name)]
        middle = color[np.abs(color[:, 0] - np.median(color[:, 0])) < 12]
        assert middle[:, 1].std() > 4 and middle[:, 2].std() > 4


def test_files_are_as_street_views_were(folder):
    photo = folder / "photos" / f"{STREETS[0]:06d}_1.jpg"
    with Image.open(photo) as image:
        assert image.size == (1281, 1025) and image.mode == "RGB" and image.format == "JPEG"
        assert [layer[1:3] for layer in image.layer] == [(2, 2), (1, 1), (1, 1)]  # 4:2:0
        assert np.mean(image.quantization[0]) < 15  # quality 90 or better
        written = np.asarray(image).astype(float)
    picture, classes = render(STREETS[0], 1)
    assert np.abs(written - picture).mean() < 4
    labels = Image.open(folder / "classes" / f"{STREETS[0]:06d}_1.png")
    assert labels.mode == "L" and np.array_equal(np.asarray(labels), classes)


def test_files_do_not_depend_on_the_number_of_workers(folder, tmp_path):
    write_photos(tmp_path, STREETS[:2], views=(1, 2), workers=1)
    for file in sorted(tmp_path.rglob("*.*")):
        assert file.read_bytes() == (folder / file.relative_to(tmp_path)).read_bytes()
    assert len(list(tmp_path.rglob("*.*"))) == 8


def test_what_is_there_is_left_alone_and_what_is_missing_is_made(tmp_path):
    write_photos(tmp_path, [8], views=(1, 2), workers=1)
    kept, lost = (tmp_path / "photos" / f"000008_{view}.jpg" for view in (1, 2))
    content = lost.read_bytes()
    kept.write_bytes(b"mine")
    lost.unlink()
    write_photos(tmp_path, [8], views=(1, 2), workers=1)
    assert kept.read_bytes() == b"mine" and lost.read_bytes() == content


def _start_writing(folder, places=range(400)):
    code = (
        "from helpers.photos.synthetic import write_photos\n"
        f"write_photos({str(folder)!r}, {places!r}, workers=2)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.DEVNULL, start_new_session=True
    )
    limit = time.monotonic() + 60
    while not list(folder.glob("photos/*.jpg")) and time.monotonic() < limit:
        time.sleep(0.05)
    return process, psutil.Process(process.pid).children(recursive=True)


def _all_are_whole(folder):
    for file in folder.rglob("*.*"):
        with Image.open(file) as image:
            image.load()
    return bool(list(folder.glob("photos/*.jpg")))


def test_after_ctrl_c_no_process_and_no_half_file_is_left(tmp_path):
    process, children = _start_writing(tmp_path)
    assert children
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) != 0
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert _all_are_whole(tmp_path)


def test_a_script_that_renders_is_not_started_again_by_its_workers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from helpers.photos.synthetic import write_photos\nprint('started')\n"
        f"write_photos({str(tmp_path / 'streets')!r}, [8, 9], views=(1,), workers=2)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == "started\n"
    assert _all_are_whole(tmp_path / "streets")


def test_no_process_is_left_when_the_parent_is_killed(tmp_path):
    process, children = _start_writing(tmp_path)
    process.kill()
    process.wait(30)
    _, alive = psutil.wait_procs(children, timeout=15)
    assert not alive


def test_a_killed_worker_loses_nothing_and_leaves_nothing(tmp_path):
    left_behind = tmp_path / "classes" / ".000000_1.png.zo1hcs49.part"  # a kill may leave it
    left_behind.mkdir(parents=True)
    process, children = _start_writing(tmp_path, range(2))
    max(children, key=lambda child: child.create_time()).kill()
    assert process.wait(120) == 0
    assert len(list(tmp_path.glob("photos/*.jpg"))) == 8 and _all_are_whole(tmp_path)
