"""The data sets, each read from its published files by one module.

``DATASETS`` is the whole registry: data set name -> the module that reads it. A module's ``SOURCES`` says
of each name which files it takes, how they are read and what must come out; one whose data needs no
file has ``make(name)`` instead. Images of the user's own are an ``Own`` in place of a name. The images come raw,
uint8 and channels-last; size and scaling belong to the recipe.
"""

import errno
import functools
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from loaders.files import DataError, DataMissing, root_folder
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
    """Images and labels as read, and what every result says of them.

    ``files`` tells other files from the same files read otherwise: relative path in the data directory (as
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
    kind: str  # canonical: the published files, or what needs none, or the user's own; sample: others that SHA256SUMS vouches for
    files: dict = {}  # noqa: RUF012 what the arrays were made from; not to be written to


def names():
    """The names that ``load`` takes: a list of str; beside them, synthetic sets of any size (``loaders.synthetic``)."""
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
    """Read one data set, from the arrays that an earlier call has kept where the files are still the same.

    Args:
        name: one of ``names()``, a synthetic set of any size, or an ``Own``, which needs neither root nor download.
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
    reader = module(name)
    if not isinstance(name, Own) and not hasattr(reader, "SOURCES"):
        arrays, classes, made_of = reader.make(name)
        return _dataset(arrays, {"classes": classes, "fingerprint": fingerprint(arrays), "kind": "canonical", "files": made_of})
    try:
        if isinstance(name, Own):
            return _load_own(name, reader)
        root = root_folder() if root is None else Path(root).resolve()
        return _load(name, reader, root, download)
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or error
        raise DataError(f"{name}: {error.filename or root}: {reason}; correct that and try again") from error


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

    folder = Path(own.path).parent
    return _kept((own.loader, repr(own)), lambda: cache.stamp_of(folder, reader.paths(own), *_code(reader)), read, f"{own}: a file of it")


def _code(reader):
    """What beside the files decides on the arrays that are read."""
    return Path(reader.__file__).read_bytes(), reader.decoder() if hasattr(reader, "decoder") else "", Dataset._fields


def _kept(where, stamp, read, file):
    """The Dataset that is kept under (name, folder) for this stamp of its files; else as ``read`` returns it, which is kept.

    Args:
        where: (name, folder), as ``cache.path`` takes them.
        stamp: a function that returns the stamp as it is now.
        read: a function that returns (the four arrays, classes' names, kind, files).
        file: what changed where the stamp changes meanwhile, as text.
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

    They are those of its source, or the one in Keras's cache that holds the arrays of all.

    Args:
        name, root, download: as for ``load``.

    Raises:
        DataMissing: a file is neither there nor to be had.
        DataError: something else is in its way.
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
    """Where the arrays are not what a data set's source says, as text; empty where they are."""
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
        array.flags.writeable = False  # they are handed to one cell after the other
    return Dataset(*arrays, **{**header, "classes": tuple(header["classes"])})
