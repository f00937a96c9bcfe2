"""What ab does with real processes that sleep: a bisection over twenty commits, an environment with another package."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from baselines import child, sides
from tests.self.baselines import fake_training
from tests.self.baselines.test_sides import git

pytestmark = pytest.mark.slow
BAD = 13  # the first slow one of the twenty commits
EPOCH = 0.05  # seconds

# In place of zoo/training/train.py: an epoch is a sleep, whose length is the commit's; all else is the suite's own.
TRAINING = """
import time
from types import SimpleNamespace as Setup  # noqa

def sources(recipe, model): return {}

def train(setup, progress=None, keep=None):
    seconds = []
    for epoch in range(setup.recipe["epochs"]):
        start = time.perf_counter()
        time.sleep(SECONDS)
        seconds.append(time.perf_counter() - start)
    return {"accuracy": 0.9}
"""


def package(folder, name, number):
    """A wheel, made by hand: pip installs it without a network."""
    import zipfile

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
    python = sides.environment(["tabulate==0.0.1"])
    code = "import tabulate, numpy; from importlib.metadata import version; print(tabulate.NUMBER, version('tabulate'), numpy.__version__)"
    printed = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    import numpy

    assert ["0.0.1", "0.0.1", numpy.__version__] == printed
    made = python.stat().st_mtime_ns
    assert (python, made) == (sides.environment(["tabulate==0.0.1"]), python.stat().st_mtime_ns), "kept"
    with pytest.raises(sides.SideError, match=r"--with tabulate==9: cannot be installed: .*tabulate==9"):
        sides.environment(["tabulate==9"])
    assert [python.parent.parent.name] == os.listdir(tmp_path / "cache" / "zoobench" / "environments"), "one that cannot be made is removed"
