"""Measures how fast a photo is prepared, compared with what a user would do instead.

    python benchmarks/preprocessing.py [--photos FOLDER] [--json FILE]

The methods take turns in one run; times are medians. The default is rendered streets, full size.
`cost.py` measures the memory.
"""

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import skimage
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from helpers import color, paths, preprocessing, results
from helpers.photos import decode, sources
from helpers.preprocessing import geometry, thumbnail

LEFT, TOP, RIGHT, BOTTOM = geometry.CLEAR_CROP
RENDERED = 24  # photos, if none are named


def with_scikit_image(path):
    """Read, crop, resize with anti-aliasing, convert: what a user would write."""
    photo = skimage.io.imread(path)[TOP:BOTTOM, LEFT:RIGHT]
    return rgb2lab(skimage.transform.resize(photo, (88, 112), anti_aliasing=True))


def as_the_report_did(path):
    """Decode with Pillow, cut 70 pixels off each side, shrink ten times, scikit-image's Lab."""
    photo = Image.open(path)
    photo = photo.crop((70, 70, photo.width - 70, photo.height - 70))
    photo = photo.resize((photo.width // 10, photo.height // 10)).crop((1, 0, 113, 88))
    return rgb2lab(np.array(photo))


def exactly(path):
    """The reference: decode whole and average every area, else as by default."""
    lightness, ab = color.split_lab(preprocessing.shrink(path, exact=True))
    return color.store_lightness(lightness), color.store_ab(ab)


def by_default(path):
    """Do what `prepare` does with a photo, including its hash and the test for gray."""
    return thumbnail.prepare_photo(path, geometry.SIZE, geometry.FACTOR, None, False)


def decoder_whole(path):
    """The decoder alone."""
    Image.open(io.BytesIO(path.read_bytes())).load()


def decoder_half(path):
    """The decoder alone, averaging two by two pixels, as the default uses it."""
    photo = Image.open(io.BytesIO(path.read_bytes()))
    photo.draft("RGB", (photo.width // 2, photo.height // 2))
    photo.load()


WAYS = (with_scikit_image, as_the_report_did, exactly, by_default, decoder_whole, decoder_half)


def milliseconds(photos: list[Path], rounds: int) -> pd.Series:
    """CPU time of each method for a photo, in ms: median over photos and rounds."""
    times = {way.__name__: [] for way in WAYS}
    for path in photos[:2] + photos * rounds:
        for way in WAYS:
            started = time.process_time()
            way(path)
            times[way.__name__].append(time.process_time() - started)
    return pd.Series({name: 1000 * np.median(spent[2:]) for name, spent in times.items()})


def errors(photos: list[Path]) -> dict[str, float]:
    """Error of the default against the exact, unrounded average: 8-bit steps and CIEDE2000."""
    steps, delta_e = [], []
    for path in photos:
        whole = np.asarray(decode.upright_rgb(decode.opened(path)), dtype=float)
        cells = whole[TOP:BOTTOM, LEFT:RIGHT].reshape(88, 10, 112, 10, 3)
        truth, fast = cells.mean(axis=(1, 3)), preprocessing.shrink(path).astype(float)
        steps.append(np.abs(fast - truth))
        delta_e.append(deltaE_ciede2000(rgb2lab(fast / 255), rgb2lab(truth / 255)))
    return {
        "steps_mean": float(np.mean(steps)),
        "steps_max": float(np.max(steps)),
        "delta_e_mean": float(np.mean(delta_e)),
        "delta_e_max": float(np.max(delta_e)),
    }


def prepare_many(photos: list[Path], count: int, workers: int | None) -> dict[str, float]:
    """Prepare `count` links to `photos` in another process: seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "photos")
        folder.mkdir()
        for number in range(count):
            link = folder / f"{number // 4:06d}_{number % 4 + 1}.jpg"
            link.symlink_to(photos[number % len(photos)].resolve())
        options = ["--prepare", folder, "--workers", str(workers or 0)]
        command = [sys.executable, __file__, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {"photos": count, **json.loads(done.stdout)}


def prepare_here(folder: str, workers: int | None) -> dict[str, float]:
    """Prepare a folder in this process: seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        paths.PREPARED = Path(scratch)
        started = time.perf_counter()
        preprocessing.prepare(folder, workers=workers)
        return {"seconds": time.perf_counter() - started}


def main() -> None:
    """Run the command line: measure, print tables, write the numbers as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", help="a folder of full-size Street View photos")
    parser.add_argument("--json", type=paths.output_file, help="write the numbers to this file")
    parser.add_argument("--rounds", type=int, default=5, help="rounds over the photos")
    parser.add_argument("--counts", type=int, nargs="+", default=[500, 1000, 2000, 4000])
    parser.add_argument("--repeats", type=int, default=3, help="repeats of one worker against two")
    parser.add_argument("--prepare", help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.prepare:
        print(json.dumps(prepare_here(chosen.prepare, chosen.workers or None)))
        return
    source = sources.find(chosen.photos) if chosen.photos else sources.gather("synthetic", RENDERED)
    photos = [photo.path for photo in source.photos]

    ms = milliseconds(photos, chosen.rounds)
    error = errors(photos)
    print(f"{len(photos)} photos of {source.name}, ms of one core for a photo, and ratios:")
    table = pd.DataFrame({"ms": ms, "to default": ms / ms.by_default})
    table["to its floor"] = ms / ms.decoder_half
    print(table.round(2).to_string())
    print(
        f"default against the exact average: {error['steps_mean']:.2f} steps of 255 on average, "
        f"{error['steps_max']:.1f} at most; CIEDE2000 {error['delta_e_mean']:.2f} on average, "
        f"{error['delta_e_max']:.1f} at most"
    )
    scaling = [prepare_many(photos, count, None) for count in chosen.counts]
    print(pd.DataFrame(scaling).round(1).to_string(index=False))
    middle = sorted(chosen.counts)[len(chosen.counts) // 2]
    turns = [
        [prepare_many(photos, middle, n)["seconds"] for n in (1, 2)] for _ in range(chosen.repeats)
    ]
    one, two = np.median(turns, axis=0)
    print(f"{middle} photos: one worker {one:.1f} s, two {two:.1f} s, {one / two:.2f} times faster")

    ratios = {
        "default_vs_report": ms.as_the_report_did / ms.by_default,
        "default_vs_skimage": ms.with_scikit_image / ms.by_default,
        "default_vs_floor": ms.by_default / ms.decoder_half,
        "two_workers_vs_one": one / two,
    }
    print("\n".join(f"{name}: {ratio:.2f}" for name, ratio in ratios.items()))
    if chosen.json:
        numbers = {"ratios": ratios, "scaling": scaling, "ms": ms.to_dict(), "error": error}
        results.save(chosen.json, numbers)


if __name__ == "__main__":
    main()
