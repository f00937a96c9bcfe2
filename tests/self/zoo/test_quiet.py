"""A command of the zoo prints its answer, and nothing of the backend's."""

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
