"""The committed notebooks ran whole, without a stray error, and are readable."""

import ast

import nbformat
import pytest

from helpers import paths
from helpers.report import notebooks, page_checks

BOOKS = sorted(paths.NOTEBOOKS.glob("[0-9]*.ipynb"))
LONGEST = 16  # lines of a cell


def read(path):
    return nbformat.read(path, as_version=4)


def code(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def test_there_are_seven_chapters_in_order():
    assert [path.name[:2] for path in BOOKS] == ["00", "01", "02", "03", "04", "05", "06"]


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
class TestEveryNotebook:
    def test_ran_whole_and_in_order(self, path):
        assert notebooks.unrun_cells(read(path)) == []
        counts = [cell.execution_count for cell in code(path) if cell.execution_count]
        assert counts == sorted(counts)

    def test_has_no_error_and_nothing_on_stderr(self, path):
        outputs = [output for cell in code(path) for output in cell.outputs]
        assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]

    def test_prints_no_failed_check(self, path):
        printed = [o.text for c in code(path) for o in c.outputs if o.output_type == "stream"]
        assert "FAIL" not in "".join(printed)

    def test_has_one_cell_of_parameters_whose_defaults_are_the_quick_run(self, path):
        tagged = [c for c in code(path) if "parameters" in c.metadata.get("tags", [])]
        assert len(tagged) == 1
        assert 'data = "synthetic"' in tagged[0].source and 'profile = "quick"' in tagged[0].source

    def test_opens_with_its_question_and_closes_with_what_was_not_shown(self, path):
        prose = [c.source for c in read(path).cells if c.cell_type == "markdown"]
        assert prose[0].startswith(f"# {int(path.name[:2])}. ")
        for word in ("Question", "Inputs", "Outputs", "Time"):
            assert f"**{word}.**" in prose[0]
        assert any("What was shown, and what was not" in text for text in prose)

    def test_has_short_cells_without_classes_or_long_functions(self, path):
        for cell in code(path):
            assert cell.source.count("\n") < LONGEST, cell.id
            for node in ast.walk(ast.parse(cell.source)):
                assert not isinstance(node, ast.ClassDef), cell.id
                if isinstance(node, ast.FunctionDef):
                    assert node.end_lineno - node.lineno < 6, cell.id

    def test_shows_figures_with_words_for_those_who_do_not_see_them(self, path):
        for _, _, words in page_checks.pictures(read(path)):
            assert len(words["alt"]) > 20 and words["caption"], words.get("name")

    def test_figures_are_in_the_folder_of_figures(self, path):
        for name in notebooks.figures_of(path):
            assert (paths.FIGURES / f"{name}.png").exists(), name
