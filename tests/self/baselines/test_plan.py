"""How long a session says that it will take, and what fits a budget."""

import pytest

from baselines import compare, plan, store
from baselines.cells import cells
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
CELL = "lenet5-mnist-afif"


@pytest.fixture
def stored(tmp_path):
    """A function that stores samples on a machine, and returns all runs."""

    def put(machine, *samples):
        fake_training.stored(tmp_path, len(store.runs(tmp_path)) + 1, "x", samples, machine=machine)
        return store.runs(tmp_path)

    return put


def test_a_cell_is_estimated_from_its_own_runs_on_this_machine(stored):
    stored("other", fake_training.sample(CELL, seconds=(900.0,) * 3))
    runs = stored("mine", fake_training.sample(CELL, seconds=(2.0, 3.0, 9.0)))
    # one second of compilation, and ten epochs of the median 3 of training and 0.1 of evaluation
    assert 32 == pytest.approx(plan.estimate(cells()[CELL], "mine", runs))
    assert 7.2 == pytest.approx(plan.estimate(cells()[CELL], "mine", runs, epochs=2))


def test_a_search_is_estimated_from_the_seconds_of_all_its_trials(stored):
    searched = "searched_cnn-cifar10-imagenet32_search"
    runs = stored("mine", {**fake_training.sample(searched), "trials": [{"seconds": 10.0}, {"seconds": 20.0}]})
    assert 30 == plan.estimate(cells()[searched], "mine", runs)
    assert 30 == compare._whole_seconds(runs[0].sample)


def test_a_cell_that_never_ran_here_is_estimated_from_another_machine(stored):
    runs = stored("other", fake_training.sample(CELL, seconds=(4.0,) * 3))
    assert 42 == pytest.approx(plan.estimate(cells()[CELL], "mine", runs))


def test_a_cell_that_never_ran_is_estimated_from_its_published_time_at_this_machines_pace(stored):
    never = cells()["vgg_like-mnist-afif"]
    assert never.published["seconds"] == plan.estimate(never, "mine", [])
    runs = stored("mine", fake_training.sample(CELL, seconds=(2.0,) * 3))
    pace = 22 / cells()[CELL].published["seconds"]
    assert never.published["seconds"] * pace == pytest.approx(plan.estimate(never, "mine", runs))
    assert never.published["seconds"] == plan.estimate(never, "elsewhere", runs)


def test_a_cell_without_runs_or_a_published_time_is_unknown_and_never_starts_under_a_budget():
    assert plan.estimate(cells()["lenet5-digits-digits_lenet"], "mine", []) is None
    assert not plan.fits(None, 1e9)
    assert plan.fits(None, None)
    assert (True, False) == (plan.fits(5, 5), plan.fits(6, 5))


def test_the_cheapest_come_first_and_the_unknown_last():
    assert ["b", "c", "a"] == plan.cheapest_first({"a": None, "b": 0.5, "c": 7})
