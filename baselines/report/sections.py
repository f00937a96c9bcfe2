"""The sections of the HTML page that hold tables and charts: parts of a Comparison -> an element, or "" where there is nothing to show."""

from itertools import groupby

from baselines import comparisons
from baselines.report import answer, charts, predict
from baselines.report.drawing import number, text
from baselines.report.markup import Cell, Html, element, figure, listed, safe, sortable, table
from baselines.report.rows import ORDER, whole
from baselines.report.table import PUBLISHED_RATIO

HINT = "Show rows with these words (cell, machine, verdict ...):"
BAD, GOOD = ("REGRESSED", "SUSPECT", "INCOMPARABLE"), ("IMPROVED",)


def section(id_, title, *content):
    """A part of the page that can be linked to."""
    return element("section", element("h2", title), *content, id=id_)


def published(made):
    """Ours beside the accuracies that the studies print: those that did not come out first, those of unlike trainings last."""
    found = [row for row in made.rows if row.kind == "measured" and row.published_accuracy is not None and row.accuracy]
    if not found:
        return ""
    missed = answer.came_out(made)
    found.sort(key=lambda row: (not whole(row), not missed.get(row.cell), -abs(row.accuracy.value - row.published_accuracy)))
    values = [
        [
            row.cell,
            Cell("") if not whole(row) else word("did not come out", bad=True) if missed[row.cell] else word("came out"),
            Cell(f"{row.published_accuracy:.4g}", row.published_accuracy),
            accuracy(row.accuracy),
            change(row.accuracy.value - row.published_accuracy),
            ", ".join(row.marks),
            row.study,
            place(row, made),
        ]
        for row in found
    ]
    headers = ["cell", "result", "published", "ours", "ours - published", "marks", "study", "machine"]
    note = "Accuracy on the test images, as the study prints it and as it came out here. "
    note += f"It came out if it is within {answer.FAR} standard deviations of our trainings. "
    note += "Rows without a result were not trained as the study did; their marks say why."
    return section("published", "Published numbers", element("p", note), _sorted("Published and measured accuracy", headers, values))


def measured(made):
    """All rows, in the order of the comparison."""
    if not made.rows:
        return ""
    links = {cell: index for index, cell in enumerate(dict.fromkeys(row.cell for row in made.rows))}
    values = [
        [
            Cell(element("a", row.cell, href=f"#cell-{links[row.cell]}"), row.cell),
            word(row.verdict),
            accuracy(row.accuracy),
            seconds(row.epoch_seconds),
            seconds(row.ratio),
            ", ".join(row.marks),
            place(row, made),
            change(row.accuracy_change and row.accuracy_change.value),
            Cell(number(row.images_per_second), row.images_per_second),
            Cell("" if row.peak_share is None else f"{row.peak_share:.0%}", row.peak_share),
            Cell("" if row.memory is None else f"{row.memory / 1e6:.0f}", row.memory),
        ]
        for row in made.rows
    ]
    headers = ["cell", "verdict", "accuracy", "seconds an epoch", "ratio", "marks", "machine", "accuracy change"]
    headers += ["images a second", "of peak", "memory (MB)"]
    ratio = PUBLISHED_RATIO if made.printed else f"seconds an epoch divided by those of {made.against}, so that less than 1 is faster"
    note = f"Ratio: {ratio}. Below a figure: its 95 % interval, and n, the number of trainings. "
    if any(row.kind == "expected" for row in made.rows):
        note += f"Below an expected time: its {predict.SHARE:.0%} interval, and n, the number of epochs that it is learnt from. "
    note += "Of peak: share of the machine's measured rate of matrix products."
    return section("rows", "What was measured", element("p", note), _sorted("Rows of the comparison", headers, values))


def verdicts(made):
    """Each verdict of a session with its reason."""
    values = [[row.cell, word(row.verdict), row.reason, place(row, made)] for row in made.rows if row.verdict.split(" ")[0] in ORDER]
    if not values:
        return ""
    return section("verdicts", "Verdicts and their reasons", _sorted("Verdicts", ["cell", "verdict", "reason", "machine"], values))


def machines(made):
    """What each letter stands for, and how fast that machine is against the reference."""
    lines = []
    for where, letter in made.letters.items():
        word, ratio, count = answer.part(made, where)
        role = f"; {word}" if word else ""
        speed = (
            f"; an epoch takes {number(ratio.value)} times as long as on the reference (over {count} cell{'s' * (count > 1)})"
            if ratio
            else ""
        )
        lines.append(Html(element("b", letter) + safe(f" = {where}{role}{speed}")))
    return section("machines", "Machines", listed(lines)) if lines else ""


def overview(made):
    """The charts of all cells together."""
    drawn = [figure(chart) for chart in (charts.times(made.rows, made.letters), charts.accuracy_and_time(made.rows)) if chart]
    return section("speed", "Speed and accuracy of all cells", *drawn) if drawn else ""


def cells(made):
    """The charts of each cell, in the order of the rows."""
    by_cell = {}
    for row in made.rows:
        by_cell.setdefault(row.cell, []).append(row)
    articles = []
    for index, (cell, group) in enumerate(by_cell.items()):
        drawn = [figure(chart) for chart in (charts.curves(cell, group, made.letters), charts.history(cell, group, made.letters)) if chart]
        lines = [Html(word(row.verdict).shown + safe(f" on {made.letters.get(row.place)}")) for row in group if row.kind == "measured"]
        articles.append(element("article", element("h3", cell), listed(lines), *drawn, id=f"cell-{index}"))
    note = f"Learning curves: a line for each training, at most the {charts.TRAININGS} newest of like ones. "
    note += "Hollow: the training has a mark. History: mean and range of the trainings of each commit and its versions, oldest first."
    return section("cells", "Each cell", element("p", note), element("div", *articles, class_="cells")) if articles else ""


def questions(found):
    """The studies' questions, each with the tables that answer it: a list of sections. found: a Comparison's questions."""
    parts = []
    for index, ((study, question), answers) in enumerate(groupby(found, key=lambda each: each[:2])):
        tables = [table(f"Study {study}, by {headers[0]}", headers, rows) for _, _, headers, rows in answers]
        parts.append(section(f"study-{index}", f"Study {study}: {question}", *tables))
    return parts


def ab(compared):
    """Comparisons that `python -m baselines ab` stored."""
    values = [
        [
            each["subject"],
            word(text(each["verdict"])),
            text(each["of"]),
            Cell(comparisons.row(each)[2], each["ratio"]),
            comparisons.row(each)[3],
            Cell(each["pairs"], each["pairs"]),
            " → ".join(each["sides"]),
            text(each["when"])[:16].replace("T", " "),
            each["machine"],
        ]
        for each in compared
    ]
    headers = ["cell", "verdict", "of", "ratio or change", "95 % interval", "pairs", "before → after", "when", "machine"]
    note = "The same cell trained in turn before and after a change: a ratio of times over 1 is slower, a change of accuracy under 0 worse."
    shown = _sorted("Comparisons of ab", headers, values)
    return section("ab", "Changes of code, timed side by side", element("p", note), shown) if values else ""


def place(row, made):
    """A cell with a row's machine after its letter."""
    return Cell(f"{made.letters[row.place]}: {row.place}" if row.place in made.letters else row.place)


def accuracy(found):
    """A cell with an accuracy (Measured or None), its interval and n."""
    return _figure(found, lambda value: f"{value:.4f}")


def seconds(found):
    """A cell with seconds or a ratio of them (Measured or None), their interval and n."""
    return _figure(found, number)


def change(value):
    """A cell with a signed difference of accuracies, or nothing."""
    return Cell("") if value is None else Cell(f"{value:+.4f}", value)


def word(verdict, bad=False):
    """A cell with a verdict, which is marked where it is bad or good."""
    first = verdict.split(" ")[0]
    kind = "word bad" if bad or first in BAD else "word good" if first in GOOD else "word"
    return Cell(element("span", verdict, class_=kind))


def _figure(found, form):
    if found is None:
        return Cell("")
    interval = "" if found.low is None else f"{form(found.low)} to {form(found.high)}, "
    return Cell(Html(form(found.value) + element("small", f"{interval}n={found.n}")), found.value)


def _sorted(name, headers, rows):
    """A sortable table without its empty columns."""
    kept = [
        i for i in range(len(headers)) if any((each[i].shown if isinstance(each[i], Cell) else each[i]) not in ("", None) for each in rows)
    ]
    return sortable(name, [headers[i] for i in kept], [[row[i] for i in kept] for row in rows], HINT)
