"""How long a cell will take here, and which cells fit a time budget: cheapest first."""

import re
from statistics import median

from baselines.cells import cells, published_seconds

UNITS = {"s": 1, "m": 60, "h": 3600}


def budget(text):
    """Seconds that a text such as 90s, 20m or 1h30m means.

    Raises:
        ValueError: it means nothing; the message shows the form.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", text)
    seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    if not seconds or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no time; write it as 90s, 20m or 1h30m")
    return seconds


def duration(seconds):
    """Seconds as a person reads them: 45 s, 12 min, 3.4 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def estimate(cell, machine, runs, epochs=None):
    """Seconds that a cell will take, or None where nothing is known of it.

    From its runs on this machine; else from those on other machines; else from the published time,
    scaled by how this machine has done on other published cells.
    """
    wanted = epochs or cell.recipe["epochs"]
    runs = [run for run in runs if run.sample["train_seconds"]]
    here = [run for run in runs if run.machine == machine]
    for stored in here, runs:
        times = [_whole(run.sample, wanted) for run in stored if run.cell == cell.id]
        if times:
            return median(times)
    published = published_seconds(cell)
    return None if published is None else published * wanted * _pace(here)


def _whole(sample, epochs):
    """Seconds that the run would have taken with so many epochs; a search, as long as it took."""
    if "trials" in sample:
        return sum(trial["seconds"] for trial in sample["trials"])
    an_epoch = median(sample["train_seconds"]) + median(sample["eval_seconds"])
    return sample["compile_seconds"] + an_epoch * epochs


def _pace(runs):
    """This machine's seconds for one published second; 1 where it has run no published cell."""
    ratios = []
    for run in runs:
        cell = cells().get(run.cell)
        if cell and (published := published_seconds(cell)):
            epochs = cell.recipe["epochs"]
            ratios.append(_whole(run.sample, epochs) / (published * epochs))
    return median(ratios) if ratios else 1.0


def cheapest_first(estimates):
    """Cell ids in the order of their estimates, those that nothing is known of last."""
    return sorted(estimates, key=lambda cell: (estimates[cell] is None, estimates[cell] or 0))


def fits(seconds, left):
    """Whether a cell of that estimate is started with so many seconds left; what is unknown is not."""
    return left is None or (seconds is not None and seconds <= left)


def announcement(estimates, limit):
    """What a session will train and how long that will take, before it starts: a list of lines.

    Args:
        estimates: cell id -> seconds or None.
        limit: the time budget in seconds, or None.
    """
    chosen, left = [], limit
    for cell in cheapest_first(estimates):
        if fits(estimates[cell], left):
            chosen.append(cell)
            left = None if left is None else left - estimates[cell]
    total = sum(estimates[cell] or 0 for cell in chosen)
    unknown = [cell for cell in chosen if estimates[cell] is None]
    times = [f"about {duration(total)}"] if total else []
    times += [f"an unknown time for what was never trained before: {', '.join(unknown)}"] if unknown else []
    line = f"expects to train {len(chosen)} cell{'s' * (len(chosen) != 1)} in {' and '.join(times) or 'no time'}"
    rest = [f"{cell} ({duration(estimates[cell]) if estimates[cell] else 'unknown'})" for cell in estimates if cell not in chosen]
    return [line] + ([f"the time budget of {duration(limit)} leaves out: {', '.join(rest)}"] if rest else [])
