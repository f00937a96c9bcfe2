"""Write a file that gets its name only when it is whole, one process at a time."""

import contextlib
import fcntl
import os


@contextlib.contextmanager
def part(path):
    """The file beside a path that its content is written to before it gets its name; open, at its end, one process's at a time.

    What a process leaves in it when it is killed, the next one finds. It is not buffered, so that nothing is
    left to be written when the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    while True:
        opened = open(unfinished, "a+b", buffering=0)  # noqa: SIM115
        fcntl.flock(opened, fcntl.LOCK_EX)
        if unfinished.exists() and os.path.samestat(os.fstat(opened.fileno()), unfinished.stat()):
            break
        opened.close()  # whoever had it gave it its name, or threw it away
    with opened:
        try:
            yield opened
        finally:
            if os.fstat(opened.fileno()).st_size == 0:
                unfinished.unlink(missing_ok=True)


def finish(opened, path):
    """Give the part of a path that path's name."""
    os.fsync(opened.fileno())
    os.chmod(opened.name, 0o644)
    os.replace(opened.name, path)
