"""Figures with their 95 % confidence intervals: means, geometric means and their differences. No I/O."""

import math
from statistics import fmean
from typing import NamedTuple

from baselines import limits

SHARE = 0.975  # quantile of a two-sided 95 % interval


class Measured(NamedTuple):
    """A figure that was measured, with its 95 % confidence interval."""

    value: float
    low: float | None  # None where n is 1
    high: float | None
    n: int


def average(values):
    """Mean of some numbers with the interval of Student's t: Measured; None without numbers."""
    if not values:
        return None
    return _interval(fmean(values), _variance(values) / len(values) if len(values) > 1 else None, len(values) - 1, len(values))


def geometric(values):
    """Geometric mean of positive numbers with the interval of the mean of their logarithms: Measured; None without numbers."""
    return _exponential(average([math.log(each) for each in values]))


def difference(values, others):
    """Difference of two means, values - others: Measured, where n is the number of values; None where one has no numbers.

    Welch's interval. Where one side has one number, its variance is taken to be the other's; where both have, there is no interval.
    """
    if not values or not others:
        return None
    known = [_variance(each) if len(each) > 1 else None for each in (values, others)]
    shares = [
        None if (spread := own if own is not None else other) is None else spread / len(each)
        for each, own, other in ((values, *known), (others, *reversed(known)))
    ]
    apart = fmean(values) - fmean(others)
    if None in shares:
        return _interval(apart, None, 0, len(values))
    if None in known:
        return _interval(apart, sum(shares), max(len(values), len(others)) - 1, len(values))
    parts = [share**2 / (len(each) - 1) for share, each in zip(shares, (values, others), strict=True)]
    return _interval(apart, sum(shares), sum(shares) ** 2 / sum(parts) if sum(parts) else 1, len(values))


def ratio(values, others):
    """Ratio of two geometric means of positive numbers, as ``difference`` of their logarithms: Measured or None."""
    return _exponential(difference([math.log(each) for each in values], [math.log(each) for each in others]))


def _variance(values):
    middle = fmean(values)
    return math.fsum((each - middle) ** 2 for each in values) / (len(values) - 1)


def _interval(value, squared_error, freedom, n):
    if squared_error is None:
        return Measured(value, None, None, n)
    half = limits.quantile(SHARE, freedom) * math.sqrt(squared_error)
    return Measured(value, value - half, value + half, n)


def _exponential(found):
    return found and Measured(*(each if each is None else math.exp(each) for each in found[:3]), found.n)
