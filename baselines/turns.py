"""The trainings of `python -m baselines ab`: each cell is tried once on both sides, then both are trained in turn.

Each training has a fresh process, in the order before-after-after-before, so that a machine that drifts and a second run that is
slower favour no side. ab.py is the command, which asks for them.
"""

import os
import sys
import time
from statistics import mean

import numpy as np

import loaders
from baselines import child, paired, record, upgrade
from baselines.cells import TableError, cells
from baselines.pairs import ACCURACY, TIME, Pairs

EPOCHS = (3, 20)  # least and most in a run, unless --epochs is given
RUN = 4.0  # seconds that the epochs of a run should take together: about as long as it takes to start a process
LONGEST = 20  # a run that takes as many times as long as the first one is killed


class NotComparable(Exception):
    """A cell cannot be trained on a side; the message names the side and the reason."""


class TooOld(NotComparable):
    """The side's ``train`` does not know an option."""


class Refused(NotComparable):
    """The side does not know the cell, or refuses its data."""


class UnknownCell(Exception):
    """Nobody knows a cell; the message names it and the known ones."""


def tried(cell, both, args, count):
    """Train a cell once on each side, so that files are read and compiled, and choose the number of epochs.

    Args:
        cell: its id.
        both: the two sides.Side.
        args: the command's options.
        count: number of cells.

    Returns:
        pairs.Pairs without runs; with a ``reason`` where a side cannot train the cell.

    Raises:
        UnknownCell: neither the tables nor the first side know it.
    """
    alpha = paired.ALPHA / count if args.accuracy else paired.share(count)
    kind = ACCURACY if args.accuracy else TIME
    pairs, seconds = Pairs(cell, kind, args.margin or kind.margin, args.epochs, alpha), []
    try:
        for side in both:
            try:
                made = _train(cell, side, args, 0, 1 if args.accuracy else 2, None)
            except TooOld:
                side = side._replace(options=())
                made = _train(cell, side, args, 0, 1 if args.accuracy else 2, None)
            seconds.append(min(made["train_seconds"], default=1.0))
            pairs.sides.append(side)
    except Refused as error:
        if not pairs.sides and not _listed(cell):  # a bisection would skip every commit
            raise UnknownCell(str(error)) from error
        pairs.reason = f"cannot be compared: {error}"
    except NotComparable as error:
        pairs.reason = f"cannot be compared: {error}"
    except loaders.DataMissing as error:
        pairs.reason, pairs.missing = f"left out: {error}", True
    if not pairs.reason and not args.accuracy and not args.epochs:
        least, most = EPOCHS
        pairs.epochs = min(max(round(RUN / mean(seconds)), least), most)
    return pairs


def _listed(cell):
    """Whether the tables as they are now have a cell; tables with a mistake have none."""
    try:
        return cell in cells()
    except (TableError, ValueError):
        return False


def run(pairs, args, share):
    """Run the pairs of a cell until they decide, or until ``share`` seconds are over; what ends them early is their ``reason``."""
    end = None if share is None else time.monotonic() + share
    try:
        (_accuracies if args.accuracy else _times)(pairs, args, end)
    except (NotComparable, loaders.DataMissing) as error:
        pairs.reason = f"cannot be compared: {error}"
        print(f"{pairs.cell}: {pairs.reason}", flush=True)
    if not pairs.runs and not pairs.reason:
        pairs.reason = "no time left: give it more --budget"


def _times(pairs, args, end):
    """Run pairs until they decide, or the time is over."""
    while len(pairs.runs) < paired.LOOKS[-1] and not _over(pairs, end):
        _pair(pairs, args, seed=0)
        count, (*_, newest) = len(pairs.runs), pairs.differences
        seconds = " and ".join(f"{record.epoch_seconds(each):.4g}" for each in pairs.runs[-1][1:])
        print(
            f"{pairs.cell}: pair {count}: {np.exp(newest):.3f}, so far {np.exp(pairs.seen.estimate):.3f} ({seconds} s an epoch)", flush=True
        )
        if count in paired.LOOKS and pairs.word != "OPEN":
            break


def _accuracies(pairs, args, end):
    """Train each seed on both sides."""
    for seed in args.seeds:
        if _over(pairs, end):
            break
        _pair(pairs, args, seed)
        accuracies = " and ".join(f"{each['accuracy']:.4f}" for each in pairs.runs[-1][1:])
        print(f"{pairs.cell}: seed {seed}: {pairs.differences[-1]:+.4f} ({accuracies})", flush=True)


def _over(pairs, end):
    """Whether the time is over before another pair would end."""
    return bool(end) and time.monotonic() + (pairs.seconds / len(pairs.runs) if pairs.runs else 0) > end


def _pair(pairs, args, seed):
    """Train both sides, the second one first in every other pair."""
    turn = slice(None, None, -1 if len(pairs.runs) % 2 else 1)
    start = time.monotonic()
    longest = LONGEST * (pairs.seconds / len(pairs.runs) + 5) if pairs.runs else None
    trained = [_again(pairs.cell, side, args, seed, pairs.epochs, longest) for side in pairs.sides[turn]][turn]
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
    own = loaders.files.VARIABLE in side.place.variables  # by --env: the other side's folder must not win
    given |= {"--data-dir": loaders.root_folder(None if own else args.data_dir, {**os.environ, **side.place.variables})}
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
        raise (Refused if last["event"] == "refused" else NotComparable)(f"{side.name}: {message}") from None
    if last["event"] == "missing":
        raise loaders.DataMissing(last["message"])
    if last["event"] != "record":
        raise NotComparable(f"{side.name}: python -m baselines train {cell} gave no record, but {last}")
    made = upgrade.current(last["record"])
    if not args.accuracy and not record.timed(made):
        raise NotComparable(f"{side.name}: {record.company(made['load'])}, and it does not keep the times of such a training; try again")
    return made
