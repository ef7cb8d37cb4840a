"""How does a verdict read: a claim, what was measured, and where that had to lie?"""

import math

import numpy as np
import pandas as pd

from . import paths, results
from .results import Run

FAR = 20  # times the near end of a band: a far end is there only because a band has two
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def judge(run: Run, key: str, estimate: tuple) -> str:
    """Record a claim; two lines to print: verdict and claim, then number, interval and band.

    estimate: the measured number, and (low, high) or None where it stands alone. A number that is
    None or has an interval that is no number (too few places) leaves the claim open.
    """
    value, interval = estimate
    numbers = [math.nan if value is None else value, *(interval or ())]
    known = bool(np.isfinite(numbers).all())
    claim = run.claim(key, value if known else None, interval if known else None)
    measured = _measured(claim)
    band = band_text(claim["band"])
    return f"{claim['verdict']:9}{claim['text']}\n{'':9}{measured}; holds if this {band}"


def sentence(key: str) -> str:
    """The key of the sentence that a claim checks: _csv marks its check on published numbers."""
    return key.removesuffix("_csv")


def number_text(value: float | None) -> str:
    """A number as one reads it: three significant digits, powers of ten as such."""
    if value is None:
        return "not measured"
    if value == 0 or (float(value).is_integer() and 10 <= abs(value) < 1e6):
        return f"{value:,.0f}"
    if not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa} × 10{str(int(exponent)).translate(SUPERSCRIPT)}"
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:#.3g}".rstrip(".")


def band_text(band) -> str:
    """A band in words; an end that is there only to be an end is left out."""
    low, high = band
    if low == high:
        return f"is {low:g}"
    if low == 0 or (high < 0 and low / high >= FAR):
        return f"is at most {high:g}"
    if low > 0 and high / low >= FAR:
        return f"is at least {low:g}"
    return f"lies in {low:g} to {high:g}"


def claims_table(run: Run) -> pd.DataFrame:
    """Every claim of data/claims.toml as this run's notebooks have judged it so far.

    Columns: claim, source, measured (with its interval), "holds if this" (the band), verdict, and
    what each full run on real photos that is kept in data/measured/ said.
    """
    judged = _judged([results.load(p) for p in sorted((run.folder / "parts").glob("*.json"))])
    measured = {path.stem: results.load(path) for path in sorted(paths.MEASURED.glob("*.json"))}
    kept = {name: _judged([run]) for name, run in measured.items() if "claims" in run}
    rows = []
    for key, known in results.claims_file().items():
        claim = judged.get(key, {"measured": None, "interval": None, "verdict": "unclear"})
        row = {"claim": known["text"], "source": known["source"]}
        row |= {"measured": _measured(claim), "holds if this": band_text(known["band"])}
        row |= {"verdict": claim["verdict"]}
        for name, claims in kept.items():
            row[name] = claims[key]["verdict"] if key in claims else "-"
        rows.append(row)
    return pd.DataFrame(rows)


def _measured(claim: dict) -> str:
    low, high = claim["interval"] or (0, 0)
    span = f" [{number_text(low)}, {number_text(high)}]" if low < high else ""
    return number_text(claim["measured"]) + span


def _judged(parts: list[dict]) -> dict[str, dict]:
    return {claim["key"]: claim for part in parts for claim in part.get("claims", [])}
