"""Runs the notebooks that changed and joins them to one page: the command behind ./run_all.sh.

A chapter is cached under a key: a hash of its sources and tags, the parameters, all code outside
helpers/report, the pinned versions, the committed inputs, the photos, and the key of the chapter
before it, unless that is chapter 0, on which nothing builds. It runs again if its key changed or
something that it made is gone. The page has a key of its own on top, so that a change in
helpers/report runs no chapter.
"""

import hashlib
import json
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import paths
from ..photos import pool
from . import notebooks as books
from . import options as opts

FOLDERS = ("data", "extra", "elsewhere")  # options that may name one
SIGNALS = (signal.SIGINT, signal.SIGTERM)
LANES = (("03_training", "04_evaluation"), ("02_model", "05_explorations"))
ALONE = "00_try_it"  # no other chapter uses what it makes


def main(arguments: list[str] | None = None) -> int:
    """Run what the options of ./run_all.sh request; returns the exit status."""
    options = opts.parse(sys.argv[1:] if arguments is None else arguments)
    folder = paths.run_folder(options.data, options.profile)
    log = folder / "logs" / "run.log"
    try:
        with _stopped_by_one_signal(), _only_run():
            _clean_up()
            log.parent.mkdir(parents=True, exist_ok=True)
            log.touch()
            if options.command == "test":
                return run_tests()
            if options.force:
                for name in ("checkpoints", "keys", "notebooks", "parts", "weights"):
                    shutil.rmtree(folder / name, ignore_errors=True)
            page = run(options, folder)
        print(f"The page is {_short(page)}, the numbers {_short(paths.BUILD / 'results.json')}")
    except KeyboardInterrupt:
        return _say(130, "Interrupted. The same command resumes the run.", log)
    except books.StepFailed as error:
        return _say(1, str(error), error.log)
    except (OSError, ValueError) as error:
        if log.exists():
            with log.open("a", encoding="utf-8") as file:
                traceback.print_exc(file=file)
        return _say(1, str(error), log)
    return 0


def run(options, folder: Path) -> Path:
    """Execute every notebook that is due, assemble results.json and build the page."""
    started = time.monotonic()
    if options.device not in ("cpu", "auto"):
        from ..model.predict import usable_device  # loads PyTorch

        usable_device(options.device)
    photos = photos_read(options)
    os.environ.update(books.kernel_environment())
    os.environ[paths.DEVICE] = options.device
    if opts.is_default(options):
        os.environ[paths.REDRAW] = "1"
    parameters = changed_parameters(options)
    notebooks = sorted(paths.NOTEBOOKS.glob("[0-9]*.ipynb"))
    keys = step_keys(notebooks, inputs_key(parameters, photos))
    chapters = {
        book.stem: books.Chapter(
            f"[{number}/{len(notebooks)}] {book.stem}",
            book,
            folder / "notebooks" / book.name,
            folder / "logs" / f"{book.stem}.log",
            parameters,
        )
        for number, book in enumerate(notebooks, 1)
    }
    due = [name for name, c in chapters.items() if not is_done(folder, c.output, keys[name])]
    for name, chapter in chapters.items():
        if name not in due:
            print(f"{chapter.label}: nothing changed", flush=True)
    if due:
        _check_page_can_be_built()
    beside = options.profile == "quick" and options.device == "cpu"
    execute([chapters[name] for name in due], folder, keys, beside)
    made = [
        place / name for place in (folder, paths.BUILD) for name in ("report.html", "results.json")
    ]
    stamp = paths.BUILD / "latest.json"
    key = [folder.name, keys, page_key()]
    if due or _text(stamp) != json.dumps([*key, _hash(made)]):
        _page(folder, [c.output for c in chapters.values()], options)
        _write(stamp, json.dumps([*key, _hash(made)]))
    if options.update:  # after the page, which names the commit of the sources
        for chapter in chapters.values():
            books.write_back(chapter.output, chapter.notebook)
    print(f"{len(due)} of {len(notebooks)} notebooks ran, {time.monotonic() - started:.0f} s")
    return paths.BUILD / "report.html"


def execute(
    chapters: list[books.Chapter], folder: Path, keys: dict[str, str], beside: bool
) -> None:
    """Execute chapters, some side by side if `beside`, and write the key of each after it ends."""
    threads = _threads()
    for lanes in stages(chapters, beside and threads >= len(LANES)):
        each = threads // len(lanes)

        def done(chapter: books.Chapter, seconds: float, each=each) -> None:
            name = chapter.notebook.stem
            note = {"key": keys[name], "seconds": seconds, "threads": each}
            note["figures"] = books.figures_of(chapter.output)
            _write(_note(folder, name), json.dumps(note))
            print(f"{chapter.label}: {seconds:.0f} s", flush=True)

        for lane in lanes:
            for chapter in lane:
                _note(folder, chapter.notebook.stem).unlink(missing_ok=True)
        books.run(lanes, each, done)


def stages(chapters: list[books.Chapter], beside: bool) -> list[list[list[books.Chapter]]]:
    """Lanes of chapters that run side by side, in stages that run one after the other.

    Chapters that LANES does not name run alone, before or after the lanes.
    """
    names = [chapter.notebook.stem for chapter in chapters]
    lanes = [[c for c in chapters if c.notebook.stem in lane] for lane in LANES]
    if not beside or not all(lanes):
        return [[[chapter]] for chapter in chapters]
    inside = [names.index(chapter.notebook.stem) for lane in lanes for chapter in lane]
    before, after = chapters[: min(inside)], chapters[max(inside) + 1 :]
    return [*([[c]] for c in before), lanes, *([[c]] for c in after)]


def changed_parameters(options) -> dict:
    """The notebooks' parameters that differ from their defaults; folders as absolute paths."""
    blank = vars(opts.parser().parse_args([]))
    names = ("data", "extra", "elsewhere", "profile", "images", "seed")
    changed = {n: getattr(options, n) for n in names if getattr(options, n) != blank[n]}
    for name in changed:
        if is_folder(name, changed[name]):
            changed[name] = str(Path(os.path.expanduser(changed[name])).resolve())
    return changed


def rebuild_command(options) -> str:
    """The command line that repeats this run; of a folder's path it has only the name."""
    parts = ["./run_all.sh"]
    for name, value in changed_parameters(options).items():
        own = paths.folder_argument(value) if is_folder(name, value) else str(value)
        parts += [f"--{name}", own]
    if options.device != opts.parser().get_default("device"):
        parts += ["--device", options.device]
    return shlex.join(parts)


def is_folder(option: str, value) -> bool:
    """Whether an option's value is a folder of the user. Only --data can name a source."""
    return option in FOLDERS and not (option == "data" and value in paths.SOURCES)


def photos_read(options) -> list:
    """Every photo file that the run will read, with what changes when the file does.

    Downloads photos of Street View that are missing: before the first notebook, so that the
    download can be watched and stopped.
    """
    from .. import results  # imported here, so that --help and mistakes need no packages
    from ..photos import sources
    from ..photos.folder import stamp

    images = options.images or results.PROFILES[options.profile].images
    found = []
    for name in FOLDERS:
        data = getattr(options, name)
        if data is None or (name, data) == ("data", "synthetic"):
            continue
        source = sources.find(data) if is_folder(name, data) else sources.gather(data, images)
        found += [(photo.file, stamp(photo.path)) for photo in source.photos]
        # Why a photo could not be downloaded may change from run to run, and changes nothing.
        found += source.rejected if is_folder(name, data) else [file for file, _ in source.rejected]
    return found


def inputs_key(parameters: dict, photos: list) -> str:
    """The key of what every chapter depends on."""
    code = [path.name for path in paths.HELPERS.glob("[!._]*") if path.name != "report"]
    committed = [paths.ROOT / "requirements.txt", paths.DATA / "claims.toml"]
    for folder in (paths.PUBLISHED, paths.MEASURED, paths.WEIGHTS):
        committed += _visible(folder)
    redrawn = os.environ.get(paths.REDRAW)
    everything = [parameters, photos, redrawn, paths.code_key(*sorted(code)), _hash(committed)]
    # Names of files may hold bytes that are not UTF-8; JSON writes those as escapes.
    return hashlib.sha256(json.dumps(everything).encode()).hexdigest()


def page_key() -> str:
    """The key of the code and templates that only build the page."""
    templates = _visible(paths.HELPERS / "report" / "templates")
    return paths.code_key("report") + _hash(templates)


def step_keys(notebooks: list[Path], key: str) -> dict[str, str]:
    """The key of each notebook: its sources and tags on top of the key before it.

    ALONE is left out of the keys after it.
    """
    keys = {}
    for notebook in notebooks:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        sources = [("".join(c["source"]), c["metadata"].get("tags", [])) for c in cells]
        keys[notebook.stem] = hashlib.sha256(json.dumps([key, sources]).encode()).hexdigest()
        if notebook.stem != ALONE:
            key = keys[notebook.stem]
    return keys


def is_done(folder: Path, executed: Path, key: str) -> bool:
    """Whether a chapter was executed under `key` and everything it made is still there."""
    note = _text(_note(folder, executed.stem))
    try:
        done = json.loads(note)
    except ValueError:
        return False
    drawn = paths.figures_folder(folder)
    made = [executed, folder / "parts" / f"{executed.stem}.json"]
    made += [drawn / f"{name}.png" for name in done["figures"]]
    return done["key"] == key and all(path.exists() and path.stat().st_size for path in made)


def _visible(folder: Path) -> list[Path]:
    """Files in a folder, without those that editors and file managers leave there."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [p for p in files if p.name[0] not in "._#" and p.name[-1] != "~" and p.suffix != ".db"]


def _hash(files: list[Path]) -> str:
    """A hash of names and content; a file that is missing has a hash, too."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(os.fsencode(os.path.relpath(path, paths.ROOT)) + b"\0")
        digest.update(path.read_bytes() if path.exists() else b"missing")
    return digest.hexdigest()


def _page(folder: Path, executed: list[Path], options) -> None:
    from .. import results  # imported here, so that a run with nothing to do starts at once
    from . import environment, page

    notes = {book.stem: results.load(_note(folder, book.stem)) for book in executed}
    timings, threads = ({n: note[k] for n, note in notes.items()} for k in ("seconds", "threads"))
    part = {"timings": timings, "environment": {"threads_of_chapters": threads}}
    if is_folder("data", options.data):
        part["data"] = {"folder": Path(os.path.realpath(os.path.expanduser(options.data))).name}
    results.save(folder / "parts" / "00_pipeline.json", part)
    environment.assemble(folder, options.profile, rebuild_command(options))
    page.build(folder, executed, folder / "report.html")
    with paths.whole(paths.BUILD / "report.html") as part:
        shutil.copyfile(folder / "report.html", part)


def _check_page_can_be_built() -> None:
    """Import what the page needs and compile a selector, before hours of work.

    Raises ValueError in one sentence: a patch release of Python may lack what a package needs.
    """
    try:
        from bs4 import BeautifulSoup

        from . import page  # noqa: F401

        BeautifulSoup("<p id='a'></p>", "html.parser").select("p#a, [id] > p, p:nth-child(2n+1)")
    except Exception as error:
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ValueError(
            f"the page cannot be built with Python {platform.python_version()} and the packages "
            f"installed here ({why}): install those of requirements.txt, or take another Python."
        ) from error


def _note(folder: Path, name: str) -> Path:
    return folder / "keys" / f"{name}.json"


def _clean_up() -> None:
    """Remove what runs that were killed left: temporary folders, and files of their kernels."""
    shutil.rmtree(paths.BUILD / "kernels", ignore_errors=True)
    made = (paths.BUILD, paths.RAW, paths.PREPARED, paths.FIGURES, paths.NOTEBOOKS)
    paths.remove_left_behind(*made)


@contextmanager
def _only_run() -> Iterator[None]:
    """Hold the lock of this checkout; raises BlockingIOError if another run holds it."""
    import filelock

    paths.BUILD.mkdir(exist_ok=True)
    try:
        with filelock.FileLock(paths.BUILD / ".lock", timeout=0):
            yield
    except filelock.Timeout:
        raise BlockingIOError(
            "Another run is at work in this checkout: wait for it to end, or stop it first."
        ) from None


@contextmanager
def _stopped_by_one_signal() -> Iterator[None]:
    """Ctrl-C or SIGTERM raises KeyboardInterrupt once; `timeout`, for one, sends two signals."""

    def stop(*_) -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_tests() -> int:
    """Run every check in a process for each core: the tests, and nbval on each notebook.

    Each has one thread; `tests/conftest.py` gives all notebooks to one process.
    """
    environment = os.environ | books.kernel_environment() | {books.THREADS: "1"}
    processes = ["--numprocesses", str(min(_threads(), 4)), "--dist", "loadfile"]
    # nbval loads seconds faster after `notebooks`.
    nbval = ["-p", "no:nbval", "-p", books.__name__, "-p", "nbval.plugin", "--nbval"]
    command = [sys.executable, "-m", "pytest", *processes, *nbval, "notebooks", "tests"]
    return subprocess.run(command, cwd=paths.ROOT, env=environment).returncode


def _threads() -> int:
    wanted = os.environ.get(books.THREADS, "")
    return int(wanted) if wanted.isdecimal() else pool.cores()


def _say(status: int, sentence: str, log: Path) -> int:
    print(f"{sentence.rstrip('.')}. The log is {_short(log)}", file=sys.stderr)
    return status


def _short(path: Path) -> Path:
    return path.relative_to(paths.ROOT)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _write(path: Path, text: str) -> None:
    with paths.whole(path) as part:
        part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
