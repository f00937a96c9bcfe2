"""The suite beside other plugins of pytest: those that shuffle, repeat and rerun tests, and options of pytest that users give.

The plugins here stand in for pytest-randomly, pytest-repeat, pytest-rerunfailures and pytest-timeout, which need not be
installed; tox's environment ``plugins`` runs the suite beside the real ones.
"""

# ruff: noqa: F811 (a fixture that is imported and used)

import json
import re
from importlib.util import find_spec

import pytest

from tests.self.baselines.test_session import CELLS, DIGITS, FULL, ONE
from tests.self.baselines.test_verdicts import accepted, one_backend  # noqa: F401

pytestmark = pytest.mark.self
INSTALLED = {  # module of a plugin -> options that make it act; those that are not installed are left out
    "pytest_randomly": [],
    "pytest_rerunfailures": ["--reruns=2"],
    "pytest_repeat": ["--count=3"],
    "pytest_timeout": ["--timeout=60"],
    "pytest_cov": ["--cov=zoo", "--cov-report="],
    "pytest_sugar": [],
    "pytest_asyncio": ["--asyncio-mode=auto"],
}
SHUFFLED = """
import pytest

def pytest_collection_modifyitems(items):
    items.reverse()
"""
REPEATED = """
import pytest

@pytest.fixture(autouse=True)
def step(request):
    pass

def pytest_generate_tests(metafunc):
    metafunc.parametrize("step", range(3), indirect=True, ids="{}-3".format)
"""
RERUN = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    for attempt in range(3):
        runtestprotocol(item, nextitem=None)  # which ends session fixtures, too: pytest-rerunfailures forgets failed ones
        item._initrequest()
    return True
"""
STYLE = """
import pytest

class Style(pytest.Item):
    def runtest(self):
        pass

class Source(pytest.File):
    def collect(self):
        return [Style.from_parent(self, name="style")]

def pytest_collect_file(file_path, parent):
    return Source.from_parent(parent, path=file_path) if file_path.name == "test_progress.py" else None
"""
FORKED = """
def pytest_addoption(parser):
    parser.addoption("--forked", action="store_true")
"""
TIMED = """
import signal
import pytest

def pytest_runtest_setup(item):
    def end(*args):
        pytest.fail("it took too long")

    signal.signal(signal.SIGALRM, end)
    if "lenet5" in item.name:
        signal.setitimer(signal.ITIMER_REAL, 0.3)

def pytest_runtest_teardown():
    signal.setitimer(signal.ITIMER_REAL, 0)
"""


def verdicts(done):
    """The verdict lines of a session's summary."""
    return re.findall(r"^(\S+) [A-Z-]+: (accuracy|fastest)", done.stdout, re.MULTILINE)


def test_cells_are_trained_in_the_planned_order_although_a_plugin_shuffles_tests(suite, trained, plugin):
    done = suite(*plugin(SHUFFLED), *DIGITS, "-v")
    assert 0 == done.returncode, done.output
    assert CELLS == trained()
    order = [f"{test}[{cell}]" for cell in CELLS for test in ("test_epoch_time", "test_accuracy")]
    assert order == list(dict.fromkeys(re.findall(r"::(test_\w+\[\S+\])", done.stdout)))


def test_plugins_that_are_installed_change_neither_the_order_nor_what_is_stored_and_judged(suite, trained, files):
    args = [option for module, options in INSTALLED.items() if find_spec(module) for option in options]
    done = suite(*args, *DIGITS, "--benchmark-save=x", accuracy=0.3, fresh=True)
    assert 1 == done.returncode, done.output
    assert CELLS == trained()
    content = json.loads(files()[0].read_text())
    assert [CELLS, 2] == [[record["cell"] for record in content["records"]], len(content["benchmarks"])]
    assert 4 == len(verdicts(done)) == len(set(verdicts(done))), done.output


def test_a_plugin_may_shuffle_tests_that_train_nothing(suite, plugin):
    tests = "-p", "no:randomly", "-m", "self", "--collect-only", "-q", "tests/self/baselines/test_progress.py"
    planned, shuffled = (re.findall("^tests.*", suite(*args, *tests).stdout, re.MULTILINE) for args in ((), plugin(SHUFFLED)))
    assert len(planned) > 1
    assert planned[::-1] == shuffled


@pytest.mark.parametrize("source", [REPEATED, RERUN], ids=["repeated", "rerun"])
def test_a_cell_whose_tests_run_three_times_has_one_record_one_timing_and_one_line_a_verdict(
    suite, trained, files, tmp_path, plugin, source
):
    report = tmp_path / "report.xml"
    done = suite(*plugin(source), *DIGITS, "--benchmark-save=x", f"--junitxml={report}", accuracy=0.3)
    assert 1 == done.returncode, done.output
    assert CELLS == trained()
    content = json.loads(files()[-1].read_text())
    ids = [record["id"] for record in content["records"]]
    assert CELLS == [record["cell"] for record in content["records"]]
    assert ids == sorted((entry["extra_info"]["record"] for entry in content["benchmarks"]), key=ids.index)
    assert 4 == len(verdicts(done)) == len(set(verdicts(done))), done.output
    assert "benchmark: 2 tests" in done.stdout
    assert {1} == {text.count('name="verdict"') for text in report.read_text().split("<testcase")[1:]}


def test_a_repeated_test_takes_no_share_of_the_sessions_false_alarms(suite, plugin, accepted):
    accepted(CELLS[0])
    once, repeated = (suite(*args, *ONE, "--verdict-details", accuracy=0.983) for args in ((), plugin(REPEATED)))
    lines = [re.findall(rf"^{CELLS[0]} .*\n.*", done.stdout, re.MULTILINE) for done in (once, repeated)]
    assert 2 == len(lines[0]), once.output
    assert lines[0] == lines[1]


@pytest.mark.parametrize(("others", "code", "word"), [(0.979, 1, "REGRESSED"), (0.983, 0, "PASS")])
def test_a_suspicious_cell_whose_tests_are_rerun_trains_two_further_seeds_and_keeps_its_verdict(
    suite,
    trained,
    plugin,
    accepted,
    others,
    code,
    word,
):
    accepted(CELLS[0])
    done = suite(*plugin(RERUN), *ONE, "--seed=9", "--benchmark-save=x", accuracy=others, accuracies={"9": 0.979})
    assert (code, 3) == (done.returncode, len(trained())), done.output
    assert [word] == re.findall(rf"^{CELLS[0]} (\S+): accuracy", done.stdout, re.MULTILINE)


def test_a_training_that_a_plugin_ends_is_not_started_again_for_its_other_tests(suite, trained, files, plugin):
    done = suite(*plugin(TIMED), *plugin(RERUN, "reruns"), *DIGITS, "--benchmark-save=x", hang=CELLS[0])
    assert 1 == done.returncode, done.output
    assert CELLS == trained()
    assert f"{CELLS[0]}: its training was ended by Failed: it took too long" in done.stdout
    assert [CELLS[1]] == [record["cell"] for record in json.loads(files()[0].read_text())["records"]]


@pytest.mark.parametrize(
    ("option", "order", "expected"), [("--lf", CELLS[1:], 1), ("--ff", [CELLS[1], CELLS[0]], 2), ("--sw", CELLS[1:], 1)]
)
def test_after_a_failed_cell_the_plan_names_what_pytest_still_selects(suite, trained, tmp_path, option, order, expected):
    cache = "-p", "cacheprovider", "-p", "stepwise", "-o", f"cache_dir={tmp_path / 'cache'}", "-p", "no:randomly"
    first = suite(*cache, *DIGITS, *(["--sw"] if option == "--sw" else []), crash=CELLS[1])
    assert 0 != first.returncode, first.output
    (tmp_path / "log").unlink()
    done = suite(*cache, *DIGITS, option)
    assert (0, order) == (done.returncode, trained()), done.output
    assert f"expects {expected} training" in done.stdout


@pytest.mark.parametrize("args", [("-p", "no:xdist"), ("--import-mode=importlib",), ("--assert=plain",), ("-s",)], ids=" ".join)
def test_a_session_trains_stores_and_judges_with_such_options(suite, files, args):
    done = suite(*args, *ONE, "--benchmark-save=x")
    assert (0, 1, 2) == (done.returncode, len(files()), len(verdicts(done))), done.output


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("-p", "no:benchmark"), "the suite needs pytest-benchmark: leave out -p no:benchmark"),
        (("--benchmark-compare",), "compare stored ones with: python -m baselines compare"),
        (("--benchmark-compare-fail=min:5%",), "compare stored ones with: python -m baselines compare"),
        (("--junitxml=/proc/none/report.xml",), "--junitxml=/proc/none/report.xml: cannot be written"),
        (("--benchmark-json=/",), "--benchmark-json=/: cannot be written"),
        (("--benchmark-histogram=/proc/none/x",), "--benchmark-histogram"),
    ],
    ids=lambda args: " ".join(args) if isinstance(args, tuple) else "",
)
def test_options_that_would_fail_after_the_last_training_are_refused_in_one_line(suite, tmp_path, args, reason):
    done = suite(*args, *ONE)
    assert (4, True) == (done.returncode, reason in done.stderr), done.output
    assert 1 == len(done.stderr.strip().splitlines())
    assert not (tmp_path / "log").exists()


def test_tests_that_do_not_share_a_process_are_refused_for_the_full_tier(suite, tmp_path, plugin):
    done = suite(*plugin(FORKED), *ONE, "--forked")
    assert (4, True) == (done.returncode, done.stderr.startswith("ERROR: --forked: a cell would be trained anew")), done.output
    assert not (tmp_path / "log").exists()
    assert 0 == suite(*plugin(FORKED), "-m", "self", "--forked", "--collect-only", "tests/self/baselines/test_progress.py").returncode


def test_a_plugins_own_kind_of_test_needs_no_tier(suite, plugin):
    tests = "-m", "self or not self", "tests/self/baselines/test_progress.py", "-k", "style or reporter"
    done = suite(*plugin(STYLE), *tests)
    assert (0, True) == (done.returncode, "2 passed" in done.stdout), done.output


def test_the_folder_of_a_report_is_made_before_the_first_training(suite, tmp_path):
    report = tmp_path / "no" / "such" / "timings.json"
    assert 0 == suite(*ONE, f"--benchmark-json={report}").returncode
    assert 1 == len(json.loads(report.read_text())["records"])


def test_python_o_is_refused_in_one_line(suite, monkeypatch):
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    done = suite(*FULL, fresh=True)
    assert (4, ["ERROR: python -O drops assertions, which tests rely on: leave it out, and unset PYTHONOPTIMIZE"]) == (
        done.returncode,
        done.stderr.split("\n")[:-2],
    )


@pytest.mark.parametrize("hook", ["pytest_sessionfinish", "pytest_runtest_logfinish"])
@pytest.mark.parametrize("error", ["OSError", "KeyboardInterrupt"])
def test_verdicts_are_shown_and_the_records_kept_if_a_plugin_fails_at_the_end(suite, files, tmp_path, plugin, error, hook):
    source = "def {}({}):\n    if {}:\n        raise {}('no report')"
    last = "nodeid", "'accuracy' in nodeid"
    source = source.format(hook, *(last if "logfinish" in hook else ("", "True")), error)
    done = suite(*plugin(source), *ONE, "--benchmark-save=x", fresh=True, path=tmp_path)
    assert 0 != done.returncode
    assert 2 == len(verdicts(done)), done.output
    assert f"stored in {files()[0]}" in done.stdout


def test_a_session_that_ctrl_c_ended_is_not_complete_whatever_exit_status_pytest_tells(suite, files, tmp_path, plugin):
    source = "def pytest_keyboard_interrupt():\n    raise KeyboardInterrupt('again')"
    suite(*plugin(source), *DIGITS, "--benchmark-save=x", interrupt=CELLS[1], fresh=True, path=tmp_path)
    assert json.loads(files()[0].read_text())["complete"] is False
