"""A Comparison as CSV or JSON, with every figure in full. baselines/README.md lists the keys."""

import csv
import io
import json
from dataclasses import fields

from baselines.record import plain
from baselines.report import estimate, history, rows

MEASURED = ("accuracy", "epoch_seconds", "ratio", "accuracy_change")
PARTS = ("", "_low", "_high", "_n")  # columns of a measured figure


def as_csv(made):
    """One line a row: the fields of Row but its history, a measured one in four columns."""
    return _csv([each.name for each in fields(rows.Row) if each.name != "history"], made.rows)


def groups_as_csv(found):
    """One line a history.Group: its fields, a measured one in four columns."""
    return _csv(history.Group._fields, found)


def _csv(names, found):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(name + part for name in names for part in (PARTS if name in MEASURED else ("",)))
    for each in found:
        line = [(name, getattr(each, name)) for name in names]
        writer.writerow(item for name, value in line for item in ((value or [None] * 4) if name in MEASURED else [_joined(value)]))
    return out.getvalue()


def _joined(value):
    if isinstance(value, dict):
        return " ".join(f"{name}={version}" for name, version in value.items())
    return "; ".join(map(str, value)) if isinstance(value, tuple) else value


def as_json(made):
    """The Comparison as strict JSON: its fields and those of its rows; a measured figure as {value, low, high, n}."""
    found = {each.name: getattr(made, each.name) for each in fields(made)}
    return _json(found | {"letters": made.letters, "rows": [{"place": row.place, **_fields(row)} for row in made.rows]})


def groups_as_json(found):
    """The Groups of `--by` as strict JSON: a list of their fields."""
    return _json([each._asdict() for each in found])


def _fields(row):
    return {each.name: getattr(row, each.name) for each in fields(row)}


def _json(value):
    return json.dumps(plain(_tables(value)), indent=1) + "\n"


def _tables(value):
    """Measured figures as tables, at any depth."""
    if isinstance(value, estimate.Measured):
        return value._asdict()
    if isinstance(value, dict):
        return {key: _tables(item) for key, item in value.items()}
    return [_tables(item) for item in value] if isinstance(value, list | tuple) else value
