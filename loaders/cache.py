"""Decoded arrays in the user's cache; not in the data directory, which may be shared, read-only or curated.

One file a data set: the sha256 of the header, the header as JSON, the bytes of the arrays. It is valid
for one stamp of the files that it was made from. It is checked as they are: a file that is damaged anywhere,
or cut short, or of another stamp, is ignored.
"""

import contextlib
import hashlib
import json
import math
import os

import numpy as np

from loaders import atomic, files


def fingerprint(arrays):
    """16 hexadecimal digits that stand for the arrays' types, shapes and every byte."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(memoryview(array).cast("B"))
    return digest.hexdigest()[:16]


def stamp_of(root, paths, *more):
    """A text that changes when one of the files or of their SHA256SUMS does; only their sizes and times are read."""
    lists = [folder / files.SUMS for folder in {root, *(path.parent for path in paths)}]
    every = [each for path in paths for each in (sorted(files.tree(path)) if path.is_dir() else [path])] + sorted(lists)
    digest = hashlib.sha256(repr(more).encode())
    for each in every:
        with contextlib.suppress(FileNotFoundError):
            state = each.stat()
            digest.update(f"{each} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def path(name, folder):
    """The cache's file for a data set whose files are in a folder.

    Raises:
        DataError: the user has no home, and so no cache.
    """
    return files.cache_folder() / "decoded" / f"{hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}-{name}"


def get(name, folder, stamp):
    """(arrays, header) as ``put`` wrote them, where they are complete and have that stamp; else None."""
    with contextlib.suppress(OSError, ValueError, files.DataError), open(path(name, folder), "rb") as kept:
        digest, text = kept.readline(100).strip(), kept.readline(1 << 20)
        if hashlib.sha256(text).hexdigest().encode() != digest:
            return None
        about = json.loads(text)
        sizes = [np.dtype(dtype).itemsize * math.prod(shape) for dtype, shape in about["arrays"]]
        if about["stamp"] != stamp or kept.tell() + sum(sizes) != os.fstat(kept.fileno()).st_size:
            return None
        arrays = tuple(np.fromfile(kept, dtype, math.prod(shape)).reshape(shape) for dtype, shape in about["arrays"])
        if fingerprint(arrays) == about["header"]["fingerprint"]:
            return arrays, about["header"]
    return None


def put(name, folder, stamp, arrays, header):
    """Write arrays to the cache; a cache that cannot be written to is not an error.

    Args:
        name: of the data set.
        folder: the one that its files are in.
        stamp: ``stamp_of`` what the arrays were made from.
        arrays: C-contiguous.
        header: dict of what JSON can hold, with the arrays' fingerprint.
    """
    about = {"stamp": stamp, "header": header, "arrays": [(array.dtype.str, array.shape) for array in arrays]}
    text = json.dumps(about).encode() + b"\n"
    with contextlib.suppress(OSError, files.DataError), atomic.part(target := path(name, folder)) as part:
        try:
            part.truncate(0)
            part.write(hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
            for array in arrays:
                array.tofile(part)
            atomic.finish(part, target)
        except OSError:
            part.truncate(0)
            raise
