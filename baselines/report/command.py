"""`python -m baselines compare`: its options, and what it prints."""

import argparse
import datetime
import gc
import re
import sys
from dataclasses import replace

from baselines import comparisons, files, store
from baselines.cells import cells
from baselines.report import ci, drawing, expected, history, make, measure, page, select, studies, table, values
from loaders import user

END = "<!-- end of results -->"
FORMATS = ("text", "github", "csv", "json")


def options(parser):
    """Add the options of `compare`."""
    parser.epilog = (
        "baselines/README.md lists the keys of JSON. Exit code: 0 fine, 1 a regression, 2 wrong use or damage, 3 nothing to compare."
    )
    parser.add_argument(
        "--machine",
        type=_names,
        default=(),
        metavar="NAMES",
        help="only these: parts of names of folders or of studies' machines, with commas between; the first is compared",
    )
    parser.add_argument("--cell", type=_names, default=(), metavar="GLOBS", help="only these cells, such as lenet5-*")
    parser.add_argument("--study", type=_names, default=(), metavar="NAMES", help="only the cells of these studies")
    parser.add_argument("--since", type=_date, metavar="DATE", help="only records of that day (such as 2026-01-31) and later ones")
    parser.add_argument(
        "--against",
        metavar="NAME",
        help="the reference: a machine, also a study's such as 'GTX 960M', published, or the name that --benchmark-save gave",
    )
    parser.add_argument("--all", action="store_true", help="also the cells that were never run: each study's whole table")
    parser.add_argument(
        "--expected", action="store_true", help="also the times expected of cells that were not timed, and how far off such are"
    )
    parser.add_argument("--by", choices=history.BY, help="accuracy and time of each cell over the versions of a package, commits, ...")
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.add_argument("--into", type=user.path, metavar="FILE", help="write it between the results markers of FILE")
    parser.add_argument("--html", type=user.path, metavar="FILE", help="also write it as a page with charts, for a browser")
    parser.add_argument("--accepted", action="store_true", help="accepted records only")


def _names(text):
    return tuple(name for name in text.split(",") if name)


def _date(text):
    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day, such as 2026-01-31") from error


def command(options):
    """Print the comparison that the options ask for; the exit code."""
    collecting = gc.isenabled()
    gc.disable()  # while thousands of records are read, of which none is dropped, looking for garbage takes a fifth of the time
    try:
        return _command(options)
    finally:
        if collecting:
            gc.enable()


def _command(options):
    if options.html and (line := drawing.missing()):
        print(f"baselines: {line}", file=sys.stderr)
        return 2
    problems = []
    every = store.every(options.storage, problems)
    stored = [each for each in every if each.accepted or not options.accepted]
    compared = comparisons.stored(options.storage, problems)
    for line in problems:
        print(line, file=sys.stderr)
    if not stored and problems:
        return 2
    if options.accepted and not any(each.accepted and each.cell in cells() for each in stored):
        print('nothing to compare: no record is accepted; accept some with: python -m baselines accept --reason "..."', file=sys.stderr)
        return 3
    if not any(each.cell in cells() for each in stored):
        print("nothing to compare: no record of a cell is stored; store one with: pytest -m full --benchmark-save=NAME", file=sys.stderr)
        return 3
    choice = select.Choice(options.machine, options.cell, options.study, options.since, options.against, options.all)
    try:
        made = make.comparison(stored, choice, problems, compared)
        made = expected.added(made, every, options.storage, choice) if options.expected else made
        printed = _printed(made, select.chosen(stored, choice), options)
    except select.ChoiceError as error:
        print(f"baselines: {error}", file=sys.stderr)
        return 2
    if options.into:
        _put(options.into, printed)
    else:
        print(printed, end="")
    if options.html:
        page.write(options.html, made)
    for line in [*made.red, *ci.compared(made, lambda: table.text(made, "github"))]:
        print(line, file=sys.stderr)
    return 1 if made.red else 0


def _printed(made, chosen, options):
    """What the options ask for, as text."""
    if options.by:
        found = history.groups(measure.measured(chosen, {}), options.by)
        forms = {"csv": values.groups_as_csv, "json": values.groups_as_json}
        return forms[options.format](found) if options.format in forms else history.text(found, options.by, options.format)
    if options.format in ("csv", "json"):
        return {"csv": values.as_csv, "json": values.as_json}[options.format](made)
    style = {"text": "simple"}.get(options.format, options.format)
    text = table.text(replace(made, questions=[]) if options.all else made, options.format)  # whole tables have the studies' questions
    text += expected.section(made, options.format) if options.expected else ""
    return text + ("\n" + studies.tables(chosen, make.folders(made, chosen), style) if options.all else "")


def _put(file, text):
    """Replace the text between a file's markers."""
    try:
        before, begin, rest = re.split(r"(<!-- results.*?-->\n)", file.read_text(encoding="utf-8"))
        _, end, after = rest.partition(END)
    except (OSError, ValueError) as error:
        raise files.StoreError(f"{file}: cannot be read, or does not have exactly one line that begins with <!-- results") from error
    if not end:
        raise files.StoreError(f"{file}: the line {END} is missing after the line that begins with <!-- results; add it")
    text = text.encode("utf-8", "backslashreplace").decode()  # a folder's name need not be text
    files.replace(file, f"{before}{begin}\n{text}\n{end}{after}")
