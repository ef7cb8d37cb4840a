"""Measures time and memory of coloring a photo, and how much color runs over edges.

    python benchmarks/colorize.py --json FILE [--photos FOLDER] [--weights W]

Time and memory are those of JPEGs made from the photos, each colored in a new process; start-up
(imports and weights) is measured apart. Bleeding is `helpers.colorize.bleeding` on the photos, by
default rendered streets. The ratios compare with bilinear enlargement of the same chroma.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from helpers import paths, results
from helpers.colorize import Colorizer, bleeding
from helpers.photos import controls, sources
from helpers.photos.decode import opened, upright_rgb
from helpers.preprocessing.geometry import CLEAR_CROP

SIZES = {2: (1632, 1224), 24: (6000, 4000), 100: (11600, 8700)}  # megapixels: width, height
ROUNDS = 3
CHILD = """
import sys, time
from pathlib import Path
from helpers.colorize.album import color_album, find_jobs
from helpers.colorize import Colorizer
colorizer = Colorizer.load(sys.argv[1], device="cpu")
jobs, _ = find_jobs([Path(sys.argv[2])], Path(sys.argv[3]))
began = time.perf_counter()
failed = [done.failure for done in color_album(jobs, colorizer, "overwrite") if done.failure]
assert not failed, failed
print(time.perf_counter() - began)
"""


def main() -> None:
    """Measure everything, print it, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", type=paths.output_file, metavar="FILE")
    parser.add_argument("--photos", type=Path, metavar="FOLDER")
    parser.add_argument("--weights", type=paths.input_file, default=paths.SHIPPED, metavar="W")
    parser.add_argument("--count", type=int, default=100, help="photos of 2 megapixels in a folder")
    options = parser.parse_args()
    if options.count < 1:
        parser.error(f"--count {options.count}: take a number of photos from 1 up")
    source = sources.find(options.photos) if options.photos else sources.gather("synthetic", 8)
    pictures = [picture_of(photo.path) for photo in source.photos[:8]]
    report = {"photos": source.name, "pictures": len(pictures)}
    report |= costs(pictures[0], options.weights, options.count)
    table = bleeding.compare(pictures, Colorizer.load(options.weights))
    print(table.round(3).to_string(index=False))
    report["bleeding"] = table.to_dict("records")
    report["ratios"] = {
        f"{column}_vs_bilinear, {name}": of(table, name, "joint, corrected", column)
        / of(table, name, "bilinear", column)
        for name in (bleeding.IDEAL, "street_unet")
        for column in ("delta_e", "near", "stray")
    }
    print(json.dumps(report["ratios"], indent=1))
    if options.json:
        results.save(options.json, report)


def of(table, chroma: str, way: str, column: str) -> float:
    """One number from the table of `bleeding.compare`."""
    return float(table[(table.chroma == chroma) & (table.way == way)][column].item())


def picture_of(path: Path) -> np.ndarray:
    """The pixels of a photo; of a full-size Street View photo, the part without controls."""
    image = upright_rgb(opened(path))
    return np.asarray(image.crop(CLEAR_CROP) if image.size in controls.SIZES else image)


def costs(picture: np.ndarray, weights: Path, count: int) -> dict[str, float]:
    """Seconds and peak memory (medians of ROUNDS processes), and photos a second for a folder."""
    found = {}
    gray = Image.fromarray(picture).convert("L")
    with tempfile.TemporaryDirectory() as folder:
        for megapixels, size in SIZES.items():
            photo = Path(folder) / f"{megapixels}.jpg"
            grainy(gray.resize(size, Image.Resampling.BICUBIC)).save(photo, quality=92)
            rounds = [in_a_process(weights, photo, folder) for _ in range(ROUNDS)]
            seconds, startup, gib = (statistics.median(values) for values in zip(*rounds))
            found[f"seconds_{megapixels}mp"], found[f"peak_gib_{megapixels}mp"] = seconds, gib
            found["seconds_startup"] = startup
            print(f"{megapixels} megapixels: {seconds:.2f} s, {gib:.2f} GiB at most", flush=True)
        album = Path(folder) / "album"
        album.mkdir()
        data = (Path(folder) / "2.jpg").read_bytes()
        for number in range(count):
            (album / f"{number}.jpg").write_bytes(data)
        seconds, _, gib = in_a_process(weights, album, folder)
        found["photos_per_second_2mp"], found["peak_gib_folder"] = count / seconds, gib
        print(f"{count} photos of 2 megapixels: {count / seconds:.1f} a second, {gib:.2f} GiB")
    return found


def grainy(image: Image.Image) -> Image.Image:
    """The picture with fine grain: an enlarged photo would decode too fast."""
    tile = np.random.default_rng(0).integers(-5, 6, (512, 512))
    rows, columns = (-(-side // 512) for side in image.size[::-1])
    grain = np.tile(tile.astype(np.int8), (rows, columns))[: image.height, : image.width]
    return Image.fromarray(
        np.clip(np.asarray(image).astype(np.int16) + grain, 0, 255).astype(np.uint8)
    )


def in_a_process(weights: Path, given: Path, folder: str) -> tuple[float, float, float]:
    """Seconds of coloring, seconds of start-up, and peak memory in GiB."""
    command = [sys.executable, "-c", CHILD, weights, given, Path(folder) / "colored"]
    began, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        watched = psutil.Process(child.pid)
        while child.poll() is None:
            try:
                peak = max(peak, watched.memory_info().rss)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.005)
        printed = child.stdout.read()
    if child.returncode:
        raise RuntimeError(f"coloring {given} ended with status {child.returncode}")
    seconds = float(printed)
    return seconds, time.perf_counter() - began - seconds, peak / 2**30


if __name__ == "__main__":
    main()
