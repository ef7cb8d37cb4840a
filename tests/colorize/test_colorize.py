"""The command: what it writes, what it never touches, and what it reports of bad photos."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import memory
import numpy as np
import pytest
import safetensors
import tifffile
import torch
from bad_photos import BAD
from colorizer_samples import save_weights, scene
from photo_samples import encoded, photo
from PIL import Image, ImageCms
from skimage.color import rgb2lab

from helpers import paths
from helpers.colorize import Colorizer, album, coloring, upright
from helpers.colorize.__main__ import LISTED, listed, main

ROOT = os.geteuid() == 0 if hasattr(os, "geteuid") else False


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save_weights(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture
def photos(tmp_path):
    """An album of three gray photos, one of them in a folder of its own."""
    folder = tmp_path / "album"
    (folder / "1931").mkdir(parents=True)
    for number, name in enumerate(["street.png", "square.jpg", "1931/church.png"]):
        Image.fromarray(scene(seed=number)).save(folder / name)
    return folder


@pytest.fixture
def run(weights, tmp_path, capsys):
    """Color into `tmp_path/colored`; return exit status, standard output and standard error."""

    def run(*arguments, output=tmp_path / "colored"):
        given = [str(a) for a in arguments]
        status = main(["--output", str(output), "--weights", str(weights), *given])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def content(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_an_album_is_colored_and_its_originals_stay(run, photos, tmp_path):
    before = content(photos)
    status, said, _ = run(photos)
    assert status == 0 and "colored 3 of 3 photos" in said
    assert files(tmp_path / "colored") == files(photos)
    assert content(photos) == before
    gray = rgb2lab(np.asarray(Image.open(photos / "street.png").convert("RGB")))
    colored = rgb2lab(np.asarray(Image.open(tmp_path / "colored" / "street.png")))
    assert np.abs(colored[..., 0] - gray[..., 0]).max() < 0.25
    assert np.hypot(colored[..., 1], colored[..., 2]).mean() > 5


def test_a_gray_tiff_of_sixteen_bits_keeps_its_lightness_within_a_step(run, tmp_path):
    gray = np.kron(scene().astype(np.uint16), np.ones((2, 2), np.uint16)) * 257
    gray = (gray + np.arange(gray.size).reshape(gray.shape) % 256).clip(0, 65535).astype(np.uint16)
    tifffile.imwrite(tmp_path / "scan.tif", gray)
    status, said, _ = run(tmp_path / "scan.tif", "--compare", "--uncertainty")
    assert status == 0 and "16 bits" not in said
    colored = tifffile.imread(tmp_path / "colored" / "scan.tif")
    assert colored.dtype == np.uint16 and colored.shape == (*gray.shape, 3)
    before, after = rgb2lab(np.dstack([gray] * 3) / 65535), rgb2lab(colored / 65535)
    assert np.abs(after[..., 0] - before[..., 0]).max() < 0.002  # a step is up to 0.0017
    assert np.hypot(after[..., 1], after[..., 2]).mean() > 5
    pair = np.asarray(Image.open(tmp_path / "colored" / "scan_compare.jpg")).astype(int)
    assert np.abs(pair[:, 240:] - colored // 257).mean() < 3


def test_lightness_survives_jpeg_within_its_own_loss(run, photos, tmp_path):
    run(photos)
    pair = [Image.open(f / "square.jpg").convert("RGB") for f in (photos, tmp_path / "colored")]
    gray, colored = (rgb2lab(np.asarray(image))[..., 0] for image in pair)
    assert np.abs(gray - colored).mean() < 1.5


def test_an_existing_file_is_an_error_without_an_option(run, photos, tmp_path):
    run(photos)
    there = tmp_path / "colored" / "street.png"
    there.write_bytes(b"mine")
    (tmp_path / "colored" / "square.jpg").unlink()
    status, said, complaint = run(photos)
    assert status == 1 and "colored 1 of 3" in said
    assert "street.png exists: use --overwrite or --keep" in complaint
    status, said, _ = run(photos, "--keep")
    assert status == 0 and "3 existed already" in said and there.read_bytes() == b"mine"
    assert run(photos, "--overwrite")[0] == 0
    assert Image.open(there).size == (120, 90)


@pytest.mark.parametrize("way", ["folder", "file", "link"])
def test_an_original_is_never_replaced(run, photos, tmp_path, way):
    before = content(photos)
    output = photos
    if way == "link":
        output = tmp_path / "other"
        output.mkdir()
        os.link(photos / "street.png", output / "street.png")
    given = photos if way == "folder" else photos / "street.png"
    status, _, complaint = run(given, "--overwrite", output=output)
    assert status == 1 and "would replace an original" in complaint
    assert content(photos) == before


def test_a_photo_that_clashes_is_an_original_too(run, photos, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    Image.fromarray(scene(seed=9)).save(other / "street.png")
    before = content(other)
    for given in ((photos / "street.png", other / "street.png"), (photos, other)):
        status, _, complaint = run(*given, "--overwrite", output=other)
        assert status == 1 and "would replace an original" in complaint
        assert {path: data for path, data in content(other).items() if path in before} == before


def test_a_folder_in_the_place_of_a_photo_stays(run, photos, tmp_path):
    kept = tmp_path / "colored" / "street.png" / "notes.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    for option in ("--overwrite", "--keep"):
        status, _, complaint = run(photos / "street.png", option)
        assert status == 1 and "street.png is a folder" in complaint
    assert kept.read_text() == "mine"


def test_a_link_that_leads_nowhere_is_an_existing_file(run, photos, tmp_path):
    (tmp_path / "colored").mkdir()
    (tmp_path / "colored" / "street.png").symlink_to("nowhere")
    status, _, complaint = run(photos / "street.png")
    assert status == 1 and "exists" in complaint
    assert (tmp_path / "colored" / "street.png").is_symlink()


def test_an_album_within_the_folder_of_output_is_colored(run, photos):
    status, said, _ = run(photos / "1931", output=photos)
    assert status == 0 and "colored 1 of 1" in said
    assert (photos / "church.png").exists()


def test_nothing_to_color_is_an_error(run, photos):
    (photos / "all").mkdir()
    run(photos, output=photos / "all")
    for path in (photos / "street.png", photos / "square.jpg", photos / "1931" / "church.png"):
        path.unlink()
    status, _, complaint = run(photos, "--overwrite", output=photos / "all")
    assert status == 1 and "holds no photos but those in the folder of --output" in complaint


def test_a_folder_of_gifs_is_reported_once(run, tmp_path):
    (tmp_path / "gifs").mkdir()
    (tmp_path / "gifs" / "a.gif").touch()
    status, _, complaint = run(tmp_path / "gifs")
    assert status == 1 and "1 could not be colored" in complaint
    assert "a.gif: a gif file: save it as" in complaint and "--output" not in complaint


def test_a_name_too_long_for_a_comparison_does_not_stop_the_others(run, photos):
    (photos / "square.jpg").rename(photos / f"{'n' * 246}.jpg")
    status, said, complaint = run(photos, "--compare")
    assert status == 1 and "colored 2 of 3" in said and "name too long" in complaint.lower()


def test_a_network_that_fails_is_not_reported_as_a_damaged_photo(run, photos, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(torch.nn.functional, "interpolate", fails)
    status, _, complaint = run(photos / "street.png")
    assert status == 1 and "could not be colored (no such kernel)" in complaint
    assert "damaged" not in complaint


def test_wrong_weights_leave_no_folder_behind(run, tmp_path):
    with pytest.raises(SystemExit):
        run("a.jpg", "--weights", "nope", output=tmp_path / "fresh")
    assert not (tmp_path / "fresh").exists()


def test_the_map_of_a_large_scan_has_its_border(run, tmp_path):
    scan = np.pad(scene(900, 1800), 100, constant_values=245)
    Image.fromarray(scan).save(tmp_path / "scan.png")
    run(tmp_path / "scan.png", "--uncertainty")
    shades = np.asarray(Image.open(tmp_path / "colored" / "scan_uncertainty.png"))
    assert shades.shape == (880, 1600) and (shades[82:-82, 82:-82] > 0).mean() > 0.9
    assert not shades[:76].any() and not shades[:, -76:].any()


def test_what_it_made_is_not_colored_again(run, photos):
    first = run(photos, output=photos / "colored")
    second = run(photos, "--overwrite", output=photos / "colored")
    assert "3 of 3" in first[1] and "3 of 3" in second[1]
    assert not (photos / "colored" / "colored").exists()


def test_two_photos_of_one_name_do_not_replace_each_other(run, photos, tmp_path):
    Image.fromarray(scene(seed=9)).save(tmp_path / "street.png")
    status, said, complaint = run(photos, tmp_path / "street.png")
    assert status == 1 and "colored 3 of 4" in said and "another photo is written as" in complaint


def test_photos_that_differ_in_format_alone_have_a_comparison_each(run, photos, tmp_path):
    Image.fromarray(scene(seed=9)).save(photos / "street.tif")
    assert run(photos, "--compare", "--uncertainty")[0] == 0
    made = files(tmp_path / "colored")
    assert [name for name in made if name.startswith("street")] == [
        "street.png",
        "street.png_compare.jpg",
        "street.png_uncertainty.png",
        "street.tif",
        "street.tif_compare.jpg",
        "street.tif_uncertainty.png",
    ]
    assert "square_compare.jpg" in made


def test_a_comparison_does_not_replace_a_photo_of_its_name(run, photos, tmp_path):
    Image.fromarray(scene(seed=9)).save(photos / "street_compare.jpg")
    assert run(photos, "--compare", output=tmp_path / "other")[0] == 1
    given = photos / "street_compare.jpg", photos / "street.png", photos / "square.jpg"
    status, said, complaint = run(*given, "--compare")
    assert status == 1 and "colored 2 of 3" in said
    assert f"another photo is written as {tmp_path / 'colored' / 'street_compare.jpg'}" in complaint


def test_a_photo_given_twice_is_colored_once(run, photos):
    again = photos / "1931" / ".." / "street.png"
    status, said, _ = run(photos / "street.png", photos, photos / "street.png", photos, again)
    assert status == 0 and "colored 3 of 3" in said


def test_keep_makes_what_is_missing_and_leaves_the_rest(run, photos, tmp_path):
    """As after a computer that went off between a photo's two files, or a first run without."""
    run(photos)
    (tmp_path / "colored" / "street.png").write_bytes(b"mine")
    (tmp_path / "colored" / "square.jpg").rename(tmp_path / "colored" / "square_compare.jpg")
    status, said, _ = run(photos, "--keep", "--compare")
    assert status == 0 and "colored 3 of 3" in said
    assert (tmp_path / "colored" / "street.png").read_bytes() == b"mine"
    for made, width in [
        ("street_compare.jpg", 240),
        ("square.jpg", 120),
        ("square_compare.jpg", 120),
    ]:
        assert Image.open(tmp_path / "colored" / made).width == width
    status, said, _ = run(photos, "--keep", "--compare")
    assert status == 0 and "colored 0 of 3" in said and "3 existed already" in said


def test_compare_and_uncertainty_lie_beside_the_photo(run, photos, tmp_path):
    assert run(photos / "street.png", "--compare", "--uncertainty")[0] == 0
    assert files(tmp_path / "colored") == [
        "street.png",
        "street_compare.jpg",
        "street_uncertainty.png",
    ]
    pair = np.asarray(Image.open(tmp_path / "colored" / "street_compare.jpg")).astype(int)
    assert pair.shape == (90, 240, 3)
    assert np.ptp(pair[:, :96], axis=-1).max() <= 2 < np.ptp(pair[:, 144:], axis=-1).mean()
    shades = np.asarray(Image.open(tmp_path / "colored" / "street_uncertainty.png"))
    assert shades.shape == (90, 120) and shades.std() > 0


def test_a_photo_in_color_gets_its_error_and_sepia_does_not(run, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    photo(1).save(folder / "color.png")
    gray = scene()[..., None] / 255
    sepia = 255 * gray * (np.array([1, 0.86, 0.65]) + np.array([0, 0.14, 0.35]) * gray)
    Image.fromarray(sepia.astype(np.uint8)).save(folder / "sepia.png")
    status, said, _ = run(folder)
    assert status == 0
    assert "1 had color" in said and "color.png: CIEDE2000" in said
    assert "1 is in one tone" in said and "sepia.png: CIEDE2000" not in said


def software(path):
    return Image.open(path).getexif().get(305)


def test_colored_files_name_the_weights_that_predicted_their_colors(run, weights, photos, tmp_path):
    run(photos, "--compare", "--uncertainty")
    sha = hashlib.sha256(weights.read_bytes()).hexdigest()
    mark = f"colors predicted by Streetside Colorization, weights {sha[:12]}"
    for name in ("street.png", "square.jpg", "1931/church.png", "square_compare.jpg"):
        assert software(tmp_path / "colored" / name) == mark
    assert software(tmp_path / "colored" / "square_uncertainty.png") is None
    run(photos, "--compare", "--no-mark", output=tmp_path / "plain")
    for path in (tmp_path / "plain").rglob("*.*"):
        assert software(path) is None and b"digitalsourcetype" not in path.read_bytes()


def test_the_limit_of_pixels_can_be_raised_by_the_option_that_the_message_names(run, tmp_path):
    Image.fromarray(scene(1002, 1200)).save(tmp_path / "large.png")
    status, _, complaint = run(tmp_path / "large.png", "--max-megapixels", "1")
    assert status == 1
    assert "large.png: more than 1 megapixels: raise the limit with --max-megapixels" in complaint
    assert run(tmp_path / "large.png", "--max-megapixels", "1.3")[0] == 0


# What is freed goes back to the system at once, so that the peak is what was in use.
GIVEN_BACK = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "100000"}
GIVEN_BACK |= {"MALLOC_TRIM_THRESHOLD_": "100000"}
MEASURED = f"""
import sys
from helpers.colorize.__main__ import main
for name in sys.argv[3:]:
    assert main([name, "--output", sys.argv[1], "--weights", sys.argv[2], "--compare"]) == 0
    print("peak", {memory.PEAK})
"""


@memory.needs_linux
@pytest.mark.parametrize(("mode", "most"), [("RGB", 8), ("RGBA", 8), ("L", 7)])
def test_memory_stays_within_a_few_bytes_a_pixel(weights, tmp_path, mode, most):
    """Beyond the peak of a small picture. Pillow takes 4 for RGB, a picture in floats 12 more."""
    exif = Image.Exif()
    exif[274] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(scene()).save(tmp_path / "small.png")
    long = Image.fromarray(np.tile(scene(96, 160), (800, 1))).convert(mode)
    long.save(tmp_path / "long.png", exif=exif, icc_profile=profile)
    photos = tmp_path / "small.png", tmp_path / "long.png"
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, tmp_path / "colored", weights, *photos],
        cwd=paths.ROOT, env=os.environ | GIVEN_BACK, capture_output=True, text=True, check=True,
    )  # fmt: skip
    before, after = (int(line[5:]) for line in done.stdout.splitlines() if line[:4] == "peak")
    assert after - before < most * long.width * long.height
    assert Image.open(tmp_path / "colored" / "long.png").size == long.size


@pytest.mark.parametrize(("margin", "named"), [(-100, True), (100, False)])
def test_photos_that_seem_not_to_be_upright_are_named_and_colored(
    run, tmp_path, monkeypatch, margin, named
):
    Image.fromarray(scene()).save(tmp_path / "one.png")
    monkeypatch.setattr(upright, "MARGIN", margin)
    status, said, _ = run(tmp_path / "one.png", "--check-orientation")
    assert status == 0 and ("perhaps " in said) == named
    status, said, _ = run(tmp_path / "one.png", "--overwrite")
    assert status == 0 and "perhaps " not in said


def test_photos_of_which_the_network_is_unsure_are_named(run, tmp_path, monkeypatch):
    for name in ("one.png", "two.png"):
        Image.fromarray(scene()).save(tmp_path / name)
    for limit, named in ((0, False), (1, True)):
        monkeypatch.setattr(coloring, "UNSURE", limit)
        status, said, _ = run(tmp_path / "one.png", tmp_path / "two.png", "--overwrite")
        assert status == 0
        assert all((f"{name}: unsure" in said) == named for name in ("one.png", "two.png"))


def test_every_bad_photo_is_reported_at_the_end_and_the_others_are_colored(run, photos, tmp_path):
    bad = {
        k: v for k, v in BAD.items() if not k.startswith(("one pixel", "small", "gray", "black"))
    }
    for kind, (data, _) in bad.items():
        (photos / f"{kind}.jpg").write_bytes(data)
    (photos / "x.jpg").mkdir()
    (photos / "link.jpg").symlink_to(photos / "nowhere.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    status, said, complaint = run(photos, tmp_path / "absent.jpg", tmp_path / "loop.jpg")
    assert status == 1 and f"colored 3 of {3 + len(bad) + 4} photos" in said
    lines = complaint.splitlines()
    for kind, (_, reason) in bad.items():
        line = next(line for line in lines if f"{kind}.jpg" in line)
        assert any(part in line for part in reason.split("|"))
    assert any("x.jpg: a folder" in line for line in lines)
    assert any("link.jpg: a broken link" in line for line in lines)
    assert any("absent.jpg: no such file" in line for line in lines)
    assert files(tmp_path / "colored") == ["1931/church.png", "square.jpg", "street.png"]


def test_small_gray_and_black_photos_are_colored_here(run, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    odd = [k for k in BAD if k.startswith(("one pixel", "small", "gray", "black"))]
    for kind in odd:
        (folder / f"{kind}.png").write_bytes(BAD[kind][0])
    status, said, _ = run(folder)
    assert status == 0 and f"colored {len(odd)} of {len(odd)}" in said


@pytest.mark.skipif(sys.platform == "win32", reason="such names are not allowed there")
def test_odd_names_are_kept_and_printed_on_one_line(run, tmp_path, monkeypatch):
    folder = tmp_path / "odd names"
    folder.mkdir()
    names = ["-dash.png", "Großmutters Straße.png", "two\nlines.png", "tab\t.png"]
    for name in names:
        (folder / name).write_bytes(encoded(1, format="PNG"))
    (folder / "bad\nname.png").write_bytes(b"")
    monkeypatch.chdir(folder)
    status, _, complaint = run(".", "--", "-dash.png")[0:3]
    assert status == 1
    assert files(tmp_path / "colored") == sorted(names)
    assert r"bad\nname.png': an empty file" in complaint


@pytest.mark.skipif(ROOT or sys.platform == "win32", reason="root may read everything")
def test_a_file_without_permission_is_reported(run, photos):
    (photos / "street.png").chmod(0)
    status, said, complaint = run(photos)
    assert status == 1 and "colored 2 of 3" in said and "street.png: no permission" in complaint


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes with names there")
def test_a_pipe_does_not_stop_the_run(run, photos, tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    status, _, complaint = run(tmp_path / "pipe.jpg", photos)
    assert status == 1 and "pipe.jpg: not an ordinary file" in complaint


def test_a_photo_that_vanishes_is_reported(weights, photos, tmp_path):
    jobs, _ = album.find_jobs([photos], tmp_path / "colored")
    (photos / "street.png").unlink()
    done = list(album.color_album(jobs, Colorizer.load(weights)))
    failures = {one.photo.name: one.failure for one in done if one.failure}
    assert len(done) == 3 and failures.keys() == {"street.png"}
    assert "no such file" in failures["street.png"]


@pytest.fixture
def full_disk():
    """Files cannot grow beyond 1,500 bytes inside this context."""

    @contextmanager
    def limited():
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, most))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    resource = pytest.importorskip("resource", reason="limits differ there")
    return limited


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_on_a_full_disk_no_half_file_gets_a_name_and_no_photo_is_blamed(
    run, tmp_path, full_disk, ending
):
    album, output = tmp_path / "album", tmp_path / "colored"
    album.mkdir()
    for number in range(2):
        Image.fromarray(scene(seed=number)).save(album / f"{number}.{ending}")
    with full_disk():
        status, said, complaint = run(album, "--compare")
    assert status == 1 and "colored 0 of 2" in said
    assert complaint.count("could not be written: the disk is full") == 2
    assert "damaged" not in complaint and files(output) == []
    assert run(album, "--keep")[0] == 0
    for path in output.iterdir():
        Image.open(path).load()


@pytest.mark.skipif(ROOT or sys.platform == "win32", reason="root may write everywhere")
def test_a_folder_without_permission_is_a_failure_to_write(run, photos, tmp_path):
    (tmp_path / "colored").mkdir(mode=0o500)
    status, _, complaint = run(photos)
    assert status == 1 and complaint.count("could not be written: no permission") == 3


def test_a_file_in_the_place_of_a_folder_is_a_failure_to_write(run, photos, tmp_path):
    (tmp_path / "colored").mkdir()
    (tmp_path / "colored" / "1931").write_text("mine")
    status, said, complaint = run(photos)
    assert status == 1 and "colored 2 of 3" in said
    assert "church.png: could not be written: " in complaint and "damaged" not in complaint


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a.jpg", "--output", "b.jpg"], "name a folder"),
        (["a.jpg", "--output", "a file"], "name a folder"),
        (["a.jpg", "--output", "a file/colored"], "name a folder"),
        (["a.jpg", "--output", "o", "--weights", "none.safetensors"], "no such file"),
        (["a.jpg", "--output", "o", "--weights", "."], "is a folder"),
        (["a.jpg", "--output", "o", "--model", "loud"], "take one of colorful, accurate"),
        *(
            (["a.jpg", "--output", "o", option, value], says)
            for option, values, says in [
                ("--temperature", ["0", "-1", "nan", "inf", "1001"], "take 0.01 to 1000"),
                ("--chroma-gain", ["-0.1", "nan", "inf", "1e30"], "take 0 to 1000"),
                ("--max-megapixels", ["0", "-1", "nan", "inf", "1e6"], "take 1 to 4000"),
            ]
            for value in values
        ),
        (["a.jpg", "--output", "o", "--keep", "--overwrite"], "not allowed with"),
        (["a.jpg"], "--output"),
    ],
)
def test_a_wrong_command_is_refused_before_any_work(
    arguments, says, tmp_path, monkeypatch, capsys, weights
):
    monkeypatch.chdir(tmp_path)
    Path("a file").touch()
    if "--weights" not in arguments:
        arguments = [*arguments, "--weights", str(weights)]
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2 and says in capsys.readouterr().err
    assert not Path("o").exists()


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("~nosuchuser/colored", "there is no such user"),
        ("x" * 300, "(File name too long): name another folder"),
        ("colored.jpg", "colored.jpg is the name of a photo"),
        ("", "the path is empty"),
    ],
)
def test_an_output_that_no_folder_can_be_is_refused_in_one_sentence(
    run, photos, output, says, capsys
):
    with pytest.raises(SystemExit) as stopped:
        run(photos, output=output)
    assert stopped.value.code == 2 and says in capsys.readouterr().err
    assert not Path("~nosuchuser").exists() and not Path("colored.jpg").exists()


@pytest.mark.parametrize("name", ["~nosuchuser/a.jpg", "x" * 300])
def test_a_name_that_no_photo_can_have_fails_and_the_others_are_colored(run, photos, name):
    status, said, complaint = run(name, photos)
    assert status == 1 and "colored 3 of 4" in said
    assert "1 could not be colored" in complaint and name in complaint


def test_large_photos_wait_for_room_and_a_vast_one_goes_alone():
    room = album._Room(100)
    inside, most = [0], [0]
    lock = threading.Lock()

    def work(pixels):
        with room.for_pixels(pixels):
            with lock:
                inside[0] += min(pixels, 100)
                most[0] = max(most[0], inside[0])
            time.sleep(0.01)
            with lock:
                inside[0] -= min(pixels, 100)

    threads = [threading.Thread(target=work, args=(n,)) for n in [60, 60, 30, 500, 10, 100, 40]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert most[0] == 100 and room.free == 100


def test_a_long_list_is_cut_short():
    lines = listed([str(n) for n in range(100)])
    assert len(lines) == LISTED + 1 and lines[-1] == "  and 80 more"


@pytest.mark.skipif(sys.platform == "win32", reason="signals work differently there")
@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGKILL])
def test_stopped_in_the_middle_it_goes_on_with_keep(weights, photos, tmp_path, way, run):
    for number in range(7):
        Image.fromarray(scene(600, 800, number)).save(photos / f"more {number}.png")
    # It is colored last and takes a second or two, so that the signal comes in time.
    Image.new("L", (6000, 4000), 128).save(photos / "z.png")
    output = tmp_path / "colored"

    def finished():
        return [path for path in output.rglob("*.*") if path.is_file() and ".part" not in str(path)]

    command = [sys.executable, "-m", "helpers.colorize", photos, "--output", output]
    child = subprocess.Popen(
        [*command, "--weights", weights], cwd=paths.ROOT, stderr=subprocess.PIPE, text=True
    )
    while len(finished()) < 3:
        assert child.poll() is None
        time.sleep(0.02)
    child.send_signal(way)
    _, complaint = child.communicate(timeout=60)
    assert child.returncode == (130 if way == signal.SIGINT else -signal.SIGKILL)
    if way == signal.SIGINT:
        assert "with --keep" in complaint and "Traceback" not in complaint
    assert 3 <= len(finished()) < 11
    for path in finished():
        Image.open(path).load()
    assert run(photos, "--keep")[0] == 0
    assert all((output / name).exists() for name in files(photos))


@pytest.mark.skipif(sys.platform == "win32", reason="signals work differently there")
def test_stopped_while_it_loads_it_says_so_in_a_line(tmp_path):
    """A sitecustomize sends Ctrl-C when PyTorch is asked for, whatever the speed of the machine."""
    (tmp_path / "sitecustomize.py").write_text(
        "import signal, sys\n"
        "class Stop:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch': signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Stop())\n"
    )
    command = [sys.executable, "-m", "helpers.colorize", "a.jpg", "--output", tmp_path / "colored"]
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{paths.ROOT}"}
    done = subprocess.run(
        command, cwd=paths.ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 130 and not done.stdout
    assert done.stderr.splitlines() == ["Stopped before any photo was colored."]


def test_stopped_before_the_first_photo_it_says_so_in_a_line(run, photos, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(safetensors, "safe_open", stop)
    status, said, complaint = run(photos)
    assert status == 130 and not said
    assert complaint.count("\n") == 1 and "with --keep" in complaint


def test_operating_points_have_short_names(run, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(coloring, "UNSURE", 0)
    for name, full in (("accurate", "street_unet_accurate"), ("colorful", "street_unet")):
        for model in (name, full):
            assert run(photos / "street.png", "--model", model, output=tmp_path / model)[0] == 0
        one, other = (tmp_path / model / "street.png" for model in (name, full))
        assert one.read_bytes() == other.read_bytes()
    names = ("accurate", "colorful", "default")
    run(photos / "street.png", output=tmp_path / "default")
    accurate, colorful, default = ((tmp_path / n / "street.png").read_bytes() for n in names)
    assert accurate != colorful == default


def piped(arguments, **variables):
    """The command with its output in pipes, buffered as in a user's shell."""
    command = [sys.executable, "-m", "helpers.colorize", *arguments]
    environment = os.environ | {"PYTHONUNBUFFERED": ""} | variables
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=paths.ROOT, env=environment, **pipes)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end differently there")
@pytest.mark.parametrize("wanted", ["photos", "help"])
def test_a_reader_that_has_read_enough_is_no_traceback(weights, photos, tmp_path, wanted):
    """As in `python -m helpers.colorize album/ --output colored/ | head -0`."""
    output = tmp_path / "colored"
    given = ["--help"] if wanted == "help" else [photos, "--output", output, "--weights", weights]
    child = piped(given)
    child.stdout.close()
    complaint = child.stderr.read().decode()
    child.stderr.close()
    assert child.wait(timeout=60) == 1 and complaint == ""
    assert wanted == "help" or files(output) == files(photos)


def test_names_that_a_code_page_lacks_are_escaped_in_the_report(weights, tmp_path):
    """As on Windows when the output goes to a file."""
    photo(1).save(tmp_path / "\N{GRINNING FACE}.png")
    given = [tmp_path / "\N{GRINNING FACE}.png", "--output", tmp_path / "out", "--weights", weights]
    child = piped(given, PYTHONIOENCODING="cp1252")
    said, complaint = child.communicate(timeout=60)
    assert child.returncode == 0 and complaint == b""
    assert b"colored 1 of 1" in said and b"\\U0001f600.png: CIEDE2000" in said


def test_coloring_loads_nothing_that_it_does_not_need():
    """A photo must not wait for tables, plots, downloads or the renderer of streets."""
    code = "import sys, helpers.colorize.__main__; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    needless = {"pandas", "matplotlib", "requests", "scipy", "skimage.data"}
    needless |= {"helpers.photos.synthetic", "helpers.photos.download", "helpers.preprocessing"}
    assert "helpers.colorize.album" in loaded and not needless & loaded
