"""The verdicts' error rates, realised: the short version of the simulation that makes baselines/VERDICTS.md, and the long one."""

import numpy as np
import pytest

from baselines import limits
from tests.self.baselines.simulation import Case, problems, simulate, slow
from tests.self.baselines.verdicts_page import PAGE, RECORDS, cases, constants

SHORT = [
    *(Case(cells=10, n=n) for n in RECORDS),
    *(Case(cells=40, n=n) for n in (1, 3, 5)),
    *(Case(n=n, equal=True) for n in (1, 5)),
    *(Case("outliers", n=n) for n in (3, 5)),
    *(Case(noise) for noise in ("t(3)", "lognormal")),
    *(Case(n=n, noisy=noisy) for n in (1, 3, 5) for noisy in (1, 10)),
    *(Case(n=n, looks=3) for n in (3, 5)),
    Case(n=3, p=0.983),
]


def named(case):
    return "-".join(str(each) for each in case)


@pytest.mark.self
@pytest.mark.parametrize("case", SHORT, ids=named)
def test_false_alarms_power_and_abstentions_are_as_promised(case):
    assert [] == problems(simulate(case, 20_000 // case.cells, np.random.default_rng(0)))


def abstaining(values, baseline, gates):
    return np.full(np.shape(values)[:-1], "SUSPECT")


def loose(values, baseline, gates):
    return limits.decide(values, baseline, gates / 4)


def blind(values, baseline, gates):
    return limits.decide(values, baseline, gates * 4)


@pytest.mark.self
@pytest.mark.parametrize("decide", [abstaining, loose, blind])
def test_a_gate_that_abstains_alarms_too_often_or_sees_too_little_is_found_out(decide):
    assert problems(simulate(Case(), 2000, np.random.default_rng(0), decide))


@pytest.mark.self
def test_trainings_of_unchanged_code_cost_a_fifth_of_a_training_more():
    assert 0.15 < simulate(Case(), 2000, np.random.default_rng(0)).more < 0.21


@pytest.mark.self
def test_a_new_cell_with_a_baseline_of_one_is_never_red_for_its_limits_and_says_so():
    rates = simulate(Case(n=1, noisy=10), 200, np.random.default_rng(0))
    assert (0, 0, True) == (rates.red, rates.improved, rates.undecided > 0.1)


@pytest.mark.self
@pytest.mark.parametrize(("n", "sd", "day"), [(3, 0.014, 0.02), (5, 0.014, 0.02), (5, 0.033, 0.02), (30, 0.033, 0.02), (10, 0.014, 0)])
def test_times_that_move_with_the_day_alarm_no_more_than_half_the_budget_and_are_seen_as_printed(n, sd, day):
    rates = slow(n, sd, day, 1000, np.random.default_rng(0))
    assert rates.red <= limits.ALPHA / 2
    assert rates.power > 0.87
    assert day == 0 or rates.power < 0.93


@pytest.mark.self
def test_the_table_of_the_verdicts_is_made_with_the_constants_of_the_code():
    assert constants() in PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("heading", cases())
def test_every_case_of_the_table_is_as_promised(heading):
    found = [simulate(case, 50_000 // case.cells, np.random.default_rng(3)) for case in cases()[heading]]
    assert [] == [text for rates in found for text in problems(rates)]
