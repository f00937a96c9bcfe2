"""The data sets, each read from its published files by one module.

``DATASETS`` is the whole registry: data set name -> the module that reads it. A module's ``SOURCES`` maps
each of its names to the files, the function that reads them, and the shapes and counts that are expected; a
module whose data needs no file has ``make(name)`` instead. The user's own images are named by an ``Own``.
Images are raw, uint8 and channels-last; size and scaling belong to the recipe.
"""

import errno
import functools
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from loaders.files import DataError, DataMissing, cache_folder, root_folder
from loaders.own import Own

__all__ = ["DATASETS", "DataError", "DataMissing", "Dataset", "Own", "find", "fingerprint", "load", "module", "names", "root_folder"]

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
    """Images and labels as read, and what identifies them in a record.

    ``files`` holds what the arrays were made from: relative path in the data directory (as
    mnist/train-images-idx3-ubyte.gz) -> the checksum that the file was verified by, "md5:..." or "sha256:...":
    the published one of a canonical file, sha256 of a sample; of an unpacked folder, sha256 of the sorted list
    of its files' sums. Of data that comes with a library, the library -> its version; of made-up data, empty.
    """

    x_train: object  # uint8 (N, height, width, channels)
    y_train: object  # int32 (N,)
    x_test: object
    y_test: object
    classes: tuple  # the classes' names, in the order of their labels
    fingerprint: str  # of the four arrays: 16 hexadecimal digits
    kind: str  # canonical: published files, data without files, or the user's own; sample: other files, in SHA256SUMS
    files: dict = {}  # noqa: RUF012 what the arrays were made from; not to be written to


def names():
    """The names that ``load`` takes: a list of str; it takes synthetic sets of any size, too (``loaders.synthetic``)."""
    return list(DATASETS)


def module(name):
    """The module that reads a data set: one of ``names()``, a synthetic set of any size, or an ``Own``.

    Raises:
        KeyError: the name is unknown; the message lists the known ones.
    """
    from loaders import synthetic

    if isinstance(name, Own):
        return import_module(f"loaders.{name.loader}")
    if name in DATASETS or synthetic.SIZES.fullmatch(name):
        return import_module(f"loaders.{DATASETS.get(name, 'synthetic')}")
    raise KeyError(f"unknown data set {name!r}; known: {', '.join(names())}, and {synthetic.FORM}")


def fingerprint(arrays):
    """16 hexadecimal digits that stand for the arrays' types, shapes and every byte."""
    from loaders import cache

    return cache.fingerprint(arrays)


def load(name, root=None, download=True):
    """Read one data set, from the cache where an earlier call has filled it and the files have not changed.

    Args:
        name: one of ``names()``, a synthetic set of any size, or an ``Own``, which needs neither root nor download.
        root: the data directory, with one folder a data set; None for ``root_folder()``.
        download: whether a missing file may be fetched into the data directory; instead of True, a function
            that is called with the progress: (file name, bytes so far, bytes in all or None).

    Returns:
        Dataset; its arrays are not to be written to.

    Raises:
        KeyError: the name is unknown; the message lists the known ones.
        DataMissing: a file is not there and cannot be fetched; the message says how to get it.
        DataError: a file is damaged, or not what it should be; the message names it and the next step.
    """
    reader = module(name)
    if not isinstance(name, Own) and not hasattr(reader, "SOURCES"):
        arrays, classes, made_of = reader.make(name)
        return _dataset(arrays, {"classes": classes, "fingerprint": fingerprint(arrays), "kind": "canonical", "files": made_of})
    try:
        if isinstance(name, Own):
            return _load_own(name, reader)
        root = (root_folder() or cache_folder()) if root is None else Path(root).resolve()
        return _load(name, reader, root, download)
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or error
        raise DataError(f"{name}: {error.filename or root or name}: {reason}; correct that and try again") from error


def _load(name, reader, root, download):
    from loaders import cache, files

    source = reader.SOURCES[name]
    found = find(name, root, download)
    paths = [path for _, path in found]

    def read():
        sums = {f"{file.folder}/{path.name}": files.verify(name, file, path, root) for file, path in found}
        kind = "canonical" if {file.checksum for file, _ in found} == set(sums.values()) else "sample"
        try:
            arrays = source.read(*paths)
            classes = source.classes(*paths) if callable(source.classes) else source.classes
        except DataError as error:
            raise DataError(f"{error}; {files.replace(name, root)}") from error
        if wrong := _wrong(source, arrays, classes, kind):
            raise DataError(f"{name}: {wrong}; delete its files in {paths[0].parent} and run {files.get_command(name, root)}")
        return arrays, classes, kind, sums

    where = name, root / source.files[0].folder
    return _kept(where, lambda: cache.stamp_of(root, paths, *_code(reader)), read, f"{name}: a file in {paths[0].parent}")


def _load_own(own, reader):
    from loaders import cache

    def read():
        arrays, classes, sums = reader.read(own)
        return arrays, classes, "canonical", sums

    where, folder = (own.loader, repr(own)), Path(own.path).parent
    return _kept(where, lambda: cache.stamp_of(folder, reader.paths(own), *_code(reader)), read, f"{own}: one of its files")


def _code(reader):
    """What decides the arrays apart from the files: code, decoder, fields of a Dataset."""
    return Path(reader.__file__).read_bytes(), reader.decoder() if hasattr(reader, "decoder") else "", Dataset._fields


def _kept(where, stamp, read, file):
    """The Dataset from the cache, where it has one with this stamp; else as ``read`` returns it, and then it is cached.

    Args:
        where: (name, folder), as ``cache.path`` takes them.
        stamp: a function that returns the stamp as it is now.
        read: a function that returns (the four arrays, classes' names, kind, files).
        file: names the files in the error that they changed meanwhile.
    """
    from loaders import cache

    before = stamp()
    if kept := cache.get(*where, before):
        return _dataset(*kept)
    arrays, classes, kind, sums = read()
    if before != stamp():
        raise DataError(f"{file} changed while it was read; try again")
    header = {"classes": list(classes), "fingerprint": fingerprint(arrays), "kind": kind, "files": sums}
    cache.put(*where, before, arrays, header)
    return _dataset(arrays, header)


def find(name, root, download=False):
    """The files of a data set: a list of (files.File, its path); empty where it needs none.

    They are those of its source, or the single file in Keras's cache that holds all of its arrays.

    Args:
        name, root, download: as for ``load``.

    Raises:
        DataMissing: a file is not there and cannot be fetched.
        DataError: something that is not a file has the path of one.
    """
    from loaders import files
    from loaders.download import fetch

    source = getattr(module(name), "SOURCES", {}).get(name)
    if not source:
        return []
    found = [(file, files.locate(file, root)) for file in source.files]
    if source.packed and None in dict(found).values() and (path := files.in_keras_cache(source.packed)):
        return [(source.packed, path)]
    for i, (file, path) in enumerate(found):
        if path:
            continue
        if not download:
            raise files.missing(name, file, root)
        found[i] = file, root / file.path
        try:
            fetch(file, root / file.path, functools.partial(download, file.name) if callable(download) else None)
        except DataMissing as error:
            raise files.missing(name, file, root, str(error)) from error
    return found


def _wrong(source, arrays, classes, kind):
    """How the arrays differ from what a data set's source says, as text; empty where they do not."""
    for part, most, images, labels in zip(("training", "test"), source.counts, arrays[::2], arrays[1::2], strict=True):
        if len(images) != len(labels):
            return f"{len(images)} {part} images but {len(labels)} labels"
        if images.shape[1:] != source.shape:
            return f"{part} images are {images.shape[1:]}, not {source.shape}"
        if not 0 < len(images) <= most or (kind == "canonical" and len(images) != most):
            return f"{len(images)} {part} images; {most} are published"
        for label in (labels.min(), labels.max()):
            if not 0 <= label < len(classes):
                return f"{part} label {label} is not one of {len(classes)} classes"
    return ""


def _dataset(arrays, header):
    for array in arrays:
        array.flags.writeable = False  # several cells use the same arrays
    return Dataset(*arrays, **{**header, "classes": tuple(header["classes"])})
