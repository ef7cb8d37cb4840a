"""Notebooks of a few cells."""

import nbformat


def book(*sources: str, title: str = "# 1. A chapter"):
    """A notebook with a title, a cell of parameters and one code cell for each source."""
    cells = [nbformat.v4.new_code_cell(source) for source in ('data = "synthetic"', *sources)]
    cells[0].metadata["tags"] = ["parameters"]
    cells.insert(0, nbformat.v4.new_markdown_cell(title))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return made
