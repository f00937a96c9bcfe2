"""The data sets, each a module with ``load(name, root, download) -> Dataset``.

``DATASETS`` is the whole registry: data set name -> the module that reads it. The images come raw,
uint8 and channels-last; size and scaling belong to the recipe.
"""

import hashlib
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from loaders.files import DataError, DataMissing, root_folder

__all__ = ["DATASETS", "DataError", "DataMissing", "Dataset", "load", "names", "root_folder"]

DATASETS = {
    "mnist": "idx",
    "fashion_mnist": "idx",
    "digits": "digits",
}


class Dataset(NamedTuple):
    """Images and labels as read, and the fingerprint that every result carries."""

    x_train: object  # uint8 (N, height, width, channels)
    y_train: object  # int32 (N,)
    x_test: object
    y_test: object
    classes: tuple  # the classes' names, in the order of their labels
    fingerprint: str  # of the four arrays: 16 hexadecimal digits


def names():
    """The names that ``load`` takes: a list of str."""
    return list(DATASETS)


def load(name, root=None, download=True):
    """Read one data set.

    Args:
        name: one of ``names()``.
        root: the data directory, with one folder a data set; None for ``root_folder()``.
        download: whether a missing file may be fetched into the data directory.

    Returns:
        Dataset.

    Raises:
        KeyError: the name is unknown; the message lists the known ones.
        DataMissing: a file is neither there nor to be had; the message says how to get it.
        DataError: a file is damaged; the message names it and the next step.
    """
    if name not in DATASETS:
        raise KeyError(f"unknown data set {name!r}; known: {', '.join(names())}")
    root = root_folder() if root is None else Path(root)
    arrays, classes = import_module(f"loaders.{DATASETS[name]}").load(name, root, download)
    for part, images, labels in ("training", *arrays[:2]), ("test", *arrays[2:]):
        if len(images) != len(labels):
            raise DataError(f"{name}: {len(images)} {part} images but {len(labels)} labels; fetch its files again")
        if labels.min() < 0 or labels.max() >= len(classes):
            raise DataError(f"{name}: {part} label {labels.max()} is not one of {len(classes)} classes; fetch its files again")
    return Dataset(*arrays, tuple(classes), fingerprint(arrays))


def fingerprint(arrays):
    """16 hexadecimal digits that stand for the arrays' types, shapes and every byte."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(memoryview(array).cast("B"))
    return digest.hexdigest()[:16]
