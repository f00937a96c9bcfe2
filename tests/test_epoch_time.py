"""The seconds of a cell's epochs, as pytest-benchmark's rounds, against the accepted runs of this machine.

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
def test_epoch_time(benchmark, run, judged, store_now):
    seconds = iter(run["train_seconds"] or [0.0])  # a run that shared its machine has none

    def epoch():
        elapsed[0] += next(seconds, 0)  # --benchmark-cprofile asks once more

    benchmark.extra_info.update(run)
    benchmark.pedantic(epoch, rounds=max(1, len(run["train_seconds"])))
    store_now()
    verdict = judged("seconds")
    assert not verdict.red, verdict.why
