"""How do the studies of `street_unet` read, and how are they kept? Trains nothing."""

import json

import numpy as np
import pandas as pd
from scipy.stats import linregress, t

from .. import paths, results
from ..intervals import as_text

RECORDED = "streetview-thumbnails"  # whose full run is shown where studies are too long
PRECISION = paths.MEASURED / "precision.json"
ERROR = "error over gray's"  # the name of mse_vs_gray with its interval
UNBROKEN = "\N{NO-BREAK SPACE}"  # keeps a number and its interval on one line
COLUMNS = {  # of a study: how it is called, digits
    "delta_e": ("CIEDE2000", 2),
    "auc": ("AuC", 3),
    "chroma_ratio": ("chroma", 2),
    "colorfulness_gap": ("colorfulness gap", 1),
}
ROWS = {  # what a study left out or added, as a reader is told
    "as the base": "nothing left out",
    "photos as they are": "changes of the photos left out",
    "photos cropped and lit otherwise, too": "cropping and relighting added",
    "weights not averaged": "averaging of the weights left out",
    "no look at the whole picture": "look at the whole picture left out",
    "photos of elsewhere as well": "photos of elsewhere added",
}
ADDED = " added"  # how the name of an addition ends


def readable(table: pd.DataFrame, change: bool = False) -> pd.DataFrame:
    """A study as text: the error with its 95 % interval first, one column for each other metric.

    change: with a second column, the error less that of the row it is held against.
    """
    rows = named(table)
    shown = {ERROR: [_error(row).replace(" ", UNBROKEN) for row in rows.itertuples()]}
    if change:
        shown["change"] = [_change(row).replace(" ", UNBROKEN) for row in rows.itertuples()]
    for column, (name, digits) in COLUMNS.items():
        if column in rows:
            shown[name] = rows[column].map(f"{{:.{digits}f}}".format)
    if "seeds" in rows:
        shown["seeds"] = rows.seeds
    if "of" in rows:
        shown["photos"] = rows.of
    return pd.DataFrame(shown, index=rows.index)


def named(table: pd.DataFrame) -> pd.DataFrame:
    """The same table, its rows called what a reader understands."""
    names = table.rename(index=ROWS)
    return names.rename(index=lambda name: name.replace("trained both", "trained on both"))


def steps_said(table: pd.DataFrame) -> str:
    """What leaving each part out, or adding photos, did to the error, with paired intervals."""
    lines = []
    for row in named(table).iloc[1:].itertuples():
        added = row.Index.endswith(ADDED)
        helped = row.change < 0 if added else row.change > 0
        said = f"so {'it' if added else 'that part had'} {'helped' if helped else 'harmed'}"
        if row.change_low <= 0 <= row.change_high:
            said = "no difference that these photos can show"
        lines.append(f"{row.Index}: error {_change(row)}, {said}")
    return "\n".join(lines)


def heads_said(table: pd.DataFrame, reading: str, against: str = "bins, weighted") -> str:
    """Which heads, read in one way, differ from `against`: the paired interval leaves zero."""
    rows = table[table.index.str.endswith(f": {reading}")]
    rows = rows.rename(index=lambda name: name.split(": ")[0])
    base = rows.loc[against]
    kinds = {"worse": [], "better": [], "not told apart": []}
    for row in rows.drop(index=against).itertuples():
        worse, better = row.change_low > 0, row.change_high < 0
        apart = "worse" if worse else "better" if better else "not told apart"
        kinds[apart].append(f"{_with_chroma(row.Index, row)} by {_change(row)}")
    said = [f"  {kind}: {'; '.join(names)}" for kind, names in kinds.items() if names]
    return "\n".join([f"{reading}, against {_with_chroma(against, base)}", *said])


def landscapes_said(table: pd.DataFrame) -> str:
    """What a network that saw one landscape does in the other, and one that saw both."""
    lines = []
    for at, other in (("elsewhere", "here"), ("here", "elsewhere")):
        one = table.loc[f"trained {other}, tried {at}"]
        worse, better = one.mse_vs_gray_low > 1, one.mse_vs_gray_high < 1
        word = "worse than" if worse else "better than" if better else "not told apart from"
        both = table.loc[f"trained both, tried {at}"]
        lines.append(
            f"trained {other} and tried {at}: {word} gray there, {_error(one)}; "
            f"trained on both: {_error(both)}"
        )
    return "\n".join(lines)


def per_doubling(table: pd.DataFrame) -> tuple[float, tuple[float, float]]:
    """How the error changes with each doubling of `value`, and its 95 % interval.

    The slope of a straight line in logarithms, by least squares; the interval is that of the line,
    which takes the errors of the points for independent. NaN for two points.
    """
    line = linregress(np.log2(table.value.astype(float)), np.log2(table.mse_vs_gray))
    free = len(table) - 2
    half = t.ppf(0.975, free) * line.stderr if free else np.nan
    low, middle, high = 2.0 ** (line.slope + np.array([-half, 0, half])) - 1
    return float(middle), (float(low), float(high))


def as_records(tables: dict[str, pd.DataFrame]) -> dict[str, dict]:
    """Tables as plain values for results.json; `recorded` reads them back."""
    return {name: json.loads(table.to_json(orient="split")) for name, table in tables.items()}


def recorded() -> tuple[dict[str, pd.DataFrame], str]:
    """The tables of the recorded full run on real photos, and a text that names that run."""
    run = results.load(paths.MEASURED / f"{RECORDED}.json")
    tables = {name: pd.DataFrame(**values) for name, values in run["studies"].items()}
    return tables, f"the recorded full run on {RECORDED}, commit {run['environment']['commit']}"


def precision() -> tuple[pd.DataFrame, str]:
    """What `benchmarks/precision.py` found, float32 against bfloat16, and what that says."""
    record = results.load(PRECISION)
    table, environment = pd.DataFrame(**record["precision"]), record["environment"]
    lines = [
        f"{record['seeds']} seeds of {record['batches']} batches each on {record['data']}, "
        f"{environment['device']}, commit {environment['commit']}"
    ]
    for row in table[table.index.str.endswith("bfloat16")].itertuples():
        apart = row.change_low > 0 or row.change_high < 0
        said = (
            ("harms" if row.change > 0 else "helps") if apart else "makes no difference seen here"
        )
        lines.append(f"{row.Index}: error {_change(row)}, so it {said}")
    return table, "\n".join(lines)


def _change(row) -> str:
    return as_text((row.change, row.change_low, row.change_high), 3, sign="+")


def _error(row) -> str:
    return as_text((row.mse_vs_gray, row.mse_vs_gray_low, row.mse_vs_gray_high), 3)


def _with_chroma(name: str, row) -> str:
    return f"{name} ({row.mse_vs_gray:.3f}, chroma {row.chroma_ratio:.2f})"
