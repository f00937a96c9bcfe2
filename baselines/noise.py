"""python -m baselines noise: how much accepted trainings differ, beside what the gates take for granted (baselines.limits, screen).

The constants are not re-estimated in a session: few records would make them too small, and the gates too strict.
"""

import math
from collections import defaultdict
from statistics import mean, variance

from tabulate import tabulate

from baselines import judge, limits, occasions, screen, store
from baselines.record import epoch_seconds, timed

FOOT = """accuracy: variance of the accuracies of a cell's accepted records, one a seed and backend, / (p(1-p)/N). {factor} is taken for
granted as the mean, with the weight of {weight} degrees of freedom (PRIOR_FACTOR, PRIOR_WEIGHT). Here, weighted by n - 1: {measured}.
time: sd of log(fastest epoch) on one machine within six hours; {time:.1%} is taken for granted (TIME_SD). Here, pooled: {seconds}.
Between occasions, the sd of their means; {day:.0%} is taken for granted (DAY). Here: {days}."""


def command(args):
    """Print the table of every cell with at least three accepted records of the same data. Returns 0, or 3 where there is none."""
    groups = defaultdict(list)
    for each in store.every(args.storage, []):
        if each.accepted and each.record["epochs_option"] is None:
            groups[each.cell, each.record["data"]["fingerprint"], each.record["precision"]].append(each)
    rows, ratios, within, between = [], [], [], []
    for (cell, *_), group in sorted(groups.items()):
        values = judge.accuracies(judge.one_a_seed(group))
        times, days = _times(group)
        within += times
        between += days
        if len(values) >= limits.LEAST:
            p, images = min(max(mean(values), 0.5 / group[0].record["data"]["test"]), 1), group[0].record["data"]["test"]
            ratio = variance(values) / ((p * (1 - p) or 0.5 / images) / images)
            ratios.append((len(values) - 1, ratio))
            rows.append([cell, len(values), f"{p:.4f}", f"{math.sqrt(variance(values)):.4f}", f"{ratio:.2f}", _sd(times)])
    if not rows:
        print("no cell has three accepted records of the same data")
        return 3
    print(tabulate(rows, ["cell", "n", "accuracy", "sd", "accuracy: ratio", "time: sd of log"], disable_numparse=True))
    measured = sum(weight * ratio for weight, ratio in ratios) / sum(weight for weight, _ in ratios)
    given = {"factor": limits.PRIOR_FACTOR, "weight": limits.PRIOR_WEIGHT, "time": screen.TIME_SD, "day": screen.DAY}
    print("\n" + FOOT.format(measured=f"{measured:.2f}", seconds=_sd(within) or "unknown", days=_sd(between) or "unknown", **given))
    return 0


def _times(group):
    """Squared deviations of log(fastest epoch) from their occasion's mean, and of the occasions' means: two lists of (freedom, squares)."""
    machines = defaultdict(list)
    for each in group:
        if timed(each.record):
            machines[each.machine].append((each.when, math.log(epoch_seconds(each.record))))
    within, between = [], []
    for records in machines.values():
        groups = occasions.split(records)
        within += [_squares(values) for values in groups if len(values) > 1]
        if len(groups) > 1:
            between.append(_squares([mean(values) for values in groups]))
    return within, between


def _squares(values):
    return len(values) - 1, variance(values) * (len(values) - 1)


def _sd(parts):
    """The pooled standard deviation of (freedom, squares) in per cent; None without any."""
    freedom = sum(each for each, _ in parts)
    return f"{math.sqrt(sum(squares for _, squares in parts) / freedom):.1%} (n={freedom + len(parts)})" if freedom else None
