"""Write a file, one process at a time, that gets its name only when it is complete."""

import contextlib
import errno
import os
import uuid

UNLOCKED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)  # errors of a file system without locks, as some NFS


@contextlib.contextmanager
def part(path):
    """Open, at its end, the hidden file that holds the content of a path until it is complete; for one process at a time.

    What a killed process has written to it is there for the next one. It is not buffered, so that an error of a
    full disk comes from the write itself. Without locks, it is a new file, for this process alone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    try:
        opened, keep = _locked(unfinished), True
    except OSError as error:
        if error.errno not in UNLOCKED:
            raise
        unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        opened, keep = open(unfinished, "x+b", buffering=0), False  # noqa: SIM115
    with opened:
        try:
            yield opened
        finally:
            if not keep or os.fstat(opened.fileno()).st_size == 0:
                unfinished.unlink(missing_ok=True)


def _locked(unfinished):
    """The file, opened at its end and locked."""
    import fcntl  # not on Windows, where the commands refuse in one line; they must get so far

    while True:
        opened = open(unfinished, "a+b", buffering=0)  # noqa: SIM115
        try:
            fcntl.flock(opened, fcntl.LOCK_EX)
            if unfinished.exists() and os.path.samestat(os.fstat(opened.fileno()), unfinished.stat()):
                return opened
        except OSError:
            if os.fstat(opened.fileno()).st_size == 0:
                unfinished.unlink(missing_ok=True)
            opened.close()
            raise
        opened.close()  # the process that had the lock has renamed or deleted it


def finish(opened, path):
    """Rename the finished part of a path to that path."""
    os.fsync(opened.fileno())
    with contextlib.suppress(OSError):  # a file system may not know permissions, as those of Windows
        os.chmod(opened.name, 0o644)
    os.replace(opened.name, path)
