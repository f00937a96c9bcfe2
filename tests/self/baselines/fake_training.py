"""A training that takes no time, in place of the child process: a test gives the numbers of its record.

As a pytest plugin (``-p tests.self.baselines.fake_training``) it replaces ``baselines.child.start``, so that a test
can run a whole session of the suite. The variable FAKE_TRAINING holds what it shall do, as JSON: see ``ORDERS``.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from baselines import accepted, child, machine, store, train
from baselines import record as records
from baselines.cells import cells

MACHINE = "made-up-chip_tensorflow_float32"
DIGITS = ("lenet5-digits-digits_lenet", "vgg_like-digits-digits_vgg", "resnet20_v1-digits-digits_resnet")  # cells
INFO = {
    "processor": {"model": "made-up"},
    "gpu": None,
    "versions": {"keras": "3"},
    "python": "3",
    "backend": "tensorflow",
    "tf32": None,
}
ORDERS = {  # and every argument of ``record``
    "log": "file that each training's id is added to",
    "kill": "cell during whose training the session is killed",
    "interrupt": "cell during whose training Ctrl-C is pressed",
    "die": "cell whose training is killed",
    "hang": "cell whose training never ends",
    "crash": "cell whose training ends with a traceback",
    "missing": "cell whose data is missing",
    "damaged": "anything: the roofline cannot be measured",
    "mistakes": "cell -> [[key, what is wrong with its recipe], ...]",
    "uncheckable": "anything: recipes cannot be tried",
    "full": "anything: the network cannot be saved, nor the figures",
    "accuracies": "seed -> accuracy of its trainings, in place of the others'",
    "cells": "cell -> orders for its trainings, in place of the others'",
    "evaluations": "seconds of an evaluation, one for each training in order, the last for all others",
    "bits": "losses of the first epoch, one for each training in order, the last for all others",
}
EMPTY = {str: "", int: 1, float: 1.0, bool: True, dict: {}, list: []}
CHILD = """
import os, sys, time
sys.stdout.write(sys.argv[1]); sys.stdout.flush()
if sys.argv[2] == "hang": time.sleep(60)
if sys.argv[2] == "die": os.kill(os.getpid(), 9)
if sys.argv[2] == "crash": raise RuntimeError("no such kernel")
sys.exit(2 if sys.argv[2] == "refused" else 0)
"""


def record(cell="lenet5-mnist-gate", seed=0, accuracy=0.989, seconds=(2.0, 1.5, 1.6), fingerprint="f00d", others=0.0, **more):
    """A record; more: epochs_option, kind (of the data), former (for a former recipe), and the value of any field of a record."""
    model, dataset, _ = cell.split("-")
    table = {**records.recipe(cells()[cell]), **({"batch": 7} if more.pop("former", False) else {})}
    table |= {"epochs": more["epochs_option"]} if more.get("epochs_option") else {}
    epochs = len(seconds)
    values = {
        "version": records.VERSION,
        "id": f"{cell}{seed}{accuracy}"[-16:],
        "when": "2026-01-01T00:00:00+00:00",
        "cell": cell,
        "study": "ours",
        "model": model,
        "dataset": dataset,
        "recipe": table,
        "epochs_option": None,
        "seed": seed,
        "data.fingerprint": fingerprint,
        "data.kind": more.pop("kind", "canonical"),
        "data.train": 60,
        "data.test": 10_000,
        "code": {"graph": "a", "recipes": "b", "training": "c", "loader": "d"},
        "machine": MACHINE,
        "backend": "tensorflow",
        "precision": "float32",
        "tf32": None,
        "python": "3",
        "versions": {"keras": "3"},
        "accuracy": accuracy,
        "loss": 0.03,
        "history": {"accuracy": [accuracy] * 3, "loss": [0.5, 0.1, round(1 - accuracy + seed / 1024, 6)]},
        "divergence": None,
        "trials": None,
        "train_seconds": list(seconds),
        "eval_seconds": [0.1] * epochs,
        "host_seconds": [0.01] * epochs,
        "compile_seconds": 1.0,
        "wall_seconds": 9.0,
        "peak_flops_per_second": None,
        "launch_seconds": None,
        "images_per_second": 60 / min(seconds, default=1),
        "epoch_images": [60] * epochs,
        "macs": 241816,
        "loop": "one program",
        "parameters.total": 150742,
        "peak_memory.host": 600_000_000,
        "peak_memory.gpu": None,
        "load.others": others,
        "load.gpu_others": None,
        **more,
    }
    made = {}
    for field in records.FIELDS:
        table, _, key = field.name.rpartition(".")
        (made.setdefault(table, {}) if table else made)[key] = values.pop(field.name, EMPTY[field.kind])
    assert not values, f"no fields of a record: {', '.join(values)}"
    return made if seconds else records.without_times(made)


def stored(folder, number, name, made, machine=MACHINE, info=INFO, when="2026-01-01", complete=True, commit=None):
    """Write a file of records, as a session does; returns its path. Each record gets an id of its own, unless it was given one."""
    folder = Path(folder) / machine
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{number:04}_{name}_{number:08x}.json"
    content = {
        "machine_info": info,
        "commit_info": commit or {"id": "c0ffee"},
        "benchmarks": [
            {"name": f"test_epoch_time[{each['cell']}]", "extra_info": {"record": each["id"]}, "stats": {"min": min(each["train_seconds"])}}
            for each in made
            if each["train_seconds"]
        ],
        "datetime": f"{when}T00:00:{number:02}",
        "complete": complete,
        "records": [
            {**each, "id": _id(each, machine, number, index), "machine": machine, "when": f"{when}T00:00:{number:02}+00:00"}
            for index, each in enumerate(made)
        ],
    }
    path.write_text(json.dumps(content))
    return path


def _id(made, *where):
    default = f"{made['cell']}{made['seed']}{made['accuracy']}"[-16:]
    return records.digest(where) if made["id"] == default else made["id"]


def judged(cell, more=2, precision="float32", file="a"):
    """A store.Stored whose verdict asks for ``more`` trainings; None: it has no verdict."""
    verdicts = {} if more is None else {"accuracy": {"word": "SUSPECT" if more else "PASS", "more": more}}
    return store.Stored(MACHINE, file, "x", cell, {"precision": precision, "backend": "jax"}, {}, "", "", verdicts=verdicts)


def accept(folder, chosen=None):
    """Accept records of a storage, all of them by default, without any check; returns the records as they are read then."""
    chosen = store.records(folder) if chosen is None else chosen
    for where, cell in {(each.machine, each.cell) for each in chosen}:
        accepted.write(folder / where, cell, [each for each in chosen if (each.machine, each.cell) == (where, cell)], "good")
    return store.records(folder)


def start(args, stderr, place=child.HERE):
    """In place of ``baselines.child.start``."""
    orders = json.loads(os.environ.get("FAKE_TRAINING", "{}"))
    if args[0] == "check":
        events, end = _check(args[1:], orders)
    else:
        events, end = _roofline(orders) if args[0] == "roofline" else _training(args[1:], orders)
    text = "".join(json.dumps(event) + "\n" for event in events)
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", CHILD, text, end], stdout=subprocess.PIPE, stderr=stderr, text=True)


def _roofline(orders):
    return ([], "crash") if "damaged" in orders else ([{"event": "roofline", "kept": True}], "")


def _check(args, orders):
    if "uncheckable" in orders:
        return [], "crash"
    chosen = [arg for arg in args if arg in cells()]
    if "log" in orders:
        Path(f"{orders['log']}.checked").write_text("\n".join(chosen))
    return [{"event": "check", "mistakes": {cell: orders.get("mistakes", {}).get(cell, []) for cell in chosen}}], ""


def _training(args, orders):
    """(events, how the child ends) of a training."""
    parser = argparse.ArgumentParser()
    train.options(parser)
    args, _ = parser.parse_known_args(args)
    orders = {**orders, **orders.get("cells", {}).get(args.cell, {})}
    given = {key: value for key, value in orders.items() if key not in ORDERS}
    made = record(
        args.cell,
        args.seed,
        **{
            "id": os.urandom(8).hex(),
            "epochs_option": args.epochs,
            "precision": args.precision,
            "machine": machine.folder(args.precision),
            **given,
        },
    )
    made["accuracy"] = orders.get("accuracies", {}).get(str(args.seed), made["accuracy"])
    count = len(Path(orders["log"]).read_text().split()) if "log" in orders and Path(orders["log"]).exists() else 0
    if "bits" in orders:
        made["history"]["loss"][0] = orders["bits"][min(count, len(orders["bits"]) - 1)]
    if "evaluations" in orders:
        made["eval_seconds"] = [orders["evaluations"][min(count, len(orders["evaluations"]) - 1)]] * len(made["eval_seconds"])
    same = records.digest(records.identity(made))
    if same in args.known.split(","):
        return [{"event": "stored", "identity": same}], ""
    if args.only_known:
        return [{"event": "unknown", "identity": same}], ""
    if args.check and (found := orders.get("mistakes", {}).get(args.cell)):
        return [{"event": "mistakes", "message": f"{args.cell}: {found}"}], ""
    if "log" in orders:
        with open(orders["log"], "a") as file:
            print(args.cell + (f"-seed{args.seed}" if args.seed else ""), file=file)
    for order, number in ("kill", signal.SIGKILL), ("interrupt", signal.SIGINT):
        if orders.get(order) == args.cell:
            os.kill(os.getpid(), number)
    for end in "die", "hang", "crash":
        if orders.get(end) == args.cell:
            return [], end
    if orders.get("missing") == args.cell:
        return [{"event": "missing", "message": "the data is not there"}], ""
    return [
        {"event": "epoch", "epoch": 1, "epochs": 1, "accuracy": made["accuracy"]},
        *_saved(args.save, orders),
        {"event": "record", "record": made},
        *([{"event": "lost", "message": f"NOT DRAWN: {args.figures}: no space left"}] if args.figures and "full" in orders else []),
    ], ""


def _saved(file, orders):
    if file and "full" in orders:
        return [{"event": "lost", "message": f"NOT SAVED: {file}: no space left"}]
    if file:
        file.write_text("a network")
    return []


_start = child.start


def pytest_configure():
    child.start = start


def pytest_unconfigure():
    child.start = _start
