"""Ctrl-C and signals end ab and its trainings, and leave nothing behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from baselines import child, signals
from tests.self.baselines.two_sides import CELL

pytestmark = pytest.mark.self


CTRL_C = """
import os, subprocess, sys
from baselines import __main__, child

STUBBORN = "STUBBORN" in os.environ

def start(args, stderr, place):
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)" if STUBBORN else "import time; time.sleep(60)"
    made = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    print(made.pid, flush=True)
    return made

child.start = start
sys.exit(__main__.main(sys.argv[1:]))
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize(
    "numbers", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT] * 2], ids=lambda numbers: " ".join(each.name for each in numbers)
)
def test_ctrl_c_and_signals_remove_the_copies_and_end_the_running_training(repository, tmp_path, numbers):
    """A real process, whose trainings sleep; before a second Ctrl-C they do not end when they are asked to."""
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary"), **({"STUBBORN": "1"} if len(numbers) > 1 else {})}
    command_line = [sys.executable, "-c", CTRL_C, "ab", "HEAD", CELL, f"--storage={tmp_path}"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(command_line, cwd=child.ROOT, env=environment, **pipes)
    first, second, training = (process.stdout.readline() for _ in range(3))
    assert (first[:7], second[:7]) == ("before:", "after: ")
    assert 1 == len(list((tmp_path / "temporary").glob("*/after")))
    time.sleep(0.2)  # it waits for the training's events then
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.1)
    printed = process.communicate(timeout=30)[0]
    assert 130 == process.returncode, printed
    assert [] == os.listdir(tmp_path / "temporary")
    assert not Path(f"/proc/{int(training)}").exists()


def test_a_signal_while_the_copies_are_removed_leaves_none(monkeypatch):
    remove = shutil.rmtree

    def interrupted(*args, **options):
        for number in signal.SIGINT, signal.SIGTERM:
            signal.raise_signal(number)
        remove(*args, **options)

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with signals.ended_by_signals(), signals.folder("zoobench-test-") as folder:
        assert folder.is_dir()
    assert not folder.exists()


def test_a_signal_that_is_ignored_stays_so_as_below_nohup():
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.ended_by_signals():
            signal.raise_signal(signal.SIGHUP)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
        assert signal.SIG_IGN == signal.getsignal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, former)
