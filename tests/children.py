"""What tests do in processes of their own, which are spawned: a fork of a process with a backend in it may hang."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import loaders
from loaders import cifar10, download, files


def together(function, *words, times=1):
    """What a function of this file returns in each of so many processes that run it at once: a list."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(times, mp_context=context, initializer=_prepare, initargs=(files.DEFAULT,)) as pool:
        return [future.result(60) for future in [pool.submit(function, *words) for _ in range(times)]]


def _prepare(default):
    files.DEFAULT = default


def fetch(file, path):
    download.fetch(file, path)
    return path.stat().st_size


def load_and_spoil(name, root):
    """Load twenty times, and half of the time delete what is kept first."""
    place = root / name / ".decoded" / name
    seen = set()
    for turn in range(20):
        if (os.getpid() + turn) % 2:
            place.unlink(missing_ok=True)
        seen.add(loaders.load(name, root, download=False).fingerprint)
    return seen


def peak(name, root, small):
    """What a load adds to the peak memory of a process that has loaded a small set, as a share of the arrays that it returns."""
    cifar10.RECORDS = 1000  # the members of its archive are full, as the published ones are
    loaders.load(name, small, download=False)
    Path("/proc/self/clear_refs").write_text("5")
    before = _highest()
    data = loaders.load(name, root, download=False)
    return (_highest() - before) / sum(array.nbytes for array in data[:4])


def _highest():
    return 1024 * int(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
