"""python -m tests.self.mutation [--edits N --seed S]: plant faults in the suite and see which test catches each.

``faults.toml`` holds faults written by hand; others are random edits of one token each, drawn from a seed.
Each is applied to a copy of the suite, in which the quick and self tests of the edited file are executed until
one fails. The exit code is 1 if a fault of ``faults.toml`` survives or too few random edits are caught.
"""

import argparse
import contextlib
import functools
import gc
import io
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

import pytest
from tabulate import tabulate

from tests.self.mutation.edits import ROOT, TABLE, edits, explained, planted, source
from tests.self.mutation.selection import Selection, test_files

COPIED = (".ci", "baselines", "loaders", "tests", "zoo", "conftest.py", "pytest.ini", "README.md", "pyproject.toml", "tox.ini")
LEAST_CAUGHT = 0.9  # share of random edits
PATIENCE = 300  # seconds until a session of tests counts as hanging, and its fault as caught
CATCHERS = set()  # the tests that failed with a fault
LIVE = set()  # ids of the processes that execute tests


def try_out(fault, tests, folder):
    """Plant a fault in a copy and execute tests there; (name of the test that failed or "", seconds)."""
    start, path = time.monotonic(), folder / fault.file
    path.write_text(fault.text(), encoding="utf-8")
    failed = execute(folder, Selection(fault.file), tests)
    path.write_text(source(fault.file), encoding="utf-8")
    return failed, time.monotonic() - start


def execute(folder, selection, tests):
    """Execute tests in a copy, in another process: the name of the first one that failed, or ""."""
    start = time.monotonic()
    outcome = folder / "outcome"
    outcome.unlink(missing_ok=True)
    child = os.fork()  # this process has imported Keras, so the child need not
    if not child:
        try:
            os.setsid()  # a process group, which can be ended as a whole
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            _execute(folder, selection, tests, outcome)
        except BaseException as error:
            outcome.write_text(f"{type(error).__name__} outside of any test")
        finally:
            os._exit(0)
    LIVE.add(child)
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() - start > PATIENCE:
            os.killpg(child, 9)
            os.waitpid(child, 0)
            outcome.write_text(f"none: the tests did not end within {PATIENCE} seconds")
            break
        time.sleep(0.05)
    LIVE.discard(child)
    if not outcome.exists():
        raise RuntimeError(f"the process that executed {tests} died without a result; was it killed, or out of memory?")
    return outcome.read_text()


def _execute(folder, selection, tests, outcome):
    """In the child: execute the tests in the copy, and write the name of the one that failed to ``outcome``."""
    os.chdir(folder)
    sys.dont_write_bytecode = True  # Python would take a stale .pyc for a file edited within the same second
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.path.insert(0, str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] in ("zoo", "tests", "loaders", "baselines")]:
        del sys.modules[name]

    def hang(*_):
        outcome.write_text(selection.running)
        os.killpg(0, signal.SIGKILL)

    signal.signal(signal.SIGALRM, hang)
    with open(folder / "log", "w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    args = ["-x", "-q", "-n0", "-m", "quick or self", "-p", "no:cacheprovider", "--hypothesis-seed=0", "--tb=short", *tests]
    code = pytest.main(args, plugins=[selection])
    outcome.write_text("" if code == 0 else selection.failed or _complaint(folder / "log") or f"pytest's exit code {code}")


def _complaint(log):
    """The error line of a session that could not begin."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if re.match(r"\w*(ERROR|Error|Exception)\b", line)]
    return lines[-1][:100] if lines else ""


def copy(folder):
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def caught(faults, folders):
    """(fault, name of the test that caught it or "") of each, as many at a time as there are copies."""
    free = list(folders)
    tests = {fault.file: test_files(fault.file) for fault in faults}  # here, since no two threads may parse Python at once

    def one(fault):
        folder = free.pop()
        test, seconds = try_out(fault, tests[fault.file], folder)
        free.append(folder)
        if "::" in test:
            CATCHERS.add(test)
        print(f"  {seconds:5.1f} s  {fault.file}  {fault.find!r} -> {fault.replace!r}: {test or 'SURVIVED'}", flush=True)
        return fault, test

    with ThreadPoolExecutor(len(folders)) as pool:
        return list(pool.map(one, faults))


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tests.self.mutation", description=__doc__.partition("\n")[0])
    parser.add_argument("--edits", type=int, default=100, help="random edits for each seed (default 100)")
    parser.add_argument("--seed", type=int, nargs="*", default=[1], help="seeds that they are drawn from (default 1)")
    parser.add_argument(
        "--only",
        metavar="GLOB",
        nargs="+",
        help="only files whose path matches one, such as zoo/vgg.py (default: all; random edits of zoo/* alone)",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="faults that are tried at a time (default: one a processor)")
    args = parser.parse_args(argv)
    idle = {"tensorflow": "epoch_jax.py", "jax": "epoch_tensorflow.py"}.get(os.environ.get("KERAS_BACKEND", "tensorflow"))
    paths = [path for package in ("zoo", "loaders", "baselines") for path in sorted((ROOT / package).rglob("*.py")) if path.name != idle]
    names = [path.relative_to(ROOT).as_posix() for path in paths]
    files = [name for name in names if any(fnmatch(name, glob) for glob in args.only or ["*"])]
    if not files or args.edits < 0 or args.jobs < 1:
        parser.error(f"--only {args.only}: no such file of the suite" if not files else "--edits must be at least 0, --jobs at least 1")
    faults = [fault for fault in planted() if fault.file in files]
    edited = [file for file in files if args.only or file.startswith("zoo/")]
    with tempfile.TemporaryDirectory() as temporary:
        _import_once(temporary)
        import keras

        for number in signal.SIGINT, signal.SIGTERM:
            signal.signal(number, functools.partial(_end, temporary))
        os.environ["ZOOBENCH_DATA"] = temporary  # without data: the networks are tested
        folders = [copy(Path(temporary) / str(number)) for number in range(args.jobs)]
        print(f"Keras {keras.__version__} on {keras.backend.backend()}")
        success = _planted(faults, folders)
        for seed in args.seed if args.edits else []:
            success &= _random(args.edits, seed, edited, folders)
        tests = sorted(f"tests/{test}" for test in CATCHERS)
        if failed := tests and execute(folders[0], Selection(""), tests):
            sys.exit(f"a test fails without a fault, too, and so caught none: {failed}; mend that first")
        print(f"without a fault, the {len(tests)} tests that caught one pass")
    return 0 if success else 1


def _import_once(folder):
    """Import what every child would import anew, which takes longer than most of its tests.

    pytest does it, in a session of its own: it warns of plugins that others have imported, in each session of a child.
    """
    path = Path(folder) / "test_imports.py"
    path.write_text("import hypothesis.strategies, jsonschema, keras, numpy, scipy.special\n\ndef test_nothing():\n    pass\n")
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main([str(path), f"--rootdir={folder}", f"--confcutdir={folder}", "-c", os.devnull, "-n0", "-p", "no:cacheprovider"])
    gc.freeze()  # pytest collects garbage at its end, which would copy all this memory into each child


def _end(folder, *_):
    """Exit at once, and leave neither processes nor files."""
    for child in LIVE:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, 9)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(130)


def _planted(faults, folders):
    """Whether every fault of the table was caught; prints which test did."""
    done = caught(faults, folders)
    print(tabulate([[fault.file, fault.why, test or "SURVIVED"] for fault, test in done], ["file", "fault", "caught by"]))
    survivors = [fault for fault, test in done if not test]
    print(f"{len(done) - len(survivors)} of {len(done)} planted faults caught")
    return not survivors


def _random(number, seed, files, folders):
    """Whether enough of the edits of one seed were caught; prints how many of each file, and those that were not."""
    done = caught(edits(number, seed, files), folders)
    survivors = [fault for fault, test in done if not test]
    edited, missed = (Counter(fault.file for fault in faults) for faults in ([fault for fault, _ in done], survivors))
    print(tabulate([[file, edited[file] - missed[file], edited[file]] for file in sorted(edited)], ["file", "caught", "edits"]))
    share = 1 - len(survivors) / len(done)
    print(f"seed {seed}: {len(done) - len(survivors)} of {len(done)} random edits caught ({share:.0%}; at least {LEAST_CAUGHT:.0%})")
    why = explained()
    for fault in survivors:
        number, line = fault.line()
        print(f"  survived: {fault.file}:{number}: {line}\n    {why.get((fault.file, line), 'NOT EXPLAINED in ' + TABLE.name)}")
    return share >= LEAST_CAUGHT


if __name__ == "__main__":
    sys.exit(main())
