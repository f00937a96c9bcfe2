"""Find a data file, and tell what it is: the published one, a sample that somebody vouches for, or neither.

A data directory holds one folder a data set. A file in it is read only if its md5 is the published one,
or if a list in the form of sha256sum's, SHA256SUMS in the data directory or in the data set's folder, has
its sum: so no damaged file is ever taken for a sample.
"""

import contextlib
import hashlib
import os
from pathlib import Path
from typing import NamedTuple

VARIABLE = "ZOOBENCH_DATA"
DEFAULT = "~/.cache/zoobench"
SUMS = "SHA256SUMS"


class DataError(Exception):
    """A data set cannot be used; the message names the file and the next step."""


class DataMissing(DataError):
    """A data set is not there: a reason to skip, where damaged data is a reason to fail."""


class File(NamedTuple):
    path: str  # in the data directory, as mnist/train-images-idx3-ubyte.gz
    sum: str  # of the published file: md5, or sha256
    address: str  # URL that it is published at
    tree: str = ""  # the folder that it unpacks to, which may lie beside where it would be, and serves as well
    pickled: tuple = ()  # names of other published forms of it, which are pickled: they are refused

    @property
    def name(self):
        return self.path.rpartition("/")[2]

    @property
    def algorithm(self):
        return "md5" if len(self.sum) == 32 else "sha256"


class Source(NamedTuple):
    """Where a data set comes from, and what it must be."""

    files: tuple  # of File
    read: object  # function of the files' paths -> (x_train, y_train, x_test, y_test)
    shape: tuple  # (height, width, channels) of an image
    counts: tuple  # published training images, test images; a sample has fewer
    classes: object  # the classes' names, or a function of the files' paths that returns them
    packed: File | None = None  # one file in Keras's cache that holds the arrays of all


def root_folder(option=None):
    """The data directory: the option, else the environment variable, else a folder in the cache.

    Raises:
        DataError: the folder that the option or the variable names does not exist.
    """
    for name, value in ("--data-dir", option), (VARIABLE, os.environ.get(VARIABLE)):
        if value:
            if not Path(value).is_dir():
                raise DataError(f"{name} names a data directory that does not exist: {value}; make it or name another")
            return Path(value).resolve()
    return Path(DEFAULT).expanduser()


def locate(file, root):
    """Path of a file, or of the folder that it unpacks to: in the data directory, else in Keras's cache; None where it is nowhere.

    Raises:
        DataError: something else is in its way.
    """
    path = root / file.path
    for place, what, fits in (path.parent, "folder", path.parent.is_dir), (path, "file", path.is_file):
        if os.path.lexists(place) and not fits():
            raise DataError(f"{place} is in the way: it is no {what}; move it away and fetch {file.address}")
    if path.exists():
        return path
    if file.tree and (path.parent / file.tree).is_dir():
        return path.parent / file.tree
    return in_keras_cache(file)


def in_keras_cache(file):
    """Path of the published file where Keras, or its user, has put it; None where it is not."""
    home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "datasets"
    folder = file.path.partition("/")[0]
    for place in (home / folder, home / folder.replace("_", "-"), home):
        with contextlib.suppress(OSError):  # MNIST's and Fashion-MNIST's files have the same names
            if (place / file.name).is_file() and digest(place / file.name, file.algorithm) == file.sum:
                return place / file.name
    return None


def missing(file, root, why=""):
    """The DataMissing of a file that is nowhere: what to fetch from where, and what there is that will not do."""
    path = root / file.path
    seen = [folder / name for folder in (path.parent, root) for name in file.pickled if (folder / name).exists()]
    instead = f" ({seen[0]} holds it pickled, and reading a pickle may run any program)" if seen else ""
    return DataMissing(
        f"{path} is not there{why}{instead}: put the file from {file.address} ({file.algorithm} {file.sum}) there, "
        f"or name the data directory that holds it with --data-dir or {VARIABLE}"
    )


def digest(path, algorithm):
    """A file's checksum in hexadecimal digits."""
    with open(path, "rb") as opened:
        return hashlib.file_digest(opened, algorithm).hexdigest()


def verify(file, path, root):
    """'canonical' where a file is the published one, 'sample' where SHA256SUMS vouches for it.

    Args:
        file: File.
        path: where ``locate`` found it, or the folder that it unpacks to.
        root: the data directory.

    Raises:
        DataError: it is neither, or cannot be read; the message names both sums and the next step.
    """
    sums = vouched(root, root / Path(file.path).parent)
    try:
        if path.is_dir():
            return _verify_tree(file, path, sums)
        found = digest(path, file.algorithm)
        if found == file.sum:
            return "canonical"
        expected = sums.get(path)
        if expected and digest(path, "sha256") == expected:
            return "sample"
    except OSError as error:
        raise DataError(f"{error.filename or path} cannot be read ({error.strerror}); mend that or fetch {file.address}") from error
    if expected:
        raise DataError(f"{path} is neither the published file nor the one that {SUMS} lists: damaged; delete it and fetch {file.address}")
    raise DataError(
        f"{path}: {file.algorithm} is {found}, the published one {file.sum}; delete the file and fetch {file.address}; "
        f"if it is meant to be another, such as a sample, vouch for it: {_vouch(path.parent, path.name)}"
    )


def _verify_tree(file, path, sums):
    """'sample' if the list has every file in a folder, and the folder every file in the list."""
    there, listed = set(tree(path)), {each for each in sums if each.is_relative_to(path)}
    vouch = _vouch(path.parent, path.name)
    if not listed:
        raise DataError(f"{path}: no checksum is published of an unpacked folder; put {file.name} beside it, or vouch for it: {vouch}")
    for what, strays in (f"is not listed in {SUMS}", there - listed), (f"is listed in {SUMS} and not there", listed - there):
        if strays:
            raise DataError(f"{min(strays)} {what}; unpack {file.name} again or, if it is meant, vouch for the folder anew: {vouch}")
    for each in sorted(there):
        if digest(each, "sha256") != sums[each]:
            raise DataError(f"{each} is not the file that {SUMS} lists: damaged; unpack {file.name} again")
    return "sample"


def _vouch(folder, name):
    return f"(cd {folder} && find {name} -type f -exec sha256sum {{}} + >> {SUMS})"


def vouched(*folders):
    """Path -> sha256 of every file that SHA256SUMS in one of these folders lists.

    Raises:
        DataError: a list cannot be read, or a line of it is no checksum and path.
    """
    sums = {}
    for folder in folders:
        try:
            lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise DataError(f"{folder / SUMS} cannot be read ({error}); mend it or write it again with sha256sum") from error
        for line in filter(str.strip, lines):
            sum, _, name = line.partition("  ") if "  " in line else line.partition(" *")
            if len(sum) != 64 or not name:
                raise DataError(f"{folder / SUMS}: {line[:80]!r} is no sum and path, as sha256sum writes them; mend the line")
            sums[Path(os.path.normpath(folder / name))] = sum.lower()
    return sums


def tree(folder):
    """Every file below a folder, in no order; links are not followed."""
    return [Path(place, name) for place, _, names in os.walk(folder) for name in names]


def stamp(root, paths, *more):
    """A text that changes when any of the files does, or a list that vouches for them, without reading them."""
    lists = [folder / SUMS for folder in {root, *(path.parent for path in paths)}]
    every = [each for path in paths for each in (sorted(tree(path)) if path.is_dir() else [path])] + sorted(lists)
    seen = hashlib.sha256(repr(more).encode())
    for each in every:
        with contextlib.suppress(FileNotFoundError):
            state = each.stat()
            seen.update(f"{each} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}\n".encode(errors="surrogateescape"))
    return seen.hexdigest()


@contextlib.contextmanager
def part(path):
    """The file beside a path that its content is written to before it gets its name; open, at its end, one process's at a time.

    What a process leaves in it when it is killed, the next one finds. It is not buffered, so that nothing is
    left to be written when the disk is full.
    """
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    place = path.with_name(f".{path.name}.part")
    while True:
        opened = open(place, "a+b", buffering=0)  # noqa: SIM115
        fcntl.flock(opened, fcntl.LOCK_EX)
        if place.exists() and os.path.samestat(os.fstat(opened.fileno()), place.stat()):
            break
        opened.close()  # whoever had it gave it its name, or threw it away
    with opened:
        try:
            yield opened
        finally:
            if os.fstat(opened.fileno()).st_size == 0:
                place.unlink(missing_ok=True)


def finish(opened, path):
    """Give the part of a path that path's name."""
    os.fsync(opened.fileno())
    os.chmod(opened.name, 0o644)
    os.replace(opened.name, path)
