"""Wrong options get one sentence with the remedy and exit status 2; so does run_all.sh."""

import shutil
import subprocess
import sys

import pytest

from helpers import paths
from helpers.report import options


def complaint(capsys, *arguments) -> str:
    with pytest.raises(SystemExit) as stop:
        options.parse(list(arguments))
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_defaults_are_rendered_streets_in_the_quick_profile():
    chosen = options.parse([])
    assert (chosen.data, chosen.profile, chosen.seed) == ("synthetic", "quick", 0)
    assert options.is_default(chosen)


@pytest.mark.parametrize(
    "arguments", [["--seed", "1"], ["--images", "50"], ["--profile", "full"], ["--data", "."]]
)
def test_any_other_option_is_not_the_default_run(arguments, monkeypatch):
    monkeypatch.setattr(options, "mistake", lambda chosen: None)
    assert not options.is_default(options.parse(arguments))


def test_a_missing_folder_is_named(capsys, tmp_path):
    assert "nowhere: there is no such folder" in complaint(
        capsys, "--data", str(tmp_path / "nowhere")
    )


@pytest.mark.parametrize("name", ["~nosuchuser/photos", "x" * 300])
def test_a_name_that_no_folder_can_have_is_a_missing_folder(capsys, name):
    assert "there is no such folder" in complaint(capsys, "--data", name)


def test_an_empty_folder_holds_no_photo(capsys, tmp_path):
    (tmp_path / "notes.txt").touch()
    assert "holds no photo (.j" in complaint(capsys, "--data", str(tmp_path))


def test_a_folder_with_too_few_photos_is_refused_at_once(capsys, tmp_path):
    for number in range(23):
        (tmp_path / f"{number}.jpg").touch()
    assert "holds 23 photos, too few to split: give 24 or more" in complaint(
        capsys, "--data", str(tmp_path)
    )


def test_a_file_is_no_folder(capsys, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.touch()
    assert "give the folder" in complaint(capsys, "--extra", str(photo))


def test_unknown_options_and_profiles_list_the_known_ones(capsys):
    assert "--colour" in complaint(capsys, "--colour")
    assert "'quick', 'full'" in complaint(capsys, "--profile", "slow").replace(
        "quick, full", "'quick', 'full'"
    )


def test_too_few_images_and_a_seed_out_of_range_are_refused(capsys):
    assert "too few to split" in complaint(capsys, "--images", "5")
    for seed in ("-1", str(2**63)):
        assert "give 0 or more, below 2**63" in complaint(capsys, "--seed", seed)


def test_notebooks_are_written_back_by_the_default_run_only(capsys):
    assert "default run only" in complaint(capsys, "--update", "--profile", "full")


def test_a_disk_without_room_is_told_before_anything_is_made(capsys, monkeypatch):
    full = shutil.disk_usage(paths.ROOT)._replace(free=50_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    message = complaint(capsys)
    assert "50 MB left" in message and "--images" in message


def test_the_check_needs_nothing_but_python_itself():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['numpy','torch','tqdm'])); "
        "import helpers.report.options as o; o.parse(['--profile', 'full'])"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=paths.ROOT, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.skipif(not shutil.which("bash"), reason="run_all.sh needs bash")
def test_a_python_too_old_is_told_with_the_remedy(tmp_path):
    for name in ("dirname", "bash"):
        (tmp_path / name).symlink_to(shutil.which(name))
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run(
        [paths.ROOT / "run_all.sh"], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr


@pytest.fixture
def clone(tmp_path):
    """A copy of what run_all.sh needs to install, with a package that does not exist."""
    if not shutil.which("bash"):
        pytest.skip("run_all.sh needs bash")
    made = tmp_path / "clone"
    made.mkdir()
    for name in ("run_all.sh", "pyproject.toml"):
        shutil.copy(paths.ROOT / name, made)
    shutil.copytree(paths.HELPERS, made / "helpers", ignore=shutil.ignore_patterns("__pycache__"))
    (made / "requirements.txt").write_text("no-such-package==1.0\n")
    return made


def run_all(clone, *arguments, **options_set) -> subprocess.CompletedProcess:
    """./run_all.sh without a network."""
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHON": sys.executable,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
        "PIP_CONFIG_FILE": "/dev/null",
    }
    command = [clone / "run_all.sh", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, **options_set)


def test_without_a_network_installing_fails_in_one_sentence_and_names_the_log(clone):
    """The lock that a dead run left behind is none."""
    (clone / "build").mkdir()
    (clone / "build" / ".installing").touch()
    done = run_all(clone)
    assert done.returncode == 1
    assert "Another run" not in done.stderr
    assert "Check the network" in done.stderr.splitlines()[-1]
    assert "build/logs/install.log" in done.stderr.splitlines()[-1]


def test_only_one_run_installs(clone):
    fcntl = pytest.importorskip("fcntl")
    (clone / "build").mkdir()
    with (clone / "build" / ".installing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run_all(clone)
    assert done.returncode == 1 and "Another run is installing" in done.stderr


def test_a_link_to_a_gone_environment_is_named(clone):
    (clone / ".venv").symlink_to(clone / "gone")
    done = run_all(clone)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert ".venv is a link to a folder that is gone" in done.stderr


def test_help_ends_with_0_and_a_folder_that_looks_like_it_does_not(clone):
    assert run_all(clone, "--help").returncode == 0
    done = run_all(clone, "--data", "pics -h x")
    assert done.returncode == 2 and "there is no such folder" in done.stderr


def test_code_in_the_folder_of_the_caller_is_not_run(clone, tmp_path):
    there = tmp_path / "there"
    for name in ("helpers/__init__.py", "helpers/report/__init__.py", "random.py", "argparse.py"):
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_text("raise SystemExit('wrong code')")
    done = run_all(clone, "--images", "2", cwd=there)
    assert done.returncode == 2 and "too few to split" in done.stderr
