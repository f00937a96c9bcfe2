"""Data is found, identified by its checksum, and refused unless it is published or listed in SHA256SUMS."""

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import loaders
from loaders import digits, files, idx, synthetic
from tests.self.loaders import data_writers

pytestmark = [pytest.mark.self, pytest.mark.usefixtures("bare_home")]
ROOT = Path(__file__).parents[3]
TRAIN = "mnist/train-images-idx3-ubyte.gz"


def load(root, name="mnist"):
    return loaders.load(name, root, download=False)


def publish(monkeypatch, root):
    """Make the files in a data directory the published ones."""
    source = idx.SOURCES["mnist"]
    published = tuple(file._replace(sum=files.digest(root / file.path, "md5")) for file in source.files)
    monkeypatch.setitem(idx.SOURCES, "mnist", source._replace(files=published, counts=(6, 4)))


# ---------------------------------------------------------------- what a file is


def test_a_published_file_is_canonical_and_a_listed_one_a_sample(root, monkeypatch):
    assert "sample" == load(root).kind
    publish(monkeypatch, root)
    (root / "SHA256SUMS").unlink()
    assert "canonical" == load(root).kind


def test_one_sample_among_published_files_makes_the_data_a_sample(root, monkeypatch):
    publish(monkeypatch, root)
    arrays = data_writers.small("mnist", seed=1)
    (root / TRAIN).write_bytes(data_writers.idx(arrays[0][:5, ..., 0]))
    (root / "mnist" / "train-labels-idx1-ubyte.gz").write_bytes(data_writers.idx(arrays[1][:5].astype("uint8")))
    assert "sample" == load(data_writers.vouch(root)).kind


def test_canonical_data_with_a_wrong_count_is_refused(root, monkeypatch):
    publish(monkeypatch, root)
    monkeypatch.setitem(idx.SOURCES, "mnist", idx.SOURCES["mnist"]._replace(counts=(7, 4)))
    with pytest.raises(loaders.DataError, match="mnist: 6 training images; 7 are published"):
        load(root)


def test_more_images_than_published_are_refused(root, monkeypatch):
    monkeypatch.setitem(idx.SOURCES, "mnist", idx.SOURCES["mnist"]._replace(counts=(6, 3)))
    with pytest.raises(loaders.DataError, match="mnist: 4 test images; 3 are published"):
        load(root)


def test_an_unlisted_file_is_refused_with_the_command_that_lists_it(root):
    (root / "SHA256SUMS").unlink()
    with pytest.raises(loaders.DataError, match=r"train-images.*md5 is .*, the published one f68b3c2d.*vouch for it: \(cd") as caught:
        load(root)
    assert (root / TRAIN).exists()
    for line in {
        str(caught.value).rpartition("vouch for it: ")[2].replace(Path(TRAIN).name, path.name) for path in data_writers.data_files(root)
    }:
        subprocess.run(line, shell=True, check=True)
    assert "sample" == load(root).kind


def test_a_damaged_sample_is_refused(root):
    content = bytearray((root / TRAIN).read_bytes())
    content[4] ^= 1  # gzip's time stamp, which changes no image
    (root / TRAIN).write_bytes(content)
    with pytest.raises(loaders.DataError, match=r"train-images.* is neither the published file nor the one that SHA256SUMS lists: damaged"):
        load(root)


def test_a_list_may_be_beside_the_files(root):
    text = (root / "SHA256SUMS").read_text().replace("./mnist/", "*").replace("  *", " *")  # sha256sum --binary
    (root / "SHA256SUMS").unlink()
    (root / "mnist" / "SHA256SUMS").write_text(text)
    assert "sample" == load(root).kind


@pytest.mark.parametrize("line", [b"f00d  ./mnist/x", b"no sum at all", b"0" * 64, b"\xff\xfe\x00"])
def test_a_damaged_list_is_refused(root, line):
    with (root / "SHA256SUMS").open("ab") as file:
        file.write(line)
    with pytest.raises(loaders.DataError, match="SHA256SUMS"):
        load(root)


# ---------------------------------------------------------------- where a file is


def test_a_missing_file_is_named_with_its_address_and_checksum(tmp_path):
    with pytest.raises(loaders.DataMissing, match=r"train-images-idx3-ubyte\.gz .*https://.*f68b3c2dcbeaaa9fbdd348bbdeb94873.*--data-dir"):
        load(tmp_path)


def test_a_folder_instead_of_a_file_is_not_taken_for_missing_data(tmp_path):
    (tmp_path / TRAIN).mkdir(parents=True)
    (tmp_path / "fashion_mnist").write_text("")
    for name, what in ("mnist", "file"), ("fashion_mnist", "folder"):
        with pytest.raises(
            loaders.DataError, match=f"is not a {what}; move it away and put the file from http.* at {tmp_path}/{name}/train-images"
        ) as caught:
            load(tmp_path, name)
        assert not isinstance(caught.value, loaders.DataMissing)


@pytest.mark.parametrize("fails", ["digest", "load"])
def test_a_file_without_permission_is_named(root, monkeypatch, fails):
    def refuse(path, *args):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    if fails == "digest":
        monkeypatch.setattr(files, "digest", refuse)
    else:
        monkeypatch.setitem(idx.SOURCES, "mnist", idx.SOURCES["mnist"]._replace(read=refuse))
    with pytest.raises(loaders.DataError, match=rf"{TRAIN}.*Permission denied"):
        load(root)


def test_only_published_files_are_found_in_kerass_cache(root, bare_home, monkeypatch, tmp_path):
    publish(monkeypatch, root)
    expected, published = load(root).fingerprint, load(root).files
    folder = bare_home / "keras" / "datasets" / "mnist"
    shutil.copytree(root / "mnist", folder)
    assert (expected, "canonical", published) == load(tmp_path)[5:]
    (folder / Path(TRAIN).name).write_bytes(b"of another data set with the same names")
    with pytest.raises(loaders.DataMissing, match="train-images"):
        load(tmp_path)
    shutil.copy(root / TRAIN, folder.parent)
    assert (expected, "canonical", published) == load(tmp_path)[5:]


def test_kerass_single_file_of_mnist_replaces_the_four(root, bare_home, monkeypatch, tmp_path):
    publish(monkeypatch, root)
    data = load(root)
    packed = bare_home / "keras" / "datasets" / "mnist.npz"
    packed.parent.mkdir(parents=True)
    small = {"x_train": data.x_train[..., 0], "y_train": data.y_train.astype("uint8"), "x_test": data.x_test[..., 0]}
    np.savez(packed, **small, y_test=data.y_test.astype("uint8"))
    with pytest.raises(loaders.DataMissing):  # it is not the published one
        load(tmp_path)
    source = idx.SOURCES["mnist"]
    monkeypatch.setitem(idx.SOURCES, "mnist", source._replace(packed=source.packed._replace(sum=files.digest(packed, "sha256"))))
    found = load(tmp_path)
    assert (data[5:7], {"mnist/mnist.npz": f"sha256:{files.digest(packed, 'sha256')}"}) == (found[5:7], found.files)
    assert data.fingerprint == load(root).fingerprint


def test_our_checksum_of_kerass_file_is_that_of_keras():
    keras = pytest.importorskip("keras")
    text = (Path(keras.__file__).parent / "src" / "datasets" / "mnist.py").read_text()
    assert idx.SOURCES["mnist"].packed.sum in text


def test_a_data_directory_that_does_not_exist_is_refused(monkeypatch):
    with pytest.raises(loaders.DataError, match="--data-dir names a data directory that does not exist: /nowhere"):
        loaders.root_folder("/nowhere")
    monkeypatch.setenv(files.VARIABLE, "/nowhere")
    with pytest.raises(loaders.DataError, match="ZOOBENCH_DATA names"):
        loaders.root_folder()


def test_an_unknown_data_set_is_refused_by_name():
    with pytest.raises(KeyError, match="unknown data set 'mnits'; known: mnist, fashion_mnist, cifar10, svhn,.*synthetic_HEIGHTx"):
        loaders.load("mnits")


def test_the_checksums_are_those_that_are_published():
    sources = [source for name in loaders.names() for source in getattr(loaders.module(name), "SOURCES", {}).values()]
    sums = {file.path: file.sum for source in sources for file in source.files}
    assert 13 <= len(sums) == len(set(sums.values()))
    assert all(len(sum) in (32, 64) and int(sum, 16) for sum in sums.values())
    assert "c32a1d4ab5d03f1284b67883e8d87530" == sums["cifar10/cifar-10-binary.tar.gz"]
    assert "90528d7ca1a48142e341f4ef8d21d0de" == sums["tiny_imagenet/tiny-imagenet-200.zip"]


# ---------------------------------------------------------------- what comes out


def test_a_fingerprint_changes_with_a_pixel_a_label_or_a_shape():
    arrays = data_writers.small("mnist")
    first = loaders.fingerprint(arrays)
    for i in range(4):
        changed = [array.copy() for array in arrays]
        changed[i].flat[-1] += 1
        assert first != loaders.fingerprint(changed)
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


def test_a_synthetic_set_has_the_size_of_its_name_and_a_pattern_a_class():
    data = loaders.load("synthetic_20x12x2_7_500_70")
    assert ((500, 20, 12, 2), (70, 20, 12, 2)) == (data.x_train.shape, data.x_test.shape)
    assert ("uint8", "int32") == (data.x_train.dtype, data.y_train.dtype)
    assert (7, {72, 71}, {10}) == (len(data.classes), set(np.bincount(data.y_train)), set(np.bincount(data.y_test)))
    means = np.stack([data.x_train[data.y_train == label].mean(axis=0) for label in range(7)])
    distances = ((data.x_test[:, None].astype(float) - means) ** 2).sum(axis=(2, 3, 4))
    assert (data.y_test == distances.argmin(axis=1)).all()
    assert np.ptp(data.x_train[data.y_train == 0], axis=0).min() > 30  # under noise


def test_a_synthetic_set_is_the_same_everywhere():
    assert "abe449c0af9b71cb" == loaders.load("synthetic").fingerprint == loaders.load(synthetic.DEFAULT).fingerprint


@pytest.mark.parametrize("name", ["synthetic_0x2x3_1_1_1", "synthetic_2x2x3_1_1", "synthetic_2x2_1_1_1", "synthetic_"])
def test_a_synthetic_name_without_a_size_is_refused_with_the_form(name):
    with pytest.raises(KeyError, match="synthetic_HEIGHTxWIDTHxCHANNELS_CLASSES_TRAIN_TEST"):
        loaders.load(name)


def test_importing_the_loaders_imports_nothing_slow():
    done = subprocess.run(
        [sys.executable, "-c", "import sys, loaders; print(*sys.modules)"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set() == {"numpy", "scipy", "PIL", "keras", "tensorflow", "sklearn", "urllib.request"} & set(done.stdout.split())
