"""The limits of accuracy in numbers, and which verdicts see nothing."""

import math

import pytest

from baselines import gate, limits, screen
from tests.self.baselines.test_gate import ACCEPTED, GATES, baseline, word

pytestmark = pytest.mark.self


def test_two_cells_are_never_judged_together():
    assert [False, True] == [bool(limits.all_red([-8.0] * count, [9.0] * count)) for count in (2, 3)]


def test_one_record_of_a_study_is_a_baseline_and_two_do_not_show_that_a_cell_is_noisy():
    assert ("REGRESSED", 0) == word([0.5], accuracies=ACCEPTED[:1], studied=True)
    assert ("SUSPECT", 2) == word([0.5], accuracies=ACCEPTED[:1])
    assert not baseline((0.5, 0.99)).noisy
    assert [5, 4] == [int(baseline(values).freedom) for values in ((0.5, 0.99), (0.9, 0.95, 0.99, 0.97, 0.93))]


def test_near_one_the_prior_is_that_of_an_accuracy_two_standard_errors_lower():
    p = (9900 + 0.5) / 10_001
    lower = p - 2 * math.sqrt(1.13 * p * (1 - p) / 10_000 / 2)
    assert 1.13 * lower * (1 - lower) / 10_000 == pytest.approx(float(baseline((0.99, 0.99)).prior))
    p = (60 + 0.5) / 101
    assert 1.13 * 0.25 / 100 == pytest.approx(float(baseline((0.6,), images=100).prior)), f"not under a half, although {p:.2f} is near"
    p = (40 + 0.5) / 101
    assert 1.13 * p * (1 - p) / 100 == pytest.approx(float(baseline((0.4,), images=100).prior))


def test_a_verdict_that_sees_little_is_sightless_and_stays_so_with_the_same_bits():
    wide = gate.accuracy([0.6], baseline((0.5, 0.6, 0.7), images=100), GATES)
    narrow, unknown = gate.accuracy([0.9825], baseline(), GATES), gate.accuracy([0.98], baseline(()), GATES)
    assert ["PASS", "PASS", "NO-BASELINE"] == [each.word for each in (wide, narrow, unknown)]
    for again in False, True:
        found = [gate.same(each, "file") if again else each for each in (wide, narrow, unknown)]
        assert [True, False, True] == [each.sightless for each in found]
    slow, quick = (gate.cost(2.0, screen.Costs((2.0, 2.0), day=day), GATES) for day in (0.3, 0.02))
    assert [("PASS", True), ("PASS", False)] == [(each.word, each.sightless) for each in (slow, quick)]


def test_the_details_say_when_a_verdict_would_have_been_suspicious_or_red():
    once, settled = (gate.accuracy(values, baseline(), GATES) for values in ([0.978], [0.978, 0.977, 0.979]))
    red = 0.9825 - 3 * float(limits.limit(baseline(), limits.SINGLE / GATES))
    assert f"suspicious under 0.9805, red under {red:.4f}; false alarms 0.002 of 20 gates; 90% power" in once.details
    assert "red under 0.9787" in settled.details
    assert settled.details == gate.accuracy([0.978, 0.977, 0.979], baseline(), GATES, quick=True).details
    assert ["no floor", "floor 0.9 holds"] == [
        gate.accuracy([0.978], baseline(floor=floor), GATES).details.rpartition("; ")[2] for floor in (None, 0.9)
    ]
    noisy = gate.accuracy([0.97], baseline((0.95, 0.97, 0.99, 0.96, 0.98)), GATES)
    assert [True, False] == ["its own alone: noisier than others" in each.details for each in (noisy, once)]


def test_a_line_without_a_source_ends_with_what_it_sees():
    bare = limits.Baseline(ACCEPTED, 10_000)
    assert gate.accuracy([0.982], bare, GATES).line.endswith("; sees a loss of 0.0052")
    assert gate.cost(2.0, screen.Costs((2.0, 2.0)), GATES).line.split("sees a rise of ")[1].endswith("%")
    assert "accuracy 0.9820; no accepted records" == gate.accuracy([0.982], bare._replace(accuracies=()), GATES).line
    assert "fastest epoch 2 s; no accepted records" == gate.cost(2.0, screen.Costs(()), GATES).line
