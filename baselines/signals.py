"""Signals that end a command: they end it as Ctrl-C does, and nothing interrupts what it must do last."""

import shutil
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended_by_signals():
    """Make SIGTERM and SIGHUP end the block as Ctrl-C does: a queue that takes a machine back sends one before it kills.

    One that is ignored stays so, such as SIGHUP below nohup.
    """

    def interrupt(number, frame):
        raise KeyboardInterrupt

    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    former = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def signals_ignored():
    """Let nothing but SIGKILL interrupt the block."""
    former = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, *SIGNALS)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def folder(prefix):
    """A temporary folder, which is removed whatever signals come meanwhile: pathlib.Path."""
    made = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield made
    finally:
        with signals_ignored():
            shutil.rmtree(made, ignore_errors=True)
