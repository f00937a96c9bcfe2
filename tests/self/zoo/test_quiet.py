"""What importing a backend leaves behind: nothing printed, and no variable that a record would take for the user's setting."""

import subprocess
import sys
from pathlib import Path

import pytest

import zoo

pytestmark = pytest.mark.slow


def test_the_backend_prints_nothing():
    args = [sys.executable, "-m", "zoo", "summary", "lenet5"]
    ended = subprocess.run(args, capture_output=True, text=True, timeout=120, cwd=Path(zoo.__file__).parent.parent)
    assert (0, "") == (ended.returncode, ended.stderr)
    assert "150,742" in ended.stdout


def test_importing_the_backend_sets_no_variable_that_is_recorded():
    look = "environment.variables(machine.backend())"
    code = f"from baselines import environment, machine; before = {look}; import keras; keras.ops.ones(3); assert before == {look}"
    subprocess.run([sys.executable, "-c", code], timeout=120, cwd=Path(zoo.__file__).parent.parent, check=True)
