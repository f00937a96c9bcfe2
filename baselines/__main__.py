"""python -m baselines: compare stored records, accept them as baselines, train one cell, measure this machine.

Exit codes: 0 fine, 1 a regression, 2 wrong use or a damaged file, 3 nothing to compare.
"""

import argparse
import json
import sys

from tabulate import tabulate

from baselines import (
    ab,
    accept,
    calibrate,
    child,
    files,
    first_look,
    machine,
    noise,
    overhead,
    pack,
    schema,
    store,
    tour,
    train,
    trials,
)
from baselines.cells import TableError
from baselines.record import FIELDS, company
from baselines.report import command as comparing
from loaders import user
from zoo import settings
from zoo.training.keys import KEYS


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m baselines", description="Compare and accept records, train a cell, measure this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    table = commands.add_parser("compare", help="the answer in words, then one table: machines, sessions and papers side by side")
    comparing.options(table)
    accepting = commands.add_parser("accept", help="make stored records part of the baseline of their cells")
    accept.options(accepting)
    roof = commands.add_parser("roofline", help="this machine's limits (FLOP/s, memory, launches): measured once, stored, shown")
    roof.add_argument("--again", action="store_true", help="measure again, even if it was measured before")
    toured = commands.add_parser("tour", help="a GPU's first half hour: device, roofline, quick tests, cells; packed into one archive")
    tour.options(toured)
    adding = commands.add_parser("add", help="take in the records of an archive that a tour has packed")
    pack.options(adding)
    noisy = commands.add_parser("noise", help="how much accepted trainings differ, beside what the gates take for granted")
    sided = commands.add_parser("ab", help="is the code slower, or worse, than at a commit? Both in turn, in fresh processes")
    ab.options(sided)
    scattered = commands.add_parser("calibrate", help="how much times scatter on this machine, and what it takes to see a slowdown")
    calibrate.options(scattered)
    for each in table, accepting, roof, toured, adding, noisy, sided, scattered:
        each.add_argument("--storage", type=user.path, help="folder of the machines' folders (default: a project's records, or baselines)")
    looked = commands.add_parser("device", help="what Keras computes on, and how exactly, as a line of JSON")
    about = commands.add_parser("machine", help="the name of this machine's folder, and what is known of the machine, as JSON")
    for each in roof, about, looked:
        each.add_argument("--precision", choices=machine.PRECISIONS, default="float32", help="(default: %(default)s)")
    trained = commands.add_parser("train", help="train one cell once; print its epochs and its record as lines of JSON")
    train.options(trained)
    tried = commands.add_parser("check", help="try the recipes of cells on two batches each, as a session does before it trains")
    trials.options(tried)
    for each in roof, about, looked, trained, tried:
        each.add_argument("--parent", type=int, help=argparse.SUPPRESS)  # the process that reads the answer
    commands.add_parser("recipe", help="the keys of a recipe and their meaning")
    fields = commands.add_parser("record", help="every field of a record and its meaning")
    fields.add_argument("--schema", action="store_true", help="the JSON Schema of a file of records instead")
    overhead.options(commands.add_parser("overhead", help="time the suite's epoch, plain fit and a loop written by hand side by side"))
    return parser


def main(args=None):
    user.print_any_text()
    try:
        options = _parser().parse_args(args)
    except SystemExit as end:
        if end.code and (sys.argv[1:] if args is None else args)[:1] == ["ab"]:
            raise SystemExit(ab.WRONG) from None  # so that git bisect ends, and blames no commit
        raise
    wrong = ab.WRONG if options.command == "ab" else 2
    try:
        settings.check_platform()
        if options.command in ("roofline", "machine", "train", "overhead", "device", "check", "tour"):  # those that import Keras
            settings.check()
        options.storage = getattr(options, "storage", None) or store.folders()[0]
    except ValueError as error:
        return _refused(error, wrong)
    if not options.storage.is_dir() and options.storage != store.folders()[0]:
        return _refused(f"--storage={options.storage} is not a folder; name the one that --benchmark-storage named", wrong)
    functions = {"compare": comparing.command, "accept": accept.command, "roofline": _roofline, "machine": _machine}
    functions |= {"train": _train, "record": _record, "recipe": _recipe, "overhead": overhead.command, "check": _check}
    functions |= {"tour": tour.command, "add": pack.command, "noise": noise.command, "device": _device}
    functions |= {"ab": ab.command, "calibrate": calibrate.command}
    try:
        return functions[options.command](options)
    except (files.StoreError, TableError, settings.SettingsError) as error:
        return _refused(error, wrong)


def _refused(message, code=2):
    print(f"baselines: {message}", file=sys.stderr)
    return code


def _roofline(options):
    from baselines import roofline

    child.follow(options.parent)
    machine.import_keras()
    machine.compute_in(options.precision)
    found, kept = roofline.current(options.storage / machine.folder(options.precision), options.again)
    if options.parent:
        child.tell("roofline", kept=kept)
        return 0
    print(roofline.table(found))
    print(f"\n{machine.folder(options.precision)}, measured {found['when']}")
    if kept and options.again:
        print("measured again, but other programs kept the machine busy: the former measurement stays")
    elif found["shared"]:
        print(f"{company(found['load'])}: these limits are too low, and are measured again next time")
    return 0


def _machine(options):
    child.follow(options.parent)
    machine.import_keras()
    child.tell("machine", folder=machine.folder(options.precision), info=machine.info())
    return 0


def _recipe(options):
    print(tabulate([[key, "yes" if row.needed else "", row.meaning] for key, row in KEYS.items()], ["key", "needed", "meaning"]))
    return 0


def _record(options):
    if options.schema:
        print(json.dumps(schema.schema(), indent=1))
        return 0
    headers = ["field", "type", "null", "time", "identity", "meaning"]
    rows = [[each.name, each.kind.__name__, *(("", "yes")[each[i]] for i in (3, 4, 5)), each.meaning] for each in FIELDS]
    print(tabulate(rows, headers))
    return 0


def _device(options):
    child.follow(options.parent)
    return first_look.command(options)


def _check(options):
    child.follow(options.parent)
    return trials.command(options)


def _train(options):
    child.follow(options.parent)
    return train.command(options)


if __name__ == "__main__":
    sys.exit(main())
