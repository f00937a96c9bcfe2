"""baselines/VERDICTS.md: the tables of tests/self/baselines/simulation.py, and the cases that they show."""

import math
from pathlib import Path

import numpy as np

from baselines import limits, screen
from tests.self.baselines.simulation import NOISY, OUTLIERS, Case, simulate, slow

PAGE = Path(__file__).parents[3] / "baselines" / "VERDICTS.md"
SIZES, RECORDS, NOISES = (10, 40), (1, 3, 5, 10, 30), ("normal", "t(3)", "lognormal", "outliers")
SESSIONS = 10_000


def cases():
    """What VERDICTS.md shows: heading -> cases."""
    return {
        "Variances of the cells drawn from their prior": [Case(noise, c, n) for noise in NOISES for c in SIZES for n in RECORDS],
        "All variances equal to the prior": [Case(noise, c, n, equal=True) for noise in NOISES for c in SIZES for n in RECORDS],
        f"One and ten cells {NOISY} times noisier, no study's": [
            Case("normal", c, n, noisy=k) for k in (1, 10) for c in SIZES for n in RECORDS
        ],
        "The worst of five sessions, each with another seed": [Case("normal", c, n, looks=5) for c in SIZES for n in RECORDS],
        "Accuracy near 1: p = 0.983": [Case("normal", c, n, p=0.983) for c in SIZES for n in RECORDS],
    }


def constants():
    """The constants that the table depends on, as it says them."""
    found = [(name, value) for module in (limits, screen) for name, value in vars(module).items() if name.isupper()]
    return ", ".join(f"{name} {value:.3g}" for name, value in dict(found).items())


INTRODUCTION = """# How often the verdicts are wrong, and what they see

Made by `python -m tests.self.baselines.simulation`: sessions in which nothing has changed, {small:,} of 10 cells and {large:,} of 40, judged
by the functions of `baselines/limits.py` and `baselines/screen.py` with as many gates as cells. Constants:
{constants}.

In percent: **red** sessions, those with a red *cell*, those where *all* cells together are red, *ever* one of five in a row (promised: red at most
{alpha:.0%} for normal noise, {outliers:.0%} for outliers in sessions of ten cells; exceptions below); **undecided** cells (SUSPECT or NO-BASELINE), sessions
with an **IMPROVED**; then trainings a cell beyond the first; **power** at the loss that a verdict says it sees, promised 87 to 93; that loss, and
the one that is seen in 90 %, in units of sqrt(p(1-p)/N) (0.0013 for p = 0.983 and N = 10,000). Outliers are 5 % of trainings that end 6 sd low.

Forty cells are promised nothing for outliers: that two of three trainings are such happens by itself in 18 % of their sessions. Up to
10 % are red where three records do not show that all cells are far noisier than the prior, and where the only record is near 1.
The standard error of a rate of 5 % is {error:.1%} with 10 cells and {error_large:.1%} with 40.
"""


def _percent(value):
    return "" if math.isnan(value) else f"{100 * value:.1f}"


def _row(rates):
    case = rates.case
    noise = f"{case.noise}, {case.noisy} noisy" if case.noisy else case.noise
    shares = [rates.red, rates.single, rates.together, rates.ever if case.looks > 1 else math.nan, rates.undecided, rates.improved]
    losses = ["" if case.noisy or math.isnan(each) else f"{each:.1f}" for each in (rates.printed, rates.seen)]
    return [noise, case.cells, case.n, *map(_percent, shares), f"{rates.more:.2f}", _percent(rates.power), *losses]


def page(count):
    """VERDICTS.md as text, from `count` sessions of ten cells, and a quarter as many of forty."""

    def table(head, rows):
        return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (head.split(), ["---"] * len(head.split()), *rows))

    errors = [math.sqrt(limits.ALPHA * (1 - limits.ALPHA) / each) for each in (count, count // 4)]
    given = {"small": count, "large": count // 4, "error": errors[0], "error_large": errors[1], "outliers": OUTLIERS, "alpha": limits.ALPHA}
    parts = [INTRODUCTION.format(constants=constants(), **given)]
    for heading, some in cases().items():
        rows = [_row(simulate(case, count * 10 // case.cells, np.random.default_rng(1), seen=True)) for case in some]
        parts.append(f"## {heading}\n\n{table('noise cells n red cell all ever undecided IMPROVED more power printed seen', rows)}\n")
    rows = [slow(n, sd, day, count // 4, np.random.default_rng(2)) for sd in (0.014, 0.033) for day in (0, 0.02, 0.04) for n in RECORDS]
    shown = [[each.n, *map(_percent, each[1:])] for each in rows]
    head = table("n within days red power sees", shown)
    parts.append(f"## Time: ten cells, twenty gates\n\nsd of log(seconds) within an occasion and between days, in percent.\n\n{head}\n")
    return "\n".join(parts)


def write():
    """Make the page anew."""
    PAGE.write_text(page(SESSIONS), encoding="utf-8")
