"""Decoded arrays, kept beside the data or, where that folder is not to be written to, in the user's cache.

One file: the sha256 of the header, the header as JSON, the bytes of the arrays. It holds for one stamp of
the files that it was made from. It is trusted no more than they are: a file that is damaged anywhere, or
cut short, or of another stamp, is as good as none.
"""

import contextlib
import hashlib
import json
import math
import os
from pathlib import Path

import numpy as np

from loaders import files


def fingerprint(arrays):
    """16 hexadecimal digits that stand for the arrays' types, shapes and every byte."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(memoryview(array).cast("B"))
    return digest.hexdigest()[:16]


def places(name, folder):
    """Where a data set's arrays may be kept: beside the files in its folder, then in the user's cache."""
    users = Path(files.DEFAULT).expanduser() / "decoded"
    return folder / ".decoded" / name, users / f"{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}-{name}"


def get(places, stamp):
    """(arrays, header) of the first place that has them whole and of that stamp; None where none has."""
    for place in places:
        with contextlib.suppress(OSError, ValueError), open(place, "rb") as kept:
            digest, text = kept.readline(100).strip(), kept.readline(1 << 20)
            if hashlib.sha256(text).hexdigest().encode() != digest:
                continue
            header = json.loads(text)
            sizes = [np.dtype(dtype).itemsize * math.prod(shape) for dtype, shape in header["arrays"]]
            if header["stamp"] != stamp or kept.tell() + sum(sizes) != os.fstat(kept.fileno()).st_size:
                continue
            arrays = tuple(np.fromfile(kept, dtype, math.prod(shape)).reshape(shape) for dtype, shape in header["arrays"])
            if fingerprint(arrays) == header["fingerprint"]:
                return arrays, header
    return None


def put(places, stamp, arrays, header):
    """Keep arrays at the first place that can be written to; where there is none, that is no error.

    Args:
        places: as ``places`` gives them.
        stamp: files.stamp of what the arrays were made from.
        arrays: C-contiguous.
        header: dict of what JSON can hold, with the arrays' fingerprint.
    """
    about = {"stamp": stamp, **header, "arrays": [(array.dtype.str, array.shape) for array in arrays]}
    text = json.dumps(about).encode() + b"\n"
    for place in places:
        if not _may_be_written(place.parent):
            continue
        try:
            with files.part(place) as part:
                try:
                    part.truncate(0)
                    part.write(hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
                    for array in arrays:
                        array.tofile(part)
                    files.finish(part, place)
                except OSError:
                    part.truncate(0)
                    raise
        except OSError:
            continue
        return


def _may_be_written(folder):
    """Whether a folder, or the first one above it that exists, is meant to be written to: root could write to any."""
    while not os.path.lexists(folder):
        folder = folder.parent
    return bool(folder.stat().st_mode & 0o222) and os.access(folder, os.W_OK)
