"""The verdicts of stored records: those of their sessions, as `python -m baselines compare` repeats them."""

import functools
from collections import defaultdict

from baselines import gate, judge, times
from baselines.cells import cells
from baselines.record import timed


def judgements(stored):
    """For each cell and machine the newest record of a whole recipe, if it is newer than the accepted ones there, and its verdicts.

    Returns:
        list of (store.Stored, [gate.Verdict of accuracy, gate.Verdict of times]): those of its session, or made anew where the
        baseline has changed since.
    """
    newest, known = {}, cells()
    for each in stored:
        former = newest.get((each.cell, each.machine))
        if each.cell not in known or each.record["epochs_option"] is not None:
            continue
        if not (former and former.file == each.file and former.verdicts and not each.verdicts):  # one that only settled the former
            newest[each.cell, each.machine] = each
    chosen = [each for each in stored if newest.get((each.cell, each.machine)) is each and not each.accepted]
    of_cell, baselines = defaultdict(list), defaultdict(list)
    for each in stored:
        of_cell[each.cell].append(each)
        if each.accepted:
            baselines[each.machine].append(each)
    gates = max(sum(_gates(each, of_cell[each.cell]) for each in chosen), 1)
    variances = functools.cache(lambda machine: times.variances(machine, baselines[machine]))
    return [(each, [verdict(each, of_cell[each.cell], what, gates, variances) for what in ("accuracy", "seconds")]) for each in chosen]


def _gates(each, stored):
    """Number of verdicts of a record that can be red, as a session counts them."""
    accepted = [other.machine for other in stored if other.accepted and other.cell == each.cell]
    if not timed(each.record) or each.machine not in accepted:
        return bool(accepted)
    return 1 + sum(of(each.record) is not None for of in times.COSTS.values())


def common(judged):
    """The verdicts of all cells together of each machine's newest session: a list of (machine, file, gate.Verdict).

    Args:
        judged: what ``judgements`` returned.
    """
    newest = {each.machine: each.file for each, _ in judged}
    return [
        (machine, file, gate.together([accuracy for each, (accuracy, _) in judged if (each.machine, each.file) == (machine, file)]))
        for machine, file in newest.items()
    ]


def verdict(each, stored, what, gates, variances=None):
    """The gate.Verdict that a session stored beside a record, or one made anew where there is none or the baseline has changed since.

    Args:
        each: store.Stored.
        stored: list of store.Stored with those of its cell; without ``variances`` also all that are accepted on its machine.
        what: accuracy or seconds.
        gates: number of verdicts that share the false alarms.
        variances: a function: machine -> what times.variances gives.
    """
    kept = each.verdicts.get(what)
    if kept and kept["baseline"] == judge.fingerprint(judge.baseline(each.record, stored)):
        return gate.restored(kept)
    if what == "accuracy":
        return judge.accuracy(each.record, stored, gates, cells()[each.cell])
    return times.costs(each.record, stored, gates, variances and variances(each.machine))
