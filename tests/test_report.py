"""The page: what is on it, and what stops it."""

import base64
import re

import nbformat
import pytest
from nbformat import v4
from page_samples import code, project, prose

from helpers import page_checks, page_text, report, results


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run with a recorded real one beside it: (run folder, notebooks, page)."""
    with project(tmp_path_factory.mktemp("project")) as built:
        yield built


@pytest.fixture(scope="module")
def html(made):
    return made[2].read_text(encoding="utf-8")


def complaint(made, folder, *cells) -> str:
    """What the build says about cells added to chapter 4, whose number begins at 7."""
    run, books, _ = made
    book = nbformat.read(books[1], as_version=4)
    book.cells += cells
    changed = folder / books[1].name
    nbformat.write(book, changed)
    with pytest.raises(page_text.PageError) as error:
        report.build(run, [books[0], changed], folder / "page.html")
    assert not (folder / "page.html").exists()
    return str(error.value)


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html.split("</nav>")[1]))


def test_every_claim_stands_in_the_table_with_its_verdicts_and_evidence(html, made):
    found = results.load(made[0] / "results.json")["claims"]
    for claim in found:
        row = html.split(f'<tr id="claim-{claim["key"]}">')[1].split("</tr>")[0]
        assert f"</span> {claim['verdict']}</span>" in row
    row = html.split('<tr id="claim-level_7e4">')[1].split("</tr>")[0]
    assert "6.50 × 10⁻⁴" in row
    assert 'href="#03_training-cell-claim"' in row
    first = html.split(f'<tr id="claim-{found[0]["key"]}">')[1].split("</tr>")[0]
    assert "</span> unclear</span>" in first  # this run did not measure it
    assert "</span> fails</span>" in first  # the recorded one did


def test_the_abstract_answers_the_question_and_leaves_out_models_that_are_not_there(html):
    abstract = text_of(html).split("What held and what did not")[0]
    assert "ends at 1.04 times the squared error of a gray picture: worse than gray" in abstract
    assert "(1.02 to 1.06)" in abstract
    assert "recorded full run, streetview-thumbnails" in abstract
    assert "street_unet" not in abstract
    assert 'This is <a href="#fig-samples">Figure 2</a>' in html


def test_the_abstract_names_the_second_model_once_it_is_measured(made, tmp_path):
    run, books, _ = made
    changed = results.load(run / "results.json")
    changed["metrics"]["street_unet"] = {"mse_vs_gray": 0.55, "mse_vs_gray_high": 0.6}
    (tmp_path / "synthetic-quick").mkdir()
    results.save(tmp_path / "synthetic-quick" / "results.json", changed)
    page = report.build(tmp_path / "synthetic-quick", books, tmp_path / "page.html")
    assert "street_unet, ends at 0.550 times, better than gray" in text_of(page.read_text())


def test_figures_are_numbered_captioned_described_and_named_in_the_text(html):
    assert '<a href="#fig-loss">Figure 1</a>' in html
    assert '<a href="#fig-samples">Figure 2</a>' in html
    assert "<b>Figure 1.</b> Loss by batch." in html
    assert "<b>Figure 2.</b> Photos by rule." in html
    assert 'alt="A falling line."' in html


def test_a_drawing_is_sharp_and_photos_lie_over_each_other(html):
    loss = html.split('<figure id="fig-loss">')[1].split("</figure>")[0]
    assert "data:image/svg+xml;base64," in loss
    samples = html.split('<figure id="fig-samples">')[1].split("</figure>")[0]
    assert samples.count('class="layer"') == 4 * 3


def test_formulas_are_mathml_and_numbers_are_filled(html):
    assert "<mfrac>" in html and "<msqrt>" in html
    assert "gray has 0.0012" in html


def test_quick_numbers_are_marked_and_hidden_cells_stay_away(html):
    for part in ("fig-loss", "fig-samples"):
        assert "quick run" in html.split(f'id="{part}"')[1].split("</figure>")[0]
    assert "04_evaluation-cell-frame" in html
    assert "04_evaluation-cell-sliders" not in html


def test_the_footer_says_how_to_rebuild_and_what_it_ran_on(html):
    footer = html.split('<footer id="about">')[1]
    for word in ("./run_all.sh", "Commit", "Threads", "scikit-image", "Cpu", "training", "12.0"):
        assert word in footer


def test_a_chapter_can_be_saved_as_a_notebook_without_outputs(html):
    encoded = re.search(r'download="03_training.ipynb" href="data:[^,]*,([^"]*)"', html)[1]
    book = nbformat.reads(base64.b64decode(encoded).decode(), as_version=4)
    assert [c.outputs for c in book.cells if c.cell_type == "code"] == [[], [], []]


PICTURE = {"name": "large", "caption": "Large.", "alt": "Nothing."}
UNFIT = {
    "no 'metrics.nobody.mse'": prose("It is {{metrics.nobody.mse}}.", "key"),
    "{{metrics.gray.mse:q}}": prose("It is {{metrics.gray.mse:q}}.", "format"),
    "a key that was not filled": prose("It is {{metrics gray}}.", "braces"),
    "link to nowhere: #fig-nowhere": prose("See [it](#fig-nowhere).", "figure"),
    "link to nowhere: #04_evaluation-Not": prose("See [it](#Not).", "heading"),
    "link to nowhere, for the page is one file": prose("See [it](other.html).", "file"),
    "network: https://example.org/a": prose("See [it](https://example.org/a).", "network"),
    "network: //example.org/b": prose("![a picture](//example.org/b)", "image"),
    "leftover TeX: Half": prose("Half a formula: \\alpha", "tex"),
    "leftover TeX: \\unknown": prose("$\\unknown{x}$", "command"),
    "error E: v": code("f()", v4.new_output("error", ename="E", evalue="v"), name="error"),
    "stderr: hm": code("w()", v4.new_output("stream", name="stderr", text="hm"), name="warning"),
    "picture without alt": code(
        "p()", v4.new_output("display_data", {"image/png": "aGk="}), name="wordless"
    ),
    "picture of 420 KB": code(
        "p()",
        v4.new_output(
            "display_data", {"image/png": "A" * 560_000}, metadata={"image/png": PICTURE}
        ),
        name="large",
    ),
}


@pytest.fixture(scope="module")
def complaints(made, tmp_path_factory):
    return complaint(made, tmp_path_factory.mktemp("unfit"), *UNFIT.values()).splitlines()


@pytest.mark.parametrize("said", UNFIT)
def test_what_a_reader_must_not_see_stops_the_build_and_names_the_cell(complaints, said):
    number = 7 + list(UNFIT).index(said)
    place = f"04_evaluation, cell {number} ({UNFIT[said].id}): "
    assert any(said in line and line.startswith(place) for line in complaints), complaints


def test_a_figure_shown_twice_stops_the_build(made, tmp_path):
    again = nbformat.read(made[1][1], as_version=4).cells[1]
    again.id = "again"
    assert "two figures are named 'samples'" in complaint(made, tmp_path, again)


@pytest.mark.parametrize("style", ["@import 'a.css';", "a {background: url(//e.org/a.png)}"])
def test_a_style_that_loads_something_is_found(style):
    assert "network" in " ".join(page_checks.page_problems(f"<style>{style}</style>"))


def test_a_page_over_6_mb_is_found():
    assert "6,000,000" in " ".join(page_checks.page_problems("x" * 6_000_001))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not measured"),
        (0, "0"),
        (600, "600"),
        (1.0, "1.00"),
        (25.0, "25"),
        (0.98, "0.980"),
        (12.34, "12.3"),
        (1234.5, "1234"),
        (-0.05, "-0.0500"),
        (6.5e-4, "6.50 × 10⁻⁴"),
    ],
)
def test_numbers_read_as_numbers(value, text):
    assert report.number_text(value) == text


@pytest.mark.parametrize(
    ("band", "text"),
    [
        ([0, 0], "is 0"),
        ([0, 0.9], "is at most 0.9"),
        ([1.1, 100], "is at least 1.1"),
        ([40, 80], "lies in 40 to 80"),
    ],
)
def test_bands_read_as_sentences(band, text):
    assert report.band_text(band) == text


def test_a_key_finds_numbers_and_claims(made):
    found = results.load(made[0] / "results.json")
    assert page_text.fill("{{ claims.level_7e4.verdict }}", found) == "holds"
    assert page_text.fill("{{claims.factor_11.measured}}", found) == "not measured"
