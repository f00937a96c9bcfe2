"""python -m baselines compare | accept | roofline | overhead: the tables, which runs are the baseline, what this machine can do.

Exit codes: 0 fine, 1 a regression, 2 wrong use or a damaged file, 3 nothing to compare.
"""

import argparse
import re
import sys
from pathlib import Path
from statistics import mean

from baselines import compare, gate, judge, machine, overhead, roofline, store
from baselines.cells import TableError, cells
from baselines.run import sampled

END = "<!-- end of results -->"


def main(words=None):
    parser = argparse.ArgumentParser(prog="python -m baselines", description="What is stored, side by side.")
    commands = parser.add_subparsers(dest="command", required=True)
    table = commands.add_parser("compare", help="papers, machines and runs in one table a study")
    table.add_argument("--format", choices=("text", "github", "csv"), default="text")
    table.add_argument("--into", type=Path, metavar="FILE", help="put the tables between the results markers of a file, such as README.md")
    table.add_argument("--accepted", action="store_true", help="of the accepted runs only")
    accepting = commands.add_parser("accept", help="make stored runs the baseline of their cells, in place of the former ones")
    accepting.add_argument("--reason", required=True, help="why, in words; it is written beside them")
    accepting.add_argument("--name", help="runs stored as --benchmark-save=NAME (default: the newest run's name)")
    accepting.add_argument("--cell", help="only this cell's")
    accepting.add_argument("--machine", help="only this folder's")
    accepting.add_argument("--add", action="store_true", help="keep the former ones, too")
    roof = commands.add_parser("roofline", help="what this machine can do at most: measured once, stored, shown")
    roof.add_argument("--again", action="store_true", help="measure it, even if it was measured before")
    roof.add_argument("--precision", choices=("float32", "mixed_bfloat16"), default="float32", help="whose folder (default: %(default)s)")
    for each in table, accepting, roof:
        each.add_argument("--storage", type=Path, default=store.FOLDER, help="folder of the machines' folders (default: this one's)")
    overhead.options(commands.add_parser("overhead", help="the time of the suite's epoch beside plain fit and a loop by hand"))
    asked = parser.parse_args(words)
    try:
        if asked.command == "overhead":
            return overhead.command(asked)
        if not asked.storage.is_dir():
            raise store.StoreError(f"{asked.storage} is no folder; --storage names the one that --benchmark-storage did")
        if asked.command == "roofline":
            return _roofline(asked)
        runs = store.runs(asked.storage)
        return _compare(asked, runs) if asked.command == "compare" else _accept(asked, runs)
    except (store.StoreError, TableError) as error:
        print(f"baselines: {error}", file=sys.stderr)
        return 2


def _compare(asked, runs):
    runs = [run for run in runs if run.accepted or not asked.accepted]
    if not runs:
        print("nothing to compare: no run is stored; store one with: pytest -m full --benchmark-save=NAME", file=sys.stderr)
        return 3
    machine.import_keras()
    tables = compare.tables(runs, {"text": "simple"}.get(asked.format, asked.format))
    if asked.into:
        _put(asked.into, tables)
    else:
        print(tables, end="")
    red = [(run, verdict) for run, verdicts in compare.judgements(runs) for verdict in verdicts if verdict.red]
    for run, verdict in red:
        print(f"{run.cell} on {run.machine}, {run.file}: {verdict}", file=sys.stderr)
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


def _accept(asked, runs):
    if not asked.reason.strip():
        raise store.StoreError("--reason is empty; say in words why these runs are the baseline now")
    name = asked.name or (runs[-1].name if runs else None)
    named = [run for run in runs if run.name == name and asked.cell in (None, run.cell) and asked.machine in (None, run.machine)]
    chosen = [run for run in named if run.sample["epochs_option"] is None]
    for run in named:
        if run not in chosen:
            print(f"left out: {run.machine}/{run.file}: {run.cell} was trained with --epochs")
    if not chosen:
        names = ", ".join(dict.fromkeys(run.name for run in runs)) or "none"
        raise store.StoreError(f"no whole stored run is named {name!r} with that cell and machine; the names: {names}")
    for run in chosen:
        floor = cells()[run.cell].floor if run.cell in cells() and not sampled(run.sample) else None
        where = f"{run.machine}/{run.file}: {run.cell}"
        if floor is not None and not run.sample["accuracy"] >= floor:
            raise store.StoreError(f"{where} has accuracy {run.sample['accuracy']}, under its floor {floor}; find out why first")
    store.accept(asked.storage, chosen, asked.reason, asked.add)
    for folder, cell in sorted({(run.machine, run.cell) for run in chosen}):
        values = judge.by_seed([run for run in chosen if (run.machine, run.cell) == (folder, cell)])
        few = f"; a verdict needs {gate.LEAST_RUNS} seeds" if len(values) < gate.LEAST_RUNS else ""
        print(f"accepted: {cell} on {folder}, n={len(values)}, accuracy {mean(values):.4f}{few}")
    return 0


def _roofline(asked):
    machine.import_keras()
    machine.compute_in(asked.precision)
    found, kept = roofline.current(asked.storage / machine.name(), asked.again)
    print(roofline.table(found))
    print(f"\n{machine.name()}, measured {found['when']}")
    if kept and asked.again:
        print("measured again, but others kept the machine busy: the former measurement stays")
    elif found["shared"]:
        print(f"others kept {found['load']['others']:.2g} processors busy: this is too low, and is measured again next time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
