"""A user's own images in one .npz file, as ``numpy.savez("mine.npz", x_train=..., y_train=..., x_test=..., y_test=...)`` writes it.

Images uint8 (N, height, width) or (N, height, width, channels), labels integers (N,), counted from 0; optionally ``classes``,
the classes' names. Other members are ignored. Nothing is unpickled.
"""

import numpy as np

from loaders import files
from loaders.files import DataError
from loaders.own import check_count, present

MEMBERS = ("x_train", "y_train", "x_test", "y_test", "classes")
MOST = 1 << 16  # classes at most, where neither the file nor a table gives their number


def paths(own):
    """The file, in a list."""
    return [present(own)]


def read(own):
    """((x_train, y_train, x_test, y_test), classes' names, {file: checksum}): images uint8 NHWC, labels int32 (N,).

    Args:
        own: Own.

    Raises:
        DataMissing: the file is not there.
        DataError: the file or a member is not as above; the message names it and what it should be.
    """
    path = present(own)
    members = _members(path)
    classes = _classes(path, members, own)
    arrays = []
    for part in "train", "test":
        images = _images(path, f"x_{part}", members[f"x_{part}"], own)
        labels = _labels(path, f"y_{part}", members[f"y_{part}"], len(classes))
        if len(images) != len(labels):
            raise DataError(f"{path}: x_{part} has {len(images)} images, y_{part} {len(labels)} labels; each image needs one")
        arrays += [images, labels]
    if arrays[0].shape[1:] != arrays[2].shape[1:]:
        raise DataError(f"{path}: x_train has images of {arrays[0].shape[1:]}, x_test of {arrays[2].shape[1:]}; make them one size")
    return tuple(arrays), classes, {path.name: f"sha256:{files.digest(path, 'sha256')}"}


def _members(path):
    """Name -> array of the four members, and of ``classes`` where it is there."""
    try:
        with path.open("rb") as file:
            packed = np.load(file, allow_pickle=False)
            if not isinstance(packed, np.lib.npyio.NpzFile):
                raise ValueError("it holds one array without a name")
            return {name: _member(path, packed, name) for name in MEMBERS if name != "classes" or name in packed.files}
    except DataError:
        raise
    except Exception as error:  # NumPy may raise anything for another file
        raise DataError(f"{path}: not an .npz file ({_line(error)}); write it with numpy.savez") from error


def _member(path, packed, name):
    if name not in packed.files:
        raise DataError(f"{path}: has no {name}; its members are {', '.join(packed.files) or 'none'}")
    try:
        return packed[name]
    except Exception as error:  # an array of objects, or a damaged member
        raise DataError(
            f"{path}: {name} cannot be read ({_line(error)}); save it as plain numbers, the names of classes as text"
        ) from error


def _images(path, name, images, own):
    if images.dtype != np.uint8:
        values = f"(255 * {name}).round().astype('uint8') of values from 0 to 1" if images.dtype.kind == "f" else "values from 0 to 255"
        raise DataError(f"{path}: {name} is {images.dtype}, not uint8; save {values}")
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise DataError(f"{path}: {name} has the shape {images.shape}, not (N, height, width) or (N, height, width, channels)")
    images = np.ascontiguousarray(images if images.ndim == 4 else images[..., None])
    if own.input not in (None, images.shape[1:]):
        raise DataError(f"{path}: {name} has images of {list(images.shape[1:])}, its table says input = {list(own.input)}; correct one")
    return images


def _labels(path, name, labels, classes):
    if labels.dtype.kind not in "iu":
        raise DataError(f"{path}: {name} is {labels.dtype}, not integers")
    if labels.ndim != 1:
        raise DataError(f"{path}: {name} has the shape {labels.shape}, not (N,)")
    for label in (labels.min(), labels.max()) if len(labels) else ():
        if not 0 <= label < classes:
            raise DataError(f"{path}: {name} has the label {label}; those of {classes} classes are 0 to {classes - 1}")
    return labels.astype("int32")


def _classes(path, members, own):
    """The classes' names: those of the file, else their numbers."""
    names = members.get("classes")
    if names is None:
        labels = [members[name].max() for name in ("y_train", "y_test") if members[name].dtype.kind in "iu" and members[name].size]
        return tuple(str(label) for label in range(own.classes or min(1 + int(max(labels, default=0)), MOST)))
    if names.dtype.kind != "U" or names.ndim != 1 or len(set(names.tolist())) != len(names):
        raise DataError(f"{path}: classes is {names.dtype} {names.shape}, not a list of different names as text")
    classes = tuple(name.removeprefix("\ufeff") for name in names.tolist())  # the first line of a text file may begin with it
    check_count(own, classes)
    return classes


def _line(error):
    return next(iter(str(error).splitlines()), type(error).__name__)
