"""Warnings of other people's code are listed and cost no result; those of the suite's own modules are errors."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pytest

from baselines import child, machine
from tests.self.baselines.test_plugins import verdicts
from tests.self.baselines.test_session import DIGITS, ONE

pytestmark = pytest.mark.self
ROOT = Path(__file__).parents[3]
HOOKS = (
    "pytest_generate_tests",
    "pytest_collection_finish",
    "pytest_runtest_setup",
    "pytest_runtest_teardown",
    "pytest_benchmark_update_json",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
)
OTHERS = ("keras.src.layers", "numpy", "_pytest.cacheprovider", "zoomed", "my.zoo", "latest_news")


def test_warnings_of_a_plugin_are_listed_and_the_session_is_stored_and_judged(suite, files, plugin):
    source = "import warnings\n" + "".join(f"def {hook}():\n    warnings.warn('news of {hook}', FutureWarning)\n" for hook in HOOKS)
    done = suite(*plugin(source), *ONE, "--benchmark-save=x")
    assert (0, 1, 2) == (done.returncode, len(files()), len(verdicts(done))), done.output
    assert set(HOOKS) == set(re.findall(r"FutureWarning: news of (\w+)", done.output))


@pytest.mark.parametrize("module", ["zoo.lenet", "loaders", "baselines.session", "tests.formulas", "conftest", "test_costs"])
def test_a_warning_of_the_suites_own_modules_is_an_error(module):
    with pytest.raises(FutureWarning):
        warnings.warn_explicit("mend this", FutureWarning, "file.py", 1, module=module)


@pytest.mark.parametrize("module", OTHERS)
def test_a_warning_of_another_module_is_no_error(module):
    with warnings.catch_warnings(record=True) as caught:
        warnings.warn_explicit("not ours", FutureWarning, "file.py", 1, module=module)
    assert 1 == len(caught)


def test_a_warning_does_not_end_a_training_although_pythonwarnings_makes_it_an_error(monkeypatch, tmp_path):
    (tmp_path / "tabulate.py").write_text(
        "import warnings\nwarnings.warn('news', FutureWarning)\nDataRow = TableFormat = tabulate = lambda *rows, **more: 'rows'\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    process = child.start(["recipe"], subprocess.PIPE)
    stdout, stderr = process.communicate(timeout=60)
    assert (0, "rows\n") == (process.returncode, stdout), stderr


@pytest.fixture
def checkout():
    """A copy of the suite that cannot be written to."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "suite")
        for name in "baselines", "zoo", "loaders", "tests":
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "goldens", "*.json"))
        for name in "conftest.py", "pytest.ini":
            shutil.copy(ROOT / name, copy)
        folders = [path for path in (Path(folder), *copy.rglob("*"), copy) if path.is_dir()]
        for path in folders:
            path.chmod(0o555)
        yield copy
        for path in folders:
            path.chmod(0o755)


def another_user():
    """The begin of a command of a user who may not write: root becomes another one, or gives up its privileges on files."""
    if os.geteuid():
        return []
    other = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
    able = subprocess.run([*other, "env", sys.executable, "-c", ""], capture_output=True).returncode == 0  # not if Python is below /root
    return other if able else ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]


@pytest.mark.parametrize("strict", [(), ("-W", "error")], ids=" ".join)
def test_a_read_only_checkout_ends_with_verdicts_and_counts(checkout, strict):
    with tempfile.TemporaryDirectory() as storage:
        Path(storage).chmod(0o777)
        args = [*another_user(), sys.executable, "-m", "pytest", "-p", "tests.self.baselines.fake_training"]
        args += [*DIGITS, *strict, f"--benchmark-storage={storage}", "--benchmark-save=x", f"--data-dir={storage}"]
        given = {"HOME": storage, "PATH": os.environ["PATH"], "PYTHONPATH": str(checkout), "FAKE_TRAINING": "{}"}
        given["KERAS_BACKEND"] = machine.backend()
        given["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # other plugins warn, too, and with -W error even before the session begins
        done = subprocess.run(args, cwd=checkout, env=given, capture_output=True, text=True, timeout=60)
        assert 1 == len(list(Path(storage).glob("*/*.json"))), done.stdout + done.stderr
    assert 4 == len(verdicts(done)), done.stdout + done.stderr
    if not strict:
        assert 0 == done.returncode
        assert "PytestCacheWarning" in done.stdout
        assert "4 passed, 2 deselected, 1 warning" in done.stdout
