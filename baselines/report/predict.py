"""The time of an epoch that was not run, from a machine's limits and from the epochs that were. Numbers in, numbers out; no I/O.

The ideal time is images * (flops / peak + bytes / bandwidth) + steps * launch. What a measured epoch takes beyond it, as a
logarithm, is the sum of normal effects: one of all epochs, one of the machine, one of the network's family, and the rest. Their best
linear unbiased prediction (Robinson, That BLUP is a good thing, 1991) leans on what is nearest: the family and the machine where both
were measured, else one of them, else the mean of all. The interval is Student's: its width is what leaving out every pair of machine
and family in turn has shown.
"""

import math
from typing import NamedTuple

import numpy as np

from baselines.limits import quantile

# sd of the effects on log(seconds / ideal), by maximum likelihood on 15 cells of 3 machines and 4 families; MEAN is no more than wide.
MEAN, MACHINE, FAMILY, REST = 1.0, 0.16, 0.29, 0.12
DISTURBED = 0.9  # sd of the machine's effect where other programs disturbed its roofline, as by a factor of 2.5
WEIGHT = 4  # pairs of machine and family that those sd count for, beside the pairs that were measured
SHARE = 0.9  # of epochs that lie within their interval


class Epoch(NamedTuple):
    """An epoch that was measured, or that is wanted."""

    machine: str
    family: str  # of the network: the file that makes it
    ideal: float  # seconds
    sound: bool = True  # whether the machine's limits were measured undisturbed
    seconds: float | None = None  # measured
    cell: str = ""


class Expected(NamedTuple):
    """Seconds of an epoch, and the interval that holds SHARE of such epochs."""

    seconds: float
    low: float
    high: float


def ideal(work, peak, bandwidth, launch):
    """Seconds of an epoch at a machine's limits.

    Args:
        work: workload.Workload.
        peak: FLOP/s.
        bandwidth: bytes/s of the memory.
        launch: seconds of a program.
    """
    return work.flops / peak + work.moved / bandwidth + work.steps * launch


def expected(measured, wanted):
    """What the wanted epochs will take: a list of Expected.

    Args:
        measured: list of Epoch with seconds, one a machine and cell; at least one.
        wanted: list of Epoch.
    """
    excess = np.array([math.log(each.seconds / each.ideal) for each in measured])
    inverse = np.linalg.inv(_covariance(measured, measured) + REST**2 * np.eye(len(measured)))
    across = _covariance(wanted, measured)
    means = across @ inverse @ excess
    variances = np.diag(_covariance(wanted, wanted)) + REST**2 - np.einsum("ij,jk,ik->i", across, inverse, across)
    scale, freedom = _calibrated(measured, inverse, inverse @ excess)
    width = quantile((1 + SHARE) / 2, freedom) * np.sqrt(scale * variances)
    logs = np.log([each.ideal for each in wanted]) + means
    return [Expected(*map(float, np.exp([log, log - half, log + half]))) for log, half in zip(logs, width, strict=True)]


def _covariance(epochs, others):
    """Covariance of the effects that epochs and others share: array (epochs, others)."""
    same = {
        key: np.equal.outer([getattr(each, key) for each in epochs], [getattr(each, key) for each in others])
        for key in ("machine", "family")
    }
    machine = np.array([MACHINE**2 + (0 if each.sound else DISTURBED**2) for each in epochs])
    return MEAN**2 + machine[:, None] * same["machine"] + FAMILY**2 * same["family"]


def _calibrated(measured, inverse, weights):
    """(variance, degrees of freedom) of the standardised errors of leaving out each pair of machine and family.

    The errors of the epochs B that are left out together have covariance inverse[B, B]^-1 and are that matrix @ weights[B]
    (Sundararajan and Keerthi, Predictive approaches for choosing hyperparameters in Gaussian processes, 2001).
    """
    pairs = {}
    for index, each in enumerate(measured):
        pairs.setdefault((each.machine, each.family), []).append(index)
    if len(pairs) < 2:
        return 1.0, WEIGHT
    squares = [
        weights[index] @ np.linalg.solve(inverse[np.ix_(index, index)], weights[index]) / len(index)
        for index in map(np.array, pairs.values())
    ]
    return (WEIGHT + sum(squares)) / (WEIGHT + len(squares)), WEIGHT + len(squares)


def left_out(measured, keys):
    """What is expected of each epoch once all epochs that agree with it in ``keys`` are left out.

    Args:
        measured: list of Epoch with seconds.
        keys: names of fields of Epoch, such as ("machine", "family").

    Returns:
        list of (Epoch, Expected), without those of which nothing would be left to learn from.
    """
    found, groups = [], {}
    for each in measured:
        groups.setdefault(tuple(getattr(each, key) for key in keys), []).append(each)
    for group in groups.values():
        if rest := [each for each in measured if each not in group]:
            found += zip(group, expected(rest, group), strict=True)
    return found
