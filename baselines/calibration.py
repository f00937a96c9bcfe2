"""What `python -m baselines calibrate` measured of a machine: how much the time of one cell scatters. No backend is needed to read it."""

import datetime
import json
from statistics import mean

import numpy as np

from baselines import files, occasions, record, screen
from baselines.limits import moderated

NAME = "calibration"  # in a machine's folder; JSON without .json in its name, since pytest-benchmark reads every .json file as timings
VERSION = 1
ALIKE = ("cell", "recipe", "data", "versions", "code", "environment")  # calls that agree in these are of the same training


def load(folder):
    """The calls that were stored in a machine's folder, oldest first: a list of dicts.

    Raises:
        files.StoreError: the file is damaged.
    """
    path = folder / NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["version"] != VERSION:
            raise ValueError(f"version is {found['version']!r}, and this suite reads {VERSION}")
        for call in found["calls"]:
            datetime.datetime.fromisoformat(call["when"])
            if not call["seconds"] or not all(type(each) in (int, float) and each > 0 for each in call["seconds"]):
                raise ValueError(f"seconds are {call['seconds']!r:.40}, not positive numbers")
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"the key {error} is missing" if isinstance(error, KeyError) else error
        raise files.StoreError(
            f"{path}: not a calibration ({reason}); delete it, and measure again: python -m baselines calibrate"
        ) from error
    return sorted(found["calls"], key=lambda call: datetime.datetime.fromisoformat(call["when"]))


def add(folder, call):
    """Store one more call in a machine's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with files.alone(folder / NAME):
        files.replace(folder / NAME, files.dense(record.plain({"version": VERSION, "calls": [*load(folder), call]})) + "\n")


def scatter(calls):
    """Standard deviations of log(fastest epoch) within and between occasions, and the number of occasions.

    Between occasions it is moderated by screen.DAY, which stands alone until there are two; calls that differ in one of ALIKE
    are compared among themselves.
    """
    groups = [np.log(np.concatenate(occasion)) for alike in _alike(calls) for occasion in alike]
    freedom = sum(len(each) - 1 for each in groups)
    within = sum(float(np.var(each)) * len(each) for each in groups) / freedom if freedom else 0.0
    squares, differences = 0.0, 0
    for alike in _alike(calls):
        logs = [np.log(np.concatenate(occasion)) for occasion in alike]
        means = [float(np.mean(each)) for each in logs]
        if len(means) > 1:
            noise = within * mean(1 / len(each) for each in logs)
            squares += max(0.0, float(np.var(means, ddof=1)) - noise) * (len(means) - 1)
            differences += len(means) - 1
    between = float(np.sqrt(moderated(screen.DAY**2, squares, differences + 1)))
    return float(np.sqrt(within)), between, differences + 1 if differences else min(len(groups), 1)


def _alike(calls):
    """The seconds of each occasion, of calls that are alike: a list of lists of lists of lists."""
    alike = {}
    for call in calls:
        key = record.digest([call.get(name) for name in ALIKE])
        alike.setdefault(key, []).append((call["when"], call["seconds"]))
    return [occasions.split(dated) for dated in alike.values()]
