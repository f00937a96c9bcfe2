"""Processors and memory that this process may use: the machine's, or fewer where a control group limits them.

Containers, batch systems and systemd limit programs by control groups, which neither the number of processors nor the
size of the memory shows. Source: proc(5), cgroups(7); Linux kernel documentation, cgroup-v2 and cgroup-v1.
"""

import contextlib
import os
import re
from pathlib import Path

ROOT = Path("/")


def processors(root=ROOT):
    """Number of processors whose time this process may use: 0.5 is half of the time of one. A float, or an int where it is whole.

    The smaller of the processors it may run on and the quotas of its group and of all groups around that.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = min([count, *(quota for folder in _groups("cpu", root) if (quota := _quota(folder)))])
    return int(count) if count == int(count) else max(round(count, 2), 0.01)


def memory(root=ROOT):
    """Bytes of memory that this process may use: the machine's, or the smallest limit of its group and of all groups around that."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for folder in _groups("memory", root):
        for name in "memory.max", "memory.high", "memory.limit_in_bytes":  # over memory.high, a program is slowed to a crawl
            limits += [int(word) for word in _words(folder / name) if word.isdecimal()]
    return min(limits)


def _quota(folder):
    """Processors that a group may use, or None where it has no quota."""
    words = _words(folder / "cpu.max") or _words(folder / "cpu.cfs_quota_us") + _words(folder / "cpu.cfs_period_us")
    with contextlib.suppress(ValueError, ZeroDivisionError):  # max, or -1
        quota, period = map(int, words)
        return quota / period if quota > 0 else None
    return None


def _words(file):
    """The words of a file, none where it cannot be read."""
    try:
        return file.read_text().split()
    except (OSError, ValueError):
        return []


def _groups(controller, root):
    """The folders of this process's control group and of all around it, in version 1's hierarchy of a controller and in version 2's."""
    paths = {}  # controller -> path of the group; "" is version 2
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        paths |= dict.fromkeys(controllers.split(","), path)
    for line in _lines(root / "proc/self/mountinfo"):
        fields, (kind, _, options, *_) = (part.split() for part in line.split(" - "))
        name = {"cgroup": controller, "cgroup2": ""}.get(kind)
        if name is None or name not in paths or name not in ("", *options.split(",")):
            continue
        mounted, top = _unescaped(fields[3]), root / _unescaped(fields[4]).lstrip("/")
        inner = os.path.relpath(paths[name], mounted)
        folder = top if inner.startswith("..") else top / inner  # in a container, what is mounted may be the group itself
        yield from (each for each in (folder, *folder.parents) if each.is_relative_to(top))


def _lines(file):
    try:
        return os.fsdecode(file.read_bytes()).splitlines()
    except OSError:  # not Linux
        return []


def _unescaped(path):
    return re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), path)
