"""Turns cells into HTML: numbers, formulas, links, headings and tables."""

import re
from collections.abc import Iterable
from html import escape

from bs4 import BeautifulSoup
from latex2mathml import converter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from ..results import PROFILES

# The ways to color a photo that the first page and the README compare.
FIVE = {
    "gray": "left gray",
    "published": "the published network",
    "colorize_cnn": "the same network, trained longer",
    "street_unet_accurate": "ours, most accurate",
    "street_unet": "ours, colorful",
}
# What it compares them by: head, digits in the README, and the value that would be best.
FIVE_COLUMNS = {
    "mse_vs_gray": ("error / gray ↓", 2, 0),
    "chroma_ratio": ("chroma / ground truth → 1", 2, 1),
    "delta_e": ("CIEDE2000 ↓", 1, 0),
}
ALMOST_GRAY = 1 / 3  # share of the true chroma below which a network leaves photos almost gray
NEAR = 0.05  # relative distance from its band within which a claim just misses it
# Parts of a chapter that the page folds: summary, pattern.
FOLDED = (
    ("Inputs, outputs and time", r"<p><strong>Inputs\..*?<p><strong>Time\..*?</p>"),
    ("What to change in the notebook", r"<p><strong>Change this.*"),
)
NUMERIC = re.compile(r"[-−+–]?[\d.,]*\s?%?(\s*(to|–|±)\s*[-−+]?[\d.,]+)?(\s*[(\[].*[)\]])?|nan")
KEY = re.compile(r"\{\{\s*([\w.-]+)\s*(?::([^{}]*))?\}\}")


class PageError(ValueError):
    """The page cannot be built; the message names each notebook and cell to correct."""


def fill(text: str, results: dict) -> str:
    """Replace keys such as `{{metrics.gray.mse:.4f}}` by numbers of results.json.

    Names are joined by dots, and a format may follow. A claim is found by its key, as in
    `claims.beats_gray.verdict`. None becomes "not measured". Raises PageError for an unknown key.
    """
    known = results | {"claims": {claim["key"]: claim for claim in results["claims"]}}

    def value(match: re.Match) -> str:
        path, form = match.groups()
        found = known
        for name in path.split("."):
            if not isinstance(found, dict) or name not in found:
                raise PageError(f"{match[0]}: results.json has no {path!r}")
            found = found[name]
        if found is None:
            return "not measured"
        try:
            return format(found, form or "")
        except (TypeError, ValueError) as error:
            raise PageError(f"{match[0]}: {error}") from error

    return KEY.sub(value, text)


def mathml(tex: str, display: str) -> str:
    """Convert TeX to MathML, `display` inline or block, without the namespace's URL."""
    try:
        return converter.convert(tex, display=display).replace(
            ' xmlns="http://www.w3.org/1998/Math/MathML"', ""
        )
    except Exception as error:  # the library raises many kinds, none of its own base class
        raise PageError(f"formula {tex.strip()!r}: {type(error).__name__}") from error


class Prose(IPythonRenderer):
    """Renders the Markdown of one notebook as part of the page.

    Headings go down one level and get ids that begin with the notebook's name. `sections`
    collects (id, text) of the headings below the title. A link to `#fig-<name>` reads
    "Figure 7". A link to another notebook leads to its chapter. `models` have a row in the table of
    models, `#model-<name>`.
    """

    def __init__(self, stem: str, numbers: dict, models: Iterable = ()):
        super().__init__(escape=False)
        self.stem = stem
        self.numbers = numbers
        self.models = set(models)  # that were not mentioned yet
        self.sections: list[tuple[str, str]] = []

    def heading(self, text: str, level: int, **attrs) -> str:
        """A heading one level down, with an id."""
        if level == 1:
            return f'<h2 id="{self.stem}">{text}</h2>\n'
        text = self._unlinked(text)
        plain = re.sub(r"<[^>]+>", "", text)
        anchor = f"{self.stem}-{plain.replace(' ', '-')}"
        if level == 2:
            self.sections.append((anchor, plain))
        return f'<h{level + 1} id="{escape(anchor)}">{text}</h{level + 1}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A link within the page."""
        book = re.fullmatch(r"(?:.*/)?(\d\d_\w+)\.ipynb", url)
        if book:
            url = f"#{book[1]}"
        elif url.startswith("#fig-"):
            text = f"Figure {self.numbers.get(url[5:], '?')}"
        elif url.startswith("#tab-"):
            text = f"Table {self.numbers.get(url[1:], '?')}"
        elif url.startswith("#") and not url.startswith(("#ref-", "#claim-")):
            url = f"#{self.stem}-{url[1:]}"
        return f'<a href="{escape(url)}">{self._unlinked(text)}</a>'

    def codespan(self, text: str) -> str:
        """Code within a line. The first mention of a model links to its row of the table."""
        if text not in self.models:
            return super().codespan(text)
        self.models.remove(text)
        return f'<a class="model" href="#model-{text}">{super().codespan(text)}</a>'

    @staticmethod
    def _unlinked(text: str) -> str:
        return re.sub(r'<a class="model"[^>]*>(.*?)</a>', r"\1", text)

    def inline_math(self, body: str) -> str:
        """A formula within a line."""
        return mathml(body, "inline")

    def block_math(self, body: str) -> str:
        """A formula of its own; it scrolls where it is too wide."""
        return f'<span class="formula" tabindex="0">{mathml(body, "block")}</span>'

    def block_code(self, code: str, info: str | None = None) -> str:
        """Code within prose, reachable by keyboard where it scrolls."""
        return super().block_code(code, info).replace("<pre>", '<pre tabindex="0">')

    def render_cell(self, source: str) -> str:
        """One cell's Markdown to HTML. What only the notebook's user needs is folded."""
        html = MarkdownWithMath(renderer=self).render(source)
        for title, pattern in FOLDED:
            fold = rf'<details class="more"><summary>{title}</summary>\n\g<0>\n</details>'
            html = re.sub(pattern, fold, html, flags=re.DOTALL)
        return html


def miss_text(claim: dict) -> str:
    """How narrowly a failing claim misses its band, or "" if it misses by more than NEAR."""
    if claim["verdict"] != "fails":
        return ""
    bound = min(claim["band"], key=lambda edge: abs(edge - claim["measured"]))
    miss = abs(claim["measured"] / bound - 1) if bound else 1
    return f"misses the band by {miss:.1%}" if miss < NEAR else ""


def headline(run: dict) -> str:
    """What a run found, in one line: each part says what its numbers and verdicts say."""
    color = {name: values.get("chroma_ratio") for name, values in run["metrics"].items()}
    published, longer = color.get("published"), color.get("colorize_cnn")
    said = []
    if isinstance(published, float):
        share = f"gives street photos {published:.0%} of their color"
        grays = f"leaves street photos almost gray, with {published:.0%} of their color"
        said.append(f"The published network {grays if published < ALMOST_GRAY else share}")
    if isinstance(longer, float):
        share = f"gives them {longer:.0%}"
        grays = f"leaves them almost gray, too ({longer:.0%})"
        said.append(f"trained longer, it {grays if longer < ALMOST_GRAY else share}")
    verdicts = {claim["key"]: claim["verdict"] for claim in run["claims"]}
    if "street_unet_accurate" in color:
        ours = {
            "holds": "ours is closer to the ground truth",
            "fails": "ours is no closer to the ground truth",
        }
        said.append(ours.get(verdicts.get("unet_beats_cnn"), "whether ours does better is unclear"))
    return "; ".join(said) + "." if said else ""


def nearest(models: list[str], metrics: dict, metric: str, goal: float) -> str | None:
    """The model whose metric is nearest to the goal; None if none has it."""
    known = [m for m in models if isinstance(metrics[m].get(metric), float)]
    return min(known, key=lambda m: abs(metrics[m][metric] - goal), default=None)


def training_text(run: dict) -> str:
    """How the training of colorize_cnn ended, according to a run's results.json."""
    best = run.get("training", {}).get("best_epochs", {})
    profile = PROFILES.get(run["profile"])
    if not best or profile is None:
        return "trained longer"
    limit = profile.epochs
    cut = [epoch for epoch in best.values() if epoch + profile.patience > limit]
    if not cut:
        return "trained until validation stopped improving"
    seeds = f" for {len(cut)} of {len(best)} folds" if len(best) > 1 else ""
    return f"trained longer but cut off{seeds} by the limit of {limit} epochs"


def table(html: str) -> str:
    """The table in HTML of pandas as the page shows it, without the caption above it.

    The names of index and columns share one row, an index that only counts is left out, columns
    of words get the class "text", and an empty head cell becomes a plain cell.
    """
    soup = BeautifulSoup(re.sub(r"<style.*?</style>", "", html, flags=re.DOTALL), "html.parser")
    for tag in soup.find_all(True):
        for name in ("border", "style"):
            tag.attrs.pop(name, None)
    heads, rows = (
        [row.find_all(["th", "td"]) for row in part.find_all("tr")] if part else []
        for part in (soup.thead, soup.tbody)
    )
    if len({len(row) for row in heads + rows}) != 1:
        heads = []  # cells that span several are left as they are
    if len(heads) == 2 and not any(cell.get_text(strip=True) for cell in heads[1][1:]):
        heads[0][0].string = heads[1][0].get_text(strip=True)
        heads.pop()[0].parent.decompose()
    if len(heads) == 1:
        counted = [row[0].get_text(strip=True) for row in rows] == [*map(str, range(len(rows)))]
        if rows and counted and not heads[0][0].get_text(strip=True):
            for row in (heads[0], *rows):
                row.pop(0).decompose()
        for column, name in enumerate(heads[0]):
            texts = [row[column].get_text(strip=True) for row in rows]
            if 2 * sum(NUMERIC.fullmatch(text) is None for text in texts) > len(texts):
                for cell in (name, *(row[column] for row in rows)):
                    cell["class"] = "text"
    for cell in soup.find_all("th"):
        if not cell.get_text(strip=True):
            cell.name = "td"
    return str(soup.table or soup)
