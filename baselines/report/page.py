"""The page of `python -m baselines compare --html FILE`: a Comparison as one HTML file that needs no network.

What is red and the answer come first, in words; then the tables, which sort and filter; then the charts. ``page.html`` is
the page around them, with its style and its script.
"""

import re
from collections import Counter
from itertools import count
from pathlib import Path
from string import Template

from baselines import files
from baselines.report import rows, sections
from baselines.report.markup import Html, element, listed, safe
from baselines.report.sections import section

SKELETON = Path(__file__).with_name("page.html")
WORDS = {
    "SAME": "bit for bit the accepted result",
    "PASS": "no change that is larger than trainings differ by themselves",
    "REGRESSED": "worse than the accepted records, by more than trainings differ",
    "IMPROVED": "better than the accepted records, by more than trainings differ",
    "SUSPECT": "may be worse; more trainings decide",
    "NO-BASELINE": "nothing is accepted yet that it could be compared with",
    "INCOMPARABLE": "trained on other data than the accepted records",
    "UNSTABLE": "the times scatter too much, or are too few, to tell a change",
    "accepted": "is the baseline, or part of it",
    "former": "an older record; a newer one is judged",
    "not judged": "trained for another number of epochs than the recipe's",
}


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
    found = comparison.rows
    parts = [_status(comparison), _answer(comparison), sections.measured(comparison), sections.published(found), sections.overview(found)]
    parts += [sections.ab(comparison.ab), sections.verdicts(found), *map(sections.question, comparison.questions, count())]
    parts = [each for each in [*parts, sections.cells(found), _glossary(found)] if each]
    links = [match.groups() for each in parts if (match := re.search(r'id="([\w-]+)"><h2>(.*?)</h2>', each))]
    nav = element("nav", listed([element("a", Html(title), href=f"#{id_}") for id_, title in links]), aria_label="Sections of this page")
    content = element("main", parts[0], parts[1], nav, *parts[2:], id="content")
    title = f"zoobench: {comparison.here} against {comparison.against}" if comparison.here else "zoobench"
    filled = {"title": safe(title), "content": element("header", _head(comparison)) + content}
    return Template(SKELETON.read_text(encoding="utf-8")).substitute(filled)


def _head(comparison):
    newest = max((row.when for row in comparison.rows), default="")[:10]
    places = [("This machine", comparison.here), ("compared with", comparison.against), ("newest record", newest)]
    lines = [Html(f"{safe(name)}: {element('b', value)}") for name, value in places if value]
    return Html(element("h1", "zoobench: how do the networks do here?") + element("p", Html("; ".join(lines))))


def _status(comparison):
    """Whether anything is red, in one line that stands out; then the red verdicts, and the files that cannot be read."""
    red, problems = comparison.red, comparison.problems
    judged = sum(row.verdict.split(" ")[0] in rows.ORDER for row in comparison.rows)
    counts = Counter(row.verdict for row in comparison.rows if row.kind == "measured")
    counted = ", ".join(f"{count} {word}" for word, count in counts.items())
    fine = "Nothing regressed." if judged else "Nothing was judged."
    head = f"{len(red)} red: worse than the accepted records." if red else fine
    told = element("p", element("strong", head), f" {len(comparison.rows)} rows: {counted}." if counted else "")
    found = element("div", told, listed(red), class_="status red" if red else "status")
    if problems:
        found += element("div", element("p", element("strong", "Files that cannot be read")), listed(problems), class_="status red")
    return Html(found)


def _answer(comparison):
    return section("answer", "The answer", element("div", listed(comparison.answer), class_="answer"))


def _glossary(found):
    """The words and marks that the page uses, in plain words."""
    used = {row.verdict.split(" ")[0] for row in found} | {row.verdict for row in found}
    marks = {mark: meaning for mark, meaning in rows.MARKS.items() if any(each.startswith(mark) for row in found for each in row.marks)}
    terms = [(each, meaning) for each, meaning in [*WORDS.items(), *marks.items()] if each in used or each in marks]
    always = [
        ("cell", "a network, a data set and a recipe: what is trained; one row of a study's table"),
        ("floor", "the accuracy under which a training fails by itself"),
        ("95 % interval", "where the true figure lies, by what trainings differ among themselves"),
    ]
    pairs = [element(name, each) for pair in [*always, *terms] for name, each in zip(("dt", "dd"), pair, strict=True)]
    return section("words", "Words and marks", element("dl", *pairs))
