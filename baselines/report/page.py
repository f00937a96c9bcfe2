"""The page of `python -m baselines compare --html FILE`: a Comparison as one HTML file that needs no network.

What is red and the answer come first, in words; then the tables, which sort and filter; then the charts. ``page.html`` is
the page around them, with its style and its script.
"""

import re
from pathlib import Path
from string import Template

from baselines import files
from baselines.report import answer, rows, sections, table
from baselines.report.markup import Html, element, listed, safe
from baselines.report.sections import section

SHOWN = 5  # lines of what is red
SKELETON = Path(__file__).with_name("page.html")


def write(file, comparison):
    """Write the page.

    Args:
        file: pathlib.Path.
        comparison: rows.Comparison.

    Raises:
        files.StoreError: it cannot be written there.
    """
    made = page(comparison)
    try:
        files.replace(file, made)
    except OSError as error:
        raise files.StoreError(f"--html={file}: cannot be written ({error.strerror}); name a file in a folder that can") from error


def page(comparison):
    """The page as text."""
    made = comparison
    parts = [_status(made), _answer(made), sections.machines(made), sections.measured(made), sections.published(made)]
    parts += [sections.overview(made), sections.ab(made.ab), sections.verdicts(made), *sections.questions(made.questions)]
    parts = [each for each in [*parts, sections.cells(made), _glossary(made.rows)] if each]
    links = [match.groups() for each in parts if (match := re.search(r'id="([\w-]+)"><h2>([^:]*?)[:<]', each))]
    nav = element("nav", listed([element("a", Html(title), href=f"#{id_}") for id_, title in links]), aria_label="Sections of this page")
    content = element("main", parts[0], parts[1], nav, *parts[2:], id="content")
    title = f"zoobench: {comparison.here} against {comparison.against}" if comparison.here else "zoobench"
    filled = {"title": safe(title), "content": element("header", _head(comparison)) + content}
    return Template(SKELETON.read_text(encoding="utf-8")).substitute(filled)


def _head(comparison):
    newest = max((row.when for row in comparison.rows), default="")[:10]
    when = element("p", f"{len(comparison.rows)} rows; the newest record is of {newest}.") if newest else ""
    return Html(element("h1", "zoobench: are the networks as fast and as good as before, and as published?") + when)


def _status(comparison):
    """Whether anything is red, in one line that stands out; then the red verdicts, and the files that cannot be read."""
    red, problems = comparison.red, comparison.problems
    head = f"{len(red)} red: worse than the accepted records." if red else answer.fine(comparison)
    found = element("div", element("p", element("strong", head)), _first(red), class_="status red" if red else "status")
    if problems:
        found += element("div", element("p", element("strong", "Files that cannot be read")), _first(problems), class_="status red")
    return Html(found)


def _first(lines):
    """A list of lines, of which those after the first few are to open, so that the answer is not far down."""
    rest = element("details", element("summary", f"and {len(lines) - SHOWN} more"), listed(lines[SHOWN:])) if len(lines) > SHOWN else ""
    return Html(listed(lines[:SHOWN]) + rest)


def _answer(comparison):
    return section("answer", "The answer", element("div", listed(comparison.answer), class_="answer"))


def _glossary(found):
    """The words and marks that the page uses, in plain words."""
    used = {row.verdict.split(" (")[0] for row in found}
    marks = dict(rows.explained(mark) for row in found for mark in row.marks)
    terms = [*((verdict, meaning) for verdict, meaning in table.WORDS.items() if verdict in used), *marks.items()]
    always = [
        ("cell", "a network, a data set and a recipe: what is trained; one row of a study's table"),
        ("floor", "the accuracy under which a training fails by itself"),
        ("95 % interval", "where the true figure lies, by what trainings differ among themselves"),
    ]
    pairs = [element(name, each) for pair in [*always, *terms] for name, each in zip(("dt", "dd"), pair, strict=True)]
    return section("words", "Words and marks", element("dl", *pairs))
