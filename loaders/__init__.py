"""The data sets, each read from its published files by one module.

``DATASETS`` is the whole registry: data set name -> the module that reads it. A module's ``SOURCES`` says
of each name which files it takes, how they are read and what must come out; one whose data needs no
file has ``make(name)`` instead. The images come raw, uint8 and channels-last; size and scaling belong to
the recipe.
"""

import errno
import functools
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from loaders.files import DataError, DataMissing, root_folder

__all__ = ["DATASETS", "DataError", "DataMissing", "Dataset", "fingerprint", "load", "module", "names", "root_folder"]

DATASETS = {
    "mnist": "idx",
    "fashion_mnist": "idx",
    "cifar10": "cifar10",
    "svhn": "svhn",
    "svhn_balanced": "svhn",
    "svhn_extra": "svhn",
    "svhn_extra_balanced": "svhn",
    "tiny_imagenet": "tiny_imagenet",
    "digits": "digits",
    "synthetic": "synthetic",
}


class Dataset(NamedTuple):
    """Images and labels as read, and what every result says of them."""

    x_train: object  # uint8 (N, height, width, channels)
    y_train: object  # int32 (N,)
    x_test: object
    y_test: object
    classes: tuple  # the classes' names, in the order of their labels
    fingerprint: str  # of the four arrays: 16 hexadecimal digits
    kind: str  # canonical: the published files, or what needs none; sample: others that SHA256SUMS vouches for


def names():
    """The names that ``load`` takes: a list of str; beside them, synthetic sets of any size (``loaders.synthetic``)."""
    return list(DATASETS)


def module(name):
    """The module that reads a data set.

    Raises:
        KeyError: the name is unknown; the message lists the known ones.
    """
    from loaders import synthetic

    if name in DATASETS or synthetic.SIZES.fullmatch(name):
        return import_module(f"loaders.{DATASETS.get(name, 'synthetic')}")
    raise KeyError(f"unknown data set {name!r}; known: {', '.join(names())}, and {synthetic.FORM}")


def fingerprint(arrays):
    """16 hexadecimal digits that stand for the arrays' types, shapes and every byte."""
    from loaders import cache

    return cache.fingerprint(arrays)


def load(name, root=None, download=True):
    """Read one data set, from the arrays that an earlier call has kept where the files are still the same.

    Args:
        name: one of ``names()``, or a synthetic set of any size.
        root: the data directory, with one folder a data set; None for ``root_folder()``.
        download: whether a missing file may be fetched into the data directory; instead of True, a function
            that is told of it, as (file name, bytes so far, bytes in all or None).

    Returns:
        Dataset; its arrays are not to be written to.

    Raises:
        KeyError: the name is unknown; the message lists the known ones.
        DataMissing: a file is neither there nor to be had; the message says how to get it.
        DataError: a file is damaged, or not what it should be; the message names it and the next step.
    """
    root = (root_folder() if root is None else Path(root)).resolve()
    its = module(name)
    if not hasattr(its, "SOURCES"):
        arrays, classes = its.make(name)
        return _dataset(arrays, classes, fingerprint(arrays), "canonical")
    try:
        return _load(name, its, root, download)
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or error
        raise DataError(f"{name}: {error.filename or root}: {reason}; mend that and try again") from error


def _load(name, its, root, download):
    from loaders import cache, files

    source = its.SOURCES[name]
    found = _found(source, root, download)
    paths = [path for _, path in found]

    def stamp():
        return files.stamp(root, paths, Path(its.__file__).read_bytes(), its.decoder() if hasattr(its, "decoder") else "")

    made_of = stamp()
    places = cache.places(name, root / Path(source.files[0].path).parent)
    if kept := cache.get(places, made_of):
        arrays, header = kept
        return _dataset(arrays, header["classes"], header["fingerprint"], header["kind"])
    kinds = {files.verify(file, path, root) for file, path in found}
    kind = "sample" if "sample" in kinds else "canonical"
    arrays = source.read(*paths)
    classes = source.classes(*paths) if callable(source.classes) else source.classes
    check(name, source, arrays, classes, kind)
    if made_of != stamp():
        raise DataError(f"{name}: a file in {paths[0].parent} changed while it was read; try again")
    header = {"classes": list(classes), "kind": kind, "fingerprint": fingerprint(arrays)}
    cache.put(places, made_of, arrays, header)
    return _dataset(arrays, classes, header["fingerprint"], kind)


def _found(source, root, download):
    """(File, its path) of every file of a source, fetched where that is allowed; or of the one that holds them all."""
    from loaders import files
    from loaders.download import fetch

    paths = [files.locate(file, root) for file in source.files]
    if None in paths and source.packed and (path := files.in_keras_cache(source.packed)):
        return [(source.packed, path)]
    for place, file in enumerate(source.files):
        if paths[place] is None and not download:
            raise files.missing(file, root)
        if paths[place] is None:
            paths[place] = root / file.path
            try:
                fetch(file, paths[place], functools.partial(download, file.name) if callable(download) else None)
            except DataMissing as error:
                raise files.missing(file, root, f" and cannot be fetched ({error})") from error
    return list(zip(source.files, paths, strict=True))


def check(name, source, arrays, classes, kind):
    """Raise DataError where arrays are not what the data set's source says."""
    again = "fetch its files again"
    for part, most, images, labels in zip(("training", "test"), source.counts, arrays[::2], arrays[1::2], strict=True):
        if len(images) != len(labels):
            raise DataError(f"{name}: {len(images)} {part} images but {len(labels)} labels; {again}")
        if images.shape[1:] != source.shape:
            raise DataError(f"{name}: {part} images are {images.shape[1:]}, not {source.shape}; {again}")
        if not 0 < len(images) <= most or (kind == "canonical" and len(images) != most):
            raise DataError(f"{name}: {len(images)} {part} images; {most} are published; {again}")
        for label in (labels.min(), labels.max()):
            if not 0 <= label < len(classes):
                raise DataError(f"{name}: {part} label {label} is not one of {len(classes)} classes; {again}")


def _dataset(arrays, classes, print_, kind):
    for array in arrays:
        array.flags.writeable = False  # they are handed to one cell after the other
    return Dataset(*arrays, tuple(classes), print_, kind)
