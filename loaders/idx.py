"""MNIST and Fashion-MNIST from their official gzipped IDX files.

IDX: two zero bytes, a type (8 = unsigned byte), the number of dimensions, each dimension as a
big-endian 32-bit integer, then the bytes themselves (http://yann.lecun.com/exdb/mnist/).
"""

import gzip
import math
import zlib

import numpy as np

from loaders.files import DataError, find

FILES = (  # in the order of Dataset's arrays
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
PUBLISHED = {
    "mnist": {
        "address": "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "md5": (
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        "classes": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    },
    "fashion_mnist": {
        "address": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "md5": (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        "classes": ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
    },
}


def load(name, root, download):
    """The four arrays of MNIST or Fashion-MNIST, images uint8 (N, 28, 28, 1), and the class names."""
    published = PUBLISHED[name]
    paths = [find(root / name, file, md5, published["address"], download) for file, md5 in zip(FILES, published["md5"], strict=True)]
    x_train, y_train, x_test, y_test = (read(path) for path in paths)
    arrays = x_train[..., None], y_train.astype("int32"), x_test[..., None], y_test.astype("int32")
    return arrays, published["classes"]


def read(path):
    """The uint8 array in a gzipped IDX file.

    Raises:
        DataError: the file is cut short, too long, not gzip, or not an IDX file of unsigned bytes.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file ({error}); fetch it again") from error
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise DataError(f"{path}: magic number is {content[:4].hex() or 'missing'}, an IDX file of bytes begins 000008; fetch it again")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise DataError(f"{path}: cut short, its header is not whole; fetch it again")
    shape = np.frombuffer(content, ">u4", content[3], 4).tolist()
    expected = start + math.prod(shape)
    if len(content) != expected or not 1 <= len(shape) <= 4 or 0 in shape:
        raise DataError(f"{path}: header says {expected} bytes in all for shape {shape[:4]}, there are {len(content)}; fetch it again")
    return np.frombuffer(content, "uint8", offset=start).reshape(shape)
