"""A session goes on where another one ended, and what it is asked for reaches the training."""

import pytest

from baselines import run as training_run
from baselines import store
from tests.self.baselines import fake_training
from tests.self.baselines.test_session import CELLS, DIGITS, files, suite, trained

__all__ = ["suite", "trained"]
pytestmark = pytest.mark.self


def test_a_session_that_was_killed_is_gone_on_with_and_no_cell_is_trained_or_stored_twice(suite, trained, tmp_path):
    killed = suite(*DIGITS, "--benchmark-save=x", kill=CELLS[1])
    assert -9 == killed.returncode
    done = suite(*DIGITS, "--benchmark-save=x", "-v")
    assert 0 == done.returncode, done.said
    assert [*CELLS, CELLS[1]] == trained()
    assert f"{CELLS[0]} was trained before, with the same code, data and libraries: 0001_x_" in done.stdout
    assert f"{CELLS[0]} NO-BASELINE" in done.stdout
    assert CELLS == [run.cell for run in sorted(store.runs(tmp_path / "storage"), key=lambda run: CELLS.index(run.cell))]
    assert f"stored as x before, and trained again only if code, data or libraries have changed: {CELLS[0]}\n" in done.stdout
    again = suite(*DIGITS, "--benchmark-save=x")
    assert (0, 2) == (again.returncode, len(files(tmp_path))), again.said
    assert 3 == len(trained())


def test_a_network_that_was_not_kept_is_trained_again_and_one_that_cannot_be_is_said_and_loses_nothing(suite, trained, tmp_path):
    one = (*DIGITS, "--model=lenet5", "--benchmark-save=x")
    full = suite(*one, f"--save-models={tmp_path}", full=True)
    file = tmp_path / f"{CELLS[0]}-float32-0.keras"
    assert (1, True, 1) == (full.returncode, f"NOT SAVED: {file}: no space left" in full.stdout, len(files(tmp_path))), full.said
    kept = suite(*one, f"--save-models={tmp_path}")
    assert (0, "a network", 2) == (kept.returncode, file.read_text(), len(trained())), kept.said
    again = suite(*one, f"--save-models={tmp_path}")
    assert (0, 2, True) == (again.returncode, len(trained()), "was trained before" in again.stdout), again.said


def test_a_roofline_that_cannot_be_measured_is_said_and_loses_nothing(suite, tmp_path):
    done = suite(*DIGITS, "--model=lenet5", "--benchmark-save=x", damaged=True)
    assert (1, 1) == (done.returncode, len(files(tmp_path))), done.said
    assert "no share of the peak: the roofline cannot be written" in done.stdout
    assert f"{CELLS[0]} NO-BASELINE" in done.stdout


def test_what_is_stored_is_judged_whatever_the_time_budget_and_untimed_runs_are_called_so(suite, trained, tmp_path):
    one = (*DIGITS, "--model=lenet5", "--benchmark-save=x")
    done = suite(*one, seconds=[], others=0.9)
    assert 0 == done.returncode, done.said
    done = suite(*one, "--time-budget=1s")
    assert (0, 1) == (done.returncode, len(trained())), done.said
    assert "(without its times: others shared the machine; another name trains it again)" in done.stdout
    assert "time budget: needs" in suite(*one, "--seed=1", "--time-budget=1s").stdout


def test_other_names_seeds_epochs_data_and_code_are_other_runs(tmp_path):
    fake_training.stored(tmp_path, 1, "x", [fake_training.sample()])
    runs, mine = store.runs(tmp_path), fake_training.sample()
    wanted = {key: mine[key] for key in fake_training.IDENTITY}

    def found(name="x", folder=fake_training.MACHINE, info=fake_training.INFO, **other):
        return training_run.stored({**wanted, **other}, name, folder, info, runs)

    assert runs[0] == found()
    others = {"seed": 1, "epochs_option": 3, "data": {**mine["data"], "fingerprint": "beef"}, "code": {**mine["code"], "graph": "z"}}
    others |= {"recipe": {**mine["recipe"], "batch": 9}, "precision": "mixed_bfloat16", "cell": "lenet5-mnist-afif"}
    assert [None] * len(others) == [found(**{key: value}) for key, value in others.items()]
    assert None is found(info={**fake_training.INFO, "tf32": True})
    assert None is found(name="y") is found(folder="other") is found(info={**fake_training.INFO, "versions": {"keras": "4"}})


@pytest.mark.parametrize(
    ("words", "complaint"),
    [(("--precision=float16",), "float32"), (("--save-models=/nowhere",), "--save-models=/nowhere: no folder that can be written to")],
)
def test_an_option_that_cannot_be_meant_is_refused(suite, words, complaint):
    done = suite(*DIGITS, *words)
    assert (4, True) == (done.returncode, complaint in done.stderr), done.said
