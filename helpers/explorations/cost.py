"""What does each step of the report cost with ever more photos, and what breaks first?

`benchmarks/cost.py` measures the steps at several numbers of photos and writes RECORD; here its
numbers become a table. For a number of photos that was not measured a law speaks: a polynomial of
the photos, of the degree that the step's arithmetic has, fitted by least squares of the errors'
shares. No part of it is negative, since nothing gets cheaper with more photos. What a law says is
marked with "~" and comes with a 95 % interval of the fitted curve.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import nnls
from scipy.special import stdtrit

from .. import paths, results

RECORD = paths.MEASURED / "cost.json"
SHOWN = (1000, 6000, 62058)  # photos; the last is the whole Street View set
LAWS = {1: "constant + photos", 2: "constant + photos + photos x photos"}  # by degree
HOURS = 4  # that a full run may take
UNITS = {"s": 1, "min": 60, "h": 3600}  # seconds
TAILS = 0.975  # Student's t: 95 % in the middle
SOUGHT = np.geomspace(100, 1e7, 5001)  # photos among which a limit is sought


def recorded(path: Path = RECORD) -> dict | None:
    """What `python benchmarks/cost.py --json` wrote; None where it was never run."""
    return results.load(path) if path.exists() else None


def foretell(step: dict, quantity: str, photos) -> tuple[np.ndarray, np.ndarray]:
    """The fitted law's values for numbers of photos, and half the width of their 95 % intervals.

    step: {"degree": of LAWS, "points": [{"photos": .., quantity: ..}, ...]}. The half widths are
    NaN where the points are just enough for the law; ValueError where they are fewer.
    """
    degree, points = step["degree"], step["points"]
    known, values = np.array([(p["photos"], p[quantity]) for p in points], dtype=float).T
    free = len(np.unique(known)) - degree - 1
    if free < 0:
        raise ValueError(f"{len(known)} numbers of photos are too few for {LAWS[degree]}")
    unit, shares = known.max(), 1 / np.maximum(values, 1e-3)
    shapes = np.vander(known / unit, degree + 1) * shares[:, None]
    fitted, rest = nnls(shapes, values * shares)
    used = fitted > 0
    powers = np.vander(np.atleast_1d(photos) / unit, degree + 1)[:, used]
    variance = rest**2 / free if free else np.nan
    spread = variance * np.linalg.inv(shapes[:, used].T @ shapes[:, used])
    deviations = np.sqrt(np.einsum("ij,jk,ik->i", powers, spread, powers))
    return powers @ fitted[used], stdtrit(max(free, 1), TAILS) * deviations


def table(record: dict | None, numbers: tuple[int, ...] = SHOWN) -> pd.DataFrame | None:
    """Steps x numbers of photos: time and memory as text; what was not measured ends in "~"."""
    if record is None:
        return None
    rows = {}
    for name, step in record["steps"].items():
        row = {f"time, {n:,}": time_text(*_at(step, "seconds", n)) for n in numbers}
        row |= {f"memory, {n:,}": memory_text(*_at(step, "peak_mib", n)) for n in numbers}
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def _at(step: dict, quantity: str, photos: int) -> tuple[float, float | None]:
    """A value and half its interval's width, which is None where the value was measured."""
    for point in step["points"]:
        if point["photos"] == photos:
            return point[quantity], None
    values, halves = foretell(step, quantity, photos)
    return float(values[0]), float(halves[0])


def time_text(seconds: float, half: float | None = None) -> str:
    """ "0.42 s", "3.1 min", and "2.2 ± 0.1 h~" for what a law says."""
    unit = "s" if seconds < 120 else "min" if seconds < 7200 else "h"
    return _text(seconds / UNITS[unit], None if half is None else half / UNITS[unit], unit)


def memory_text(mib: float, half: float | None = None) -> str:
    """ "0.41 GiB", and "9.3 ± 0.4 GiB~" for what a law says."""
    return _text(mib / 1024, None if half is None else half / 1024, "GiB")


def _text(value: float, half: float | None, unit: str) -> str:
    digits = 2 if value < 1 else 1 if value < 10 else 0
    if half is None:
        return f"{value:.{digits}f} {unit}"
    margin = f" ± {half:.{digits}f}" if np.isfinite(half) else ""
    return f"{value:.{digits}f}{margin} {unit}~"


def summary(record: dict | None) -> str:
    """Where the numbers come from, what "~" means, what breaks first; or that there are none."""
    if record is None:
        return "No record here: python benchmarks/cost.py --json data/measured/cost.json makes one."
    machine, limits = record["environment"], record["limits"]
    counts = sorted({p["photos"] for step in record["steps"].values() for p in step["points"]})
    return (
        f"Measured with {', '.join(f'{n:,}' for n in counts)} photos on {machine['cores']} cores "
        f"({machine['cpu']}), {limits['memory_gib']:.0f} GiB of memory, {limits['disk_gib']:.0f} "
        "GiB of disk free.\n"
        "~ marks what was not measured but follows from the law fitted to what was, with the 95 % "
        f"interval of that fit.\n{breaks_first(record)}"
    )


def breaks_first(record: dict) -> str:
    """At how many photos memory, disk and time run out by the laws, the first of them first."""
    limits, steps = record["limits"], record["steps"]
    written = [s for s in steps.values() if all("disk_mib" in p for p in s["points"])]
    peaks = {
        f"memory ({name})": _end(*foretell(step, "peak_mib", SOUGHT), 1024 * limits["memory_gib"])
        for name, step in steps.items()
    }
    least = min(peaks, key=lambda name: peaks[name][0])
    ends = {least: peaks[least]}
    if written:
        ends["disk"] = _end(*_sum(written, "disk_mib"), 1024 * limits["disk_gib"])
    ends[f"time ({HOURS} hours for one of each step)"] = _end(
        *_sum(steps.values(), "seconds"), 3600 * HOURS
    )
    first, *others = sorted(ends, key=lambda name: ends[name][0])
    whole = SHOWN[-1]
    verdict = "not before" if ends[first][0] > whole else "before"
    return (
        f"First to run out, {verdict} all {whole:,} photos, is {first}: {_photos(*ends[first])}. "
        + "; ".join(f"{name}: {_photos(*ends[name])}" for name in others)
        + "."
    )


def _sum(steps, quantity: str) -> tuple[np.ndarray, np.ndarray]:
    """The laws of several steps together; their errors are independent."""
    values, halves = zip(*(foretell(step, quantity, SOUGHT) for step in steps))
    return np.sum(values, axis=0), np.sqrt(np.square(halves).sum(axis=0))


def _end(values: np.ndarray, halves: np.ndarray, limit: float) -> tuple[float, float, float]:
    """Photos at which a curve passes its limit, and the same at its interval's upper and lower
    edge; infinite where it does not."""
    curves = (values, values + halves, values - halves)
    return tuple(float(min(SOUGHT[curve > limit], default=np.inf)) for curve in curves)


def _photos(about: float, early: float, late: float) -> str:
    if np.isinf(about):
        return f"not within {SOUGHT[-1]:,.0f} photos~"
    late_text = f"to {_round(late)}" if np.isfinite(late) else "or more"
    known = f" ({_round(early)} {late_text})" if np.isfinite(early) else ""
    return f"at about {_round(about)} photos~{known}"


def _round(photos: float) -> str:
    return f"{float(f'{photos:.2g}'):,.0f}"
