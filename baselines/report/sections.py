"""The sections of the HTML page that hold tables and charts: parts of a Comparison -> an element, or "" where there is nothing to show."""

from baselines.report import charts
from baselines.report.drawing import number, text
from baselines.report.markup import Cell, Html, element, figure, listed, sortable, table
from baselines.report.rows import ORDER

HINT = "Show rows with these words (cell, machine, verdict ...):"
BAD, GOOD = ("REGRESSED", "SUSPECT", "INCOMPARABLE"), ("IMPROVED",)


def section(id_, title, *content):
    """A part of the page that can be linked to."""
    return element("section", element("h2", title), *content, id=id_)


def published(rows):
    """Ours beside the accuracies that the studies print: like ones first, the furthest apart of these first."""
    found = [row for row in rows if row.kind == "measured" and row.published_accuracy is not None and row.accuracy]
    if not found:
        return ""
    found.sort(key=lambda row: (bool(row.marks), -abs(row.accuracy.value - row.published_accuracy)))
    values = [
        [
            row.cell,
            row.study,
            Cell(f"{row.published_accuracy:.4g}", row.published_accuracy),
            accuracy(row.accuracy),
            change(row.accuracy.value - row.published_accuracy),
            ", ".join(row.marks),
            row.place,
        ]
        for row in found
    ]
    headers = ["cell", "study", "published", "ours", "ours - published", "marks", "machine"]
    note = (
        "Accuracy on the test images, as the study prints it and as it came out here. A row with a mark was not trained as the study was."
    )
    return section("published", "Published numbers", element("p", note), _sorted("Published and measured accuracy", headers, values))


def measured(comparison):
    """All rows, worst verdict first."""
    if not comparison.rows:
        return ""
    links = {cell: index for index, cell in enumerate(dict.fromkeys(row.cell for row in comparison.rows))}
    values = [
        [
            Cell(element("a", row.cell, href=f"#cell-{links[row.cell]}"), row.cell),
            word(row.verdict),
            accuracy(row.accuracy),
            seconds(row.epoch_seconds),
            seconds(row.ratio),
            ", ".join(row.marks),
            row.place,
            change(row.accuracy_change and row.accuracy_change.value),
            Cell(number(row.images_per_second), row.images_per_second),
            Cell("" if row.peak_share is None else f"{row.peak_share:.0%}", row.peak_share),
            Cell("" if row.memory is None else f"{row.memory / 1e6:.0f}", row.memory),
        ]
        for row in comparison.rows
    ]
    headers = ["cell", "verdict", "accuracy", "seconds an epoch", "ratio", "marks", "machine", "accuracy change"]
    headers += ["images a second", "of peak", "memory (MB)"]
    note = f"Ratio: seconds an epoch divided by those of {comparison.against}, so that less than 1 is faster. "
    note += "Below a figure: its 95 % interval, and n, the number of trainings. "
    note += "Of peak: share of the machine's measured rate of matrix products."
    return section("rows", "What was measured", element("p", note), _sorted("Rows, worst verdict first", headers, values))


def verdicts(rows):
    """Each verdict of a session with its reason."""
    values = [[row.cell, row.place, word(row.verdict), row.reason] for row in rows if row.verdict.split(" ")[0] in ORDER]
    if not values:
        return ""
    return section(
        "verdicts", "Verdicts and their reasons", _sorted("Verdicts, worst first", ["cell", "machine", "verdict", "reason"], values)
    )


def overview(rows):
    """The charts of all cells together."""
    drawn = [figure(chart) for chart in (charts.times(rows), charts.accuracy_and_time(rows)) if chart]
    return section("speed", "Speed and accuracy of all cells", *drawn) if drawn else ""


def cells(rows):
    """The charts of each cell, in the order of the rows."""
    by_cell = {}
    for row in rows:
        by_cell.setdefault(row.cell, []).append(row)
    articles = []
    for index, (cell, group) in enumerate(by_cell.items()):
        drawn = [figure(chart) for chart in (charts.curves(cell, group), charts.history(cell, group)) if chart]
        lines = [Html(f"{word(row.verdict).shown}: {element('span', row.place)}") for row in group if row.kind == "measured"]
        articles.append(element("article", element("h3", cell), listed(lines), *drawn, id=f"cell-{index}"))
    return section("cells", "Each cell", element("div", *articles, class_="cells")) if articles else ""


def question(entry, index):
    """A study's question and the tables that answer it. entry: (study, question, headers, rows)."""
    study, asked, headers, rows = entry
    return section(f"study-{index}", f"{study}: {asked}", table(f"{study}: answers", headers, rows))


def ab(compared):
    """Comparisons that `python -m baselines ab` stored."""
    if not compared:
        return ""
    values = [
        [
            each["subject"],
            " against ".join(map(text, each["sides"])) if isinstance(each["sides"], list | tuple) else each["sides"],
            word(text(each["verdict"])),
            Cell(number(each["ratio"], 4), each["ratio"]),
            f"{number(each['low'], 4)} to {number(each['high'], 4)}",
            Cell(each["pairs"], each["pairs"]),
            text(each["when"])[:16].replace("T", " "),
        ]
        for each in compared
    ]
    headers = ["subject", "sides", "verdict", "ratio of times", "95 % interval", "pairs", "when"]
    return section("ab", "Changes of code, timed side by side", _sorted("Comparisons of ab", headers, values))


def accuracy(found):
    """A cell with an accuracy (Measured or None), its interval and n."""
    return _figure(found, lambda value: f"{value:.4f}")


def seconds(found):
    """A cell with seconds or a ratio of them (Measured or None), their interval and n."""
    return _figure(found, number)


def change(value):
    """A cell with a signed difference of accuracies, or nothing."""
    return Cell("") if value is None else Cell(f"{value:+.4f}", value)


def word(verdict):
    """A cell with a verdict, which is marked where it is bad or good."""
    first = verdict.split(" ")[0]
    kind = "word bad" if first in BAD else "word good" if first in GOOD else "word"
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
