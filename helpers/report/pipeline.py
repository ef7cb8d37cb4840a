"""How are the notebooks run, skipped when nothing changed, and joined to one page?

A step is skipped when its key is the one it was last done under and all that it made is there.
The key hashes the notebook's sources and tags, the parameters, every helper, the pins, the
committed inputs, the photos' names, sizes and times, and the key of the step before. The page
has a key of its own on top, since what draws it alone does not change a notebook.
"""

import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import traceback
from contextlib import contextmanager
from pathlib import Path

from .. import paths
from . import lanes
from . import notebooks as books
from . import options as opts
from .progress import TERMINAL, tell

FOLDERS = ("data", "extra", "elsewhere")  # options that may name one
PAGE_ONLY = {"report"}


def main(arguments: list[str] | None = None) -> int:
    """Run what ./run_all.sh was asked for; returns the exit status and says why if not 0."""
    options = opts.parse(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = paths.run_folder(options.data, options.profile)
    log = folder / "logs" / "run.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch()
    try:
        with only_run():
            if options.command == "test":
                return run_tests()
            if options.force:
                for name in ("checkpoints", "keys", "notebooks", "parts"):
                    shutil.rmtree(folder / name, ignore_errors=True)
            page = run(options, folder)
    except KeyboardInterrupt:
        return _say(130, "Interrupted: nothing is lost, the same command goes on from here.", log)
    except (books.StepFailed, OSError, ValueError) as error:
        with log.open("a", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        return _say(1, str(error), log)
    print(f"The page is {_short(page)}, the numbers {_short(paths.BUILD / 'results.json')}")
    return 0


def run(options, folder: Path) -> Path:
    """Execute every notebook that changed, assemble results.json, build the page."""
    started = time.monotonic()
    if options.data == "streetview":
        _fetch(options)
    for name, value in books.kernel_environment().items():
        os.environ[name] = value
    os.environ[paths.DEVICE] = options.device
    if opts.is_default(options):
        os.environ[paths.REDRAW] = "1"
    parameters = changed_parameters(options)
    notebooks = sorted(paths.NOTEBOOKS.glob("[0-9]*.ipynb"))
    keys = step_keys(notebooks, inputs_key(parameters))
    labels = {b.stem: f"[{n}/{len(notebooks)}] {b.stem}" for n, b in enumerate(notebooks, 1)}
    due = {b.stem: b for b in notebooks if not is_done(folder, b, keys[b.stem])}

    def work(name: str) -> None:
        tell(f"{labels[name]} ...")
        tell(f"{labels[name]}: {step(due[name], folder, parameters, keys[name]):.0f} s")

    for name in [name for name in labels if name not in due]:
        tell(f"{labels[name]}: nothing changed")
    lanes.each(work, list(due), lanes.wanted(options.profile, options.device))
    page = paths.BUILD / "report.html"
    latest = paths.BUILD / "latest.txt"
    finished = f"{folder.name} {keys[notebooks[-1].stem]} {_hash(_helpers(True))}"
    executed = [folder / "notebooks" / book.name for book in notebooks]
    if due or not page.exists() or _text(latest) != finished:
        _page(folder, executed, page, rebuild_command(options))
        _write(latest, finished)
    if options.update:  # after the page, which says whether the sources were those of a commit
        for made, book in zip(executed, notebooks, strict=True):
            books.write_back(made, book)
    print(f"{len(due)} of {len(notebooks)} notebooks ran, {time.monotonic() - started:.0f} s")
    return page


def changed_parameters(options) -> dict:
    """The notebooks' parameters that differ from their defaults; folders as absolute paths."""
    blank = vars(opts.parser().parse_args([]))
    names = ("data", "extra", "elsewhere", "profile", "images", "seed")
    changed = {n: getattr(options, n) for n in names if getattr(options, n) != blank[n]}
    for name in FOLDERS:
        if name in changed and not is_named(changed[name]):
            changed[name] = str(Path(changed[name]).expanduser().resolve())
    return changed


def _fetch(options) -> None:
    """Fetch before the first notebook, where what is asked of whom can be read and stopped."""
    from .. import results
    from ..photos import sources  # here, so that a run with nothing to do starts at once

    sources.gather("streetview", options.images or results.PROFILES[options.profile].images)


def rebuild_command(options) -> str:
    """The command line that makes this run again; of a folder's path only its name is told."""
    parts = ["./run_all.sh"]
    for name, value in changed_parameters(options).items():
        folder = name in FOLDERS and not is_named(value)
        parts += [f"--{name}", Path(value).name if folder else str(value)]
    return shlex.join(parts)


def _page(folder: Path, executed: list[Path], page: Path, command: str) -> None:
    from .. import results  # here, so that a run with nothing to do starts at once
    from . import environment, page

    notes = {book.stem: results.load(folder / "keys" / f"{book.stem}.json") for book in executed}
    timings, threads = ({n: note[k] for n, note in notes.items()} for k in ("seconds", "threads"))
    part = {"timings": timings, "environment": {"threads_of_chapters": threads}}
    results.save(folder / "parts" / "00_pipeline.json", part)
    environment.assemble(folder, folder.name.rpartition("-")[2], command)
    page.build(folder, executed, folder / "report.html")
    with paths.whole(page) as part:
        shutil.copyfile(folder / "report.html", part)


def step(notebook: Path, folder: Path, parameters: dict, key: str) -> float:
    """Execute one notebook of the run in `folder` and note the key last; returns seconds."""
    note = folder / "keys" / f"{notebook.stem}.json"
    note.unlink(missing_ok=True)
    output = folder / "notebooks" / notebook.name
    seconds = books.execute(notebook, output, parameters)
    content = {"key": key, "seconds": seconds, "threads": lanes.threads()}
    _write(note, json.dumps(content | {"figures": books.figures_of(output)}))
    return seconds


def is_done(folder: Path, notebook: Path, key: str) -> bool:
    """Whether the step was done under `key` and everything it made is still there."""
    try:
        step = json.loads((folder / "keys" / f"{notebook.stem}.json").read_text())
    except (FileNotFoundError, ValueError):
        return False
    drawn = paths.figures_folder(folder)
    made = [folder / "notebooks" / notebook.name, folder / "parts" / f"{notebook.stem}.json"]
    made += [drawn / f"{name}.png" for name in step["figures"]]
    return step["key"] == key and all(path.exists() for path in made)


def inputs_key(parameters: dict) -> str:
    """What every step depends on: parameters, helpers, pins, committed inputs, the photos."""
    committed = [paths.ROOT / "requirements.txt", paths.DATA / "claims.toml", *_helpers(False)]
    for folder in (paths.PUBLISHED, paths.MEASURED, paths.WEIGHTS):
        committed += [path for path in folder.rglob("*") if path.is_file()]
    asked = [parameters, os.environ.get(paths.REDRAW), _hash(committed)]
    digest = hashlib.sha256(json.dumps(asked).encode())
    for folder in map(parameters.get, FOLDERS):
        if folder and not is_named(folder):
            for path in sorted(Path(folder).rglob("*")):
                status = path.lstat()
                line = f"{path.relative_to(folder)}\0{status.st_size}\0{status.st_mtime_ns}\0"
                digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _helpers(page_only: bool) -> list[Path]:
    """Files of helpers/ that draw the page alone, or all the others."""
    files = [p for p in (paths.ROOT / "helpers").rglob("*") if p.is_file() and p.suffix != ".pyc"]
    first = {path: path.relative_to(paths.ROOT / "helpers").parts[0] for path in files}
    return [path for path in files if (first[path] in PAGE_ONLY) == page_only]


def _hash(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(paths.ROOT)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def step_keys(notebooks: list[Path], key: str) -> dict[str, str]:
    """The key of each notebook's step: its sources and tags on top of the key before it."""
    keys = {}
    for notebook in notebooks:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        sources = [("".join(c["source"]), c["metadata"].get("tags", [])) for c in cells]
        key = hashlib.sha256(json.dumps([key, sources]).encode()).hexdigest()
        keys[notebook.stem] = key
    return keys


def is_named(data: str) -> bool:
    """Whether `data` names a source of ours instead of a folder."""
    return data in ("synthetic", "streetview")


@contextmanager
def only_run():
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


def run_tests() -> int:
    """Every check: unit tests, and nbval on each notebook as committed, executed once."""
    environment = os.environ | books.kernel_environment()
    environment.pop(TERMINAL, None)
    command = [sys.executable, "-m", "pytest", "--nbval", "tests", "notebooks"]
    return subprocess.run(command, cwd=paths.ROOT, env=environment).returncode


def _say(status: int, sentence: str, log: Path) -> int:
    print(f"{sentence} The log is {_short(log)}", file=sys.stderr)
    return status


def _short(path: Path) -> Path:
    return path.relative_to(paths.ROOT)


def _text(path: Path) -> str | None:
    return path.read_text().strip() if path.exists() else None


def _write(path: Path, text: str) -> None:
    with paths.whole(path) as part:
        part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
