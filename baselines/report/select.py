"""Which records a comparison is of: chosen by machine, cell, study and date; and which machine is the reference."""

import datetime
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase

from baselines.cells import cells, studies
from baselines.report import rows

PUBLISHED = "published"


class ChoiceError(ValueError):
    """An option that matches nothing; the message names what is known."""


@dataclass(frozen=True)
class Choice:
    """What the user asked to compare."""

    machines: tuple[str, ...] = ()  # parts of names of folders; the first names the machine that is compared
    cells: tuple[str, ...] = ()  # globs
    studies: tuple[str, ...] = ()
    since: datetime.date | None = None
    against: str | None = None  # a machine, "published" or a session's name
    all: bool = False  # also cells that were never run


def chosen(stored, choice):
    """The records that a Choice names.

    Raises:
        ChoiceError: a name in it that matches nothing.
    """
    found = [each for each in stored if each.cell in cells()]
    found = _matching(found, "--machine", choice.machines, lambda each, name: name in each.machine, lambda each: each.machine)
    found = _matching(found, "--cell", choice.cells, lambda each, name: fnmatchcase(each.cell, name), lambda each: each.cell)
    if unknown := [name for name in choice.studies if name not in studies()]:
        raise ChoiceError(f"--study={unknown[0]}: no such study; known: {', '.join(studies())}")
    found = _matching(found, "--study", choice.studies, lambda each, name: _study(each) == name, _study)
    if choice.since and found:
        newest = max(each.when for each in found)
        found = [each for each in found if each.when[:10] >= choice.since.isoformat()]
        if not found:
            raise ChoiceError(f"--since={choice.since}: the newest of those records is of {newest[:10]}")
    return found


def _study(each):
    return cells()[each.cell].study


def _matching(stored, option, names, matches, known):
    for name in names:
        if stored and not any(matches(each, name) for each in stored):
            raise ChoiceError(f"{option}={name} matches nothing; known: {', '.join(dict.fromkeys(map(known, stored)))}")
    return [each for each in stored if any(matches(each, name) for name in names)] if names else stored


def here(stored, choice):
    """The folder of the machine that is compared: that of the newest record, among those that the first name of --machine matches."""
    first = [each for each in stored if choice.machines and choice.machines[0] in each.machine] or stored
    return max(first, key=lambda each: each.when).machine


def reference(stored, everything, folder, against):
    """What the machine is compared with: (its records, name of the session or "", "published" or "").

    Args:
        stored: the chosen records.
        everything: all of them; the reference need not be among the chosen machines.
        folder: of the machine that is compared.
        against: a machine, "published" or a session's name; None: the machine with most cells in common, else published.

    Raises:
        ChoiceError: against matches nothing.
    """
    if against == PUBLISHED:
        return [], "", PUBLISHED
    if against:
        if session := [each for each in everything if each.name == against]:
            return session, against, ""
        machines = [each for each in everything if against in each.machine and each.machine != folder]
        if not machines:
            known = [PUBLISHED, *dict.fromkeys(each.machine for each in everything if each.machine != folder)]
            names = dict.fromkeys(each.name for each in everything)
            raise ChoiceError(f"--against={against} matches nothing; known: {', '.join([*known, *names])}")
        return _most_common(machines, stored, folder), "", ""
    others = [each for each in stored if each.machine != folder] or [each for each in everything if each.machine != folder]
    found = _most_common(others, stored, folder)
    return (found, "", "") if found else ([], "", PUBLISHED)


def _most_common(candidates, stored, folder):
    """The records of the machine with most rows like the machine's own; of several, that of its precision and backend."""
    mine = {_like(each) for each in stored if each.machine == folder}
    own = next((rows.place(each) for each in stored if each.machine == folder), ("", "", ""))
    common = Counter()
    for machine in dict.fromkeys(each.machine for each in candidates):
        theirs = [each for each in candidates if each.machine == machine]
        _, backend, precision = rows.place(theirs[0])
        shared = len(mine & {_like(each) for each in theirs})
        common[machine] = (shared, precision == own[2], backend == own[1]) if shared else ()
    best = max(common, key=lambda machine: common[machine], default=None)
    return [each for each in candidates if each.machine == best] if best and common[best] else []


def _like(each):
    return rows.key(each)[:3]
