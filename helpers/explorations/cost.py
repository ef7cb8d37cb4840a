"""Time, memory and disk of each step of the report, by the number of photos.

`benchmarks/cost.py` measures the steps and writes RECORD. Beyond the measured sizes, values are
extrapolated with a polynomial in the number of photos, whose degree follows from the step's
algorithm. No coefficient is negative, since nothing gets cheaper with more photos.
"""

import numpy as np
import pandas as pd
from scipy.optimize import curve_fit
from scipy.stats import t

from .. import paths, results
from ..intervals import as_text

RECORD = paths.MEASURED / "cost.json"
SHOWN = (1000, 6000, 62058)  # photos; the last is the whole Street View set
HOURS = 4  # the limit of a full run
QUANTITIES = {"time": "seconds", "memory": "peak_mib"}  # names in the record


def recorded() -> dict | None:
    """The record of `python benchmarks/cost.py --json`; None if there is none."""
    return results.load(RECORD) if RECORD.exists() else None


def extrapolated(step: dict, quantity: str, photos: int) -> tuple[float, float, float]:
    """The fitted value for a number of photos and the 95% confidence interval of the fit.

    step: {"degree": 1 or 2, "points": [{"photos": .., quantity: ..}, ...]}. Points count by their
    relative errors. All three are NaN where the points are too few for an interval.
    """
    points, degree = step["points"], step["degree"]
    known, values = np.array([(p["photos"], p[quantity]) for p in points], dtype=float).T
    free = len(np.unique(known)) - degree - 1
    if free < 1:
        return np.nan, np.nan, np.nan
    unit, powers = known.max(), np.arange(degree + 1)
    fitted, covariance = curve_fit(
        lambda n, *parts: (n[:, None] / unit) ** powers @ parts,
        known,
        values,
        p0=np.full(degree + 1, values.mean()),
        sigma=np.maximum(values, 1e-3),
        bounds=(0, np.inf),
    )
    row = (photos / unit) ** powers
    half = t.ppf(0.975, free) * np.sqrt(row @ covariance @ row)
    return tuple(float(row @ fitted + sign * half) for sign in (0, -1, 1))


def table(record: dict | None) -> pd.DataFrame | None:
    """Steps x time and memory for SHOWN photos, as text.

    Extrapolations have a 95% interval; "-" stands for an interval wider than its value.
    """
    if record is None:
        return None
    steps, columns = record["steps"], {}
    for name, quantity in QUANTITIES.items():
        for photos in SHOWN:
            cells = {step: _cell(values, quantity, photos) for step, values in steps.items()}
            guessed = any("[" in cell or cell == "-" for cell in cells.values())
            columns[f"{name}, {photos:,} photos{' (extrapolated)' * guessed}"] = cells
    return pd.DataFrame(columns)


def _cell(step: dict, quantity: str, photos: int) -> str:
    values = tuple(p[quantity] for p in step["points"] if p["photos"] == photos)[:1]
    values = values or extrapolated(step, quantity, photos)
    if len(values) > 1 and not values[2] - values[1] <= values[0]:
        return "-"
    size, unit = 1024, "GiB"
    if quantity == "seconds":
        times = ((120, 1, "s"), (7200, 60, "min"), (np.inf, 3600, "h"))
        size, unit = next((size, unit) for end, size, unit in times if values[0] < end)
    scaled = [value / size for value in values]
    return f"{as_text(scaled, 2 if scaled[0] < 1 else 1 if scaled[0] < 10 else 0)} {unit}"


def summary(record: dict | None) -> str:
    """The origin of the numbers and what all photos would need; or the command that is missing."""
    if record is None:
        return "There is no record: make it with python benchmarks/cost.py --json " + str(
            RECORD.relative_to(paths.ROOT)
        )
    machine, limits, steps = record["environment"], record["limits"], record["steps"].values()
    counts = sorted({p["photos"] for step in steps for p in step["points"]})
    most = {
        quantity: [
            extrapolated(step, quantity, SHOWN[-1])[2]
            for step in steps
            if quantity in step["points"][0]
        ]
        for quantity in ("seconds", "peak_mib", "disk_mib")
    }
    text = (
        f"Measured with {', '.join(f'{n:,}' for n in counts)} photos on {machine['cores']} cores "
        f"({machine['cpu']}).\nBeyond the measured sizes, values are extrapolated, with 95% "
        "confidence intervals."
    )
    if np.isfinite([value for values in most.values() for value in values]).all():
        text += (
            f"\nAt the upper ends of these intervals, all {SHOWN[-1]:,} photos need "
            f"{sum(most['seconds']) / 3600:.1f} hours of {HOURS} (each step once), "
            f"{max(most['peak_mib']) / 1024:.1f} of {limits['memory_gib']:.0f} GiB of memory, and "
            f"{sum(most['disk_mib']) / 1024:.0f} of {limits['disk_gib']:.0f} GiB of disk."
        )
    return text
