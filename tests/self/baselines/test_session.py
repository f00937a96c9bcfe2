"""Whole sessions of the suite, as a user types them, with a training that takes no time."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from baselines import files, machine, store
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
ROOT = Path(__file__).parents[3]
FULL = ("-m", "full", "tests/test_epoch_time.py", "tests/test_accuracy.py")
DIGITS = (*FULL, "--dataset", "digits", "--model", "lenet5,vgg_like")
ONE = (*FULL, "--dataset", "digits", "--model", "lenet5")
CELLS = ["lenet5-digits-digits_lenet", "vgg_like-digits-digits_vgg"]


def folders():
    return {path for path in (ROOT / "baselines").iterdir() if path.is_dir() and path.name != "__pycache__"}


def strict(path):
    def refuse(constant):
        raise AssertionError(f"{path} holds {constant}, which is not strict JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def test_one_training_serves_both_tests_and_the_timed_one_comes_first(suite, trained, files):
    done = suite(*DIGITS, "-v", "--benchmark-save=x", "--epochs=7")
    assert 0 == done.returncode, done.output
    assert CELLS == trained()
    order = [f"{test}[{cell}]" for cell in CELLS for test in ("test_epoch_time", "test_accuracy")]
    assert order == list(dict.fromkeys(re.findall(r"::(test_\w+\[\S+\])", done.stdout)))
    (path,) = files()
    assert re.fullmatch(r"0001_x_[0-9a-f]{8}\.json", path.name)
    assert machine.folder("float32") == path.parent.name
    content = strict(path)
    assert content["complete"] is True
    assert "UNSERIALIZABLE" not in path.read_text()
    assert [3, 3] == [entry["stats"]["rounds"] for entry in content["benchmarks"]]
    assert 1.5 == pytest.approx(content["benchmarks"][0]["stats"]["min"])
    record = content["records"][0]
    assert record["id"] == content["benchmarks"][0]["extra_info"]["record"]
    assert fake_training.record(CELLS[0], id=record["id"], epochs_option=7, machine=path.parent.name) == record
    assert 7 == record["recipe"]["epochs"]
    assert f"stored in {path}" in done.stdout
    assert "no GPU found" in done.stdout
    assert "expects 2 trainings" in done.stdout


@pytest.mark.parametrize("test", ["test_accuracy", "test_epoch_time"])
def test_either_test_alone_trains_the_cell_once_and_stores_it(suite, trained, files, test):
    done = suite(*DIGITS, "-k", test, "--benchmark-save=x")
    assert 0 == done.returncode, done.output
    assert CELLS == trained()
    assert CELLS == [record["cell"] for record in strict(files()[0])["records"]]


def test_several_seeds_give_one_file_with_a_record_for_each(suite, trained, files):
    done = suite(*ONE, "--seeds=3,5-6", "--benchmark-save=x")
    assert 0 == done.returncode, done.output
    assert [f"{CELLS[0]}-seed{seed}" for seed in (3, 5, 6)] == trained()
    (path,) = files()
    assert [3, 5, 6] == [record["seed"] for record in strict(path)["records"]]
    assert 3 == len({entry["fullname"] for entry in strict(path)["benchmarks"]})
    assert f"test_accuracy[{CELLS[0]}-seed5]" in suite(*ONE, "--seeds=5,6", "-v").stdout


@pytest.mark.parametrize("option", ["--benchmark-disable", "--benchmark-skip"])
def test_options_that_prevent_storing_are_reported_in_one_line(suite, files, option):
    done = suite(*DIGITS, "--benchmark-save=x", option)
    assert 1 == done.stdout.count("NOTHING WILL BE STORED"), done.output
    assert [] == files()


def test_save_without_a_name_is_accepted_and_gets_a_name(suite, files):
    done = suite(*ONE, "--benchmark-save")
    assert 0 == done.returncode, done.output
    assert files()[0].name.startswith("0001_run_")


def test_a_killed_session_keeps_the_records_of_the_cells_before(suite, files, tmp_path):
    done = suite(*DIGITS, "--benchmark-save=x", kill=CELLS[1], fresh=True)
    assert -9 == done.returncode
    (path,) = files()
    assert strict(path)["complete"] is False
    assert [CELLS[0]] == [each.cell for each in store.records(tmp_path / "storage")]
    assert [path.name] == [each.name for each in path.parent.iterdir()]
    assert f"test_epoch_time[{CELLS[0]}]" in compared(tmp_path / "storage")


def compared(storage):
    """What pytest-benchmark's own command makes of a storage."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    args = ["pytest-benchmark", "--storage", str(storage), "compare"]
    done = subprocess.run(args, cwd=ROOT, capture_output=True, text=True, timeout=60, env={**os.environ, "PATH": path})
    return done.stdout + done.stderr


def test_after_ctrl_c_only_whole_trainings_are_stored(suite, files):
    done = suite(*DIGITS, "--benchmark-save=x", interrupt=CELLS[1], fresh=True)
    assert 2 == done.returncode, done.output
    content = strict(files()[0])
    assert content["complete"] is False
    assert [CELLS[0]] == [record["cell"] for record in content["records"]]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ("die", "was killed by SIGKILL: out of memory?"),
        ("crash", "RuntimeError: no such kernel"),
        ("hang", "took longer than 1 seconds"),
    ],
)
def test_a_failed_training_fails_its_own_cell_with_the_reason_and_no_other_cell(suite, trained, files, order, reason):
    done = suite(*DIGITS, "--benchmark-save=x", "--cell-timeout=1s", **{order: CELLS[0]})
    assert 1 == done.returncode, done.output
    assert f"{CELLS[0]}: its training" in done.stdout
    assert reason in done.stdout
    assert "2 passed, 2 errors" in re.sub(r"\d+ deselected, ", "", done.stdout)
    assert CELLS == trained()
    assert [CELLS[1]] == [record["cell"] for record in strict(files()[0])["records"]]
    assert "Traceback" not in done.stderr


def test_a_cell_whose_data_is_missing_is_skipped_with_the_reason_and_counted(suite):
    done = suite(*DIGITS, missing=CELLS[0])
    assert 0 == done.returncode, done.output
    assert "the data is not there" in done.stdout
    assert "cells not trained: 1" in done.stdout
    assert "2 passed, 2 skipped" in re.sub(r"\d+ deselected, ", "", done.stdout)


def test_a_record_without_times_has_no_timing_for_pytest_benchmark(suite, files, tmp_path):
    done = suite(*ONE, "--benchmark-save=x", seconds=[], others=0.9)
    assert 0 == done.returncode, done.output
    content = strict(files()[0])
    assert ([], 1) == (content["benchmarks"], len(content["records"]))
    assert "UNSTABLE: other programs kept 0.9 processors busy" in done.stdout
    assert "test_epoch_time" not in compared(tmp_path / "storage")


def test_a_regression_fails_the_test_after_its_record_is_stored(suite, files, tmp_path):
    folder = tmp_path / "storage"
    for seed, accuracy in enumerate((0.93, 0.935, 0.94)):
        record = fake_training.record(CELLS[0], seed, accuracy, (0.2, 0.2 + seed / 1000))
        fake_training.stored(folder, seed + 1, "good", [record], machine=machine.folder("float32"))
    fake_training.accept(folder)
    done = suite(*ONE, "--benchmark-save=x", accuracy=0.3, seconds=[0.9, 0.8])
    assert 1 == done.returncode, done.output
    assert 2 == len(re.findall(r"^lenet5-digits-digits_lenet REGRESSED", done.stdout, re.MULTILINE)), done.output
    assert "0004_x_" in files()[-1].name
    for next_step in ("pytest -m full --model lenet5", "python -m baselines accept"):
        assert next_step in done.stdout
    again = suite(*ONE, "--benchmark-save=x", accuracy=0.3, seconds=[0.9, 0.8])
    assert 1 == again.returncode, "a bad record that was stored became its own excuse"


def test_without_accepted_records_the_verdict_is_no_baseline_and_floors_still_hold(suite):
    done = suite(*FULL, "--dataset=mnist", "--recipe=gate", accuracy=0.9799)
    assert 1 == done.returncode, done.output
    assert "NO-BASELINE: fastest epoch" in done.stdout
    assert "REGRESSED: accuracy 0.9799 is under the floor 0.98" in done.stdout


def test_a_time_budget_trains_the_cells_that_fit_cheapest_first_and_lists_the_others(suite, trained, tmp_path):
    slow = fake_training.record(CELLS[0], seconds=(500.0, 500.0))
    before = [slow, fake_training.record(CELLS[1], seconds=(1.0, 1.0))]
    fake_training.stored(tmp_path / "storage", 1, "before", before, machine=machine.folder("float32"))
    done = suite(*FULL, "--dataset=digits", "--model=lenet5,vgg_like,resnet20_v1", "--time-budget=10m", "--benchmark-save=x")
    assert 0 == done.returncode, done.output
    assert [CELLS[1]] == trained()
    assert "leaves out: lenet5-digits-digits_lenet (2.8 h), resnet20_v1-digits-digits_resnet (unknown)" in done.stdout
    assert "cells not trained: 2" in done.stdout


@pytest.mark.parametrize(
    ("args", "known"),
    [
        (("-m", "quik"), "known: quick, full, self, slow"),
        (("-m", "quik", "-n", "2"), "known: quick, full, self, slow"),
        (("--model", "lenet6", "-n", "2"), "lenet5, vgg_like"),
        (("--modell", "lenet5"), "--model --dataset"),
        (("--time-budget", "soon"), "90s, 20m"),
        (("--cell-timeout", "late"), "90s, 20m"),
        (("--seeds", "5-1"), "'5-1' does not name seeds; write them as 3, 1-5 or 1,3,7-9"),
        (("--data-dir", "/nowhere"), "/nowhere"),
        (("-m", "quick(", "-n", "2"), "cannot be read"),
        (("--epochs=0",), "train for at least 1 epoch"),
        (('--benchmark-save=a"b',), "letters, digits"),
        (("--precision=float16",), "float32"),
        (("--save-models=/nowhere",), "--save-models=/nowhere: not a folder that can be written to"),
        (("--figures=/nowhere",), "--figures=/nowhere: not a folder that can be written to"),
    ],
    ids=lambda args: " ".join(args) if isinstance(args, tuple) else "",
)
def test_a_mistyped_option_is_an_error_that_lists_the_known_values(suite, args, known):
    done = suite(*args)
    assert 4 == done.returncode, done.output
    assert known in done.stderr
    assert "Traceback" not in done.output


def test_the_full_tier_needs_its_marker_and_a_session_without_tests_never_passes(suite):
    done = suite("tests/test_epoch_time.py")
    assert 4 == done.returncode
    assert "ask for it with -m full" in done.stderr
    assert 4 == suite("-k", "no_such_test").returncode
    spread = suite("-n", "2", "tests/test_epoch_time.py")
    assert (4, True) == (spread.returncode, "tests of the full tier need -m full" in spread.stdout), spread.output


def test_a_storage_that_cannot_be_written_is_refused_before_anything_is_trained(suite, tmp_path):
    (tmp_path / "storage").write_text("")
    done = suite(*DIGITS, "--benchmark-save=x")
    assert (4, True) == (done.returncode, "not a folder that can be written to" in done.stderr), done.output
    assert not (tmp_path / "log").exists()


def test_a_disk_that_fills_up_fails_the_test_and_keeps_the_summary(suite, monkeypatch):
    def refuse(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "replace", refuse)
    done = suite(*DIGITS, "--benchmark-save=x")
    assert 1 == done.returncode, done.output
    assert "cannot be stored" in done.stdout
    assert "NOT STORED" in done.stdout
    assert "Traceback" not in done.output


def test_records_that_cannot_be_stored_go_to_another_folder_that_is_named_and_the_session_is_red(suite, monkeypatch, tmp_path):
    whole, refused = files.replace, str(tmp_path / "storage")

    def refuse(path, text):
        if str(path).startswith(refused) and "records" in text:
            raise OSError(28, "No space left on device")
        whole(path, text)

    monkeypatch.setattr(store, "replace", refuse)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    done = suite(*DIGITS, "--benchmark-save=x")
    assert 1 == done.returncode, done.output
    (path,) = tmp_path.glob("zoobench-*/0001_x_*.json")
    assert f"its records are in {path}: move that file to {tmp_path / 'storage'}" in done.stdout
    assert CELLS == [record["cell"] for record in strict(path)["records"]]
    assert "NO-BASELINE: accuracy" in done.stdout


@pytest.mark.parametrize("error", [(28, "No space left on device"), (13, "Permission denied"), (36, "File name too long")])
def test_whatever_prevents_storing_is_found_before_the_first_training(suite, monkeypatch, tmp_path, error):
    def refuse(path, text):
        raise OSError(*error)

    monkeypatch.setattr(files, "replace", refuse)
    done = suite(*DIGITS, "--benchmark-save=x")
    assert (4, False) == (done.returncode, (tmp_path / "log").exists()), done.output
    assert f"a record cannot be stored there: [Errno {error[0]}] {error[1]}; name another --benchmark-storage" in done.stderr


def test_a_file_system_without_locks_is_enough(suite, monkeypatch, files):
    import fcntl

    def refuse(*args):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    done = suite(*ONE, "--benchmark-save=x")
    assert (0, 1) == (done.returncode, len(files())), done.output


def test_a_damaged_file_is_named_and_left_alone_unless_its_records_are_accepted(suite, trained, tmp_path):
    path = fake_training.stored(tmp_path / "storage", 1, "x", [fake_training.record()])
    whole = path.read_text()
    path.write_text(whole[:100])
    done = suite(*ONE)
    assert (0, 1, whole[:100]) == (done.returncode, len(trained()), path.read_text())
    assert f"left out: {path}: not a file of records" in done.stdout
    path.write_text(whole)
    fake_training.accept(tmp_path / "storage")
    path.write_text(whole[:100])
    done = suite(*ONE)
    assert (4, 1) == (done.returncode, len(trained()))
    assert f"{path}: not a file of records" in done.stderr


def test_a_full_session_imports_no_backend_and_neither_does_collecting(suite, tmp_path):
    heavy = ["tensorflow", "jax", "keras", "scipy", "sklearn"]
    (tmp_path / "told.py").write_text(
        f"import sys\ndef pytest_unconfigure():\n    print('HEAVY', [name for name in {heavy} if name in sys.modules])\n"
    )
    for args in ((*ONE, "--benchmark-save=x"), ("--collect-only", "-q", "-m", "quick or full or self or slow")):
        done = suite("-p", "told", *args, fresh=True, path=tmp_path)
        assert 0 == done.returncode, done.output
        assert "HEAVY []" in done.stdout


def test_bare_pytest_selects_the_quick_tier_and_a_cell_of_the_full_tier_has_two_tests(suite):
    listed = {}
    for args in ((), ("-m", "quick"), ("-m", "full"), ("-m", "full", "--model=lenet5", "--dataset=digits")):
        done = suite("--collect-only", "-q", *args, storage=False)
        assert 0 == done.returncode, done.output
        listed[args] = sorted(line for line in done.stdout.splitlines() if "::" in line)
    assert [] != listed[()] == listed["-m", "quick"]
    assert not [test for test in listed[()] if "self/" in test]
    assert not set(listed[()]) & set(listed["-m", "full"])
    assert [f"tests/test_accuracy.py::test_accuracy[{CELLS[0]}]", f"tests/test_epoch_time.py::test_epoch_time[{CELLS[0]}]"] == listed[args]


def test_the_storage_does_not_depend_on_the_working_directory_and_a_quick_session_creates_no_folder(suite, tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    before = folders()
    tests = str(ROOT / "tests/self/baselines/test_judge.py")
    done = suite(tests, "-m", "self", "-k", "the_floor", f"--rootdir={ROOT}", "-c", str(ROOT / "pytest.ini"), cwd=away, storage=False)
    assert 0 == done.returncode, done.output
    assert [] == [path for path in away.iterdir() if path.name != ".hypothesis"]
    assert before == folders()


def test_under_xdist_a_cell_is_trained_once_and_a_line_says_that_nothing_is_stored(suite, trained):
    done = suite(*DIGITS, "-n", "2", "--benchmark-save=x")
    assert 0 == done.returncode, done.output
    assert CELLS == sorted(trained())
    assert "NOTHING WILL BE STORED" in done.stdout
