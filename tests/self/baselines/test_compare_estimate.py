"""Means, geometric means, differences and ratios with their intervals, against scipy.stats."""

import math

import numpy as np
import pytest

from baselines.report import estimate

pytestmark = pytest.mark.self
FIRST, SECOND = [2.0, 2.1, 2.05, 2.3], [1.0, 1.4, 1.1]


@pytest.fixture(scope="module")
def stats():
    from scipy import stats

    return stats


def test_a_mean_has_students_interval(stats):
    low, high = stats.ttest_1samp(FIRST, 0).confidence_interval()
    assert (pytest.approx(np.mean(FIRST)), pytest.approx(low), pytest.approx(high), 4) == estimate.average(FIRST)


def test_a_geometric_mean_has_the_interval_of_the_logarithms(stats):
    low, high = stats.ttest_1samp(np.log(FIRST), 0).confidence_interval()
    expected = stats.gmean(FIRST), math.exp(low), math.exp(high)
    assert pytest.approx(expected) == estimate.geometric(FIRST)[:3]


def test_a_difference_has_welchs_interval_and_a_ratio_that_of_logarithms(stats):
    low, high = stats.ttest_ind(FIRST, SECOND, equal_var=False).confidence_interval()
    assert pytest.approx((np.mean(FIRST) - np.mean(SECOND), low, high)) == estimate.difference(FIRST, SECOND)[:3]
    low, high = stats.ttest_ind(np.log(FIRST), np.log(SECOND), equal_var=False).confidence_interval()
    assert pytest.approx((stats.gmean(FIRST) / stats.gmean(SECOND), math.exp(low), math.exp(high))) == estimate.ratio(FIRST, SECOND)[:3]


def test_one_training_against_several_takes_their_variance(stats):
    for values, others in (FIRST, [3.0]), ([3.0], FIRST):
        low, high = stats.ttest_ind(values, others, equal_var=True).confidence_interval()
        assert pytest.approx((low, high)) == estimate.difference(values, others)[1:3]


def test_without_scatter_there_is_no_interval_and_without_numbers_no_figure():
    assert (2.0, None, None, 1) == estimate.average([2.0])
    assert (0.5, None, None, 1) == estimate.ratio([1.0], [2.0])
    assert [None] * 4 == [estimate.average([]), estimate.geometric([]), estimate.difference([], [1.0]), estimate.ratio([1.0], [])]
    assert (1.0, 1.0, 1.0, 2) == estimate.ratio([2.0, 2.0], [2.0, 2.0])
