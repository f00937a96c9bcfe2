"""A session goes on where another one ended, and what it is asked for reaches the training."""

import pytest

from baselines import run as training_run
from baselines import store
from tests import pretend
from tests.test_session import CELLS, DIGITS, files, suite, trained

__all__ = ["suite", "trained"]
pytestmark = pytest.mark.quick


def test_a_session_that_was_killed_is_gone_on_with_and_no_cell_is_trained_or_stored_twice(suite, trained, tmp_path):
    killed = suite(*DIGITS, "--benchmark-save=x", kill=CELLS[1])
    assert -9 == killed.returncode
    done = suite(*DIGITS, "--benchmark-save=x", "-v")
    assert 0 == done.returncode, done.said
    assert [*CELLS, CELLS[1]] == trained()
    assert f"{CELLS[0]} was trained before, with the same code, data and libraries: 0001_x_" in done.stdout
    assert f"{CELLS[0]} NO-BASELINE" in done.stdout
    assert CELLS == [run.cell for run in sorted(store.runs(tmp_path / "storage"), key=lambda run: CELLS.index(run.cell))]
    again = suite(*DIGITS, "--benchmark-save=x")
    assert (0, 2) == (again.returncode, len(files(tmp_path))), again.said
    assert 3 == len(trained())


def test_other_names_seeds_epochs_data_and_code_are_other_runs(tmp_path):
    pretend.stored(tmp_path, 1, "x", [pretend.sample()])
    runs, mine = store.runs(tmp_path), pretend.sample()
    wanted = {key: mine[key] for key in pretend.IDENTITY}

    def found(name="x", folder=pretend.MACHINE, info=pretend.INFO, **other):
        return training_run.stored({**wanted, **other}, name, folder, info, runs)

    assert runs[0] == found()
    others = {"seed": 1, "epochs_option": 3, "data": {**mine["data"], "fingerprint": "beef"}, "code": {**mine["code"], "graph": "z"}}
    others |= {"recipe": {**mine["recipe"], "batch": 9}, "precision": "mixed_bfloat16", "cell": "lenet5-mnist-afif"}
    assert [None] * len(others) == [found(**{key: value}) for key, value in others.items()]
    assert None is found(name="y") is found(folder="other") is found(info={**pretend.INFO, "versions": {"keras": "4"}})


@pytest.mark.parametrize(
    ("words", "complaint"),
    [(("--precision=float16",), "float32"), (("--save-models=/nowhere",), "--save-models=/nowhere: no folder that can be written to")],
)
def test_an_option_that_cannot_be_meant_is_refused(suite, words, complaint):
    done = suite(*DIGITS, *words)
    assert (4, True) == (done.returncode, complaint in done.stderr), done.said
