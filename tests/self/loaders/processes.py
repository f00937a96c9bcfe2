"""Functions that tests call in other processes. Those are forked from one without a backend: a fork of one with a backend may hang."""

import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import loaders
from loaders import cache, cifar10, download


def together(function, *args, times=1):
    """Results of a function of this file, called in several processes at once: a list."""
    with processes(times) as pool:
        return [future.result(60) for future in [pool.submit(function, *args) for _ in range(times)]]


def processes(number):
    """A pool of that number of processes without a backend: concurrent.futures.ProcessPoolExecutor."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return ProcessPoolExecutor(number, mp_context=context, initializer=_prepare, initargs=(dict(os.environ),))


def _prepare(environment):
    """Set the test's present environment, instead of that of the process that is forked."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits
    os.environ.clear()
    os.environ.update(environment)


def fetch(file, path):
    download.fetch(file, path)
    return path.stat().st_size


def load_and_spoil(name, root):
    """Load twenty times; before every second time delete the cached file."""
    kept = cache.path(name, root / name)
    seen = set()
    for turn in range(20):
        if (os.getpid() + turn) % 2:
            kept.unlink(missing_ok=True)
        seen.add(loaders.load(name, root, download=False).fingerprint)
    return seen


def peak(name, root, small):
    """Peak memory that loading adds, as a share of the arrays loaded; in a process that has loaded a small set before."""
    cifar10.RECORDS = 1000  # so that the members of its archive are full, as the published ones are
    loaders.load(name, small, download=False)
    Path("/proc/self/clear_refs").write_text("5")
    before = _highest()
    data = loaders.load(name, root, download=False)
    return (_highest() - before) / sum(array.nbytes for array in data[:4])


def _highest():
    return 1024 * int(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
