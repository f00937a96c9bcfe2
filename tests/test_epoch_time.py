"""The seconds and the memory of a cell's epochs, as pytest-benchmark's rounds, against the accepted records of this machine.

The epochs were timed when the cell was trained: here their seconds are replayed, so that
with early stopping, Ctrl-C and --benchmark-disable a cell's epochs are reported all or not at all.
"""

import pytest

pytestmark = pytest.mark.full
elapsed = [0.0]


def replayed():
    """The clock that pytest-benchmark reads: seconds of the epochs replayed so far."""
    return elapsed[0]


@pytest.mark.benchmark(timer=replayed)
def test_epoch_time(benchmark, record, verdict, save):
    seconds = iter(record["train_seconds"])

    def epoch():
        elapsed[0] += next(seconds, 0)  # --benchmark-cprofile calls it once more

    if record["train_seconds"]:  # empty where the training shared its machine: then there is no measurement
        benchmark.extra_info.update(cell=record["cell"], seed=record["seed"], record=record["id"])
        benchmark.pedantic(epoch, rounds=len(record["train_seconds"]))
        save()
    judged = verdict("seconds")
    assert not judged.red, judged.why
