"""The numbers, claims, verdicts and figures of a run.

Each notebook of a run writes one part, `build/<run>/parts/<notebook>.json`; the report's pipeline
joins the parts into results.json. Bands of claims are in data/claims.toml, written before the run.
"""

import base64
import io
import json
import math
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from . import paths

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

LARGEST_SVG = 120_000  # characters
LONGEST = 2_000  # rows of a figure's CSV
BELOW_ONE = (0, 0.999)  # a band; its end leaves room for rounding
FAR = 20  # times the near end of a band: beyond it, the far end says nothing
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SEED = 0  # the one default seed: weights and order come from it, never the split
CLAIMS = paths.DATA / "claims.toml"
COUNTED = {"holds": "hold", "fails": "fail", "unclear": "are unclear"}  # verdicts, as verbs
UNCOUNTED = ("not comparable", "machine-dependent")  # verdicts that no tally counts


@dataclass(frozen=True)
class Profile:
    """The size of a run: largest number of photos, folds, seeds, and lengths in batches."""

    name: str
    images: int
    folds: bool  # whether chapters 3 and 4 cross-validate over stretches, or use one split
    head_seeds: int  # of the two main heads of chapter 5; all else there has one seed
    published_batches: int  # the report's recipe and its L1 twin
    study_batches: int  # every other study
    epochs: int  # at most; validation may end training earlier
    patience: int  # epochs without a better validation loss
    timing_repeats: int
    unet_batches: int  # of street_unet
    unet_widths: tuple[int, ...]  # channels of its decoder's four sizes
    unet_study_batches: int  # of every study of it
    unet_study_widths: tuple[int, ...]


TINY, SMALL, LARGE = (8, 16, 32, 48), (16, 32, 48, 96), (32, 48, 64, 128)
PROFILES = {
    "quick": Profile(
        name="quick",
        images=600,
        folds=False,
        head_seeds=1,
        published_batches=375,
        study_batches=30,
        epochs=12,
        patience=4,
        timing_repeats=5,
        unet_batches=160,
        unet_widths=SMALL,
        unet_study_batches=30,
        unet_study_widths=TINY,
    ),
    "full": Profile(
        name="full",
        images=6000,
        folds=True,
        head_seeds=3,
        published_batches=375,
        study_batches=375,
        epochs=60,
        patience=20,
        timing_repeats=15,
        unet_batches=400,
        unet_widths=LARGE,
        unet_study_batches=120,
        unet_study_widths=SMALL,
    ),
}


@dataclass(frozen=True)
class Drawing:
    """A figure with its words, as the functions of `plots` return it and `Run.figure` shows it.

    name: of the PNG file and of links to it. photo: a picture of pictures, shown as a JPEG.
    html: what the page shows in place of the figure.
    """

    figure: "Figure"
    name: str
    caption: str
    alt: str
    photo: bool = False
    html: str | None = None


@dataclass(frozen=True)
class Run:
    """One notebook's view of one run. Made by `start`."""

    notebook: str
    data: str
    profile: Profile
    images: int
    seed: int
    extra: str | None

    @property
    def folder(self) -> Path:
        """`build/<data>-<profile>`."""
        return paths.run_folder(self.data, self.profile.name)

    def record(self, **sections: dict) -> None:
        """Add to this notebook's part: metrics, timings, data or any other section of results.

        Raises ValueError for NaN or infinity: a number that is none must be None.
        """
        part = _part(self.folder, self.notebook)
        content = load(part)
        for section, values in sections.items():
            content.setdefault(section, {}).update(values)
        save(part, content)

    def claim(self, key: str, measured: float | None, interval=None) -> dict:
        """Judge a claim of data/claims.toml and add it to this notebook's part; see `judged`.

        `measured` None means that this run could not measure it: the verdict is unclear.
        `interval` is (low, high); without one it is the measured value alone. Raises KeyError for
        a claim that the file lacks, and ValueError for NaN.
        """
        known = claims_file()
        if key not in known:
            raise KeyError(f"claim {key!r} is not in {CLAIMS.name}: write its band there first")
        if measured is None:
            interval = None
        else:
            measured = float(measured)
            interval = [float(v) for v in (interval or (measured, measured))]
        claim = {
            "key": key,
            **known[key],
            "measured": measured,
            "interval": interval,
            "verdict": judged(known[key], interval, self.profile.name),
            "notebook": self.notebook,
        }
        part = _part(self.folder, self.notebook)
        content = load(part)
        others = [c for c in content.get("claims", []) if c["key"] != key]
        save(part, {**content, "claims": [*others, claim]})
        return claim

    def figure(self, drawing: Drawing) -> None:
        """Write a drawing of `plots` as `<name>.png` at print quality and show it here.

        Caption and alternative text travel with the picture to the page, and so does what the
        page shows in its place: `html` if given, else a small drawing as SVG.
        """
        from IPython.display import display

        fig, name, photo = drawing.figure, drawing.name, drawing.photo
        folder = paths.figures_folder(self.folder)
        with paths.whole(folder / f"{name}.png") as part:
            fig.savefig(part, dpi=160, metadata={"Software": None})
        plain = "png", {"metadata": {"Software": None}}
        kind, options = ("jpeg", {"pil_kwargs": {"quality": 82}}) if photo else plain
        buffer = io.BytesIO()
        fig.savefig(buffer, format=kind, dpi=130, **options)
        mime = f"image/{kind}"
        described = {"name": name, "caption": drawing.caption, "alt": drawing.alt}
        instead = {"html": drawing.html} if drawing.html else {} if photo else svg(fig)
        instead |= {"inches": round(float(fig.get_figwidth()), 2), "csv": drawn(fig)}
        encoded = base64.b64encode(buffer.getvalue()).decode()
        bundle = {mime: encoded, "text/plain": f"Figure {name}"}
        display(bundle, raw=True, metadata={mime: described | instead, **described})

    def table(self, frame: pd.DataFrame, name: str, caption: str, folded: bool = False) -> None:
        """Show a table under its caption. The page numbers it and offers its numbers as CSV.

        name: of links to it, `#tab-<name>`. folded: the page shows its caption alone and the rest
        on a click, for a table whose content a figure shows.
        """
        from IPython.display import display

        words = {"name": name, "caption": caption, "folded": folded, "csv": frame.to_csv()}
        html = f"<p>{caption}</p>\n{frame.to_html()}"
        bundle = {"text/html": html, "text/plain": f"{caption}\n{frame}"}
        display(bundle, raw=True, metadata={"text/html": words})


def start(
    notebook: str,
    data: str = "synthetic",
    profile: str = "quick",
    images: int | None = None,
    seed: int = SEED,
    extra: str | None = None,
) -> Run:
    """Begin a notebook's part of a run, empty. Raises ValueError for an unknown profile."""
    if profile not in PROFILES:
        raise ValueError(f"no profile {profile!r}: take one of {', '.join(PROFILES)}")
    chosen = PROFILES[profile]
    run = Run(notebook, str(data), chosen, images or chosen.images, seed, extra)
    save(_part(run.folder, notebook), {})
    return run


def verdict(interval, band) -> str:
    """`holds` if the interval lies in the band, `fails` if outside, `unclear` if it straddles."""
    if interval is None:
        return "unclear"
    (low, high), (lower, upper) = interval, band
    if lower <= low and high <= upper:
        return "holds"
    return "fails" if high < lower or low > upper else "unclear"


def judged(known: dict, interval, profile: str) -> str:
    """The verdict of a claim, as data/claims.toml has it, in a run of a profile.

    It is the claim's field `uncounted` if there is one. If the claim needs another profile it is
    `unclear`. Otherwise the band decides.
    """
    if "uncounted" in known:
        return known["uncounted"]
    if known.get("needs", profile) != profile:
        return "unclear"
    return verdict(interval, known["band"])


def claims_file() -> dict[str, dict]:
    """Every claim of data/claims.toml by its key, in the order of the file."""
    return _parsed(CLAIMS, CLAIMS.stat().st_mtime_ns)


@cache  # a page uses it more than a hundred times
def _parsed(path: Path, changed: int) -> dict[str, dict]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def save(path: Path, content) -> None:
    """Write JSON whole or not at all. Raises ValueError for NaN or infinity."""
    with paths.whole(path) as part:
        part.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def load(path: Path):
    """Read JSON. Raises FileNotFoundError, with the step to run first, or ValueError."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path} is missing: run the notebook that makes it first"
        ) from None


def judge(run: Run, key: str, estimate: tuple) -> str:
    """Record a claim and return two lines: verdict and claim, then number, interval and band.

    estimate: the measured number, and (low, high) or None. A number that is None, or an interval
    that is not finite (too few places), leaves the claim unclear. The second line says so if the
    claim needs a longer run.
    """
    value, interval = estimate
    numbers = [math.nan if value is None else value, *(interval or ())]
    known = bool(np.isfinite(numbers).all())
    claim = run.claim(key, value if known else None, interval if known else None)
    measured = _measured(claim)
    band = band_text(claim["band"])
    short = claim.get("needs", run.profile.name) != run.profile.name
    limit = f"; needs the {claim['needs']} profile" if short else ""
    first = f"{claim['verdict'] + '  ':9}{claim['text']}"
    return f"{first}\n{'':9}{measured}; holds if this {band}{limit}"


def sentence(key: str) -> str:
    """The key of the sentence that a claim checks; _csv marks a check on published numbers."""
    return claims_file().get(key, {}).get("sentence", key.removesuffix("_csv"))


def tally(claims: list[dict]) -> dict[str, int]:
    """How many sentences of the report hold, fail and are unclear, among judged claims."""
    return {word: len(found) for word, found in by_verdict(claims).items()}


def by_verdict(claims: list[dict]) -> dict[str, list[dict]]:
    """The first claim of every sentence of the report, by the verdict on the sentence.

    A sentence holds if all of its checks hold and fails if all of them fail; otherwise it is
    unclear. Verdicts in UNCOUNTED are left out, and so are claims of our own.
    """
    checks = {}
    for claim in claims:
        if claim["source"] == "report" and claim["verdict"] in COUNTED:
            checks.setdefault(sentence(claim["key"]), []).append(claim)
    found = {word: [] for word in COUNTED}
    for first, *others in checks.values():
        alike = all(other["verdict"] == first["verdict"] for other in others)
        found[first["verdict"] if alike else "unclear"].append(first)
    return found


def tally_text(claims: list[dict]) -> str:
    """The tally in words: "Of 26 sentences of the report, 8 hold, 6 fail and 12 are unclear"."""
    counts = tally(claims)
    parts = [f"{count} {COUNTED[word]}" for word, count in counts.items()]
    total = f"Of {sum(counts.values())} sentences of the report"
    return f"{total}, {', '.join(parts[:-1])} and {parts[-1]}"


def number_text(value: float | None) -> str:
    """A number as text: three significant digits, or a power of ten."""
    if value is None:
        return "not measured"
    if value == 0 or (float(value).is_integer() and 10 <= abs(value) < 1e6):
        return f"{value:,.0f}"
    if not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa} × 10{str(int(exponent)).translate(SUPERSCRIPT)}"
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:#.3g}".rstrip(".")


def band_text(band) -> str:
    """A band in words; a far end that excludes nothing is left out."""
    low, high = band
    if low == high:
        return f"is {low:g}"
    if tuple(band) == BELOW_ONE:
        return "is below 1"
    if low == 0 or (high < 0 and low / high >= FAR):
        return f"is at most {high:g}"
    if low > 0 and high / low >= FAR:
        return f"is at least {low:g}"
    return f"lies in {low:g} to {high:g}"


def claims_so_far(run: Run) -> dict[str, dict]:
    """Every claim of data/claims.toml by key, as this run's notebooks judged it so far."""
    parts = [load(path) for path in sorted((run.folder / "parts").glob("*.json"))]
    return all_claims(_judged(parts), run.profile.name)


def all_claims(found: dict[str, dict], profile: str) -> dict[str, dict]:
    """Judged claims by key, in the order of data/claims.toml, and those not measured in between."""
    claims = {}
    absent = {"measured": None, "interval": None}
    for key, known in claims_file().items():
        missing = {"key": key, **known, **absent, "verdict": judged(known, None, profile)}
        claims[key] = found.get(key, missing)
    return claims


def claims_table(run: Run) -> pd.DataFrame:
    """Every claim of data/claims.toml with the verdicts of this run's notebooks so far.

    Columns: claim, source, measured (with its interval), "holds if this" (the band), verdict, and
    the verdicts of each full run on real photos in data/measured/.
    """
    found = claims_so_far(run)
    measured = {path.stem: load(path) for path in sorted(paths.MEASURED.glob("*.json"))}
    kept = {name: _judged([run]) for name, run in measured.items() if "claims" in run}
    rows = []
    for key, known in claims_file().items():
        claim = found[key]
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


def svg(fig) -> dict:
    """A drawing without pictures as SVG, if it is small."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "streetside"}):
        fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return {} if "<image" in text or len(text) > LARGEST_SVG else {"svg": text}


def drawn(fig: "Figure") -> str:
    """The points of a figure's lines and scatters as CSV; "" if it shows pictures or nothing.

    Lines across a whole axis, such as a reference at 1, and the caps of intervals are left out.
    """
    from matplotlib.collections import PathCollection
    from matplotlib.container import ErrorbarContainer

    rows = []
    for number, axis in enumerate(fig.axes, 1):
        if axis.images:
            return ""
        panel = axis.get_title() or axis.get_ylabel() or axis.get_xlabel() or str(number)
        bars = [bar for bar in axis.containers if isinstance(bar, ErrorbarContainer)]
        labels = {bar.lines[0]: bar.get_label() for bar in bars}
        caps = {cap for bar in bars for cap in bar.lines[1]}
        lines = [x for x in axis.lines if x not in caps and x.get_transform() == axis.transData]
        series = [(labels.get(line, line.get_label()), line.get_xydata()) for line in lines]
        scatters = [dots for dots in axis.collections if isinstance(dots, PathCollection)]
        series += [(dots.get_label(), dots.get_offsets().data) for dots in scatters]
        for label, points in series:
            label = "" if label.startswith("_") else label  # Matplotlib's own for one without
            x, y = np.asarray(points, float)[np.isfinite(points).all(axis=1)].T
            rows += [
                (panel, label, *at) for at in zip(_ticked(axis.xaxis, x), _ticked(axis.yaxis, y))
            ]
    names = ["panel", "series", "x", "y"]
    return pd.DataFrame(rows, columns=names).to_csv(index=False) if 0 < len(rows) <= LONGEST else ""


def _ticked(axis: "Axis", values: np.ndarray) -> list[str]:
    """Coordinates as text: the name of the nearest tick where ticks are rows with names."""
    ticks = axis.get_ticklocs()
    names = axis.get_major_formatter().format_ticks(ticks)
    if any(name[:1].isalpha() for name in names) and (np.abs(np.diff(ticks)) == 1).all():
        return [names[np.abs(ticks - value).argmin()].replace("\n", " ") for value in values]
    return [f"{value:.6g}" for value in values]


def _part(folder: Path, notebook: str) -> Path:
    return folder / "parts" / f"{notebook}.json"
