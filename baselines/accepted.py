"""``<machine>/accepted.toml``: which stored records are the baseline of which cell, since when and why."""

import datetime
import json
import tomllib
from statistics import mean

from baselines.files import StoreError, alone, replace

NAME = "accepted.toml"


def read(machine):
    """Cell id -> {'since', 'reason', 'first', 'records': {file: [digest, ...]}} of one machine's folder.

    ``first`` is {'since', 'accuracy', 'n'} of the cell's first baseline, or empty in lists from before it was stored.

    Raises:
        StoreError: accepted.toml is damaged.
    """
    path = machine / NAME
    if not path.is_file():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        return {cell: _entry(cell, entry) for cell, entry in table.items()}
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: not a list of accepted records ({error}); restore it from git") from error


def _entry(cell, entry):
    """The keys of a cell's entry; a ValueError where one is missing or wrong."""
    if not isinstance(entry, dict):
        raise ValueError(f"{cell} is not a table")
    for key in "since", "reason", "records":
        if key not in entry:
            raise ValueError(f"[{cell}]: the key {key!r} is missing")
    if not isinstance(entry["records"], dict) or not all(isinstance(digests, list) for digests in entry["records"].values()):
        raise ValueError(f"[{cell}.records] is not a table of file = [digests]")
    return {"first": {}, **entry}


def write(machine, cell, chosen, reason, keep=True, first=None):
    """Add records to the baseline of a cell, or put them in the place of the former ones.

    Args:
        machine: the machine's folder.
        cell: id of the cell.
        chosen: list of store.Stored in that folder; may be empty to remove the former ones.
        reason: why they become the baseline.
        keep: keep the former records, too.
        first: {'since', 'accuracy', 'n'} of the cell's first baseline, where the list does not name it; by default the chosen records.
    """
    with alone(machine / NAME):
        table = read(machine)
        former = table.pop(cell, {"records": {}, "first": {}})
        first = former["first"] or first or summary(chosen, datetime.date.today().isoformat())
        listed = dict(former["records"]) if keep else {}
        for stored in chosen:
            listed[stored.file] = sorted({*listed.get(stored.file, []), stored.digest})
        if listed:
            table[cell] = {"since": datetime.date.today().isoformat(), "reason": reason, "first": first, "records": listed}
        replace(machine / NAME, _toml(table))


def summary(records, since):
    """What a list says of a baseline: {'since', 'accuracy', 'n'}, empty without records."""
    return {"since": since, "accuracy": mean(each.record["accuracy"] for each in records), "n": len(records)} if records else {}


def _toml(table):
    lines = ["# Which stored records are the baseline of which cell, written by: python -m baselines accept\n"]
    for cell, entry in sorted(table.items()):
        lines.append(f"[{_text(cell)}]")
        lines += [f"{key} = {_text(entry[key])}" for key in ("since", "reason")]
        if entry["first"]:
            lines.append(f"first = {{ {', '.join(f'{key} = {json.dumps(value)}' for key, value in entry['first'].items())} }}")
        lines.append(f"[{_text(cell)}.records]")
        lines += [f"{_text(file)} = {json.dumps(digests)}" for file, digests in sorted(entry["records"].items())]
        lines.append("")
    return "\n".join(lines)


def _text(text):
    """A text as a TOML string: as JSON writes it, but with DEL escaped and with ? for bytes that are not characters."""
    return json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")
