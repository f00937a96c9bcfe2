"""Ctrl-C and signals end ab and its trainings, and leave nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from baselines import child
from tests.self.baselines.two_sides import CELL

pytestmark = pytest.mark.self


CTRL_C = """
import subprocess, sys
from baselines import __main__, child

def start(args, stderr, place):
    code = "import time; time.sleep(60)"
    made = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    print(made.pid, flush=True)
    return made

child.start = start
sys.exit(__main__.main(sys.argv[1:]))
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_ctrl_c_and_signals_remove_the_copies_and_end_the_running_training(repository, tmp_path, number):
    """A real process, whose trainings sleep."""
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    command_line = [sys.executable, "-c", CTRL_C, "ab", "HEAD", CELL, f"--storage={tmp_path}"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(command_line, cwd=child.ROOT, env=environment, **pipes)
    first, second, training = (process.stdout.readline() for _ in range(3))
    assert (first[:7], second[:7]) == ("before:", "after: ")
    assert 1 == len(list((tmp_path / "temporary").glob("*/after")))
    time.sleep(0.2)  # it waits for the training's events then
    process.send_signal(number)
    printed = process.communicate(timeout=30)[0]
    assert 130 == process.returncode, printed
    assert [] == os.listdir(tmp_path / "temporary")
    assert not Path(f"/proc/{int(training)}").exists()
