"""Judge a record's accuracy: which accepted records are its baseline, what its verdict is, and what changed since. No I/O.

Accuracy is no property of a machine, so that the records of any machine with the same data and precision are its baseline.
Lists of store.Stored are oldest first, as baselines.store gives them. Times: baselines.times.
"""

from collections import defaultdict
from statistics import fmean

import numpy as np

from baselines import gate, limits
from baselines.changes import differences
from baselines.record import digest, identity, same_code, sampled

OWN = 5  # accepted records of the same machine from which on those of other machines do not count
STUDIES = ("afif", "srivastava", "imagenet32")  # on whose cells the prior of the accuracy's variance was fitted


def candidates(record, stored):
    """The accepted records of the record's cell and precision on any machine, without itself."""
    return [
        each
        for each in stored
        if each.accepted
        and each.cell == record["cell"]
        and each.record["precision"] == record["precision"]
        and each.record["epochs_option"] is None
        and each.record["id"] != record["id"]
    ]


def data(record, former):
    """How the data of two records compare: 'same', 'other', or 'fault' where the same files gave other arrays."""
    new, old = record["data"], former["data"]
    if new["fingerprint"] == old["fingerprint"]:
        return "same"
    if None in (new["files"], old["files"]):  # of version 0: then canonical data has the same files by definition
        return "fault" if new["kind"] == old["kind"] == "canonical" else "other"
    return "fault" if new["files"] == old["files"] else "other"


def baseline(record, stored):
    """The accepted records that the record's accuracy is held against: a list of store.Stored, one a seed and backend.

    Those of its own machine alone, where there are enough; those of another backend only where the two are alike.
    """
    like = [each for each in candidates(record, stored) if data(record, each.record) == "same"]
    here = one_a_seed([each for each in like if each.machine == record["machine"]])
    if len(here) >= OWN:
        return here
    backends = defaultdict(list)
    for each in one_a_seed(like):
        backends[each.record["backend"]].append(each)
    own = backends.pop(record["backend"], [])
    images = record["data"]["test"]
    for others in backends.values():
        if not own or limits.alike(accuracies(own), accuracies(others), images):
            own = own + others
    return own


def one_a_seed(stored):
    """The newest record of each seed and backend."""
    return list({(each.record["backend"], each.record["seed"]): each for each in stored}.values())


def accuracies(stored):
    return [each.record["accuracy"] for each in stored]


def fingerprint(accepted):
    """16 hexadecimal digits that change when a baseline does."""
    return digest(sorted(each.digest for each in accepted))


def whose(accepted, machine):
    """Where the records of a baseline come from, in words for the end of a verdict's line."""
    machines = list(dict.fromkeys(each.machine.partition("_")[0] for each in accepted))
    return "this machine" if {each.machine for each in accepted} == {machine} else ", ".join(machines)


def trainings(record, stored):
    """The records of all trainings of this code, data and versions that are not accepted, the record among them."""
    others = [
        each.record
        for each in stored
        if each.cell == record["cell"] and not each.accepted and each.record["id"] != record["id"] and same_code(each.record, record)
    ]
    return [*others, record]


def values(records):
    """The accuracy of each seed: of trainings of one seed the mean, so that training a seed again adds and never replaces."""
    seeds = defaultdict(dict)
    for each in records:
        seeds[each["seed"]][tuple(each["history"].get("loss", [each["id"]]))] = each["accuracy"]
    return [fmean(of_seed.values()) for of_seed in seeds.values()]


def known(record, accepted, cell):
    """The limits.Baseline of accepted records.

    Args:
        cell: baselines.cells.Cell; its floor does not hold for samples.
    """
    return limits.Baseline(
        np.array(accuracies(accepted)),
        record["data"]["test"],
        studied=cell.study in STUDIES,
        smallest=limits.SMALLEST if cell.smallest is None else cell.smallest,
        floor=None if sampled(record) else cell.floor,
        whose=whose(accepted, record["machine"]),
    )


def accuracy(record, stored, gates, cell, quick=False):
    """Verdict of a record's accuracy, by all trainings of its code, data and versions.

    Args:
        record: as baselines.record describes it.
        stored: list of store.Stored, accepted or not.
        gates: number of verdicts of the session that share its false alarms.
        cell: baselines.cells.Cell.
        quick: no other seed will be trained.
    """
    accepted = candidates(record, stored)
    diverged = _diverged(record, accepted)
    if record["epochs_option"] is not None:
        text = f"trained with --epochs {record['epochs_option']}; only a whole recipe is judged"
        return gate.Verdict("INCOMPARABLE", f"{text}; {diverged}" if diverged else text)
    like = baseline(record, stored)
    if accepted and not like and not diverged:
        former = next((each for each in reversed(accepted) if data(record, each.record) == "fault"), None)
        if former:
            prints = f"{record['data']['fingerprint']}, accepted {former.record['data']['fingerprint']}"
            return gate.Verdict("REGRESSED", f"the same files gave other arrays ({prints}): the loader changed what it gives")
    for what in "total", "macs":
        found = record["macs"] if what == "macs" else record["parameters"]["total"]
        former = [each.record["macs"] if what == "macs" else each.record["parameters"]["total"] for each in accepted]
        if (exact := gate.exact(found, former, {"total": "parameters", "macs": "multiply-accumulates"}[what])).red:
            return exact
    base = known(record, like, cell)
    if not like:
        base = base._replace(whose="other data than the accepted records'" if accepted else "no accepted records")
    every = values(trainings(record, stored))
    alone = gate.accuracy([record["accuracy"]], base, gates, diverged=diverged)  # a collapse does not drown in what went well before
    return alone if alone.red and len(every) > 1 else gate.accuracy(every, base, gates, quick, diverged)


def _diverged(record, accepted):
    """What went wrong with a training; None also where it went wrong with most of the accepted ones."""
    wrong = record["divergence"] or ("its loss is not a finite number" if record["loss"] is None else None)
    former = [each.record["divergence"] is not None or each.record["loss"] is None for each in accepted]
    return None if sum(former) * 2 > len(former) else wrong


def twin(record, stored):
    """The newest other record of equal identity, or None: store.Stored."""
    same = digest(identity(record))
    return next((each for each in reversed(stored) if _of_cell(each, record) and digest(identity(each.record)) == same), None)


def _of_cell(each, record):
    return each.cell == record["cell"] and each.record["seed"] == record["seed"] and each.record["id"] != record["id"]


def repeats(record, stored):
    """Whether this machine gives the same bits again: not if two stored trainings of equal identity already have other losses."""
    same = digest(identity(record))
    losses = [each.record["history"]["loss"] for each in stored if _of_cell(each, record) and digest(identity(each.record)) == same]
    return all(each == losses[0] for each in losses)


def changes(record, stored):
    """What changed since the newest comparable record: a list of texts, empty where nothing did.

    That is the newest accepted record of the cell on the same machine, else on any, where other losses are no change.
    """
    accepted = candidates(record, stored)
    accepted = [each for each in accepted if each.machine == record["machine"]] or accepted
    if not accepted:
        return []
    found = differences(record, accepted[-1].record)
    same = [each for each in accepted if (each.machine, each.record["seed"]) == (record["machine"], record["seed"])]
    epoch = gate.first_difference(record["history"]["loss"], same[-1].record["history"]["loss"]) if same else None
    return [*found, f"losses differ from epoch {epoch} on"] if epoch else found
