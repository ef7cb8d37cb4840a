"""The Street View set is downloaded from a server that misbehaves."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import nbformat
import psutil
import pytest
from photo_samples import encoded
from pipeline_samples import book

from helpers import paths
from helpers.photos import download
from helpers.photos.download import fetch
from helpers.report import pipeline

PHOTO = encoded(1, (640, 480), quality=95)
# The head of a JPEG that claims 60,000 x 60,000 pixels.
SIZE = PHOTO.index(b"\xff\xc0") + 5
BOMB = PHOTO[:SIZE] + b"\xea\x60\xea\x60" + PHOTO[SIZE + 4 :]


class Server(ThreadingHTTPServer):
    """Answers a request for images/<name> as `plans[name]` says, one step a request."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.plans, self.asked, self.agents, self.times = {}, [], set(), []
        self.dies_after = float("inf")  # requests
        self.lock, self.at_once, self.most_at_once = threading.Lock(), 0, 0
        self.address = f"http://127.0.0.1:{self.server_port}/set/"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server, name = self.server, self.path.rsplit("/", 1)[-1]
        with server.lock:
            server.asked.append(name)
            server.times.append(time.monotonic())
            server.agents.add(self.headers["User-Agent"])
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
            plan = server.plans.get(name, ["good"])
            step = plan.pop(0) if len(plan) > 1 else plan[0]
            if len(server.asked) > server.dies_after:
                step = "cut_off"
        try:
            getattr(self, step)()
        finally:
            with server.lock:
                server.at_once -= 1

    def answer(self, body=PHOTO, status=200, length=None, kind="image/jpeg", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def good(self):
        self.answer()

    def slow(self):
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(PHOTO)))
        self.end_headers()
        for i in range(0, len(PHOTO), 4096):
            self.wfile.write(PHOTO[i : i + 4096])
            time.sleep(0.03)

    def stuck(self):
        time.sleep(3)
        self.close_connection = True

    def cut_off(self):
        self.answer(PHOTO[: len(PHOTO) // 2], length=len(PHOTO))
        self.close_connection = True

    def short(self):
        self.answer(PHOTO, length=len(PHOTO) // 2)
        self.close_connection = True

    def no_length(self):
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(PHOTO[: len(PHOTO) // 2])
        self.close_connection = True

    def missing(self):
        self.answer(b"no", 404, kind="text/plain")

    def busy(self):
        self.answer(b"wait", 429, kind="text/plain", Retry_After="1")

    def broken(self):
        self.answer(b"oh", 500, kind="text/plain")

    def page(self):
        self.answer(b"<html>moved</html>", kind="text/html; charset=utf-8")

    def text(self):
        self.answer(b"not a picture at all")

    def redirect(self):
        self.answer(b"", 302, Location="/set/images/elsewhere.jpg")

    def malformed(self):
        self.answer(b"", 302, Location="http://[::1/images/elsewhere.jpg")

    def bomb(self):
        self.answer(BOMB)

    def drip(self):
        """Send a byte every 0.1 s: a read timeout between bytes never ends this."""
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(PHOTO)))
        self.end_headers()
        for byte in PHOTO:
            self.wfile.write(bytes([byte]))
            time.sleep(0.1)

    def drip_headers(self):
        """Send a byte of the headers every 0.1 s, for ever."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        for _ in range(300):
            self.wfile.write(b"x")
            time.sleep(0.1)

    def silent(self):
        time.sleep(30)

    def hang_up(self):
        self.close_connection = True

    def circle(self):
        self.answer(b"", 302, Location=self.path)

    def log_message(self, *args):
        pass


@contextmanager
def serving():
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def mirror():
    with serving() as server:
        yield server


def names(count, first=1):
    return [f"{place:06d}_1.jpg" for place in range(first, first + count)]


def run(server, wanted, folder, timeout=(1, 1)):
    return fetch(wanted, folder, server.address, pause=0.01, timeout=timeout)


def files(folder):
    """The names in a folder, but for the note of the address."""
    return sorted({path.name for path in folder.iterdir()} - {download.LAST})


def test_photos_are_fetched_once_and_called_by_their_name(server, tmp_path, capsys):
    wanted = names(12)
    assert run(server, wanted, tmp_path) == {}
    assert files(tmp_path) == wanted
    assert (tmp_path / wanted[5]).read_bytes() == PHOTO
    assert sorted(server.asked) == wanted
    said = capsys.readouterr().err
    assert "Fetching 12 of 12 photos, about 9 MB" in said and str(tmp_path) in said
    assert run(server, wanted, tmp_path) == {}
    assert len(server.asked) == 12 and "Fetching" not in capsys.readouterr().err


def test_requests_name_their_sender_and_are_few_at_once(server, tmp_path):
    server.plans = {name: ["slow"] for name in names(16)}
    run(server, names(16), tmp_path)
    assert 2 <= server.most_at_once <= download.CONNECTIONS
    assert all(agent.startswith("streetside-colorization/") for agent in server.agents)


@pytest.mark.parametrize(
    "plan",
    [["slow"], ["cut_off", "good"], ["no_length", "good"], ["short", "good"], ["stuck", "good"],
     ["broken", "broken", "good"], ["busy", "good"], ["redirect"], ["text", "good"]],
    ids=lambda plan: "-".join(plan),
)  # fmt: skip
def test_what_ends_well_is_had(server, tmp_path, plan):
    server.plans = {"000002_1.jpg": plan}
    assert run(server, names(3), tmp_path) == {}
    assert {(tmp_path / name).read_bytes() for name in names(3)} == {PHOTO}


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("cut_off", "could not be fetched"),
        ("no_length", "could not be fetched"),
        ("short", "could not be fetched"),
        ("broken", "status 500"),
        ("page", "the server sent text/html, not a photo"),
        ("text", "could not be fetched"),
        ("circle", "could not be fetched"),
        ("malformed", "could not be fetched"),
        ("bomb", "could not be fetched"),
        ("missing", "the server does not have it"),
    ],
)
def test_what_does_not_is_named_and_the_rest_goes_on(server, tmp_path, step, reason):
    server.plans = {"000002_1.jpg": [step]}
    missing = run(server, names(3), tmp_path)
    assert list(missing) == ["000002_1.jpg"] and reason in missing["000002_1.jpg"]
    assert {"000001_1.jpg", "000003_1.jpg"} <= set(files(tmp_path))
    assert "000002_1.jpg" not in files(tmp_path)
    assert not [name for name in files(tmp_path) if "part" in name]


def test_the_server_is_given_the_time_it_asks_for(server, tmp_path):
    server.plans = {"000001_1.jpg": ["busy", "good"]}
    run(server, names(1), tmp_path)
    assert server.times[1] - server.times[0] >= 1


def test_waits_grow(server, tmp_path):
    server.plans = {"000001_1.jpg": ["cut_off"]}
    fetch(names(1), tmp_path, server.address, pause=0.1)
    waits = [b - a for a, b in zip(server.times, server.times[1:])]
    assert len(waits) == download.TRIES - 1
    assert waits[0] >= 0.1 and waits[1] >= 0.2 and waits[2] >= 0.4


def test_a_photo_the_server_lacks_is_not_asked_for_again(server, tmp_path):
    server.plans = {"000002_1.jpg": ["missing"]}
    run(server, names(3), tmp_path)
    assert (tmp_path / "missing.csv").read_text().splitlines() == [
        "file,reason",
        "000002_1.jpg,the server does not have it",
    ]
    asked = len(server.asked)
    assert run(server, names(4), tmp_path) == {"000002_1.jpg": "the server does not have it"}
    assert server.asked[asked:] == ["000004_1.jpg"]


def test_a_photo_that_failed_is_asked_for_by_the_next_run(server, tmp_path):
    server.plans = {"000002_1.jpg": ["page", "good"]}
    assert run(server, names(3), tmp_path)
    assert run(server, names(3), tmp_path) == {}


def test_the_chapters_of_a_run_pass_over_a_photo_that_failed(server, tmp_path, monkeypatch, capsys):
    server.plans = {"000002_1.jpg": ["page", "good"]}
    failed = run(server, names(3), tmp_path)
    assert list(failed) == ["000002_1.jpg"]
    capsys.readouterr()
    with monkeypatch.context() as chapter:
        chapter.setenv(paths.FETCHED, "1")
        asked = len(server.asked)
        assert run(server, names(3), tmp_path) == failed
        assert len(server.asked) == asked and capsys.readouterr() == ("", "")
    assert run(server, names(3), tmp_path) == {}


def test_photos_that_fail_in_every_run_never_end_one(server, tmp_path):
    wanted, bad = names(50), names(50)[::3]
    server.plans = {name: ["hang_up"] for name in bad}
    for _ in range(2):
        assert list(run(server, wanted, tmp_path)) == bad
    server.plans = {}
    assert run(server, wanted, tmp_path) == {}


STREETVIEW = ["--data", "streetview", "--images", "40"]


@pytest.fixture
def raw(server, tmp_path, monkeypatch):
    """Where photos of a run go that come from the server; the run waits little."""
    monkeypatch.setenv(download.VARIABLE, server.address)
    monkeypatch.setattr(paths, "RAW", tmp_path / "raw")
    return tmp_path / "raw"


def test_a_run_that_gets_a_photo_that_failed_before_counts_as_changed(server, raw):
    options = pipeline.opts.parser().parse_args(STREETVIEW)
    keys = []
    for step in ("page", "hang_up", "good"):
        server.plans = {"000001_1.jpg": [step]}
        keys.append(pipeline.inputs_key({}, pipeline.photos_read(options)))
    assert keys[0] == keys[1] != keys[2]


def test_a_photo_that_could_not_be_fetched_does_not_cost_the_page(server, raw, house):
    cell = (
        "from pathlib import Path; from helpers import paths; from helpers.photos import sources;"
        f"paths.RAW = Path({str(raw)!r}); print(len(sources.gather(data, 40).photos))"
    )
    for path in (house / "notebooks").glob("*.ipynb"):
        nbformat.write(book(cell), path)
    printed = []
    for step in ("page", "good"):
        server.plans = {"000002_1.jpg": [step], "000001_1.jpg": [step]}
        assert pipeline.main(STREETVIEW) == 0
        executed = house / "build" / "streetview-quick" / "notebooks" / "02_two.ipynb"
        printed.append(nbformat.read(executed, 4).cells[-1].outputs[0].text)
    assert printed == ["38\n", "40\n"]


def test_no_server_is_one_sentence_at_once(tmp_path):
    with pytest.raises(ConnectionError, match=r"cannot be reached .*: check the network"):
        fetch(names(500), tmp_path, "http://127.0.0.1:9/", pause=0.01)
    assert files(tmp_path) == [] if tmp_path.exists() else True


def test_a_server_that_dies_is_not_asked_for_every_photo(server, tmp_path):
    server.dies_after = 10
    with pytest.raises(ConnectionError, match="run again"):
        run(server, names(200), tmp_path)
    assert len(set(server.asked)) < 60
    assert len(list(tmp_path.glob("*.jpg"))) == 10


@pytest.mark.parametrize("step", ["missing", "page"])
def test_a_wrong_address_is_given_up_and_a_right_one_then_has_every_photo(server, tmp_path, step):
    wanted = names(100)
    server.plans = {name: [step] for name in wanted}
    with pytest.raises(ConnectionError, match=r"no photos were found at .* to a mirror"):
        run(server, wanted, tmp_path)
    assert len(server.asked) < 60
    server.plans = {}
    assert run(server, wanted, tmp_path) == {}
    assert files(tmp_path) == wanted


def test_a_mirror_of_a_part_of_the_set_gives_what_it_has(server, tmp_path):
    wanted = names(200)
    server.plans = {name: ["missing"] for name in [*wanted[:100], *wanted[120:]]}
    run(server, wanted, tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.jpg")) == wanted[100:120]


@pytest.mark.parametrize("count", [10, 60])
def test_what_a_wrong_address_lacks_is_had_from_the_right_one(server, mirror, tmp_path, count):
    run(server, names(5), tmp_path)
    mirror.plans = {name: ["missing"] for name in names(count)}
    with suppress(ConnectionError):  # raised if it was asked for many
        lacking = run(mirror, names(count), tmp_path)
        assert set(lacking.values()) == {download.LACKING} and len(lacking) == count - 5
    assert run(server, names(count), tmp_path) == {}


def test_a_photo_that_one_mirror_lacks_is_asked_of_another(server, mirror, tmp_path):
    server.plans = {"000002_1.jpg": ["missing"]}
    assert list(run(server, names(3), tmp_path)) == ["000002_1.jpg"]
    assert run(mirror, names(3), tmp_path) == {}


def test_photos_lacking_before_the_first_that_is_had_are_not_asked_for_again(server, tmp_path):
    wanted = names(30)
    server.plans = {name: ["missing"] for name in wanted[:10]}
    assert list(run(server, wanted, tmp_path)) == wanted[:10]
    asked = len(server.asked)
    assert list(run(server, wanted, tmp_path)) == wanted[:10]
    assert len(server.asked) == asked


def test_many_lacking_photos_do_not_end_a_run_that_has_photos(server, tmp_path):
    run(server, names(2), tmp_path)
    wanted = names(50)
    server.plans = {name: ["missing"] for name in wanted[2:]}
    assert list(run(server, wanted, tmp_path)) == wanted[2:]


def test_a_photo_that_was_had_at_last_is_not_noted_as_failed(server, tmp_path):
    server.plans = {"000002_1.jpg": ["page", "good"], "000003_1.jpg": ["page"]}
    run(server, names(3), tmp_path)
    run(server, names(3), tmp_path)
    noted = (tmp_path / "failed.csv").read_text()
    assert "000002_1.jpg" not in noted and "000003_1.jpg" in noted


def connections(server):
    """The open connections of this process to the server."""
    mine = psutil.Process().net_connections("tcp")
    return [one for one in mine if one.raddr and one.raddr.port == server.server_port]


def test_no_connection_stays_open_after_a_download_that_was_given_up(server, tmp_path):
    server.plans = {name: ["text"] for name in names(100)}
    with pytest.raises(ConnectionError) as failure:
        run(server, names(100), tmp_path)
    until = time.monotonic() + 5
    while connections(server) and time.monotonic() < until:
        time.sleep(0.01)
    assert not connections(server) and failure.value


def test_the_address_comes_from_the_variable(server, tmp_path, monkeypatch):
    monkeypatch.setenv(download.VARIABLE, server.address.rstrip("/"))
    assert fetch(names(1), tmp_path) == {}
    assert len(server.asked) == 1


def test_too_little_room_is_reported_before_the_download(server, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("", (), {"free": 10**6}))
    with pytest.raises(OSError, match=r"about 9 MB are needed .* take fewer photos"):
        run(server, names(12), tmp_path)
    assert server.asked == []


def test_a_photo_that_drips_is_given_up_at_the_deadline(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "DEADLINE", 0.3)
    server.plans = {"000002_1.jpg": ["drip"]}
    started = time.monotonic()
    missing = run(server, names(3), tmp_path)
    assert list(missing) == ["000002_1.jpg"] and "too slow" in missing["000002_1.jpg"]
    assert time.monotonic() - started < 10


def test_a_server_that_drips_headers_costs_its_photo_alone(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "DEADLINE", 0.3)
    server.plans = {"000002_1.jpg": ["drip_headers"]}
    started = time.monotonic()
    assert list(run(server, names(3), tmp_path)) == ["000002_1.jpg"]
    assert time.monotonic() - started < 10


def fetching(server, wanted, folder, count, rest="slow"):
    """A process that fetches slowly, once it has fetched `count` photos of at most 39."""
    server.plans = {name: ["slow"] if i < count else [rest] for i, name in enumerate(wanted)}
    code = (
        "import sys; from pathlib import Path; from helpers.photos.download import fetch;"
        f"fetch({wanted!r}, Path({str(folder)!r}), {server.address!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    while len(list(folder.glob("*.jpg"))) < count:
        assert process.poll() is None
        time.sleep(0.01)
    return process


def test_killed_and_run_again_it_fetches_only_what_is_missing(server, tmp_path):
    wanted = names(39)
    process = fetching(server, wanted, tmp_path, 10)
    os.kill(process.pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    process.wait()
    had = {path.name for path in tmp_path.glob("*.jpg")}
    assert all((tmp_path / name).read_bytes() == PHOTO for name in had)
    time.sleep(0.2)
    server.asked.clear()
    server.plans = {}
    assert run(server, wanted, tmp_path) == {}
    assert set(server.asked) == set(wanted) - had
    assert files(tmp_path) == wanted


@pytest.mark.parametrize("rest", ["slow", "silent"])
def test_ctrl_c_ends_it_soon_and_leaves_no_half_file(server, tmp_path, rest):
    wanted = names(39)
    process = fetching(server, wanted, tmp_path, 5, rest)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=5) != 0
    assert all((tmp_path / name).read_bytes() == PHOTO for name in files(tmp_path))
