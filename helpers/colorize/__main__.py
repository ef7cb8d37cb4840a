"""Colors photo files and folders of them.

    python -m helpers.colorize photo.jpg --output colored/
    python -m helpers.colorize album/ --output colored/ --compare

Photos keep their names, formats and metadata (`photo_files`). Originals are never touched, and a
colored photo is written whole or not at all.
"""

import argparse
import os
import sys
import time
from pathlib import Path

try:
    from tqdm import tqdm

    from .. import paths
    from ..photos import decode
    from . import coloring, judged, photo_files
    from .album import Done, color_album, find_jobs, identities
    from .coloring import Colorizer
except KeyboardInterrupt:  # PyTorch takes seconds to load
    if __name__ != "__main__":
        raise
    print("Stopped before any photo was colored.", file=sys.stderr)
    raise SystemExit(130) from None

MEGAPIXELS = (1, 4000)  # limits of --max-megapixels
LISTED = 20  # photos named in a list; the rest are counted

DESCRIPTION = """Color gray photos at their own size. Only color is added; the lightness stays.

If a photo has color, its gray version is colored and the error is reported. A print in one tone,
such as sepia, counts as gray, and its tone is replaced. A white or black border stays without
color. If it is wider than a fifth of the photo and not on all four sides, crop it first.
If the network is unsure of a photo, the command reports the photo and uses --model accurate.
Files are JPEG, PNG, WebP or TIFF. They keep their format, EXIF, orientation and color profile, but
a profile for gray gives way to sRGB.
A PNG or TIFF of 16 bits is written with 16 bits, unless it has transparent parts or color of more
than 40 megapixels. A colored file says in EXIF and XMP that its colors were predicted."""


def parser() -> argparse.ArgumentParser:
    """The options of `python -m helpers.colorize`."""
    made = argparse.ArgumentParser(
        prog="python -m helpers.colorize",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add(
        "inputs", nargs="+", type=photo_or_folder, metavar="IN", help="photos, or folders of photos"
    )
    add("--output", type=folder, required=True, metavar="OUT", help="folder for colored photos")
    add(
        "--weights",
        type=paths.input_file,
        default=paths.SHIPPED,
        metavar="W",
        help="weights from python -m helpers.training (default: the ones in data/weights)",
    )
    add(
        "--model",
        default=coloring.MODEL,
        metavar="accurate|colorful",
        help="colorful (default): more saturated; accurate: less saturated, lowest "
        "error. The names street_unet (colorful) and street_unet_accurate work too",
    )
    add(
        "--temperature",
        type=between(*coloring.TEMPERATURES),
        metavar="T",
        help="{} to {}: smaller moves each color toward the likeliest one, larger toward the mean "
        "of all, which is pink (default: the model's own, see data/weights/README.md)".format(
            *coloring.TEMPERATURES
        ),
    )
    add(
        "--chroma-gain",
        type=between(*coloring.GAINS),
        default=1.0,
        metavar="G",
        help="multiply all chroma by G, {} to {} (default: 1)".format(*coloring.GAINS),
    )
    add("--device", help="cpu, cuda or mps (default: a GPU if there is one)")
    add("--compare", action="store_true", help="also write gray and color side by side")
    add(
        "--uncertainty",
        action="store_true",
        help="also write a map of the uncertainty, from black (certain) to white",
    )
    add(
        "--check-orientation",
        action="store_true",
        help="report street photos that may be turned by 90 degrees, upside down or negative. They "
        "are colored as they are. data/weights/README.md says how often this check is right",
    )
    add("--no-mark", action="store_true", help="leave out the mark that colors were predicted")
    add(
        "--max-megapixels",
        type=between(*MEGAPIXELS),
        default=decode.MAX_PIXELS / 1e6,
        metavar="N",
        help="color photos of up to N megapixels, WebP of half as many; {} to {} (default: "
        "%(default)g); memory grows with N".format(*MEGAPIXELS),
    )
    existing = made.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace existing files")
    existing.add_argument(
        "--keep",
        action="store_true",
        help="leave existing files as they are and write the others, with the options given now",
    )
    return made


def photo_or_folder(text: str) -> Path:
    """For argparse: a photo or a folder, `~` expanded. Refuses an empty path: this folder."""
    if not text:
        raise argparse.ArgumentTypeError("the path is empty")
    return Path(os.path.expanduser(text))


def folder(text: str) -> Path:
    """For argparse: a folder to write into. Refuses a file, and the name of a photo."""
    path = paths.output(text)
    existing = next((place for place in (path, *path.parents) if os.path.exists(place)), path)
    if os.path.exists(existing) and not os.path.isdir(existing):
        raise argparse.ArgumentTypeError(f"{existing} is a file: name a folder")
    if path.suffix.lower() in paths.PHOTO_ENDINGS and not os.path.exists(path):
        raise argparse.ArgumentTypeError(
            f"{path} is the name of a photo: name a folder (the colored photo keeps its name)"
        )
    return path


def between(low: float, high: float):
    """For argparse: a type for numbers from `low` to `high`."""

    def number(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is out of range: take {low} to {high}")
        return value

    return number


def main(arguments: list[str] | None = None) -> int:
    """Color photos as the command line says; the exit status is 1 if any photo failed."""
    paths.print_any_name()
    made = parser()
    try:
        try:
            return color_all(made, made.parse_args(arguments))
        finally:
            print(end="", flush=True)  # here, and not when Python exits
    except BrokenPipeError:  # as by `| head`, which has read enough; all photos are done
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("Stopped. Run the same command with --keep to color the rest.", file=sys.stderr)
        return 130


def color_all(made: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Color the photos of the options, print a report, and return the exit status."""
    try:
        colorizer = Colorizer.load(
            options.weights,
            options.model,
            options.temperature,
            options.chroma_gain,
            options.device,
        )
        mark = None if options.no_mark else photo_files.mark_of(options.weights)
    except (OSError, ValueError) as error:
        made.exit(2, f"{made.prog}: {error}\n")
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"cannot make {options.output} ({error.strerror}): name another folder"
        made.exit(2, f"{made.prog}: {why}\n")
    begun = time.perf_counter()
    jobs, done = find_jobs(options.inputs, options.output, options.compare, options.uncertainty)
    originals = identities(given.photo for given in [*jobs, *done])
    taken = "overwrite" if options.overwrite else "keep" if options.keep else "error"
    most = int(options.max_megapixels * 1e6)
    check = options.check_orientation
    results = color_album(jobs, colorizer, taken, originals, mark, most, check)
    # one photo needs no bar; for more, None draws one only in a terminal
    hidden = True if len(jobs) < 2 else None
    done += tqdm(results, total=len(jobs), unit="photo", disable=hidden)
    done.sort(key=lambda one: str(one.photo))
    print(report(done, time.perf_counter() - begun))
    failed = [f"  {shown(one.photo)}: {one.failure}" for one in done if one.failure]
    if failed:
        print(f"{len(failed)} could not be colored:", *listed(failed), sep="\n", file=sys.stderr)
    return 1 if failed else 0


def report(done: list[Done], seconds: float) -> str:
    """What was colored, with errors and losses, in lines for a user."""
    colored = [one for one in done if not one.failure and not one.kept]
    lines = [
        f"colored {len(colored)} of {len(done)} photos in {seconds:.1f} s "
        f"({len(colored) / seconds:.1f} a second)"
    ]
    kept = sum(one.kept for one in done)
    if kept:
        lines.append(f"{kept} existed already and were skipped")
    toned = sum(one.kind == "toned" for one in colored)
    if toned:
        are = "is" if toned == 1 else "are"
        lines.append(f"{toned} {are} in one tone, such as sepia, and counted as gray")
    unsure = [one for one in colored if one.unsure]
    if unsure:
        lines.append(f"unsure of {len(unsure)}, which have the colors of accurate:")
        lines += listed([f"  {shown(one.photo)}: unsure" for one in unsure])
    compared = [one for one in colored if one.errors]
    if compared:
        mean = {
            name: sum(one.errors[name] for one in compared) / len(compared)
            for name in compared[0].errors
        }
        lines.append(
            f"{len(compared)} had color: their gray versions were colored. Mean error against "
            f"their own color: {judged.error_text(mean)}"
        )
        lines += listed(
            [f"  {shown(one.photo)}: {judged.error_text(one.errors)}" for one in compared]
        )
    for loss in sorted({loss for one in colored for loss in one.losses}):
        lines.append(f"{loss}:")
        lines += listed([f"  {shown(one.photo)}" for one in colored if loss in one.losses])
    return "\n".join(lines)


def listed(lines: list[str]) -> list[str]:
    """The first lines, and the number of further ones."""
    more = len(lines) - LISTED
    return [*lines[:LISTED], f"  and {more} more"] if more > 0 else lines


def shown(path: Path) -> str:
    """A path on one line, whatever its name holds."""
    name = str(path)
    return name if name.isprintable() else ascii(name)


if __name__ == "__main__":
    raise SystemExit(main())
