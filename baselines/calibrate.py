"""python -m baselines calibrate: how much the time of one cell scatters on this machine, within an occasion and between occasions.

The same code is trained several times, each time in a fresh process. Each call on a quiet machine is stored in
``<storage>/<machine>/calibration``, and calls of one machine within some hours are one occasion. The time screen takes its
scatter from there (times.costs).
"""

import sys
from statistics import mean

import numpy as np
from tabulate import tabulate

from baselines import calibration, files, machine, paired, record, screen, trainings
from baselines.cells import cells
from baselines.tables import TableError

CHANGES = (0.02, 0.05, 0.1)  # slowdowns of which the table says what it takes to see them
RECORDS = 30  # most accepted records that the table looks at
GATES = 20  # of a session with ten cells
LEAST = 3  # trainings, since fewer do not show a scatter


def options(parser):
    """Add the command's options to an argparse parser."""
    parser.add_argument("cell", nargs="?", metavar="CELL", default="lenet5-digits-digits_lenet", help="a cheap cell (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=6, metavar="N", help="trainings, each in a process of its own (default: %(default)s)")
    parser.add_argument("--precision", default="float32", choices=machine.PRECISIONS, help="dtype policy (default: %(default)s)")
    parser.add_argument("--data-dir", metavar="DIR", help="data directory")


def command(args):
    """Train, store the occasion, print what is known.

    Returns:
        the exit code: 0; 2 where the machine was busy or the cell is unknown; 130 after Ctrl-C.
    """
    if args.cell not in cells():
        raise TableError(f"unknown cell {args.cell!r}; known: {', '.join(cells())}")
    if args.runs < LEAST:
        raise TableError(f"--runs is {args.runs}; give {LEAST} or more, since fewer do not show a scatter")
    words = [args.cell, "--precision", args.precision, *(["--data-dir", args.data_dir] if args.data_dir else [])]
    training = trainings.Training(args.cell, args.cell, 0)
    made = []
    for number in range(1, args.runs + 1):
        try:
            made.append(trainings.ask(training, words, None, {}, [])["record"])
        except KeyboardInterrupt:
            print("stopped by Ctrl-C: nothing was stored", file=sys.stderr)
            return 130
        except (trainings.TrainingFailed, trainings.Unavailable) as error:
            raise TableError(f"{error}; nothing was stored") from error
        seconds = f"{record.epoch_seconds(made[-1]):.4g} s" if record.timed(made[-1]) else record.company(made[-1]["load"])
        print(f"training {number} of {args.runs}: {seconds}", flush=True)
    folder = args.storage / made[-1]["machine"]
    timed = [each for each in made if record.timed(each)]
    if len(timed) < LEAST:
        why = f"{len(timed)} of {len(made)} trainings had the machine to themselves, and it takes {LEAST}"
        raise files.StoreError(f"{why}: nothing was stored; try again")
    calibration.add(folder, _call(timed))
    print(report(folder))
    return 0


def _call(made):
    """What is stored of one call, given its records."""
    return {
        "when": made[0]["when"],
        "cell": made[0]["cell"],
        "recipe": made[0]["recipe"],
        "data": made[0]["data"]["fingerprint"],
        **{name: made[0][name] for name in ("versions", "code", "environment")},
        "seconds": [record.epoch_seconds(each) for each in made],
        "others": [each["load"]["others"] for each in made],
    }


def report(folder):
    """What is known of a machine's scatter, and what it takes to see a slowdown, as text."""
    calls = calibration.load(folder)
    within, between, number = calibration.scatter(calls)
    rows = [[call["when"], call["cell"], *_figures(call["seconds"])] for call in calls]
    measured = f"the {screen.DAY:.0%} that holds until it is measured on another day"
    if number > 1:
        measured = f"measured on {number} occasions, and drawn towards {screen.DAY:.0%}"
    efforts = [_effort(change, within, between) for change in CHANGES]
    return "\n".join(
        [
            "",
            tabulate(rows, ["call", "cell", "n", "s/epoch", "scatter"], disable_numparse=True),
            f"{folder.name}: {within:.2%} within an occasion, {between:.2%} between occasions ({measured})",
            "",
            tabulate(efforts, ["slowdown", "pairs of ab", "accepted records"], disable_numparse=True),
            "what it takes to call nine in ten such slowdowns SLOWER (ab), or REGRESSED (a full session of ten cells)",
        ]
    )


def _figures(seconds):
    return [len(seconds), f"{mean(seconds):.4g}", f"{np.std(np.log(seconds), ddof=1):.2%}"]


def _effort(change, within, between):
    pairs = paired.pairs_needed(within, change)
    return [f"{change:.0%}", pairs or f"more than {paired.LOOKS[-1]}", _records(change, within, between)]


def _records(change, within, between):
    """The number of accepted records, each of an occasion of its own, with which the screen sees a slowdown; text."""
    if np.log1p(change) <= screen.SLOWDOWN:
        return f"never: a session is never red under {np.expm1(screen.SLOWDOWN):.0%}"
    for n in range(2, RECORDS + 1):
        scores = np.linspace(-1, 1, n)
        values = np.exp(within * scores / np.std(scores, ddof=1))
        if screen.seen(screen.Costs(values, variance=within**2, occasions=n, day=between), GATES) <= change:
            return str(n)
    return f"more than {RECORDS}"
