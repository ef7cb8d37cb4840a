"""The content of the page, and the faults that stop its build."""

import base64
import re

import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat import v4
from page_samples import code, line, prose

from helpers import paths, results
from helpers.report import page, page_checks, page_text


@pytest.fixture(scope="module")
def html(made):
    return made[2].read_text(encoding="utf-8")


def complaint(made, folder, *cells) -> str:
    """What the build says about cells added to chapter 4, whose number begins at 10."""
    run, books, _ = made
    book = nbformat.read(books[1], as_version=4)
    book.cells += cells
    changed = folder / books[1].name
    nbformat.write(book, changed)
    with pytest.raises(page_text.PageError) as error:
        page.build(run, [books[0], changed], folder / "page.html")
    assert not (folder / "page.html").exists()
    return str(error.value)


def rebuilt(folder, changed: dict, books) -> str:
    """The page of these notebooks with other results."""
    run = folder / "synthetic-quick"
    run.mkdir()
    results.save(run / "results.json", changed)
    return page.build(run, books, folder / "page.html").read_text(encoding="utf-8")


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html.split("</nav>")[1]))


def test_every_claim_stands_in_the_table_with_its_verdicts_and_evidence(html, made):
    found = results.load(made[0] / "results.json")["claims"]
    for claim in found:
        row = html.split(f'<tr id="claim-{claim["key"]}">')[1].split("</tr>")[0]
        assert f"</span> {claim['verdict']}</span>" in row
    row = html.split('<tr id="claim-level_7e4">')[1].split("</tr>")[0]
    assert "6.50 × 10⁻⁴" in row
    assert 'href="#evidence-level_7e4"' in row
    first = html.split(f'<tr id="claim-{found[0]["key"]}">')[1].split("</tr>")[0]
    assert "</span> unclear</span>" in first  # this run did not measure it
    assert "</span> fails</span>" in first  # the recorded one did


def test_an_aside_is_folded_from_its_heading_to_the_next(html):
    soup = BeautifulSoup(html, "html.parser")
    heading = soup.find(id="03_training-A-side-question")
    fold = heading.find_parent("details")
    assert heading.parent.name == "summary" and heading.parent.parent == fold
    assert "Is it?" in fold.text and "It is." in fold.text
    end = soup.find(id="03_training-What-was-shown")
    assert end.find_parent("details") is None and "A line." not in fold.text


def test_a_verdict_of_two_words_is_one_class_and_has_a_sign_and_a_color(html):
    row = html.split('<tr id="claim-level_7e4">')[1].split("</tr>")[0]
    assert '<span class="verdict not-comparable"><span aria-hidden="true">≠</span>' in row
    for verdict in results.UNCOUNTED:
        rule = rf"^[^:{{]*\.{verdict.replace(' ', '-')}\b[^{{]*{{ color"
        assert re.search(rule, html.split("</style>")[0], re.MULTILINE)


def test_the_abstract_answers_the_question_and_leaves_out_models_that_are_not_there(html):
    abstract = text_of(html).split("What held and what did not")[0]
    assert "(published) reaches 1.04 (1.02–1.06, worse than gray), with 12% of the" in abstract
    assert "95% confidence interval of the mean over streets like these" in abstract
    assert "This run (600 pictures of rendered streets at 150 places, each network tr" in abstract
    assert "recorded full run: 1,400 Street View thumbnails at 350 places, each" in abstract
    assert "trained 3 times and tested on another part of the street each time" in abstract
    assert "street_unet" not in abstract
    assert 'This is <a href="#fig-comparison">Figure 2</a>' in html


def test_the_opening_counts_verdicts_for_both_runs_and_names_what_fails(html, made):
    abstract = text_of(html).split("What held and what did not")[0]
    here, past = (
        results.tally_text(results.load(run)["claims"])
        for run in (made[0] / "results.json", paths.MEASURED / "streetview-thumbnails.json")
    )
    assert f"{past} in the recorded full run" in abstract
    assert f"{here} in this run" in abstract
    assert "“Vibrant color” fails here, with 20% of the true colorfulness" in abstract
    failing = html.split('<details class="failed">')[1].split("</details>")[0]
    assert 'href="#claim-vibrant"' in failing and "level_7e4" not in failing


def test_every_sentence_of_the_report_stands_under_its_verdict(html, made):
    section = html.split('<h2 id="claims">')[1].split("How the claims are judged")[0]
    here, past = (
        results.by_verdict(results.load(run)["claims"])
        for run in (made[0] / "results.json", paths.MEASURED / "streetview-thumbnails.json")
    )
    for verdict, claims in past.items():
        head = f"{len(claims)} {results.COUNTED[verdict]} on real photos, {len(here[verdict])} in"
        if claims:
            listed = section.split(head)[1].split("</details>")[0]
            keys = re.findall(r'<a href="#claim-(\w+)">', listed)
            assert keys == [claim["key"] for claim in claims]


def test_the_claims_stand_between_the_one_picture_and_the_tables_of_models(html):
    marks = ['class="headline"', '<h2 id="claims">', '<h2 id="models">', 'class="metrics"']
    assert [html.index(mark) for mark in marks] == sorted(html.index(mark) for mark in marks)
    assert html.count('class="metrics"') == 2
    assert html.index('class="metrics"') < html.index('<h2 id="03_training">')


def test_the_abstract_names_the_second_model_once_it_is_measured(made, tmp_path):
    run, books, _ = made
    changed = results.load(run / "results.json")
    changed["metrics"]["street_unet"] = {"mse_vs_gray": 0.55, "mse_vs_gray_high": 0.6}
    shipped = {"mse_vs_gray": 0.95, "mse_vs_gray_low": 0.88, "mse_vs_gray_high": 1.03}
    changed["metrics"]["street_unet_shipped"] = shipped
    changed["metrics"]["street_unet_accurate_shipped"] = {"mse_vs_gray": 0.4}
    text = text_of(rebuilt(tmp_path, changed, books))
    assert "street_unet, reaches 0.550 (0.550–0.600, better than gray)" in text
    assert "shipped weights, colorful" in text
    assert "0.950 (0.880–1.03, not distinguishable from gray) at the colorful one" in text


def test_a_verdict_stands_below_its_cell_with_how_it_was_found(html):
    cell = html.split('id="04_evaluation-cell-vibrant"')[1].split('class="cell"')[0]
    judged = text_of("</nav>" + cell.split('id="evidence-vibrant">')[1].split("</li>")[0])
    assert judged.startswith("✗ fails") and "0.200" in judged and "it holds if this" in judged
    assert 'href="#claim-vibrant"' in cell


def test_claims_lead_to_the_cell_that_names_them_or_their_sentence(html):
    cell = html.split('id="03_training-cell-claim"')[1].split('class="cell"')[0]
    assert 'id="evidence-level_7e4"' in cell and 'id="evidence-fall_until_60_csv"' in cell
    assert 'id="evidence-vibrant"' not in cell


def test_figures_are_numbered_captioned_described_and_named_in_the_text(html):
    assert '<a href="#fig-loss">Figure 1</a>' in html
    assert '<a href="#fig-comparison">Figure 2</a>' in html
    assert "<b>Figure 1.</b> Loss by batch.\n" in html  # the side bar says that it is quick
    assert "<b>Figure 2.</b> Photos by rule." in html
    assert 'alt="A falling line."' in html


def test_a_drawing_is_sharp_and_photos_lie_over_each_other(html):
    loss = html.split('<figure id="fig-loss">')[1].split("</figure>")[0]
    assert "data:image/svg+xml;base64," in loss
    samples = html.split('<figure id="fig-comparison">')[1].split("</figure>")[0]
    assert samples.count('class="layer"') == 4 * 3


def test_formulas_are_mathml_and_numbers_are_filled(html):
    assert "<mfrac>" in html and "<msqrt>" in html
    assert "gray has 0.0012" in html


def test_a_quick_run_is_marked_once_and_hidden_cells_stay_away(html):
    assert html.count(">quick run<") == 1
    assert "quick run" in html.split("<nav")[1].split("</nav>")[0]
    for kept in ('<figure id="fig-kept">', 'id="04_evaluation-cell-kept-table"'):
        shown = html.split(kept)[1].split("</figure>" if "fig" in kept else "</table>")[0]
        assert "recorded full run</span>" in shown and "quick run" not in shown
    assert "04_evaluation-cell-frame" in html
    assert "04_evaluation-cell-sliders" not in html


def test_the_footer_says_how_to_rebuild_and_what_it_ran_on(html):
    footer = html.split('<footer id="about">')[1]
    for word in (
        "./run_all.sh",
        "Commit",
        "Threads",
        "scikit-image",
        "CPU",
        "Built on",
        "README.md",
    ):
        assert word in footer
    assert "0123456789abcdef" not in footer and "-dirty" not in footer


def test_times_are_those_of_notebooks_and_trainings_with_totals(html):
    footer = text_of("</nav>" + html.split('<footer id="about">')[1])
    assert "03_training15.5Total15.5" in footer.replace(" ", "")
    assert "published12.0Total12.0" in footer.replace(" ", "")
    assert "It includes the training times." in footer
    assert "step_kernel_9" not in footer


def test_the_footer_names_what_took_longest(made, tmp_path):
    run, books, _ = made
    changed = results.load(run / "results.json")
    changed["timings"] |= {"train colorize_cnn": 11.0, "04_evaluation": 99.5, "step_kernel_9": 500}
    threads = {"03_training": 1, "04_evaluation": 2}
    changed["environment"]["threads_of_chapters"] = threads
    footer = rebuilt(tmp_path, changed, books).split('<footer id="about">')[1]
    footer = text_of("</nav>" + footer)
    assert "so the run took less than the total." in footer
    assert "The longest chapter was 04_evaluation." in footer
    assert "The longest training run was published." in footer


def test_recorded_benchmarks_stand_in_the_appendix_and_in_the_side_bar(html):
    appendix = html.split('<h2 id="appendix">')[1].split("</section>")[0]
    assert '<a href="#appendix">' in html.split("</nav>")[0]
    for name in ("cost", "precision", "gpu"):
        assert f"data/measured/{name}.json" in appendix
        assert f'aria-labelledby="caption-{name}"' in appendix or f'id="caption-{name}"' in appendix
    assert appendix.count("<table") == 3 and "bfloat16" in appendix and "62,058" in appendix


def test_a_chapter_can_be_saved_as_a_notebook_without_outputs(html):
    encoded = re.search(r'download="03_training.ipynb" href="data:[^,]*,([^"]*)"', html)[1]
    book = nbformat.reads(base64.b64decode(encoded).decode(), as_version=4)
    outputs = [c.outputs for c in book.cells if c.cell_type == "code"]
    assert len(outputs) == 4 and not any(outputs)


@pytest.mark.parametrize("repository", ["ada/streets", ""])
def test_notebooks_open_on_binder_where_the_repository_is_known(made, tmp_path, repository):
    run, books, _ = made
    changed = results.load(run / "results.json")
    changed["environment"]["repository"] = repository
    built = rebuilt(tmp_path, changed, books)
    found = re.findall(
        r"https://mybinder\.org/v2/gh/ada/streets/HEAD\?labpath=notebooks%2F(\w+)", built
    )
    assert set(found) == ({"00_try_it"} | {book.stem for book in books} if repository else set())
    assert ("mybinder" in built) == bool(repository)


def test_nothing_on_the_page_tells_of_the_folders_of_one_machine(made, tmp_path):
    run, books, _ = made
    book = nbformat.read(books[0], as_version=4)
    book.metadata["papermill"] = {"input_path": "/somewhere/private/03.ipynb"}
    book.cells[1].metadata["papermill"] = {"start_time": "/somewhere/private"}
    given = code('data = "/somewhere/private/streets"', tags=["injected-parameters"], name="given")
    book.cells.insert(1, given)
    nbformat.write(book, tmp_path / books[0].name)
    built = page.build(run, [tmp_path / books[0].name, books[1]], tmp_path / "page.html")
    html = built.read_text(encoding="utf-8")
    saved = re.search(r'download="03_training.ipynb" href="data:[^,]*,([^"]*)"', html)[1]
    for text in (html, base64.b64decode(saved).decode()):
        assert "somewhere" not in text and "private" not in text
    assert "streets" in base64.b64decode(saved).decode()


def test_names_of_photos_and_folders_read_as_they_are(made, tmp_path):
    run, books, _ = made
    names = ["{{x}} {2019}.jpg", "$a_b$ \\alpha.jpg", "<i>&amp;.jpg"]
    frame = pd.DataFrame({"file": names}).to_html()
    shown = v4.new_output("display_data", {"text/html": frame, "text/plain": "x"})
    given = code(
        r'data = "/somewhere/\"q\" {{x}} \u6771"', tags=["injected-parameters"], name="given"
    )
    folder = "{{x}} $a_b$ \\alpha <i>"
    named = line(results.start("04_evaluation"), "named", f"Photos of {folder}.")
    book = nbformat.read(books[1], as_version=4)
    book.cells += [given, code("f()", shown, name="names"), code("g()", named, name="named")]
    nbformat.write(book, tmp_path / books[1].name)
    changed = results.load(run / "results.json")
    changed["data"]["folder"] = folder
    built = rebuilt(tmp_path, changed, [books[0], tmp_path / books[1].name])
    soup = BeautifulSoup(built, "html.parser")
    assert f"600 photos of “{folder}” at 150 places" in soup.find(id="abstract").text
    assert f"The photos of “{folder}”" in soup.find(id="caption-this-run").text
    cell = soup.find(id="04_evaluation-cell-names")
    assert [td.text for td in cell.find_all("td")] == names
    assert """data = '"q" {{x}} 東'""" in cell.text  # above the next output
    assert f"Photos of {folder}." in soup.find(id="fig-named").figcaption.text
    assert "rendered streets" not in soup.find(id="about").text


def test_every_reference_that_is_listed_says_where_it_is_used(html):
    listed = html.split('<ul class="references">')[1].split("</ul>")[0]
    assert "Joint Bilateral Upsampling" in listed and "Guided Image Filtering" not in listed
    entry = listed.split('id="ref-hasler2003"')[1].split("</li>")[0]
    assert 'Used in <a href="#04_evaluation">chapter 4</a>.' in entry


PICTURE = {"name": "large", "caption": "Large.", "alt": "Nothing."}
UNFIT = {
    "no 'metrics.nobody.mse'": prose("It is {{metrics.nobody.mse}}.", "key"),
    "{{metrics.gray.mse:q}}": prose("It is {{metrics.gray.mse:q}}.", "format"),
    "a key that was not filled": prose("It is {{metrics gray}}.", "braces"),
    "link to nowhere: #fig-nowhere": prose("See [it](#fig-nowhere).", "figure"),
    "link to nowhere: #04_evaluation-Not": prose("See [it](#Not).", "heading"),
    "a link to another file, but the page is one file": prose("See [it](other.html).", "file"),
    "network: https://example.org/a": prose("![it](https://example.org/a)", "network"),
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
    number = 10 + list(UNFIT).index(said)
    place = f"04_evaluation, cell {number} ({UNFIT[said].id}): "
    assert any(said in line and line.startswith(place) for line in complaints), complaints


def test_a_figure_shown_twice_stops_the_build(made, tmp_path):
    again = nbformat.read(made[1][1], as_version=4).cells[1]
    again.id = "again"
    assert "two figures are named 'comparison'" in complaint(made, tmp_path, again)


@pytest.mark.parametrize("style", ["@import 'a.css';", "a {background: url(//e.org/a.png)}"])
def test_a_style_that_loads_something_is_found(style):
    assert "network" in " ".join(page_checks.page_problems(f"<style>{style}</style>"))


def test_a_page_over_6_mb_is_found():
    assert "6,000,000" in " ".join(page_checks.page_problems("x" * 6_000_001))


def test_the_page_opens_with_the_finding_a_picture_a_chart_and_the_verdicts(html, made):
    top = html.split('<header id="abstract">')[1].split('<details class="more">')[0]
    marks = ["<h1>", 'class="headline"', 'class="finding"', 'class="strip"', 'class="five"']
    assert [top.index(mark) for mark in marks] == sorted(top.index(mark) for mark in marks)
    recorded = results.load(paths.MEASURED / "streetview-thumbnails.json")
    assert page_text.headline(recorded) in top
    checks = [
        c for c in results.load(made[0] / "results.json")["claims"] if c["source"] == "report"
    ]
    strip = top.split('class="strip"')[1].split('class="buttons"')[0]
    assert strip.count("<a class=") == len(checks)
    past = {claim["key"]: claim["verdict"] for claim in recorded["claims"]}
    assert f'class="{past["vibrant"]}" href="#claim-vibrant"' in strip


def test_claims_of_the_recorded_run_stand_in_todays_words(html):
    sentences = BeautifulSoup(html, "html.parser").select("ul.sentences li")
    assert sentences and "Words of then" not in html


def test_the_headline_says_what_the_numbers_and_verdicts_say():
    def run(published, longer, verdict):
        metrics = {"published": published, "colorize_cnn": longer, "street_unet_accurate": 0.5}
        metrics = {name: {"chroma_ratio": value} for name, value in metrics.items()}
        return {"metrics": metrics, "claims": [{"key": "unet_beats_cnn", "verdict": verdict}]}

    said = page_text.headline(run(0.2, 0.6, "holds"))
    assert "almost gray, with 20% of their color; trained longer, it gives them 60%; ours" in said
    assert said.endswith("ours is closer to the ground truth.")
    said = page_text.headline(run(0.5, 0.6, "unclear"))
    assert "50% of their color" in said and "unclear" in said
    assert "no closer" in page_text.headline(run(0.5, 0.6, "fails"))


def test_every_metric_of_both_runs_can_be_saved_as_csv(html, made):
    data = html.split('href="data:text/csv;base64,')[1].split('"')[0]
    lines = base64.b64decode(data).decode().splitlines()
    found = {tuple(line.split(",")[:2]) for line in lines[1:]}
    for name, run in {
        "this run": results.load(made[0] / "results.json"),
        "streetview-thumbnails": results.load(paths.MEASURED / "streetview-thumbnails.json"),
    }.items():
        assert {(name, model) for model in run["metrics"]} <= found
