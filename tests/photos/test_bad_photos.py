"""A file that cannot be used is named with its reason, and the other photos are prepared."""

import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from bad_photos import BAD, animation
from photo_samples import encoded, photo, street
from PIL import Image

from helpers import paths
from helpers.photos import decode
from helpers.preprocessing import load, prepare, thumbnail

ROOT = os.geteuid() == 0 if hasattr(os, "geteuid") else False


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "PREPARED", tmp_path / "prepared")


@pytest.fixture
def folder(tmp_path):
    """Twelve places of good photos, to which a test adds a bad one."""
    return street(tmp_path / "photos")


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_photo_is_named_with_its_reason_and_the_rest_goes_on(folder, kind):
    data, reason = BAD[kind]
    (folder / "000004_9.jpg").write_bytes(data)
    prepared = prepare(folder, workers=1)
    assert list(prepared.rejected.file) == ["000004_9.jpg"]
    assert any(part in prepared.rejected.reason[0] for part in reason.split("|"))
    assert len(prepared.photos) == len(prepared.ab) == 36
    assert "000004_9.jpg" in (prepared.folder / "rejected.csv").read_text()


def test_all_of_them_at_once_in_processes(folder, capsys):
    for number, (data, _) in enumerate(BAD.values()):
        (folder / f"{number:06d}_8.jpg").write_bytes(data)
    prepared = prepare(folder, workers=2)
    assert f"{len(BAD)} of {36 + len(BAD)} photos were rejected" in capsys.readouterr().out
    assert len(prepared.rejected) == len(BAD) and len(prepared.photos) == 36


def test_a_gif_is_named_by_its_ending(folder):
    (folder / "moving.gif").write_bytes(animation("GIF"))
    assert prepare(folder, workers=1).rejected.values.tolist() == [
        ["moving.gif", "a gif file: save it as JPEG, PNG, WebP or TIFF"]
    ]


def test_a_hundred_megapixels_are_a_photo(folder):
    large = photo(600, (140, 110)).resize((11_600, 8_700), Image.Resampling.NEAREST)
    large.save(folder / "000004_9.jpg", quality=80)
    prepared = prepare(folder, workers=1)
    assert len(prepared.photos) == 37 and len(prepared.rejected) == 0


def test_a_nearly_gray_photo_stays(folder):
    pale = np.asarray(photo(601)).astype(float)
    pale = pale.mean(axis=-1, keepdims=True) + 0.1 * (pale - pale.mean(axis=-1, keepdims=True))
    Image.fromarray(pale.astype(np.uint8)).save(folder / "000004_9.png")
    assert len(prepare(folder, workers=1).photos) == 37


def test_a_folder_named_like_a_photo_is_named_and_looked_into(folder):
    street(folder / "x.jpg", places=1, first=40)
    prepared = prepare(folder, workers=1)
    assert prepared.rejected.values.tolist() == [["x.jpg", "a folder, not a photo"]]
    assert len(prepared.photos) == 39


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_broken_link_is_named(folder):
    (folder / "000004_9.jpg").symlink_to(folder / "nowhere.jpg")
    assert prepare(folder, workers=1).rejected.reason[0] == "a broken link"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes with names there")
def test_a_pipe_does_not_stop_the_run(folder):
    os.mkfifo(folder / "000004_9.jpg")
    assert prepare(folder, workers=1).rejected.reason[0] == "not an ordinary file"


UNREADABLE = """
import os, sys
from pathlib import Path
import pandas, skimage.color
skimage.color.rgb2lab  # all is loaded before the rights to read it are given up
from helpers import paths
from helpers.preprocessing import prepare
if os.geteuid() == 0:
    os.setuid(65534)
paths.PREPARED = Path(sys.argv[2])
print(prepare(sys.argv[1], workers=1).rejected.values.tolist())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="permissions differ there")
def test_files_and_folders_without_permission_are_named(folder, tmp_path):
    (folder / "000004_1.jpg").chmod(0)
    street(folder / "locked", places=1, first=60).chmod(0)
    (tmp_path / "prepared").mkdir()
    if ROOT:  # who may read everything: so it is done as someone else, who must get there
        for place in (tmp_path, *tmp_path.parents[:-2]):
            place.chmod(place.stat().st_mode | 0o055)
        (tmp_path / "prepared").chmod(0o777)
    arguments = [sys.executable, "-c", UNREADABLE, folder, tmp_path / "prepared"]
    done = subprocess.run(arguments, capture_output=True, text=True)
    (folder / "locked").chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert eval(done.stdout) == [
        ["locked", "a folder that cannot be listed (no permission?)"],
        ["000004_1.jpg", "no permission to read it"],
    ]


ODD = ["a b.jpg", "Straße Köln.jpg", "two\nlines.jpg", "carriage\rreturn.jpg", "-rf.jpg",
       "--help.jpg", 'quo"te,comma.jpg', "東京.jpg", "NA.jpg", " lead.jpg", "tab\t.jpg", "*.jpg",
       "%s{}.jpg", "1e5_1.jpg"]  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="such names are not allowed there")
@pytest.mark.parametrize("workers", [1, 2])
def test_odd_names_are_names(folder, workers):
    for number, name in enumerate(ODD):
        (folder / name).write_bytes(encoded(700 + number))
        (folder / f"bad {name}").write_bytes(b"")
    prepared = prepare(folder, workers=workers)
    assert set(ODD) <= set(prepared.photos.file)
    assert set(prepared.rejected.file) == {f"bad {name}" for name in ODD}
    assert all(prepared.path(i).exists() for i in range(len(prepared.photos)))


@pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
def test_a_name_that_is_no_text_is_a_name(folder):
    path = os.fsencode(folder) + b"/\xff\xfe.jpg"
    for name, data in ((path, encoded(800)), (path[:-4] + b"bad.jpg", b"")):
        with open(name, "wb") as file:
            file.write(data)
    prepared = prepare(folder, workers=2)
    assert len(prepared.photos) == 37 and len(prepared.rejected) == 1
    assert [i for i in range(37) if os.fsencode(prepared.path(i)) == os.path.realpath(path)]


def test_a_damaged_photo_gives_the_decoders_reason_and_what_to_do():
    said = decode.reason(OSError("image file is truncated"))
    assert said == "damaged or cut off (image file is truncated): copy it again"


def test_a_photo_that_vanishes_gives_a_reason(tmp_path):
    gone = thumbnail.prepare_photo(tmp_path / "1.jpg", (112, 88), 10, None, False)
    assert gone == "no such file: check its name"


PLAIN = """
import sys
from pathlib import Path
from helpers import paths
from helpers.preprocessing import prepare
paths.PREPARED = Path(sys.argv[2])
print(len(prepare(sys.argv[1], workers=2).photos))
"""


def test_a_plain_script_prepares_photos_in_processes(folder, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(PLAIN)
    command = [sys.executable, script, folder, tmp_path / "prepared"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "36\n" and done.returncode == 0, done.stderr


PREPARE = """
import sys
from pathlib import Path
from helpers import paths
from helpers.preprocessing import prepare
if __name__ == "__main__":
    paths.PREPARED = Path(sys.argv[2])
    prepare(sys.argv[1], workers=int(sys.argv[3]))
"""


def started(tmp_path, folder, workers, **options):
    script = tmp_path / "script.py"
    script.write_text(PREPARE)
    arguments = [sys.executable, script, folder, tmp_path / "prepared", str(workers)]
    environment = {**os.environ, "TQDM_DISABLE": "1"}
    return subprocess.Popen(
        arguments, stderr=subprocess.PIPE, text=True, env=environment, **options
    )


def leftovers(tmp_path):
    return [path for path in (tmp_path / "prepared").glob("*") if path.suffix != ".lock"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits differ there")
def test_a_disk_that_fills_up_is_one_sentence_and_nothing_half_written(folder, tmp_path):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    process = started(tmp_path, folder, 1, preexec_fn=limit)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "the disk is full while writing to" in errors.splitlines()[-1]
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ there")
@pytest.mark.parametrize("how", ["Ctrl-C", "worker", "killed"])
def test_signals_lose_nothing_and_leave_nothing(tmp_path, how):
    folder = street(tmp_path / "photos", places=20, views=4, size=(8, 8))
    full_size = encoded(0, (1281, 1025))
    for path in folder.iterdir():
        path.write_bytes(full_size)
    process = started(tmp_path, folder, 2, start_new_session=True)
    prepared = tmp_path / "prepared"
    while not any(path.stat().st_size > 9000 for path in prepared.glob(".*.part/*/ab.npy")):
        assert process.poll() is None
        time.sleep(0.01)
    children = psutil.Process(process.pid).children(recursive=True)
    workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    if how == "worker":
        workers[0].kill()
    else:
        os.killpg(process.pid, signal.SIGINT) if how == "Ctrl-C" else process.kill()
    _, errors = process.communicate(timeout=60)
    assert psutil.wait_procs(children, timeout=15)[1] == []
    if how == "worker":
        assert process.returncode == 0, errors
        done = load(prepared / "photos-80-112x88-f10")
        assert len(done.photos) == len(done.ab) == 80 and len(done.rejected) == 0
    else:
        assert process.returncode != 0
        assert [path for path in leftovers(tmp_path) if not path.name.startswith(".")] == []
        if how == "Ctrl-C":
            assert leftovers(tmp_path) == [] and "KeyboardInterrupt" in errors
