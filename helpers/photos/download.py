"""How is the UCF Street View set fetched, politely, and nothing taken for a photo that is none?"""

import csv
import io
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import requests
from PIL import Image
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3.util import Retry

from .. import paths

# As found in public code that uses the set; its page is crcv.ucf.edu/data/GMCP_Geolocalization.
ADDRESS = "http://www.cs.ucf.edu/~aroshan/index_files/Dataset_PitOrlManh/"
VARIABLE = "STREETSIDE_STREETVIEW_URL"  # another address: a mirror
PLACES = 10343  # numbered from 1
PHOTO_BYTES = 750_000  # of a side view, about
LARGEST = 20_000_000
AGENT = "streetside-colorization/1.0 (a reproducible report; fetches each photo once)"

CONNECTIONS = 4
PAUSE = 1.0  # seconds before the second try; it doubles with every further one
TRIES = 4
DEADLINE = 180  # seconds for one photo
GIVE_UP = 20  # failures in a row
BUSY = (429, 500, 502, 503, 504)  # worth waiting for
GONE = (404, 410)


def fetch(
    names: list[str],
    folder: Path,
    address: str | None = None,
    pause: float = PAUSE,
    timeout: tuple[float, float] = (10, 60),
) -> dict[str, str]:
    """Fetch the photos `names` ("000001_1.jpg") into `folder`; those that are there are not asked.

    Returns the names that could not be had, with the reason. Photos that the server does not have
    are noted in missing.csv and not asked for again. `address` (else the variable
    STREETSIDE_STREETVIEW_URL, else ADDRESS) is what `images/<name>` is added to. `pause` and
    `timeout` (to connect, between bytes) are seconds. Says on stderr how much it will fetch.
    Raises ConnectionError if the server cannot be reached, OSError if the disk has no room.
    """
    address = (address or os.environ.get(VARIABLE) or ADDRESS).rstrip("/") + "/"
    for unfinished in folder.glob(".*.part"):
        shutil.rmtree(unfinished)
    missing = _missing(folder)
    wanted = [name for name in names if name not in missing and not (folder / name).exists()]
    if wanted:
        size = len(wanted) * PHOTO_BYTES
        print(
            f"Fetching {len(wanted):,} of {len(names):,} photos, about {size / 1e6:,.0f} MB, "
            f"from {address} to {folder}",
            file=sys.stderr,
        )
        paths.need_room(folder, size)
        with paths.full_disk_named(folder):
            missing |= _fetch_all(wanted, folder, address, pause, timeout)
    return {name: missing[name] for name in names if name in missing}


def _fetch_all(wanted, folder, address, pause, timeout) -> dict[str, str]:
    failed, gone, row = {}, _missing(folder), 0
    pool = ThreadPoolExecutor(CONNECTIONS)
    with (
        _session(pause) as session,
        tqdm(total=len(wanted), unit=" photos", desc="fetching") as bar,
    ):

        def one(name):
            return _fetch_one(session, address, name, folder, pause, timeout)

        try:
            # The first goes alone: without a network nothing else is tried.
            waiting = {pool.submit(one, wanted[0]): wanted[0]}
            first = next(as_completed(waiting)).result()
            if isinstance(first, requests.ConnectionError | requests.Timeout):
                raise ConnectionError(_unreachable(address, first))
            waiting |= {pool.submit(one, name): name for name in wanted[1:]}
            for future in as_completed(waiting):
                name, problem = waiting[future], future.result()
                bar.update()
                row = row + 1 if isinstance(problem, Exception) else 0
                if row == GIVE_UP:
                    raise ConnectionError(_unreachable(address, problem))
                if problem == "the server does not have it":
                    gone[name] = problem
                    _note(folder, gone)
                elif problem is not None:
                    failed[name] = f"could not be fetched ({problem})"
        finally:
            pool.shutdown(cancel_futures=True)
    return gone | failed


def _fetch_one(session, address, name, folder, pause, timeout) -> Exception | str | None:
    """Fetch one photo; None if it is here now, else what is wrong."""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            body = _body(session, f"{address}images/{name}", timeout)
            if isinstance(body, str):
                return body
            Image.open(io.BytesIO(body), formats=["JPEG"]).load()
        except (requests.RequestException, OSError, SyntaxError) as error:
            problem = error
            continue
        with paths.whole(folder / name) as part:
            part.write_bytes(body)
        return None
    return problem


def _body(session, url, timeout) -> bytes | str:
    """What the server sends, or why it is no use to ask again. Raises requests' exceptions."""
    deadline = time.monotonic() + DEADLINE
    with session.get(url, timeout=timeout, stream=True) as response:
        if response.status_code in GONE:
            return "the server does not have it"
        if response.status_code != 200:
            raise requests.HTTPError(f"status {response.status_code}")
        kind = response.headers.get("Content-Type", "").split(";")[0]
        if kind not in ("image/jpeg", "image/jpg", "application/octet-stream", ""):
            return f"the server sent {kind}, not a photo"
        body = bytearray()
        # A body shorter than its Content-Length raises here.
        for piece in response.iter_content(8192):
            body += piece
            if len(body) > LARGEST or time.monotonic() > deadline:
                raise requests.Timeout("too large or too slow")
    return bytes(body)


def _session(pause: float) -> requests.Session:
    """A session that waits and asks again when the server is busy, as long as it is told to."""
    retry = Retry(
        total=None,
        connect=0,
        read=0,
        status=TRIES,
        redirect=3,
        status_forcelist=BUSY,
        backoff_factor=pause,
        backoff_max=60,
        retry_after_max=120,
        raise_on_status=False,
    )
    session = requests.Session()
    session.headers["User-Agent"] = AGENT
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS, max_retries=retry))
    return session


def _unreachable(address: str, error: Exception) -> str:
    return (
        f"{address} cannot be reached ({type(error).__name__}): check the network and run again, "
        f"set {VARIABLE} to a mirror, or use --data synthetic or a folder of photos"
    )


def _missing(folder: Path) -> dict[str, str]:
    try:
        with open(folder / "missing.csv", newline="", encoding="utf-8") as file:
            return {row["file"]: row["reason"] for row in csv.DictReader(file)}
    except FileNotFoundError:
        return {}


def _note(folder: Path, gone: dict[str, str]) -> None:
    with paths.whole(folder / "missing.csv") as part, open(part, "w", newline="") as file:
        csv.writer(file).writerows([("file", "reason"), *gone.items()])
