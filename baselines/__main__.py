"""python -m baselines: what is stored, side by side; which records are the baseline; one training; what this machine can do.

Exit codes: 0 fine, 1 a regression, 2 wrong use or a damaged file, 3 nothing to compare.
"""

import argparse
import re
import sys
from pathlib import Path
from statistics import mean

from tabulate import tabulate

from baselines import child, compare, gate, judge, machine, overhead, store, train
from baselines.cells import TableError, cells
from baselines.record import FIELDS, sampled

END = "<!-- end of results -->"


def main(args=None):
    parser = argparse.ArgumentParser(prog="python -m baselines", description="What is stored, side by side.")
    commands = parser.add_subparsers(dest="command", required=True)
    table = commands.add_parser("compare", help="papers, machines and records in one table a study")
    table.add_argument("--format", choices=("text", "github", "csv"), default="text")
    table.add_argument("--into", type=Path, metavar="FILE", help="put the tables between the results markers of a file, such as README.md")
    table.add_argument("--accepted", action="store_true", help="of the accepted records only")
    accepting = commands.add_parser("accept", help="make stored records the baseline of their cells, in place of the former ones")
    accepting.add_argument("--reason", required=True, help="why, in words; it is written beside them")
    accepting.add_argument("--name", help="records stored as --benchmark-save=NAME (default: the newest record's name)")
    accepting.add_argument("--cell", help="only this cell's")
    accepting.add_argument("--machine", help="only this folder's")
    accepting.add_argument("--add", action="store_true", help="keep the former ones, too")
    roof = commands.add_parser("roofline", help="what this machine can do at most: measured once, stored, shown")
    roof.add_argument("--again", action="store_true", help="measure it, even if it was measured before")
    for each in table, accepting, roof:
        each.add_argument("--storage", type=Path, help="folder of the machines' folders (default: the project's, or this one's)")
    this = commands.add_parser("machine", help="the folder that this machine's records go to, and what is known of it, as JSON")
    for each in roof, this:
        each.add_argument("--precision", choices=machine.PRECISIONS, default="float32", help="(default: %(default)s)")
    trained = commands.add_parser("train", help="train one cell once; what happens and the record, as lines of JSON")
    train.options(trained)
    for each in roof, this, trained:
        each.add_argument("--parent", type=int, help=argparse.SUPPRESS)  # the process that reads the answer
    commands.add_parser("record", help="what is stored of a training: every field and its meaning")
    overhead.options(commands.add_parser("overhead", help="the suite's epoch beside fit and a loop by hand, timed side by side"))
    asked = parser.parse_args(args)
    try:
        asked.storage = getattr(asked, "storage", None) or store.folders()[0]
    except ValueError as error:
        return _refused(error)
    if not asked.storage.is_dir() and asked.storage != store.folders()[0]:
        return _refused(f"{asked.storage} is no folder; --storage names the one that --benchmark-storage did")
    functions = {"compare": _compare, "accept": _accept, "roofline": _roofline, "machine": _machine}
    functions |= {"train": _train, "record": _record, "overhead": overhead.command}
    try:
        return functions[asked.command](asked)
    except (store.StoreError, TableError) as error:
        return _refused(error)


def _refused(message):
    print(f"baselines: {message}", file=sys.stderr)
    return 2


def _compare(asked):
    stored = [each for each in store.every(asked.storage) if each.accepted or not asked.accepted]
    if not stored:
        print("nothing to compare: no record is stored; store one with: pytest -m full --benchmark-save=NAME", file=sys.stderr)
        return 3
    tables = compare.tables(stored, {"text": "simple"}.get(asked.format, asked.format))
    if asked.into:
        _put(asked.into, tables)
    else:
        print(tables, end="")
    red = [(each, verdict) for each, verdicts in compare.judgements(stored) for verdict in verdicts if verdict.red]
    for each, verdict in red:
        print(f"{each.cell} on {each.machine}, {each.file}: {verdict}", file=sys.stderr)
    return 1 if red else 0


def _put(file, text):
    """Replace what stands between a file's markers."""
    try:
        before, begin, rest = re.split(r"(<!-- results.*?-->\n)", file.read_text(encoding="utf-8"))
        _, end, after = rest.partition(END)
    except (OSError, ValueError) as error:
        raise store.StoreError(f"{file}: cannot be read, or has not one line that begins <!-- results") from error
    if not end:
        raise store.StoreError(f"{file}: has no {END} after its results")
    store.replace(file, f"{before}{begin}\n{text}\n{end}{after}")


def _accept(asked):
    stored = store.records(asked.storage)
    if not asked.reason.strip():
        raise store.StoreError("--reason is empty; say in words why these records are the baseline now")
    name = asked.name or (stored[-1].name if stored else None)
    named = [each for each in stored if each.name == name and asked.cell in (None, each.cell) and asked.machine in (None, each.machine)]
    chosen = [each for each in named if each.record["epochs_option"] is None]
    for each in named:
        if each not in chosen:
            print(f"left out: {each.machine}/{each.file}: {each.cell} was trained with --epochs")
    if not chosen:
        names = ", ".join(dict.fromkeys(each.name for each in stored)) or "none"
        raise store.StoreError(f"no stored record of a whole recipe is named {name!r} with that cell and machine; the names: {names}")
    for each in chosen:
        floor = cells()[each.cell].floor if each.cell in cells() and not sampled(each.record) else None
        if floor is not None and not each.record["accuracy"] >= floor:
            where = f"{each.machine}/{each.file}: {each.cell}"
            raise store.StoreError(f"{where} has accuracy {each.record['accuracy']}, under its floor {floor}; find out why first")
    store.accept(asked.storage, chosen, asked.reason, asked.add)
    for folder, cell in sorted({(each.machine, each.cell) for each in chosen}):
        values = judge.by_seed([each for each in chosen if (each.machine, each.cell) == (folder, cell)])
        few = f"; a verdict needs {gate.LEAST} seeds" if len(values) < gate.LEAST else ""
        print(f"accepted: {cell} on {folder}, n={len(values)}, accuracy {mean(values):.4f}{few}")
    return 0


def _roofline(asked):
    from baselines import roofline

    child.follow(asked.parent)
    machine.import_keras()
    machine.compute_in(asked.precision)
    found, kept = roofline.current(asked.storage / machine.folder(asked.precision), asked.again)
    if asked.parent:
        child.tell("roofline", kept=kept)
        return 0
    print(roofline.table(found))
    print(f"\n{machine.folder(asked.precision)}, measured {found['when']}")
    if kept and asked.again:
        print("measured again, but others kept the machine busy: the former measurement stays")
    elif found["shared"]:
        print(f"others kept {found['load']['others']:.2g} processors busy: this is too low, and is measured again next time")
    return 0


def _machine(asked):
    child.follow(asked.parent)
    machine.import_keras()
    child.tell("machine", folder=machine.folder(asked.precision), info=machine.info())
    return 0


def _record(asked):
    headers = ["field", "type", "null", "time", "identity", "meaning"]
    rows = [[each.name, each.kind.__name__, *(("", "yes")[each[i]] for i in (3, 4, 5)), each.meaning] for each in FIELDS]
    print(tabulate(rows, headers))
    return 0


def _train(asked):
    child.follow(asked.parent)
    return train.command(asked)


if __name__ == "__main__":
    sys.exit(main())
