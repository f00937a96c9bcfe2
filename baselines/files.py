"""Write files that are whole at every moment, by one process at a time; without locks, which some file systems lack."""

import contextlib
import json
import os
import re
import time
import uuid
from pathlib import Path

FILE = re.compile(r"(?P<number>\d{4,})_(?P<name>.+)_(?P<session>[0-9a-f]{8})\.json")  # of records
PATIENCE = 10  # seconds to wait for another process


class StoreError(Exception):
    """A stored file cannot be read or written, or is damaged; the message names it and the next step."""


def replace(path, content):
    """Write a file, of text or bytes, so that it is always either the old one or the whole new one."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with part.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def dense(content, indent=0):
    """Strict JSON: what holds other lists or tables with an item a line, all else on one line: small, and readable as a diff."""
    values = content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    if not any(isinstance(value, dict | list) for value in values):
        return json.dumps(content, allow_nan=False)
    names = [f"{json.dumps(name)}: " for name in content] if isinstance(content, dict) else [""] * len(content)
    lines = ",\n".join(f"{' ' * indent} {name}{dense(value, indent + 1)}" for name, value in zip(names, values, strict=True))
    opening, closing = "{}" if isinstance(content, dict) else "[]"
    return f"{opening}\n{lines}\n{' ' * indent}{closing}"


def numbered(folder, name, session):
    """The path of a new file of records with the folder's next number, also where several sessions ask at the same time.

    Creating a file exclusively reserves the number.
    """
    number = 1 + max(_numbers(folder), default=0)
    while True:
        reserved = folder / f".{number:04}.taken"
        try:
            os.close(os.open(reserved, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:  # of another session, which may have been killed
            number += 1
            continue
        try:
            if number not in _numbers(folder):
                path = folder / f"{number:04}_{name}_{session}.json"
                path.touch()
                return path
        finally:
            reserved.unlink(missing_ok=True)
        number += 1


def _numbers(folder):
    return {int(match["number"]) for path in folder.iterdir() if (match := FILE.fullmatch(path.name))}


def check_writable(folder, name):
    """Write, rename and delete a file in a machine's folder, as a session does.

    Raises:
        StoreError: a file of records with that name cannot be stored there.
    """
    made = not folder.exists()
    path = folder / f".0001_{name}_{'0' * 8}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace(path, " " * 2**20)
    except OSError as error:
        raise StoreError(f"{folder}: a record cannot be stored there: {error}; name another --benchmark-storage") from error
    finally:
        with contextlib.suppress(OSError):  # such as that the folder is a file
            path.unlink(missing_ok=True)
            if made:
                folder.rmdir()


@contextlib.contextmanager
def alone(path):
    """Be the only process that changes a file.

    Raises:
        StoreError: another process still does after PATIENCE seconds, or was killed while it did.
    """
    held = Path(path).with_name(f".{path.name}.held")
    end = time.monotonic() + PATIENCE
    while True:
        try:
            os.close(os.open(held, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            if time.monotonic() > end:
                raise StoreError(f"{path}: another process is writing it; if none is, delete {held}") from None
            time.sleep(0.02)
    try:
        yield
    finally:
        held.unlink(missing_ok=True)
