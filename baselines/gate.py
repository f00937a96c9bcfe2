"""The statistics of a verdict: is a new run one more of the accepted runs? No I/O.

A run is one sample. The new one is held against the t prediction interval of the accepted ones, on
both sides; the session's false-alarm budget is split over its gates before any of them is asked.
"""

import functools
import math
from statistics import mean, stdev
from typing import NamedTuple

FALSE_ALARMS = 0.05  # chance that a session without any change has a REGRESSED or an IMPROVED
POWER = 0.9  # with which the smallest visible change is seen
LEAST = 3  # accepted records under which there is no verdict

# What a gate measures, how large a change it may overlook before it is called UNSTABLE, and the
# scatter that is the least to be believed, however well a few accepted runs happen to agree.
ACCURACY = {"better": "higher", "blind": 0.05, "resolution": 0.0005}
SECONDS = {"better": "lower", "blind": math.log(1.5), "resolution": 0.02}  # on the logarithm


class Verdict(NamedTuple):
    word: str  # PASS, REGRESSED, IMPROVED, NO-BASELINE, INCOMPARABLE or UNSTABLE
    why: str  # the value, what it was held against, the error rates
    line: str = ""  # what a session says of it

    def __str__(self):
        return f"{self.word}: {self.why}"

    @property
    def red(self):
        return self.word == "REGRESSED"


def accuracy_verdict(value, accepted, gates, floor=None):
    """Judge one run's accuracy: the floor first, then the accepted runs.

    Args:
        value: share of the test images that were named right, 0 to 1.
        accepted: the same of each accepted run, one a seed.
        gates: number of verdicts asked in one session, which share the false alarms.
        floor: hard bound, or None.

    Returns:
        Verdict.
    """
    if not math.isfinite(value):
        return Verdict("REGRESSED", f"accuracy is {value}: the training diverged")
    if floor is not None and value < floor:
        return Verdict("REGRESSED", f"accuracy {value:.4f} is under the floor {floor}")
    held = f"; floor {floor} holds" if floor is not None else "; no floor is set"
    verdict = _verdict(value, list(accepted), gates, ACCURACY, lambda x: f"{x:.4f}", lambda x: f"{x:.4f}")
    return verdict._replace(why=f"accuracy {verdict.why}{held}")


def seconds_verdict(value, accepted, gates):
    """Judge one run's seconds an epoch against those of the accepted runs, as ratios.

    Args:
        value: seconds of the run's fastest epoch.
        accepted: the same of each accepted run, one a process.
        gates: number of verdicts asked in one session, which share the false alarms.

    Returns:
        Verdict.
    """
    if not value > 0 or not math.isfinite(value):
        return Verdict("INCOMPARABLE", f"{value} s an epoch is no time")
    logs = [math.log(seconds) for seconds in accepted]
    verdict = _verdict(math.log(value), logs, gates, SECONDS, lambda x: f"{math.exp(x):.4g} s", lambda x: f"{math.expm1(x):.0%}")
    return verdict._replace(why=f"fastest epoch {verdict.why}")


def _verdict(value, accepted, gates, kind, show, show_change):
    n = len(accepted)
    if n < LEAST:
        return Verdict("NO-BASELINE", f"{show(value)}; {n} accepted run{'s' * (n != 1)}, a verdict needs {LEAST}")
    centre, scatter = mean(accepted), max(stdev(accepted), kind["resolution"])
    alarm = FALSE_ALARMS / max(gates, 1)
    reach = scatter * math.sqrt(1 + 1 / n)
    half_width = _t_quantile(1 - alarm / 2, n - 1) * reach
    visible = _visible(alarm, n - 1) * reach
    against = (
        f"{show(value)} against {show(centre)} (n={n}), expected {show(centre - half_width)} to {show(centre + half_width)}; "
        f"false alarms {alarm:.2g}, sees a change of {show_change(visible)} with {POWER:.0%} power"
    )
    if abs(value - centre) > half_width:
        good = (value > centre) == (kind["better"] == "higher")
        return Verdict("IMPROVED" if good else "REGRESSED", against)
    if visible > kind["blind"]:
        return Verdict("UNSTABLE", f"{against}: too little to trust, accept more runs")
    return Verdict("PASS", against)


@functools.cache
def _t_quantile(share, freedom):
    from scipy.special import stdtrit  # not at import: collecting tests must not load scipy; nor scipy.stats, which takes 0.7 s

    return float(stdtrit(freedom, share))


@functools.cache
def _visible(alarm, freedom):
    """The change, in units of the new run's own reach, that is seen with POWER."""
    from scipy.special import nctdtrinc

    return float(nctdtrinc(freedom, 1 - POWER, _t_quantile(1 - alarm / 2, freedom)))
