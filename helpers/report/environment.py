"""Describes the machine and versions of a run, and joins the parts of its results."""

import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

from .. import paths
from ..photos import pool
from ..results import all_claims, load, save

GITHUB = r"(?:https?://|ssh://|git://)?(?:[^@/]+@)?github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?"
PACKAGES = ("numpy", "scipy", "pillow", "scikit-image", "torch", "matplotlib", "nbconvert")


def described() -> dict:
    """Versions, hardware, threads and commit, which can explain a difference in numbers."""
    import torch

    from ..training import devices

    device = devices.requested().type
    return {
        "commit": commit(),
        "repository": repository(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": pool.cores(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "versions": {name: metadata.version(name) for name in PACKAGES},
    }


def commit() -> str:
    """The commit (12 digits), with "-dirty" if a file other than a figure differs from it.

    A run draws the figures again, and they differ in the last bits.
    """
    git = ["git", "-C", str(paths.ROOT)]
    name = ["describe", "--always", "--abbrev=12", "--exclude=*"]
    sources = ["diff", "--quiet", "HEAD", "--", ".", ":(exclude)figures"]
    try:
        found = subprocess.run([*git, *name], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, *sources], capture_output=True).returncode == 1
    except (OSError, subprocess.CalledProcessError):
        return "unknown (not a git checkout)"
    return found.stdout.strip() + "-dirty" * changed


def repository() -> str:
    """owner/name on GitHub of the remote `origin`, for links that open a notebook; "" if none."""
    command = ["git", "-C", str(paths.ROOT), "remote", "get-url", "origin"]
    try:
        address = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:  # no git
        return ""
    found = re.fullmatch(GITHUB, address)
    return found[1] if found else ""


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def assemble(folder: Path, profile: str, command: str = "./run_all.sh") -> dict:
    """Join the parts of the run in `folder` into results.json; returns its content.

    Writes it to `folder` and, as the latest run, to `build/`. Claims have the order of
    data/claims.toml. A claim that no notebook judged is unclear, if it can be counted.
    """
    results = {"data": {}, "environment": described(), "profile": profile}
    results |= {"command": command, "metrics": {}, "claims": [], "timings": {}}
    judged = {}
    for part in sorted((folder / "parts").glob("*.json")):
        content = load(part)
        judged |= {claim["key"]: claim for claim in content.pop("claims", [])}
        for section, values in content.items():
            results.setdefault(section, {}).update(values)
    results["claims"] = [*all_claims(judged, profile).values()]
    for path in (folder / "results.json", paths.BUILD / "results.json"):
        save(path, results)
    return results
