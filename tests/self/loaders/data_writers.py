"""Small files of every format that the loaders read, written without the loaders' code.

``WRITERS`` maps a data set to a function of (data directory, arrays) that writes its files as published,
``small`` draws arrays for it, ``vouch`` lists the files in SHA256SUMS so that they are read. A format without
a writer is skipped by the tests that write files.
"""

import gzip
import hashlib
import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

import loaders

WNIDS = ("n01443537", "n02124075", "n00000007")  # not in alphabetical order, as in wnids.txt
TINY = "tiny_imagenet/tiny-imagenet-200"


def small(name, seed=0, train=6, test=4):
    """(x_train, y_train, x_test, y_test) of a data set's image size, as its writer takes them; all classes of Tiny ImageNet."""
    random = np.random.RandomState(seed)
    shape, classes = {
        "mnist": ((28, 28, 1), 10),
        "cifar10": ((32, 32, 3), 10),
        "svhn": ((32, 32, 3), 10),
        "tiny_imagenet": ((64, 64, 3), 3),
    }[name]
    arrays = []
    for count in train, test:
        labels = random.randint(0, classes, count)
        if name == "tiny_imagenet":
            labels[:classes] = range(classes)
            labels.sort()
        images = random.randint(0, 256, (count, *shape)).astype("uint8")
        arrays += [images, labels.astype("int32")]
    return tuple(arrays)


def idx(array):
    """The bytes of a gzipped IDX file."""
    return gzip.compress(struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes(), 1, mtime=0)


def write_mnist(root, x_train, y_train, x_test, y_test):
    (root / "mnist").mkdir()
    for name, array in (
        ("train-images-idx3", x_train[..., 0]),
        ("train-labels-idx1", y_train),
        ("t10k-images-idx3", x_test[..., 0]),
        ("t10k-labels-idx1", y_test),
    ):
        (root / "mnist" / f"{name}-ubyte.gz").write_bytes(idx(array.astype("uint8")))


def tar(members):
    """The bytes of a gzipped tar archive of (TarInfo or name, bytes)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for member, content in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue(), 1, mtime=0)


def cifar_members(x_train, y_train, x_test, y_test):
    """Name -> bytes of the members of CIFAR-10's archive: the training images shared out over five."""
    members = {}
    for number, indices in enumerate(np.array_split(np.arange(len(x_train)), 5), 1):
        members[f"data_batch_{number}.bin"] = x_train[indices], y_train[indices]
    members["test_batch.bin"] = x_test, y_test
    return {
        f"cifar-10-batches-bin/{name}": b"".join(
            bytes([label]) + image.transpose(2, 0, 1).tobytes() for image, label in zip(*arrays, strict=True)
        )
        for name, arrays in members.items()
    }


def write_cifar10(root, *arrays):
    (root / "cifar10").mkdir()
    (root / "cifar10" / "cifar-10-binary.tar.gz").write_bytes(tar(cifar_members(*arrays).items()))


def write_svhn(root, x_train, y_train, x_test, y_test, compressed=True):
    from scipy.io import savemat

    (root / "svhn").mkdir()
    for name, images, labels in ("train", x_train, y_train), ("test", x_test, y_test):
        content = {"X": images.transpose(1, 2, 3, 0), "y": np.where(labels == 0, 10, labels).astype("uint8")[:, None]}
        savemat(root / "svhn" / f"{name}_32x32.mat", content, do_compression=compressed)


def jpeg(image):
    """The bytes of a JPEG file; of a greyscale one where an image has two dimensions."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=90)
    return out.getvalue()


def tiny_members(x_train, y_train, x_test, y_test):
    """Name -> bytes of what Tiny ImageNet's zip unpacks to; the labels count the ids in alphabetical order."""
    ids = sorted(WNIDS)
    members = {
        "wnids.txt": "\n".join(WNIDS).encode(),
        "words.txt": b"\n".join(f"{wnid}\tname of {wnid}".encode() for wnid in (*WNIDS, "n09")),
    }
    for number, (image, label) in enumerate(zip(x_train, y_train, strict=True)):
        members[f"train/{ids[label]}/{ids[label]}_boxes.txt"] = b""
        members[f"train/{ids[label]}/images/{ids[label]}_{number:03}.JPEG"] = jpeg(image)
    for number, image in enumerate(x_test):
        members[f"val/images/val_{number}.JPEG"] = jpeg(image)
    lines = [f"val_{number}.JPEG\t{ids[label]}\t0\t0\t62\t62" for number, label in enumerate(y_test)]
    return {**members, "val/val_annotations.txt": "\n".join(lines).encode(), "test/images/test_0.JPEG": members["val/images/val_0.JPEG"]}


def zipped(members, method=zipfile.ZIP_DEFLATED):
    """The bytes of a zip archive of name -> bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return out.getvalue()


def write_tiny_imagenet(root, *arrays):
    (root / "tiny_imagenet").mkdir()
    members = tiny_members(*arrays)
    (root / f"{TINY}.zip").write_bytes(zipped({f"tiny-imagenet-200/{name}": content for name, content in members.items()}))


def write_tiny_tree(root, *arrays):
    for name, content in tiny_members(*arrays).items():
        (root / TINY / name).parent.mkdir(parents=True, exist_ok=True)
        (root / TINY / name).write_bytes(content)


WRITERS = {"mnist": write_mnist, "cifar10": write_cifar10, "svhn": write_svhn, "tiny_imagenet": write_tiny_imagenet}


def formats():
    """One data set for each function that reads files: those that tests write."""
    first = {}
    for name in loaders.names():
        if source := getattr(loaders.module(name), "SOURCES", {}).get(name):
            first.setdefault(getattr(source.read, "func", source.read), name)
    skip = {
        name: pytest.mark.skip(reason=f"data_writers.WRITERS has no function that writes the files of {name}") for name in first.values()
    }
    return [name if name in WRITERS else pytest.param(name, marks=skip[name]) for name in first.values()]


def data_files(root):
    """Every file of a data directory that is data, in the order of their names."""
    return sorted(path for path in root.rglob("*") if path.is_file() and path.name != "SHA256SUMS")


def vouch(root):
    """Write SHA256SUMS for everything in a data directory, as sha256sum would."""
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  ./{path.relative_to(root).as_posix()}" for path in data_files(root)]
    (root / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    return root


def written(root, name, arrays=None, writer=None):
    """Write those arrays, or ``small`` ones, in the data set's format, with SHA256SUMS; returns the data directory."""
    (writer or WRITERS[name])(root, *(arrays or small(name)))
    return vouch(root)


def same(expected, found, name="", within=0):
    for ours, theirs in zip(expected, found[:4], strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        assert np.abs(ours.astype(int) - theirs).max() <= within * (ours.ndim == 4), name


def mutated(content, random):
    """A file's bytes after one to three random changes: bits flipped, a piece deleted, doubled or zeroed, the end cut or extended."""
    content = bytearray(content)
    for _ in range(random.randint(1, 4)):
        first, last = sorted(random.randint(0, len(content) + 1, 2))
        last = min(last, first + random.randint(1, 2000))
        match random.randint(8):
            case 0 | 1:
                for _ in range(random.randint(1, 9)):
                    content[random.randint(len(content))] ^= 1 << random.randint(8)
            case 2:
                content[random.randint(min(200, len(content)))] = random.randint(256)  # in the header
            case 3:
                del content[first:last]
            case 4:
                content[first:first] = content[first:last]
            case 5:
                content[first:last] = bytes(last - first)
            case 6:
                del content[random.randint(len(content)) :]
            case 7:
                content += random.bytes(random.randint(1, 50))
        content = content or bytearray(b"\0")
    return bytes(content)
