"""Small executed notebooks with everything a page can hold, made without a kernel."""

from contextlib import contextmanager
from unittest import mock

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat import v4

from helpers import paths, plots, results
from helpers.plots.comparison import comparison
from helpers.report import environment, page

STEMS = ("03_training", "04_evaluation")


def figure_output(run: results.Run, drawing: results.Drawing) -> nbformat.NotebookNode:
    """The output of the cell that shows a drawing."""
    with mock.patch("IPython.display.display") as display:
        run.figure(drawing)
    return v4.new_output(
        "display_data", display.call_args.args[0], metadata=display.call_args.kwargs["metadata"]
    )


def line(run: results.Run, name: str, caption: str) -> nbformat.NotebookNode:
    """A figure with a falling line."""
    figure, axis = plots.new()
    axis.plot(np.linspace(10, 1, 60) ** 2)
    return figure_output(run, results.Drawing(figure, name, caption, "A falling line."))


def code(source: str, *outputs, tags=(), name="cell") -> nbformat.NotebookNode:
    """An executed code cell."""
    cell = v4.new_code_cell(source, outputs=list(outputs), execution_count=1, id=name)
    cell.metadata["tags"] = list(tags)
    return cell


def prose(source: str, name: str, tags=()) -> nbformat.NotebookNode:
    """A cell of Markdown."""
    return v4.new_markdown_cell(source, id=name, metadata={"tags": list(tags)})


def table(rows: int = 4) -> nbformat.NotebookNode:
    """A table as pandas shows it; its numbers sort differently as text."""
    frame = pd.DataFrame({"model": list("abcdefgh")[:rows], "mse": [9.5, 10.25, 2.0, 100.5][:rows]})
    return v4.new_output(
        "execute_result", {"text/html": frame.to_html(), "text/plain": "x"}, execution_count=1
    )


def training(run: results.Run) -> nbformat.NotebookNode:
    """A chapter with a drawing, a formula, a table, a key and links."""
    loss = line(run, "loss", "Loss by batch.")
    return v4.new_notebook(
        cells=[
            prose("# 3. Training\n\nHow is it fitted? See [below](#What-was-shown).", "title"),
            code("import numpy as np", name="imports"),
            prose(
                "## The loss\n\nThe loss is $\\frac{1}{n}\\sum_i (x_i - y_i)^2$, and\n\n"
                "$$\\sqrt{a^2 + b^2}$$\n\nAs [the loss](#fig-loss) shows, and "
                "[the grid](#fig-comparison) in [the next chapter](04_evaluation.ipynb), gray has "
                "{{metrics.gray.mse:.4f}} "
                "([Zhang et al. 2016](#ref-zhang2016)). It is `gray`.",
                "formula",
            ),
            code("run.figure(fig)", loss, name="loss"),
            code('keys = ("level_7e4", "fall_until_60")\n' + "x = 1  # long " * 20, name="claim"),
            prose("## A side question\n\nIs it?", "aside", tags=["aside"]),
            code("print(2)", v4.new_output("stream", name="stdout", text="It is.\n"), name="is"),
            prose("## What was shown\n\nA line.", "end"),
        ]
    )


def evaluation(run: results.Run) -> nbformat.NotebookNode:
    """A chapter with photos to compare, a table, printed text and a hidden cell."""
    numbers = np.random.default_rng(0)
    truth = numbers.integers(0, 255, (4, 88, 112, 3), dtype=np.uint8)
    gray = truth.mean(axis=-1).astype(np.uint8)
    layers = {"gray": gray, "output": truth // 2, "truth": truth}
    words = ("comparison", "Photos by rule.", "Gray, output and truth.")
    samples = figure_output(run, comparison(layers, list("ABCD"), *words))
    judged = v4.new_output("stream", name="stdout", text="fails    vibrant\n         0.200\n")
    return v4.new_notebook(
        cells=[
            prose("# 4. Evaluation\n\nHow good is it?", "title"),
            code("run.figure(plots.samples(photos))", samples, name="samples"),
            prose("## The table", "table"),
            code("frame", table(), name="frame"),
            code("print(1)", v4.new_output("stream", name="stdout", text="PASS\n"), name="print"),
            code('judge(run, "vibrant", ratio)', judged, name="vibrant"),
            code("kept", line(run, "kept", "Kept, of the recorded full run."), name="kept"),
            code("kept", table(2), tags=["recorded"], name="kept-table"),
            code("interact(f)", tags=["no-report", "nbval-skip"], name="sliders"),
        ]
    )


def metrics(ratio: float, *models: str) -> dict:
    """Metrics of some models at one ratio to gray."""
    return {
        model: {
            "mse": 0.00119 * ratio,
            "mse_vs_gray": ratio,
            "mse_vs_gray_low": ratio - 0.02,
            "mse_vs_gray_high": ratio + 0.02,
            "chroma_ratio": 0.12,
            "colorfulness_gap": 12.5,
        }
        for model in models
    }


def run_folder(*models: str):
    """A run folder with results.json and two executed notebooks; returns it and their paths."""
    run = results.start("03_training")
    run.record(
        metrics=metrics(1.0, "gray") | metrics(1.04, *models),
        timings={"train published": 12.0, "step_kernel_9": 0.7, "03_training": 15.5},
        data={"count": 600, "places": 150, "key": "0123456789abcdef" * 4},
        training={"best_epochs": {"0": 12}},
    )
    results.start("04_evaluation").claim("vibrant", 0.2, (0.19, 0.21))
    run.claim("level_7e4", 6.5e-4, (6.4e-4, 6.6e-4))
    run.claim("fall_until_60", 25, (20, 30))
    environment.assemble(run.folder, "quick")
    books = []
    for stem, make in zip(STEMS, (training, evaluation)):
        books.append(run.folder / "notebooks" / f"{stem}.ipynb")
        books[-1].parent.mkdir(exist_ok=True)
        nbformat.write(make(run), books[-1])
    return run.folder, books


def record_real_run() -> None:
    """A recorded full run on real photos, made from the run's own results, and another file."""
    found = results.load(paths.BUILD / "results.json") | {"profile": "full"}
    found["data"] = {"count": 1400, "places": 350}
    found["training"] = {"best_epochs": {"0": 20, "1": 45, "2": 16}}
    for claim in found["claims"][:3]:
        claim |= {"measured": 0.5, "interval": [0.4, 0.6], "verdict": "fails"}
    for claim in found["claims"]:
        claim["text"] = f"Words of then: {claim['text']}"
    results.save(paths.MEASURED / "streetview-thumbnails.json", found)
    results.save(paths.MEASURED / "histogram.json", {"counts": [1, 2]})  # not a run


@contextmanager
def project(folder):
    """A project in `folder` with a run and a recorded one: (run folder, notebooks, page)."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("BUILD", "FIGURES", "MEASURED"):
            patch.setattr(paths, name, folder / name.lower())
        run, books = run_folder("published", "colorize_cnn")
        record_real_run()
        yield run, books, page.build(run, books, folder / "report.html")
