"""What ab does with real processes: a bisection over twenty commits whose epochs really sleep; an environment with another package."""

import os
import shlex
import subprocess
import sys
import zipfile

import pytest

from baselines import child, commands, packages
from tests.self.baselines.two_sides import git

pytestmark = pytest.mark.slow
CELL = "lenet5-digits-digits_lenet"
BAD = 13  # the first slow one of the twenty commits
BROKEN = (10, 11)  # in the second history, those whose tables cannot be imported; a bisection asks for one of them first

# In place of baselines/train.py: an epoch is a sleep of the commit's length. All else is the suite's own.
TRAIN = """
import time
from baselines import child
from tests.self.baselines import fake_training

def options(parser):
    parser.add_argument("cell")
    for option in "--seed", "--epochs", "--images":
        parser.add_argument(option, type=int)
    for option in "--precision", "--data-dir":
        parser.add_argument(option)
    parser.add_argument("--keep-times", action="store_true")

def shortened(recipe, epochs, images):
    return recipe

def command(args):
    seconds = []
    for _ in range(args.epochs):
        start = time.perf_counter()
        time.sleep({seconds})
        seconds.append(time.perf_counter() - start)
    child.tell("record", record=fake_training.record(args.cell, args.seed, 0.9, seconds))
    return 0
"""


@pytest.fixture
def history(tmp_path):
    """A function: a repository of the suite with twenty commits, of which those from BAD on have epochs a fifth longer.

    Those that are ``broken`` have tables that cannot be imported, so that their own ``ab`` cannot start.
    """

    def make(broken=()):
        folder = tmp_path / "suite"
        folder.mkdir()
        for name in git(child.ROOT, "ls-files", "*.py", "*.toml").splitlines():
            source = child.ROOT / name
            if source.exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(source.read_bytes())
        (folder / ".gitignore").write_text("__pycache__/\n")
        git(folder, "init", "-q")
        cells = (folder / "baselines" / "cells.py").read_text()
        for number in range(1, 21):
            text = TRAIN.replace("{seconds}", "0.06" if number >= BAD else "0.05")
            (folder / "baselines" / "train.py").write_text(f"{text}\nNUMBER = {number}\n")
            (folder / "baselines" / "cells.py").write_text(f"it is broken\n{cells}" if number in broken else cells)
            git(folder, "add", "-A")
            git(folder, "commit", "-q", "-m", f"number {number}")
            git(folder, "tag", f"number-{number}")
        return folder

    return make


def bisected(folder, *command):
    """What a bisection with that command printed."""
    git(folder, "bisect", "start", "number-20", "number-1")
    done = subprocess.run(["git", "-C", str(folder), "bisect", "run", *command], capture_output=True, text=True)
    assert "" == git(folder, "status", "--porcelain")
    return done.stdout + done.stderr


def ab(storage):
    return [sys.executable, "-m", "baselines", "ab", "number-1", CELL, "--epochs", "3", f"--storage={storage}"]


def test_git_bisect_finds_the_commit_that_made_the_epochs_slower(history, tmp_path):
    found = bisected(folder := history(), *ab(tmp_path))
    assert f"{git(folder, 'rev-parse', f'number-{BAD}')} is the first bad commit" in found, found
    assert 4 <= len(list(tmp_path.glob("*/ab/*.json"))) <= 6


def test_git_bisect_skips_commits_whose_own_ab_cannot_start_if_that_of_another_checkout_is_asked(history, tmp_path):
    elsewhere = [
        "sh",
        "-c",
        f'if cd {shlex.quote(str(child.ROOT))}; then {shlex.join(ab(tmp_path))} --checkout "$OLDPWD"; else exit 128; fi',
    ]
    found = bisected(folder := history(broken=BROKEN), *elsewhere)
    assert f"{git(folder, 'rev-parse', f'number-{BAD}')} is the first bad commit" in found, found
    assert found.count("OPEN: ") == len(BROKEN), found
    assert "NameError: " in found


def package(folder, name, number):
    """A wheel, made by hand: pip installs it without a network."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{number}.dist-info"
    path = folder / f"{name}-{number}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", f"NUMBER = '{number}'\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


def test_an_environment_has_one_package_in_another_version_and_all_others_as_here(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    package(tmp_path / "wheels", "tabulate", "0.0.1")
    python = packages.environment(["tabulate==0.0.1"])
    code = "import tabulate, numpy; from importlib.metadata import version; print(tabulate.NUMBER, version('tabulate'), numpy.__version__)"
    printed = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    import numpy

    assert ["0.0.1", "0.0.1", numpy.__version__] == printed
    made = python.stat().st_mtime_ns
    assert (python, made) == (packages.environment(["tabulate==0.0.1"]), python.stat().st_mtime_ns), "kept"
    with pytest.raises(commands.CommandError, match=r"--with tabulate==9: cannot be installed: .*tabulate==9"):
        packages.environment(["tabulate==9"])
    assert [python.parent.parent.name] == os.listdir(tmp_path / "cache" / "zoobench" / "environments"), "one that cannot be made is removed"
