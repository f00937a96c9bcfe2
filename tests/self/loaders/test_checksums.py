"""A data set lists the files that it was made from, with the checksums that verified them."""

import hashlib
import subprocess

import pytest

import loaders
from loaders import cifar10, files, idx
from tests.self.loaders import data_writers

pytestmark = [pytest.mark.self, pytest.mark.usefixtures("bare_home", "three_classes")]


def load(name, root):
    """The data set as read from its files; that from the cache must be the same."""
    first, second = (loaders.load(name, root, download=False) for _ in range(2))
    assert first[4:] == second[4:]
    return first


@pytest.fixture
def sums(root):
    """sha256 of each of a small MNIST's files, as in ``Dataset.files``."""
    return {file.path: f"sha256:{files.digest(root / file.path, 'sha256')}" for file in idx.SOURCES["mnist"].files}


def test_a_samples_files_have_the_sums_of_sha256sums(root, sums):
    assert sums == load("mnist", root).files


def test_a_published_file_beside_samples_has_its_published_sum(root, sums, monkeypatch):
    source = idx.SOURCES["mnist"]
    published = source.files[0]._replace(sum=files.digest(root / source.files[0].path, "md5"))
    monkeypatch.setitem(idx.SOURCES, "mnist", source._replace(files=(published, *source.files[1:])))
    data = load("mnist", root)
    assert ({**sums, published.path: f"md5:{published.sum}"}, "sample") == (data.files, data.kind)


def test_sums_come_from_the_cache_without_reading_the_files(root, sums, monkeypatch):
    loaders.load("mnist", root, download=False)
    monkeypatch.setattr(files, "digest", lambda *args: pytest.fail("a file was read"))
    assert sums == loaders.load("mnist", root, download=False).files


def test_a_cache_with_fewer_fields_is_made_again(root, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr(loaders.Dataset, "_fields", loaders.Dataset._fields[:-1])
        loaders.load("mnist", root, download=False)
    monkeypatch.setitem(idx.SOURCES, "mnist", idx.SOURCES["mnist"]._replace(read=lambda *paths: pytest.fail("read again")))
    with pytest.raises(pytest.fail.Exception, match="read again"):
        loaders.load("mnist", root, download=False)


def test_an_unpacked_folder_has_the_sum_of_its_files_sums(tmp_path):
    data_writers.written(tmp_path, "tiny_imagenet", writer=data_writers.write_tiny_tree)
    command = "find * -type f -exec sha256sum {} + | LC_ALL=C sort | sha256sum"
    printed = subprocess.run(command, shell=True, check=True, capture_output=True, text=True, cwd=tmp_path / data_writers.TINY).stdout
    assert {data_writers.TINY: f"sha256:{printed.split()[0]}"} == load("tiny_imagenet", tmp_path).files


def test_the_same_images_from_another_file_have_another_sum(tmp_path):
    members = data_writers.cifar_members(*data_writers.small("cifar10"))
    seen = []
    (tmp_path / "cifar10").mkdir()
    for contents in members.items(), reversed(members.items()):
        content = data_writers.tar(contents)
        (tmp_path / cifar10.SOURCES["cifar10"].files[0].path).write_bytes(content)
        data = load("cifar10", data_writers.vouch(tmp_path))
        assert {"cifar10/cifar-10-binary.tar.gz": f"sha256:{hashlib.sha256(content).hexdigest()}"} == data.files
        seen.append(data)
    assert seen[0].fingerprint == seen[1].fingerprint
    assert seen[0].files != seen[1].files


def test_digits_have_scikit_learns_version_and_made_up_images_no_file():
    import sklearn

    assert {"scikit-learn": sklearn.__version__} == loaders.load("digits").files
    assert {} == loaders.load("synthetic").files
