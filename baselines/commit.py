"""Which commit the suite's code and tables are of, and what no commit holds."""

import contextlib
import functools
import os
from pathlib import Path

from baselines import accepted
from baselines.commands import CommandError, git
from zoo import project

ROOT = Path(__file__).parent.parent


@functools.cache
def commit():
    """What pytest-benchmark stores as commit_info, of the suite's own repository, wherever pytest was started: a dict.

    Its ``uncommitted`` are the code and the tables that had changes, of the suite or the project, that no commit holds.
    """
    from pytest_benchmark.utils import get_commit_info

    with contextlib.chdir(ROOT):
        found = get_commit_info()
    return found | {"uncommitted": [name for folder in filter(None, (ROOT, project.folder())) for name in uncommitted(folder)]}


def uncommitted(folder):
    """The code and tables below a folder that had changes which no commit holds: a list of names."""
    command = ["status", "--porcelain", "-z", "--untracked-files=all", "--", "*.py", "*.toml", "pytest.ini"]
    try:
        listed = git(folder, *command, timeout=30)
    except CommandError:  # no git, or no repository
        return []
    listed = os.fsencode(listed).decode(errors="replace")
    names = [entry[3:] for entry in listed.split("\0") if entry[2:3] == " "]
    return sorted(name for name in names if not name.endswith(accepted.NAME))
