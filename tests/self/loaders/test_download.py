"""Downloads from a real server on this machine that fails in the ways that servers do."""

import errno
import hashlib
import os
import subprocess

import pytest

import loaders
from loaders import atomic, download, files
from tests.self.loaders import processes
from tests.self.loaders.server import CONTENT, PATIENCE

pytestmark = [pytest.mark.self, pytest.mark.usefixtures("bare_home")]


@pytest.fixture
def fetched(server, tmp_path, monkeypatch):
    """A function that fetches a file from a server with these acts, and returns its path."""
    path = tmp_path / "data" / "set" / "file.bin"

    def fetch(*acts, algorithm="sha256", progress=None):
        server.acts = list(acts)
        if "stall" in acts:
            monkeypatch.setattr(download, "TIMEOUT", PATIENCE)
        if acts[0].startswith("trickle"):
            monkeypatch.setattr(download, "WINDOW", PATIENCE)
        sum = hashlib.new(algorithm, CONTENT).hexdigest()
        download.fetch(files.File("set/file.bin", sum, f"http://127.0.0.1:{server.server_port}/file.bin"), path, progress)
        return path

    fetch.path, fetch.part = path, path.with_name(".file.bin.part")
    return fetch


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_file_is_fetched_verified_and_given_its_name(fetched, server, algorithm):
    reported = []
    path = fetched("serve", algorithm=algorithm, progress=lambda *args: reported.append(args))
    assert CONTENT == path.read_bytes()
    assert ["file.bin"] == [each.name for each in path.parent.iterdir()]
    assert ([None], (len(CONTENT), len(CONTENT))) == (server.requests, reported[-1])
    assert sorted(reported) == reported
    assert len(reported) > 2


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
    "says no length": (("without_length",), [None]),
    "sends more than it says": (("longer",), [None]),
    "trickles": (("trickle", "whole"), None),
    "trickles its headers": (("trickle_headers", "serve"), [None, None]),
    "redirects to a file": (("to_a_file", "serve"), [None, None]),
}


@pytest.mark.parametrize("failure", RECOVERIES)
def test_a_server_that_fails_and_recovers_is_enough(fetched, server, failure):
    acts, ranges = RECOVERIES[failure]
    assert CONTENT == fetched(*acts).read_bytes()
    assert ranges in (None, server.requests)
    assert not fetched.part.exists()


def test_the_part_file_of_a_killed_process_is_resumed(fetched, server):
    fetched.path.parent.mkdir(parents=True)
    fetched.part.write_bytes(CONTENT[:1_234_567])
    assert CONTENT == fetched("serve").read_bytes()
    assert ["bytes=1234567-"] == server.requests


@pytest.mark.parametrize("left", [CONTENT, CONTENT + b"more", b"x" * 1000], ids=["all of it", "more than all", "something else"])
def test_any_part_of_an_earlier_try_leads_to_the_right_file(fetched, left):
    fetched.path.parent.mkdir(parents=True)
    fetched.part.write_bytes(left)
    assert CONTENT == fetched("serve").read_bytes()


HOPELESS = {
    "gone": ("gone", loaders.DataMissing, "failed: Not Found", 1),
    "busy": ("busy", loaders.DataMissing, "failed: Service Unavailable", download.TRIES),
    "stalling": ("stall", loaders.DataMissing, "failed: timed out", download.TRIES),
    "going round in circles": ("forever", loaders.DataMissing, "failed: .*redirect", None),
    "trickling": ("trickle", loaders.DataMissing, r"failed: \d+ bytes in \d+ seconds are too slow", download.TRIES),
    "trickling headers": ("trickle_headers", loaders.DataMissing, "failed: no answer within 0.1 seconds", download.TRIES),
    "redirecting to a file": (
        "to_a_file",
        loaders.DataMissing,
        "failed: .*edirection to url 'file:///etc/passwd' is not allowed",
        download.TRIES,
    ),
    "huge": ("huge", loaders.DataMissing, "failed: the server sends 1152921504606846976 bytes or more, and no file of a data set has", 1),
    "wrong": ("wrong", loaders.DataError, "sha256 of the download is .*, the published one is .*; try again later", download.TRIES),
}


@pytest.mark.parametrize("server_is", HOPELESS)
def test_a_server_that_keeps_failing_is_named_and_leaves_no_file(fetched, server, server_is):
    act, error, match, tries = HOPELESS[server_is]
    with pytest.raises(error, match=match) as caught:
        fetched(act)
    assert error is type(caught.value)
    assert tries in (None, len(server.requests))
    assert not fetched.path.exists()
    assert fetched.part.exists() == (act in ("stall", "trickle"))  # bytes that may be right are kept, to resume


def test_a_body_without_an_end_is_left_and_nothing_of_it_kept(fetched, server, monkeypatch):
    monkeypatch.setattr(download, "MOST", 5 << 20)
    with pytest.raises(
        loaders.DataMissing, match=r"failed: the server sends \d+ bytes or more, and no file of a data set has more than 5242880"
    ):
        fetched("endless")
    assert (1, []) == (len(server.requests), list(fetched.path.parent.iterdir()))


def test_all_tries_together_have_a_limit_and_the_next_call_goes_on(fetched, server, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(download, "LONGEST", 0)
        with pytest.raises(loaders.DataMissing, match="failed: .* bytes took more than 0 seconds; the next try goes on from there"):
            fetched("serve")
    have = fetched.part.stat().st_size
    assert 0 < have < len(CONTENT)
    assert CONTENT == fetched("serve").read_bytes()
    assert [None, f"bytes={have}-"] == server.requests


@pytest.fixture
def small_disk(fetched):
    """The download's folder on a file system of its own of 2 MB, less than the file has."""
    folder = fetched.path.parent
    folder.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], capture_output=True).returncode:
        pytest.skip("only root can mount a small file system, and not in every container")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("act", ["serve", "without_length", "endless"])
def test_a_download_to_a_small_disk_ends_at_once_and_leaves_room(fetched, server, small_disk, act):
    with pytest.raises(loaders.DataMissing, match="the disk is full, make room and try again"):
        fetched(act)
    assert (1, []) == (len(server.requests), list(small_disk.iterdir()))


def test_without_a_network_the_error_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PAUSE", 0)
    with pytest.raises(loaders.DataMissing, match="fetching http://127.0.0.1:9/x .*failed: .*refused"):
        download.fetch(files.File("set/x", "0" * 32, "http://127.0.0.1:9/x"), tmp_path / "set" / "x")
    assert [] == list((tmp_path / "set").iterdir())


def test_a_full_disk_ends_the_download_at_once_and_keeps_the_part(fetched, server, monkeypatch):
    more = download._more

    def fill(url, part, progress, end):
        part.write(CONTENT[:1000])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "_more", fill)
    with pytest.raises(loaders.DataMissing, match="the disk is full, make room and try again"):
        fetched("serve")
    assert 1000 == fetched.part.stat().st_size
    monkeypatch.setattr(download, "_more", more)
    assert CONTENT == fetched("serve").read_bytes()
    assert ["bytes=1000-"] == server.requests


def test_a_file_larger_than_the_free_space_is_not_begun(fetched, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: type("usage", (), {"free": 1000}))
    with pytest.raises(loaders.DataMissing, match="the disk is full"):
        fetched("serve")
    assert not fetched.part.exists()


def test_a_folder_that_may_not_be_written_to_is_named(fetched, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", "/data/set")

    monkeypatch.setattr(files.Path, "mkdir", refuse)
    with pytest.raises(loaders.DataMissing, match=r"file\.bin cannot be written to .*: .*Permission denied"):
        fetched("serve")


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOTSUP])
def test_a_file_system_without_locks_and_permissions_is_enough(fetched, server, monkeypatch, error):
    def refuse(*args):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("fcntl.flock", refuse)
    monkeypatch.setattr(atomic.os, "chmod", refuse)
    assert CONTENT == fetched("truncate", "serve").read_bytes()
    fetched.path.unlink()
    with pytest.raises(loaders.DataMissing, match="failed: Not Found"):
        fetched("truncate", "gone")
    assert [] == list(fetched.path.parent.iterdir())


def test_of_two_processes_one_fetches_and_the_other_waits(fetched, server):
    server.acts = ["slow"]
    file = files.File("set/file.bin", hashlib.md5(CONTENT).hexdigest(), f"http://127.0.0.1:{server.server_port}/file.bin")
    assert [len(CONTENT)] * 2 == processes.together(processes.fetch, file, fetched.path, times=2)
    assert [None] == server.requests
    assert (CONTENT, ["file.bin"]) == (fetched.path.read_bytes(), [each.name for each in fetched.path.parent.iterdir()])
