"""A session goes on where another one ended, and what it is asked for reaches the training."""

import pytest

from baselines import machine, store
from tests.self.baselines import fake_training
from tests.self.baselines.test_session import CELLS, DIGITS, ONE

pytestmark = pytest.mark.self
SAVED = (*ONE, "--benchmark-save=x")


def test_a_session_that_was_killed_is_gone_on_with_and_no_cell_is_trained_or_stored_twice(suite, trained, files, tmp_path):
    killed = suite(*DIGITS, "--benchmark-save=x", kill=CELLS[1], fresh=True)
    assert -9 == killed.returncode
    done = suite(*DIGITS, "--benchmark-save=x", "-v")
    assert 0 == done.returncode, done.said
    assert [*CELLS, CELLS[1]] == trained()
    assert f"{CELLS[0]} was trained before, with the same code, data and libraries: 0001_x_" in done.stdout
    assert f"{CELLS[0]} NO-BASELINE" in done.stdout
    assert CELLS == sorted((each.cell for each in store.records(tmp_path / "storage")), key=CELLS.index)
    assert f"stored as x before, and trained again only if code, data or libraries have changed: {CELLS[0]}\n" in done.stdout
    again = suite(*DIGITS, "--benchmark-save=x")
    assert (0, 2) == (again.returncode, len(files())), again.said
    assert 3 == len(trained())


def test_a_network_that_was_not_kept_is_trained_again_and_one_that_cannot_be_is_said_and_loses_nothing(suite, trained, files, tmp_path):
    full = suite(*SAVED, f"--save-models={tmp_path}", full=True)
    file = tmp_path / f"{CELLS[0]}-float32-0.keras"
    assert (1, True, 1) == (full.returncode, f"NOT SAVED: {file}: no space left" in full.stdout, len(files())), full.said
    kept = suite(*SAVED, f"--save-models={tmp_path}")
    assert (0, "a network", 2) == (kept.returncode, file.read_text(), len(trained())), kept.said
    again = suite(*SAVED, f"--save-models={tmp_path}")
    assert (0, 2, True) == (again.returncode, len(trained()), "was trained before" in again.stdout), again.said


def test_a_roofline_that_cannot_be_measured_is_said_and_loses_nothing(suite, files):
    done = suite(*SAVED, damaged=True)
    assert (1, 1) == (done.returncode, len(files())), done.said
    assert "no share of the peak: ended with exit code 1" in done.stdout
    assert f"{CELLS[0]} NO-BASELINE" in done.stdout


def test_what_is_stored_is_judged_whatever_the_time_budget_and_untimed_records_are_called_so(suite, trained):
    done = suite(*SAVED, seconds=[], others=0.9)
    assert 0 == done.returncode, done.said
    done = suite(*SAVED, "--time-budget=1s", seconds=[], others=0.9)
    assert (0, 1) == (done.returncode, len(trained())), done.said
    assert "(without its times: others shared the machine; another name trains it again)" in done.stdout
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
    assert 0 == done.returncode, done.said
    assert 1 == len(trained())
