"""From a sample and the stored runs to a verdict: which accepted runs are its like, and what changed."""

from baselines import gate
from baselines.run import alone, differences, epoch_seconds, sampled


def baseline(sample, machine, runs):
    """The accepted runs of the sample's cell on that machine: a list of store.Run."""
    return [run for run in runs if run.accepted and (run.machine, run.cell) == (machine, sample["cell"])]


def _like(sample, accepted):
    """The accepted runs on the same data, or the Verdict that says why there are none."""
    if sample["epochs_option"] is not None:
        return gate.Verdict("INCOMPARABLE", f"trained with --epochs {sample['epochs_option']}; only a whole recipe is judged")
    like = [run for run in accepted if run.sample["data"]["fingerprint"] == sample["data"]["fingerprint"]]
    if accepted and not like:
        theirs = accepted[0].sample["data"]["fingerprint"]
        return gate.Verdict("INCOMPARABLE", f"its data is {sample['data']['fingerprint']}, the accepted runs' was {theirs}")
    return like


def accuracy(sample, accepted, gates, floor):
    """Verdict of a sample's accuracy; the accepted runs count once a seed, the newest.

    The floor holds on all data but a sample of what it was set for: what has it not is REGRESSED before
    anything is called incomparable.
    """
    like = _like(sample, accepted)
    floor = None if sampled(sample) else floor
    if sample["loss"] is None:
        return gate.Verdict("REGRESSED", f"accuracy {sample['accuracy']:.4f} with a loss that is no number: the training diverged")
    if wrong := sample.get("divergence"):
        said = f"accuracy {sample['accuracy']:.4f}, and {wrong}"
        if sample["epochs_option"] is not None:
            return like._replace(why=f"{said}; {like.why}")
        if not any(run.sample.get("divergence") for run in accepted):
            return gate.Verdict("REGRESSED", said)
    if sample["epochs_option"] is not None:
        return like
    if isinstance(like, gate.Verdict):
        floored = gate.accuracy_verdict(sample["accuracy"], [], gates, floor)
        return floored if floored.red else like
    return gate.accuracy_verdict(sample["accuracy"], by_seed(like), gates, floor)


def by_seed(runs):
    """Accuracies, one a seed on a machine, the newest: a seed trained twice is not two samples."""
    return list({(run.machine, run.sample["seed"]): run.sample["accuracy"] for run in runs}.values())


def seconds(sample, accepted, gates):
    """Verdict of a sample's time; accepted runs that shared their machine do not count."""
    like = _like(sample, accepted)
    if isinstance(like, gate.Verdict):
        return like
    if not alone(sample):
        return gate.Verdict("INCOMPARABLE", f"other programs kept {sample['load']['others']:.2g} processors busy; its time is not judged")
    return gate.seconds_verdict(epoch_seconds(sample), [epoch_seconds(run.sample) for run in like if alone(run.sample)], gates)


def changes(sample, info, accepted):
    """What changed since the newest accepted run: a list of texts, empty where nothing did."""
    return differences(sample, info, accepted[-1]) if accepted else []
