"""python -m baselines limits: the suite's epoch beside other ways to train the same, so that anyone can repeat the comparison.

One epoch of one cell is trained again and again in each way, interleaved round by round, after a whole epoch of
each that no clock saw. Nothing is stored and nothing is judged.
"""

import difflib
import functools
import importlib.util
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from statistics import median
from typing import NamedTuple

from tabulate import tabulate

import loaders
from baselines import machine, run
from baselines.cells import cells

WAYS = {
    "ours": "the suite's own epoch",
    "fit": "plain model.fit on NumPy arrays",
    "advice": "fit with the usual advice: steps_per_execution and, on TensorFlow, tf.data",
    "loop": "a loop written by hand for the backend",
    "torch": "PyTorch, in a process of its own: the network translated, no augmentation, no learning rate schedule",
}
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16", "bfloat16", "float16")


class Spec(NamedTuple):
    """One way to train, as a process of its own has to know it."""

    way: str
    precision: str | None  # Keras's name of it; None for the one that is set
    cell: str
    images: int | None  # only the first so many
    root: str  # the data directory


def options(parser):
    """What the command takes."""
    parser.add_argument("--cell", default="lenet5-mnist-afif", metavar="ID", help="whose network, data and recipe (default: %(default)s)")
    parser.add_argument("--images", type=int, metavar="N", help="train on the first N images only")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="epochs timed in each way (default: %(default)s)")
    parser.add_argument("--precision", default="", help="such as float32,mixed_bfloat16: ours in each, and no other way")
    parser.add_argument("--ways", default="", help="; ".join(f"{way}: {what}" for way, what in WAYS.items()) + " (default: all of them)")
    parser.add_argument("--fresh", action="store_true", help="each epoch in a fresh process, whose peak memory is printed, too")
    parser.add_argument("--data-dir", metavar="DIR", help=f"data directory (else ${loaders.files.VARIABLE}, else {loaders.files.DEFAULT})")


def command(asked):
    """Measure, print the table and return the exit code: 0, or 2 after a line that says what was asked wrongly or is missing."""
    try:
        specs = _specs(asked)
        spec = next(iter(specs.values()))
        run.load(cells()[spec.cell].data, spec.root, False)  # before Keras comes, which takes seconds
        for variable, value in ("XLA_PYTHON_CLIENT_PREALLOCATE", "false"), ("TF_FORCE_GPU_ALLOW_GROWTH", "true"):
            os.environ.setdefault(variable, value)  # several processes share a GPU
        machine.import_keras()
        from baselines import limits_ways

        images = len(limits_ways.trained_on(spec)[1])
    except (ValueError, loaders.DataError) as error:
        print(f"baselines: {error}", file=sys.stderr)
        return 2
    before = machine.others()
    times, peaks, left_out = measure(specs, asked.rounds, asked.fresh)
    load = machine.others(before)
    print(table(times, images, peaks), end="\n\n")
    print(f"{asked.cell}, {images:,} images, batch {cells()[asked.cell].recipe['batch']}, on {machine.name()}")
    print(f"other programs kept {load['others']} processors busy" + ("" if run.alone({"load": load}) else ": do not believe these times"))
    print("spread: (slowest - fastest) / median; / way: the fastest epoch's seconds, divided by that way's")
    for way, why in left_out.items():
        print(f"left out: {way}: {why}")
    return 0


def _specs(asked):
    """Name in the table -> Spec, of what the command line asks for."""
    precisions = [word for word in asked.precision.split(",") if word]
    ways = [word for word in asked.ways.split(",") if word] or (["ours"] if precisions else list(WAYS))
    if precisions and ways != ["ours"]:
        raise ValueError("--precision is of ours alone, since a ratio of two precisions says nothing of the ways; leave out --ways")
    for what, words, known in ("cell", [asked.cell], list(cells())), ("way", ways, list(WAYS)), ("precision", precisions, PRECISIONS):
        for word in words:
            if word not in known:
                near = known if len(known) < 10 else [*difflib.get_close_matches(word, known, 3, 0), "..."]
                raise ValueError(f"unknown {what} {word!r}; known: {', '.join(near)}")
    for option, number in ("--images", asked.images), ("--rounds", asked.rounds):
        if number is not None and number < 1:
            raise ValueError(f"{option} is {number}; give 1 or more")
    common = asked.cell, asked.images, str(loaders.root_folder(asked.data_dir))
    pairs = [(way, precision) for way in ways for precision in (way == "ours" and precisions) or [None]]
    return {f"{way} {precision}" if precision else way: Spec(way, precision, *common) for way, precision in pairs}


def measure(specs, rounds, fresh=False):
    """Train in each way, one epoch of each a round.

    Args:
        specs: name -> Spec.
        rounds: epochs that are timed in each way.
        fresh: whether each is timed in a fresh process.

    Returns:
        three dicts: name -> seconds of each round; name -> highest peak memory in bytes, empty unless fresh; name ->
        why it was left out.
    """
    times, peaks, left_out = {}, {}, {}
    with ExitStack() as stack:
        own = {} if fresh else {name: stack.enter_context(_process(spec)) for name, spec in specs.items() if spec.way == "torch"}

        def once(function, name):
            if not fresh:
                return own[name].submit(function, specs[name]).result() if name in own else function(specs[name])
            with _process(specs[name]) as process:
                return process.submit(function, specs[name]).result()

        for function in [timed] * rounds if fresh else [ready] + [timed] * rounds:
            for name in [name for name in specs if name not in left_out]:
                try:
                    seconds, peak = once(function, name)
                except Exception as error:
                    if specs[name].way != "torch" and not isinstance(error, NotImplementedError):
                        raise
                    left_out[name] = str(error) or type(error).__name__
                    continue
                if function is timed:
                    times.setdefault(name, []).append(seconds)
                if fresh and peak:
                    peaks[name] = max(peak, peaks.get(name, 0))
    return times, peaks, left_out


def table(times, images, peaks=None):
    """The times as text: of each way n, fastest, median and spread, images a second, and ratios of the fastest.

    Args:
        times: name -> seconds of each epoch.
        images: number of images in an epoch.
        peaks: name -> bytes, or nothing.
    """
    beside = [name for name in ("fit", "loop", *[name for name in times if name.startswith("ours ")][:1]) if name in times]
    rows = []
    for name, seconds in times.items():
        best, middle = min(seconds), median(seconds)
        spread = f"{(max(seconds) - best) / middle:.1%}"
        row = [name, len(seconds), f"{best:.4g}", f"{middle:.4g}", spread, f"{images / best:,.0f}"]
        row += [f"{best / min(times[other]):.3f}" for other in beside]
        rows.append(row + ([f"{peaks[name] / 1e6:,.0f}" if name in peaks else ""] if peaks else []))
    heads = ["way", "n", "fastest", "median", "spread", "images/s", *(f"/ {name}" for name in beside), *(["peak MB"] if peaks else [])]
    return tabulate(rows, heads, disable_numparse=True, colalign=("left", *["right"] * (len(heads) - 1)))


def _process(spec):
    """A process of its own: PyTorch's has no other backend in it."""
    environment = {"KERAS_BACKEND": "torch"} if spec.way == "torch" else {}
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _set, (environment,))


def _set(environment):
    os.environ.update(environment)


def ready(spec):
    """Prepare a way in this process, and train its untimed epoch."""
    _epoch(spec)
    return None, None


def timed(spec):
    """Train one epoch: its seconds, and the process's peak memory in bytes.

    Raises:
        NotImplementedError: it cannot be trained in that way; the message says why.
    """
    seconds, _ = _epoch(spec)()
    from zoo.training import device

    return seconds, device.peak_bytes()["host"]


@functools.cache
def _epoch(spec):
    """A function that trains an epoch and returns its seconds and mean loss; one epoch is trained already."""
    if spec.way == "torch" and importlib.util.find_spec("torch") is None:
        raise NotImplementedError("PyTorch is not installed beside this Python; pip install torch")
    machine.import_keras()
    import keras

    from baselines import limits_ways

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(spec.precision or policy)
    try:
        epoch = limits_ways.prepared(spec)
        epoch()
    finally:
        keras.config.set_dtype_policy(policy)
    return epoch
