"""The screen of time by example: slower and faster epochs, days and occasions, machines with quiet cells."""

import math

import numpy as np
import pytest

from baselines import gate, limits, screen

pytestmark = pytest.mark.self
SECONDS = (2.0, 2.02, 1.99, 2.01, 2.03)
GATES = 20
WHOSE = "intel-xeon-6.207-2cores-avx512"


def slower(value, values=SECONDS, **known):
    return gate.cost(value, screen.Costs(values, whose=WHOSE, **known), GATES)


def test_a_slower_epoch_is_a_regression_and_a_faster_one_is_named_too():
    assert ["PASS", "REGRESSED", "IMPROVED"] == [slower(value).word for value in (2.05, 2.6, 1.4)]


def test_twice_the_slowdown_that_is_seen_is_red():
    seen = float(screen.seen(screen.Costs(SECONDS), GATES))
    assert 0.1 < seen < 0.3
    assert "REGRESSED" == slower(2.01 * (1 + 2 * seen)).word


def test_a_slowdown_under_five_percent_is_never_red():
    still = {"variance": 1e-8, "day": 0.0}
    assert ["PASS", "REGRESSED"] == [slower(2.01 * ratio, (2.01,) * 5, **still).word for ratio in (1.049, 1.051)]
    assert ["PASS", "IMPROVED"] == [slower(2.01 / ratio, (2.01,) * 5, **still).word for ratio in (1.049, 1.051)]


def test_within_the_noise_a_cost_passes():
    assert ["PASS", "PASS"] == [slower(value).word for value in (2.3, 1.8)]


def test_days_widen_the_limit_and_occasions_narrow_it_again():
    once, often = (float(screen.limit(screen.Costs(SECONDS, occasions=count), 0.001)) for count in (1, 5))
    assert float(screen.limit(screen.Costs(SECONDS, day=0), 0.001)) < often < once
    within = (4 * 0.033**2 + 4 * float(np.var(np.log(SECONDS), ddof=1))) / 8
    assert limits.quantile(0.999, 8) * math.sqrt(within * 1.2 + 2 * 0.02**2) == pytest.approx(once)


def test_a_machine_with_quiet_cells_has_a_narrower_limit():
    quiet = screen.pooled([SECONDS, [4 * each for each in SECONDS]])
    assert (4 * 0.033**2 + 8 * float(np.var(np.log(SECONDS), ddof=1))) / 12 == pytest.approx(quiet)
    assert ["PASS", "REGRESSED"] == [slower(2.32).word, slower(2.32, variance=quiet).word]


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_cost_that_is_not_positive_is_incomparable(value):
    assert "INCOMPARABLE" == slower(value).word


def test_a_cost_without_accepted_records_has_no_baseline():
    assert "NO-BASELINE" == slower(2.0, ()).word


def test_the_line_says_what_the_cost_was_held_against():
    assert "fastest epoch 2.6 s, baseline 2.01 (n=5), limit 2.345; sees a rise of 24%; " + WHOSE == slower(2.6).line
    assert "+29.4%; noise" in slower(2.6).details
    assert "memory is 0 bytes" in gate.cost(0, screen.Costs((1, 2), unit="bytes"), GATES, "memory").line
