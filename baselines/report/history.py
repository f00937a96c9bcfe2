"""`compare --by WHAT`: accuracy and time of each cell over the versions of a package, commits, machines or precisions.

Groups stand in the order of their versions, commits and machines in that of their first record. A version or commit is held against
the one before it, a machine or precision against the first one, of equal cell, machine, data and recipe.
"""

import textwrap
from collections import defaultdict
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from baselines.report import estimate, rows, table
from baselines.report.select import ChoiceError

PACKAGES = {"keras": ("keras",), "tensorflow": ("tensorflow", "tensorflow-cpu"), "jax": ("jax",), "python": ("python",)}
ORDERED = (*PACKAGES, "commit")  # of which each is held against the one before it
BY = (*ORDERED, "machine", "precision")
WHERE = ("machine", "backend", "precision")
WITHOUT = {"machine": WHERE, "precision": ("precision",)}  # what like records may differ in

ALL = "all cells"
LEGEND = """s/epoch: fastest training epoch, geometric mean. ratio: to the {base}, of equal
data, recipe and place; of all cells, the geometric mean over those that are compared, each of which
counts once. change: of accuracy, without --epochs."""
UNCOMMITTED = "+: with uncommitted code, which may differ between such records."


class Group(NamedTuple):
    """The records of one cell, or of all cells together, in one group."""

    cell: str  # ALL for all together
    place: str  # without what it is grouped by
    marks: tuple[str, ...]  # of its newest row
    data: str  # fingerprint
    recipe: str  # digest
    name: str  # version, commit, machine or precision
    base: str  # name of the group that it is held against; its own without one
    cells: int  # that have records
    compared: int  # of them, those that are held against another group
    accuracy: estimate.Measured | None  # None of all cells
    epoch_seconds: estimate.Measured | None
    ratio: estimate.Measured | None  # of epoch_seconds to the base's
    accuracy_change: estimate.Measured | None
    also: tuple[str, ...]  # what else differs from the base


def groups(measured, by):
    """The Group of all cells for each version, then those of each cell: a list of Group.

    Args:
        measured: list of rows.Row.
        by: one of BY.

    Raises:
        ChoiceError: no record has such a group.
    """
    names, like = {}, defaultdict(lambda: defaultdict(list))
    entries = [(each, row) for row in measured for each in row.history]
    for each, row in sorted(entries, key=lambda pair: pair[0]["when"]):
        if name := _name(each, row, by):
            names.setdefault(name)
            like[_like(row, by)][name].append((each, row))
    if not measured:
        raise ChoiceError(f"--by={by}: no stored record was chosen; printed numbers have no versions, commits or precisions")
    if not names:
        raise ChoiceError(f"--by={by}: no record has one; its backends: {', '.join(dict.fromkeys(row.backend for row in measured))}")
    order = sorted(names, key=_version) if by in PACKAGES else list(names)
    of_cells = [_group(found, name, order, by) for found in like.values() for name in order if name in found]
    order_of = {row.cell: i for i, row in reversed([*enumerate(measured)])}
    of_cells.sort(key=lambda each: (order_of[each.cell], each.place, each.data, each.recipe))  # stable: versions stay in order
    return [_all(of_cells, name, None if by in ORDERED else order[0]) for name in order] + of_cells


def _name(each, row, by):
    """The group of a record, or None where it has none: the version of a backend that did not train it is not its own."""
    if by in ("tensorflow", "jax") and row.backend != by:
        return None
    if by in PACKAGES:
        return next((each["versions"][name] for name in PACKAGES[by] if each["versions"].get(name)), None)
    return {"commit": rows.commit(each, 8), "machine": row.place, "precision": row.precision}[by]


def _like(row, by):
    """What records have in common that are held against each other: cell, data, recipe, machine, backend and precision."""
    where = tuple("" if name in WITHOUT.get(by, ()) else getattr(row, name) for name in WHERE)
    return (row.cell, row.data, row.recipe, where)


def _version(name):
    """What versions are sorted by; what is no version comes first."""
    try:
        return (1, Version(name), name)
    except InvalidVersion:
        return (0, Version("0"), name)


def _group(found, name, order, by):
    """The Group of like records of one cell; ``found``: name -> list of (a record's history, its row)."""
    row, earlier = found[name][-1][1], [each for each in order[: order.index(name)] if each in found]
    against = (earlier[-1] if by in ORDERED else earlier[0]) if earlier else name
    base = found[against] if earlier else []
    return Group(
        cell=row.cell,
        place=rows.named(*("" if name in WITHOUT.get(by, ()) else getattr(row, name) for name in WHERE)),
        marks=tuple(mark for mark in row.marks if rows.explained(mark)[0] in ("sample", "epochs", "former")),
        data=row.data,
        recipe=row.recipe,
        name=name,
        base=against,
        cells=1,
        compared=int(bool(earlier)),
        accuracy=estimate.average(_accuracies(found[name])),
        epoch_seconds=estimate.geometric(_seconds(found[name])),
        ratio=estimate.ratio(_seconds(found[name]), _seconds(base)),
        accuracy_change=estimate.difference(_accuracies(found[name]), _accuracies(base)),
        also=_also(found[name][-1], base[-1], by) if base else (),
    )


def _seconds(found):
    return [each["epoch_seconds"] for each, _ in found if each["epoch_seconds"] is not None]


def _accuracies(found):
    return list({each["seed"]: each["accuracy"] for each, _ in found}.values())


def _also(newest, base, by):
    """What else differs between two records than what they are grouped by: a tuple of texts."""
    mine, theirs = ({**each["versions"], "backend": row.backend, "precision": row.precision} for each, row in (newest, base))
    apart = {*PACKAGES.get(by, ()), *WITHOUT.get(by, ())}
    return tuple(
        f"{name} {theirs[name]} -> {mine[name]}" for name in mine if name not in apart and theirs.get(name, mine[name]) != mine[name]
    )


def _all(of_cells, name, first):
    """The Group of all cells: geometric mean of the ratios and mean of the changes, without those of --epochs.

    Args:
        of_cells: list of Group.
        name: of the version, commit, machine or precision.
        first: the only base of which ratios are taken; None: each group's own.
    """
    found = [each for each in of_cells if each.name == name]
    against = [each for each in found if each.compared and first in (None, each.base)]
    whole = [each for each in against if not rows.cut_short(each)]
    return Group(
        cell=ALL,
        place="",
        marks=(),
        data="",
        recipe="",
        name=name,
        base=", ".join(dict.fromkeys(each.base for each in against)) or name,
        cells=len({each.cell for each in found}),
        compared=len({each.cell for each in against}),
        accuracy=None,
        epoch_seconds=None,
        ratio=_of_cells(against, "ratio", estimate.geometric),
        accuracy_change=_of_cells(whole, "accuracy_change", estimate.average),
        also=tuple(dict.fromkeys(text for each in against for text in each.also)),
    )


def _of_cells(found, figure, mean):
    """The mean of a figure of some Groups over their cells, each of which counts once: by its whole trainings, where it has some."""
    of_cells = defaultdict(list)
    for each in found:
        if getattr(each, figure):
            of_cells[each.cell].append(each)
    chosen = [[each for each in groups if not each.marks] or groups for groups in of_cells.values()]
    figures = [[getattr(each, figure) for each in groups] for groups in chosen]
    if len(figures) == 1 == len(figures[0]):
        return figures[0][0]
    return mean([mean([each.value for each in of_cell]).value for of_cell in figures])


def text(found, by, form="text"):
    """Groups as plain text of at most table.WIDTH columns or as Markdown ("github"): all cells, then those with two groups or more."""
    names = list(dict.fromkeys(each.name for each in found))
    labels = {name: rows.letter(i) if by == "machine" else name for i, name in enumerate(names)}
    tables, headers = defaultdict(list), [by, "cells", "compared", "accuracy", "±", "n", "s/epoch", "ratio", "95 %", "change", "95 %"]
    for each in found:
        title = ", ".join(part for part in (each.cell, *each.marks, each.place) if part)
        tables[title, each.data, each.recipe].append([labels[each.name], *_figures(each)])
    parts = []
    for (title, *_), lines in tables.items():
        if len(lines) > 1 or title == ALL:
            kept = [i for i in range(len(headers)) if any(line[i] for line in lines)]
            parts.append(table.titled(title, [headers[i] for i in kept], [[line[i] or "" for i in kept] for line in lines], form))
    parts += ["\n".join(f"{label} = {name}" for name, label in labels.items())] if by == "machine" else []
    other = [f"{labels[each.name]} also differs in: {'; '.join(each.also)}" for each in found if each.cell == ALL and each.also]
    parts += ["\n".join(textwrap.fill(line, table.WIDTH, subsequent_indent="  ") for line in other)] if other else []
    alone = sum(len(lines) == 1 for (title, *_), lines in tables.items() if title != ALL)
    one = f"of one {f'version of {by}' if by in PACKAGES else by} only; --format json has"
    parts += [f"1 more table is {one} it." if alone == 1 else f"{alone} more tables are {one} them."] if alone else []
    legend = LEGEND.format(base="one before it" if by in ORDERED else "first one")
    return "\n\n".join([*parts, legend, *([UNCOMMITTED] if by == "commit" and any(name.endswith("+") for name in names) else [])]) + "\n"


def _figures(each):
    accuracy, ratio, change = each.accuracy, each.ratio, each.accuracy_change
    return [
        *((str(each.cells), str(each.compared)) if each.cell == ALL else (None, None)),
        accuracy and f"{accuracy.value:.4f}",
        accuracy and accuracy.low is not None and f"{accuracy.value - accuracy.low:.4f}",
        accuracy and str(accuracy.n),
        each.epoch_seconds and table.digits(each.epoch_seconds.value),
        ratio and table.factor(ratio.value),
        ratio and ratio.low is not None and f"{table.factor(ratio.low)}-{table.factor(ratio.high)}",
        change and f"{change.value:+.4f}",
        change and change.low is not None and f"{change.low:+.4f} {change.high:+.4f}",
    ]
