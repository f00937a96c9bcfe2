"""What tests do in processes of their own, which are spawned: a fork of a process with a backend in it may hang."""

import multiprocessing
import os
from pathlib import Path

import loaders
from loaders import cifar10, download, files


def together(function, *words, times=1):
    """Run a function of this file in so many processes at once; exit codes and, sorted, what they returned."""
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    processes = [context.Process(target=_tell, args=(told, files.DEFAULT, function, *words)) for _ in range(times)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    codes = [process.exitcode for process in processes]
    return codes, sorted(told.get() for code in codes if code == 0)


def _tell(told, default, function, *words):
    files.DEFAULT = default
    told.put(function(*words))


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
