"""Processes that the suite starts: ``python -m baselines ARGS``, whose stdout is one JSON object a line.

Whatever needs a backend (a training, the roofline) has a process of its own: the session imports no backend, and a
crash or a lack of memory ends one training and not the session.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PATIENCE = 10  # seconds from the request to end until a child is killed
LAST = 12  # number of last lines of a failed child's stderr in its error


class ChildError(Exception):
    """A child failed; the message is a predicate ("ended with exit code 1") and the end of what it wrote to stderr."""


class Place(NamedTuple):
    """Where a child runs, and with what."""

    root: Path = ROOT  # the checkout whose code it runs
    python: str = sys.executable
    variables: dict = {}  # noqa: RUF012 environment variables that it has beside this process's


HERE = Place()


def start(args, stderr, place=HERE):
    """Start ``python -m baselines ARGS``: a subprocess.Popen whose stdout is a pipe. Tests replace this function."""
    command = [place.python, "-m", "baselines", *args]
    environment = {**os.environ, "PYTHONWARNINGS": "", **place.variables}  # with "error" there, a library's warning would cost a training
    environment.pop("PYTHONSAFEPATH", None)  # with it, a package of $PYTHONPATH would run in place of the one in the place's root
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": stderr}
    return subprocess.Popen(command, cwd=place.root, env=environment, text=True, **pipes)


@contextmanager
def events(*args, timeout=None, place=HERE):
    """The events of a child, as they come: an iterator of dicts with the key ``event``.

    Leaving the block ends the child, also by an exception or Ctrl-C.

    Args:
        args: of ``python -m baselines``.
        timeout: seconds after which the child is killed, or None.
        place: Place.

    Raises:
        ChildError: while iterating: the child crashed, was killed, took longer than ``timeout``, or printed something else.
    """
    with tempfile.TemporaryFile("w+", errors="replace") as stderr:
        process = start([*args, "--parent", str(os.getpid())], stderr, place)
        killed = threading.Event()

        def kill():
            killed.set()
            process.kill()

        timer = threading.Timer(timeout or 0, kill)
        if timeout:
            timer.start()
        try:
            yield _read(process, stderr, killed, timeout)
        finally:
            timer.cancel()
            _end(process)


def _read(process, stderr, killed, timeout):
    for line in process.stdout:
        try:
            event = json.loads(line)
            event["event"]
        except (ValueError, KeyError, TypeError):
            raise ChildError(f"printed {line[:80]!r}, which is not an event: a JSON object with the key 'event'") from None
        yield event
    if process.wait():
        if killed.is_set():
            raise ChildError(f"took longer than {timeout:g} seconds and was killed")
        raise ChildError(_reason(process.returncode, stderr))


def _reason(code, stderr):
    stderr.seek(0)
    last = [line.rstrip() for line in stderr.read().splitlines() if line.strip()][-LAST:]
    how = f"ended with exit code {code}"
    if code < 0:
        how = f"was killed by {signal.Signals(-code).name}" + (": out of memory?" if code == -signal.SIGKILL else "")
    return "\n  ".join([how, *last])


def _end(process):
    """Stop a child that is still running: ask it to end, wait, kill it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pass
        finally:  # also where Ctrl-C is pressed again
            process.kill()
            process.wait()
    process.stdout.close()


def answer(*args, timeout=None):
    """The one event that a child answers with: a dict.

    Raises:
        ChildError: it failed, or did not give exactly one.
    """
    command = f"python -m baselines {' '.join(args)}"
    try:
        with events(*args, timeout=timeout) as answers:
            found = list(answers)
    except ChildError as error:
        raise ChildError(f"{command} {error}") from None
    if len(found) != 1:
        raise ChildError(f"{command} gave {len(found)} answers, not one")
    return found[0]


def tell(event, **values):
    """In the child: print one event, as a line of strict JSON."""
    print(json.dumps({"event": event, **values}, allow_nan=False), flush=True)


def follow(parent):
    """In the child: end when the process that started it ends, and keep stdout for events.

    Args:
        parent: id of the process that started the child; None where a person did.
    """
    if parent is None:
        return
    sys.stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints goes to stderr
    end_with(parent)


def end_with(parent):
    """End this process when the one that started it, whose id is ``parent``, ends."""

    def watch():
        while os.getppid() == parent:
            wake.wait(1)
        os._exit(1)

    wake = threading.Event()
    threading.Thread(target=watch, daemon=True).start()
