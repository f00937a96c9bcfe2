"""The user's own images: their entry in a table, as ``loaders.load`` and ``loaders.module`` take it."""

from pathlib import Path
from typing import NamedTuple

from loaders import user

KEYS = {"image_folder": ("test", "resize"), "arrays": ()}  # loader, the name of the module that reads -> the keys that it may have
RESIZE = ("bilinear", "nearest")


class Own(NamedTuple):
    loader: str  # one of KEYS
    path: str  # absolute: of the folder, or the file
    input: tuple | None  # (height, width, channels) of an image; None for that of the arrays
    classes: int | None  # their expected number; None for any
    test: float | None = None  # share of each class's images that are test images; None where the folder has train and test
    resize: str | None = None  # one of RESIZE; None where an image of another size is refused

    def __str__(self):
        return self.path


def from_table(entry, folder):
    """Own of a table's entry whose keys, input and classes have been checked.

    Args:
        entry: dict with the keys loader, path, input and classes, and those of ``KEYS`` that are used.
        folder: Path that a relative path starts from.

    Raises:
        ValueError: a value is wrong; the message names the key and what is expected.
    """
    path, test, resize = entry["path"], entry.get("test"), entry.get("resize")
    if not isinstance(path, str) or not path or "\0" in path:
        raise ValueError(f"path = {path!r} is not the path of a folder or file")
    try:
        path = (folder / user.expanded(path)).resolve()
    except (user.PathError, RuntimeError, OSError) as error:  # RuntimeError: a link to itself
        raise ValueError(f"path = {path!r} cannot be followed ({error})") from error
    if entry["loader"] == "image_folder" and entry["input"][2] not in (1, 3):
        raise ValueError(f"input = {entry['input']}: an image has 1 channel (grey) or 3 (colour)")
    if test is not None and (type(test) is not float or not 0 < test < 1):
        raise ValueError(f"test = {test!r} is not a share between 0 and 1, such as 0.2")
    if resize is not None and resize not in RESIZE:
        raise ValueError(f"unknown resize {resize!r}; known: {', '.join(RESIZE)}")
    return Own(entry["loader"], str(path), tuple(entry["input"]), entry["classes"], test, resize)


def at(path):
    """Own of a folder or .npz file without a table, to look at: a folder's images become 64x64, any classes are taken."""
    path = user.path(path).resolve()
    if path.is_file():
        return Own("arrays", str(path), None, None)
    return Own("image_folder", str(path), (64, 64, 3), None, None if (path / "train").is_dir() else 0.2, "bilinear")


def present(own):
    """The Path of the user's folder or file.

    Raises:
        DataMissing: nothing is there.
    """
    from loaders.files import DataMissing

    path = Path(own.path)
    if not path.exists():
        raise DataMissing(f"{path} is not there; put the images there, or correct the data set's path in its table")
    return path


def check_count(own, classes):
    """Raise DataError where the number of classes is not the table's."""
    from loaders.files import DataError

    if own.classes not in (None, len(classes)):
        names = ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
        raise DataError(f"{own}: has {len(classes)} classes ({names}), its table says classes = {own.classes}; correct one of them")
