"""The statistics of ab: the interval against SciPy's test, and the error rates of the functions themselves, simulated with a seed."""

import numpy as np
import pytest

from baselines import paired

pytestmark = pytest.mark.self

SIMS, RUNS = 2000, 2 * paired.LOOKS[-1]
TIME = np.arange(RUNS)


def normal(random, cv):
    return random.normal(0, cv, (SIMS, RUNS))


def heavy(random, cv):
    return random.standard_t(3, (SIMS, RUNS)) * cv / np.sqrt(3)


def lognormal(random, cv):
    return random.lognormal(0, 1, (SIMS, RUNS)) / np.sqrt((np.e - 1) * np.e) * cv


def outliers(random, cv):
    return normal(random, cv) + (random.random((SIMS, RUNS)) < 0.05) * 6 * cv


def linear_drift(random, cv):
    return normal(random, cv) + TIME / RUNS * 10 * cv


def steps(random, cv):
    return normal(random, cv) + np.cumsum((random.random((SIMS, RUNS)) < 0.1) * normal(random, 3 * cv), axis=1)


def autoregressive(random, cv):
    noise = normal(random, cv)
    for i in range(1, RUNS):
        noise[:, i] = 0.8 * noise[:, i - 1] + 0.6 * noise[:, i]
    return noise


def second_of_a_pair_slower(random, cv):
    return normal(random, cv) + (TIME % 2) * 2 * cv


def periodic(random, cv):
    return normal(random, cv) + 2 * cv * np.sin(2 * np.pi * (TIME / 7 + random.random((SIMS, 1))))


NOISES = (normal, heavy, lognormal, outliers, linear_drift, steps, autoregressive, second_of_a_pair_slower, periodic)


def compared(noise, cv, slowdown=0.0, order="ABBA"):
    """Share of comparisons that end with each word, and their mean number of pairs, with the command's looks and its order of runs."""
    logs = noise(np.random.default_rng(17), cv)
    first, second = logs[:, ::2], logs[:, 1::2]
    turned = np.arange(RUNS // 2) % 2 == 1 if order == "ABBA" else np.zeros(RUNS // 2, bool)
    differences = np.where(turned, first - second, second - first) + np.log1p(slowdown)
    words, pairs = np.full(SIMS, "OPEN", dtype="<U9"), np.full(SIMS, paired.LOOKS[-1])
    for n in paired.LOOKS:
        found = paired.decide(paired.look(differences[:, :n], paired.share(1)), np.log1p(paired.MARGIN))
        new = (words == "OPEN") & (found != "OPEN")
        words[new], pairs[new] = found[new], n
    return {word: float(np.mean(words == word)) for word in ("SLOWER", "FASTER", "NO CHANGE", "OPEN")}, float(np.mean(pairs))


@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.__name__)
def test_equal_sides_are_called_different_in_at_most_one_comparison_of_sixteen(noise):
    found, _ = compared(noise, 0.02)
    assert 0.062 >= found["SLOWER"] + found["FASTER"]


def test_the_order_of_the_runs_is_what_holds_the_level_where_the_second_run_is_slower():
    found, _ = compared(second_of_a_pair_slower, 0.02, order="ABAB")
    assert 0.5 < found["SLOWER"]


@pytest.mark.parametrize(
    ("cv", "slowdown", "least", "most_pairs"),
    [
        (0.013, 0.03, 0.98, 12),
        (0.02, 0.03, 0.97, 16),
        (0.033, 0.03, 0.79, 24),
        (0.033, 0.06, 0.99, 14),
        (0.05, 0.06, 0.95, 20),
        (0.05, 0.1, 0.99, 13),
    ],
)
def test_a_slowdown_is_seen_with_the_stated_power(cv, slowdown, least, most_pairs):
    found, pairs = compared(normal, cv, slowdown)
    assert least <= found["SLOWER"]
    assert 0.001 >= found["FASTER"]
    assert most_pairs >= pairs


def test_a_quiet_machine_says_that_nothing_has_changed_and_a_noisy_one_says_open():
    assert 0.95 < compared(normal, 0.013)[0]["NO CHANGE"]
    assert 0.9 < compared(normal, 0.2)[0]["OPEN"]


@pytest.mark.parametrize("n", [8, 9, 14])
def test_the_interval_holds_what_the_signed_rank_test_does_not_reject(n):
    from scipy.stats import wilcoxon

    differences = np.random.default_rng(n).normal(0.01, 0.02, n)
    seen = paired.look(differences, 0.05)
    for inside, outside in (seen.low + 1e-9, seen.low - 1e-9), (seen.high - 1e-9, seen.high + 1e-9):
        assert 0.05 < wilcoxon(differences - inside, method="exact").pvalue
        assert 0.05 >= wilcoxon(differences - outside, method="exact").pvalue


def test_the_estimate_is_the_median_of_the_averages_of_two_so_that_an_outlier_hardly_counts():
    assert 2.75 == paired.look([1.0, 2.0, 6.0], 0.05).estimate, "of 1, 1.5, 2, 3.5, 4 and 6"
    assert 0.1 == pytest.approx(paired.look([0.09, 0.1, 0.11, 9.0], 0.05).estimate, abs=0.02)


def test_too_few_pairs_have_no_interval():
    seen = paired.look(np.full(7, 0.1), paired.share(1))
    assert (-np.inf, np.inf) == (seen.low, seen.high)
    assert "OPEN" == paired.decide(seen, 0.03)
    assert paired.sight(np.full(7, 0.1), paired.share(1)) is None
    assert np.isfinite(paired.look(np.full(8, 0.1), paired.share(1)).low)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.01, 0.05, "SLOWER"),
        (0.04, 0.05, "SLOWER"),
        (-0.05, -0.01, "FASTER"),
        (-0.01, 0.02, "NO CHANGE"),
        (0.01, 0.02, "NO CHANGE"),
        (-0.04, 0.01, "OPEN"),
        (-0.01, 0.04, "OPEN"),
        (0.0, 0.04, "OPEN"),
    ],
)
def test_a_change_smaller_than_the_margin_is_none_and_what_may_be_either_is_open(low, high, word):
    assert word == paired.decide(paired.Look((low + high) / 2, low, high), 0.03)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (-0.02, -0.01, "WORSE"),
        (-0.02, 0.001, "OPEN"),
        (-0.004, 0.02, "NO CHANGE"),
        (-0.004, -0.001, "NO CHANGE"),
        (0.001, 0.02, "BETTER"),
        (0.001, 0.002, "NO CHANGE"),
        (-0.006, -0.001, "WORSE"),
    ],
)
def test_accuracy_is_worse_only_where_the_loss_is_certain_and_may_matter(low, high, word):
    assert word == paired.decide_accuracy(paired.Look(0, low, high), 0.005)


def test_equal_seeds_are_compared_by_a_paired_t_test():
    from scipy.stats import ttest_1samp

    differences = [0.001, -0.004, -0.003, -0.002, -0.0025]
    seen, expected = paired.seeds(differences, 0.05), ttest_1samp(differences, 0).confidence_interval(0.95)
    assert pytest.approx((np.mean(differences), expected.low, expected.high)) == (seen.estimate, seen.low, seen.high)
    assert (-np.inf, np.inf) == paired.seeds([0.1], 0.05)[1:]


def called(cv, slowdown, n, seed):
    """Share of comparisons of n pairs whose interval lies above zero."""
    random = np.random.default_rng(seed)
    differences = normal(random, cv)[:, :n] - normal(random, cv)[:, :n] + slowdown
    return np.mean(paired.look(differences, paired.share(1)).low > 0)


@pytest.mark.parametrize(("cv", "change", "n"), [(0.02, 0.07, 8), (0.02, 0.05, 14), (0.033, 0.05, 22), (0.02, 0.03, 22)])
def test_the_number_of_pairs_that_a_slowdown_needs_calls_nine_in_ten_and_the_look_before_does_not(cv, change, n):
    assert n == paired.pairs_needed(cv, change)
    assert 0.88 < called(cv, np.log1p(change), n, 3)
    for fewer in [each for each in paired.LOOKS if each < n][-1:]:
        assert 0.92 > called(cv, np.log1p(change), fewer, 3)


def test_no_number_of_pairs_sees_a_slowdown_that_the_scatter_hides():
    assert paired.pairs_needed(0.05, 0.02) is None


@pytest.mark.parametrize("n", paired.LOOKS)
def test_sight_is_the_slowdown_that_nine_in_ten_comparisons_would_call(n):
    random = np.random.default_rng(5)
    differences = normal(random, 0.02)[:, :n] - normal(random, 0.02)[:, :n]
    sight = np.mean([paired.sight(each, paired.share(1)) for each in differences[:300]])
    assert 0.9 == pytest.approx(called(0.02, sight, n, 7), abs=0.03)


def test_several_cells_share_the_false_alarms():
    assert paired.share(1) == 2 * paired.share(2)
    assert paired.ALPHA == pytest.approx(3 * len(paired.LOOKS) * paired.share(3))
