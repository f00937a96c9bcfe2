"""What `python -m baselines ab` found: as a table, and as one JSON file a comparison, in ``<storage>/<machine>/ab/``."""

import datetime
import json
import uuid
from statistics import mean

import numpy as np
from tabulate import tabulate

from baselines import changes, files, machine, paired, record
from baselines.pairs import ACCURACY, KINDS, TIME

FOLDER = "ab"  # below a machine's folder, where nothing looks for records
VERSION = 1
WORDS = ("WORSE", "SLOWER", "OPEN", "NO CHANGE", "FASTER", "BETTER")  # verdicts, worst first
QUIETER = "longer epochs (more --images), a quieter machine or, on Linux, one core (taskset -c 0 python -m baselines ab ...)"
EVALUATION = ", but not the accuracies: the evaluation or its data has changed"


def _number(value):
    return isinstance(value, int | float) and np.isfinite(value)


def _number_or_none(value):
    return value is None or _number(value)


def _text(value):
    return isinstance(value, str)


SHOWN = {  # keys of a stored comparison that tables show -> whether a value can be shown
    "of": lambda value: _text(value) and value in KINDS,
    "subject": _text,
    "sides": lambda value: isinstance(value, list) and len(value) == 2 and all(map(_text, value)),
    "verdict": lambda value: value in WORDS,
    "ratio": _number,
    "low": _number_or_none,
    "high": _number_or_none,
    "sees": _number_or_none,
    "pairs": _number,
    "minutes": _number,
    "when": _text,
}


def result(pairs, both, args):
    """One comparison as plain values: what is stored of it.

    Args:
        pairs: pairs.Pairs, with at least one.
        both: the two sides.Side.
        args: the command's options.
    """
    kind, seen = pairs.kind, pairs.seen
    first, second = pairs.runs[-1][1:]
    same_bits = all(each[1]["history"]["loss"] == each[2]["history"]["loss"] for each in pairs.runs)
    same = kind is ACCURACY and same_bits and not any(pairs.differences)  # equal losses do not show a change of the evaluation
    sight = paired.sight(pairs.differences, pairs.alpha) if kind is TIME else None
    return record.plain(
        {
            "version": VERSION,
            "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "of": kind.name,
            "subject": pairs.cell,
            "sides": [side.name for side in both],
            "commits": [side.commit for side in both],
            "uncommitted": [side.uncommitted for side in both],
            "verdict": "NO CHANGE" if same and not pairs.reason else pairs.word,
            "reason": pairs.reason,
            "ratio": float(kind.outer(seen.estimate)),  # of an accuracy, the change
            "low": float(kind.outer(seen.low)) if np.isfinite(seen.low) else None,
            "high": float(kind.outer(seen.high)) if np.isfinite(seen.high) else None,
            "margin": pairs.margin,
            "sees": sight and float(np.expm1(sight)),
            "pairs": len(pairs.runs),
            "minutes": pairs.seconds / 60,
            "same_bits": same_bits,
            "differs": _differences(first, second),
            "others": [_others([run[i] for run in pairs.runs]) for i in (1, 2)],
            "images": args.images,
            "epochs": pairs.epochs,
            "precision": args.precision,
            "machine": first["machine"],
            "versions": [each["versions"] for each in (first, second)],
            "environment": [each["environment"] for each in (first, second)],
            "runs": [[seed, *(float(kind.outer(kind.of(each))) for each in trained)] for seed, *trained in pairs.runs],
        }
    )


OF = {  # what the sides of a comparison may differ in beside ``changes.differences``
    "backend": lambda made: made["backend"],
    "data": lambda made: made["data"]["fingerprint"],
    "multiply-accumulates": lambda made: made["macs"],
}


def _differences(first, second):
    """What differs between the two sides: a list of texts, before -> after."""
    found = [f"{name} {of(first)} -> {of(second)}" for name, of in OF.items() if of(first) != of(second)]
    packages = first["backend"] != second["backend"]  # one side does not have the other's
    return found + [text for text in changes.differences(second, first) if not (packages and " None" in text)]


def _others(records):
    """Processors that other programs kept busy during some trainings, on average; None where the system does not tell."""
    known = [each["load"]["others"] for each in records if each["load"]["others"] is not None]
    return mean(known) if known else None


def table(results, without=(), style="simple"):
    """The comparisons of one command as text, worst first.

    Args:
        results: list of what ``result`` returned.
        without: cell -> reason, of those without a pair.
        style: a tablefmt of tabulate's.
    """
    gap = "\n" if style == "github" else ""
    open_ones = [f"{cell}: OPEN: {without[cell]}" for cell in without]
    if not results:
        return f"{gap}\n".join([*open_ones, "nothing was compared"])
    results = sorted(results, key=lambda each: WORDS.index(each["verdict"]))
    kind = KINDS[results[0]["of"]]
    figure, *more = kind.headers
    headers = ["cell", "verdict", figure, "interval", "pairs", "minutes", *more]
    lines = [tabulate([row(each) for each in results], headers, tablefmt=style, disable_numparse=True) + gap, kind.foot]
    for each in results:
        lines += [f"{each['subject']}: {text}" for text in _notes(each)]
    return f"{gap}\n".join(["", *lines, *open_ones])


def row(result):
    """One comparison as a row of the table."""
    kind, known = KINDS[result["of"]], result["low"] is not None
    form = kind.form
    interval = f"{form.format(result['low'])} to {form.format(result['high'])}" if known else "too few pairs"
    cells = [result["subject"], result["verdict"], form.format(result["ratio"]), interval, result["pairs"], f"{result['minutes']:.1f}"]
    if kind is ACCURACY:
        return cells
    return [*cells, f"{result['sees']:.1%} slower" if result["sees"] else "nothing yet"]


def _notes(result):
    """What a reader of the row should know, and what to do next."""
    notes, kind = [], KINDS[result["of"]]
    if result["verdict"] == "NO CHANGE":
        margin = f"{result['margin']:.1%}" if kind is TIME else f"{result['margin']}"
        notes.append(f"no {kind.loss} of {margin} or more")
    notes.append(
        f"changed: {', '.join(result['differs'])}"
        if result["differs"]
        else "code, recipe, libraries and settings are the same on both sides"
    )
    if result["same_bits"]:
        notes.append("the losses of the training are the same to the bit" + (EVALUATION if kind is ACCURACY and result["ratio"] else ""))
    busy = [each for each in result["others"] if each is not None]
    if busy and max(busy) > machine.SHARED:
        notes.append(f"other programs kept {max(busy):.2g} processors busy: it takes more pairs, and sees less")
    if result["reason"]:
        notes.append(result["reason"])
    elif result["verdict"] == "OPEN" and kind is TIME:
        notes.append(f"not decided: give it {QUIETER}, more --budget or a larger --margin")
    elif result["verdict"] == "OPEN":
        notes.append("not decided: give it more --seeds or a larger --margin")
    return notes


def store(storage, result):
    """Write a comparison to a new file of its machine's folder: its path.

    Raises:
        files.StoreError: it cannot be written.
    """
    folder = storage / result["machine"] / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = files.numbered(folder, result["commits"][0][:7], uuid.uuid4().hex[:8])
        files.replace(path, files.dense(result) + "\n")
    except OSError as error:
        raise files.StoreError(f"{folder}: the comparison cannot be stored: {error}; name another --storage") from error
    return path


def stored(storage, problems=None):
    """The comparisons of a storage, oldest first: a list of dicts with SHOWN and the machine's folder.

    Args:
        storage: pathlib.Path of the folder of the machines' folders.
        problems: list that a line is added to for every file that cannot be read.
    """
    found = []
    for path in sorted(storage.glob(f"*/{FOLDER}/*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            found.append({"machine": path.parent.parent.name, **_shown(content)})
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = f"the key {error} is missing" if isinstance(error, KeyError) else error
            if problems is not None:
                problems.append(f"left out: {path}: not a comparison of `python -m baselines ab` ({reason}); delete it, or run ab again")
    return sorted(found, key=lambda each: each["when"])


def _shown(content):
    """The keys of a stored comparison that tables show; ValueError, KeyError or TypeError where it is not one of this version."""
    if content["version"] != VERSION:
        raise ValueError(f"its version is {content['version']!r}, and this suite reads {VERSION}")
    for key, fits in SHOWN.items():
        if not fits(content[key]):
            raise ValueError(f"its {key} is {content[key]!r}")
    if (content["low"] is None) != (content["high"] is None):
        raise ValueError("one end of its interval is missing")
    return {key: content[key] for key in SHOWN}
