"""The gate by sabotage: a planted change of every kind turns it red, and no change rarely does."""

import math

import numpy as np
import pytest

from baselines import gate, judge, store
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
ACCEPTED = (0.982, 0.984, 0.981, 0.983, 0.9825)
SECONDS = (2.0, 2.02, 1.99, 2.01, 2.03)


def stored(folder, records, accept=True):
    for number, record in enumerate(records, 1):
        fake_training.stored(folder, number, "good", [record])
    if accept:
        store.accept(folder, store.records(folder), "good")
    return store.records(folder)


def test_a_run_like_the_accepted_ones_passes():
    assert "PASS" == gate.accuracy_verdict(0.9815, ACCEPTED, 2, floor=0.97).word
    assert "PASS" == gate.seconds_verdict(2.05, SECONDS, 2).word


def test_a_fallen_accuracy_is_a_regression_and_a_risen_one_is_named_too():
    assert "REGRESSED" == gate.accuracy_verdict(0.96, ACCEPTED, 2).word
    assert "IMPROVED" == gate.accuracy_verdict(0.999, ACCEPTED, 2).word


def test_a_slower_epoch_is_a_regression_and_a_faster_one_is_named_too():
    assert "REGRESSED" == gate.seconds_verdict(2.6, SECONDS, 2).word
    assert "IMPROVED" == gate.seconds_verdict(1.4, SECONDS, 2).word


def test_the_floor_holds_whatever_the_baseline_says():
    assert "REGRESSED" == gate.accuracy_verdict(0.9799, [0.9, 0.91, 0.92, 0.93], 2, floor=0.98).word
    assert "REGRESSED" == gate.accuracy_verdict(0.9799, [], 2, floor=0.98).word
    assert "NO-BASELINE" == gate.accuracy_verdict(0.98, [], 2, floor=0.98).word


def test_too_few_accepted_runs_never_pass_silently():
    assert "NO-BASELINE" == gate.accuracy_verdict(0.5, ACCEPTED[: gate.LEAST - 1], 2).word


@pytest.mark.parametrize("share", [0.9, 1.1])
def test_a_baseline_that_could_not_see_a_change_is_unstable(share):
    scatter = share * gate.ACCURACY["blind"] / (gate._visible(gate.FALSE_ALARMS / 2, 2) * math.sqrt(4 / 3))
    accepted = [0.9 - scatter, 0.9, 0.9 + scatter]
    assert ("PASS" if share < 1 else "UNSTABLE") == gate.accuracy_verdict(0.9, accepted, 2).word


def test_a_few_runs_that_happen_to_agree_do_not_make_the_gate_absurdly_strict():
    assert "PASS" == gate.accuracy_verdict(0.9805, [0.98] * 5, 2).word
    assert "PASS" == gate.seconds_verdict(2.05, [2.0] * 5, 2).word
    assert "REGRESSED" == gate.accuracy_verdict(0.977, [0.98] * 5, 2).word


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_diverged_training_is_a_regression(value):
    assert "REGRESSED" == gate.accuracy_verdict(value, ACCEPTED, 2).word


def test_without_a_change_the_session_alarms_as_rarely_as_it_says():
    gates, sessions, rng = 4, 1500, np.random.default_rng(0)
    drawn = rng.normal(0.9, 0.01, (sessions, gates, 6))
    red = [any(gate.accuracy_verdict(cell[0], cell[1:], gates).word in ("REGRESSED", "IMPROVED") for cell in session) for session in drawn]
    # 0.05 with a standard error of 0.006 over 1,500 sessions: four of those, and not a gate that never alarms
    assert 0.03 < np.mean(red) < gate.FALSE_ALARMS + 0.024


def test_the_smallest_visible_change_is_seen_as_often_as_it_says():
    rng, n, alarm = np.random.default_rng(1), 5, gate.FALSE_ALARMS / 2
    change = gate._visible(alarm, n - 1) * 0.01 * math.sqrt(1 + 1 / n)
    drawn = rng.normal(0.8, 0.01, (1500, n + 1))
    seen = [gate.accuracy_verdict(row[0] - change, row[1:], 2).word == "REGRESSED" for row in drawn]
    assert gate.POWER - 0.03 < np.mean(seen) < gate.POWER + 0.03


def test_a_seed_trained_twice_is_one_sample(tmp_path):
    found = stored(tmp_path, [fake_training.record(seed=seed, accuracy=0.98 + seed / 1000) for seed in (1, 1, 1, 2)])
    assert [0.981, 0.982] == judge.by_seed(found)
    assert "NO-BASELINE" == judge.accuracy(fake_training.record(seed=3), found, 2, None).word


def test_a_baseline_is_of_one_cell_on_one_machine(tmp_path):
    for number, machine in (1, fake_training.MACHINE), (2, "other-chip_tensorflow_float32"):
        fake_training.stored(
            tmp_path, number, "good", [fake_training.record(), fake_training.record("vgg_like-digits-digits_vgg")], machine=machine
        )
    found = stored(tmp_path, [])
    assert [True] * 4 == [each.accepted for each in found]
    (mine,) = judge.baseline(fake_training.record(), fake_training.MACHINE, found)
    assert (fake_training.MACHINE, "lenet5-mnist-gate") == (mine.machine, mine.cell)


def test_a_loss_that_is_no_number_is_a_regression_whatever_the_accuracy():
    assert "REGRESSED" == judge.accuracy({**fake_training.record(), "loss": None}, [], 2, None).word


def test_changes_are_named_since_the_newest_accepted_record(tmp_path):
    accepted = stored(tmp_path, [fake_training.record(seed=seed, versions={"keras": version}) for seed, version in ((1, "1"), (2, "2"))])
    assert ["keras 2 -> 3"] == judge.changes(fake_training.record(), accepted)


def test_only_accepted_runs_are_a_baseline(tmp_path):
    found = stored(tmp_path, [fake_training.record(seed=seed) for seed in range(5)], accept=False)
    assert [] == judge.baseline(fake_training.record(), fake_training.MACHINE, found)


def test_other_data_is_incomparable_but_its_floor_holds(tmp_path):
    accepted = stored(tmp_path, [fake_training.record(seed=seed) for seed in range(4)])
    other = fake_training.record(fingerprint="beef", accuracy=0.99)
    assert "INCOMPARABLE" == judge.accuracy(other, accepted, 2, 0.98).word
    assert "INCOMPARABLE" == judge.seconds(other, accepted, 2).word
    assert "REGRESSED" == judge.accuracy({**other, "accuracy": 0.5}, accepted, 2, 0.98).word


def test_no_floor_is_held_against_a_sample_of_the_data(tmp_path):
    accepted = stored(tmp_path, [fake_training.record(seed=seed) for seed in range(4)])
    part = fake_training.record(fingerprint="beef", kind="sample", accuracy=0.5)
    assert "INCOMPARABLE" == judge.accuracy(part, accepted, 2, 0.98).word
    assert "NO-BASELINE" == judge.accuracy(part, [], 2, 0.98).word


def test_a_run_with_another_number_of_epochs_is_incomparable(tmp_path):
    accepted = stored(tmp_path, [fake_training.record(seed=seed) for seed in range(4)])
    short = fake_training.record(epochs_option=1, accuracy=0.2)
    assert "INCOMPARABLE" == judge.accuracy(short, accepted, 2, 0.98).word


def test_a_time_from_a_shared_machine_is_not_judged(tmp_path):
    accepted = stored(tmp_path, [fake_training.record(seed=seed) for seed in range(4)])
    assert "INCOMPARABLE" == judge.seconds(fake_training.record(others=0.9, seconds=()), accepted, 2).word
    assert "REGRESSED" == judge.seconds(fake_training.record(seconds=(9.0, 9.0)), accepted, 2).word


def test_accepted_times_from_a_shared_machine_do_not_count(tmp_path):
    accepted = stored(tmp_path, [fake_training.record(seed=seed, others=0.9, seconds=()) for seed in range(4)])
    assert "NO-BASELINE" == judge.seconds(fake_training.record(), accepted, 2).word
    assert "PASS" == judge.accuracy(fake_training.record(), accepted, 2, None).word


def test_what_changed_since_the_baseline_is_named_and_excuses_nothing(tmp_path):
    old = [fake_training.record(seed=seed) for seed in range(4)]
    for record in old:
        record["code"]["network"] = "what older records told apart by"
    accepted = stored(tmp_path, old)
    new = fake_training.record(accuracy=0.5)
    new["code"]["graph"], new["recipe"]["batch"] = "z", 64
    new["versions"], new["threads"] = {"keras": "4"}, 2
    assert ["graph code a -> z", "recipe's batch 256 -> 64", "keras 3 -> 4", "threads 1 -> 2"] == judge.changes(new, accepted)
    assert "REGRESSED" == judge.accuracy(new, accepted, 2, None).word


def test_a_collapsed_network_is_red_unless_the_accepted_ones_were(tmp_path):
    wrong = "every test image is taken for class 0"
    collapsed = fake_training.record(accuracy=0.067, divergence=wrong)
    verdict = judge.accuracy(collapsed, [], 2, None)
    assert ("REGRESSED", True) == (verdict.word, wrong in verdict.why)
    accepted = stored(tmp_path, [fake_training.record(seed=seed, accuracy=0.067, divergence=wrong) for seed in range(4)])
    assert "PASS" == judge.accuracy(collapsed, accepted, 2, None).word
    short = judge.accuracy(fake_training.record(divergence=wrong, epochs_option=1), [], 2, None)
    assert ("INCOMPARABLE", True) == (short.word, wrong in short.why)
