"""How long a cell will take here, and which cells fit a time budget: cheapest first."""

import re
from statistics import median

from baselines import machine
from baselines.cells import cells, published_seconds
from baselines.record import timed

START = 4  # seconds that a training's process takes to import a backend and read the data
UNITS = {"s": 1, "m": 60, "h": 3600}


def budget(text):
    """Seconds that a text such as 90s, 20m or 1h30m means.

    Raises:
        ValueError: the text is not a time; the message shows the form.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", text)
    seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    if not seconds or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a time; write it as 90s, 20m or 1h30m")
    return seconds


def duration(seconds):
    """Seconds as a person reads them: 45 s, 12 min, 3.4 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def estimate(cell, machine, stored, epochs=None):
    """Seconds that a training of a cell will take, or None where nothing is known of it.

    From its records of this machine; else from those of other machines; else from the published time,
    scaled by this machine's speed on the published cells that it has trained.
    """
    wanted = epochs or cell.recipe["epochs"]
    stored = [each for each in stored if timed(each.record)]
    here = [each for each in stored if each.machine == machine]
    for some in here, stored:
        times = [_whole(each.record, wanted) for each in some if each.cell == cell.id]
        if times:
            return median(times)
    published = published_seconds(cell)
    return None if published is None else published * wanted * _pace(here)


def _whole(record, epochs):
    """Seconds of such a training with that number of epochs, with the start of its process; of a search, the seconds that it took."""
    if record["trials"]:
        return START + sum(trial["seconds"] for trial in record["trials"])
    an_epoch = median(record["train_seconds"]) + median(record["eval_seconds"])
    return START + record["compile_seconds"] + an_epoch * epochs


def _pace(stored):
    """This machine's seconds for one published second; 1 where it has trained no published cell."""
    ratios = []
    for each in stored:
        cell = cells().get(each.cell)
        if cell and (published := published_seconds(cell)):
            epochs = cell.recipe["epochs"]
            ratios.append((_whole(each.record, epochs) - START) / (published * epochs))
    return median(ratios) if ratios else 1.0


def seeds(text):
    """The seeds that a text such as 3, 1-5 or 1,3,7-9 means: a list of int without repeats.

    Raises:
        ValueError: the text does not name seeds; the message shows the form.
    """
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise ValueError(f"{text!r} does not name seeds; write them as 3, 1-5 or 1,3,7-9")
        found += range(first, last + 1)
    return list(dict.fromkeys(found))


def seed(cell, precision, stored):
    """The seed that a cell is trained with, unless --seeds says otherwise.

    The accepted seed of median accuracy where a machine repeats its bits, which a CPU does; on a GPU the lowest seed that is
    not stored; 0 without records.
    """
    mine = [
        each for each in stored if (each.cell, each.record["precision"], each.record["backend"]) == (cell, precision, machine.backend())
    ]
    if machine.accelerated():
        used = {each.record["seed"] for each in mine}
        return next(number for number in range(len(used) + 1) if number not in used)
    accepted = [each for each in mine if each.accepted and each.record["epochs_option"] is None]
    accepted = [each for each in accepted if each.machine == machine.folder(precision)] or accepted
    accepted.sort(key=lambda each: each.record["accuracy"])
    return accepted[(len(accepted) - 1) // 2].record["seed"] if accepted else 0


def cheapest_first(estimates):
    """Trainings in the order of their estimates, those without an estimate last."""
    return sorted(estimates, key=lambda training: (estimates[training] is None, estimates[training] or 0))


def fits(seconds, left):
    """Whether a training with that estimate starts with ``left`` seconds left (None: no limit); one without an estimate does not."""
    return left is None or (seconds is not None and seconds <= left)


def announcement(estimates, limit):
    """What a session will train and how long that will take, before it starts: a list of lines.

    Args:
        estimates: test id of a training -> seconds or None.
        limit: the time budget in seconds, or None.
    """
    chosen, left = [], limit
    for training in cheapest_first(estimates):
        if fits(estimates[training], left):
            chosen.append(training)
            left = None if left is None else left - estimates[training]
    total = sum(estimates[training] or 0 for training in chosen)
    unknown = [training for training in chosen if estimates[training] is None]
    times = [f"about {duration(total)}"] if total else []
    times += [f"an unknown time for those without a timed record: {', '.join(unknown)}"] if unknown else []
    line = f"expects {len(chosen)} training{'s' * (len(chosen) != 1)} to take {' and '.join(times) or 'no time'}"
    rest = [f"{each} ({duration(estimates[each]) if estimates[each] else 'unknown'})" for each in estimates if each not in chosen]
    return [line] + ([f"the time budget of {duration(limit)} leaves out: {', '.join(rest)}"] if rest else [])
