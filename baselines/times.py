"""Judge what a training cost: its times, and a GPU's peak memory. No I/O.

Costs are compared on one machine only. Lists of store.Stored are oldest first, as baselines.store gives them.
"""

from collections import defaultdict
from statistics import median

from baselines import calibration, gate, judge, occasions, screen
from baselines.record import company, timed

MEMORY = "GPU memory"  # the only cost that is no time
FASTEST = "fastest epoch"
COSTS = {  # what is screened -> its value in a timed record, or None
    FASTEST: lambda record: min(record["train_seconds"]),
    "median epoch": lambda record: median(record["train_seconds"]),
    "evaluation": lambda record: min(record["eval_seconds"]),
    MEMORY: lambda record: record["peak_memory"]["gpu"],
}


def costs(record, stored, gates, known_variances=None, again=None):
    """Verdict of a record's times and memory, by the accepted records of the same machine, data and number of epochs.

    Args:
        known_variances: what ``variances`` gives for the record's machine, where that is known already.
        again: the record of a second training of the seed: what is red must be so in both, unless it shared its machine.
    """
    if record["epochs_option"] is not None:
        return gate.Verdict("INCOMPARABLE", f"trained with --epochs {record['epochs_option']}; only a whole recipe is judged")
    if not timed(record):
        return gate.Verdict("UNSTABLE", f"{company(record['load'])}; its time is not judged")
    here = [each for each in judge.candidates(record, stored) if each.machine == record["machine"] and timed(each.record)]
    like = [each for each in here if judge.data(record, each.record) == "same"]
    same = [each for each in like if each.record["recipe"]["epochs"] == record["recipe"]["epochs"]]
    if like and not same:
        epochs = f"{record['recipe']['epochs']} epochs, the accepted records {like[-1].record['recipe']['epochs']}"
        return gate.Verdict("INCOMPARABLE", f"trained for {epochs}")
    why = "other data than the accepted records'" if here else "no accepted records of this machine"
    within = known_variances or variances(record["machine"], stored)
    verdicts, second = ({} if made is None or not timed(made) else _each(made, same, within, gates, why) for made in (record, again))
    worst = next((each for each in verdicts.values() if each.red), verdicts[FASTEST])
    if again is None or not worst.red:
        return worst
    if not timed(again):
        return worst.noted(f"a second training does not tell: {company(again['load'])}")
    for what, first in verdicts.items():
        if first.red and what in second and second[what].red:
            return first.noted(f"in a second training {second[what].line}")
    return (second[FASTEST] if verdicts[FASTEST].red else verdicts[FASTEST]).noted(f"not counted: {worst.line}, in a first training")


def variances(machine, stored):
    """Variance of the logarithm of each of COSTS within an occasion: name -> variance.

    From all accepted records of a machine and, for the fastest epoch, what ``python -m baselines calibrate`` measured.
    """
    calls = next(([call["seconds"] for call in each.calibration] for each in stored if each.machine == machine), [])
    more = {FASTEST: calls}
    return {what: screen.pooled([*_by_cell(of, machine, stored), *more.get(what, [])]) for what, of in COSTS.items()}


def _each(record, accepted, variances, gates, why):
    """COSTS that a record has -> verdict."""
    return {what: _cost(what, record, accepted, variances[what], gates, why) for what, of in COSTS.items() if of(record) is not None}


def _cost(what, record, accepted, variance, gates, why):
    """Verdict of one of COSTS."""
    of = COSTS[what]
    former = [each for each in accepted if of(each.record) is not None]
    screened = screen.Costs(
        [of(each.record) for each in former],
        variance=variance,
        occasions=occasions.count([each.when for each in former]),
        day=calibration.scatter(former[-1].calibration)[1] if former and what != MEMORY else screen.DAY,
        unit="bytes" if what == MEMORY else "s",
        whose="this machine" if former else why,
    )
    return gate.cost(of(record), screened, gates, what)


def _by_cell(of, machine, stored):
    """The values of one cost of each cell that was accepted on a machine: a list of lists."""
    cells = defaultdict(list)
    for each in stored:
        if each.accepted and each.machine == machine and timed(each.record) and (value := of(each.record)) is not None:
            cells[each.cell, each.record["data"]["fingerprint"], each.record["recipe"]["epochs"]].append(value)
    return list(cells.values())
