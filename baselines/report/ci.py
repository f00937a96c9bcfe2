"""What a session and `compare` say on GitHub: a summary in Markdown, and annotations on the lines that a reader can change.

Where GITHUB_STEP_SUMMARY names a file, the summary is added to it; where GITHUB_ACTIONS is true, annotations are printed.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

from baselines.cells import cells
from baselines.report import rows, table
from baselines.tables import FOLDER, studies

ROOT = Path(__file__).parents[2]
ORDER = ("FAILED", *rows.ORDER)  # worst first
ROWS, COMMANDS = 100, 20  # that a summary shows
ANNOTATIONS = 10  # errors that GitHub shows of a step
LONGEST = 900_000  # bytes; GitHub refuses a step's summary above 1 MiB, and then shows nothing


class Line(NamedTuple):
    """One test that gave a verdict, or that failed."""

    subject: str  # a cell, "all cells", or the test's id
    word: str  # of the verdict, or FAILED
    reason: str
    red: bool
    commands: tuple[str, ...]  # that come next
    where: tuple[str, int]  # file, line from 1


def session(reporter, last=()):
    """Tell the verdicts and the failed tests of a pytest session.

    Args:
        reporter: pytest's terminal reporter.
        last: further lines, such as where the records are stored.
    """
    lines = sorted(_lines(reporter.stats), key=lambda line: (not line.red, ORDER.index(line.word)))
    if not lines:
        return
    if error := summarise(lambda: _markdown(lines, last)):
        reporter.write_line(error)
    if found := annotations([line for line in lines if line.red]):
        reporter.ensure_newline()
        for each in found:
            reporter.write_line(each)


def _lines(stats):
    """A Line for each test that gave a verdict or failed; once where a test was repeated."""
    found = {}
    for kind in ("passed", "xfailed", "failed", "error"):
        for report in stats.get(kind, []):
            told = dict(getattr(report, "user_properties", ()))  # a report of collecting has none
            red = kind in ("failed", "error")
            if red or (told.get("verdict") and report.when == "call"):
                found[report.nodeid] = _line(report, told, red)
    return list(found.values())


def _line(report, told, red):
    file, line, _ = report.location
    where = (_relative(ROOT / file), (line or 0) + 1)
    if match := re.fullmatch(r"(all cells|\S+) ([A-Z-]+): (.*)", told.get("verdict", "")):
        subject, word, reason = match.groups()
    else:
        subject, word, reason = report.nodeid, "FAILED", _message(report)
    cell = subject if subject in cells() else _cell(report.nodeid)
    commands = tuple(filter(None, told.get("commands", "").splitlines()))
    return Line(cell or subject, word, reason, red, commands, place(cell) if cell else where)


def _message(report):
    """The first line of why a test failed."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr)
    return next((line.strip() for line in text.splitlines() if line.strip()), "failed")


def _cell(nodeid):
    """The cell whose training a test is about, or None."""
    name = re.sub(r"-seed\d+(-again)?$", "", nodeid.partition("[")[2].removesuffix("]"))
    return name if name in cells() else None


def place(cell):
    """(file, line) of a cell's row in its table: the file relative to the checkout, the line from 1."""
    chosen = cells()[cell]
    name = studies()[chosen.study]["file"]
    path = next((path for path in (FOLDER / name, FOLDER / "published" / name) if path.is_file()), Path(name))
    values = {"model": chosen.model, "dataset": chosen.dataset, "recipe": chosen.recipe_name}
    wanted = [re.compile(rf"""\b{key}\s*=\s*["']{re.escape(value)}["']""") for key, value in values.items()]
    rows = path.read_text(encoding="utf-8-sig").splitlines()
    return _relative(path), next((i for i, row in enumerate(rows, 1) if all(each.search(row) for each in wanted)), 1)


def _relative(path):
    """A path as annotations want it: relative to the repository that the workflow has checked out."""
    return Path(os.path.relpath(path, os.environ.get("GITHUB_WORKSPACE") or ROOT)).as_posix()


def annotations(lines):
    """The workflow commands that mark red lines in the files, the worst of them where there are many: a list of texts."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return []
    found = []
    for line in lines[:ANNOTATIONS]:
        file, number = line.where
        message = "\n".join([line.reason, *line.commands])
        found.append(f"::error file={_property(file)},line={number},title={_property(f'{line.subject} {line.word}')}::{_data(message)}")
    return found


def _data(text):
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text):
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def summarise(markdown):
    """Add what a function gives to the step's summary, if there is one; why that failed as a line, else None."""
    if not (file := os.environ.get("GITHUB_STEP_SUMMARY")):
        return None
    text = markdown().encode("utf-8", "backslashreplace")
    if len(text) > LONGEST:
        text = text[:LONGEST].rpartition(b"\n")[0] + b"\n\nand more: see the step's log\n"
    try:
        with open(file, "ab") as summary:
            summary.write(text + b"\n")
    except OSError as error:  # it must not cost a session its exit status
        return f"the step's summary could not be written: {error}"
    return None


def _markdown(lines, last):
    """The summary of a session: the answer, the verdicts and failed tests, and the commands that come next."""
    red = sum(line.red for line in lines)
    text = [f"## zoobench: {red or 'nothing'} red, {len(lines) - red} other verdict{'s' * (len(lines) - red != 1)}", ""]
    bold = {True: "**", False: ""}
    text += ["| verdict | of | |", "|---|---|---|"]
    text += [f"| {bold[line.red]}{line.word}{bold[line.red]} | {_one(line.subject)} | {_one(line.reason)} |" for line in lines[:ROWS]]
    text += ["", f"and {len(lines) - ROWS} more: see the step's log"] if len(lines) > ROWS else []
    told = [line for line in lines if line.red] or lines
    if commands := list(dict.fromkeys(command for line in told for command in line.commands)):
        shown = ["# {}\n{}".format(*command.split(": ", 1)) for command in commands[:COMMANDS]]
        text += ["", "Next:", "", "```sh", *shown, *(["# and more: see the step's log"] if len(commands) > COMMANDS else []), "```"]
    return "\n".join([*text, "", *(f"- {_one(line)}" for line in last)])


def _one(text):
    """A text as one line of Markdown, without cells, HTML or emphasis of its own."""
    return table.escaped(re.sub(r"([\\`*_\[\]])", r"\\\1", " ".join(text.split())))


def compared(made, markdown):
    """Tell what `compare` found: a list of lines for stderr, which GitHub reads for annotations, too.

    Args:
        made: rows.Comparison.
        markdown: a function that gives the same as Markdown.
    """
    found = []
    for text in made.red:
        subject, _, reason = text.partition(": ")
        cell = subject.partition(" on ")[0]
        word = next((word for word in ORDER if reason.startswith(word)), "FAILED")
        where = place(cell) if cell in cells() else (_relative(FOLDER / "ours.toml"), 1)
        found.append(Line(subject, word, reason, True, (), where))
    heading = f"## zoobench: comparison, {len(found) or 'nothing'} red"
    return [*filter(None, [summarise(lambda: f"{heading}\n\n{markdown()}")]), *annotations(found)]
