"""Find a data file, download it where it is missing, verify it, or explain.

A data directory holds one folder a data set. A download is written to a temporary name, verified
by its checksum and only then renamed, so that a file that is there is a whole one.
"""

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

VARIABLE = "ZOOBENCH_DATA"
DEFAULT = "~/.cache/zoobench"
TIMEOUT = 20  # seconds without a byte


class DataError(Exception):
    """A data set cannot be used; the message names the file and the next step."""


class DataMissing(DataError):
    """A data set is not there: a reason to skip, where damaged data is a reason to fail."""


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


def find(folder, file, md5, address, download=True):
    """Path of a verified file.

    Args:
        folder: the data set's own folder in the data directory.
        file: the file's name, the same there and at the address.
        md5: its published checksum, 32 hexadecimal digits.
        address: URL of the folder that it is published in, ending in a slash.
        download: whether it may be fetched if it is not there.

    Raises:
        DataMissing: it is not there, and may not or cannot be fetched.
        DataError: it is there but is another file than the published one.
    """
    path = folder / file
    for place, what, fits in (folder, "folder", folder.is_dir), (path, "file", path.is_file):
        if os.path.lexists(place) and not fits():
            raise DataError(f"{place} is in the way: it is no {what}; move it away and fetch {address}{file}")
    if not path.exists():
        if not download:
            raise DataMissing(
                f"{path} is not there: put the file from {address}{file} (md5 {md5}) there, "
                f"or name the data directory that holds it with --data-dir or {VARIABLE}"
            )
        _download(address + file, path, md5)
        return path
    try:
        found = hashlib.md5(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); mend its permissions or fetch {address}{file}") from error
    if found != md5:
        raise DataError(f"{path}: md5 is {found}, the published one {md5}; delete the file and fetch {address}{file}")
    return path


def _download(url, path, md5):
    """Fetch into a temporary file beside the path, verify, rename."""
    part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            part = Path(file.name)
            digest = hashlib.md5()
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
                while block := answer.read(1 << 20):
                    digest.update(block)
                    file.write(block)
        if digest.hexdigest() != md5:
            raise DataError(f"{url}: what came has md5 {digest.hexdigest()}, the published one is {md5}; try again later")
        part.chmod(0o644)
        part.replace(path)
    except OSError as error:  # urllib's errors are OSErrors, too
        reason = getattr(error, "reason", error)
        raise DataMissing(f"{path} is not there, and fetching {url} (md5 {md5}) failed: {reason}") from error
    finally:
        if part:
            part.unlink(missing_ok=True)
