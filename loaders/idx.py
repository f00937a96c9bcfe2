"""MNIST and Fashion-MNIST from their official gzipped IDX files.

IDX: two zero bytes, a type (8 = unsigned byte), the number of dimensions, each dimension as a
big-endian 32-bit integer, then the bytes themselves (http://yann.lecun.com/exdb/mnist/).
"""

import gzip
import math
import zlib

import numpy as np

from loaders.files import DataError, File, Source

MOST = 60_000 * 28 * 28  # bytes in the largest of the files


def load(*paths):
    """The four arrays: images uint8 (N, 28, 28, 1), labels int32 (N,); from four IDX files or Keras's one."""
    if len(paths) == 1:
        with np.load(paths[0], allow_pickle=False) as packed:
            arrays = [packed[name] for name in ("x_train", "y_train", "x_test", "y_test")]
    else:
        arrays = [read(path) for path in paths]
    x_train, y_train, x_test, y_test = arrays
    return x_train[..., None], y_train.astype("int32"), x_test[..., None], y_test.astype("int32")


def read(path):
    """The uint8 array in a gzipped IDX file.

    Raises:
        DataError: the file is cut short, too long, not gzip, or not an IDX file of unsigned bytes.
    """
    try:
        with gzip.open(path) as content:
            magic = content.read(4)
            if len(magic) < 4 or magic[:3] != b"\0\0\x08":
                raise DataError(f"{path}: magic number is {magic.hex() or 'missing'}, an IDX file of bytes begins with 000008")
            header = content.read(4 * magic[3])
            if len(header) < 4 * magic[3]:
                raise DataError(f"{path}: cut short, its header is not whole")
            shape = np.frombuffer(header, ">u4").tolist()
            if not 1 <= len(shape) <= 4 or not 0 < math.prod(shape) <= MOST:
                raise DataError(f"{path}: header says {math.prod(shape)} bytes for shape {shape[:4]}, expected 1 to {MOST}")
            array = np.empty(shape, "uint8")
            view, found = memoryview(array).cast("B"), 0
            while more := content.readinto(view[found : found + (1 << 20)]):  # a megabyte at a time, or gzip makes a copy of all
                found += more
            if found != array.size or content.read(1):
                there = "more" if found == array.size else found
                raise DataError(f"{path}: header says {array.size} bytes for shape {shape}, there are {there}")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file ({error})") from error
    return array


def _source(folder, address, md5, classes, packed=None):
    names = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
    files = tuple(File(f"{folder}/{name}", sum, address + name) for name, sum in zip(names, md5, strict=True))
    return Source(files, load, (28, 28, 1), (60_000, 10_000), classes, packed)


SOURCES = {
    "mnist": _source(
        "mnist",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        (
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
        File("mnist/mnist.npz", "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1", ""),
    ),
    "fashion_mnist": _source(
        "fashion_mnist",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
}
