"""Time as a screen: how much slower an epoch may be than the accepted ones, in logarithms. Arrays in, arrays out; no I/O.

A screen, since one occasion is one sample and days differ; what it shows is settled by ``python -m baselines ab``.
Evaluation, later epochs and a GPU's peak memory are screened in the same way.
"""

import math
from typing import NamedTuple

import numpy as np

from baselines.limits import IMPROVED, PRIOR_WEIGHT, SINGLE, moderated, quantile
from baselines.sight import POWER

# sd of log(fastest epoch): 3.3 % within an occasion, over nine cells on two processors (1.0 to 1.7 % in the newest runs); between
# days 2 %, until it is measured over days (0.7 % between occasions hours apart).
TIME_SD, DAY = 0.033, 0.02
SLOWDOWN = math.log(1.05)  # smallest that matters


class Costs(NamedTuple):
    """What is known of a cost of a cell on one machine, or with more axes in front of many."""

    values: object  # array (..., n), positive: of the accepted records, one a training
    variance: float = TIME_SD**2  # of the logarithm within an occasion, of all cells of the machine: pooled()
    occasions: int = 1  # on which the accepted records were made: those of a machine within some hours
    day: float = DAY  # sd of the logarithm between days
    unit: str = "s"
    whose: str = ""  # where the accepted records come from, for the verdict's line

    @property
    def n(self):
        return np.shape(self.values)[-1]

    @property
    def freedom(self):
        return self.n - 1 + PRIOR_WEIGHT

    @property
    def mean(self):
        return np.mean(np.log(self.values), axis=-1)

    @property
    def spread(self):
        """Variance of the difference of a new training from the mean, in two parts: within an occasion, and between days."""
        squares = ((np.log(self.values) - np.expand_dims(self.mean, -1)) ** 2).sum(axis=-1)
        within = moderated(self.variance, squares, self.n) * (1 + 1 / self.n)
        return within, self.day**2 * (1 + 1 / self.occasions)


def pooled(cells):
    """Variance of log(cost) within an occasion, from all cells of a machine, moderated by TIME_SD.

    Args:
        cells: a list of each cell's accepted values.
    """
    logs = [np.log(each) for each in cells]
    squares = sum(np.var(each) * len(each) for each in logs)
    return float(moderated(TIME_SD**2, squares, 1 + sum(len(each) - 1 for each in logs)))


def limit(costs, alarm):
    """Excess of the logarithm that an unchanged training has with probability alarm: t(n+3; 1-alarm) sqrt(s2 (1 + 1/n) + 2 day^2)."""
    return quantile(1 - alarm, costs.freedom) * np.sqrt(sum(costs.spread))


def decide(value, costs, gates):
    """REGRESSED, IMPROVED, PASS or NO-BASELINE for the cost of each cell's training: array (...) -> array (...) of words."""
    if not costs.n:
        return np.full(np.shape(value), "NO-BASELINE")
    excess = np.log(value) - costs.mean
    slower = excess > np.maximum(limit(costs, SINGLE / gates), SLOWDOWN)
    faster = -excess > np.maximum(limit(costs, IMPROVED / gates), SLOWDOWN)
    return np.select([slower, faster], ["REGRESSED", "IMPROVED"], "PASS")


def seen(costs, gates):
    """Smallest slowdown that is called REGRESSED with POWER in both of two trainings of a day, as a share of the baseline: array (...).

    Both are needed (baselines.verdicts). As much of the noise as is their day's they share, so that they count as between one and two
    (an approximation: tests/self/baselines/simulation.py). The noise is Student's within an occasion and normal between days, taken
    as Student's with the degrees of freedom of Satterthwaite, An approximate distribution of estimates of variance components, 1946.
    """
    from scipy.special import stdtrit

    within, between = costs.spread
    freedom = costs.freedom * ((within + between) / within) ** 2
    trainings = 1 + within / (within + between)
    excess = np.maximum(limit(costs, SINGLE / gates), SLOWDOWN) + stdtrit(freedom, POWER ** (1 / trainings)) * np.sqrt(within + between)
    return np.expm1(excess)
