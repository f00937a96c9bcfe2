"""Commands that are run for what they print, such as git's: what fails is one line."""

import os
import subprocess

REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")  # git sets them for its hooks


class CommandError(Exception):
    """A command failed; the message says which one and how."""


def git(folder, *args, variables=None, timeout=None):
    """What a git command prints about the repository of a folder, whichever one a hook is running for.

    Raises:
        CommandError: it failed, took longer than ``timeout`` seconds, or git is not installed.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in REPOSITORY}
    command = ["git", "--no-optional-locks", "-C", str(folder), *args]
    return run(command, f"git {args[0]} failed", {**inherited, **(variables or {})}, timeout)


def run(command, wrong, variables=None, timeout=None):
    """What a command prints to stdout.

    Args:
        command: list of its words.
        wrong: what the error begins with; the end of what it printed to stderr follows.
        variables: its whole environment, or None for this process's.
        timeout: in seconds, or None.

    Raises:
        CommandError: it failed, or cannot be started.
    """
    try:
        done = subprocess.run(command, capture_output=True, env=variables, stdin=subprocess.DEVNULL, timeout=timeout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandError(f"{wrong}: {error}") from error
    if done.returncode:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        raise CommandError(f"{wrong}: {' '.join(lines[-2:]) or f'exit code {done.returncode}'}")
    return done.stdout.decode(errors="surrogateescape")
