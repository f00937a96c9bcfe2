"""The seconds of a cell's epochs, as pytest-benchmark's rounds, against the accepted records of this machine.

The epochs were timed when the cell was trained: here their seconds are replayed, so that early
stopping, Ctrl-C and --benchmark-disable leave whole cells or none.
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
        elapsed[0] += next(seconds, 0)  # --benchmark-cprofile asks once more

    if record["train_seconds"]:  # else it shared its machine, and there is nothing that a tool could take for a measurement
        benchmark.extra_info.update(cell=record["cell"], seed=record["seed"], record=record["id"])
        benchmark.pedantic(epoch, rounds=len(record["train_seconds"]))
        save()
    given = verdict("seconds")
    assert not given.red, given.why
