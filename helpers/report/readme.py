"""`python -m helpers.report.readme`: write the numbers of the recorded full run into the README.

Everything between the marks is written here; a test compares README and record.
"""

import argparse

from .. import paths, results
from ..results import tally_text
from .page_text import FIVE, FIVE_COLUMNS, nearest, training_text

BEGIN = "<!-- measured: written by python -m helpers.report.readme -->"
END = "<!-- end of measured -->"
RECORD = paths.MEASURED / "streetview-thumbnails.json"
README = paths.ROOT / "README.md"
FIRST = "mse_vs_gray"  # the column with its interval


def table(measured: dict) -> str:
    """Five models of a results.json as a Markdown table of three columns, the best value bold."""
    values = {model: measured["metrics"][model] for model in FIVE}
    heads = [head for head, *_ in FIVE_COLUMNS.values()]
    lines = ["| colored by | " + " | ".join(heads) + " |", "|---" + "|---:" * len(heads) + "|"]
    for model, name in FIVE.items():
        cells = []
        for key, (_, digits, goal) in FIVE_COLUMNS.items():
            best = nearest([*FIVE], values, key, goal)
            cell = f"{values[model][key]:.{digits}f}"
            cells.append(f"**{cell}**" if model == best else cell)
        if model != "gray":
            cells[0] += f" ({_span(values[model], '')})"
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _span(values: dict, kind: str) -> str:
    low, high = (values.get(f"{FIRST}{kind}_{end}") for end in ("low", "high"))
    return "-" if low is None else f"{low:.2f} to {high:.2f}"


def findings(measured: dict) -> str:
    """Sentences on what the recorded run found, each from its numbers and verdicts."""
    names = ("published", "colorize_cnn", "street_unet_accurate", "street_unet")
    published, trained, accurate, unet = (measured["metrics"][name] for name in names)
    words = {"holds": "below", "fails": "not below"}
    verdict = {
        c["key"]: words.get(c["verdict"], "not distinguishable from") for c in measured["claims"]
    }
    return (
        f"With the report's recipe, the network has an error relative to gray of "
        f"{published[FIRST]:.2f}, which is {verdict['beats_gray']} 1.\n"
        f"The same network, {training_text(measured)}, has an error of {trained[FIRST]:.2f} and "
        f"{trained['chroma_ratio']:.0%} of the true chroma. This error is "
        f"{verdict['trained_beats_gray']} 1.\n"
        "The purpose-built network, `street_unet`, is a U-Net with a pretrained encoder. It has "
        f"two operating points. The accurate one reaches {accurate[FIRST]:.2f}. The colorful one "
        f"is more saturated and reaches {unet[FIRST]:.2f}, with {unet['chroma_ratio']:.0%} of "
        "the true chroma.\n"
        f"At the accurate point, {accurate['better_than_gray']:.0%} of the photos have a lower "
        f"error than gray. Streets differ: the 95% prediction interval for another stretch of the "
        f"same city is {_span(accurate, '_new')} at this point.\n"
        f"{tally_text(measured['claims'])}."
    )


def filled(text: str, measured: dict) -> str:
    """`text` with everything between the marks replaced. Raises ValueError without the marks."""
    before, mark, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"README.md has lost its marks: put back {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{findings(measured)}\n\n{table(measured)}\n{END}{after}"


if __name__ == "__main__":
    argparse.ArgumentParser(
        prog="python -m helpers.report.readme",
        description="Write the results of the recorded full run into README.md.",
    ).parse_args()
    current = README.read_text(encoding="utf-8")
    with paths.whole(README) as part:
        part.write_text(filled(current, results.load(RECORD)), encoding="utf-8")
