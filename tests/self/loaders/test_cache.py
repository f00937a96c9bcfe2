"""Decoded arrays are cached, and checked as the files that they were made from."""

import errno
import math
import os
import shutil

import numpy as np
import pytest
from hypothesis import settings

import loaders
from loaders import atomic, cache, cifar10, files
from tests.self.loaders import data_writers, processes

pytestmark = [pytest.mark.self, pytest.mark.usefixtures("bare_home")]


@pytest.fixture
def reads(monkeypatch):
    """A list with an entry for each time that the archive was read."""
    read, source = [], cifar10.SOURCES["cifar10"]
    monkeypatch.setitem(cifar10.SOURCES, "cifar10", source._replace(read=lambda path: read.append(path) or cifar10.load(path)))
    return read


@pytest.fixture
def root(tmp_path):
    return data_writers.written(tmp_path, "cifar10")


@pytest.fixture
def kept(root):
    """The file that the arrays are cached in."""
    return cache.path("cifar10", root / "cifar10")


def load(root):
    return loaders.load("cifar10", root, download=False)


def equal(one, other):
    return one[4:] == other[4:] and all((a == b).all() and a.dtype == b.dtype for a, b in zip(one[:4], other[:4], strict=True))


def test_files_are_read_once_and_the_cache_is_the_same(root, kept, reads, bare_home):
    before = sorted(root.rglob("*"))
    first, second = load(root), load(root)
    assert (1, True) == (len(reads), equal(first, second))
    assert ([kept], before) == (list((bare_home / "zoobench" / "decoded").iterdir()), sorted(root.rglob("*")))


def test_the_cache_is_in_the_users_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    for variable, expected in (str(tmp_path), tmp_path), ("not/absolute", "/home/me/.cache"), ("", "/home/me/.cache"):
        monkeypatch.setenv("XDG_CACHE_HOME", variable)
        assert files.Path(expected, "zoobench") == files.cache_folder() == loaders.root_folder()


def test_without_a_home_a_data_directory_is_needed_and_nothing_is_cached(root, reads, homeless):
    assert equal(load(root), load(root))
    assert 2 == len(reads)
    with pytest.raises(
        loaders.DataError, match="no home directory to keep data in; name a data directory with --data-dir or ZOOBENCH_DATA"
    ):
        loaders.load("cifar10")
    with pytest.raises(loaders.DataMissing, match=f"is not there; run python -m loaders get mnist --data-dir={root}, or put the file from"):
        loaders.load("mnist", root, download=False)
    assert 1437 == len(loaders.load("digits").x_train)


def test_arrays_are_read_only(root):
    for data in load(root), load(root):
        with pytest.raises(ValueError, match="read-only"):
            data.x_train[0] = 0


def test_a_file_that_changes_is_read_again(root, reads):
    first = load(root)
    shutil.rmtree(root / "cifar10")
    data_writers.written(root, "cifar10", data_writers.small("cifar10", seed=1))
    second = load(root)
    assert (2, False) == (len(reads), equal(first, second))
    os.utime(root / "cifar10" / "cifar-10-binary.tar.gz", (1, 1))
    load(root)
    assert 3 == len(reads)


def test_a_file_that_is_no_longer_listed_is_no_longer_read(root):
    load(root)
    (root / "SHA256SUMS").unlink()
    with pytest.raises(loaders.DataError, match="md5 is .*, the published one .*vouch for it"):
        load(root)


def test_a_changed_loader_reads_the_files_again(root, reads, monkeypatch):
    load(root)
    monkeypatch.setattr(cifar10, "decoder", lambda: "another version of a library", raising=False)
    load(root)
    assert 2 == len(reads)


def test_a_damaged_cache_is_rebuilt_and_never_used(root, kept, reads):
    first = load(root)
    content, random, rebuilt = kept.read_bytes(), np.random.RandomState(0), 0
    for _ in range(25 * settings.default.max_examples):
        mutation = data_writers.mutated(content, random)
        kept.write_bytes(mutation)
        assert equal(first, load(root))
        assert content == kept.read_bytes()
        rebuilt += mutation != content
    assert 1 + rebuilt == len(reads)


@pytest.mark.parametrize("hindrance", ["a file", "a read-only disk"])
def test_a_cache_that_cannot_be_written_to_only_costs_time(root, reads, bare_home, monkeypatch, hindrance):
    def refuse(*args, **kwargs):
        raise OSError(errno.EROFS, "Read-only file system")

    if hindrance == "a file":
        (bare_home / "zoobench").write_text("a file, where the folder would be")
    else:
        monkeypatch.setattr(files.Path, "mkdir", refuse)
    assert equal(load(root), load(root))
    assert 2 == len(reads)


def test_two_data_directories_do_not_share_a_cached_file(tmp_path):
    seen = []
    for seed in 0, 1:
        (tmp_path / str(seed)).mkdir()
        data_writers.written(tmp_path / str(seed), "cifar10", data_writers.small("cifar10", seed))
        seen.append(load(tmp_path / str(seed)))
    assert not equal(*seen)
    assert equal(seen[0], load(tmp_path / "0"))


def test_a_full_disk_leaves_no_part_of_a_cached_file(root, kept, monkeypatch):
    def fill(opened, path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "finish", fill)
    assert "sample" == load(root).kind
    assert [] == list(kept.parent.iterdir())


def test_a_part_file_of_a_killed_process_does_not_matter(root, kept, reads):
    kept.parent.mkdir(parents=True)
    kept.with_name(f".{kept.name}.part").write_bytes(b"half of it")
    assert equal(load(root), load(root))
    assert (1, [kept]) == (len(reads), list(kept.parent.iterdir()))


def test_several_processes_at_once_get_the_right_arrays(root, kept):
    expected = load(root).fingerprint
    assert [{expected}] * 3 == processes.together(processes.load_and_spoil, "cifar10", root, times=3)
    load(root)
    assert [kept] == list(kept.parent.iterdir())


def test_a_file_that_changes_while_it_is_read_is_refused(root, kept, monkeypatch):
    def changing(path):
        arrays = cifar10.load(path)
        path.write_bytes(path.read_bytes() + b"\\0")
        return arrays

    monkeypatch.setitem(cifar10.SOURCES, "cifar10", cifar10.SOURCES["cifar10"]._replace(read=changing))
    with pytest.raises(loaders.DataError, match="changed while it was read; try again"):
        load(root)
    assert not kept.exists()


@pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="no /proc/self/clear_refs, which resets a process's peak memory"
)
@pytest.mark.parametrize(("name", "from_cache"), [("mnist", False), ("cifar10", False), ("svhn", True)])
def test_loading_takes_little_more_memory_than_the_arrays(name, from_cache, tmp_path, bare_home):
    shape, count = ((28, 28, 1), 20_000) if name == "mnist" else ((32, 32, 3), 5_000)
    noise = np.frombuffer(np.random.RandomState(0).bytes(count * math.prod(shape)), "uint8").reshape(count, *shape)
    arrays = noise, np.arange(count, dtype="int32") % 10
    data_writers.written(tmp_path, name, (*arrays, *(array[: count // 5] for array in arrays)))
    (small := tmp_path / "small").mkdir()
    data_writers.written(small, name)
    if from_cache:
        loaders.load(name, tmp_path, download=False)
    else:
        (bare_home / "zoobench").write_text("a file, so that nothing is kept")
    (share,) = processes.together(processes.peak, name, tmp_path, small)
    assert 1.2 > share
