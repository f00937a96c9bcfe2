"""Judge a record: which accepted records it can be compared with, its verdicts, and what changed since."""

from baselines import gate
from baselines.record import company, differences, epoch_seconds, sampled, timed


def baseline(record, machine, stored):
    """The accepted records of the record's cell on that machine: a list of store.Stored."""
    return [each for each in stored if each.accepted and (each.machine, each.cell) == (machine, record["cell"])]


def _like(record, accepted):
    """The accepted records of the same data, or the Verdict that says why there are none."""
    if record["epochs_option"] is not None:
        return gate.Verdict("INCOMPARABLE", f"trained with --epochs {record['epochs_option']}; only a whole recipe is judged")
    fingerprint = record["data"]["fingerprint"]
    like = [each for each in accepted if each.record["data"]["fingerprint"] == fingerprint]
    if accepted and not like:
        former = accepted[0].record["data"]["fingerprint"]
        return gate.Verdict("INCOMPARABLE", f"its data is {fingerprint}, the accepted records' was {former}")
    return like


def accuracy(record, accepted, gates, floor):
    """Verdict of a record's accuracy; of each seed the newest accepted record counts.

    The floor holds for all data except samples. An accuracy under it is REGRESSED, even where the record cannot be
    compared with the accepted ones.
    """
    like = _like(record, accepted)
    floor = None if sampled(record) else floor
    if record["loss"] is None:
        return gate.Verdict(
            "REGRESSED", f"accuracy {record['accuracy']:.4f} with a loss that is not a finite number: the training diverged"
        )
    if wrong := record["divergence"]:
        under = f", under the floor {floor}" if floor is not None and record["accuracy"] < floor else ""
        text = f"accuracy {record['accuracy']:.4f}{under}, and {wrong}"
        if record["epochs_option"] is not None:
            return like._replace(why=f"{text}; {like.why}")
        if not any(each.record["divergence"] for each in accepted):
            return gate.Verdict("REGRESSED", text)
    if record["epochs_option"] is not None:
        return like
    if isinstance(like, gate.Verdict):
        floored = gate.accuracy_verdict(record["accuracy"], [], gates, floor)
        return floored if floored.red else like
    return gate.accuracy_verdict(record["accuracy"], by_seed(like), gates, floor)


def by_seed(stored):
    """Accuracies, one per machine and seed, of the newest record: a seed trained twice gives no second independent value."""
    return list({(each.machine, each.record["seed"]): each.record["accuracy"] for each in stored}.values())


def seconds(record, accepted, gates):
    """Verdict of a record's time; accepted records without times do not count."""
    like = _like(record, accepted)
    if isinstance(like, gate.Verdict):
        return like
    if not timed(record):
        return gate.Verdict("INCOMPARABLE", f"{company(record['load'])}; its time is not judged")
    return gate.seconds_verdict(epoch_seconds(record), [epoch_seconds(each.record) for each in like if timed(each.record)], gates)


def changes(record, accepted):
    """What changed since the newest accepted record: a list of texts, empty where nothing did."""
    return differences(record, accepted[-1].record) if accepted else []
