"""How often the verdicts are wrong, and how often they see a loss: whole sessions, simulated with the functions that judge them.

``python -m tests.self.baselines.simulation`` writes baselines/VERDICTS.md, in a few minutes.
"""

import math
from typing import NamedTuple

import numpy as np

from baselines import limits, screen, sight

IMAGES = 10_000
OUTLIERS = 0.18  # bound on the false alarms of a session of ten cells
NOISY = 15  # times the sd of the prior


class Case(NamedTuple):
    """What is simulated: sessions in which nothing has changed."""

    noise: str = "normal"  # or t(3), lognormal, outliers
    cells: int = 10
    n: int = 5  # accepted records of each
    equal: bool = False  # the cells' variances are all equal to the prior's, instead of drawn from it
    noisy: int = 0  # of the cells, how many are no study's and NOISY times noisier
    looks: int = 1  # sessions of the same code, each adding a training of another seed
    p: float = 0.9  # accuracy


class Rates(NamedTuple):
    """What came out, as shares of 1; of several looks, the worst."""

    case: Case
    sessions: int
    red: float  # sessions
    single: float  # sessions with a red cell
    together: float  # sessions where the gate over all cells is red
    improved: float  # sessions with an IMPROVED
    undecided: float  # cells left SUSPECT or NO-BASELINE
    more: float  # trainings a cell beyond the first
    ever: float  # sessions of which one look was red
    power: float  # of a cell's gate, at the loss that it says it sees
    printed: float  # that loss, in units of sqrt(p(1-p)/N), the median
    seen: float  # loss that is seen with 90 % power, in the same unit


def drawn(rng, noise, shape):
    """Noise of unit sd, but for outliers: 5 % are 6 sd low. The long tail of the lognormal one is the low one."""
    if noise == "t(3)":
        return rng.standard_t(3, shape) / math.sqrt(3)
    normal = rng.normal(size=shape)
    if noise == "lognormal":
        return (math.exp(0.5) - np.exp(normal)) / math.sqrt((math.e - 1) * math.e)
    return normal - 6 * (rng.random(shape) < 0.05) if noise == "outliers" else normal


class Sessions:
    """Sessions of a case: their baselines, and as many trainings of each cell as they may ask for."""

    def __init__(self, case, count, rng, decide):
        shape = (count, case.cells)
        sd = np.sqrt(limits.PRIOR_FACTOR * case.p * (1 - case.p) / IMAGES) * np.ones(shape)
        if not case.equal:
            sd *= np.sqrt(limits.PRIOR_WEIGHT / rng.chisquare(limits.PRIOR_WEIGHT, shape))
        sd[:, : case.noisy] *= NOISY
        accepted, values = (case.p + sd[..., None] * drawn(rng, case.noise, (*shape, k)) for k in (case.n, case.looks + limits.TRAININGS))
        self.case, self.values, self.decide = case, values, decide
        self.studied = np.broadcast_to(np.arange(case.cells) >= case.noisy, shape)
        self.baseline = limits.Baseline(accepted, IMAGES, self.studied)

    def words(self, trained, shift=0):
        """Words, z and relative losses of cells, each trained so often: three arrays of the shape of `trained`, (sessions, cells)."""
        words, z, relative = np.full(trained.shape, "NO-BASELINE"), np.zeros(trained.shape), np.zeros(trained.shape)
        for m in np.unique(trained):
            at = trained == m
            values = (self.values[..., :m] - np.expand_dims(shift, -1))[at]
            here = self.baseline._replace(accuracies=self.baseline.accuracies[at], studied=self.studied[at])
            words[at], z[at] = self.decide(values, here, self.case.cells), limits.z_score(values, here)
            relative[at] = limits.losses(values, here)[0] / limits.SMALLEST
        return words, z, relative

    def look(self, trained):
        """One session: (trained with its own trainings, words, whether all cells together are red)."""
        trusted = self.case.noisy if self.case.n < limits.LEAST else 0  # the index of the first cell with a part in the gate over all
        words, z, relative = self.words(trained + 1)
        again = (words == "SUSPECT") & (trained + 1 < limits.TRAININGS)
        first = limits.all_first(again.sum(axis=1), self.case.cells) & limits.all_red(z[:, trusted:], relative[:, trusted:])
        trained = np.where(again & ~first[:, None], limits.TRAININGS, trained + 1)
        words, z, relative = self.words(trained)
        return trained, words, first | limits.all_red(z[:, trusted:], relative[:, trusted:])

    def power(self, shift):
        """Share of the cells that are red, each alone, at a loss of accuracy."""
        one = np.ones(self.studied.shape, int)
        words = self.words(one, shift)[0]
        return float((self.words(np.where(words == "SUSPECT", limits.TRAININGS, 1), shift)[0] == "REGRESSED").mean())


def simulate(case, count, rng, decide=limits.decide, seen=False):
    """Simulate sessions of a case: Rates.

    Args:
        case: Case.
        count: number of sessions.
        rng: NumPy's generator.
        decide: what judges a cell, limits.decide or a function like it.
        seen: whether to search for the loss that is seen, which takes a while.
    """
    sessions = Sessions(case, count, rng, decide)
    trained, looks = np.zeros((count, case.cells), int), []
    for _ in range(case.looks):
        before = trained
        trained, words, together = sessions.look(trained)
        single, undecided = (words == "REGRESSED").any(axis=1), np.isin(words, ("SUSPECT", "NO-BASELINE"))
        improved = (words == "IMPROVED").any(axis=1)
        looks.append((single | together, single, together, improved, undecided.mean(axis=1), (trained - before - 1).mean(axis=1)))
    red, single, together, improved, undecided, more = (np.array(each) for each in zip(*looks, strict=True))
    unit, some = math.sqrt(case.p * (1 - case.p) / IMAGES), Sessions(case, min(count, 20_000 // case.cells), rng, decide)
    printed = np.sqrt(some.baseline.variance) * sight.seen_sds(case.n, case.cells)
    return Rates(
        case,
        count,
        *(float(each.mean(axis=1).max()) for each in (red, single, together, improved, undecided, more)),
        ever=float(red.any(axis=0).mean()),
        power=math.nan if case.noisy else some.power(printed),
        printed=float(np.median(printed) / unit),
        seen=_seen(some, unit) if seen and not case.noisy else math.nan,
    )


def _seen(sessions, unit, low=0.0, high=40.0):
    for _ in range(9):
        middle = (low + high) / 2
        low, high = (low, middle) if sessions.power(middle * unit) > sight.POWER else (middle, high)
    return (low + high) / 2


def bound(case):
    """The share of red sessions that is promised for a case; 1 where nothing is."""
    if case.noise != "normal":
        return OUTLIERS if case.cells == 10 else 1
    few = case.noisy and case.n == limits.LEAST  # which do not always show how noisy a cell is
    return 0.1 if few or (case.n == 1 and case.p > 0.9) else limits.ALPHA  # and one record near 1 says little of its own unit


def problems(rates):
    """What the rates of a case break of what is promised: a list of texts, empty where all is kept."""
    case, found = rates.case, []
    error = 3 * math.sqrt(bound(case) * (1 - bound(case)) / rates.sessions)  # of the simulation
    if rates.red > bound(case) + error:
        found.append(f"{case}: {rates.red:.1%} of sessions are red, not at most {bound(case):.0%} + {error:.1%}")
    most = 0.96 if case.equal and case.n == 1 else 0.93  # its only variance is the prior's, which is then the true one
    if case.noise == "normal" and not case.noisy and not 0.87 <= rates.power <= most:
        found.append(f"{case}: {rates.power:.1%} of the losses that it says it sees are seen, not 87 to {most:.0%}")
    if not case.noisy and rates.undecided > 0.02:
        found.append(f"{case}: {rates.undecided:.1%} of cells have no verdict, not at most 2 %")
    return found


class Slow(NamedTuple):
    """Rates of the screen of time: sessions of ten cells, and so of twenty gates."""

    n: int
    sd: float  # of a cell's log(seconds) within an occasion
    day: float  # sd between days
    red: float  # sessions
    power: float  # at the slowdown that is printed
    printed: float  # the median


def slow(n, sd, day, count, rng, cells=10):
    """Simulate the screen of time, in sessions where all cells' times move with the day and, by itself, each training's: Slow.

    A cell is red if two trainings of it are.
    """
    accepted = np.exp(rng.normal(0, sd, (count, cells, n)) + rng.normal(0, day, (count, 1, 1)))
    costs = screen.Costs(accepted, np.array([[screen.pooled(each)] for each in accepted]))
    today = rng.normal(0, day, (count, 1))
    both = [np.exp(rng.normal(0, sd, (count, cells)) + today) for _ in range(2)]
    printed = screen.seen(costs, 2 * cells)
    red, seen = (
        np.logical_and(*(screen.decide(each * times, costs, 2 * cells) == "REGRESSED" for each in both)) for times in (1, 1 + printed)
    )
    return Slow(n, sd, day, float(red.any(axis=1).mean()), float(seen.mean()), float(np.median(printed)))


if __name__ == "__main__":
    from tests.self.baselines import verdicts_page

    verdicts_page.write()
