"""Whole sessions of the suite, each forked from one process that has imported what they all need.

The start of Python, the import of pytest and NumPy and the rewriting of assertions take longer than what such
a session does. Here they are paid once: ``python -m tests.sessions`` collects every test and then forks. It has no
backend in it, which a fork may not survive; that collecting imports none is itself a test.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).parents[3]
EVERYTHING = ["--collect-only", "-qq", "-m", "quick or full", "-p", "tests.self.baselines.fake_training", "-p", "no:cacheprovider"]


def start():
    """The process that ``run`` takes: a subprocess.Popen. End it with ``communicate()``."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-m", "tests.sessions"], cwd=ROOT, env=environment, **pipes)


def answer(process):
    """The next answer of the process; the first one is of what collecting every test has imported, a list of str.

    Raises:
        RuntimeError: it has ended.
    """
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("the process that sessions are forked from has ended; python -m tests.sessions </dev/null shows why")
    return json.loads(line)


def run(process, words, cwd=ROOT, timeout=60, path=(), **variables):
    """Run pytest with such words in a fork of the process.

    Args:
        path: folders that it imports from, too; variables: of its environment beside our own; timeout: in seconds.

    Returns:
        Namespace of returncode (negative: the signal that ended it), stdout, stderr, and said, which is both.

    Raises:
        TimeoutError: it did not end in time, and was killed.
        RuntimeError: the process has ended.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | variables
    with tempfile.TemporaryDirectory() as folder:
        order = {"words": words, "folder": folder, "cwd": str(cwd), "timeout": timeout, "path": [str(each) for each in path]}
        print(json.dumps({**order, "environment": environment}), file=process.stdin, flush=True)
        code = answer(process)
        stdout, stderr = (Path(folder, name).read_text() if Path(folder, name).exists() else "" for name in ("stdout", "stderr"))
    if code is None:
        raise TimeoutError(f"pytest {' '.join(words)} did not end within {timeout} seconds:\n{stdout}{stderr}")
    return SimpleNamespace(returncode=code, stdout=stdout, stderr=stderr, said=stdout + stderr)


def serve():
    """Collect every test, then read orders from stdin, a line each, and answer with the code that each session ended with."""
    import pytest

    answers = os.fdopen(os.dup(1), "w")
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 1)
        if pytest.main(EVERYTHING):
            sys.exit(Path(f"/dev/fd/{said.fileno()}").read_text())
    print(json.dumps(sorted(sys.modules)), file=answers, flush=True)
    import scipy.optimize
    import scipy.stats  # noqa: F401 - most of a second, in each session that comes to a verdict

    gc.freeze()  # nobody looks for cycles in what all of them share, which takes a third of a session's time

    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            _session(order, pytest.main)
        print(json.dumps(_code(child, order["timeout"])), file=answers, flush=True)


def _session(order, main):
    """In the child: be a process that was started as ordered, to the end."""
    code = 70  # of a session that ended in an error of its own
    try:
        os.setsid()  # so that what it starts ends with it
        for number, name in enumerate((os.devnull, f"{order['folder']}/stdout", f"{order['folder']}/stderr")):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), number)
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.path[:0] = order["path"]
        sys.argv = ["pytest", *order["words"]]
        code = int(main(order["words"]))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _code(child, timeout):
    """The code that a child ended with, or minus the signal; None of one that had to be killed, with all that it had started."""
    until = time.monotonic() + timeout
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.005)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    serve()
