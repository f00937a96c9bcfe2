"""What the gate of an accuracy sees: the smallest loss that it calls REGRESSED with 90 % power. No I/O."""

import functools
import math

import numpy as np

from baselines.limits import AT_ONCE, PRIOR_WEIGHT, QUICK, SINGLE, TRAININGS, WORST, limit, quantile

POWER = 0.9


def seen(baseline, gates, quick=False):
    """Smallest loss that baselines.limits.decide calls REGRESSED with POWER, the trainings of both stages included.

    Args:
        baseline: limits.Baseline of one cell.
        gates: number of verdicts of the session that share its false alarms.
        quick: one training decides alone.

    Returns:
        Share of 1, or inf where the limits make nothing red.
    """
    if not baseline.trusted:
        return math.inf
    n, sd, freedom = baseline.n, float(np.sqrt(baseline.variance)), int(baseline.freedom)
    if quick:
        return max(float(limit(baseline, QUICK)), baseline.smallest) + sd * quantile(POWER, freedom) * math.sqrt(1 + 1 / n)
    lowest = float(min(limit(baseline, WORST), limit(baseline, SINGLE / gates, TRAININGS)))
    return sd * seen_sds(n, gates, freedom, baseline.smallest / sd if baseline.smallest > lowest else 0)


@functools.cache
def seen_sds(n, gates, freedom=None, matters=0):
    """`seen` in units of sqrt(s2).

    Given s2, the true variance is s2 * freedom / chi2(freedom). It, the error of the baseline's mean and the noise of three
    trainings are drawn many times, evenly; each draw has a smallest loss from which on it is red, and POWER is a quantile of these.

    Args:
        n: number of accepted records.
        gates: number of verdicts of the session.
        freedom: of s2; n + 3 if None.
        matters: smallest loss that matters, in the same unit; 0 where the limits are wider.
    """
    from scipy.special import gammaincinv, ndtri

    freedom = freedom or n - 1 + PRIOR_WEIGHT
    points = _points(2 + TRAININGS)
    sd = np.sqrt(freedom / (2 * gammaincinv(freedom / 2, points[:, :1])))
    noise = sd * (ndtri(points[:, 2:]) - ndtri(points[:, 1:2]) / math.sqrt(n))  # (draws, trainings), against the baseline's mean
    one, alarm = math.sqrt(1 + 1 / n), quantile(1 - SINGLE / gates, freedom)
    suspicious = max(quantile(1 - WORST, freedom) * one, matters) + np.maximum(noise[:, 0], np.median(noise, axis=1))
    beyond = max(alarm * math.sqrt(1 / TRAININGS + 1 / n), matters) + noise.mean(axis=1)
    at_once = max(AT_ONCE * alarm * one, matters) + noise[:, 0]
    return float(np.quantile(np.minimum(np.maximum(suspicious, beyond), at_once), POWER))


@functools.cache
def _points(axes, count=2**13):
    """Points that fill the unit cube evenly: (count, axes).

    Source: Roberts, The unreasonable effectiveness of quasirandom sequences, 2018.
    """
    root = 2.0
    for _ in range(50):  # to the root of x^(axes + 1) = x + 1
        root = (1 + root) ** (1 / (axes + 1))
    return (0.5 + np.outer(np.arange(1, count + 1), root ** -np.arange(1.0, axes + 1))) % 1
