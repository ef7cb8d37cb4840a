"""How do I color my own photos?

    python -m helpers.colorize photo.jpg --output colored/
    python -m helpers.colorize album/ --output colored/ --compare

    from helpers.colorize import Colorizer
    rgb = Colorizer.load().colorize(gray)

Photos keep their names, formats and what their files say (`photo_files`). Originals are never
touched, and a colored photo is written whole or not at all.
"""

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path

try:
    from tqdm import tqdm

    from ..paths import PHOTO_ENDINGS
    from .album import Done, color_album, find_jobs, identities
    from .coloring import MODEL, WEIGHTS, Colorizer
except KeyboardInterrupt:  # PyTorch takes seconds to load
    if __name__ != "__main__":
        raise
    print("stopped before any photo was colored", file=sys.stderr)
    raise SystemExit(130) from None

__all__ = ["Colorizer", "main"]

TOLD = 20  # photos named in a list; of further ones the number

DESCRIPTION = """Color gray photos at their own size; what they show and how light it is stays.

A photo in color is colored from its gray version, and the error is reported. A print in one tone,
such as sepia, counts as gray: the tone gives way to colors. A white or black border on all four
sides of a scan stays without color; cut one on fewer sides off first, it misleads the network.
JPEG, PNG, WebP and TIFF up to 120 megapixels; each keeps its format, EXIF, orientation and color
profile."""


def parser() -> argparse.ArgumentParser:
    """The options of `python -m helpers.colorize`."""
    made = argparse.ArgumentParser(
        prog="python -m helpers.colorize",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("inputs", nargs="+", type=Path, metavar="IN", help="photos, or folders of photos")
    add("--output", type=Path, required=True, metavar="OUT", help="the folder for colored photos")
    add("--weights", type=Path, default=WEIGHTS, metavar="W", help="other weights than the shipped")
    add(
        "--model",
        default=MODEL,
        help="street_unet (default), as colorful as streets are, or street_unet_accurate, paler "
        "and closer on average",
    )
    add(
        "--temperature",
        type=float,
        metavar="T",
        help="below the model's own (see data/weights/README.md): bolder; above: paler",
    )
    add("--chroma-gain", type=float, default=1.0, metavar="G", help="multiply all chroma (1)")
    add("--device", help="cpu, cuda or mps; by default a GPU if there is one")
    add("--compare", action="store_true", help="write gray and color side by side as well")
    add(
        "--uncertainty",
        action="store_true",
        help="write a map as well: black is certain, white knows nothing",
    )
    there = made.add_mutually_exclusive_group()
    there.add_argument("--overwrite", action="store_true", help="replace files that are there")
    there.add_argument(
        "--keep", action="store_true", help="leave files that are there, make the others"
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    """Color photos as the command line says; the exit status is 1 if any photo failed."""
    made = parser()
    options = made.parse_args(arguments)
    output = options.output.expanduser()
    if output.is_file() or (output.suffix.lower() in PHOTO_ENDINGS and not output.is_dir()):
        made.exit(2, f"{made.prog}: --output {shown(output)}: name a folder, not a file\n")
    try:
        return color_all(made, options, output)
    except KeyboardInterrupt:
        print("stopped; the same command with --keep goes on", file=sys.stderr)
        return 130


def color_all(made: argparse.ArgumentParser, options: argparse.Namespace, output: Path) -> int:
    """Color what the options name into a folder, tell what was done, and return the status."""
    try:
        colorizer = Colorizer.load(
            options.weights,
            options.model,
            options.temperature,
            options.chroma_gain,
            options.device,
        )
        output.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        made.exit(2, f"{made.prog}: {error}\n")
    begun = time.perf_counter()
    jobs, done = find_jobs(
        [given.expanduser() for given in options.inputs],
        output,
        options.compare,
        options.uncertainty,
    )
    originals = identities(given.photo for given in [*jobs, *done])
    taken = "overwrite" if options.overwrite else "keep" if options.keep else "error"
    with tqdm(total=len(jobs), unit="photo", disable=True if len(jobs) < 2 else None) as shown_bar:
        for one in color_album(jobs, colorizer, taken, originals):
            done.append(one)
            shown_bar.update()
    done.sort(key=lambda one: str(one.photo))
    print(told(done, time.perf_counter() - begun))
    failed = [f"  {shown(one.photo)}: {one.failure}" for one in done if one.failure]
    if failed:
        print(f"{len(failed)} could not be colored:", *listed(failed), sep="\n", file=sys.stderr)
    return 1 if failed else 0


def told(done: list[Done], seconds: float) -> str:
    """What was done, for a person to read."""
    colored = [one for one in done if not one.failure and not one.kept]
    lines = [
        f"colored {len(colored)} of {len(done)} photos in {seconds:.1f} s "
        f"({len(colored) / seconds:.1f} a second)"
    ]
    kept = sum(one.kept for one in done)
    if kept:
        lines.append(f"{kept} were there already and were kept")
    toned = sum(one.kind == "toned" for one in colored)
    if toned:
        are = "is" if toned == 1 else "are"
        lines.append(f"{toned} {are} in one tone, such as sepia, which was taken for gray")
    compared = [one for one in colored if one.errors]
    if compared:
        mean = {
            name: sum(one.errors[name] for one in compared) / len(compared)
            for name in compared[0].errors
        }
        lines.append(
            f"{len(compared)} had color: their gray versions were colored, and the error against "
            f"their own color is, on average, {error_text(mean)}"
        )
        lines += listed([f"  {shown(one.photo)}: {error_text(one.errors)}" for one in compared])
    for loss in sorted({loss for one in colored for loss in one.losses}):
        lines.append(f"{loss}:")
        lines += listed([f"  {shown(one.photo)}" for one in colored if loss in one.losses])
    return "\n".join(lines)


def error_text(errors: dict[str, float]) -> str:
    """The errors of `photo_files.errors` in a few words, beside those of gray."""
    return (
        f"CIEDE2000 {errors['delta_e']:.1f} (gray {errors['delta_e_gray']:.1f}), "
        f"ab RMSE {errors['rmse']:.1f} (gray {errors['rmse_gray']:.1f})"
    )


def listed(lines: list[str]) -> Iterable[str]:
    """The first lines, and how many more there are."""
    more = len(lines) - TOLD
    return [*lines[:TOLD], f"  and {more} more"] if more > 0 else lines


def shown(path: Path) -> str:
    """A path on one line, whatever its name holds."""
    name = str(path)
    return name if name.isprintable() else ascii(name)


if __name__ == "__main__":
    raise SystemExit(main())
