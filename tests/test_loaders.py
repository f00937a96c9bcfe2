"""Data is read right or refused: each kind of bad input has one clear line, and loses nothing."""

import gzip
import hashlib
import struct

import numpy as np
import pytest

import loaders
from loaders import digits, files, idx

pytestmark = pytest.mark.quick


def written(path, array, magic=None):
    """A gzipped IDX file of that array."""
    header = struct.pack(">I", 0x0800 + array.ndim if magic is None else magic) + struct.pack(f">{array.ndim}I", *array.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(header + array.tobytes()))
    return path


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 4, 3)).astype("uint8")


@pytest.fixture
def mnist(tmp_path, monkeypatch):
    """A data directory with a small MNIST whose published checksums are its own; a function to rewrite one file."""
    published = {**idx.PUBLISHED["mnist"], "md5": []}
    monkeypatch.setitem(idx.PUBLISHED, "mnist", published)

    def write(labels=(0, 1, 9), count=3):
        published["md5"].clear()
        arrays = np.zeros((count, 28, 28), "uint8"), np.array(labels, "uint8")
        for file, array in zip(idx.FILES, arrays * 2, strict=True):
            path = written(tmp_path / "mnist" / file, array)
            published["md5"].append(hashlib.md5(path.read_bytes()).hexdigest())
        return tmp_path

    return write


def test_an_idx_file_is_read_back_as_it_was_written(tmp_path, images):
    np.testing.assert_array_equal(images, idx.read(written(tmp_path / "x.gz", images)))


@pytest.mark.parametrize("keep", [0, 5, 30, -1], ids=["empty", "in the gzip header", "in the middle", "last byte"])
def test_a_truncated_gzip_is_refused(tmp_path, images, keep):
    path = written(tmp_path / "x.gz", images)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(loaders.DataError, match=r"x\.gz: .*fetch it again"):
        idx.read(path)


@pytest.mark.parametrize("size", [2, 9, 40, 77], ids=["magic", "header", "data", "too long"])
def test_an_idx_file_of_another_length_than_its_header_says_is_refused(tmp_path, images, size):
    whole = gzip.decompress(written(tmp_path / "x.gz", images).read_bytes()) + b"x"
    (tmp_path / "x.gz").write_bytes(gzip.compress(whole[:size]))
    with pytest.raises(loaders.DataError, match=r"x\.gz: .*fetch it again"):
        idx.read(tmp_path / "x.gz")


@pytest.mark.parametrize("shape", [(2**31, 2**31, 4), (1,) * 70, (0, 4), ()], ids=["overflow", "70 dimensions", "no image", "none"])
def test_a_header_that_no_image_file_has_is_refused(tmp_path, shape):
    header = struct.pack(">I", 0x0800 + len(shape)) + struct.pack(f">{len(shape)}I", *shape)
    (tmp_path / "x.gz").write_bytes(gzip.compress(header + b"x" * (len(shape) in (0, 70))))
    with pytest.raises(loaders.DataError, match=r"x\.gz: header says"):
        idx.read(tmp_path / "x.gz")


def test_a_wrong_magic_number_is_refused(tmp_path, images):
    with pytest.raises(loaders.DataError, match=r"x\.gz: magic number is 00000d03"):
        idx.read(written(tmp_path / "x.gz", images, magic=0x0D03))


def test_a_wrong_checksum_is_refused_and_the_file_stays(mnist):
    root = mnist()
    path = root / "mnist" / idx.FILES[2]
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), compresslevel=1))
    with pytest.raises(loaders.DataError, match=r"t10k-images.*md5 is .*, the published one"):
        loaders.load("mnist", root, download=False)
    assert path.exists()


def test_what_is_in_the_way_of_a_file_is_refused_and_not_taken_for_missing(tmp_path):
    (tmp_path / "mnist" / idx.FILES[0]).mkdir(parents=True)
    with pytest.raises(loaders.DataError, match="is in the way: it is no file") as caught:
        loaders.load("mnist", tmp_path)
    assert not isinstance(caught.value, loaders.DataMissing)
    (tmp_path / "fashion_mnist").write_text("")
    with pytest.raises(loaders.DataError, match="is in the way: it is no folder") as caught:
        loaders.load("fashion_mnist", tmp_path)
    assert not isinstance(caught.value, loaders.DataMissing)


def test_a_label_out_of_range_is_refused(mnist):
    with pytest.raises(loaders.DataError, match="mnist: training label 10 is not one of 10 classes"):
        loaders.load("mnist", mnist(labels=(0, 10, 9)), download=False)


def test_images_and_labels_of_different_count_are_refused(mnist):
    with pytest.raises(loaders.DataError, match="mnist: 4 training images but 3 labels"):
        loaders.load("mnist", mnist(count=4), download=False)


def test_a_missing_file_is_named_with_its_address_and_checksum(tmp_path):
    with pytest.raises(loaders.DataMissing, match=r"train-images-idx3-ubyte\.gz .*https://.*f68b3c2dcbeaaa9fbdd348bbdeb94873.*--data-dir"):
        loaders.load("mnist", tmp_path, download=False)


def test_a_download_that_fails_says_why_and_leaves_nothing(tmp_path):
    with pytest.raises(loaders.DataMissing, match=r"fetching file:///nowhere/x .* failed"):
        files.find(tmp_path / "set", "x", "0" * 32, "file:///nowhere/")
    assert [] == list((tmp_path / "set").iterdir())


def test_a_download_with_a_wrong_checksum_is_refused_and_leaves_nothing(tmp_path):
    (tmp_path / "x").write_bytes(b"not it")
    with pytest.raises(loaders.DataError, match="what came has md5"):
        files.find(tmp_path / "set", "x", "0" * 32, f"file://{tmp_path}/")
    assert [] == list((tmp_path / "set").iterdir())


def test_a_verified_download_is_kept(tmp_path):
    (tmp_path / "x").write_bytes(b"it")
    found = files.find(tmp_path / "set", "x", hashlib.md5(b"it").hexdigest(), f"file://{tmp_path}/")
    assert (tmp_path / "set" / "x", b"it") == (found, found.read_bytes())


def test_a_data_directory_that_does_not_exist_is_refused_by_option_and_variable(monkeypatch):
    with pytest.raises(loaders.DataError, match="--data-dir names a data directory that does not exist: /nowhere"):
        loaders.root_folder("/nowhere")
    monkeypatch.setenv(files.VARIABLE, "/nowhere")
    with pytest.raises(loaders.DataError, match="ZOOBENCH_DATA names"):
        loaders.root_folder()


def test_an_unknown_data_set_is_refused_by_name():
    with pytest.raises(KeyError, match="unknown data set 'mnits'; known: mnist, fashion_mnist, digits"):
        loaders.load("mnits")


def test_the_fingerprint_changes_with_a_pixel_a_label_and_a_shape(mnist):
    first = loaders.load("mnist", mnist(), download=False)
    assert first.fingerprint == loaders.load("mnist", mnist(), download=False).fingerprint
    assert first.fingerprint != loaders.load("mnist", mnist(labels=(0, 1, 8)), download=False).fingerprint
    arrays = [array.copy() for array in first[:4]]
    assert first.fingerprint == loaders.fingerprint(arrays)
    arrays[2][0, 0, 0, 0] = 1
    assert first.fingerprint != loaders.fingerprint(arrays)
    assert loaders.fingerprint([np.zeros((2, 3), "uint8")]) != loaders.fingerprint([np.zeros((3, 2), "uint8")])


def test_the_digits_are_scikit_learns_at_28_by_28():
    from sklearn.datasets import load_digits

    data = loaders.load("digits")
    assert ((1437, 28, 28, 1), (360, 28, 28, 1), "uint8", "int32") == (
        data.x_train.shape,
        data.x_test.shape,
        data.x_train.dtype,
        data.y_train.dtype,
    )
    theirs, labels = load_digits(return_X_y=True)
    both = np.concatenate([data.x_train, data.x_test])
    for row, column in (0, 0), (1, 2), (2, 1):  # each of their pixels is three by three of ours, inside a border of two
        ours = both[:, 2 + row : 26 : 3, 2 + column : 26 : 3, 0]
        np.testing.assert_array_equal(np.rint(theirs.reshape(-1, 8, 8) * 255 / 16), ours)
    np.testing.assert_array_equal(labels, np.concatenate([data.y_train, data.y_test]))
    assert 0 == both[:, [0, 1, -2, -1]].max() == both[:, :, [0, 1, -2, -1]].max()
    assert digits.TEST == len(data.y_test)


@pytest.mark.parametrize(("name", "mean"), [("mnist", 0.1307), ("fashion_mnist", 0.2860)])
def test_the_official_files_hold_what_is_known_of_them(name, mean, data_root):
    try:
        data = loaders.load(name, data_root, download=False)
    except loaders.DataMissing as missing:
        pytest.skip(str(missing))
    assert ((60000, 28, 28, 1), (10000, 28, 28, 1)) == (data.x_train.shape, data.x_test.shape)
    assert mean == pytest.approx(data.x_train.mean() / 255, abs=5e-5)
    counts = np.bincount(data.y_train)
    assert (10, 60000) == (len(counts), counts.sum())
    assert 5421 <= counts.min()  # MNIST's fives
