"""Verdicts by example: each planted change gets the word that it deserves, and the line says what it was held against."""

import math

import numpy as np
import pytest

from baselines import gate, limits, sight

pytestmark = pytest.mark.self
ACCEPTED = (0.982, 0.984, 0.981, 0.983, 0.9825)
GATES = 20
WHOSE = "intel-xeon-6.207-2cores-avx512"


def baseline(accuracies=ACCEPTED, images=10_000, **known):
    return limits.Baseline(accuracies, images, whose=WHOSE, **known)


def word(values, gates=GATES, quick=False, diverged=None, **known):
    verdict = gate.accuracy(values, baseline(**known), gates, quick, diverged)
    return verdict.word, verdict.more


def test_a_training_like_nine_of_ten_accepted_ones_passes():
    assert ("PASS", 0) == word([0.9815])
    assert ("PASS", 0) == word([0.9845])


def test_a_suspicious_training_asks_for_two_more_and_these_settle_it():
    assert ("SUSPECT", 2) == word([0.9765])
    assert ("SUSPECT", 1) == word([0.9765, 0.983])
    assert ("PASS", 0) == word([0.9765, 0.983, 0.9822])
    assert ("REGRESSED", 0) == word([0.9765, 0.976, 0.978])


def test_one_bad_seed_of_three_is_not_red_whatever_the_mean():
    assert 0.9769 > np.mean([0.966, 0.982, 0.982])
    assert ("PASS", 0) == word([0.966, 0.982, 0.982])


def test_a_mean_within_its_limit_passes_although_every_training_is_suspicious():
    assert ("PASS", 0) == word([0.9803, 0.9803, 0.9803])


def test_three_of_the_limit_of_one_training_are_red_at_once():
    one = float(limits.limit(baseline(), limits.SINGLE / GATES))
    assert ("SUSPECT", 2) == word([0.9825 - 2.99 * one])
    assert ("REGRESSED", 0) == word([0.9825 - 3.01 * one])


def test_earlier_trainings_count_and_a_good_rerun_alone_does_not_clear_them():
    assert ("SUSPECT", 1) == word([0.975, 0.9835])
    assert ("REGRESSED", 0) == word([0.975, 0.9835, 0.975, 0.9765])


def test_a_gain_beyond_the_limit_is_named():
    assert ("IMPROVED", 0) == word([0.992])


def test_a_loss_smaller_than_what_matters_is_never_red():
    narrow = {"accuracies": (0.9998,) * 5}
    loss = [0.9998 - 0.0009] * 3
    assert "REGRESSED" == word(loss, smallest=0.0001, **narrow)[0]
    assert ("PASS", 0) == word(loss, **narrow)
    assert ("PASS", 0) == word(loss[:1], quick=True, **narrow)
    assert ("PASS", 0) == word([0.9816] * 3, smallest=0.05)
    assert ("PASS", 0) == word([0.94], smallest=0.05), "although it is three times the limit"
    assert ("PASS", 0) == word([0.976, 0.976, 0.9795], smallest=0.006), "by the mean"
    assert ("PASS", 0) == word([0.9808], images=10**7, accuracies=(0.98,) * 5), "nor is a gain"
    assert "REGRESSED" == word([0.93] * 3, smallest=0.05)[0]


def test_one_image_of_a_small_test_set_is_not_a_loss():
    assert ("PASS", 0) == word([336 / 360], accuracies=(337 / 360,) * 5, images=360)


def test_the_floor_holds_whatever_the_baseline_says():
    assert ("REGRESSED", 0) == word([0.9799], accuracies=(0.9, 0.91, 0.92, 0.93), floor=0.98)
    assert ("REGRESSED", 0) == word([0.9799], accuracies=(), floor=0.98)
    assert ("REGRESSED", 0) == word([0.99, 0.9799], floor=0.98)
    assert ("NO-BASELINE", 0) == word([0.98], accuracies=(), floor=0.98)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_accuracy_that_is_not_finite_is_red(value):
    assert ("REGRESSED", 0) == word([value])


def test_a_diverged_training_is_red_and_says_why():
    verdict = gate.accuracy([0.9825], baseline(), GATES, diverged="every test image is taken for class 0")
    assert ("REGRESSED", True) == (verdict.word, "taken for class 0" in verdict.line)


def test_a_new_cell_with_fewer_than_three_records_is_suspect_at_worst_and_a_studied_one_red():
    lost = [0.95, 0.951, 0.949]
    assert ("SUSPECT", 0) == word(lost, accuracies=ACCEPTED[:2])
    assert ("SUSPECT", 2) == word(lost[:1], accuracies=ACCEPTED[:2])
    assert ("SUSPECT", 2) == word([0.5], accuracies=ACCEPTED[:2], quick=True)
    assert ("REGRESSED", 0) == word(lost, accuracies=ACCEPTED[:2], studied=True)
    assert ("REGRESSED", 0) == word(lost, accuracies=ACCEPTED[:3])
    assert ["PASS", "IMPROVED"] == [word([0.999] * 3, accuracies=ACCEPTED[:2], studied=studied)[0] for studied in (False, True)]


def test_a_new_cell_that_is_noisier_than_the_prior_is_judged_by_its_own_noise():
    wide = {"accuracies": (0.95, 0.97, 0.99, 0.96, 0.98)}
    assert bool(baseline(**wide).noisy)
    assert 3.7469 * math.sqrt(0.00025 * 1.2) == pytest.approx(float(limits.limit(baseline(**wide), 0.01)), rel=1e-4)
    assert not baseline(**wide, studied=True).noisy
    assert "REGRESSED" == word([0.92, 0.92, 0.92], **wide, studied=True)[0]
    assert ("PASS", 0) == word([0.92, 0.92, 0.92], **wide)


def test_quick_is_red_only_at_one_in_a_thousand_and_else_asks_for_more():
    bound = float(limits.limit(baseline(), 0.001))
    assert ("REGRESSED", 0) == word([0.9825 - bound - 1e-6], quick=True)
    assert ("SUSPECT", 2) == word([0.9825 - bound + 1e-6], quick=True)
    assert ("PASS", 0) == word([0.9815], quick=True)
    assert ("REGRESSED", 0) == word([0.9765, 0.976, 0.978], quick=True)
    assert "REGRESSED" == limits.decide([0.9765, 0.976, 0.978], baseline(), GATES, quick=True)
    assert f"red under {0.9825 - bound:.4f}; false alarms 0.001" in gate.accuracy([0.9815], baseline(), GATES, quick=True).details


def test_the_variance_is_the_prior_and_the_accepted_runs_weighed():
    found = baseline((0.4, 0.42), images=1000)
    p = (410 + 0.5) / 1001
    assert (4 * 1.13 * p * (1 - p) / 1000 + 0.0002) / 5 == pytest.approx(float(found.variance))
    assert 5 == found.freedom


def test_a_perfect_baseline_still_has_noise():
    assert 0 < float(baseline((1.0,) * 5, images=360).variance) < 0.0001


def test_the_limit_is_that_of_two_means():
    found = baseline()
    assert 2.8965 * math.sqrt(float(found.variance) * (1 / 3 + 1 / 5)) == pytest.approx(float(limits.limit(found, 0.01, 3)), rel=1e-4)


@pytest.mark.parametrize(
    ("accuracies", "images", "studied", "bar"),
    [
        ((0.9837, 0.9849, 0.9828, 0.9814, 0.9828), 10_000, True, 0.0055),
        ((0.884, 0.881, 0.8806, 0.8882, 0.8747), 10_000, True, 0.018),
        ((0.5898, 0.5513, 0.5449, 0.5458, 0.5468), 10_000, True, 0.06),
        ((0.9946,), 10_000, True, 0.008),
    ],
    ids=["lenet5-mnist", "lenet5-fashion_mnist", "lenet5-cifar10", "vgg_like-mnist"],
)
def test_what_five_records_of_a_study_see_of_a_loss(accuracies, images, studied, bar):
    assert bar / 2 < sight.seen(baseline(accuracies, images, studied=studied), 20) < bar


def test_a_loss_that_does_not_matter_is_not_said_to_be_seen():
    least = sight.seen(baseline(), GATES)
    assert least == sight.seen(baseline(smallest=0.0001), GATES)
    assert least < sight.seen(baseline(smallest=0.004), GATES) < 0.0065
    assert 0.02 < sight.seen(baseline(smallest=0.02), GATES) < 0.023


def test_what_is_never_red_sees_nothing():
    assert math.inf == sight.seen(baseline(ACCEPTED[:2]), GATES)
    assert math.inf == sight.seen(baseline(()), GATES)


@pytest.mark.parametrize("smallest", [0.001, 0.02])
def test_the_loss_that_one_quick_training_sees_is_seen_as_often_as_it_says(smallest):
    rng, sd = np.random.default_rng(0), 0.003 * math.sqrt(1.13)
    found = limits.Baseline(rng.normal(0.9, sd, (1500, 5)), 10_000, smallest=smallest)
    seen = np.array([sight.seen(found._replace(accuracies=each), GATES, quick=True) for each in found.accuracies])
    lost = (rng.normal(0.9, sd, 1500) - seen)[:, None]
    assert 0.87 < np.mean(limits.decide(lost, found, GATES, quick=True) == "REGRESSED") < 0.93


def test_cells_that_all_lose_a_little_are_red_together_and_none_alone():
    lost = [gate.accuracy([0.9812], baseline(), GATES)] * 4
    assert {"PASS"} == {each.word for each in lost}
    assert "sees a common loss of 1.8 sd" in gate.together(lost).line
    assert "PASS" == gate.together(lost[:2] + [gate.accuracy([0.984], baseline(), GATES)] * 2).word
    lost = [gate.accuracy([0.9806], baseline(), GATES)] * 4
    assert {"PASS"} == {each.word for each in lost}
    assert ("REGRESSED", True) == (gate.together(lost).word, "4 cells together at z = -2.4" in gate.together(lost).line)


def test_the_gate_over_all_cells_leaves_out_what_is_accepted_untrusted_or_without_a_baseline():
    lost = gate.accuracy([0.9805], baseline(), GATES)
    others = [
        gate.same(gate.Verdict("PASS", "accepted"), ""),
        gate.accuracy([0.5], baseline(ACCEPTED[:1]), GATES),
        gate.accuracy([0.5], baseline(()), GATES),
    ]
    assert "NO-BASELINE" == gate.together([lost, lost, *others]).word
    assert "3 cells" in gate.together([lost, lost, lost, *others]).line
    assert gate.together([lost] * 5).line == gate.together([gate.same(lost, "")] * 5).line, "a rerun does not clear a common loss"


def test_a_common_loss_that_does_not_matter_is_not_red():
    lost = [gate.accuracy([0.9812], baseline(smallest=0.01), GATES)] * 40
    assert ("PASS", True) == (gate.together(lost).word, sum(each.z for each in lost) / math.sqrt(40) < -3)


@pytest.mark.parametrize(("suspicious", "passing", "first"), [(4, 7, True), (4, 8, False), (3, 0, False), (14, 26, True)])
def test_all_cells_are_judged_first_where_more_than_three_and_a_third_are_suspicious(suspicious, passing, first):
    found = [gate.accuracy([0.978], baseline(), GATES)] * suspicious + [gate.accuracy([0.983], baseline(), GATES)] * passing
    assert first == gate.all_first([*found, *[gate.same(found[0], "")] * 5, *[gate.accuracy([0.9], baseline(()), GATES)] * 5])


def test_backends_are_pooled_unless_their_means_differ_by_more_than_one_sd():
    ten = np.linspace(0.981, 0.985, 10)
    assert limits.alike(ten, ten - 0.001, 10_000)
    assert limits.alike(ten[:2], ten[:2] - 0.003, 10_000)
    assert not limits.alike(ten, ten - 0.005, 10_000)
    assert not limits.alike(ten, ten + 0.005, 10_000)


@pytest.mark.parametrize(("share", "pooled"), [(0.99, True), (1.01, False)])
def test_one_sd_apart_is_tested_at_95_percent(share, pooled):
    sd = math.sqrt(4 * 1.13 * 0.25 / 10_000 / 6)  # of two pairs without any spread: 4 + 2 degrees of freedom
    low = 0.5 - share * sd * (1 + 2.4469) / 2
    assert pooled == limits.alike([low] * 2, [1 - low] * 2, 10_000)


def test_exact_quantities_are_compared_by_equality():
    assert ["PASS", "REGRESSED", "NO-BASELINE"] == [gate.exact(7, values, "parameters").word for values in ([7, 8], [8, 8], [])]
    assert "accepted 8 (n=2)" in gate.exact(7, [8, 8], "parameters").line


def test_same_carries_the_verdict_of_the_stored_training():
    red, open_ = (gate.accuracy([value], baseline(floor=0.97), GATES) for value in (0.5, 0.978))
    assert [True, False] == [gate.same(each, "").red for each in (red, open_)]
    assert ("SAME", 2, "SUSPECT") == ((once := gate.same(open_, "a")).word, once.more, once.carried)
    assert f"SAME: b to the bit, {open_}" == str(gate.same(once, "b"))
    assert "SUSPECT" == gate.same(once, "b").carried


def test_the_first_epoch_whose_loss_differs_by_a_bit_is_named():
    losses = [0.5, 0.25, 0.125]
    assert gate.first_difference(losses, list(losses)) is None
    assert 3 == gate.first_difference([*losses[:2], math.nextafter(0.125, 1)], losses)
    assert 3 == gate.first_difference(losses[:2], losses) == gate.first_difference(losses, losses[:2])
    assert gate.first_difference([0.5, None], [0.5, None]) is None


def test_a_verdict_is_one_line_that_says_what_it_was_held_against():
    once, settled = (gate.accuracy(values, baseline(), GATES) for values in ([0.978], [0.978, 0.977, 0.979]))
    assert "accuracy 0.9780, baseline 0.9825 (n=5), suspicious under 0.9805; sees a loss of 0.0052; " + WHOSE == once.line
    assert "accuracy 0.9780 of 3, baseline 0.9825 (n=5), limit 0.9787; sees a loss of 0.0052; " + WHOSE == settled.line
    assert "degrees of freedom" in once.details


def test_a_verdict_is_told_in_140_characters():
    verdict = gate.accuracy([0.978, 0.977, 0.979], baseline(), GATES)
    assert f"lenet5 {verdict}" == verdict.told("lenet5")
    told = verdict.told("imagenet32_cnn-tiny_imagenet-imagenet32_cnn")
    assert (140, "…", True) == (len(told), told[-1], "sees a loss of 0.0052" in told)
