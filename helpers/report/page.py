"""Joins executed notebooks to one HTML file with everything it needs inside.

nbconvert turns each notebook into a chapter (templates/index.html.j2), and Jinja puts the chapters
into the frame (templates/page.html.j2).
"""

import ast
import base64
import copy
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import nbformat
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup
from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

from .. import paths
from ..explorations import cost, tables
from ..intervals import compared
from ..metrics import METRICS
from ..plots.finding import finding
from ..results import (
    COUNTED,
    band_text,
    by_verdict,
    claims_file,
    load,
    number_text,
    sentence,
    svg,
    tally_text,
)
from . import page_checks
from .page_text import (
    FIVE,
    FIVE_COLUMNS,
    PageError,
    Prose,
    fill,
    headline,
    miss_text,
    nearest,
    table,
    training_text,
)

PAGE = Path(__file__).parent / "templates"
HIDDEN = "no-report"  # the tag of cells that stay in the notebook
ASIDE = "aside"  # the tag of a cell whose heading begins a section that the page folds
HEADLINE = "comparison"  # the figure that opens the page
FILTERS = {"number": number_text, "band": band_text, "miss": miss_text}
FILTERS |= {"compared": compared, "tally": tally_text, "by_verdict": by_verdict}
FILTERS |= {"verb": COUNTED.get}  # "8 hold"
PRIVATE = ("papermill", "execution", "widgets")  # metadata about one run on one machine


def build(run_folder: Path, notebooks: list[Path], out: Path) -> Path:
    """Build the page of a run from its executed notebooks; returns `out`.

    `run_folder` is `build/<data>-<profile>` and holds results.json. Recorded runs on real photos
    come from data/measured/. Raises PageError, which lists every fault with its notebook and
    cell, and writes nothing then.
    """
    results = load(run_folder / "results.json")
    books = {path.stem: _read(path) for path in notebooks}
    figures = [words for book in books.values() for _, _, words in page_checks.pictures(book)]
    numbers = {words["name"]: number for number, words in enumerate(figures, 1)}
    shown = [words for book in books.values() for words in page_checks.tables(book)]
    numbers |= {f"tab-{words['name']}": number for number, words in enumerate(shown, 1)}
    problems = [line for book in books.values() for line in page_checks.notebook_problems(book)]
    measured = {path.stem: load(path) for path in sorted(paths.MEASURED.glob("*.json"))}
    recorded = {name: run for name, run in measured.items() if "claims" in run}
    for claim in (claim for run in recorded.values() for claim in run["claims"]):
        claim["text"] = claims_file().get(claim["key"], claim)["text"]  # in today's words
    claims = _claims(results, recorded, books)
    chapters = [
        _chapter(stem, book, numbers, results, claims, problems) for stem, book in books.items()
    ]
    main = next(iter(recorded.values()), results)
    data = run_folder.name.removesuffix(f"-{results['profile']}")
    html = _template().render(
        results=results,
        recorded=recorded,
        claims=claims,
        chapters=chapters,
        appendix=_appendix(),
        headline=headline(main),
        chart=_chart(main, results),
        main=main,
        **_gains(main),
        csv=_csv({"this run": results, **recorded}),
        picture=next((words for words in figures if words["name"] == HEADLINE), None),
        numbers=numbers,
        data=data,
        command=results["command"],
        built=f"{datetime.now(UTC):%Y-%m-%d}",
        style=Markup(_style()),
        script=Markup((PAGE / "page.js").read_text(encoding="utf-8")),
    )
    # Bytes of file names that are not UTF-8 become replacement characters.
    html = html.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    problems += page_checks.page_problems(html)
    if problems:
        raise PageError("The page was not built:\n" + "\n".join(dict.fromkeys(problems)))
    with paths.whole(out) as part:
        part.write_text(html, encoding="utf-8")
    return out


@cache  # templates take longer to compile than to fill
def _template() -> Template:
    frame = Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    frame.filters |= FILTERS | {"training": training_text, "nearest": nearest}
    frame.tests["matches"] = lambda text, starts: text.startswith(tuple(starts))
    frame.globals |= {"known_metrics": METRICS, "five": FIVE, "five_columns": FIVE_COLUMNS}
    return frame.get_template("page.html.j2")


@cache
def _exporter() -> HTMLExporter:
    return HTMLExporter(
        template_name=PAGE.name,
        extra_template_basedirs=[str(PAGE.parent)],
        filters={"table": table, "base64": _base64, **FILTERS},
    )


def _read(path: Path):
    book = nbformat.read(path, as_version=4)
    for cell in book.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.source = "\n".join(map(_without_path, cell.source.splitlines()))
    book.metadata["page_source"] = _without_outputs(book)
    for number, cell in enumerate(book.cells, 1):
        cell.metadata["page_id"] = f"{path.stem}-cell-{cell.id}"
        cell.metadata["page_name"] = f"{path.stem}, cell {number} ({cell.id})"
    book.cells = _joined([c for c in book.cells if HIDDEN not in c.metadata.get("tags", [])])
    _fold_asides(book.cells)
    for _, output, words in page_checks.pictures(book):
        for word in ("name", "caption", "alt"):
            words.setdefault(word, "")
        words["src"] = _source(output.data, words)
    return book


def _joined(cells: list) -> list:
    """Cells, but code that shows nothing stands above the code of the next cell."""
    found, silent = [], []
    for cell in cells:
        if cell.cell_type == "code" and not cell.outputs:
            silent.append(cell)
            continue
        if cell.cell_type == "code":
            cell.source = "\n\n".join(each.source for each in (*silent, cell))
            silent = []
        found += [*silent, cell]
        silent = []
    return found + silent


def _fold_asides(cells: list) -> None:
    """Give the first cell of each aside `aside_heading`, and the last one `aside_ends`."""
    last = None
    for before, cell in zip([None, *cells], [*cells, None]):
        heads = cell is not None and cell.cell_type == "markdown" and cell.source.startswith("## ")
        if last and (cell is None or heads):
            before.metadata["aside_ends"] = True
            last = None
        if cell is not None and ASIDE in cell.metadata.get("tags", []):
            heading, _, cell.source = cell.source.partition("\n")
            named = {"page_name": cell.metadata.get("page_name", "")}
            cell.metadata["aside_heading"] = nbformat.v4.new_markdown_cell(heading, metadata=named)
            last = cell


def _without_path(line: str) -> str:
    """A line of parameters, of a folder only the name: where it is concerns one machine."""
    name, equals, value = line.partition(" = ")
    value = ast.literal_eval(value) if equals else None
    if not isinstance(value, str) or not Path(value).is_absolute():
        return line
    return f"{name} = {paths.folder_argument(value)!r}"


def _without_outputs(book) -> str:
    """The notebook that readers can save from the page, as base64, without data of the machine."""
    bare = copy.deepcopy(book)
    for part in (bare, *bare.cells):
        for word in PRIVATE:
            part.metadata.pop(word, None)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return _base64(nbformat.writes(bare))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode(errors="backslashreplace")).decode()


def _source(data: dict, words: dict) -> str:
    """A picture as a data URI, as SVG if its figure has one."""
    svg = words.get("svg") or data.get("image/svg+xml")
    if svg:
        return f"data:image/svg+xml;base64,{_base64(svg)}"
    mime = next(mime for mime in page_checks.PICTURES if mime in data)
    return f"data:{mime};base64,{data[mime].replace(chr(10), '')}"


def _chapter(
    stem: str, book, numbers: dict, results: dict, claims: list[dict], problems: list[str]
) -> dict:
    quick = results["profile"] == "quick"
    prose = Prose(stem, numbers, models=results["metrics"])

    def render(cell) -> str:
        prose.attachments = cell.get("attachments", {})
        try:
            return prose.render_cell(fill(cell.source, results))
        except PageError as error:
            problems.append(f"{cell.metadata.page_name}: {error}")
            return ""

    exporter = _exporter()
    exporter.register_filter("prose", render)
    resources = {"numbers": numbers, "quick": quick, "claims": claims}
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


def _claims(results: dict, recorded: dict, books: dict) -> list[dict]:
    """Claims in order, each with its verdicts in recorded runs and the place of its evidence.

    `cell` is the cell that judges the claim, or None if it is not on the page. `evidence` is the
    id to link: the verdict below that cell, else the chapter, else None.
    """
    sections = {key: known.get("section", "") for key, known in claims_file().items()}
    past = [{claim["key"]: claim for claim in run["claims"]} for run in recorded.values()]
    found = []
    for claim in results["claims"]:
        stem = claim.get("notebook", claim["where"])
        cell = _evidence(claim["key"], books[stem]) if stem in books else None
        chapter = stem if stem in books else None
        found.append(
            claim
            | {"section": sections.get(claim["key"], "")}
            | {"recorded": [run.get(claim["key"]) for run in past], "cell": cell}
            | {"evidence": f"evidence-{claim['key']}" if cell else chapter}
        )
    return found


def _evidence(key: str, book) -> str | None:
    """The last cell that names the claim."""
    quoted = (f'"{key}"', f'"{sentence(key)}"')
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    named = [cell for cell in code if any(name in cell.source for name in quoted)]
    return named[-1].metadata.page_id if named else None


def _chart(main: dict, results: dict) -> dict:
    """The opening chart, as the pictures of a notebook are described."""
    here = None if main is results else results["metrics"]
    name = "this run" if main is results else "the recorded full run on real photos"
    given = FIVE, main["metrics"], here, name
    drawing, narrow = finding(*given), finding(*given, narrow=True)
    words = {"name": drawing.name, "caption": drawing.caption, "alt": drawing.alt}
    words |= {"inches": float(drawing.figure.get_figwidth())}
    sources = {"src": drawing, "narrow": narrow}
    return words | {key: _source({}, svg(each.figure)) for key, each in sources.items()}


def _gains(run: dict) -> dict:
    """What more photos, a pretrained encoder and another landscape gave, where known."""
    studies = {name: pd.DataFrame(**each) for name, each in run.get("studies", {}).items()}
    words = {"doubling": None, "pretrained": None, "landscapes": None}
    if "photos" in studies:
        slope, (low, high) = tables.per_doubling(studies["photos"])
        words["doubling"] = f"{slope:+.1%} ({low:+.1%} to {high:+.1%})"
    if "pretraining" in studies:
        words["pretrained"] = tables.readable(studies["pretraining"], change=True).iloc[-1, 1]
    if "landscapes" in studies:
        words["landscapes"] = studies["landscapes"].mse_vs_gray
    return words


def _csv(runs: dict[str, dict]) -> str:
    """Every metric of every model in every run, as the data of a CSV file, in base64."""
    rows = {
        (run, model): values
        for run, found in runs.items()
        for model, values in found["metrics"].items()
    }
    text = pd.DataFrame(rows).T.to_csv(index_label=["run", "colored by"]) if rows else ""
    return _base64(text)


def _appendix() -> list[dict]:
    """The recorded benchmarks, each with its table and words."""
    found = []
    if (record := cost.recorded()) is not None:
        found.append(
            {
                "name": "cost",
                "title": "Time and memory of each step",
                "text": "Time and peak memory of each step grow with the number of photos.",
                "caption": "Time and peak memory by number of photos.",
                "table": Markup(table(cost.table(record).to_html())),
                "summary": cost.summary(record),
            }
        )
    halves, summary = tables.precision()
    found.append(
        {
            "name": "precision",
            "title": "Training in bfloat16",
            "text": "bfloat16 keeps about three digits, and some processors multiply it faster. "
            "The benchmark trains with it (--bfloat16) and without it on the same photos.",
            "caption": "Held-out photos, with 95% confidence intervals. Changes are from float32.",
            "table": Markup(table(tables.readable(halves, change=True).to_html())),
            "summary": summary,
        }
    )
    speeds, summary = tables.gpu()
    found.append(
        {
            "name": "gpu",
            "title": "Training on a GPU",
            "text": "A GPU trains from photos in its own memory. In small batches it waits for "
            "the processor, which starts its work; large batches keep it busy.",
            "caption": "Photos per second in training, by network and batch size.",
            "table": Markup(table(speeds.to_html())),
            "summary": summary,
        }
    )
    return found


def _style() -> str:
    """The style sheet, and the colors of code in light and dark."""
    light = HtmlFormatter(style="xcode").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    css = (PAGE / "style.css").read_text(encoding="utf-8")
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n{css}"
