"""Processes that the tour starts: ended in time, whatever they do, and with the tour; their output is both shown and kept."""

import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from baselines import child

ROOT = Path(__file__).parent.parent
PATIENCE = {signal.SIGINT: 5, signal.SIGTERM: 2, signal.SIGKILL: 5}  # seconds to wait after each signal before the next
ENDING = sum(PATIENCE.values()) - PATIENCE[signal.SIGKILL]  # of the time that a process may take, kept for ending it


def say(text):
    """Print a text; a terminal that is gone is not an error."""
    with suppress(OSError, ValueError):
        print(text, flush=True)


def run(args, seconds, log):
    """Run ``python -m ARGS``, in a session of processes of its own.

    Args:
        args: module and its arguments.
        seconds: after which it has ended; it is asked to end some seconds before.
        log: file that its output is added to.

    Returns:
        its exit code, or None where the time was over.
    """
    end = time.monotonic() + seconds - ENDING
    if seconds <= ENDING:
        return None
    command = [sys.executable, "-m", "baselines.bounded", str(os.getpid()), *args]
    say(f"$ python -m {' '.join(args)}")
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(command, cwd=ROOT, **pipes, text=True, errors="replace", start_new_session=True)
    echo = threading.Thread(target=_echo, args=(process.stdout, args, log), daemon=True)
    echo.start()
    try:
        return process.wait(max(end - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end(process)
        echo.join(2)
        if not echo.is_alive():
            process.stdout.close()


def _echo(stream, args, log):
    """Show what a process prints, and add it to the log; it goes on where one of them cannot be written to."""
    with suppress(OSError), open(log, "a", encoding="utf-8", errors="replace") as file:
        file.write(f"$ python -m {' '.join(args)}\n")
    for line in stream:
        say(line.rstrip("\n"))
        with suppress(OSError), open(log, "a", encoding="utf-8", errors="replace") as file:
            file.write(line)


def _end(process):
    """End a process that still runs, and what it started: asked first, as by Ctrl-C, so that it stores what it has."""
    for number, patience in PATIENCE.items():
        if process.poll() is not None:
            break
        with suppress(ProcessLookupError, PermissionError):
            if number == signal.SIGINT:
                process.send_signal(number)
            else:
                os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    with suppress(ProcessLookupError, PermissionError):  # what it started and left behind
        os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":  # in the process: end with the tour, even if that is killed, and be python -m ARGS
    child.end_with(int(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
