"""How is a number, a claim, a figure kept?

Each notebook of a run writes one part, `build/<run>/parts/<notebook>.json`; `assemble` joins
the parts into results.json. Bands of claims stand in data/claims.toml, written before the run.
"""

import base64
import io
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from . import environment, paths

LARGEST_SVG = 120_000  # characters
SEED = 0  # the one default seed: weights and order come from it, never the split
CLAIMS = paths.DATA / "claims.toml"


@dataclass(frozen=True)
class Profile:
    """How much a run does: photos at most, seeds of the headline models, lengths in batches."""

    name: str
    images: int
    headline_seeds: int
    published_batches: int  # the report's recipe and its L1 twin
    study_batches: int  # every other study
    epochs: int  # at most, where validation decides
    patience: int  # epochs without a better validation loss
    timing_repeats: int
    unet_batches: int  # of street_unet
    unet_widths: tuple[int, ...]  # channels of its four sizes
    unet_study_batches: int  # of every study of it
    unet_study_widths: tuple[int, ...]


TINY, SMALL, LARGE = (8, 16, 32, 48), (16, 32, 64, 96), (32, 64, 128, 192)
PROFILES = {
    "quick": Profile("quick", 600, 1, 375, 60, 12, 4, 5, 240, SMALL, 40, TINY),
    "full": Profile("full", 6000, 3, 375, 375, 60, 8, 15, 400, LARGE, 120, SMALL),
}


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

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the headline models; other studies use the first."""
        return tuple(range(self.seed, self.seed + self.profile.headline_seeds))

    def record(self, **sections: dict) -> None:
        """Add to this notebook's part: metrics, timings, data or any other section of results."""
        part = _part(self.folder, self.notebook)
        content = load(part)
        for section, values in sections.items():
            content.setdefault(section, {}).update(values)
        save(part, content)

    def claim(self, key: str, measured: float | None, interval=None) -> dict:
        """Judge a claim of data/claims.toml by its band and add it to this notebook's part.

        `measured` None means that this run could not measure it: the verdict is unclear.
        `interval` is (low, high); without one it is the measured value alone.
        """
        known = claims_file()
        if key not in known:
            raise KeyError(f"claim {key!r} is not in {CLAIMS.name}: write its band there first")
        if measured is not None:
            measured = float(measured)
            interval = [float(v) for v in (interval or (measured, measured))]
        claim = {
            "key": key,
            **known[key],
            "measured": measured,
            "interval": interval,
            "verdict": verdict(interval, known[key]["band"]),
            "notebook": self.notebook,
        }
        part = _part(self.folder, self.notebook)
        content = load(part)
        others = [c for c in content.get("claims", []) if c["key"] != key]
        save(part, {**content, "claims": [*others, claim]})
        return claim

    def figure(
        self, fig, name: str, caption: str, alt: str, photo: bool = False, html: str | None = None
    ) -> None:
        """Keep a matplotlib figure as `<name>.png` at print quality and show it in the notebook.

        Caption and alternative text travel with the picture to the page, and so does what the
        page shows in its place: `html` if given, else a small drawing as SVG. `photo=True` shows
        a JPEG, a tenth of the size for pictures of pictures; the file stays a PNG.
        """
        from IPython.display import display

        folder = paths.figures_folder(self.folder)
        with paths.whole(folder / f"{name}.png") as part:
            fig.savefig(part, dpi=160, metadata={"Software": None})
        kind, options = ("jpeg", {"pil_kwargs": {"quality": 88}}) if photo else ("png", {})
        if not photo:
            options = {"metadata": {"Software": None}}
        buffer = io.BytesIO()
        fig.savefig(buffer, format=kind, dpi=130, **options)
        mime = f"image/{kind}"
        described = {"name": name, "caption": caption, "alt": alt}
        instead = {"html": html} if html else {} if photo else _svg(fig)
        instead["inches"] = round(float(fig.get_figwidth()), 2)
        encoded = base64.b64encode(buffer.getvalue()).decode()
        bundle = {mime: encoded, "text/plain": f"Figure {name}"}
        display(bundle, raw=True, metadata={mime: described | instead, **described})


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


def claims_file() -> dict[str, dict]:
    """Every claim of data/claims.toml by its key, in the order of the file."""
    return tomllib.loads(CLAIMS.read_text(encoding="utf-8"))


def save(path: Path, content) -> None:
    """Write JSON whole or not at all. NaN is refused: a number that is none must be None."""
    with paths.whole(path) as part:
        part.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def load(path: Path):
    """Read JSON; an absent file is an error that names the step to run first."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path} is missing: run the notebook that makes it first"
        ) from None


def assemble(folder: Path, profile: str, command: str = "./run_all.sh") -> dict:
    """Join the parts of the run in `folder`, in the order of the notebooks, into results.json.

    Written to `folder` and, as the latest run, to `build/`. Claims keep the order of
    data/claims.toml, and one that no notebook judged is there as unclear.
    """
    results = {"data": {}, "environment": environment.described(), "profile": profile}
    results |= {"command": command, "metrics": {}, "claims": [], "timings": {}}
    judged = {}
    for part in sorted((folder / "parts").glob("*.json")):
        content = load(part)
        judged |= {claim["key"]: claim for claim in content.pop("claims", [])}
        for section, values in content.items():
            results.setdefault(section, {}).update(values)
    absent = {"measured": None, "interval": None, "verdict": "unclear"}
    for key, known in claims_file().items():
        results["claims"].append(judged.get(key, {"key": key, **known, **absent}))
    for path in (folder / "results.json", paths.BUILD / "results.json"):
        save(path, results)
    return results


def _svg(fig) -> dict:
    """A drawing without pictures in it as SVG, sharp at any zoom, where that is small."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "streetside"}):
        fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return {} if "<image" in text or len(text) > LARGEST_SVG else {"svg": text}


def _part(folder: Path, notebook: str) -> Path:
    return folder / "parts" / f"{notebook}.json"
