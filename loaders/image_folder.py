"""A user's own images in folders, one for each class; upright, and on white where they are transparent.

Either ``train/<class>/*`` and ``test/<class>/*``; or ``<class>/*`` and a share of test images: of each class of N images, the
round(share * N), but at least 1 and at most N - 1, whose names have the smallest sha256. So the split follows from the names
alone, and an image that is added to one class moves nothing in another. Names are compared as Unicode's NFC, since systems differ.
"""

import hashlib
import os
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from loaders import seen
from loaders.files import DataError
from loaders.own import RESIZE, check_count, present

# With common formats that Pillow cannot read, so that such images are refused and not overlooked.
SUFFIXES = ".jpg .jpeg .jpe .jfif .png .gif .bmp .dib .tif .tiff .webp .avif .jp2 .ppm .pgm .pbm .pnm .tga .ico .heic .heif .jxl .svg .dng"
BLOCK = 64  # images that a thread decodes at a time


class _Image(NamedTuple):
    label: int
    name: str  # below the folder, as train/cat/1.jpg, in NFC
    path: str


def decoder():
    """The libraries that the pixels come from, since another may round otherwise, and the code that turns them upright."""
    import PIL
    from PIL import features

    return f"Pillow {PIL.__version__}, libjpeg {features.version('jpg')}, {Path(seen.__file__).read_text(encoding='utf-8')}"


def paths(own):
    """The images' paths, in no order that matters."""
    return [Path(image.path) for part in _find(own)[1:] for image in part]


def read(own):
    """((x_train, y_train, x_test, y_test), classes' names, {folder: checksum}): images uint8 NHWC, labels int32 (N,).

    The checksum is the sha256 of the sorted lines '<sha256>  <name below the folder>' of all images.

    Args:
        own: Own.

    Raises:
        DataMissing: the folder is not there.
        DataError: a class or an image is missing or wrong; the message names the first and the next step.
    """
    classes, *parts = _find(own)
    arrays, lines = [], []
    for part in parts:
        images = np.empty((len(part), *own.input), "uint8")
        lines += _decode(part, images, own)
        arrays += [images, np.array([image.label for image in part], "int32")]
    total = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
    return tuple(arrays), classes, {Path(own.path).name: f"sha256:{total}"}


# ---------------------------------------------------------------- which images there are


def _find(own):
    """(classes' names, training images, test images): the images as lists of _Image, by class and name."""
    folder = present(own)
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder of images; correct the data set's path in its table")
    parts = [_classes(folder, "")] if own.test else [_classes(folder, part) for part in _parts(folder)]
    classes = tuple(parts[0])
    if different := parts[0].keys() ^ parts[-1].keys():
        raise DataError(f"{folder}: the class {min(different)!r} is in only one of train and test; both need the same classes")
    check_count(own, classes)
    if own.test:
        split = [_split(folder / name, images, own.test) for name, images in parts[0].items()]
        parts = [dict(zip(classes, part, strict=True)) for part in zip(*split, strict=True)]
    return classes, *([image._replace(label=i) for i, name in enumerate(classes) for image in part[name]] for part in parts)


def _parts(folder):
    for part in "train", "test":
        if not (folder / part).is_dir():
            step = "put the images into train/<class> and test/<class> or, where its folders are the classes, set test = 0.2 in its table"
            raise DataError(f"{folder} has no folder {part!r}; {step}")
    return "train", "test"


def _split(where, images, share):
    """(training images, test images) of one class."""
    if len(images) < 2:
        raise DataError(f"{where} has 1 image, and a split needs at least 2; add another")
    count = min(max(round(share * len(images)), 1), len(images) - 1)
    chosen = set(sorted(images, key=lambda image: hashlib.sha256(image.name.rpartition("/")[2].encode()).digest())[:count])
    return [image for image in images if image not in chosen], [image for image in images if image in chosen]


def _classes(folder, part):
    """Class name -> its images, sorted; the folder may hold other files beside the classes, but no images."""
    found = {}
    for name, entry in _entries(folder / part):
        below = f"{part}/{name}" if part else name
        if entry.is_dir():
            found[name] = _images(entry, below)
        else:
            raise DataError(f"{entry.path} is in no class's folder; move it into one, or away")
    if not found:
        raise DataError(f"{folder / part} has no folders; put the images of each class into a folder of its name")
    return found


def _images(folder, below):
    found = []
    for name, entry in _entries(folder.path):
        if entry.is_dir():
            step = "move its images into the class's folder; where the data set has folders train and test, leave out test = SHARE"
            raise DataError(f"{entry.path} is a folder, not an image; {step}")
        if not entry.is_file():
            raise DataError(f"{entry.path} is neither a file nor a link to one; delete it")
        found.append(_Image(0, f"{below}/{name}", entry.path))
    if not found:
        raise DataError(f"{folder.path} has no images ({SUFFIXES}); add some, or delete the folder")
    return found


def _entries(folder):
    """(name in NFC, os.DirEntry) of the folders and images in a folder that are not hidden, sorted by name."""
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            name = unicodedata.normalize("NFC", entry.name)
            if name.startswith(".") or not (entry.is_dir() or _is_image(name)):
                continue
            if name in found or any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):  # control, surrogate
                why = "has the same name as another" if name in found else "has a name that is not text"
                raise DataError(f"{os.fspath(folder)}: {entry.name!r} {why}; rename it")
            found[name] = entry
    return sorted(found.items())


def _is_image(name):
    return os.path.splitext(name)[1].lower() in SUFFIXES.split()


# ---------------------------------------------------------------- their pixels


def _decode(part, images, own):
    """Fill the array of images, with one thread a processor; a line '<sha256>  <name>' for each."""
    from PIL import Image

    Image.init()  # before there are threads
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def block(start):
        return [_fill(image, images[start + i], own) for i, image in enumerate(part[start : start + BLOCK])]

    with seen.reading(), ThreadPoolExecutor(threads) as pool:
        return [line for lines in pool.map(block, range(0, len(part), BLOCK)) for line in lines]


def _fill(image, pixels, own):
    from PIL import Image

    height, width, channels = own.input
    try:
        with open(image.path, "rb") as file:
            content = file.read()
        found = seen.image(BytesIO(content), "L" if channels == 1 else "RGB")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"{image.path}: cannot be read ({why}); save it again as 8-bit PNG or JPEG, or move it away") from error
    if found.size != (width, height):
        if not own.resize:
            step = f"set resize = {' or '.join(map(repr, RESIZE))} in its table, or resize the images"
            raise DataError(
                f"{image.path}: is {found.height} pixels high and {found.width} wide, its table says input = {list(own.input)}; {step}"
            )
        found = found.resize((width, height), Image.Resampling[own.resize.upper()])
    pixels[:] = np.asarray(found).reshape(own.input)
    return f"{hashlib.sha256(content).hexdigest()}  {image.name}\n"
