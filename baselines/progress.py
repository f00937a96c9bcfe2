"""A long run shows where it is: one line a cell, rewritten on a terminal, once a minute elsewhere."""

import time
from contextlib import nullcontext

from baselines.plan import duration

EVERY = 60  # seconds between lines where the output is no terminal


def line(config, label):
    """A function of (epoch, epochs, accuracy) that shows them; None where there is nobody to show them to."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if reporter is None:  # an xdist worker
        return None
    start = shown = time.monotonic()

    def show(epoch, epochs, accuracy):
        nonlocal shown
        now = time.monotonic()
        left = (now - start) / epoch * (epochs - epoch)
        text = f"{label}: epoch {epoch}/{epochs}, accuracy {accuracy:.4f}, "
        text += f"{duration(left)} left" if epoch < epochs else f"{duration(now - start)} in all"
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            if reporter.isatty:
                reporter.rewrite(text, erase=True)
                if epoch == epochs:
                    reporter.line("")
            elif epoch == epochs or now - shown >= EVERY:
                shown = now
                reporter.ensure_newline()
                reporter.write_line(text)
            reporter.flush()

    return show
