"""Tests that run in a fork of the session, beside its other tests, where a second processor stands idle.

The quick tier waits for Python that traces networks, which no second thread makes faster. So the tests that trace
most run in a fork of the process, made before there is a backend in it; when their turn comes, the session
only tells what came of them. Nobody else notices: one process collects, selects, reports and decides.
"""

import contextlib
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path

from _pytest.runner import runtestprotocol


def chosen(item):
    """About half of the work of the quick tier."""
    return item.path.name in ("test_search.py", "test_training.py", "test_epochs.py", "test_recipes.py") or "specimen" in item.fixturenames


def idle(config):
    """Whether there is a second processor for this process alone, and for tests that nobody watches.

    Not for an xdist worker, which has others beside it; nor for a process that has a backend, which a fork may
    not survive and which for the faults' processes costs nothing; nor beside a GPU, which has memory for one.
    """
    alone = os.cpu_count() > 1 and not hasattr(config, "workerinput") and not list(Path("/dev").glob("nvidia[0-9]*"))
    return alone and not {"keras", "tensorflow", "jax"} & sys.modules.keys() and not config.option.usepdb


def begin(config, items):
    """Run tests in a fork; a function of a test that returns its reports once they are there, or None if the fork has died."""
    config._tmp_path_factory.getbasetemp()  # one for both, which is taken away at the end
    read, write = os.pipe()
    child = os.fork()
    if not child:
        _run(config, items, write)
    os.close(write)
    reports = queue.SimpleQueue()
    # Read as they come: a pipe that is full holds the fork up.
    threading.Thread(target=_collect, args=(read, reports), daemon=True).start()

    def end():
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    config.add_cleanup(end)

    def done(item):
        found = []
        while (line := reports.get()) is not None:
            report = config.hook.pytest_report_from_serializable(config=config, data=json.loads(line))
            found.append(report)
            if report.when == "teardown":
                return found
        reports.put(None)  # for the tests that follow
        return None

    return done


def _collect(read, reports):
    with os.fdopen(read) as lines:
        for line in lines:
            reports.put(line)
    reports.put(None)


def _run(config, items, write):
    """In the fork: run the tests to the end, one report a line."""
    try:
        if capture := config.pluginmanager.get_plugin("capturemanager"):
            capture.stop_global_capturing()  # whose files are the parent's
            capture.start_global_capturing()
        with os.fdopen(write, "w") as answers:
            for item, after in zip(items, [*items[1:], None], strict=True):
                for report in runtestprotocol(item, log=False, nextitem=after):
                    data = config.hook.pytest_report_to_serializable(config=config, report=report)
                    print(json.dumps(data), file=answers, flush=True)
    finally:
        os._exit(0)
