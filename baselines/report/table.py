"""A Comparison as text, Markdown, CSV or JSON."""

import json
from dataclasses import asdict

from tabulate import tabulate

from baselines.record import plain


def text(made, form="simple"):
    """The answer, then the table of the rows."""
    found = [[row.cell, row.place, row.accuracy and f"{row.accuracy.value:.4f}", row.verdict] for row in made.rows]
    return "\n".join([*made.answer, "", tabulate(found, ["cell", "machine", "accuracy", "verdict"], tablefmt=form)]) + "\n"


def as_json(made):
    """The Comparison as strict JSON."""
    return json.dumps(plain(asdict(made)), indent=1) + "\n"
