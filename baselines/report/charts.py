"""The charts of the HTML page: rows of a Comparison -> Chart, one function a chart; None where there is nothing to draw.

``letters`` is place -> its letter in the comparison, "" without one: a place has the same colour in every chart.
"""

import math
from statistics import mean
from typing import NamedTuple

from baselines.report import drawing
from baselines.report.drawing import colour, number, text
from baselines.report.rows import commit, cut_short, whole

TRAININGS = 3  # drawn of each row, the newest
EPOCHS = 25  # drawn of each training
WATCHED = ("keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "python")  # versions whose change a history shows
FORMS = (("accuracy", "accuracy", "{:.4f}".format), ("epoch_seconds", "seconds an epoch", number))  # a history's figures
STATES = 10  # of code and versions in a cell's history, the newest


class Chart(NamedTuple):
    """A drawing, and what a reader who does not see it reads instead."""

    name: str  # what it shows; no other chart of the page has it
    title: str  # its name where the cell is known
    note: str  # how to read it
    svg: str
    headers: list[str]
    rows: list[list]  # the data
    wide: bool = False  # whether it is too wide for a phone


def curves(cell, rows, letters):
    """The accuracy after each epoch of a cell's newest trainings."""
    trainings = [(row, each) for row in rows for each in [each for each in row.history if _values(each["accuracies"])][-TRAININGS:]]
    if not trainings:
        return None
    longest = max(len(each["accuracies"]) for _, each in trainings)
    step = math.ceil(longest / EPOCHS)
    epochs = [epoch for epoch in range(1, longest + 1) if epoch % step == 0 or epoch in (1, longest)]
    places = _places((row.place for row, _ in trainings), letters)

    def draw(figure):
        axes = figure.subplots()
        for row, each in trainings:
            index = places[row.place]
            values = [(epoch, value) for epoch in epochs if (value := _after(each, epoch)) is not None]
            style = {"color": colour(index), "marker": drawing.marker(index), "markevery": [-1], "markersize": 4.5}
            (line,) = axes.plot(*zip(*values, strict=True), **style, **({"markerfacecolor": drawing.BACK} if row.marks else {}))
            drawing.titled(line, f"seed {each['seed']}, {_marked(row, row.place)}: {values[-1][1]:.4f}")
        drawing.level(axes, "published", _first(rows, "published_accuracy"), "--")
        drawing.level(axes, "floor", _first(rows, "floor"), ":", right=True)  # curves begin low and end high
        axes.set_xlabel("epoch")
        axes.set_ylabel("accuracy")
        axes.xaxis.get_major_locator().set_params(integer=True)
        drawing.legend(figure, _labels(places, letters))

    title, name = "Learning curves", f"Learning curves of {text(cell)}"
    images = " or ".join(dict.fromkeys(each["images"] for _, each in trainings))
    note = f"Accuracy on the {images} images after each epoch." if step == 1 else f"Accuracy on the {images} images every {step} epochs."
    headers = ["epoch", *(f"seed {each['seed']}, {_marked(row, letters[row.place] or row.place)}" for row, each in trainings)]
    data = [[epoch, *(number(_after(each, epoch), 4) for _, each in trainings)] for epoch in epochs]
    below = 15 * len(places)
    drawn = drawing.svg(name, note, (360, 235 + below), draw, (58, 6, 12, 40 + below))
    return Chart(name, title, note, drawn, headers, data)


def history(cell, rows, letters):
    """Accuracy and epoch time of a cell over commits and versions; None where there was only one state of these.

    Of measured rows with unlike data or recipes, those like the newest whole training.
    """
    rows = [row for row in rows if row.kind == "measured"]
    if not rows:
        return None
    newest = max(rows, key=lambda row: (whole(row), row.when))
    rows = [row for row in rows if (row.data, row.recipe) == (newest.data, newest.recipe)]
    points = sorted(((each["when"], _state(each), row.place, each) for row in rows for each in row.history), key=lambda each: each[0])
    states = list(dict.fromkeys(state for _, state, _, _ in points))
    shown, places = states[-STATES:], _places((place for _, _, place, _ in points), letters)
    if all(len({state for _, state, at, _ in points if at == place}) < 2 for place in places):
        return None
    groups = {}
    for _, state, place, each in points:
        if state in shown:
            groups.setdefault((state, place), []).append(each)

    def draw(figure):
        panels = figure.subplots(2, 1, sharex=True)
        for axes, (key, label, _) in zip(panels, FORMS, strict=True):
            for i, (place, index) in enumerate(places.items()):
                beside = 0.08 * (i - (len(places) - 1) / 2)  # so that machines do not hide one another
                here = {state: _values(each[key] for each in group) for (state, at), group in groups.items() if at == place}
                found = [(shown.index(state) + beside, values) for state, values in here.items()]
                drawing.means(axes, found, index)
            axes.set_ylabel(label)
            axes.grid(axis="x", visible=False)
        panels[1].set_xticks(range(len(shown)), _commits(shown), rotation=60, rotation_mode="anchor", ha="right", fontsize=9)
        drawing.legend(figure, _labels(places, letters))

    title, name = "History", f"History of {text(cell)}"
    note = f"The newest {STATES} of {len(states)} commits." if len(states) > STATES else "All commits."
    note += " +: with uncommitted code." if any(state[0].endswith("+") for state in shown) else ""
    below = 15 * len(places)
    drawn = drawing.svg(name, note, (360, 330 + below), draw, (58, 10, 12, 72 + below))
    return Chart(name, title, note, drawn, *_states(shown, places, groups, letters))


def _states(shown, places, groups, letters):
    """(headers, rows) of a history. groups: (state, place) -> records."""
    headers = ["since", "commit", "versions", *(f"{label}, {letters[place]}" for place in places for _, label, _ in FORMS)]
    data = []
    for state in shown:
        since = min(each["when"] for (at, _), group in groups.items() if at == state for each in group)
        figures = [_spread(groups.get((state, place), ()), key, form) for place in places for key, _, form in FORMS]
        data.append([since[:10], state[0], ", ".join(state[1]), *figures])
    return headers, data


def accuracy_and_time(rows):
    """Accuracy against epoch time, one point a measured row."""
    rows = [row for row in rows if row.kind == "measured" and row.accuracy and row.epoch_seconds]
    rows = [row for row in rows if not cut_short(row)]  # not trained to the end
    if not rows:
        return None
    datasets = list(dict.fromkeys(row.dataset for row in rows))

    def draw(figure):
        axes = figure.subplots()
        drawing.log_time(axes, [row.epoch_seconds.value for row in rows])
        for row in rows:
            seconds, accuracy = row.epoch_seconds.value, row.accuracy.value
            words = f"{row.cell}, {row.place}: {number(seconds)} s an epoch, accuracy {accuracy:.4f}"
            drawing.point(axes, seconds, accuracy, datasets.index(row.dataset), not row.marks, words)
        axes.set_ylabel("accuracy")
        drawing.legend(figure, dict(enumerate(datasets)))
        drawing.name_points(axes, [(row.epoch_seconds.value, row.accuracy.value, text(row.model)) for row in rows])

    name = "Accuracy against epoch time"
    note = "A point for each row of the table that was trained to its end. Higher is better, further left is faster. Hollow: it has a mark."
    data = [[row.cell, row.place, ", ".join(row.marks), f"{row.accuracy.value:.4f}", number(row.epoch_seconds.value)] for row in rows]
    headers = ["cell", "machine", "marks", "accuracy", "seconds an epoch"]
    return Chart(name, name, note, drawing.svg(name, note, (760, 400 + 15 * len(datasets)), draw), headers, data, wide=True)


def times(rows, letters):
    """Epoch time of each cell on each machine, those of the studies too."""
    rows = [row for row in rows if row.epoch_seconds]
    if not rows:
        return None
    slowest = {row.cell: max(each.epoch_seconds.value for each in rows if each.cell == row.cell) for row in rows}
    cells, places = sorted(slowest, key=slowest.get), _places((row.place for row in rows), letters)

    def draw(figure):
        axes = figure.subplots()
        drawing.log_time(axes, [row.epoch_seconds.value for row in rows])
        for row in rows:
            index, y, found = places[row.place], cells.index(row.cell), row.epoch_seconds
            if found.low is not None:
                axes.plot([found.low, found.high], [y, y], color=colour(index), linewidth=1)
            words = f"{row.cell}, {row.place}: {number(found.value)} s an epoch"
            drawing.point(axes, found.value, y, index, row.kind == "measured" and not row.marks, words)
        axes.set_yticks(range(len(cells)), list(map(text, cells)))
        axes.set_ylim(-0.7, len(cells) - 0.3)
        drawing.legend(figure, _labels(places, letters))

    name = "Epoch time by machine"
    note = "Further left is faster; a line is the 95 % interval. Hollow: printed by a study, expected, or the row has a mark."
    data = [[row.cell, row.place, row.kind, ", ".join(row.marks), *map(number, row.epoch_seconds[:3])] for row in rows]
    headers = ["cell", "machine", "kind", "marks", "seconds an epoch", "low", "high"]
    return Chart(name, name, note, drawing.svg(name, note, (760, 80 + 17 * len(cells) + 15 * len(places)), draw), headers, data, wide=True)


def _places(places, letters):
    """Place -> the index of its series, of some places, in the order of their letters."""
    index, places = {place: i for i, place in enumerate(letters)}, set(places)
    return {place: i for place, i in index.items() if place in places}


def _labels(places, letters):
    """Index of a series -> its place with its letter."""
    return {i: text(f"{letters[place]} = {place}" if letters[place] else place) for place, i in places.items()}


def _marked(row, place):
    """A place with a row's marks."""
    return f"{place} ({', '.join(row.marks)})" if row.marks else place


def _first(rows, name):
    return next((value for row in rows if (value := getattr(row, name)) is not None), None)


def _after(each, epoch):
    """Accuracy of a training after an epoch, None where there was no such epoch."""
    return each["accuracies"][epoch - 1] if epoch <= len(each["accuracies"]) else None


def _state(each):
    """(short commit, versions): what a history goes over."""
    return text(commit(each, 7)), tuple(f"{name} {version}" for name, version in sorted(each["versions"].items()) if name in WATCHED)


def _commits(states):
    """For each state its commit, and the first version that changed with it."""
    before = [(), *(versions for _, versions in states)]
    changed = [[each for each in versions if former and each not in former] for (_, versions), former in zip(states, before, strict=False)]
    return [text(" ".join([commit, *new[:1]])) for (commit, _), new in zip(states, changed, strict=True)]


def _values(values):
    return [value for value in values if value is not None]


def _spread(group, key, form):
    """Mean, range and number of a figure of some records, as text."""
    values = _values(each[key] for each in group)
    if not values:
        return ""
    return f"{form(mean(values))} ({form(min(values))} to {form(max(values))}, n={len(values)})" if len(values) > 1 else form(values[0])
