"""Which records a comparison is of: chosen by machine, cell, study and date; and which machine is the reference."""

import datetime
from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase

from baselines.cells import cells, studies
from baselines.report import measure, published
from baselines.report.rows import PUBLISHED, Row


class ChoiceError(ValueError):
    """An option that matches nothing; the message names what is known."""


@dataclass(frozen=True)
class Choice:
    """What the user asked to compare."""

    machines: tuple[str, ...] = ()  # parts of names of folders or studies' machines; the first names the machine that is compared
    cells: tuple[str, ...] = ()  # globs
    studies: tuple[str, ...] = ()
    since: datetime.date | None = None
    against: str | None = None  # a machine, also a study's, "published" or a session's name
    all: bool = False  # also cells that were never run


def chosen(stored, choice):
    """The records that a Choice names; none where it names only what studies print.

    Raises:
        ChoiceError: a name in it that matches nothing, neither stored nor printed.
    """
    found = [each for each in _named_by(stored, choice) if not isinstance(each, Row)]
    if choice.since and found:
        newest = max(each.when for each in found)
        found = _since(found, choice)
        if not found:
            raise ChoiceError(f"--since={choice.since}: the newest of those records is of {newest[:10]}")
    return found


def printed(stored, choice):
    """The rows that studies print and a Choice names: a list of rows.Row. Raises as ``chosen``."""
    return [each for each in _named_by(stored, choice) if isinstance(each, Row)]


def _named_by(stored, choice):
    """The records of cells and the published rows that a Choice names."""
    found = [each for each in stored if each.cell in cells()] + published.rows()
    found = _matching(found, "--machine", choice.machines, lambda each, name: name in each.machine, lambda each: each.machine)
    found = _matching(found, "--cell", choice.cells, lambda each, name: fnmatchcase(each.cell, name), lambda each: each.cell)
    if unknown := [name for name in choice.studies if name not in studies()]:
        raise ChoiceError(f"--study={unknown[0]}: no such study; known: {', '.join(studies())}")
    return _matching(found, "--study", choice.studies, lambda each, name: _study(each) == name, _study)


def _since(stored, choice):
    return [each for each in stored if choice.since is None or each.when[:10] >= choice.since.isoformat()]


def wanted(cell, choice):
    """Whether a Choice takes a cell."""
    by_name = not choice.cells or any(fnmatchcase(cell, name) for name in choice.cells)
    return by_name and (not choice.studies or cells()[cell].study in choice.studies)


def _study(each):
    return cells()[each.cell].study


def _matching(found, option, names, matches, known):
    for name in names:
        if not any(matches(each, name) for each in found):
            raise ChoiceError(f"{option}={name} matches nothing; known: {', '.join(dict.fromkeys(map(known, found)))}")
    return [each for each in found if any(matches(each, name) for name in names)] if names else found


def here(stored, choice):
    """The folder of the machine that is compared: that of the newest whole training, among those that the first of --machine matches."""
    first = [each for each in stored if choice.machines and choice.machines[0] in each.machine] or stored
    return ([each for each in first if each.record["epochs_option"] is None] or first)[-1].machine


def reference(stored, everything, folder, choice):
    """What the machine is compared with: (records of one machine, name of their session or ""), or ([], a study's machine or "").

    Args:
        stored: the chosen records.
        everything: all of them, since the reference need not be among the chosen machines, nor, if it is named, of the chosen days.
        folder: of the machine that is compared.
        choice: Choice; without its ``against``, the reference is the machine with most cells in common.

    Returns:
        No records where the reference is published: as asked, also of a study's machine; or since no other machine has a cell in common.

    Raises:
        ChoiceError: against matches nothing.
    """
    against = choice.against
    if against == PUBLISHED:
        return [], ""
    mine = [each for each in stored if each.machine == folder]
    if against:
        others, session = _named(mine, everything, folder, against)
        if not others:
            return [], session
        return _most_common(others, mine) or [each for each in others if each.machine == others[0].machine], session
    chosen, others = ([each for each in _since(records, choice) if each.machine != folder] for records in (stored, everything))
    return _most_common(chosen, mine) or _most_common(others, mine), ""


def _named(mine, everything, folder, against):
    """(the records of a session's name or of machines with such a name, the session's name or ""); ([], the study's machine)."""
    session = [each for each in everything if each.name == against]
    here = [each for each in session if each.machine == folder]
    if here and any(each.name != against for each in mine):
        return here, against
    if elsewhere := [each for each in session if each.machine != folder]:
        return elsewhere, against
    if machines := [each for each in everything if against in each.machine and each.machine != folder]:
        return machines, ""
    theirs = published.rows()
    if machines := [row.machine for row in theirs if against in row.machine]:
        ours = {each.cell for each in mine}
        return [], max(machines, key=lambda machine: sum(row.machine == machine and row.cell in ours for row in theirs))
    if here:
        raise ChoiceError(f"--against={against}: every record of {folder} is of that session; there is nothing to compare with it")
    machines = [each.machine for each in (*everything, *theirs) if each.machine != folder]
    known = dict.fromkeys([PUBLISHED, *machines, *(each.name for each in everything)])
    raise ChoiceError(f"--against={against} matches nothing; known: {', '.join(known)}")


def _most_common(others, mine):
    """The records of the machine with most cells in common, data and recipe included; of several, that of equal precision and backend."""
    wanted = {measure.like(each) for each in mine}
    groups = defaultdict(list)
    for each in others:
        groups[each.machine].append(each)
    _, backend, precision = measure.place(mine[0])

    def rank(group):
        _, theirs, other = measure.place(group[0])
        return len(wanted & {measure.like(each) for each in group}), other == precision, theirs == backend

    best = max(groups.values(), key=rank, default=[])
    return best if best and rank(best)[0] else []
