"""Executes notebooks, each in a process of its own, and strips them to be committed.

`run` executes chapters. The process of a chapter is this module as a command; it writes its
progress and, if it fails, its traceback to the chapter's log.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .. import paths

# nbformat imports it to check IRIs, which no notebook holds; its grammar takes seconds to build.
sys.modules.setdefault("rfc3987_syntax", None)

THREADS = "OMP_NUM_THREADS"
GRACE = 10.0  # seconds that an interrupted kernel has to write its checkpoint
STRIP = (
    "metadata.papermill metadata.widgets metadata.language_info.version "
    "cell.metadata.papermill cell.metadata.execution"
)


class StepFailed(Exception):
    """A notebook raised an error or left cells that never ran; the message is one sentence.

    log: the file with the traceback.
    """

    log: Path | None = None


@dataclass(frozen=True)
class Chapter:
    """A notebook to execute. label: how progress lines name it, as in "[4/7] 03_training"."""

    label: str
    notebook: Path
    output: Path
    log: Path
    parameters: dict


def run(lanes: list[list[Chapter]], threads: int, done: Callable[[Chapter, float], None]) -> None:
    """Execute the chapters of each lane in order and the lanes side by side.

    Each chapter has `threads` threads. After each chapter, `done(chapter, seconds)` is called.
    Raises StepFailed for the first chapter that fails. Whatever ends this, Ctrl-C included,
    interrupts the chapters that run and waits until they have ended.
    """
    waiting = [list(lane) for lane in lanes]
    running: dict[int, tuple[Chapter, subprocess.Popen, float]] = {}
    try:
        while any(waiting) or running:
            for lane, chapters in enumerate(waiting):
                if chapters and lane not in running:
                    chapter = chapters.pop(0)
                    running[lane] = chapter, _start(chapter, threads), time.monotonic()
            time.sleep(0.1)
            _show(" | ".join(f"{c.label}: {_progress(c)}" for c, _, _ in running.values()))
            for lane, (chapter, process, began) in list(running.items()):
                if process.poll() is None:
                    continue
                del running[lane]
                process.stdin.close()
                if process.returncode:
                    raise _failure(chapter, process.returncode)
                _show("")
                done(chapter, round(time.monotonic() - began, 1))
    finally:
        _show("")
        _end([process for _, process, _ in running.values()])


def _start(chapter: Chapter, threads: int) -> subprocess.Popen:
    chapter.log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-P", "-m", __name__, str(chapter.notebook), str(chapter.output)]
    with chapter.log.open("w", encoding="utf-8") as log:
        return subprocess.Popen(
            [*command, json.dumps(chapter.parameters)],
            env=os.environ | {THREADS: str(threads), paths.FETCHED: "1"},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal reaches it through `_end` alone
        )


def _end(processes: list[subprocess.Popen]) -> None:
    """Interrupt chapters by closing their input; kill what is left after GRACE."""
    for process in processes:
        process.stdin.close()
    deadline = time.monotonic() + GRACE + 2
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        process.kill()  # its kernel notices and ends within a second
        process.wait()


def _progress(chapter: Chapter) -> str:
    cells = re.findall(r"^cell \d+ of \d+$", _log(chapter), re.MULTILINE)
    return cells[-1] if cells else "starting"


def _failure(chapter: Chapter, status: int) -> StepFailed:
    _, found, sentence = _log(chapter).rpartition("StepFailed: ")
    ended = f"{chapter.notebook.stem}: its process ended with status {status}"
    error = StepFailed(sentence.strip() if found else ended)
    error.log = chapter.log
    return error


def _log(chapter: Chapter) -> str:
    return chapter.log.read_text(encoding="utf-8", errors="replace")


def _show(line: str) -> None:
    """Replace the last line of the terminal; elsewhere progress is not shown."""
    if sys.stderr and sys.stderr.isatty():
        print(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}", end="", file=sys.stderr)
        sys.stderr.flush()


def execute(notebook: Path, output: Path, parameters: dict) -> None:
    """Execute a notebook, whole or not at all, into `output`; prints each cell's number.

    Parameters that the notebook does not name are left out, and so are cells tagged
    skip-execution. Raises StepFailed, which names the cell, if a cell fails or ends the kernel.
    A failed notebook is kept beside `output` as `.failed.ipynb`.
    """
    from jupyter_core.paths import jupyter_runtime_dir
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError
    from papermill.inspection import inspect_notebook
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook
    from traitlets.config import Config

    failed = output.with_suffix(".failed.ipynb")
    # papermill takes braces in a path for keys to fill in.
    known = inspect_notebook(str(notebook).replace("{", "{{").replace("}", "}}"))
    parameters = {name: value for name, value in parameters.items() if name in known}
    book = load_notebook_node(str(notebook))
    if parameters:
        book = parameterize_notebook(book, parameters)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    connection = Path(jupyter_runtime_dir()) / f"kernel-{os.getpid()}.json"
    connection.parent.mkdir(parents=True, exist_ok=True)
    client = NotebookClient(
        book,
        kernel_name="python3",
        timeout=None,
        resources={"metadata": {"path": str(notebook.parent)}},
        # jupyter_client terminates a kernel after half of the time it is given to end
        config=Config(
            KernelManager={"shutdown_wait_time": 2 * GRACE, "connection_file": str(connection)}
        ),
        on_cell_start=lambda cell, cell_index: print(
            f"cell {cell_index + 1} of {len(book.cells)}", flush=True
        ),
    )
    try:
        client.execute()
    except CellExecutionError as error:
        count = max(cell.get("execution_count") or 0 for cell in book.cells)
        if error.ename != "KeyboardInterrupt":
            _save(book, failed)
        raise StepFailed(f"{notebook.stem}, cell {count}: {error.ename}: {error.evalue}") from error
    except Exception as error:  # a dead kernel, an unknown kernel
        raise StepFailed(f"{notebook.stem}: {type(error).__name__}: {error}") from error
    skipped = unrun_cells(book)
    if skipped:
        raise StepFailed(f"{notebook.stem}: cells {skipped} never ran")
    _save(book, output)
    failed.unlink(missing_ok=True)


def _save(book, path: Path) -> None:
    """Write a notebook. Names of files in it that are not UTF-8 become escapes of JSON."""
    import nbformat

    with paths.whole(path) as part:
        part.write_text(nbformat.writes(book), encoding="utf-8", errors="backslashreplace")


def unrun_cells(notebook: dict) -> list[int]:
    """Numbers, from 1, of the code cells without an execution count that `execute` runs."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [
        number
        for number, cell in enumerate(code, 1)
        if cell["execution_count"] is None
        and "".join(cell["source"]).strip()
        and "skip-execution" not in cell["metadata"].get("tags", [])
    ]


def figures_of(notebook: Path) -> list[str]:
    """Names of the figures that an executed notebook shows."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [o["metadata"]["name"] for o in outputs if "caption" in o.get("metadata", {})]


def write_back(executed: Path, notebook: Path) -> None:
    """Replace a notebook by its executed copy, without what changes from run to run."""
    import nbformat
    from nbstripout import strip_output

    book = nbformat.read(executed, as_version=nbformat.NO_CONVERT)
    keep = {"keep_output": True, "keep_count": True, "keep_id": True}
    with paths.whole(notebook) as part:
        nbformat.write(strip_output(book, **keep, extra_keys=STRIP.split()), part)


def kernel_environment() -> dict[str, str]:
    """Environment of every kernel: this package, no progress bars in outputs, no user settings.

    Its connection file is in `build/kernels/`.
    """
    ipython = paths.BUILD / "ipython"
    config = ipython / "profile_default" / "ipython_kernel_config.py"
    with paths.whole(config) as part:
        part.write_text("get_config().IPKernelApp.log_level = 50\n")
    return {
        "PYTHONPATH": os.pathsep.join(
            dict.fromkeys([str(paths.ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
        ).strip(os.pathsep),
        "IPYTHONDIR": str(ipython),
        "JUPYTER_PLATFORM_DIRS": "1",
        "JUPYTER_RUNTIME_DIR": str(paths.BUILD / "kernels"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "TQDM_DISABLE": "1",
    }


def _stop_with_parent() -> None:
    """Interrupt this process when its input closes: the run stops it, or the run is gone."""
    os.read(0, 1)  # sys.stdin would stay locked when the interpreter ends
    signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have ignored it
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    execute(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
