"""A session continues where another one ended, and trains again only what has changed."""

import pytest

from baselines import machine, store
from baselines.results import Results
from baselines.schedule import Schedule
from baselines.session import Session
from baselines.trainings import Training
from tests.self.baselines import fake_training, sessions
from tests.self.baselines.test_session import CELLS, DIGITS, ONE

pytestmark = pytest.mark.self
SAVED = (*ONE, "--benchmark-save=x")


def test_resume_trains_and_stores_only_what_a_killed_session_lacks(suite, trained, files, tmp_path):
    killed = suite(*DIGITS, "--benchmark-save=x", kill=CELLS[1], fresh=True)
    assert -9 == killed.returncode
    done = suite(*DIGITS, "--benchmark-save=x", "--resume", "-v")
    assert 0 == done.returncode, done.output
    assert [*CELLS, CELLS[1]] == trained()
    assert f"{CELLS[0]} was trained in the session that did not end: 0001_x_" in done.stdout
    assert f"{CELLS[0]} NO-BASELINE" in done.stdout
    assert CELLS == sorted((each.cell for each in store.records(tmp_path / "storage")), key=CELLS.index)
    assert f"the last session named x did not end: trained again only if code, data or libraries changed: {CELLS[0]}\n" in done.stdout
    again = suite(*DIGITS, "--benchmark-save=x", "--resume")
    assert (0, 3, 5) == (again.returncode, len(files()), len(trained())), again.output
    assert "no session named x is unfinished here: everything is trained" in again.stdout


def test_without_resume_the_same_name_measures_every_time(suite, trained):
    for _ in range(3):
        done = suite(*SAVED, "--seed=0")
        assert 0 == done.returncode, done.output
    assert [CELLS[0]] * 3 == trained()


def test_resume_needs_the_name_of_a_session(suite):
    done = suite(*ONE, "--resume")
    assert (4, True) == (done.returncode, "add --benchmark-save=NAME" in done.stderr), done.output


def test_a_network_that_could_not_be_saved_is_reported_and_keeps_its_record(suite, files, tmp_path):
    full = suite(*SAVED, f"--save-models={tmp_path}", full=True)
    file = tmp_path / f"{CELLS[0]}-float32-0.keras"
    assert (1, True, 1) == (full.returncode, f"NOT SAVED: {file}: no space left" in full.stdout, len(files())), full.output


def test_a_killed_session_is_resumed_with_a_training_whose_network_is_missing(suite, trained, tmp_path):
    unfinished(tmp_path)
    kept = suite(*SAVED, "--resume", f"--save-models={tmp_path}")
    file = tmp_path / f"{CELLS[0]}-float32-0.keras"
    assert (0, "a network", 1) == (kept.returncode, file.read_text(), len(trained())), kept.output


def unfinished(tmp_path, **values):
    here = {"machine": machine.folder("float32")}
    fake_training.stored(tmp_path / "storage", 1, "x", [fake_training.record(CELLS[0], **here, **values)], complete=False, **here)


def test_a_roofline_that_cannot_be_measured_is_reported_and_the_record_is_stored(suite, files):
    done = suite(*SAVED, damaged=True)
    assert (1, 1) == (done.returncode, len(files())), done.output
    assert "lack their share of the peak: python -m baselines roofline" in done.stdout
    assert f"{CELLS[0]} NO-BASELINE" in done.stdout


def test_a_stored_record_is_judged_outside_the_time_budget_and_marked_if_it_lacks_times(suite, tmp_path):
    unfinished(tmp_path, seconds=(), others=0.9)
    done = suite(*SAVED, "--resume", "--time-budget=1s", others=0.9, seconds=[])
    assert (0, False) == (done.returncode, (tmp_path / "log").exists()), done.output
    assert "(without times: the machine was busy)" in done.stdout
    assert "time budget: needs" in suite(*SAVED, "--resume", "--seed=1", "--time-budget=1s").stdout


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
    unfinished(tmp_path)
    assert "was trained in the session" in suite(*SAVED, "--resume").stdout
    done = suite(*ONE, "--resume", *args, **values)
    assert 0 == done.returncode, done.output
    assert 1 == len(trained())


def test_a_training_takes_place_once_however_often_its_record_is_asked_for(monkeypatch):
    made = Session(None, options=None, results=None, schedule=Schedule(None, [], known={"a": Training("a", "cell", 0)}))
    calls = []
    monkeypatch.setattr(made, "_record", lambda training: calls.append(training) or {"id": "x"})
    assert made.record("a") is made.record("a")
    assert 1 == len(calls)


def test_timings_of_which_epochs_are_missing_or_that_have_no_record_here_are_not_stored():
    made = Results(config=None, name=None, new=[{"id": "whole", "train_seconds": [1, 1]}])
    entries = [
        {"extra_info": {"record": record}, "stats": {"rounds": rounds}} for record, rounds in (("whole", 2), ("whole", 1), ("another", 2))
    ]
    output = {"machine_info": {}, "commit_info": {}, "benchmarks": [*entries, {"extra_info": {}, "stats": {"rounds": 5}}]}
    made.complete_json(output)
    assert [entries[0], {"extra_info": {}, "stats": {"rounds": 5}}] == output["benchmarks"]


def test_a_killed_session_keeps_records_that_no_timed_test_has_used(suite, files, tmp_path):
    killed = suite(*DIGITS, "-k", "test_accuracy", "--benchmark-save=x", kill=CELLS[1], fresh=True)
    assert (-9, 1) == (killed.returncode, len(files()))
    assert [CELLS[0]] == [each.cell for each in store.records(tmp_path / "storage")]


def test_a_second_training_that_confirms_a_first_one_is_never_taken_from_a_session_that_did_not_end(suite, trained, tmp_path):
    here = machine.folder("float32")
    sessions.accept(tmp_path / "storage", sessions.CELL, where=here)
    slow = fake_training.record(sessions.CELL, 9, 0.983, eval_seconds=[99.0] * 3, machine=here)
    fake_training.stored(tmp_path / "storage", 2, "x", [slow], complete=False, machine=here)
    done = suite(*sessions.ONE, "--seed=9", "--benchmark-save=x", "--resume", accuracy=0.983)
    assert (0, [f"{sessions.CELL}-seed9"]) == (done.returncode, trained()), done.output
    assert {sessions.CELL: "PASS"} == sessions.times(done)
