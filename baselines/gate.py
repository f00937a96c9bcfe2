"""From numbers to verdicts: a word, a line and the details. No I/O.

The numbers are baselines.limits' for accuracy, baselines.sight's for what it sees and baselines.screen's for costs.
How often these are wrong: VERDICTS.md, made by tests/self/baselines/simulation.py.
"""

import math
from typing import NamedTuple

import numpy as np

from baselines import limits, screen, sight

WIDTH = 140  # characters of a verdict's line, with its subject and its word
BITS = " to the bit, "  # in the line of a SAME, before the verdict that it carries
BLIND = {"accuracy": 0.05, "cost": 0.5}  # a verdict that sees no smaller loss or excess fails under --strict-baselines
SIGHTLESS = ("NO-BASELINE", "INCOMPARABLE", "UNSTABLE", "SUSPECT")  # words that say that nothing, or not enough, could be seen


class Verdict(NamedTuple):
    word: str  # SAME, PASS, REGRESSED, IMPROVED, SUSPECT, NO-BASELINE, INCOMPARABLE or UNSTABLE
    line: str  # value, baseline, limit, n, what is seen, whose records
    details: str = ""
    more: int = 0  # trainings that settle a SUSPECT
    z: float | None = None  # of the accuracy, for the gate over all cells; None of an accepted training, an untrusted or no baseline
    relative: float | None = None  # loss of accuracy as a multiple of the smallest that matters
    carried: str = ""  # the word that a SAME stands for
    blind: bool = False  # it sees nothing less than BLIND

    def __str__(self):
        return f"{self.word}: {self.line}"

    @property
    def red(self):
        return "REGRESSED" in (self.word, self.carried)

    @property
    def sightless(self):
        """Whether a loss that matters would not have been seen."""
        return self.blind or self.word in SIGHTLESS or self.carried in SIGHTLESS

    def noted(self, text):
        """The verdict with one more detail."""
        return self._replace(details="; ".join(filter(None, [self.details, text])))

    def told(self, subject):
        """The verdict about a subject in at most WIDTH characters: whose records, at the end, is what is cut."""
        text = f"{subject} {self}"
        return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def same(former, file):
    """SAME, with the verdict of a stored training that had the same identity and, to the bit, the same losses.

    Args:
        former: Verdict of the stored training.
        file: where it is stored.
    """
    word = former.carried or former.word
    line = former.line.split(BITS)[-1] if former.carried else f"{word}: {former.line}"
    return former._replace(word="SAME", line=f"{file}{BITS}{line}", carried=word)


def restored(kept):
    """The Verdict that is stored beside a record, with what else is stored there; records of older sessions lack some of its fields."""
    return Verdict(**{key: value for key, value in kept.items() if key in Verdict._fields})


def first_difference(history, stored):
    """The first epoch, from 1, whose loss is not the stored one to the bit; None where all are. Lengths count."""
    for epoch, pair in enumerate(zip(history, stored, strict=False), 1):
        if pair[0] != pair[1]:
            return epoch
    return None if len(history) == len(stored) else min(len(history), len(stored)) + 1


def accuracy(values, baseline, gates, quick=False, diverged=None):
    """Judge the accuracy of a cell's trainings.

    Args:
        values: list of the accuracies, shares of 1, of all trainings of this code, data and versions, the judged one among them.
        baseline: limits.Baseline; without accuracies there is none, and `whose` says why.
        gates: number of verdicts of the session that share its false alarms; a SAME is none.
        quick: no other seed is trained.
        diverged: what went wrong with one of the trainings, or None.

    Returns:
        Verdict. A SUSPECT whose `more` is not 0 is settled by as many more trainings, judged together with these.
    """
    given = f"accuracy {np.mean(values):.4f}" + (f" of {len(values)}" if len(values) > 1 else "")
    if diverged or not np.isfinite(values).all():
        return Verdict("REGRESSED", f"{given}; the training diverged: {diverged or 'its accuracy is not finite'}")
    if baseline.floor is not None and min(values) < baseline.floor:
        return Verdict("REGRESSED", f"accuracy {min(values):.4f} is under the floor {baseline.floor}")
    quick = quick and len(values) < limits.TRAININGS
    word = str(limits.decide(values, baseline, gates, quick))
    if word == "NO-BASELINE":
        return Verdict(word, f"{given}; {baseline.whose or 'no accepted records'}")
    return _against(Verdict(word, given), values, baseline, gates, quick)


def _against(verdict, values, baseline, gates, quick):
    """The verdict with what it was held against."""
    m, mean, alarm = len(values), float(baseline.mean), limits.SINGLE / gates
    suspicious = mean - _least(baseline, limits.WORST)
    if m >= limits.TRAININGS:
        red = mean - _least(baseline, alarm, m)
        bound = f"limit {red:.4f}"
    else:
        red = mean - (_least(baseline, limits.QUICK) if quick else _least(baseline, alarm, factor=limits.AT_ONCE))
        bound = f"suspicious under {suspicious:.4f}"
    sees = sight.seen(baseline, gates, quick)
    sight_text = f"sees a loss of {sees:.2g}" if math.isfinite(sees) else f"never red under {limits.LEAST} records"
    line = f"{verdict.line}, baseline {mean:.4f} (n={baseline.n}), {bound}; {sight_text}"
    sd, freedom = math.sqrt(baseline.variance), int(baseline.freedom)
    details = (
        f"trainings {', '.join(f'{each:.4f}' for each in values)}; baseline sd {sd:.2g} with {freedom} degrees of freedom"
        f"{' (its own alone: noisier than others)' if baseline.noisy else ''}; suspicious under {suspicious:.4f}, red under {red:.4f}; "
        f"false alarms {limits.QUICK if quick else alarm:.2g} of {gates} gates; {sight.POWER:.0%} power from a loss of {sees:.2g} on; "
        + ("no floor" if baseline.floor is None else f"floor {baseline.floor} holds")
    )
    part = {"z": float(limits.z_score(values, baseline)), "relative": float(limits.losses(values, baseline)[0]) / baseline.smallest}
    return verdict._replace(
        line=f"{line}; {baseline.whose}" if baseline.whose else line,
        details=details,
        more=max(limits.TRAININGS - m, 0) if verdict.word == "SUSPECT" else 0,
        blind=sees > BLIND["accuracy"],
        **(part if baseline.trusted else {}),
    )


def _least(baseline, alarm, m=1, factor=1):
    return max(factor * float(limits.limit(baseline, alarm, m)), baseline.smallest)


def together(verdicts):
    """Judge the cells' accuracies together: a loss that all share and that none shows alone.

    Args:
        verdicts: the Verdicts of `accuracy` of a session, one a cell.

    Returns:
        Verdict; NO-BASELINE where fewer than limits.LEAST_CELLS have a part in it.
    """
    parts = [each for each in verdicts if each.z is not None]
    if len(parts) < limits.LEAST_CELLS:
        return Verdict("NO-BASELINE", f"{len(parts)} cells can be judged together, which takes {limits.LEAST_CELLS}")
    z, relative = [each.z for each in parts], [each.relative for each in parts]
    total, bound = sum(z) / math.sqrt(len(z)), -limits.quantile(1 - limits.ALL_CELLS, math.inf)
    sees = (limits.quantile(sight.POWER, math.inf) - bound) / math.sqrt(len(z))
    line = f"{len(z)} cells together at z = {total:.2f}, limit {bound:.2f}; sees a common loss of {sees:.2g} sd"
    details = f"z of the cells: {', '.join(f'{each:.2f}' for each in z)}; false alarms {limits.ALL_CELLS:.2g}"
    return Verdict("REGRESSED" if limits.all_red(z, relative) else "PASS", line, details)


def all_first(verdicts):
    """Whether a session asks `together` before it trains its suspicious cells again; if that is red, they stay SUSPECT."""
    judged = [each for each in verdicts if each.word not in ("SAME", "NO-BASELINE")]
    return bool(limits.all_first(sum(each.more > 0 for each in judged), len(judged)))


def cost(value, costs, gates, what="fastest epoch"):
    """Screen a cost of a training: seconds of its fastest epoch, of the others or of evaluation, or a GPU's bytes.

    Args:
        value: positive, in the unit of costs.
        costs: screen.Costs of the accepted records on this machine.
        gates: number of verdicts of the session that share its false alarms.
        what: name of the cost.

    Returns:
        Verdict: INCOMPARABLE where the value is not positive and finite.
    """
    if not value > 0 or not math.isfinite(value):
        return Verdict("INCOMPARABLE", f"{what} is {value} {costs.unit}, not a cost")
    word, given = str(screen.decide(value, costs, gates)), f"{what} {value:.4g} {costs.unit}"
    if word == "NO-BASELINE":
        return Verdict(word, f"{given}; {costs.whose or 'no accepted records'}")
    mean, alarm = math.exp(costs.mean), limits.SINGLE / gates
    bound = math.exp(costs.mean + max(float(screen.limit(costs, alarm)), screen.SLOWDOWN))
    sees = float(screen.seen(costs, gates))
    line = f"{given}, baseline {mean:.4g} (n={costs.n}), limit {bound:.4g}; sees a rise of {sees:.0%}"
    within, between = costs.spread
    details = (
        f"{value / mean - 1:+.1%}; noise {math.sqrt(within):.1%} within an occasion and {math.sqrt(between):.1%} between days, "
        f"{costs.freedom} degrees of freedom; false alarms {alarm:.2g} of {gates} gates; {sight.POWER:.0%} power from {sees:.0%} on"
    )
    return Verdict(word, f"{line}; {costs.whose}" if costs.whose else line, details, blind=sees > BLIND["cost"])


def exact(value, accepted, what):
    """Judge a quantity without noise, as the number of parameters: REGRESSED unless an accepted record has the same."""
    if not accepted:
        return Verdict("NO-BASELINE", f"{what} {value:,}; no accepted records")
    if value in accepted:
        return Verdict("PASS", f"{what} {value:,}, as accepted (n={len(accepted)})")
    return Verdict(
        "REGRESSED", f"{what} {value:,}, accepted {' or '.join(f'{each:,}' for each in sorted(set(accepted)))} (n={len(accepted)})"
    )
