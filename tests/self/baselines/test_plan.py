"""Estimates of a session's time, and what fits into a time budget."""

import pytest

from baselines import plan, store
from baselines.cells import cells
from baselines.report import studies
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
CELL = "lenet5-mnist-afif"


@pytest.fixture
def stored(tmp_path):
    """A function that stores records of a machine, and returns all of them."""

    def put(machine, *records):
        fake_training.stored(tmp_path, len(store.records(tmp_path)) + 1, "x", records, machine=machine)
        return store.records(tmp_path)

    return put


def test_a_cell_is_estimated_from_its_records_of_this_machine(stored):
    stored("other", fake_training.record(CELL, seconds=(900.0,) * 3))
    found = stored("mine", fake_training.record(CELL, seconds=(2.0, 3.0, 9.0)))
    # one second of compilation, and ten epochs of the median 3 of training and 0.1 of evaluation
    assert plan.START + 32 == pytest.approx(plan.estimate(cells()[CELL], "mine", found))
    assert plan.START + 7.2 == pytest.approx(plan.estimate(cells()[CELL], "mine", found, epochs=2))


def test_a_search_is_estimated_from_the_seconds_of_all_its_trials(stored):
    searched = "searched_cnn-cifar10-imagenet32_search"
    found = stored("mine", {**fake_training.record(searched), "trials": [{"seconds": 10.0}, {"seconds": 20.0}]})
    assert plan.START + 30 == plan.estimate(cells()[searched], "mine", found)
    assert 30 == studies._whole_seconds(found[0].record)


def test_a_cell_never_trained_here_is_estimated_from_records_of_another_machine(stored):
    found = stored("other", fake_training.record(CELL, seconds=(4.0,) * 3))
    assert plan.START + 42 == pytest.approx(plan.estimate(cells()[CELL], "mine", found))


def test_records_of_another_machine_count_at_the_ratio_of_the_cells_that_both_have_trained(stored):
    stored("other", fake_training.record(CELL, seconds=(4.0,) * 3), fake_training.record("vgg_like-mnist-afif", seconds=(80.0,) * 3))
    found = stored("mine", fake_training.record(CELL, seconds=(2.0,) * 3))
    whole = 1 + 10 * 80.1  # compilation, and ten epochs with their evaluation
    assert plan.START + whole / 2 == pytest.approx(plan.estimate(cells()["vgg_like-mnist-afif"], "mine", found))


def test_a_cell_never_trained_is_estimated_from_its_published_time_at_this_machines_pace(stored):
    never = cells()["vgg_like-mnist-afif"]
    assert never.published["seconds"] == plan.estimate(never, "mine", [])
    found = stored("mine", fake_training.record(CELL, seconds=(2.0,) * 3))
    pace = 22 / cells()[CELL].published["seconds"]
    assert never.published["seconds"] * pace == pytest.approx(plan.estimate(never, "mine", found))
    assert never.published["seconds"] == plan.estimate(never, "elsewhere", found)


def test_a_cell_without_records_and_published_time_has_no_estimate_and_is_not_started_with_a_budget():
    assert plan.estimate(cells()["lenet5-digits-digits_lenet"], "mine", []) is None
    assert not plan.fits(None, 1e9)
    assert plan.fits(None, None)
    assert (True, False) == (plan.fits(5, 5), plan.fits(6, 5))


def test_the_cheapest_trainings_come_first_and_those_without_an_estimate_last():
    assert ["b", "c", "a"] == plan.cheapest_first({"a": None, "b": 0.5, "c": 7})


@pytest.mark.parametrize(("text", "seeds"), [("3", [3]), ("1-5", [1, 2, 3, 4, 5]), ("1,3,7-8", [1, 3, 7, 8]), ("2, 1-3", [2, 1, 3])])
def test_seeds_are_numbers_and_ranges(text, seeds):
    assert seeds == plan.seeds(text)


@pytest.mark.parametrize("text", ["", "5-1", "-1", "1-", "a", "1;2"])
def test_text_that_does_not_name_seeds_is_refused_with_the_form(text):
    with pytest.raises(ValueError, match="does not name seeds; write them as 3, 1-5 or 1,3,7-9"):
        plan.seeds(text)


def test_a_cell_never_trained_is_estimated_from_its_published_seconds_of_one_epoch():
    cell = cells()["lenet5-mnist-afif"]._replace(id="never", published={"epoch_seconds": 30})
    assert 300 == plan.estimate(cell, "mine", [])
    assert 60 == plan.estimate(cell, "mine", [], epochs=2)


def test_the_pace_of_a_machine_is_computed_from_published_epochs_too(tmp_path):
    ran = next(cell for cell in cells().values() if "epoch_seconds" in cell.published)
    never = cells()["lenet5-mnist-afif"]
    # A second of compilation, and a tenth of one an epoch of evaluation: as `fake_training` has it.
    epoch = 3 * ran.published["epoch_seconds"]
    fake_training.stored(tmp_path, 1, "x", [fake_training.record(ran.id, seconds=(epoch - 0.1,))], machine="mine")
    pace = (1 + ran.recipe["epochs"] * epoch) / (ran.recipe["epochs"] * ran.published["epoch_seconds"])
    assert never.published["seconds"] * pace == pytest.approx(plan.estimate(never, "mine", store.records(tmp_path)))


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("20m", 1200), ("1h30m", 5400), ("0.5h", 1800)])
def test_a_time_budget_has_hours_minutes_and_seconds(text, seconds):
    assert seconds == plan.budget(text)


@pytest.mark.parametrize("text", ["", "20", "m20", "20 m", "1d", "-5m", "0s"])
def test_text_that_is_not_a_time_is_refused_with_the_form(text):
    with pytest.raises(ValueError, match="is not a time; write it as 90s, 20m or 1h30m"):
        plan.budget(text)
