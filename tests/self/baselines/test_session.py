"""Whole sessions of the suite, as a user types them, with a training that takes no time."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from baselines import store
from tests.self.baselines import fake_training, sessions

pytestmark = pytest.mark.self
ROOT = Path(__file__).parents[3]
FULL = ("-m", "full", "tests/test_epoch_time.py", "tests/test_accuracy.py")
DIGITS = (*FULL, "--dataset", "digits", "--model", "lenet5,vgg_like")
CELLS = ["lenet5-digits-digits_lenet", "vgg_like-digits-digits_vgg"]


@pytest.fixture
def suite(origin, tmp_path):
    """A function that runs pytest as typed, with its storage in tmp_path / 'storage'; what it printed and returned."""

    def run(*words, cwd=ROOT, storage=True, path=(), **orders):
        # Workers of -n are started anew, and half of their start is hypothesis, of which these sessions make no use.
        words = ["-p", "tests.self.baselines.fake_training", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *words]
        words += [f"--benchmark-storage={tmp_path / 'storage'}"] if storage else []
        variables = {"PRETEND": json.dumps({"log": str(tmp_path / "log"), **orders}), "PYTHONPATH": str(ROOT)}
        return sessions.run(origin[0], words, cwd, path=path, **variables)

    return run


@pytest.fixture
def trained(tmp_path):
    """A function that tells which cells were trained, in order."""
    return lambda: (tmp_path / "log").read_text().split()


def files(tmp_path):
    return sorted((tmp_path / "storage").glob("*/*.json"))


def folders():
    return {path for path in (ROOT / "baselines").iterdir() if path.is_dir() and path.name != "__pycache__"}


def strict(path):
    def refuse(word):
        raise AssertionError(f"{path} holds {word}, which is no JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def test_one_training_serves_both_tests_and_the_timed_one_comes_first(suite, trained, tmp_path):
    done = suite(*DIGITS, "-v", "--benchmark-save=x", "--epochs=7")
    assert 0 == done.returncode, done.said
    assert CELLS == trained()
    order = [f"{test}[{cell}]" for cell in CELLS for test in ("test_epoch_time", "test_accuracy")]
    assert order == list(dict.fromkeys(re.findall(r"::(test_\w+\[\S+\])", done.stdout)))
    (path,) = files(tmp_path)
    assert re.fullmatch(r"0001_x_[0-9a-f]{8}\.json", path.name)
    assert fake_training.MACHINE == path.parent.name
    content = strict(path)
    assert content["complete"] is True
    assert "UNSERIALIZABLE" not in path.read_text()
    assert [3, 3] == [entry["stats"]["rounds"] for entry in content["benchmarks"]]
    assert 1.5 == pytest.approx(content["benchmarks"][0]["stats"]["min"])
    stored = content["benchmarks"][0]["extra_info"]
    assert [6 * 241816 * 60 / seconds for seconds in (2.0, 1.5, 1.6)] == [each["flops_per_second"] for each in stored["efficiency"]]
    made = fake_training.sample(CELLS[0])
    assert {**made, "recipe": {**made["recipe"], "epochs": 7}, "epochs_option": 7, "efficiency": stored["efficiency"]} == stored
    assert f"stored in {path}" in done.stdout
    assert "no GPU found" in done.stdout
    assert "expects to train 2 cells" in done.stdout


@pytest.mark.parametrize("test", ["test_accuracy", "test_epoch_time"])
def test_either_test_alone_trains_the_cell_once(suite, trained, test):
    done = suite(*DIGITS, "-k", test, "--benchmark-save=x")
    assert 0 == done.returncode, done.said
    assert CELLS == trained()
    assert ("NOTHING WILL BE STORED" in done.stdout) == (test == "test_accuracy")


@pytest.mark.parametrize("option", ["--benchmark-disable", "--benchmark-skip"])
def test_a_selection_that_cannot_store_says_so_in_one_line(suite, tmp_path, option):
    done = suite(*DIGITS, "--benchmark-save=x", option)
    assert 1 == done.stdout.count("NOTHING WILL BE STORED"), done.said
    assert [] == files(tmp_path)


def test_bare_save_is_accepted_and_names_the_run(suite, tmp_path):
    done = suite(*FULL, "--model=lenet5", "--dataset=digits", "--benchmark-save")
    assert 0 == done.returncode, done.said
    assert files(tmp_path)[0].name.startswith("0001_run_")


def test_a_killed_session_keeps_the_cells_before(suite, tmp_path):
    done = suite(*DIGITS, "--benchmark-save=x", kill=CELLS[1])
    assert -9 == done.returncode
    (path,) = files(tmp_path)
    content = strict(path)
    assert content["complete"] is False
    assert [CELLS[0]] == [run.cell for run in store.runs(tmp_path / "storage")]
    assert [path.name] == [each.name for each in path.parent.iterdir()]
    listed = subprocess.run(
        ["pytest-benchmark", "--storage", str(tmp_path / "storage"), "compare"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert f"test_epoch_time[{CELLS[0]}]" in listed.stdout, listed.stderr


def test_ctrl_c_never_stores_a_part_of_a_cell(suite, tmp_path):
    done = suite(*DIGITS, "--benchmark-save=x", interrupt=CELLS[1])
    assert 2 == done.returncode, done.said
    content = strict(files(tmp_path)[0])
    assert content["complete"] is False
    assert [CELLS[0]] == [entry["extra_info"]["cell"] for entry in content["benchmarks"]]


def test_a_regression_is_a_failed_test_that_has_stored_before(suite, tmp_path):
    for seed, accuracy in enumerate((0.93, 0.935, 0.94)):
        sample = fake_training.sample(CELLS[0], seed, accuracy, (0.2, 0.2 + seed / 1000), fingerprint="f00d")
        fake_training.stored(tmp_path / "storage", seed + 1, "good", [sample])
    folder = tmp_path / "storage"
    store.accept(folder, store.runs(folder), "first")
    done = suite(*FULL, "--dataset=digits", "--model=lenet5", "--benchmark-save=x", accuracy=0.3, seconds=[0.9, 0.8])
    assert 1 == done.returncode, done.said
    assert 2 == len(re.findall(r"^lenet5-digits-digits_lenet REGRESSED", done.stdout, re.MULTILINE)), done.said
    assert "0004_x_" in files(tmp_path)[-1].name
    for next_step in ("pytest -m full --model lenet5", "python -m baselines accept"):
        assert next_step in done.stdout
    again = suite(*FULL, "--dataset=digits", "--model=lenet5", "--benchmark-save=x", accuracy=0.3, seconds=[0.9, 0.8])
    assert 1 == again.returncode, "a bad run that was stored became its own excuse"


def test_a_machine_without_accepted_runs_says_no_baseline_and_keeps_to_floors(suite):
    done = suite(*FULL, "--dataset=mnist", "--recipe=gate", accuracy=0.9799)
    assert 1 == done.returncode, done.said
    assert "NO-BASELINE: fastest epoch" in done.stdout
    assert "REGRESSED: accuracy 0.9799 is under the floor 0.98" in done.stdout


def test_a_time_budget_trains_what_fits_cheapest_first_and_names_the_rest(suite, trained, tmp_path):
    slow = fake_training.sample(CELLS[0], seconds=(500.0, 500.0))
    fake_training.stored(tmp_path / "storage", 1, "before", [slow, fake_training.sample(CELLS[1], seconds=(1.0, 1.0))])
    done = suite(*FULL, "--dataset=digits", "--model=lenet5,vgg_like,resnet20_v1", "--time-budget=10m", "--benchmark-save=x")
    assert 0 == done.returncode, done.said
    assert [CELLS[1]] == trained()
    assert "leaves out: lenet5-digits-digits_lenet (2.8 h), resnet20_v1-digits-digits_resnet (unknown)" in done.stdout
    assert "cells not trained: 2" in done.stdout


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (("-m", "quik"), "known: quick, full"),
        (("-m", "quik", "-n", "2"), "known: quick, full"),
        (("--model", "lenet6", "-n", "2"), "lenet5, vgg_like"),
        (("--modell", "lenet5"), "--model --dataset"),
        (("--time-budget", "soon"), "90s, 20m"),
        (("--data-dir", "/nowhere"), "/nowhere"),
        (("-m", "quick(", "-n", "2"), "cannot be read"),
        (("--epochs=0",), "--epochs must be at least 1"),
        (('--benchmark-save=a"b',), "letters, digits"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_what_is_mistyped_is_an_error_that_names_the_known(suite, words, known):
    done = suite(*words)
    assert 4 == done.returncode, done.said
    assert known in done.stderr
    assert "Traceback" not in done.said


def test_full_must_be_asked_for_and_nothing_never_passes(suite):
    done = suite("tests/test_epoch_time.py")
    assert 4 == done.returncode
    assert "ask for it with -m full" in done.stderr
    assert 4 == suite("-k", "no_such_test").returncode
    spread = suite("-n", "2", "tests/test_epoch_time.py")
    assert (4, True) == (spread.returncode, "full must be asked for with -m full" in spread.stdout), spread.said


def test_a_storage_that_cannot_be_written_is_refused_before_anything_is_trained(suite, tmp_path):
    (tmp_path / "storage").write_text("")
    done = suite(*DIGITS, "--benchmark-save=x")
    assert (4, True) == (done.returncode, "no folder that can be written to" in done.stderr), done.said
    assert not (tmp_path / "log").exists()


def test_a_disk_that_fills_up_fails_the_test_and_keeps_the_summary(suite, tmp_path):
    lines = (
        "from baselines import store",
        "def refuse(path, text):",
        "    raise OSError(28, 'No space left on device')",
        "store.replace = refuse",
    )
    (tmp_path / "full.py").write_text("\n".join(lines))
    done = suite("-p", "full", *DIGITS, "--benchmark-save=x", path=[tmp_path])
    assert 1 == done.returncode, done.said
    assert "cannot be stored" in done.stdout
    assert "NOT STORED" in done.stdout
    assert "Traceback" not in done.said


def test_a_corrupt_baseline_file_stops_a_full_session_before_it_trains(suite, tmp_path):
    path = fake_training.stored(tmp_path / "storage", 1, "x", [fake_training.sample()])
    path.write_text(path.read_text()[:100])
    done = suite(*DIGITS, "--benchmark-save=x")
    assert 4 == done.returncode
    assert f"{path}: not a stored run" in done.stderr
    assert not (tmp_path / "log").exists()


def test_collecting_imports_no_backend_and_bare_pytest_is_the_quick_tier(origin, suite):
    assert set() == {"tensorflow", "jax", "keras", "scipy", "sklearn"} & origin[1]
    assert {"tests.self.baselines.fake_training", "hypothesis", "loaders"} < origin[1]
    listed = {}
    for words in ((), ("-m", "quick"), ("-m", "full")):
        done = suite("--collect-only", "-q", *words, storage=False)
        assert 0 == done.returncode, done.said
        listed[words] = sorted(line for line in done.stdout.splitlines() if "::" in line)
    assert [] != listed[()] == listed["-m", "quick"]
    assert not set(listed[()]) & set(listed["-m", "full"])


def test_the_storage_is_found_from_any_folder_and_a_plain_run_makes_none(suite, tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    before = folders()
    done = suite(
        str(ROOT / "tests/test_gate.py"), "-k", "floor", f"--rootdir={ROOT}", "-c", str(ROOT / "pytest.ini"), cwd=away, storage=False
    )
    assert 0 == done.returncode, done.said
    assert [] == [path for path in away.iterdir() if path.name != ".hypothesis"]
    assert before == folders()


def test_under_xdist_a_cell_is_trained_once_and_the_user_is_told_that_nothing_is_stored(suite, trained):
    done = suite(*DIGITS, "-n", "2", "--benchmark-save=x")
    assert 0 == done.returncode, done.said
    assert CELLS == sorted(trained())
    assert "NOTHING WILL BE STORED" in done.stdout


def test_a_session_that_hangs_is_killed_and_told_of(origin, suite):
    with pytest.raises(TimeoutError, match="pytest --collect-only did not end within 0.01 seconds"):
        sessions.run(origin[0], ["--collect-only"], timeout=0.01)
    assert 0 == suite("--collect-only", "-q", "tests/test_plan.py").returncode
