"""Whether the second of two sides is slower or worse, from pairs of runs. Arrays in, arrays out; no I/O.

Each pair gives the logarithm of the ratio of two fastest epochs. The estimate is the median of all averages of two of these
(Hodges and Lehmann, 1963), and the interval the one that inverts Wilcoxon's signed-rank test: it holds for any symmetric noise,
outliers included. The pairs are looked at up to four times, each with a quarter of the false alarms, and no more are run when
they have decided. The last axis of an array runs over pairs, and the axes in front over comparisons, so that
tests/self/baselines/test_paired.py simulates these functions themselves.
"""

import functools
from typing import NamedTuple

import numpy as np

LOOKS = (8, 14, 22, 32)  # numbers of pairs after which they are looked at
ALPHA = 0.05  # chance that two equal sides are called different, in all looks and all cells of a comparison
MARGIN = 0.03  # change of time that is none
LOSS = 0.005  # change of accuracy that is none
POWER = 0.9


class Look(NamedTuple):
    """What the pairs so far tell: estimate and interval, arrays (...); the interval is infinite where there are too few pairs for one."""

    estimate: object
    low: object
    high: object


def look(differences, alpha):
    """The Look at some pairs.

    Args:
        differences: array (..., n), second side minus first.
        alpha: chance that the interval misses the truth.
    """
    differences = np.asarray(differences, float)
    first, second = np.triu_indices(differences.shape[-1])
    averages = np.sort((differences[..., first] + differences[..., second]) / 2, axis=-1)
    estimate, left_out = np.median(averages, axis=-1), _left_out(differences.shape[-1], alpha)
    if left_out is None:
        return Look(estimate, np.full_like(estimate, -np.inf), np.full_like(estimate, np.inf))
    return Look(estimate, averages[..., left_out], averages[..., -1 - left_out])


@functools.cache
def _left_out(n, alpha):
    """How many averages lie outside the interval on each side, or None: the largest c with P(W <= c) <= alpha / 2, W the signed rank."""
    ways = np.ones(1)
    for rank in range(1, n + 1):
        ways = np.convolve(ways, np.eye(1, rank + 1, rank)[0] + np.eye(1, rank + 1, 0)[0])
    below = np.flatnonzero(np.cumsum(ways) / 2**n <= alpha / 2)
    return int(below[-1]) if below.size else None


def decide(seen, margin):
    """What a Look says: array (...) of NO CHANGE (of ``margin`` or more), SLOWER, FASTER, or OPEN.

    A change that is smaller than the margin for certain is none, even where it is not zero for certain.
    """
    within = (-margin <= seen.low) & (seen.high <= margin)
    return np.select([within, seen.low > 0, seen.high < 0], ["NO CHANGE", "SLOWER", "FASTER"], "OPEN")


def share(cells):
    """The chance of a false alarm of one look at one of several cells."""
    return ALPHA / len(LOOKS) / cells


def sight(differences, alpha):
    """Smallest slowdown, in logarithms, that as many pairs with this scatter are called SLOWER for with POWER; None for too few."""
    reach = _reach(len(differences), alpha)
    return None if reach is None else reach * float(np.std(differences, ddof=1))


def pairs_needed(sd, change, cells=1):
    """The first of LOOKS at which a slowdown is called SLOWER with POWER, or None if none is.

    Args:
        sd: of the logarithm of one run's fastest epoch, so that a pair has sqrt(2) times as much.
        change: the slowdown, as a share.
    """
    reaches = {n: _reach(n, share(cells)) for n in LOOKS}
    return next((n for n, reach in reaches.items() if reach is not None and reach * sd * np.sqrt(2) <= np.log1p(change)), None)


@functools.cache
def _reach(n, alpha):
    """The change, in standard deviations of a pair, that the interval of n pairs with normal noise leaves out zero for with POWER."""
    seen = look(np.random.default_rng(0).normal(size=(4000, n)), alpha)
    return float(np.quantile(-seen.low, POWER)) if np.isfinite(seen.low).all() else None


def seeds(differences, alpha):
    """The Look at the differences of accuracy of equal seeds: mean and Student's interval, of an array (n,)."""
    from scipy.special import stdtrit

    differences = np.asarray(differences, float)
    n, mean = len(differences), float(np.mean(differences))
    if n < 2:
        return Look(mean, -np.inf, np.inf)
    half = float(stdtrit(n - 1, 1 - alpha / 2)) * float(np.std(differences, ddof=1)) / np.sqrt(n)
    return Look(mean, mean - half, mean + half)


def decide_accuracy(seen, margin):
    """What it says: NO CHANGE, WORSE, BETTER or OPEN; a loss smaller than the margin for certain is none."""
    if seen.low > 0 and seen.high > margin:
        return "BETTER"
    if seen.high < 0 and seen.low < -margin:
        return "WORSE"
    return "NO CHANGE" if seen.low >= -margin else "OPEN"
