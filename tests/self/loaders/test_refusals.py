"""A file with wrong content is refused with DataError, in one clear line."""

import gzip
import io
import re
import struct
import tarfile
import zipfile

import numpy as np
import pytest

import loaders
from loaders import cifar10, idx
from tests.self.loaders import data_writers

pytestmark = [pytest.mark.self, pytest.mark.usefixtures("bare_home", "three_classes")]


STEP = re.compile("; (delete .* and (run python -m loaders get|unpack) |put .* beside it, or vouch for it: )")  # the next thing to do


def refused(name, root, match):
    with pytest.raises(loaders.DataError, match=match) as caught:
        loaders.load(name, root, download=False)
    assert "\n" not in str(caught.value)
    assert STEP.search(str(caught.value))
    assert not isinstance(caught.value, loaders.DataMissing)


def gzipped(*parts):
    return gzip.compress(b"".join(parts), mtime=0)


IMAGES = struct.pack(">4I", 0x803, 6, 28, 28)
BAD_IDX = {
    "empty": (b"", "magic number is missing"),
    "no gzip": (b"hello there, this is no gzip", "not a whole gzip file"),
    "cut short": (gzipped(IMAGES, bytes(6 * 784))[:-9], "not a whole gzip file"),
    "wrong type": (gzipped(struct.pack(">4I", 0xD03, 6, 28, 28)), "magic number is 00000d03"),
    "header cut short": (gzipped(IMAGES[:9]), "its header is not whole"),
    "too few bytes": (gzipped(IMAGES, bytes(783)), r"header says 4704 bytes for shape \[6, 28, 28\], there are 783"),
    "too many bytes": (gzipped(IMAGES, bytes(4705)), "there are more"),
    "far too many": (gzipped(struct.pack(">4I", 0x803, 2**31, 2**31, 4)), "expected 1 to 47040000"),
    "no image": (gzipped(struct.pack(">4I", 0x803, 0, 28, 28)), "expected 1 to 47040000"),
    "70 dimensions": (gzipped(struct.pack(">71I", 0x846, *[1] * 70), b"x"), "expected 1 to 47040000"),
    "other size": (gzipped(struct.pack(">4I", 0x803, 6, 28, 27), bytes(6 * 28 * 27)), r"images are \(28, 27, 1\), not \(28, 28, 1\)"),
    "other count": (gzipped(struct.pack(">4I", 0x803, 5, 28, 28), bytes(5 * 784)), "5 training images but 6 labels"),
}


@pytest.mark.parametrize("fault", BAD_IDX)
def test_a_bad_idx_file_is_refused(tmp_path, fault):
    content, match = BAD_IDX[fault]
    data_writers.written(tmp_path, "mnist")
    (tmp_path / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(content)
    refused("mnist", data_writers.vouch(tmp_path), match)


@pytest.mark.parametrize("name", data_writers.formats())
def test_a_label_out_of_range_is_refused(tmp_path, name):
    if name == "tiny_imagenet":
        data_writers.written(tmp_path, name, writer=data_writers.write_tiny_tree)
        path = tmp_path / data_writers.TINY / "val" / "val_annotations.txt"
        path.write_text(path.read_text().replace("n01443537", "n99999999", 1))
    else:
        x_train, y_train, x_test, y_test = data_writers.small(name)
        data_writers.written(tmp_path, name, (x_train, np.where(y_train == y_train[0], 11, y_train), x_test, y_test))
    expected = {"svhn": r"labels \[.*11\], not 1 to 10", "tiny_imagenet": "unknown class 'n99999999'"}
    refused(name, data_writers.vouch(tmp_path), expected.get(name, f"{name}: training label 11 is not one of 10 classes"))


def linked(target):
    info = tarfile.TarInfo("cifar-10-batches-bin/test_batch.bin")
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


BAD_TAR = {
    "climbs out": (lambda tar: [("../../evil", b"x"), *tar.items()], "'../../evil' points out of the archive"),
    "absolute": (lambda tar: [("/etc/evil", b"x"), *tar.items()], "'/etc/evil' points out of the archive"),
    "link": (lambda tar: [*list(tar.items())[:5], (linked("/etc/passwd"), b"")], "points out of the archive"),
    "part of a record": (lambda tar: [*list(tar.items())[:5], ("cifar-10-batches-bin/test_batch.bin", b"x" * 3074)], "has 3074 bytes"),
    "member missing": (lambda tar: list(tar.items())[1:], "data_batch_1.bin is not in it"),
    "member twice": (lambda tar: [*tar.items(), *list(tar.items())[:1]], "data_batch_1.bin is in it twice"),
    "again under ./": (lambda tar: [*tar.items(), ("./cifar-10-batches-bin/test_batch.bin", b"")], "test_batch.bin is in it twice"),
    "unpacks to too much": (
        lambda tar: [*tar.items(), ("cifar-10-batches-bin/zeros", bytes(cifar10.MOST))],
        "unpacks to more than CIFAR-10 has",
    ),
    "too many records": (lambda tar: [*tar.items(), ("cifar-10-batches-bin/test_batch.bin", bytes(10_001 * 3073))], "has 30733073 bytes"),
}


@pytest.mark.parametrize("fault", BAD_TAR)
def test_a_bad_cifar_archive_is_refused_and_nothing_is_written_outside(tmp_path, fault):
    change, match = BAD_TAR[fault]
    root = tmp_path / "a" / "data"
    (root / "cifar10").mkdir(parents=True)
    (root / "cifar10" / "cifar-10-binary.tar.gz").write_bytes(
        data_writers.tar(change(data_writers.cifar_members(*data_writers.small("cifar10"))))
    )
    refused("cifar10", data_writers.vouch(root), match)
    assert ["a"] == [path.name for path in tmp_path.iterdir()]
    assert ["SHA256SUMS", "cifar10"] == sorted(path.name for path in root.iterdir())
    assert ["cifar-10-binary.tar.gz"] == [path.name for path in (root / "cifar10").iterdir()]


def test_a_cifar_archive_whose_last_checksum_is_wrong_is_refused(tmp_path):
    data_writers.written(tmp_path, "cifar10")
    path = tmp_path / "cifar10" / "cifar-10-binary.tar.gz"
    content = bytearray(path.read_bytes())
    content[-6] ^= 1  # of the CRC, which stands behind the last byte that tar needs
    path.write_bytes(content)
    refused("cifar10", data_writers.vouch(tmp_path), "not a whole gzipped tar archive")


def mat(**content):
    from scipy.io import savemat

    out = io.BytesIO()
    savemat(out, content, do_compression=True)
    return out.getvalue()


BLANK = np.zeros((32, 32, 3, 6), "uint8")
BAD_MAT = {
    "empty": (lambda: b"", "not a whole MATLAB 5 file"),
    "no mat": (lambda: b"MATLAB 5.0 MAT-file" + bytes(300), "train_32x32.mat: "),
    "cut short": (lambda: mat(X=BLANK, y=np.ones((6, 1), "uint8"))[:-20], "not a whole MATLAB 5 file"),
    "of version 7.3": (lambda: b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM\x89HDF" + bytes(300), "not a whole MATLAB 5 file"),
    "no labels": (lambda: mat(X=BLANK), "not X of"),
    "wrong type": (lambda: mat(X=BLANK.astype("float64"), y=np.ones((6, 1))), "not X of"),
    "other size": (lambda: mat(X=BLANK[:31], y=np.ones((6, 1))), "not X of"),
    "other count": (lambda: mat(X=BLANK, y=np.ones((5, 1))), "not X of"),
    "label half": (lambda: mat(X=BLANK, y=np.full((6, 1), 0.5)), r"labels \[0.5\], not 1 to 10"),
    "label zero": (lambda: mat(X=BLANK, y=np.zeros((6, 1), "uint8")), r"labels \[0\], not 1 to 10"),
}


@pytest.mark.parametrize("fault", BAD_MAT)
def test_a_bad_mat_file_is_refused(tmp_path, fault):
    content, match = BAD_MAT[fault]
    data_writers.written(tmp_path, "svhn")
    (tmp_path / "svhn" / "train_32x32.mat").write_bytes(content())
    refused("svhn", data_writers.vouch(tmp_path), match)


def without(start):
    return lambda members: {name: content for name, content in members.items() if not name.startswith(start)}


def with_(name, content):
    return lambda members: {**members, name: content}


FIRST = "train/n00000007/images/n00000007_000.JPEG"
BAD_TINY = {
    "class without a folder": (without("train/n01443537/"), "class n01443537 has no image in train/n01443537/images"),
    "folder without a class": (with_("train/n5/images/x.JPEG", b""), "its class is not in wnids.txt"),
    "no list of classes": (without("wnids.txt"), "wnids.txt is not in it"),
    "too few classes": (with_("wnids.txt", b"n01443537\nn02124075"), "wnids.txt lists 2 classes, not 3"),
    "no words": (without("words.txt"), "words.txt is not in it"),
    "no annotations": (without("val/val_annotations.txt"), "val_annotations.txt is not in it"),
    "annotations no text": (with_("val/val_annotations.txt", b"\xff\xfe\xfd"), "val_annotations.txt is not text"),
    "image not there": (without("val/images/val_1.JPEG"), "val_1.JPEG of val_annotations.txt is not there"),
    "image not annotated": (with_("val/images/val_9.JPEG", b""), "val_9.JPEG is not in val_annotations.txt"),
    "image unreadable": (with_(FIRST, b"\xff\xd8\xff\xe0 no image"), f"{FIRST} cannot be read"),
    "image empty": (with_(FIRST, b""), f"{FIRST} cannot be read"),
    "image a GIF": (with_(FIRST, b"GIF89a" + bytes(100)), f"{FIRST} cannot be read"),
    "image of another size": (with_(FIRST, data_writers.jpeg(np.zeros((63, 64, 3), "uint8"))), f"{FIRST} is 64x63, not 64x64"),
    "image cut short": (lambda members: {**members, FIRST: members[FIRST][:-400]}, f"{FIRST} cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("packed", [True, False], ids=["zip", "folder"])
@pytest.mark.parametrize("fault", BAD_TINY)
def test_a_bad_tiny_imagenet_is_refused(tmp_path, fault, packed):
    change, match = BAD_TINY[fault]
    members = change(data_writers.tiny_members(*data_writers.small("tiny_imagenet")))
    for name, content in members.items():
        (tmp_path / data_writers.TINY / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / data_writers.TINY / name).write_bytes(content)
    if packed:
        (tmp_path / f"{data_writers.TINY}.zip").write_bytes(
            data_writers.zipped({f"tiny-imagenet-200/{name}": content for name, content in members.items()})
        )
    refused("tiny_imagenet", data_writers.vouch(tmp_path), match)


BAD_ZIP = {
    "no zip": (lambda members: b"PK hello", "not a whole zip archive"),
    "cut short": (lambda members: data_writers.zipped(members)[:-30], "not a whole zip archive"),
    "climbs out": (lambda members: data_writers.zipped({**members, "tiny-imagenet-200/../../evil": b"x"}), "points out of the archive"),
    "twice": (
        lambda members: data_writers.zipped({**members, "./tiny-imagenet-200/words.txt": b""}),
        "two members are named 'tiny-imagenet-200/words.txt'",
    ),
    "absolute": (lambda members: data_writers.zipped({**members, "/etc/evil": b"x"}), "points out of the archive"),
    "unpacks to too much": (
        lambda members: data_writers.zipped({**members, f"tiny-imagenet-200/{FIRST}": bytes(2 << 20)}),
        "unpacks to 2097152 bytes, more than the 1048576 that are allowed",
    ),
    "a bit flipped": (
        lambda members: data_writers.zipped(members, zipfile.ZIP_STORED).replace(b"\xff\xd8\xff", b"\xff\xd8\xfe", 1),
        "cannot be unpacked .*CRC",
    ),
}


@pytest.mark.parametrize("fault", BAD_ZIP)
def test_a_bad_zip_is_refused_and_nothing_is_written_outside(tmp_path, fault):
    change, match = BAD_ZIP[fault]
    members = {
        f"tiny-imagenet-200/{name}": content for name, content in data_writers.tiny_members(*data_writers.small("tiny_imagenet")).items()
    }
    (tmp_path / "data" / "tiny_imagenet").mkdir(parents=True)
    (tmp_path / "data" / f"{data_writers.TINY}.zip").write_bytes(change(members))
    refused("tiny_imagenet", data_writers.vouch(tmp_path / "data"), match)
    assert ["data"] == [path.name for path in tmp_path.iterdir()]


def test_an_unpacked_folder_must_have_exactly_the_listed_files(tmp_path):
    data_writers.written(tmp_path, "tiny_imagenet", writer=data_writers.write_tiny_tree)
    (tmp_path / data_writers.TINY / FIRST).unlink()
    refused("tiny_imagenet", tmp_path, f"{FIRST} is listed in SHA256SUMS but is not there")
    (tmp_path / data_writers.TINY / FIRST).write_bytes(b"another")
    refused("tiny_imagenet", tmp_path, f"{FIRST} is not the file that SHA256SUMS lists")
    (tmp_path / data_writers.TINY / "train" / "n00000007" / "images" / "new.JPEG").write_bytes(b"")
    refused("tiny_imagenet", tmp_path, "new.JPEG is not listed in SHA256SUMS")
    (tmp_path / "SHA256SUMS").unlink()
    refused("tiny_imagenet", tmp_path, "no checksum is published of an unpacked folder.*sha256sum")


def test_nothing_is_unpickled(tmp_path, monkeypatch):
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10" / "cifar-10-python.tar.gz").write_bytes(b"pickled")
    with pytest.raises(
        loaders.DataMissing, match=r"cifar-10-python\.tar\.gz holds it pickled.*put the file from https://.*cifar-10-binary"
    ):
        loaders.load("cifar10", tmp_path, download=False)
    (tmp_path / "tiny_imagenet").mkdir()
    (tmp_path / "tiny_imagenet" / "train_data_batch_1").write_bytes(b"pickled")
    with pytest.raises(loaders.DataMissing, match=r"train_data_batch_1 holds it pickled.*put the file from http.*tiny-imagenet-200\.zip"):
        loaders.load("tiny_imagenet", tmp_path, download=False)
    packed = tmp_path / "x.npz"
    np.savez(packed, x_train=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        idx.load(packed)
