"""Write a file, one process at a time, that gets its name only when it is complete."""

import contextlib
import os


@contextlib.contextmanager
def part(path):
    """Open, at its end, the hidden file that holds the content of a path until it is complete; for one process at a time.

    What a killed process has written to it is there for the next one. It is not buffered, so that an error of a
    full disk comes from the write itself.
    """
    import fcntl  # not on Windows, where the commands refuse in one line; they must get so far

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    while True:
        opened = open(unfinished, "a+b", buffering=0)  # noqa: SIM115
        fcntl.flock(opened, fcntl.LOCK_EX)
        if unfinished.exists() and os.path.samestat(os.fstat(opened.fileno()), unfinished.stat()):
            break
        opened.close()  # the process that had the lock has renamed or deleted it
    with opened:
        try:
            yield opened
        finally:
            if os.fstat(opened.fileno()).st_size == 0:
                unfinished.unlink(missing_ok=True)


def finish(opened, path):
    """Rename the finished part of a path to that path."""
    os.fsync(opened.fileno())
    os.chmod(opened.name, 0o644)
    os.replace(opened.name, path)
