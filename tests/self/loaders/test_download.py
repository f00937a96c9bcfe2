"""Downloads against a real server on this machine, which fails in every way that servers do."""

import errno
import hashlib
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

import loaders
from loaders import download, files
from tests.self.loaders import data_writers, processes

pytestmark = [pytest.mark.self, pytest.mark.usefixtures("bare_home")]
CONTENT = np.random.RandomState(0).bytes(3_000_000)
PATIENCE = 0.1  # seconds until a stalled connection counts as dead, and pauses between tries of as good as none


class Handler(BaseHTTPRequestHandler):
    """Answers each request with the next of the server's acts, the last one again and again."""

    def do_GET(self):
        self.server.asked.append(self.headers.get("Range"))
        act = self.server.acts.pop(0) if len(self.server.acts) > 1 else self.server.acts[0]
        getattr(self, act)()

    def log_message(self, *words):
        pass

    def _send(self, content, code=200, length=None, **headers):
        self.send_response(code)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def serve(self):
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if not start:
            self._send(self.server.content)
        elif int(start[1]) >= len(self.server.content):
            self._send(b"", 416)
        else:
            self._send(
                self.server.content[int(start[1]) :],
                206,
                Content_Range=f"bytes {start[1]}-{len(self.server.content) - 1}/{len(self.server.content)}",
            )

    def whole(self):  # refuses ranges
        self._send(self.server.content)

    def truncate(self):
        self._send(self.server.content[:2_000_000], length=len(self.server.content))
        self.close_connection = True

    def truncate_without_length(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.content[:2_000_000])

    def stall(self):
        self._send(self.server.content[:1_000_000], length=len(self.server.content))
        self.wfile.flush()
        time.sleep(3 * PATIENCE)

    def slow(self):
        time.sleep(1)  # longer than the other process takes to come
        self._send(self.server.content)

    def wrong(self):
        self._send(self.server.content[:-1] + b"?")

    def other_range(self):
        self._send(self.server.content[5:], 206, Content_Range=f"bytes 5-{len(self.server.content) - 1}/{len(self.server.content)}")

    def redirect(self):
        self._send(b"", 302, Location="/elsewhere")

    def forever(self):
        self._send(b"", 302, Location=self.path)

    def busy(self):
        self._send(b"", 503)

    def gone(self):
        self._send(b"", 404)

    def nonsense(self):
        self.wfile.write(b"this is not HTTP\r\n\r\n")


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", PATIENCE)
    monkeypatch.setattr(download, "PAUSE", 0.001)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        serving.asked, serving.content, serving.handle_error = [], CONTENT, lambda *words: None
        threading.Thread(target=serving.serve_forever, args=(0.01,), daemon=True).start()
        yield serving
        serving.shutdown()


@pytest.fixture
def fetched(server, tmp_path):
    """A function that fetches a file from a server with such acts: the path, once it is there."""
    path = tmp_path / "data" / "set" / "file.bin"

    def fetch(*acts, algorithm="sha256", progress=None):
        server.acts = list(acts)
        sum = hashlib.new(algorithm, CONTENT).hexdigest()
        download.fetch(files.File("set/file.bin", sum, f"http://127.0.0.1:{server.server_port}/file.bin"), path, progress)
        return path

    fetch.path, fetch.part = path, path.with_name(".file.bin.part")
    return fetch


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_file_is_fetched_verified_and_given_its_name(fetched, server, algorithm):
    told = []
    path = fetched("serve", algorithm=algorithm, progress=lambda *words: told.append(words))
    assert CONTENT == path.read_bytes()
    assert ["file.bin"] == [each.name for each in path.parent.iterdir()]
    assert ([None], (len(CONTENT), len(CONTENT))) == (server.asked, told[-1])
    assert sorted(told) == told
    assert len(told) > 2


RECOVERIES = {
    "truncates": (("truncate", "serve"), [None, "bytes=2000000-"]),
    "truncates, and says no length": (("truncate_without_length", "serve"), [None, None]),  # found by its checksum
    "stalls": (("stall", "serve"), [None, "bytes=1000000-"]),
    "refuses ranges": (("truncate", "whole"), [None, "bytes=2000000-"]),
    "sends another range": (("truncate", "other_range", "serve"), [None, "bytes=2000000-", None]),
    "redirects": (("redirect", "serve"), [None, None]),
    "redirects and truncates": (("redirect", "truncate", "redirect", "serve"), [None, None, "bytes=2000000-", "bytes=2000000-"]),
    "is busy": (("busy", "busy", "serve"), [None, None, None]),
    "sends wrong bytes": (("wrong", "serve"), [None, None]),
    "speaks nonsense": (("nonsense", "serve"), [None, None]),
}


@pytest.mark.parametrize("what", RECOVERIES)
def test_a_server_that_fails_and_comes_back_is_enough(fetched, server, what):
    acts, asked = RECOVERIES[what]
    assert CONTENT == fetched(*acts).read_bytes()
    assert asked == server.asked
    assert not fetched.part.exists()


def test_what_a_killed_process_had_fetched_is_not_fetched_again(fetched, server):
    fetched.path.parent.mkdir(parents=True)
    fetched.part.write_bytes(CONTENT[:1_234_567])
    assert CONTENT == fetched("serve").read_bytes()
    assert ["bytes=1234567-"] == server.asked


@pytest.mark.parametrize("left", [CONTENT, CONTENT + b"more", b"x" * 1000], ids=["all of it", "more than all", "something else"])
def test_whatever_is_left_of_an_earlier_try_the_file_comes_out_right(fetched, left):
    fetched.path.parent.mkdir(parents=True)
    fetched.part.write_bytes(left)
    assert CONTENT == fetched("serve").read_bytes()


HOPELESS = {
    "gone": ("gone", loaders.DataMissing, "failed: Not Found", 1),
    "busy": ("busy", loaders.DataMissing, "failed: Service Unavailable", download.TRIES),
    "stalling": ("stall", loaders.DataMissing, "failed: timed out", download.TRIES),
    "going round in circles": ("forever", loaders.DataMissing, "failed: .*redirect", None),
    "wrong": ("wrong", loaders.DataError, "what came has sha256 .*, the published one is .*; try again later", download.TRIES),
}


@pytest.mark.parametrize("server_is", HOPELESS)
def test_a_server_that_stays_bad_is_named_and_no_file_gets_the_name(fetched, server, server_is):
    act, error, match, tries = HOPELESS[server_is]
    with pytest.raises(error, match=match) as caught:
        fetched(act)
    assert error is type(caught.value)
    assert tries in (None, len(server.asked))
    assert not fetched.path.exists()
    assert fetched.part.exists() == (act == "stall")  # what was right so far is kept, to go on from


def test_a_machine_without_a_network_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PAUSE", 0)
    with pytest.raises(loaders.DataMissing, match="fetching http://127.0.0.1:9/x .*failed: .*refused"):
        download.fetch(files.File("set/x", "0" * 32, "http://127.0.0.1:9/x"), tmp_path / "set" / "x")
    assert [] == list((tmp_path / "set").iterdir())


def test_a_full_disk_ends_the_download_at_once_and_keeps_what_came(fetched, server, monkeypatch):
    more = download._more

    def fill(url, part, progress):
        part.write(CONTENT[:1000])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "_more", fill)
    with pytest.raises(loaders.DataMissing, match=r"file\.bin.*the disk is full; make room and try again"):
        fetched("serve")
    assert 1000 == fetched.part.stat().st_size
    monkeypatch.setattr(download, "_more", more)
    assert CONTENT == fetched("serve").read_bytes()
    assert ["bytes=1000-"] == server.asked


def test_a_file_that_is_larger_than_the_room_is_not_begun(fetched, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: type("usage", (), {"free": 1000}))
    with pytest.raises(loaders.DataMissing, match="the disk is full"):
        fetched("serve")
    assert not fetched.part.exists()


def test_a_folder_that_may_not_be_written_to_is_named(fetched, monkeypatch):
    def refuse(*words, **more):
        raise PermissionError(errno.EACCES, "Permission denied", "/data/set")

    monkeypatch.setattr(files.Path, "mkdir", refuse)
    with pytest.raises(loaders.DataMissing, match=r"file\.bin is not there and cannot be put there: .*Permission denied"):
        fetched("serve")


def test_of_two_processes_one_fetches_and_the_other_waits(fetched, server):
    server.acts = ["slow"]
    file = files.File("set/file.bin", hashlib.md5(CONTENT).hexdigest(), f"http://127.0.0.1:{server.server_port}/file.bin")
    assert [len(CONTENT)] * 2 == processes.together(processes.fetch, file, fetched.path, times=2)
    assert [None] == server.asked
    assert (CONTENT, ["file.bin"]) == (fetched.path.read_bytes(), [each.name for each in fetched.path.parent.iterdir()])


def test_a_data_set_is_fetched_and_read_and_says_how_far_it_is(server, tmp_path, monkeypatch):
    data_writers.write_cifar10(tmp_path, *data_writers.small("cifar10"))
    content = (tmp_path / "cifar10" / "cifar-10-binary.tar.gz").read_bytes()
    server.content = content
    source = loaders.module("cifar10").SOURCES["cifar10"]
    file = source.files[0]._replace(sum=hashlib.md5(content).hexdigest(), address=f"http://127.0.0.1:{server.server_port}/x")
    monkeypatch.setitem(loaders.module("cifar10").SOURCES, "cifar10", source._replace(files=(file,), counts=(6, 4)))
    server.acts, told = ["busy", "serve"], []
    with pytest.raises(loaders.DataMissing, match="is not there: put the file from"):
        loaders.load("cifar10", tmp_path / "new", download=False)
    data = loaders.load("cifar10", tmp_path / "new", download=lambda *words: told.append(words))
    assert ("canonical", 6) == (data.kind, len(data.x_train))
    assert ("cifar-10-binary.tar.gz", len(content), len(content)) == told[-1]
