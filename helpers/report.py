"""How do executed notebooks become one page?

nbconvert turns each notebook into a chapter by helpers/page/index.html.j2; Jinja puts the chapters
into helpers/page/page.html.j2. Style and script go into the page: it needs nothing beside it.
"""

import base64
import copy
import re
from pathlib import Path

import nbformat
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

from . import page_checks, paths
from .page_text import PageError, Prose, fill
from .results import load

PAGE = Path(__file__).parent / "page"
HIDDEN = "no-report"  # the tag of cells that stay in the notebook
HEADLINE = "samples"  # the figure that opens the page


def build(run_folder: Path, notebooks: list[Path], out: Path) -> Path:
    """Build one page that needs no network from the executed notebooks of a run; returns `out`.

    `run_folder` is `build/<data>-<profile>` and holds results.json; recorded runs on real photos
    come from data/measured/. Raises PageError that lists everything unfit to be read, each with
    its notebook and cell; nothing is written then.
    """
    results = load(run_folder / "results.json")
    books = {path.stem: _read(path) for path in notebooks}
    figures = [words for book in books.values() for _, _, words in page_checks.pictures(book)]
    numbers = {words["name"]: number for number, words in enumerate(figures, 1)}
    problems = [line for book in books.values() for line in page_checks.notebook_problems(book)]
    chapters = [_chapter(stem, book, numbers, results, problems) for stem, book in books.items()]
    frame = Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    frame.filters |= {"number": number_text, "band": band_text}
    measured = {path.stem: load(path) for path in sorted(paths.MEASURED.glob("*.json"))}
    recorded = {name: run for name, run in measured.items() if "claims" in run}
    data = run_folder.name.removesuffix(f"-{results['profile']}")
    html = frame.get_template("page.html.j2").render(
        results=results,
        recorded=recorded,
        claims=_claims(results, recorded, books),
        chapters=chapters,
        picture=next((words for words in figures if words["name"] == HEADLINE), None),
        numbers=numbers,
        data=data,
        command=results.get("command", _command(data, results["profile"])),
        style=Markup(_style()),
        script=Markup((PAGE / "page.js").read_text(encoding="utf-8")),
    )
    problems += page_checks.page_problems(html)
    if problems:
        raise PageError("The page was not built:\n" + "\n".join(dict.fromkeys(problems)))
    with paths.whole(out) as part:
        part.write_text(html, encoding="utf-8")
    return out


def number_text(value: float | None) -> str:
    """A number as one reads it: three significant digits, powers of ten as such."""
    if value is None:
        return "not measured"
    if value == 0 or (float(value).is_integer() and 10 <= abs(value) < 1e6):
        return f"{value:,.0f}"
    if not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def band_text(band: list[float]) -> str:
    """A band in words; a bound that is there only to be a bound is left out."""
    low, high = band
    if low == high:
        return f"is {low:g}"
    if low == 0:
        return f"is at most {high:g}"
    if low > 0 and high / low >= 20:
        return f"is at least {low:g}"
    return f"lies in {low:g} to {high:g}"


def _read(path: Path):
    book = nbformat.read(path, as_version=4)
    book.metadata["page_source"] = _without_outputs(book)
    for number, cell in enumerate(book.cells, 1):
        cell.metadata["page_id"] = f"{path.stem}-cell-{cell.id}"
        cell.metadata["page_name"] = f"{path.stem}, cell {number} ({cell.id})"
    book.cells = [cell for cell in book.cells if HIDDEN not in cell.metadata.get("tags", [])]
    for _, output, words in page_checks.pictures(book):
        for word in ("name", "caption", "alt"):
            words.setdefault(word, "")
        words["src"] = _source(output.data, words)
    return book


def _without_outputs(book) -> str:
    """The notebook to be saved from the page, as base64."""
    bare = copy.deepcopy(book)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return base64.b64encode(nbformat.writes(bare).encode()).decode()


def _source(data: dict, words: dict) -> str:
    """A picture as a data URI: as SVG where its figure brought one, sharp at any zoom."""
    svg = words.get("svg") or data.get("image/svg+xml")
    if svg:
        return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
    mime = next(mime for mime in page_checks.PICTURES if mime in data)
    return f"data:{mime};base64,{data[mime].replace(chr(10), '')}"


def _chapter(stem: str, book, numbers: dict, results: dict, problems: list[str]) -> dict:
    quick = results["profile"] == "quick"
    prose = Prose(stem, numbers, '<p><span class="mark">quick run</span></p>' if quick else "")

    def render(cell) -> str:
        prose.attachments = cell.get("attachments", {})
        try:
            return prose.render_cell(fill(cell.source, results))
        except PageError as error:
            problems.append(f"{cell.metadata.page_name}: {error}")
            return ""

    exporter = HTMLExporter(
        template_name=PAGE.name,
        extra_template_basedirs=[str(PAGE.parent)],
        filters={"prose": render, "table": _table},
    )
    resources = {"numbers": numbers, "quick": quick}
    html, _ = exporter.from_notebook_node(book, resources)
    title = re.search(rf'<h2 id="{stem}">(.*?)</h2>', html)
    if not title:
        problems.append(f"{stem}: the first cell has no title (# 1. ...)")
    return {
        "id": stem,
        "title": Markup(title[1]) if title else stem,
        "sections": prose.sections,
        "html": Markup(html),
        "notebook": book.metadata["page_source"],
    }


def _table(html: str) -> str:
    """A table of pandas in the page's own style; an empty head cell is no head."""
    html = re.sub(r"<style.*?</style>", "", html, flags=re.DOTALL)
    html = re.sub(r"<th([^>]*)>\s*</th>", r"<td\1></td>", html)
    return html.replace(' border="1"', "").replace(' style="text-align: right;"', "")


def _claims(results: dict, recorded: dict, books: dict) -> list[dict]:
    """Claims in order, each with the verdicts of recorded runs and a link to its evidence."""
    past = [{claim["key"]: claim for claim in run["claims"]} for run in recorded.values()]
    return [
        claim
        | {
            "recorded": [run.get(claim["key"]) for run in past],
            "evidence": _evidence(claim["key"], claim.get("notebook", claim["where"]), books),
        }
        for claim in results["claims"]
    ]


def _evidence(key: str, stem: str, books: dict) -> str | None:
    """The cell that names the claim, else the chapter; None where that is not on the page."""
    if stem not in books:
        return None
    quoted = (f'"{key}"', f'"{key.removesuffix("_csv")}"')
    code = [cell for cell in books[stem].cells if cell.cell_type == "code"]
    named = [cell for cell in code if any(name in cell.source for name in quoted)]
    return named[-1].metadata.page_id if named else stem


def _command(data: str, profile: str) -> str:
    options = "" if data == "synthetic" else f" --data {data}"
    return f"./run_all.sh{options}" + (" --profile full" if profile == "full" else "")


def _style() -> str:
    """The style sheet, and the colors of code in light and dark."""
    light = HtmlFormatter(style="xcode").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    css = (PAGE / "style.css").read_text(encoding="utf-8")
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n{css}"
