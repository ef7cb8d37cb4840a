"""Studies of `street_unet` as readable tables and sentences, and as records on disk."""

import json

import numpy as np
import pandas as pd
from scipy.stats import linregress, t

from .. import paths, results
from ..intervals import as_text, compared
from ..metrics import METRICS

RECORDED = "streetview-thumbnails"  # its full run is shown where a run is too short for studies
PRECISION = paths.MEASURED / "precision.json"
GPU = paths.MEASURED / "gpu.json"
ERROR = METRICS["mse_vs_gray"]
COLUMNS = ("delta_e", "auc", "chroma_ratio", "colorfulness_gap")
UNBROKEN = "\N{NO-BREAK SPACE}"  # keeps a number and its interval on one line


def readable(table: pd.DataFrame, change: bool = False) -> pd.DataFrame:
    """A study as text: the error with its 95% interval, then other metrics.

    Columns are labels and units of metrics.METRICS; those that the study lacks are left out.
    change: with a second column, the difference from the row that each one is compared with.
    """
    shown = {ERROR.label: [_error(row).replace(" ", UNBROKEN) for row in table.itertuples()]}
    if change:
        changes = [_change(row).replace(" ", UNBROKEN) for row in table.itertuples()]
        shown[f"change of {ERROR.label}"] = changes
    for column in COLUMNS:
        if column in table:
            metric = METRICS[column]
            shown[metric.head] = table[column].map(f"{{:.{metric.digits}f}}".format)
    for column, name in (("seeds", "training runs"), ("of", "test photos")):
        if column in table:
            shown[name] = table[column]
    return pd.DataFrame(shown, index=table.index)


def step_sentences(table: pd.DataFrame) -> str:
    """For each row but the first, whether it is better or worse than the first."""
    lines = []
    for row in table.iloc[1:].itertuples():
        verdict = _verdict(row.change_low, row.change_high, 0, "the base recipe")
        lines.append(f"{row.Index}: {_change(row)}, {verdict}")
    return "\n".join(lines)


def head_sentences(table: pd.DataFrame, point: str, base: str = "bins, weighted") -> str:
    """Which heads differ from `base` at one operating point ("accurate" or "colorful")."""
    rows = table[table.index.str.endswith(f", {point}")]
    rows = rows.rename(index=lambda name: name.removesuffix(f", {point}"))
    kinds = {"better": [], "worse": [], "not distinguishable": []}
    for row in rows.drop(index=base).itertuples():
        kinds[compared(row.change_low, row.change_high)].append(f"{row.Index} ({_change(row)})")
    lines = [f"  {kind}: {'; '.join(names)}" for kind, names in kinds.items() if names]
    return "\n".join([f"{point}, compared with {base} ({_error(rows.loc[base])})", *lines])


def landscape_sentences(table: pd.DataFrame) -> str:
    """How a network trained on one landscape does on the other, and one trained on both."""
    lines = []
    for at, other in (("elsewhere", "here"), ("here", "elsewhere")):
        one = table.loc[f"trained {other}, tested {at}"]
        both = table.loc[f"trained on both, tested {at}"]
        verdict = _verdict(one.mse_vs_gray_low, one.mse_vs_gray_high, 1, "gray")
        lines.append(
            f"trained {other}, tested {at}: {_error(one)}, {verdict}; "
            f"trained on both: {_error(both)}"
        )
    return "\n".join(lines)


def per_doubling(table: pd.DataFrame) -> tuple[float, tuple[float, float]]:
    """The relative change of the error with each doubling of `value`, and its 95% interval.

    It is the slope of a straight line through the logarithms. The interval is that of the fit,
    which takes the errors of the points as independent. It is NaN for two points.
    """
    line = linregress(np.log2(table.value.astype(float)), np.log2(table.mse_vs_gray))
    free = len(table) - 2
    half = t.ppf(0.975, free) * line.stderr if free else np.nan
    low, middle, high = 2.0 ** (line.slope + np.array([-half, 0, half])) - 1
    return float(middle), (float(low), float(high))


def as_records(tables: dict[str, pd.DataFrame]) -> dict[str, dict]:
    """Tables as plain values for results.json; `recorded` reads them back."""
    return {name: json.loads(table.to_json(orient="split")) for name, table in tables.items()}


def recorded(section: str = "studies") -> tuple[dict[str, pd.DataFrame], str]:
    """The tables of the recorded full run on real photos, and a text that names that run."""
    run = results.load(paths.MEASURED / f"{RECORDED}.json")
    tables = {name: pd.DataFrame(**values) for name, values in run.get(section, {}).items()}
    return tables, f"the recorded full run on {RECORDED}, commit {run['environment']['commit']}"


def precision() -> tuple[pd.DataFrame, str]:
    """The record of `benchmarks/precision.py`: its table and its result in words."""
    record = results.load(PRECISION)
    table, environment = pd.DataFrame(**record["precision"]), record["environment"]
    lines = [
        f"{record['seeds']} seeds of {record['batches']} batches each on {record['data']}, "
        f"{environment['device']}, commit {environment['commit']}"
    ]
    for row in table[table.index.str.endswith("bfloat16")].itertuples():
        verdict = _verdict(row.change_low, row.change_high, 0, "float32")
        lines.append(f"{row.Index}: {ERROR.label} {_change(row)}, {verdict}")
    return table, "\n".join(lines)


def gpu() -> tuple[pd.DataFrame, str]:
    """The record of `benchmarks/gpu.py`: photos per second, and the rest in words."""
    record = results.load(GPU)
    environment, rows, lines = record["environment"], {}, []
    for name in ("colorize_cnn", "street_unet"):
        part = record[name]
        for kind, found in part["speed"].items():
            size, precision = kind.removeprefix("batches of ").split(", ")
            row = rows.setdefault(f"{name}, batches of {size}", {})
            row[f"photos/s, {precision}"] = f"{found['photos_per_second']:,.0f}"
        epoch, best = part["epoch"], part["epoch"]["batch"]
        speed = part["speed"][f"batches of {best}, float32"]["photos_per_second"]
        most = min(part["floor_photos_per_second"].values())
        compiled, with_it = part["compiled"], "not measured"
        if "photos_per_second" in compiled:
            with_it = f"{compiled['photos_per_second']:,.0f} photos/s"
        lines.append(
            f"{name}: {epoch['photos']:,} photos, an epoch, in {epoch['seconds']:.1f} s, batches "
            f"of {best}. Bytes and operations allow at most {most:,.0f} photos/s, "
            f"{most / speed:.1f} times as fast. With torch.compile: {with_it}"
        )
    lines += [f"one process, {name}: {text}" for name, text in record["nccl"].items()]
    ran_on = f"{environment['device']}, PyTorch {environment['versions']['torch']}"
    return pd.DataFrame(rows).T, "\n".join([f"{ran_on}, commit {environment['commit']}", *lines])


def _verdict(low: float, high: float, reference: float, name: str) -> str:
    word = compared(low, high, reference)
    return f"{word} {'from' if word == 'not distinguishable' else 'than'} {name}"


def _change(row) -> str:
    return as_text((row.change, row.change_low, row.change_high), ERROR.digits, sign="+")


def _error(row) -> str:
    return as_text((row.mse_vs_gray, row.mse_vs_gray_low, row.mse_vs_gray_high), ERROR.digits)
