"""Downloads the UCF Street View set, at most four photos at a time and each photo once."""

import csv
import io
import itertools
import os
import queue
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import requests
from PIL import Image
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import Retry

from .. import paths

# As found in public code that uses the set; its page is crcv.ucf.edu/data/GMCP_Geolocalization.
ADDRESS = "http://www.cs.ucf.edu/~aroshan/index_files/Dataset_PitOrlManh/"
VARIABLE = "STREETSIDE_STREETVIEW_URL"  # another address: a mirror
PLACES = 10343  # numbered from 1
PHOTO_BYTES = 750_000  # of a side view, about
LARGEST = 20_000_000  # bytes
AGENT = "streetside-colorization/1.0 (a reproducible report; fetches each photo once)"

CONNECTIONS = 4
PAUSE = 1.0  # seconds before the second try; it doubles with every further one
TRIES = 4
DEADLINE = 180  # seconds for one photo
GIVE_UP = 20  # failures in a row
ALONE = 2  # of them, if nothing was reached before
MISSING, FAILED = "missing.csv", "failed.csv"
LAST = "address.txt"  # the address that the last photos came from
LACKING = "the server does not have it"


def fetch(
    names: list[str],
    folder: Path,
    address: str | None = None,
    pause: float = PAUSE,
    timeout: tuple[float, float] = (10, 60),
) -> dict[str, str]:
    """Download the photos `names` ("000001_1.jpg") that `folder` lacks.

    Returns the names that could not be downloaded, with the reason. Photos that the server does
    not have are noted in missing.csv and not requested again from this address. They are noted
    only if a photo came from it, which a wrong address does not give. Photos that failed are noted
    in failed.csv; the next run requests them last. The first requests are spread over `names`, for
    mirrors that hold a part of the set. Where STREETSIDE_FETCHED is set, as in the chapters of a
    run, nothing is requested. Photos are at `<address>images/<name>`; the default is the variable
    STREETSIDE_STREETVIEW_URL, else ADDRESS. `pause` and `timeout` (to connect, between bytes) are
    seconds. Raises ConnectionError if the server cannot be reached or has none of GIVE_UP photos,
    OSError if the disk has no room.
    """
    address = (address or os.environ.get(VARIABLE) or ADDRESS).rstrip("/") + "/"
    paths.remove_left_behind(folder)
    missing, failed = _noted(folder / MISSING), _noted(folder / FAILED)
    last = _text(folder / LAST)
    known = last == address  # whether the set is at this address
    trusted = missing if known or not last else {}  # without LAST, notes of an earlier version
    absent = [name for name in names if not (folder / name).exists()]
    wanted = [name for name in absent if name not in trusted]
    if wanted and not os.environ.get(paths.FETCHED):
        first = set(wanted[:: max(1, len(wanted) // GIVE_UP)])
        wanted.sort(key=lambda name: (name in failed, name not in first))
        missing = trusted
        size = len(wanted) * PHOTO_BYTES
        print(
            f"Fetching {len(wanted):,} of {len(names):,} photos, about {size / 1e6:,.0f} MB, "
            f"from {address} to {folder}",
            file=sys.stderr,
        )
        paths.need_room(folder, size)
        with paths.full_disk_named(folder):
            _fetch_all(wanted, known, missing, failed, folder, address, pause, timeout)
        absent = [name for name in absent if not (folder / name).exists()]
    noted = failed | missing
    return {name: noted.get(name, "gone since it was fetched") for name in absent}


def _fetch_all(wanted, known, missing, failed, folder, address, pause, timeout) -> None:
    """Download photos; those that are missing or fail join the notes, with the reason."""
    before, row, alone, unnoted = set(failed), 0, True, False
    session = _session(pause)
    waiting, results, stop = queue.SimpleQueue(), queue.SimpleQueue(), threading.Event()
    writing = threading.Lock()  # so that Ctrl-C waits for a file that is being written

    def work() -> None:
        while (name := waiting.get()) and not stop.is_set():
            try:
                found = _fetch_one(session, address, name, pause, timeout)
                if isinstance(found, bytes):
                    with writing:
                        if stop.is_set():
                            return
                        with paths.whole(folder / name) as part:
                            part.write_bytes(found)
                    found = None
                results.put((name, found))
            except Exception as error:  # of this machine's disk
                results.put((None, error))

    # Daemons, so that Ctrl-C need not wait for a silent server.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    try:
        waiting.put(wanted[0])  # alone: without a network little else is tried
        untried = iter(wanted[1:])
        for _ in tqdm(range(len(wanted)), desc="fetching", unit=" photos"):
            name, problem = results.get()
            if name is None:
                raise problem
            if problem is None and not known:
                known = True
                # What was missing at another address is forgotten.
                unnoted = unnoted or (folder / MISSING).exists()
                with paths.whole(folder / LAST) as part:
                    part.write_text(address, encoding="utf-8")
            # Until a photo was had, no answer shows that the others are at this address.
            bad = isinstance(problem, Exception) or not known
            # What failed in an earlier run says nothing about the server of today.
            row = row + 1 if bad and name not in before else 0
            unreachable = isinstance(problem, requests.ConnectionError | requests.Timeout)
            alone = alone and unreachable and row > 0
            if row == (ALONE if alone else GIVE_UP):
                raise ConnectionError(_unreachable(address, problem))
            for other in itertools.islice(untried, 1 if alone else None):
                waiting.put(other)
            failed.pop(name, None)
            if problem == LACKING:
                missing[name], unnoted = problem, True
            elif problem is not None:
                failed[name] = f"could not be fetched ({problem})"
            if unnoted and known:
                _note(folder / MISSING, missing)
                unnoted = False
        if not known:  # then the address may be wrong: the next run asks again
            failed |= missing
        if failed or before:  # not if the server cannot be reached
            _note(folder / FAILED, failed)
    finally:
        stop.set()
        for _ in threads:
            waiting.put(None)
        for thread in threads:
            thread.join(0.3)  # time to hang up
        with writing:  # from here on no file is begun
            session.close()


def _fetch_one(session, address, name, pause, timeout) -> bytes | Exception | str:
    """Download one photo. Returns its bytes, or what went wrong."""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            body = _body(session, f"{address}images/{name}", timeout)
            if isinstance(body, str):
                return body
            Image.open(io.BytesIO(body), formats=["JPEG"]).load()
        except requests.HTTPError as error:
            return error  # urllib3 has tried again
        except Exception as error:  # whatever a server's answer raises concerns this photo alone
            problem = error
            continue
        return body
    return problem


def _body(session, url, timeout) -> bytes | str:
    """Return the body, or why another try is useless. Raises requests' and urllib3's exceptions."""
    deadline = time.monotonic() + DEADLINE
    with session.get(url, timeout=timeout, stream=True) as response:
        if response.status_code in (404, 410):
            return LACKING
        if response.status_code != 200:
            raise requests.HTTPError(f"status {response.status_code}")
        kind = response.headers.get("Content-Type", "").split(";")[0]
        if kind not in ("image/jpeg", "image/jpg", "application/octet-stream", ""):
            return f"the server sent {kind}, not a photo"
        body = bytearray()
        # read1 returns what has come: the deadline also ends a server that sends byte by byte.
        # It raises IncompleteRead for a body shorter than its Content-Length.
        while piece := response.raw.read1(65536, decode_content=True):
            body += piece
            if len(body) > LARGEST or time.monotonic() > deadline:
                raise requests.Timeout("too large or too slow")
    return bytes(body)


class _Deadline:
    """Hangs up on a server whose headers take longer than DEADLINE: no timeout ends a drip."""

    def getresponse(self):
        timer = threading.Timer(DEADLINE, self._hang_up, [self.sock])
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse()
        finally:
            timer.cancel()

    def _hang_up(self, sock: socket.socket) -> None:
        with suppress(OSError):  # closed already
            sock.shutdown(socket.SHUT_RDWR)


class _Connection(_Deadline, HTTPConnection):
    pass


class _SecureConnection(_Deadline, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _session(pause: float) -> requests.Session:
    """A session that tries again when the server is busy, after the time that it asks for."""
    retry = Retry(
        total=None,
        connect=0,
        read=0,
        status=TRIES - 1,
        redirect=3,
        status_forcelist=(429, 500, 502, 503, 504),
        backoff_factor=pause,
        backoff_max=60,
        retry_after_max=120,
        raise_on_status=False,
    )
    session = requests.Session()
    session.headers["User-Agent"] = AGENT
    for scheme in ("http://", "https://"):
        adapter = HTTPAdapter(pool_maxsize=CONNECTIONS, max_retries=retry)
        adapter.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        session.mount(scheme, adapter)
    return session


def _unreachable(address: str, problem: Exception | str) -> str:
    if isinstance(problem, str):
        found = f"no photos were found at {address} ({problem}): check the address"
    else:
        found = f"{address} cannot be reached ({type(problem).__name__}): check the network"
    return (
        f"{found} and run again, "
        f"set {VARIABLE} to a mirror, or use --data synthetic or a folder of photos"
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _noted(path: Path) -> dict[str, str]:
    rows = csv.DictReader(io.StringIO(_text(path)))
    return {row["file"]: row["reason"] for row in rows}


def _note(path: Path, reasons: dict[str, str]) -> None:
    with paths.whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "reason"), *reasons.items()])
