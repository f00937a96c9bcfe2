"""A Comparison as text of at most WIDTH columns, or as Markdown."""

import textwrap

from tabulate import DataRow, TableFormat, tabulate

from baselines import comparisons
from baselines.report import answer, rows

WIDTH = 100
NARROW = TableFormat(None, None, None, None, DataRow("", " ", ""), DataRow("", " ", ""), padding=0, with_header_hide=None)
RIGHT = ("accuracy", "±", "n", "s/epoch", "img/s", "ratio", "95 %", "peak", "mem", "cells", "compared", "change")
HEADERS = ("on", "accuracy", "±", "n", "s/epoch", "img/s", "ratio", "95 %", "peak", "mem", "marks", "verdict")
COLUMNS = {  # header -> what it says
    "accuracy": "mean of n seeds on the test images after the last epoch, ± half its 95 % interval",
    "s/epoch": "fastest training epoch, without compilation; geometric mean",
    "img/s": "images trained on in a second of it",
    "ratio": "s/epoch of this row / that of the reference, and its 95 % interval",
    "peak": "share of the machine's measured matrix-product rate",
    "mem": "the GPU's where there is one, else the process's",
}
PUBLISHED_RATIO = "seconds of training and evaluation an epoch / the published ones, which include evaluation, and its 95 % interval"
WORDS = {  # verdict -> what it says
    "REGRESSED": "worse than the accepted records, in accuracy, time or both",
    "SUSPECT": "worse than most accepted trainings; more trainings settle it",
    "INCOMPARABLE": "trained for another number of epochs than the accepted records",
    "UNSTABLE": "other programs kept the machine busy, so that its time is not judged",
    "NO-BASELINE": "nothing accepted to compare with",
    "IMPROVED": "better than the accepted records",
    "PASS": "no loss is seen",
    "SAME": "equal to the bit to a stored training",
    "accepted": "is the baseline",
    "former": "older, not accepted",
    "not judged": "trained with --epochs",
    "published": "as printed by a study, its seconds with evaluation",
    "expected": "not measured",
}


def text(made, form="text"):
    """The answer, the table of the rows and what its words mean, as plain text of at most WIDTH columns or as Markdown ("github")."""
    parts = [
        "\n".join(_listed(each, form) for each in made.answer),
        _rows(made, form),
        "\n".join(_legend(made, form)),
        *_questions(made, form),
    ]
    if made.ab:
        parts += [_title("comparisons by `python -m baselines ab`", form), "\n".join(_listed(_compared(each), form) for each in made.ab)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _questions(made, form):
    """The studies' questions and the tables that answer them."""
    parts, former = [], None
    for study, question, headers, found in made.questions:
        parts += [_title(f"{study}: {question}", form)] if study != former else []
        kept = [i for i, header in enumerate(headers) if form == "github" or header not in ("parameters", "peak MB")]  # no room
        lines, heads = [[row[i] for i in kept] for row in found], [headers[i] for i in kept]
        parts.append(_table(lines, heads, form) if form == "github" else _two_headed(lines, heads))
        former = study
    return parts


def _two_headed(found, headers):
    """A table as text with its headers on two lines, and two spaces between columns where there is room."""
    first, second = zip(*(header.partition(" ")[::2] for header in headers), strict=True)
    found = [second, *(["" if each is None else str(each) for each in row] for row in found)]
    for gap in "  ", " ":
        lines = _narrow(found, first, gap)
        if max(map(len, lines)) <= WIDTH:
            break
    return "\n".join([lines[0], lines[2], lines[1], *lines[3:]])


def _listed(line, form):
    return f"- {escaped(line)}" if form == "github" else textwrap.fill(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _title(line, form):
    if form == "github":
        return f"### {line}"
    line = textwrap.fill(line, WIDTH)
    return f"{line}\n{'=' * max(map(len, line.splitlines()))}"


def _table(found, headers, form):
    if form != "github":
        return tabulate(found, headers, tablefmt="simple", disable_numparse=True)
    found = [[escaped(each) if isinstance(each, str) else each for each in row] for row in found]
    return tabulate(found, headers, tablefmt="github", disable_numparse=True)


def escaped(text):
    """A text without HTML and columns of its own, in Markdown: names of folders and cells may hold anything."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def _compared(each):
    """A comparison of `ab` as a line."""
    _, verdict, figure, interval, pairs, minutes, *_ = comparisons.row(each)
    what = "ratio" if each["of"] == "time" else "accuracy"
    return (
        f"{each['subject']}, {' -> '.join(each['sides'])}: {verdict}, {what} {figure} (95 % interval: {interval}; {pairs} pairs in "
        f"{minutes} minutes, {each['when'][:10]}, {each['machine']})"
    )


def _rows(made, form):
    """The table of the rows, without empty columns; as text, a cell's name is a line of its own where it is too long for a column."""
    shown = [row for row in made.rows if row.kind != "expected"]  # of which baselines.report.expected makes a table
    found = [[made.letters.get(row.place, ""), *_figures(row)] for row in shown]
    kept = [i for i in range(len(HEADERS)) if any(row[i] for row in found)]
    headers, names = [HEADERS[i] for i in kept], [row.cell for row in shown]
    found = [[row[i] or "" for i in kept] for row in found]
    if form == "github":
        return _table([[name, *row] for name, row in zip(names, found, strict=True)], ["cell", *headers], form)
    if "marks" in headers:
        found = _cut(found, headers.index("marks"), headers)
    table = _narrow(found, headers)
    longest = max(map(len, names))
    if longest + 1 + max(map(len, table)) <= WIDTH:
        return "\n".join(f"{name:{longest}} {line}" for name, line in zip(["cell", "-" * longest, *names], table, strict=True))
    lines = table[:2]
    for former, name, line in zip(["", *names], names, table[2:], strict=False):
        lines += [*([name] if name != former else []), line]
    return "\n".join(f"  {line}" if line not in names else line for line in lines)


def titled(title, headers, found, form):
    """A table with its title and without an empty column; as text, what does not fit into the last column is cut."""
    if form == "github":
        return f"{_title(title, form)}\n\n{_table(found, headers, form)}"
    return "\n".join([title, *(f"  {line}"[:WIDTH].rstrip() for line in _narrow(found, headers))])


def _narrow(found, headers, gap=" "):
    """Rows as lines, with a gap between columns."""
    widths = [max(map(len, column)) for column in zip(headers, *found, strict=True)]
    align = ["right" if header in RIGHT else "left" for header in headers]
    lines = [headers, ["-" * width for width in widths], *found]  # headers as a row, since tabulate makes those two columns wider
    style = NARROW._replace(datarow=DataRow("", gap, ""))
    return [line.rstrip() for line in tabulate(lines, tablefmt=style, disable_numparse=True, colalign=align).splitlines()]


def _cut(found, column, headers):
    """The rows with their marks cut where the table would be too wide."""
    widths = [max(map(len, each)) for each in zip(headers, *found, strict=True)]
    room = max(WIDTH - 2 - sum(widths) - len(widths) + 1 + widths[column], len("marks"))
    return [[f"{each[: room - 1]}…" if i == column and len(each) > room else each for i, each in enumerate(row)] for row in found]


def _figures(row):
    """What the columns after the cell and the machine hold."""
    accuracy, seconds, ratio = row.accuracy, row.epoch_seconds, row.ratio
    return [
        accuracy and (f"{accuracy.value:g}" if row.kind == rows.PUBLISHED else f"{accuracy.value:.4f}"),
        accuracy and accuracy.low is not None and f"{accuracy.value - accuracy.low:.4f}".lstrip("0"),
        accuracy and row.kind != rows.PUBLISHED and str(accuracy.n),  # studies do not print theirs
        seconds and digits(seconds.value),
        row.images_per_second and _large(row.images_per_second),
        ratio and factor(ratio.value),
        ratio and ratio.low is not None and f"{factor(ratio.low)}-{factor(ratio.high)}",
        row.peak_share is not None and f"{row.peak_share:.0%}",
        row.memory and _large(row.memory),
        " ".join(dict.fromkeys(rows.explained(mark)[0] for mark in row.marks)),
        row.verdict.replace(" (accuracy, time)", " both").replace(" (accuracy)", " acc").replace(" (time)", " time"),
    ]


def digits(value):
    """Three significant digits, without an exponent where there is room."""
    return f"{value:.0f}" if 1000 <= value < 100_000 else f"{value:.3g}"


def factor(value):
    """A ratio, with two decimals where that is exact enough."""
    return f"{value:.2f}" if 0.1 <= value < 10 else f"{value:.2g}" if value < 0.1 else digits(value)


def _large(value):
    """A large number in at most five characters."""
    for factor, unit in (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"):
        if value >= factor:
            return f"{value / factor:.3g}{unit}"
    return f"{value:.3g}"


def _legend(made, form):
    """What letters, columns, marks and verdicts mean: lines, of those that are shown only."""
    found = [f"{letter} = {place}{_role(made, place)}" for place, letter in made.letters.items()]
    tabled = [row for row in made.rows if row.kind != "expected"]
    shown = {rows.explained(mark) for row in tabled for mark in row.marks}
    marks = [f"{word}: {meaning}" for word, meaning in [*rows.MARKS.values(), rows.VERSIONS] if (word, meaning) in shown]
    verdicts = {row.verdict.split(" (")[0] for row in tabled}
    columns = COLUMNS | ({"ratio": PUBLISHED_RATIO} if made.printed else {})
    for what, meanings in (
        ("columns", [f"{header}: {meaning}" for header, meaning in columns.items()]),
        ("marks", marks),
        ("verdicts", [f"{word}: {meaning}" for word, meaning in WORDS.items() if word in verdicts]),
    ):
        found += [f"{what} - {'; '.join(meanings)}"] if meanings else []
    return [_listed(each, form) for each in found]


def _role(made, place):
    """What a machine's part in the comparison is, and its mean ratio."""
    word, ratio, count = answer.part(made, place)
    if word:
        return f": {word}"
    return f": ratio {ratio.value:.3g} over {count} cell{'s' * (count > 1)}" if ratio else ""
