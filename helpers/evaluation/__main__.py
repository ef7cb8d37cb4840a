"""`python -m helpers.evaluation`: measure weights on a folder of photos they have not seen."""

import argparse
import os
import sys

from .. import metrics, paths, results
from .folder import compare, evaluate_folder, read_record


def check_folder(text: str) -> None:
    """Raise ValueError unless this is a folder; a source of ./run_all.sh would be downloaded."""
    if text in paths.SOURCES:
        raise ValueError(
            f"{text} are photos of ./run_all.sh, which measures them itself: run "
            f"./run_all.sh --data {text}, or give ./{text} for a folder of that name"
        )
    if not os.path.isdir(os.path.expanduser(text)):
        raise ValueError(f"there is no folder {text!r}: give a folder of photos")


def main(arguments: list[str] | None = None) -> int:
    """Measure as the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m helpers.evaluation",
        description="Measure the shipped model, and baselines without a network, on your photos. "
        "They are shrunk to 112 x 88 and colored as by python -m helpers.colorize.",
        epilog="The same files as those that the weights were trained or tuned on are left out and "
        "counted; resized or edited copies are not recognized.",
    )
    add = parser.add_argument
    add("folder", help="a folder of color photos, at least 24 of ten places")
    add("--weights", type=paths.input_file, metavar="W",
        help="other weights of street_unet (default: the ones in data/weights)")  # fmt: skip
    add("--json", type=paths.output_file, metavar="FILE", help="also write the numbers to FILE")
    add("--check", type=paths.input_file, metavar="FILE",
        help="compare with the numbers in FILE, which an earlier --json wrote")  # fmt: skip
    add("--judged", type=int, default=200, metavar="N",
        help="photos that a classifier judges as well, about half a second each; 0 for none "
        "(default: 200)")  # fmt: skip
    paths.print_any_name()
    options = parser.parse_args(arguments)
    if options.judged < 0:
        parser.error(f"--judged is a number of photos, 0 or more, not {options.judged}")
    try:
        recorded = read_record(options.check) if options.check else None
        check_folder(options.folder)
        evaluation, counts, judgement = evaluate_folder(
            options.folder, options.weights, options.judged
        )
        found = {"data": counts, "metrics": evaluation.as_results()}
        if judgement:
            found["judge"] = judgement.as_results()
        lines, agree = compare(found, recorded) if options.check else ([], True)
        if options.json:
            results.save(options.json, found)
    except (OSError, ValueError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    print(
        f"{counts['photos']} photos of {counts['places']} places; {counts['left_out']} left out "
        f"(seen by the weights, or their neighbors), {counts['rejected']} rejected."
    )
    if not counts["weights"]:
        print("No weights are shipped or given: baselines only, with the mean of these photos.")
    print(f"Value [95% confidence interval of the mean, resampling {evaluation.resampled()}].")
    table = evaluation.table(metrics.METRICS)
    if judgement:
        table = table.join(judgement.table()).fillna("-")
    print(table.T.to_string())
    if judgement:
        print(judgement.note())
    print(*evaluation.expected(), sep="\n")
    print(*lines, sep="\n", end="\n" if lines else "")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
