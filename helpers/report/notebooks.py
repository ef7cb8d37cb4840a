"""How is one notebook executed, checked to have run whole, and stripped to be committed?"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from .. import paths
from .progress import TERMINAL

STRIP = (
    "metadata.papermill metadata.widgets metadata.language_info.version "
    "cell.metadata.papermill cell.metadata.execution"
)


class StepFailed(Exception):
    """A notebook raised, or left cells that never ran; the message is one sentence."""


def execute(notebook: Path, output: Path, parameters: dict) -> float:
    """Execute a notebook by papermill, whole or not at all, into `output`; returns seconds.

    Parameters that the notebook does not name are left out. Cells tagged skip-execution, the
    sliders, live in JupyterLab alone.
    Raises StepFailed naming the cell, also where a cell ended the kernel before the last one.
    What a failed notebook got to stays beside `output` as `.failed.ipynb`.
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    failed = output.with_suffix(".failed.ipynb")
    started = time.monotonic()
    known = papermill.inspect_notebook(notebook)
    parameters = {name: value for name, value in parameters.items() if name in known}
    with paths.whole(output) as part:
        try:
            papermill.execute_notebook(
                notebook,
                part,
                parameters,
                kernel_name="python3",
                # papermill's own cwd is that of the whole process, in which lanes are threads
                resources={"metadata": {"path": str(notebook.parent)}},
                progress_bar=False,
            )
        except PapermillExecutionError as error:
            if error.ename != "KeyboardInterrupt":
                failed.write_bytes(part.read_bytes())
            raise StepFailed(
                f"{notebook.stem}, cell {error.exec_count}: {error.ename}: {error.evalue}"
            ) from error
        except Exception as error:  # a dead kernel, a time-out, an unknown kernel
            raise StepFailed(f"{notebook.stem}: {type(error).__name__}: {error}") from error
        skipped = unrun_cells(part)
        if skipped:
            raise StepFailed(f"{notebook.stem}: cells {skipped} never ran")
    failed.unlink(missing_ok=True)
    return round(time.monotonic() - started, 1)


def unrun_cells(notebook: Path) -> list[int]:
    """Numbers of the code cells without an execution count, counted from 1."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = [c for c in cells if c["cell_type"] == "code"]
    return [
        number
        for number, cell in enumerate(code, 1)
        if cell["execution_count"] is None
        and "".join(cell["source"]).strip()
        and "nbval-skip" not in cell["metadata"].get("tags", [])
    ]


def figures_of(notebook: Path) -> list[str]:
    """Names of the figures that an executed notebook shows."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [o["metadata"]["name"] for o in outputs if "caption" in o.get("metadata", {})]


def write_back(executed: Path, notebook: Path) -> None:
    """Commit-ready copy of an executed notebook: what changes from run to run is stripped."""
    with paths.whole(notebook) as part:
        shutil.copyfile(executed, part)
        keep = ["--keep-output", "--keep-count", "--keep-id", "--extra-keys", STRIP]
        subprocess.run([sys.executable, "-m", "nbstripout", *keep, str(part)], check=True)


def kernel_environment() -> dict[str, str]:
    """Environment of every kernel: our helpers, no bars in outputs, nobody's start-up files."""
    ipython = paths.BUILD / "ipython"
    config = ipython / "profile_default" / "ipython_kernel_config.py"
    with paths.whole(config) as part:
        part.write_text("get_config().IPKernelApp.log_level = 50\n")
    environment = {
        "PYTHONPATH": os.pathsep.join(
            dict.fromkeys([str(paths.ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
        ).strip(os.pathsep),
        "IPYTHONDIR": str(ipython),
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "TQDM_DISABLE": "1",
    }
    if hasattr(os, "ttyname") and sys.stderr.isatty():
        environment[TERMINAL] = os.ttyname(sys.stderr.fileno())
    return environment
