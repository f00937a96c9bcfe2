"""python -m baselines ab REV [CELL...]: are the files as they are now slower, or worse, than the commit REV?

turns.py trains both sides in turn; paired.py says when enough pairs were run, and what they tell.
"""

import argparse
import sys
import traceback

import loaders
from baselines import commands, comparisons, files, machine, plan, sides, signals, turns
from baselines.cells import cells
from baselines.report import ci
from baselines.train import shortened
from loaders import user

LOSS, OPEN, WRONG, INTERRUPTED = 1, 125, 128, 130  # exit codes; git bisect skips a commit at 125, and ends at 128 and above


def options(parser):
    """Add the command's options to an argparse parser."""
    parser.add_argument("revision", metavar="REV", help="the commit to compare with, such as HEAD~1, main or v1.2")
    parser.add_argument("cells", nargs="*", metavar="CELL", help="ids of cells (default: the quick ones whose data is there)")
    parser.add_argument("--images", type=int, metavar="N", help="train on the first N images only, for short epochs")
    parser.add_argument("--epochs", type=int, metavar="N", help="epochs of a run (default: as many as take four seconds, 3 to 20)")
    parser.add_argument("--budget", type=_read(plan.budget), metavar="TIME", help="stop after TIME, as 90s, 10m or 1h30m")
    parser.add_argument("--margin", type=_read(_change), metavar="SHARE", help="change that is none (default: 3%%; of accuracy 0.005)")
    parser.add_argument("--with", dest="requirements", action="append", default=[], metavar="NAME==VERSION", help="another package now")
    parser.add_argument("--env", dest="variables", action="append", default=[], metavar="NAME=VALUE", help="another variable now")
    parser.add_argument("--backend", choices=("tensorflow", "jax", "torch"), help="another backend now")
    parser.add_argument("--accuracy", action="store_true", help="compare the accuracy of whole trainings with equal seeds instead of times")
    parser.add_argument("--seeds", type=_read(plan.seeds), default="1-5", metavar="SEEDS", help="of --accuracy (default: %(default)s)")
    parser.add_argument(
        "--checkout", type=user.path, metavar="DIR", help="compare the commits of this checkout of the suite (default: its own)"
    )
    parser.add_argument("--precision", default="float32", choices=machine.PRECISIONS, help="dtype policy (default: %(default)s)")
    parser.add_argument("--data-dir", metavar="DIR", help=f"data directory (else ${loaders.files.VARIABLE}, else {loaders.files.DEFAULT})")


def _read(function):
    """A type for argparse that shows what a function says of a text that it refuses."""

    def read(text):
        try:
            return function(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def _change(text):
    """A change such as 3% or 0.03, as a share."""
    share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if not 0 < share < 1:
        raise ValueError(f"{text!r} is not a change between 0 and 100%; write it as 3% or 0.03")
    return share


def command(args):
    """Compare, print the table, store the comparisons. Returns the exit code: 0 no loss, 1 slower or worse, 125 open, 128 wrong use."""
    try:
        with signals.ended_by_signals(), signals.folder("zoobench-ab-") as folder:
            return _compare(args, folder)
    except KeyboardInterrupt:
        print("stopped by Ctrl-C or a signal: nothing was stored", file=sys.stderr)
        return INTERRUPTED
    except (sides.SideError, commands.CommandError, turns.UnknownCell, loaders.DataError, ValueError, OSError) as error:
        print(f"baselines ab: {error}", file=sys.stderr)
    except Exception:  # a fault of this command would end with 1, which blames a commit
        traceback.print_exc()
    return WRONG


def _compare(args, folder):
    shortened({"epochs": 1, "batch": 1}, args.epochs, args.images)  # refuses wrong numbers
    chosen = args.cells or [cell.id for cell in cells().values() if cell.quick]
    top = sides.repository(args.checkout)
    before = sides.before(top, args.revision, folder, args.checkout)
    after = sides.changed(sides.after(top, folder, args.checkout), args.requirements, args.variables, args.backend)
    print(f"before: {before.name}\nafter:  {after.name}", flush=True)
    found, interrupted = [], False
    try:
        for cell in chosen:  # a cell that cannot be trained is named before the first one is measured
            pairs = turns.tried(cell, (before, after), args, len(chosen))
            if pairs.reason:
                print(f"{cell}: {pairs.reason}", flush=True)
            if args.cells or not pairs.missing:
                found.append(pairs)
        able = [each for each in found if not each.reason]
        for i, pairs in enumerate(able):
            share = None if args.budget is None else (args.budget - sum(each.seconds for each in able)) / (len(able) - i)
            turns.run(pairs, args, share)
    except KeyboardInterrupt:
        interrupted = True
    results = [comparisons.result(each, (before, after), args) for each in found if each.runs]
    without = {each.cell: each.reason for each in found if each.reason and not each.runs}
    print(comparisons.table(results, without))
    if error := ci.summarise(lambda: comparisons.table(results, without, "github")):
        print(error, file=sys.stderr)
    if interrupted:
        raise KeyboardInterrupt
    for result in results:
        try:
            print(f"stored: {comparisons.store(args.storage, result)}")
        except files.StoreError as error:  # the answer stands all the same
            print(f"NOT STORED: {error}", file=sys.stderr)
    words = {result["verdict"] for result in results} | {"OPEN" for _ in without}
    return LOSS if words & {"SLOWER", "WORSE"} else OPEN if "OPEN" in words or not words else 0
