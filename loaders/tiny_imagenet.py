"""Tiny ImageNet from its official zip, or from the folder that it unpacks to (http://cs231n.stanford.edu).

Classes are in the alphabetical order of their ids, as the imagenet32 study numbers them (wnids.txt has another
order), and the images of a class in that of their names. The published validation images
are the test images here, since the published test images have no labels. Greyscale becomes RGB.
"""

import io
import os
import zipfile

import numpy as np

from loaders.files import DataError, File, Source, member_name, tree

TOP = "tiny-imagenet-200"
CLASSES = 200
IMAGE, TEXT = 1 << 20, 1 << 25  # bytes that a member may unpack to


def decoder():
    """The library that the pixels come from, since another may round otherwise."""
    from PIL import features

    return f"libjpeg {features.version('jpg')}"


class _Zip:
    """Members of the archive by name, as in the folder of wnids.txt; nothing is unpacked to disk."""

    def __init__(self, path):
        self.path = path
        try:
            self.archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise DataError(f"{path}: not a whole zip archive ({error})") from error
        members = {}
        for member in self.archive.infolist():
            name = member_name(member.filename)
            if name is None:
                raise DataError(f"{path}: member {member.filename!r} points out of the archive")
            if name in members:
                raise DataError(f"{path}: two members are named {name!r}")
            if not _extra(name):
                members[name] = member
        tops = [name.removesuffix("wnids.txt") for name in members if name.rpartition("/")[2] == "wnids.txt"]
        if len(tops) > 1:
            raise DataError(f"{path}: wnids.txt is in it {len(tops)} times, in {', '.join(map(repr, sorted(tops)))}")
        self.names = {name.removeprefix(top): member for top in tops for name, member in members.items() if name.startswith(top)}

    def read(self, name, most):
        member = self.names[name]
        if member.file_size > most:
            raise DataError(f"{self.path}: {member.filename} unpacks to {member.file_size} bytes, more than the {most} that are allowed")
        try:
            return self.archive.read(member)
        except Exception as error:  # zipfile may raise anything for a damaged member
            raise DataError(f"{self.path}: {member.filename} cannot be unpacked ({error})") from error


def _extra(name):
    """Whether a file is one that macOS or Windows adds to a folder or an archive."""
    parts = name.split("/")
    return parts[0] == "__MACOSX" or parts[-1].startswith(".") or parts[-1] in ("Thumbs.db", "desktop.ini")


class _Folder:
    def __init__(self, path):
        self.path = path
        names = {each.relative_to(path).as_posix(): each for each in tree(path)}
        self.names = {name: each for name, each in names.items() if not _extra(name)}

    def read(self, name, most):
        if os.path.getsize(self.names[name]) > most:
            raise DataError(f"{self.path}: {name} is larger than {most} bytes")
        return self.names[name].read_bytes()


def _open(path):
    return _Folder(path) if path.is_dir() else _Zip(path)


def load(path):
    """The four arrays: images uint8 (N, 64, 64, 3), labels int32 (N,).

    Raises:
        DataError: a class has no folder, an image no class, or a member cannot be read.
    """
    source = _open(path)
    ids = _ids(source)
    train = [[] for _ in ids]
    for name in sorted(source.names):
        match name.split("/"):
            case ["train", wnid, "images", _]:
                if wnid not in ids:
                    raise DataError(f"{path}: {name}: its class is not in wnids.txt")
                train[ids.index(wnid)].append(name)
    for wnid, names in zip(ids, train, strict=True):
        if not names:
            raise DataError(f"{path}: class {wnid} has no image in train/{wnid}/images")
    y_train = np.repeat(np.arange(len(ids), dtype="int32"), [len(names) for names in train])
    test = _annotated(source, ids)
    y_test = np.array(list(test.values()), "int32")
    return _images(source, [name for names in train for name in names]), y_train, _images(source, list(test)), y_test


def classes(path):
    """The classes' names, in the order of the labels: id and name, as 'n02124075 Egyptian cat'."""
    source = _open(path)
    descriptions = dict(line.split("\t", 1) for line in _lines(source, "words.txt") if "\t" in line)
    return [f"{wnid} {descriptions.get(wnid, '')}".strip() for wnid in _ids(source)]


def _ids(source):
    ids = sorted(set(_lines(source, "wnids.txt")))
    if len(ids) != CLASSES:
        raise DataError(f"{source.path}: wnids.txt lists {len(ids)} classes, not {CLASSES}")
    return ids


def _lines(source, name):
    if name not in source.names:
        raise DataError(f"{source.path}: {name} is not in it")
    try:
        return source.read(name, TEXT).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{source.path}: {name} is not text ({error})") from error


def _annotated(source, ids):
    """Name of each validation image -> label, in the order of the annotations."""
    labels = {}
    for line in _lines(source, "val/val_annotations.txt"):
        name, wnid, *_ = *line.split("\t"), ""
        name = f"val/images/{name}"
        if name in labels or name not in source.names or wnid not in ids:
            why = "is annotated twice" if name in labels else f"has the unknown class {wnid!r}"
            why = why if name in source.names else "is not there"
            raise DataError(f"{source.path}: {name} of val_annotations.txt {why}")
        labels[name] = ids.index(wnid)
    images = {name for name in source.names if name.startswith("val/images/")}
    if strays := images - labels.keys():
        raise DataError(f"{source.path}: {min(strays)} is not in val_annotations.txt")
    return labels


def _images(source, names):
    from PIL import Image

    images = np.empty((len(names), 64, 64, 3), "uint8")
    for i, name in enumerate(names):
        content = source.read(name, IMAGE)
        try:
            with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
                if image.size != (64, 64):
                    raise DataError(f"{source.path}: {name} is {image.size[0]}x{image.size[1]}, not 64x64")
                images[i] = np.asarray(image.convert("RGB"))
        except DataError:
            raise
        except Exception as error:  # Pillow may raise anything for a damaged image
            raise DataError(f"{source.path}: {name} cannot be read ({error})") from error
    return images


SOURCES = {
    "tiny_imagenet": Source(
        (
            File(
                f"tiny_imagenet/{TOP}.zip",
                "90528d7ca1a48142e341f4ef8d21d0de",
                f"http://cs231n.stanford.edu/{TOP}.zip",
                tree=TOP,
                pickled=("train_data_batch_1", "Imagenet32_train", "Imagenet32_train.zip", "val_data"),
            ),
        ),
        load,
        (64, 64, 3),
        (100_000, 10_000),
        classes,
    )
}
