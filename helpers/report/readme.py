"""How do the numbers of the recorded full run get into the README? `python -m helpers.readme`.

What stands between the marks is written by this module alone; a test holds both together.
"""

from .. import paths, results
from ..results import sentence

BEGIN, END = "<!-- measured: written by python -m helpers.readme -->", "<!-- end of measured -->"
RECORD = paths.MEASURED / "streetview-thumbnails.json"
README = paths.ROOT / "README.md"
COLUMNS = {
    "mse_vs_gray": ("MSE / gray", "{:.3f}"),
    "mse": ("MSE, report's scale", "{:.5f}"),
    "rmse": ("ab RMSE", "{:.2f}"),
    "rmse_chroma20": ("where chroma > 20", "{:.1f}"),
    "auc": ("AuC", "{:.3f}"),
    "auc_rebalanced": ("weighted AuC", "{:.3f}"),
    "psnr": ("PSNR, dB", "{:.1f}"),
    "delta_e": ("CIEDE2000", "{:.2f}"),
    "colorfulness": ("colorfulness", "{:.1f}"),
    "colorfulness_gap": ("colorfulness gap", "{:.1f}"),
    "chroma_ratio": ("chroma ratio", "{:.2f}"),
}


def table(measured: dict) -> str:
    """The metrics of a results.json as a Markdown table; MSE over gray with its interval."""
    heads = [head for head, _ in COLUMNS.values()]
    lines = ["| model | " + " | ".join(heads) + " |", "|---" + "|---:" * len(heads) + "|"]
    for model, metrics in measured["metrics"].items():
        cells = [form.format(metrics[key]) for key, (_, form) in COLUMNS.items()]
        cells[0] += " ({:.3f} to {:.3f})".format(
            metrics["mse_vs_gray_low"], metrics["mse_vs_gray_high"]
        )
        lines.append(f"| `{model}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def findings(measured: dict) -> str:
    """Sentences on what the recorded run found, each from its numbers and verdicts."""
    names = ("published", "colorize_cnn", "street_unet_accurate", "street_unet")
    published, trained, accurate, unet = (measured["metrics"][name] for name in names)
    checks = [c for c in measured["claims"] if c["source"] == "report"]
    sentences = {sentence(check["key"]) for check in checks}
    on_photos = [check for check in checks if check["depends_on_data"]]
    beaten = {"holds": "beats", "fails": "does not beat", "unclear": "cannot be told apart from"}
    verdict = {c["key"]: beaten[c["verdict"]] for c in measured["claims"]}
    return (
        f"The network as the report trained it {verdict['beats_gray']} a plain gray picture: its "
        f"squared error is {published['mse_vs_gray']:.2f} times that of predicting no color at "
        f"all.\nThe same network trained until validation stops improving "
        f"{verdict['trained_beats_gray']} it, at {trained['mse_vs_gray']:.2f} times, with "
        f"{trained['chroma_ratio']:.0%} of the true chroma.\n"
        f"The network made for it, `street_unet`, comes to {accurate['mse_vs_gray']:.2f} times "
        f"when tuned for least error and to {unet['mse_vs_gray']:.2f} times, with "
        f"{unet['chroma_ratio']:.0%} of the true chroma, at its colorful setting.\n"
        f"Of {len(checks)} checks of {len(sentences)} sentences of the report {_said(checks)}; of "
        f"the {len(on_photos)} that depend on the photos {_said(on_photos)}."
    )


def _said(checks: list[dict]) -> str:
    verdicts = [check["verdict"] for check in checks]
    return "{} hold, {} fail and {} stay unclear".format(
        *(verdicts.count(verdict) for verdict in ("holds", "fails", "unclear"))
    )


def filled(text: str, measured: dict) -> str:
    """`text` with what stands between the marks replaced; raises ValueError without the marks."""
    before, mark, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"README.md has lost its marks: put back {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{findings(measured)}\n\n{table(measured)}\n{END}{after}"


if __name__ == "__main__":
    current = README.read_text(encoding="utf-8")
    with paths.whole(README) as part:
        part.write_text(filled(current, results.load(RECORD)), encoding="utf-8")
