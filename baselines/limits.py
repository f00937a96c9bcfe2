"""Accuracy in numbers: how far trainings may lie from the accepted ones. Arrays in, arrays out; no I/O.

The last axis of an array runs over the trainings of a cell and the axes in front over cells, so that
tests/self/baselines/simulation.py measures these functions themselves. Source of the moderated variance: Smyth, Linear
models and empirical Bayes methods for assessing differential expression, 2004, section 3.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

# The false alarms of a session without any change, split in advance.
ALPHA = 0.05
ALL_CELLS = 0.01  # of these, for the gate over all cells
SINGLE = ALPHA - ALL_CELLS  # of these, for all other gates in equal parts
IMPROVED = 0.01  # a session's false IMPROVED, beside ALPHA since they are not red
QUICK = 0.001  # of a gate where one training decides alone

# var(accuracy) is PRIOR_FACTOR p(1-p)/N in a cell that shows nothing itself, as if PRIOR_WEIGHT degrees of freedom had told. Fitted on
# the nine cells that had three seeds or more: var / (p(1-p)/N) lay between 0.27 and 2.4 in eight of them, and at 14.9 in one.
PRIOR_WEIGHT, PRIOR_FACTOR = 4, 1.13
STRANGE = 0.1  # chance that a cell where the prior holds is taken for one where it does not
LEAST = 3  # accepted records from which on a cell can show that

SMALLEST = 0.001  # loss that matters, unless a cell has its own
WORST = 0.1  # share of single trainings that are suspicious
AT_ONCE = 3  # one-training limits over which a loss is red without another training; 1 would triple the false alarms of outliers
TRAININGS = 3  # that decide about a suspicious cell
LEAST_CELLS = 3  # in the gate over all; of fewer, one bad seed decides


class Baseline(NamedTuple):
    """What is known of the accuracy of a cell, or with more axes in front of many."""

    accuracies: object  # array (..., n), shares of 1: of the accepted records, one a seed and backend
    images: int  # N, in the test set
    studied: object = False  # whether it is a cell of the three studies, where the prior is known to hold: bool or array (...)
    smallest: float = SMALLEST  # loss that matters
    floor: float | None = None  # hard lower bound on accuracy
    whose: str = ""  # where the accepted records come from, for the verdict's line

    @property
    def n(self):
        return np.shape(self.accuracies)[-1]

    @property
    def mean(self):
        return np.mean(self.accuracies, axis=-1)

    @property
    def squares(self):
        """(n-1) sd^2: array (...)."""
        return ((np.asarray(self.accuracies) - np.expand_dims(self.mean, -1)) ** 2).sum(axis=-1)

    @property
    def prior(self):
        """1.13 p(1-p)/N with p = (k + 1/2) / (N + 1), where k is the mean number of correct images: array (...).

        If p is over 1/2, two standard errors are subtracted first: near 1, one lucky record would make its own limit too narrow.
        """
        p = (np.clip(self.mean, 0, 1) * self.images + 0.5) / (self.images + 1)
        error = np.sqrt(PRIOR_FACTOR * p * (1 - p) / self.images / self.n)
        p = np.maximum(p - 2 * error, np.minimum(p, 0.5))
        return PRIOR_FACTOR * p * (1 - p) / self.images

    @property
    def noisy(self):
        """Whether its own sd shows, by an F test at STRANGE, that the prior does not hold: array (...). Not asked of a studied cell."""
        if self.n < LEAST:
            return np.zeros(np.shape(self.mean), bool)
        return (self.squares > (self.n - 1) * self.prior * _variance_ratio(self.n - 1)) & ~np.asarray(self.studied)

    @property
    def variance(self):
        """s2 = (4 * prior + (n-1) sd^2) / (n + 3), or sd^2 of a noisy cell: array (...)."""
        return np.where(self.noisy, self.squares / max(self.n - 1, 1), moderated(self.prior, self.squares, self.n))

    @property
    def freedom(self):
        """Degrees of freedom of the variance, n + 3, or n - 1 of a noisy cell: array (...)."""
        return np.where(self.noisy, self.n - 1, self.n - 1 + PRIOR_WEIGHT)

    @property
    def trusted(self):
        """Whether its limits can make it REGRESSED or IMPROVED: array (...). Not where there is only a prior that was fitted on others."""
        return np.logical_and(self.n > 0, np.logical_or(self.studied, self.n >= LEAST))


def moderated(prior, squares, n):
    """Variance of n values whose squared deviations from their mean sum to squares, with n - 1 + PRIOR_WEIGHT degrees of freedom."""
    return (PRIOR_WEIGHT * prior + squares) / (PRIOR_WEIGHT + n - 1)


@functools.cache
def quantile(share, freedom):
    """Of Student's t."""
    from scipy.special import stdtrit  # not at import: collecting tests must not load scipy; nor scipy.stats, which takes 0.7 s

    return float(stdtrit(freedom, share))


@functools.cache
def _variance_ratio(freedom):
    from scipy.special import fdtri

    return float(fdtri(freedom, PRIOR_WEIGHT, 1 - STRANGE))


def limit(baseline, alarm, m=1):
    """Loss that the mean of m unchanged trainings exceeds with probability alarm: t(n+3; 1-alarm) sqrt(s2) sqrt(1/m + 1/n)."""
    n = baseline.n
    t = np.where(baseline.noisy, quantile(1 - alarm, max(n - 1, 1)), quantile(1 - alarm, n - 1 + PRIOR_WEIGHT))
    return t * np.sqrt(baseline.variance * (1 / m + 1 / n))


def losses(values, baseline):
    """The loss by the mean of a cell's trainings, and by their median, of an even number the lower one: two arrays (...)."""
    middle = np.sort(values, axis=-1)[..., (np.shape(values)[-1] - 1) // 2]
    return baseline.mean - np.mean(values, axis=-1), baseline.mean - middle


def decide(values, baseline, gates, quick=False):
    """The word that a cell's trainings deserve, floor and divergence apart.

    PASS, if the median training is not in the worst 10 % of single ones. REGRESSED, if it is over AT_ONCE one-training limits.
    Otherwise SUSPECT until there are TRAININGS, and then REGRESSED if their mean is over its own limit.

    Args:
        values: array (..., m), accuracies of all trainings of this code, data and versions: reruns add and never replace.
        baseline: Baseline with the same axes in front.
        gates: number of verdicts of the session that share its false alarms.
        quick: no other seed is trained, so fewer than TRAININGS are held against the limit of one at QUICK.

    Returns:
        Array (...) of words. SUSPECT of fewer than TRAININGS values asks for the rest of them.
    """
    values, matters = np.asarray(values), baseline.smallest
    if not baseline.n:
        return np.full(values.shape[:-1], "NO-BASELINE")
    m, alarm = values.shape[-1], SINGLE / gates
    by_mean, by_median = losses(values, baseline)
    suspicious = by_median > np.maximum(limit(baseline, WORST), matters)
    if quick and m < TRAININGS:
        red = by_median > np.maximum(limit(baseline, QUICK), matters)
    else:
        red = by_median > np.maximum(AT_ONCE * limit(baseline, alarm), matters)
        if m >= TRAININGS:
            red |= suspicious & (by_mean > np.maximum(limit(baseline, alarm, m), matters))
    unsettled = suspicious & (m < TRAININGS)
    better = -by_mean > np.maximum(limit(baseline, IMPROVED / gates, m), matters)
    words = ["REGRESSED", "SUSPECT", "IMPROVED"]
    return np.select([red & baseline.trusted, red | unsettled, better & baseline.trusted], words, "PASS")


def z_score(values, baseline):
    """The mean of a cell's trainings as a standard normal value, negative where accuracy fell: array (...)."""
    from scipy.special import ndtri, stdtr

    m = np.shape(values)[-1]
    t = -losses(values, baseline)[0] / np.sqrt(baseline.variance * (1 / m + 1 / baseline.n))
    return np.clip(ndtri(stdtr(baseline.freedom, t)), -8, 8)


def all_red(z, relative):
    """Whether the cells lost accuracy together: Stouffer's sum of z at ALL_CELLS, if the mean loss is one that matters.

    Args:
        z: array (..., cells) of z_score, of the trusted cells that are not SAME.
        relative: array (..., cells), the loss of each as a multiple of the smallest that matters.
    """
    from scipy.special import ndtri

    cells = np.shape(z)[-1]
    if cells < LEAST_CELLS:
        return np.zeros(np.shape(z)[:-1], bool)
    return (np.sum(z, axis=-1) < ndtri(ALL_CELLS) * math.sqrt(cells)) & (np.mean(relative, axis=-1) > 1)


def all_first(suspicious, cells):
    """Whether enough of the cells are suspicious to ask the gate over all before any is trained again."""
    return (suspicious > 3) & (3 * suspicious > cells)


def alike(accuracies, others, images):
    """Whether two backends' accuracies are pooled: not if their means differ by more than one sd, at 95 %."""
    first, second = (Baseline(np.asarray(each), images) for each in (accuracies, others))
    prior = Baseline(np.concatenate([accuracies, others]), images).prior
    count = first.n + second.n - 1  # of values of one mean, with as many degrees of freedom as these have
    sd = math.sqrt(moderated(prior, first.squares + second.squares, count))
    t = quantile(0.975, count - 1 + PRIOR_WEIGHT)
    return bool(abs(first.mean - second.mean) <= sd * (1 + t * math.sqrt(1 / first.n + 1 / second.n)))
