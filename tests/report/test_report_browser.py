"""The page in a browser: no request, no error, usable by mouse, keyboard and on paper."""

import base64
import re
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH: install it with the system's packages")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def visit(browser, made):
    """Open the page; nothing may leave it and the console must stay silent."""
    pages, seen = [], []

    def open_page(width=1280, height=900, **options):
        page = browser.new_page(viewport={"width": width, "height": height}, **options)
        page.on("request", lambda r: r.url.startswith(("data:", "file:")) or seen.append(r.url))
        page.on("console", lambda message: seen.append(message.text))
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.goto(made[2].as_uri())
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert seen == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_with_code_folded_and_open(visit, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit(width, color_scheme=scheme)
    folded = axe.run(page).response["violations"]
    page.locator("#code-switch").click()
    assert page.locator("details.code:not([open])").count() == 0
    unfolded = axe.run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in folded + unfolded] == []


def test_on_a_phone_the_bar_shows_the_chapter_and_the_switch_for_code(visit):
    page = visit(390, reduced_motion="reduce")
    page.evaluate("document.getElementById('04_evaluation-The-table').scrollIntoView()")
    page.wait_for_function("document.querySelector('.here > a')?.hash === '#04_evaluation'")
    shown = page.locator("nav .here > a")
    plain = page.locator("nav > ol > li:not(.here) > a").first
    color = "e => getComputedStyle(e).backgroundColor"
    assert shown.evaluate(color) != plain.evaluate(color)
    switch = page.locator("#code-switch").bounding_box()
    chapter = shown.bounding_box()
    assert 0 <= switch["x"] < switch["x"] + switch["width"] <= chapter["x"] < 390
    page.locator("#code-switch").click()
    assert page.locator("details.code:not([open])").count() == 0


def test_on_a_phone_a_drawing_scrolls_instead_of_shrinking_and_nothing_promises_columns(visit):
    page = visit(390)
    drawing = page.locator("#fig-loss img").bounding_box()
    assert drawing["width"] >= 560 > page.locator("#fig-loss .drawing").bounding_box()["width"]
    assert not page.locator(".sorts").is_visible()
    for caption in page.locator(".caption").all():
        box = caption.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert visit(1280).locator(".sorts").is_visible()


def test_on_a_phone_the_opening_chart_fits_and_has_one_panel_below_the_other(visit):
    shape = {}
    for width in (1280, 390):
        chart = visit(width).locator(".finding img")
        box = chart.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
        shape[width] = box["width"] / box["height"]
    assert shape[1280] > 2 and shape[390] < 1


@pytest.mark.parametrize("width", [1280, 390])
def test_a_link_to_a_claim_unfolds_it_and_its_evidence_shows_verdict_and_number(visit, width):
    page = visit(width, reduced_motion="reduce")
    page.locator(".strip a[href='#claim-vibrant']").click()
    page.locator("#claim-vibrant td a").click()
    page.wait_for_function("location.hash === '#evidence-vibrant'")
    verdict = page.locator("#evidence-vibrant")
    assert "✗ fails" in verdict.inner_text() and "0.200" in verdict.inner_text()
    top = page.locator("nav").bounding_box()["height"] if width < 800 else 0
    assert top <= verdict.bounding_box()["y"] < 700


def test_a_link_to_an_aside_unfolds_it(visit):
    page = visit()
    printed = page.get_by_text("It is.")
    assert not printed.is_visible()
    page.locator("nav a", has_text="A side question").evaluate("link => link.click()")
    printed.wait_for(state="visible")


def test_the_link_below_a_figure_opens_its_code_and_the_code_can_be_copied(visit):
    page = visit()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#fig-loss .links a", has_text="code").click()
    code = page.locator('[id="03_training-cell-loss-code"]')
    code.locator(".copy").click()
    code.locator(".copy", has_text="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "run.figure(fig)" in copied


def test_the_points_of_a_drawing_and_a_table_can_be_saved_as_csv(visit):
    page = visit()
    link = page.locator("#fig-loss .links a[download='loss.csv']")
    kind, data = link.get_attribute("href").split(",")
    lines = base64.b64decode(data).decode().splitlines()
    assert kind == "data:text/csv;base64" and lines[0] == "panel,series,x,y" and len(lines) == 61
    assert lines[1].endswith(",0,100")


@pytest.mark.parametrize("way", ["hover", "focus"])
def test_a_link_shows_the_figure_or_the_reference_that_it_leads_to(visit, way):
    page = visit()
    preview = page.locator("#preview")
    for link, said in (("#fig-loss", "Loss by batch"), ("#ref-zhang2016", "Colorful Image")):
        getattr(page.locator(f"article p a[href='{link}']").first, way)()
        assert said in preview.inner_text()
        assert preview.locator("img").count() == (link == "#fig-loss")
    page.keyboard.press("Escape")
    assert not preview.is_visible()


@pytest.mark.parametrize(("width", "beside"), [(1280, True), (1000, False)])
def test_a_wide_margin_says_what_a_model_is_beside_its_first_mention(visit, width, beside):
    page = visit(width)
    note = page.locator(".note").first
    assert note.is_visible() == beside
    if beside:
        assert "gray (a = b = 0)" in note.inner_text()
        text = page.locator(".cell:has(> .note) p:has(a.model)").first.bounding_box()
        assert note.bounding_box()["x"] >= text["x"] + text["width"]


def test_a_heading_has_an_address_that_leads_back_to_it(visit):
    page = visit(reduced_motion="reduce")
    link = page.locator("h3", has_text="The loss").locator(".permalink")
    link.focus()
    link.press("Enter")
    assert page.evaluate("decodeURIComponent(location.hash)") == "#03_training-The-loss"


@pytest.mark.parametrize("width", [1280, 800, 390])
def test_nothing_is_wider_than_the_window(visit, width):
    page = visit(width)
    page.locator("#code-switch").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_slider_moves_by_mouse_and_by_keyboard(visit):
    page = visit()
    slider = page.locator("#fig-comparison input[type=range]")
    hidden = "els => els.map(e => parseFloat(e.style.clipPath.split(' ')[1]))"
    layers = page.locator("#fig-comparison .photo").first.locator(".layer")
    box = slider.bounding_box()
    slider.click(position={"x": box["width"] - 2, "y": box["height"] / 2})
    assert slider.input_value() == "200"
    assert layers.evaluate_all(hidden) == [0, 0, 0]
    slider.press("Home")
    assert slider.get_attribute("aria-valuetext") == "gray"
    assert layers.evaluate_all(hidden) == [0, 100, 100]
    slider.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "output over gray, 5%"
    assert layers.evaluate_all(hidden) == [0, 95, 100]


def test_without_scripts_the_grid_is_plain_and_the_code_unfolds(browser, made):
    page = browser.new_page(java_script_enabled=False)
    page.goto(made[2].as_uri())
    layers = page.locator("#fig-comparison .photo").first.locator(".layer")
    lefts = [layers.nth(k).bounding_box()["x"] for k in range(3)]
    assert lefts == sorted(set(lefts))
    page.locator("details.code summary").first.click()
    assert page.locator("details.code pre").first.is_visible()
    assert not page.locator("#code-switch").is_visible()
    page.close()


def test_every_link_of_the_side_bar_lands_and_the_bar_follows(visit):
    page = visit(reduced_motion="reduce")
    for link in page.locator("nav > ol > li > a").all():
        link.click()
        target = page.locator(f'[id="{link.get_attribute("href")[1:]}"]')
        page.wait_for_function(
            "e => e.getAttribute('aria-current') === 'true'", arg=link.element_handle()
        )
        assert target.is_visible()
        box = target.bounding_box()
        assert box["y"] < 900 and box["y"] + box["height"] > 0


def test_every_section_of_a_chapter_is_reached_from_the_side_bar(visit):
    page = visit(reduced_motion="reduce")
    chapters = page.locator("nav > ol > li", has=page.locator("ol"))
    assert chapters.count() == 2
    for chapter in chapters.all():
        chapter.locator("> a").click()
        for link in chapter.locator("ol a").all():
            link.click()
            box = page.locator(f'[id="{link.get_attribute("href")[1:]}"]').bounding_box()
            assert 0 <= box["y"] < 900


def test_a_table_sorts_by_number_and_back(visit):
    page = visit()
    table = page.locator('[id="04_evaluation-cell-frame"] table.dataframe')
    head = table.locator("th button", has_text="mse")
    cells = table.locator("tbody td:last-child")
    head.click()
    assert cells.all_inner_texts() == ["2.00", "9.50", "10.25", "100.50"]
    head.press("Enter")
    assert cells.all_inner_texts() == ["100.50", "10.25", "9.50", "2.00"]
    assert table.locator("th[aria-sort=descending]").count() == 1


def test_a_click_shows_a_picture_in_full_size_and_escape_closes_it(visit):
    page = visit()
    page.locator("#fig-loss .zoom").click()
    assert page.locator("dialog[open] img").get_attribute("alt") == "A falling line."
    assert "Figure 1. Loss by batch." in page.locator("dialog[open]").inner_text()
    assert page.locator("dialog[open] a").get_attribute("download") == "loss.svg"
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_print_has_several_pages_and_cuts_no_figure(visit):
    page = visit(width=673, height=1002)  # A4 at 96 points an inch, less its margins
    page.emulate_media(media="print")
    for figure in page.locator("figure").all():
        assert figure.bounding_box()["height"] < 1002
        assert figure.evaluate("e => getComputedStyle(e).breakInside") == "avoid"
    assert page.locator("#fig-comparison .layer").first.is_visible()
    assert not page.locator("nav").is_visible()
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) > 3
