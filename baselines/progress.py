"""Show how far a training or a download is: one line, rewritten on a terminal, elsewhere written once a minute."""

import functools
import time
from contextlib import nullcontext, suppress

from baselines.plan import duration

EVERY = 60  # seconds between lines where the output is not a terminal
REWRITTEN = 0.1  # seconds between texts where it is one


def line(config, label):
    """A function of (epoch, epochs, accuracy) that shows them; None in an xdist worker, which has no terminal."""
    start = time.monotonic()

    def text(epoch, epochs, accuracy):
        now = time.monotonic()
        left = (now - start) / epoch * (epochs - epoch)
        rest = f"{duration(left)} left" if epoch < epochs else f"{duration(now - start)} in all"
        return f"{label}: epoch {epoch}/{epochs}, accuracy {accuracy:.4f}, {rest}", epoch == epochs

    return _shower(config, text)


@functools.cache
def fetching(config):
    """A function of (file name, bytes so far, bytes in all or None) that shows them; None in an xdist worker."""

    def text(name, bytes, total):
        return f"fetching {name}: {bytes / 1e6:.0f} MB" + (f" of {total / 1e6:.0f}" if total else ""), bytes == total

    return _shower(config, text)


def _shower(config, text):
    """A function that shows what ``text`` makes of its arguments; the last text stays on the terminal. None in an xdist worker."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if reporter is None:  # in an xdist worker
        return None
    shown = 0 if reporter.isatty else time.monotonic()

    def show(*args):
        nonlocal shown
        message, last = text(*args)
        if not last and time.monotonic() - shown < (REWRITTEN if reporter.isatty else EVERY):
            return
        shown = time.monotonic()
        # OSError: the terminal is gone, or what read the output: that must not end a training
        with suppress(OSError), capture.global_and_fixture_disabled() if capture else nullcontext():
            if reporter.isatty:
                reporter.rewrite(message, erase=True)
                if last:
                    reporter.line("")
            else:
                reporter.ensure_newline()
                reporter.write_line(message)
            reporter.flush()

    return show
