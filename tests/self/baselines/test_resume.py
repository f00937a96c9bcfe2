"""A session continues where another one ended, and trains again only what has changed."""

import pytest

from baselines import machine, store
from baselines.session import Session
from baselines.trainings import Training
from tests.self.baselines import fake_training
from tests.self.baselines.test_session import CELLS, DIGITS, ONE

pytestmark = pytest.mark.self
SAVED = (*ONE, "--benchmark-save=x")


def test_after_a_killed_session_the_same_command_trains_and_stores_only_the_missing_cells(suite, trained, files, tmp_path):
    killed = suite(*DIGITS, "--benchmark-save=x", kill=CELLS[1], fresh=True)
    assert -9 == killed.returncode
    done = suite(*DIGITS, "--benchmark-save=x", "-v")
    assert 0 == done.returncode, done.output
    assert [*CELLS, CELLS[1]] == trained()
    assert f"{CELLS[0]} was trained before, with the same code, data and libraries: 0001_x_" in done.stdout
    assert f"{CELLS[0]} NO-BASELINE" in done.stdout
    assert CELLS == sorted((each.cell for each in store.records(tmp_path / "storage")), key=CELLS.index)
    assert f"stored as x before, and trained again only if code, data or libraries have changed: {CELLS[0]}\n" in done.stdout
    again = suite(*DIGITS, "--benchmark-save=x")
    assert (0, 2) == (again.returncode, len(files())), again.output
    assert 3 == len(trained())


def test_a_network_that_could_not_be_saved_is_reported_keeps_its_record_and_is_trained_again(suite, trained, files, tmp_path):
    full = suite(*SAVED, f"--save-models={tmp_path}", full=True)
    file = tmp_path / f"{CELLS[0]}-float32-0.keras"
    assert (1, True, 1) == (full.returncode, f"NOT SAVED: {file}: no space left" in full.stdout, len(files())), full.output
    kept = suite(*SAVED, f"--save-models={tmp_path}")
    assert (0, "a network", 2) == (kept.returncode, file.read_text(), len(trained())), kept.output
    again = suite(*SAVED, f"--save-models={tmp_path}")
    assert (0, 2, True) == (again.returncode, len(trained()), "was trained before" in again.stdout), again.output


def test_a_roofline_that_cannot_be_measured_is_reported_and_the_record_is_stored(suite, files):
    done = suite(*SAVED, damaged=True)
    assert (1, 1) == (done.returncode, len(files())), done.output
    assert "lack their share of the peak: python -m baselines roofline" in done.stdout
    assert f"{CELLS[0]} NO-BASELINE" in done.stdout


def test_a_stored_record_is_judged_outside_the_time_budget_and_marked_if_it_lacks_times(suite, trained):
    done = suite(*SAVED, seconds=[], others=0.9)
    assert 0 == done.returncode, done.output
    done = suite(*SAVED, "--time-budget=1s", seconds=[], others=0.9)
    assert (0, 1) == (done.returncode, len(trained())), done.output
    assert "(without times: the machine was busy; give another name to train it again)" in done.stdout
    assert "time budget: needs" in suite(*SAVED, "--seed=1", "--time-budget=1s").stdout


@pytest.mark.parametrize(
    ("args", "values"),
    [
        (["--benchmark-save=y"], {}),
        (["--benchmark-save=x", "--seed=1"], {}),
        (["--benchmark-save=x", "--epochs=3"], {}),
        (["--benchmark-save=x"], {"fingerprint": "beef"}),
        (["--benchmark-save=x"], {"code": {"graph": "z"}}),
        (["--benchmark-save=x"], {"versions": {"keras": "4"}}),
        (["--benchmark-save=x"], {"tf32": True}),
        (["--benchmark-save=x"], {"threads": 8}),
        (["--benchmark-save=x", "--precision=mixed_bfloat16"], {}),
    ],
    ids=str,
)
def test_another_name_seed_epochs_data_code_library_or_machine_is_another_training(suite, trained, tmp_path, args, values):
    here = {"machine": machine.folder("float32")}
    fake_training.stored(tmp_path / "storage", 1, "x", [fake_training.record(CELLS[0])], **here)
    assert "was trained before" in suite(*SAVED).stdout
    done = suite(*ONE, *args, **values)
    assert 0 == done.returncode, done.output
    assert 1 == len(trained())


def test_a_training_takes_place_once_however_often_its_record_is_asked_for(monkeypatch):
    made = Session(config=None, options=None, known={"a": Training("a", "cell", 0)})
    calls = []
    monkeypatch.setattr(made, "_record", lambda training: calls.append(training) or {"id": "x"})
    assert made.record("a") is made.record("a")
    assert 1 == len(calls)


def test_timings_of_which_epochs_are_missing_or_that_have_no_record_here_are_not_stored():
    made = Session(config=None, options=None, new=[{"id": "whole", "train_seconds": [1, 1]}])
    entries = [
        {"extra_info": {"record": record}, "stats": {"rounds": rounds}} for record, rounds in (("whole", 2), ("whole", 1), ("another", 2))
    ]
    output = {"benchmarks": [*entries, {"extra_info": {}, "stats": {"rounds": 5}}]}
    made.complete_json(output)
    assert [entries[0], {"extra_info": {}, "stats": {"rounds": 5}}] == output["benchmarks"]


def test_a_killed_session_keeps_records_that_no_timed_test_has_used(suite, files, tmp_path):
    killed = suite(*DIGITS, "-k", "test_accuracy", "--benchmark-save=x", kill=CELLS[1], fresh=True)
    assert (-9, 1) == (killed.returncode, len(files()))
    assert [CELLS[0]] == [each.cell for each in store.records(tmp_path / "storage")]
