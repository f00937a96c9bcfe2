"""Find a data file, and tell what it is: the published one, a sample that SHA256SUMS lists, or neither.

A data directory holds one folder a data set. A file in it is read only if its md5 is the published one,
or if a list in the form of sha256sum's, SHA256SUMS in the data directory or in the data set's folder, has
its sum. So a damaged file is never taken for a sample.
"""

import contextlib
import hashlib
import os
import shlex
from pathlib import Path
from typing import NamedTuple

from loaders import user

VARIABLE = "ZOOBENCH_DATA"
DEFAULT = "zoobench in $XDG_CACHE_HOME or ~/.cache"  # as help texts say it
SUMS = "SHA256SUMS"


class DataError(Exception):
    """A data set cannot be used; the message names the file and the next step."""


class DataMissing(DataError):
    """A data set is not there: a reason to skip, where damaged data is a reason to fail."""


class File(NamedTuple):
    path: str  # in the data directory, as mnist/train-images-idx3-ubyte.gz
    sum: str  # of the published file: md5, or sha256
    address: str  # URL that it is published at
    tree: str = ""  # the folder that it unpacks to, beside it: read where the file itself is not there
    pickled: tuple = ()  # names of published forms that are pickled: they are refused

    @property
    def folder(self):
        return self.path.rpartition("/")[0]

    @property
    def name(self):
        return self.path.rpartition("/")[2]

    @property
    def algorithm(self):
        return "md5" if len(self.sum) == 32 else "sha256"

    @property
    def checksum(self):
        return f"{self.algorithm}:{self.sum}"


class Source(NamedTuple):
    """Where a data set comes from, and what it must be."""

    files: tuple  # of File
    read: object  # function of the files' paths -> (x_train, y_train, x_test, y_test)
    shape: tuple  # (height, width, channels) of an image
    counts: tuple  # published training images, test images; a sample has fewer
    classes: object  # the classes' names, or a function of the files' paths that returns them
    packed: File | None = None  # one file in Keras's cache that holds the arrays of all


def cache_folder():
    """``user.cache_folder``, which is also the data directory where none is named.

    Raises:
        DataMissing: the user has neither $XDG_CACHE_HOME nor a home.
    """
    try:
        return user.cache_folder()
    except user.PathError as error:
        raise DataMissing(f"no home directory to keep data in; name a data directory with --data-dir or {VARIABLE}") from error


def root_folder(option=None, variables=os.environ):
    """The data directory: the option, else the environment variable, else a folder in the cache; None where there is no home for that.

    Raises:
        DataError: the folder that the option or the variable names does not exist.
    """
    for name, value in ("--data-dir", option), (VARIABLE, variables.get(VARIABLE)):
        if value:
            try:
                path = user.path(value).resolve()
            except user.PathError as error:
                raise DataError(f"{name}: {error}") from error
            if path.is_dir():
                return path
            raise DataError(f"{name} names a data directory that does not exist: {value}; make it or name another")
    with contextlib.suppress(user.PathError):
        return user.cache_folder().resolve()
    return None


def locate(file, root):
    """Path of a file, or of the folder that it unpacks to: in the data directory, else in Keras's cache; None where it is in neither.

    Raises:
        DataError: something that is not a file, or not a folder, has its path.
    """
    path = root / file.path
    for expected, kind, fits in (path.parent, "folder", path.parent.is_dir), (path, "file", path.is_file):
        if os.path.lexists(expected) and not fits():
            raise DataError(f"{expected} is not a {kind}; move it away and put the file from {file.address} at {path}")
    if path.exists():
        return path
    if file.tree and (path.parent / file.tree).is_dir():
        return path.parent / file.tree
    return in_keras_cache(file)


def in_keras_cache(file):
    """Path of the published file where Keras, or its user, has put it; None where it is not."""
    cache = user.keras_home() / "datasets"
    for folder in (cache / file.folder, cache / file.folder.replace("_", "-"), cache):
        with contextlib.suppress(OSError):  # MNIST's and Fashion-MNIST's files have the same names
            if (folder / file.name).is_file() and digest(folder / file.name, file.algorithm) == file.sum:
                return folder / file.name
    return None


def get_command(name, root):
    """The command line that downloads the missing files of a data set."""
    default = None
    with contextlib.suppress(DataError):  # the variable may name a folder that does not exist
        default = root_folder()
    option = "" if root == default else f" --data-dir={shlex.quote(str(root))}"
    return f"python -m loaders get {name}{option}"


def replace(name, root, address=""):
    """What to do about a damaged file, as text."""
    return f"delete it and run {get_command(name, root)}" + (f", or put the file from {address} there" if address else "")


def missing(name, file, root, failure=""):
    """The DataMissing of a file that was not found.

    Args:
        name: of the data set.
        file: File.
        root: the data directory.
        failure: why it could not be fetched; empty where it was not tried.
    """
    path = root / file.path
    seen = [folder / other for folder in (path.parent, root) for other in file.pickled if (folder / other).exists()]
    pickled = f" ({seen[0]} holds it pickled, and reading a pickle may execute any code)" if seen else ""
    step = f"{failure};" if failure else f"run {get_command(name, root)}, or"
    return DataMissing(
        f"{path} is not there{pickled}; {step} put the file from {file.address} ({file.algorithm} {file.sum}) there, "
        f"or name the data directory that holds it with --data-dir or {VARIABLE}"
    )


def digest(path, algorithm):
    """A file's checksum in hexadecimal digits."""
    with open(path, "rb") as opened:
        return hashlib.file_digest(opened, algorithm).hexdigest()


def verify(name, file, path, root):
    """The checksum that a file was verified by: ``file.checksum`` of the published one, 'sha256:...' of one in SHA256SUMS.

    Args:
        name: of the data set, for messages.
        file: File.
        path: where ``locate`` found it, or the folder that it unpacks to.
        root: the data directory.

    Raises:
        DataError: it is neither, or cannot be read; the message names both sums and the next step.
    """
    sums = vouched(root, root / file.folder)
    step = replace(name, root, file.address)
    try:
        if path.is_dir():
            return _verify_tree(file, path, sums)
        found = digest(path, file.algorithm)
        if found == file.sum:
            return file.checksum
        expected = sums.get(path)
        if expected and digest(path, "sha256") == expected:
            return f"sha256:{expected}"
    except OSError as error:
        raise DataError(f"{error.filename or path} cannot be read ({error.strerror}); make it readable, or {step}") from error
    if expected:
        raise DataError(f"{path} is neither the published file nor the one that {SUMS} lists: damaged; {step}")
    raise DataError(
        f"{path}: {file.algorithm} is {found}, the published one {file.sum}; {step}; "
        f"if it is another one on purpose, such as a sample, vouch for it: {_vouch(path.parent, path.name)}"
    )


def _verify_tree(file, path, sums):
    """The checksum of a folder whose files are exactly those that SHA256SUMS lists.

    It is the sha256 of what ``(cd FOLDER && find * -type f -exec sha256sum {} + | LC_ALL=C sort)`` prints.
    """
    present, listed = set(tree(path)), {each for each in sums if each.is_relative_to(path)}
    vouch, again = _vouch(path.parent, path.name), f"delete {path} and unpack {file.name} again"
    if not listed:
        raise DataError(f"{path}: no checksum is published of an unpacked folder; put {file.name} beside it, or vouch for it: {vouch}")
    if strays := present - listed:
        raise DataError(f"{min(strays)} is not listed in {SUMS}; {again} or, if it is meant, vouch for the folder again: {vouch}")
    if strays := listed - present:
        raise DataError(f"{min(strays)} is listed in {SUMS} but is not there; {again} or, if it was deleted on purpose, delete its line")
    for each in sorted(present):
        if digest(each, "sha256") != sums[each]:
            raise DataError(f"{each} is not the file that {SUMS} lists: damaged; {again}")
    lines = sorted(os.fsencode(f"{sums[each]}  {each.relative_to(path).as_posix()}\n") for each in present)
    return f"sha256:{hashlib.sha256(b''.join(lines)).hexdigest()}"


def _vouch(folder, name):
    return f"(cd {shlex.quote(str(folder))} && find {name} -type f -exec sha256sum {{}} + >> {SUMS})"


def vouched(*folders):
    """Path -> sha256 of every file that SHA256SUMS in one of these folders lists.

    Raises:
        DataError: a list cannot be read, or a line of it is not a checksum and a path.
    """
    sums = {}
    for folder in folders:
        try:
            lines = (folder / SUMS).read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise DataError(f"{folder / SUMS} cannot be read ({error}); correct it, or write it again with sha256sum") from error
        for line in filter(str.strip, lines):
            sum, _, name = line.partition("  ") if "  " in line else line.partition(" *")
            if len(sum) != 64 or not name:
                raise DataError(f"{folder / SUMS}: {line[:80]!r} is not '<sha256>  <path>', as sha256sum writes it; correct the line")
            sums[Path(os.path.normpath(folder / name))] = sum.lower()
    return sums


def tree(folder):
    """Every file below a folder, in no order; links are not followed."""
    return [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]


def member_name(name):
    """An archive member's name without ``./``; None where it points out of the archive."""
    parts = name.replace("\\", "/").split("/")
    return None if name.startswith(("/", "\\")) or ".." in parts else "/".join(part for part in parts if part not in ("", "."))
