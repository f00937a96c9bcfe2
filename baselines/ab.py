"""python -m baselines ab REV [CELL...]: are the files as they are now slower, or worse, than the commit REV?

Both sides are trained in turn, each time in a fresh process, in the order before-after-after-before, so that a machine that drifts
and a second run that is slower favour no side. paired.py says when enough pairs were run, and what they tell.
"""

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path
from statistics import mean

import numpy as np

import loaders
from baselines import bounded, child, comparisons, files, machine, paired, plan, record, sides, upgrade
from baselines.cells import cells
from baselines.report import ci
from baselines.train import shortened
from loaders import user

LOSS, OPEN, WRONG, INTERRUPTED = 1, 125, 128, 130  # exit codes; git bisect skips a commit at 125, and ends at 128 and above
EPOCHS = (3, 20)  # least and most in a run, unless --epochs is given
RUN = 4.0  # seconds that the epochs of a run should take together: about as long as it takes to start a process
LONGEST = 20  # a run that takes as many times as long as the first one is killed


class NotComparable(Exception):
    """A cell cannot be trained on a side; the message names the side and the reason."""


class TooOld(NotComparable):
    """The side's ``train`` does not know an option."""


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
        with bounded.ended_by_signals(), tempfile.TemporaryDirectory(prefix="zoobench-ab-") as folder:
            return _compare(args, Path(folder))
    except KeyboardInterrupt:
        print("stopped by Ctrl-C or a signal: nothing was stored", file=sys.stderr)
        return INTERRUPTED
    except (sides.SideError, loaders.DataError, ValueError) as error:
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
        for i, cell in enumerate(chosen):
            share = args.budget and (args.budget - sum(each.seconds for each in found)) / (len(chosen) - i)
            try:
                pairs, both = _tried(cell, (before, after), args, len(chosen))
            except loaders.DataMissing as error:
                print(f"{cell}: left out: {error}", flush=True)
                if args.cells:
                    raise NotComparable(str(error)) from error
                continue
            found.append(pairs)
            (_accuracies if args.accuracy else _times)(pairs, both, args, share and time.monotonic() + share)
    except NotComparable as error:
        print(f"OPEN: {error}", file=sys.stderr)
        return OPEN
    except KeyboardInterrupt:
        interrupted = True
    results = [comparisons.result(each, (before, after), args) for each in found if each.runs]
    print(comparisons.table(results))
    if error := ci.summarise(lambda: comparisons.table(results, "github")):
        print(error, file=sys.stderr)
    if interrupted:
        raise KeyboardInterrupt
    for result in results:
        try:
            print(f"stored: {comparisons.store(args.storage, result)}")
        except files.StoreError as error:  # the answer stands all the same
            print(f"NOT STORED: {error}", file=sys.stderr)
    words = {result["verdict"] for result in results}
    return LOSS if words & {"SLOWER", "WORSE"} else OPEN if "OPEN" in words or not words else 0


def _tried(cell, both, args, count):
    """Train a cell once on each side, so that files are read and compiled, and choose the number of epochs.

    Returns:
        (comparisons.Pairs without runs, the sides with the options that their ``train`` has).
    """
    seconds, able = [], []
    for side in both:
        try:
            made = _train(cell, side, args, 0, 1 if args.accuracy else 2, None)
        except TooOld:
            side = side._replace(options=())
            made = _train(cell, side, args, 0, 1 if args.accuracy else 2, None)
        seconds.append(min(made["train_seconds"], default=1.0))
        able.append(side)
    least, most = EPOCHS
    epochs = args.epochs or (None if args.accuracy else min(max(round(RUN / mean(seconds)), least), most))
    alpha = paired.ALPHA / count if args.accuracy else paired.share(count)
    kind = comparisons.ACCURACY if args.accuracy else comparisons.TIME
    return comparisons.Pairs(cell, kind, args.margin or kind.margin, epochs, alpha), able


def _times(pairs, both, args, end):
    """Run pairs until they decide, or the time is over."""
    while len(pairs.runs) < paired.LOOKS[-1] and not _over(pairs, end):
        _pair(pairs, both, args, seed=0)
        count, (*_, newest) = len(pairs.runs), pairs.differences
        seconds = " and ".join(f"{record.epoch_seconds(each):.4g}" for each in pairs.runs[-1][1:])
        print(
            f"{pairs.cell}: pair {count}: {np.exp(newest):.3f}, so far {np.exp(pairs.seen.estimate):.3f} ({seconds} s an epoch)", flush=True
        )
        if count in paired.LOOKS and pairs.word != "OPEN":
            break


def _accuracies(pairs, both, args, end):
    """Train each seed on both sides."""
    for seed in args.seeds:
        if _over(pairs, end):
            break
        _pair(pairs, both, args, seed)
        accuracies = " and ".join(f"{each['accuracy']:.4f}" for each in pairs.runs[-1][1:])
        print(f"{pairs.cell}: seed {seed}: {pairs.differences[-1]:+.4f} ({accuracies})", flush=True)


def _over(pairs, end):
    """Whether the time is over before another pair would end."""
    return bool(end) and time.monotonic() + (pairs.seconds / len(pairs.runs) if pairs.runs else 0) > end


def _pair(pairs, both, args, seed):
    """Train both sides, the second one first in every other pair."""
    turn = slice(None, None, -1 if len(pairs.runs) % 2 else 1)
    start = time.monotonic()
    longest = LONGEST * (pairs.seconds / len(pairs.runs) + 5) if pairs.runs else None
    trained = [_again(pairs.cell, side, args, seed, pairs.epochs, longest) for side in both[turn]][turn]
    pairs.runs.append((seed, *trained))
    pairs.seconds += time.monotonic() - start


def _again(*args):
    """``_train``, once more where it failed: a killed process must not end a comparison."""
    try:
        return _train(*args)
    except NotComparable as error:
        print(f"{error}; once more", file=sys.stderr)
        return _train(*args)


def _train(cell, side, args, seed, epochs, timeout):
    """The record of a training of a side.

    Raises:
        NotComparable: the side cannot train the cell.
        loaders.DataMissing: its data is missing.
    """
    given = {"--seed": seed, "--precision": args.precision, "--epochs": epochs, "--images": args.images}
    given |= {"--data-dir": loaders.root_folder(args.data_dir)}
    words = [str(word) for option, value in given.items() if value is not None for word in (option, value)]
    if not side.place.root.joinpath("baselines", "train.py").is_file():
        raise NotComparable(f"{side.name} has no python -m baselines train; compare with a newer commit")
    last = {"event": None}
    try:
        with child.events("train", cell, *words, *side.options, timeout=timeout, place=side.place) as events:
            for event in events:
                last = event
    except child.ChildError as error:
        message = last.get("message") or f"python -m baselines train {cell} {error}"
        if "unrecognized arguments" in message:
            raise TooOld(f"{side.name}: {message}; its train lacks an option: leave it out, or compare with a newer commit") from None
        raise NotComparable(f"{side.name}: {message}") from None
    if last["event"] == "missing":
        raise loaders.DataMissing(last["message"])
    if last["event"] != "record":
        raise NotComparable(f"{side.name}: python -m baselines train {cell} gave no record, but {last}")
    made = upgrade.current(last["record"])
    if not args.accuracy and not record.timed(made):
        raise NotComparable(f"{side.name}: {record.company(made['load'])}, and it does not keep the times of such a training; try again")
    return made
