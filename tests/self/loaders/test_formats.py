"""Each format is read as it was written."""

import functools
import shutil
import tarfile
from pathlib import PurePosixPath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import loaders
from loaders import svhn
from tests.self.loaders import data_writers

pytestmark = [pytest.mark.self, pytest.mark.usefixtures("bare_home", "three_classes")]


@pytest.mark.parametrize("name", data_writers.formats())
def test_what_is_written_is_read_back(name, tmp_path):
    @settings(max_examples=2 * settings.default.max_examples)
    @given(seed=st.integers(0, 2**31 - 1), train=st.integers(5, 40), test=st.integers(3, 20))
    def read_back(seed, train, test):
        root = tmp_path / f"{seed}-{train}-{test}"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        arrays = data_writers.small(name, seed, train, test)
        data = loaders.load(name, data_writers.written(root, name, arrays), download=False)
        # JPEG is lossy: noise changes much in an encoder and a decoder.
        data_writers.same(arrays, data, within=0 if name != "tiny_imagenet" else 255)
        assert ("sample", loaders.fingerprint(data[:4])) == (data.kind, data.fingerprint)

    read_back()


def test_a_jpeg_is_read_as_written_and_grey_has_three_equal_channels(tmp_path):
    x_train, y_train, x_test, y_test = data_writers.small("tiny_imagenet")
    ramp = np.repeat(np.arange(64, dtype="uint8")[:, None, None] * 4, 64, 1)
    x_train[:] = ramp  # smooth, so that JPEG keeps it
    members = data_writers.tiny_members(x_train, y_train, x_test, y_test)
    name = next(name for name in members if name.endswith("_000.JPEG"))
    members[name] = data_writers.jpeg(ramp[..., 0])
    (tmp_path / "tiny_imagenet").mkdir()
    (tmp_path / f"{data_writers.TINY}.zip").write_bytes(
        data_writers.zipped({f"tiny-imagenet-200/{each}": content for each, content in members.items()})
    )
    data = loaders.load("tiny_imagenet", data_writers.vouch(tmp_path), download=False)
    assert np.abs(data.x_train.astype(int) - ramp).max() <= 3
    assert 0 == np.ptp(data.x_train[0].astype(int), axis=-1).max()


def test_tiny_imagenets_classes_are_sorted_by_id_in_the_zip_and_the_folder(tmp_path):
    for folder in "zip", "tree":
        (tmp_path / folder).mkdir()
    packed = loaders.load("tiny_imagenet", data_writers.written(tmp_path / "zip", "tiny_imagenet"), download=False)
    unpacked = loaders.load(
        "tiny_imagenet", data_writers.written(tmp_path / "tree", "tiny_imagenet", writer=data_writers.write_tiny_tree), download=False
    )
    assert packed.fingerprint == unpacked.fingerprint
    assert tuple(f"{wnid} name of {wnid}" for wnid in ("n00000007", "n01443537", "n02124075")) == packed.classes == unpacked.classes


def test_svhns_label_ten_is_the_digit_zero_with_or_without_compression(tmp_path):
    arrays = data_writers.small("svhn", train=200)
    prints = []
    for compressed in True, False:
        root = tmp_path / str(compressed)
        root.mkdir()
        data = loaders.load(
            "svhn", data_writers.written(root, "svhn", arrays, functools.partial(data_writers.write_svhn, compressed=compressed))
        )
        assert 0 < (arrays[1] == 0).sum() == (data.y_train == 0).sum()
        prints.append(data.fingerprint)
    assert prints[0] == prints[1]


def test_svhns_extra_digits_are_added_to_the_training_images(tmp_path):
    arrays, more = data_writers.small("svhn"), data_writers.small("svhn", seed=1)
    data_writers.write_svhn(tmp_path, *arrays)
    shutil.move(tmp_path / "svhn", tmp_path / "first")
    data_writers.write_svhn(tmp_path, *more)
    (tmp_path / "svhn" / "train_32x32.mat").rename(tmp_path / "first" / "extra_32x32.mat")
    shutil.rmtree(tmp_path / "svhn")
    (tmp_path / "first").rename(tmp_path / "svhn")
    data = loaders.load("svhn_extra", data_writers.vouch(tmp_path), download=False)
    data_writers.same((np.concatenate([arrays[0], more[0]]), np.concatenate([arrays[1], more[1]]), *arrays[2:]), data)


def test_the_balanced_subsample_has_55974_digits_and_60000_with_extra():
    published = [4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659]  # of each digit in the training split
    labels = np.random.RandomState(1).permutation(np.repeat(np.arange(10), published))
    drawn = svhn.subsample(labels)
    assert 73257 == len(labels)
    assert 55974 == len(drawn) == len(set(drawn))
    assert [min(6000, count) for count in published] == np.bincount(labels[drawn]).tolist()
    assert (drawn == svhn.subsample(labels)).all()
    assert 55974 == svhn.SOURCES["svhn_balanced"].counts[0]
    extra = np.concatenate([labels, np.repeat(np.arange(10), [45550, 90560, 74740, 60765, 50633, 53490, 41582, 43997, 35358, 34456])])
    assert (604388, 60000) == (len(extra), len(svhn.subsample(extra)))
    assert (604388, 60000) == tuple(svhn.SOURCES[name].counts[0] for name in ("svhn_extra", "svhn_extra_balanced"))


def test_a_balanced_set_selects_training_images_and_keeps_all_test_images(tmp_path, monkeypatch):
    monkeypatch.setattr(svhn.subsample, "__defaults__", (3,))
    arrays = data_writers.small("svhn", train=100)
    data = loaders.load("svhn_balanced", data_writers.written(tmp_path, "svhn", arrays), download=False)
    assert [3] * 10 == np.bincount(data.y_train).tolist()
    originals = {image.tobytes(): label for image, label in zip(*arrays[:2], strict=True)}
    assert data.y_train.tolist() == [originals[image.tobytes()] for image in data.x_train]
    data_writers.same(arrays[2:], data[2:4])


def test_an_archive_packed_again_from_its_folder_is_accepted(tmp_path):
    members = data_writers.cifar_members(*data_writers.small("cifar10"))
    folders = []
    for name in ".", "./cifar-10-batches-bin":
        info = tarfile.TarInfo(name)
        info.type = tarfile.DIRTYPE
        folders.append((info, b""))
    data_writers.written(tmp_path, "cifar10")
    expected = loaders.load("cifar10", tmp_path, download=False).fingerprint
    (tmp_path / "cifar10" / "cifar-10-binary.tar.gz").write_bytes(
        data_writers.tar([*folders, *((f"./{name}", content) for name, content in members.items())])
    )
    assert expected == loaders.load("cifar10", data_writers.vouch(tmp_path), download=False).fingerprint


@pytest.mark.parametrize("prefix", ["", "./"])
def test_a_zip_that_has_its_folders_as_members_is_accepted(tmp_path, prefix):
    members = data_writers.tiny_members(*data_writers.small("tiny_imagenet"))
    data_writers.written(tmp_path, "tiny_imagenet")
    expected = loaders.load("tiny_imagenet", tmp_path, download=False).fingerprint
    every = {f"tiny-imagenet-200/{name}": content for name, content in members.items()}
    folders = {f"{parent}/": b"" for name in every for parent in reversed(PurePosixPath(name).parents) if parent.name}
    content = data_writers.zipped({prefix + name: content for name, content in {**folders, **every}.items()})
    (tmp_path / f"{data_writers.TINY}.zip").write_bytes(content)
    assert expected == loaders.load("tiny_imagenet", data_writers.vouch(tmp_path), download=False).fingerprint
