"""A training that takes no time: what a run of a cell looks like, from numbers that a test makes up.

As a pytest plugin (-p tests.self.baselines.fake_training) it stands in for training and for the machine, so that a test
can watch a whole session of the suite. PRETEND holds its orders, as JSON: see ``orders``.
"""

import json
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import zoo
from baselines.cells import cells

MACHINE = "pretended-chip_tensorflow_float32"
INFO = {
    "processor": {"model": "pretended"},
    "gpu": None,
    "versions": {"keras": "3"},
    "python": "3",
    "backend": "tensorflow",
    "tf32": None,
}


def sample(cell="lenet5-mnist-gate", seed=0, accuracy=0.989, seconds=(2.0, 1.5, 1.6), fingerprint="f00d", others=0.0, **more):
    """What ``baselines.run.run`` would return of such a run; more: epochs_option, precision, kind, former (for a former recipe)."""
    model, dataset, recipe = cell.split("-")
    data = {"name": recipe, **cells()[cell].recipe, **({"batch": 7} if more.get("former") else {})}
    data |= {"epochs": more["epochs_option"]} if more.get("epochs_option") else {}
    epochs = len(seconds)
    return {
        "cell": cell,
        "study": "ours",
        "model": model,
        "dataset": dataset,
        "recipe": data,
        "epochs_option": more.get("epochs_option"),
        "seed": seed,
        "data": {"fingerprint": fingerprint, "kind": more.get("kind", "canonical"), "train": 60, "test": 10},
        "precision": more.get("precision", "float32"),
        "wall_seconds": 9.0,
        "load": {"others": others, "loadavg": 0.5},
        "code": {"graph": "a", "recipes": "b", "training": "c", "loader": "d"},
        "accuracy": accuracy,
        "loss": 0.03,
        "history": {"accuracy": [accuracy] * 3, "loss": [0.03] * 3},
        "train_seconds": list(seconds),
        "eval_seconds": [0.1] * epochs,
        "host_seconds": [0.01] * epochs,
        "compile_seconds": 1.0 if seconds else None,
        "epoch_images": [60] * epochs,
        "images_per_second": 60 / min(seconds) if seconds else None,
        "macs": 241816,
        "loop": "one program",
        "resident": True,
        "calls": 1,
        "divergence": more.get("divergence"),
        "parameters": {"total": 150742, "trainable": 150742, "non_trainable": 0},
        "peak_memory": {"host": 600_000_000, "gpu": None},
    }


def stored(folder, number, name, samples, machine=MACHINE, info=INFO, when="2026-01-01"):
    """Write a stored file of such runs as a session would have; its path."""
    folder = Path(folder) / machine
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{number:04}_{name}_{number:08x}.json"
    entries = [
        {"name": f"test_epoch_time[{each['cell']}]", "extra_info": each, "stats": {"min": min(each["train_seconds"], default=0)}}
        for each in samples
    ]
    content = {
        "machine_info": info,
        "commit_info": {"id": "c0ffee"},
        "benchmarks": entries,
        "datetime": f"{when}T00:00:{number:02}",
        "complete": True,
    }
    path.write_text(json.dumps(content))
    return path


ORDERS = ("log", "kill", "interrupt", "full", "damaged")


def orders():
    """{'log': file that each training is noted in, 'kill': cell at which the process is killed,
    'interrupt': cell at which Ctrl-C is pressed, 'full': of the disk, 'damaged': of the roofline, and anything that ``sample`` takes}."""
    return json.loads(os.environ.get("PRETEND", "{}"))


def pytest_configure(config):
    from baselines import machine, roofline, run

    roofline.current = _roofline
    roofline.load = lambda folder: None
    machine.import_keras = lambda: None
    machine.compute_in = lambda precision: None
    machine.name = lambda: MACHINE
    machine.info = lambda: INFO
    machine.gpu = lambda: None
    run.identity, run.run = _identity, _run
    zoo.saved = SimpleNamespace(save=_save)


def _roofline(folder):
    if "damaged" in orders():
        raise OSError("the roofline cannot be written")
    return None, True


def _save(model, classes, file):
    if "full" in orders():
        raise OSError("no space left")
    file.write_text(model)


IDENTITY = ("cell", "study", "model", "dataset", "recipe", "epochs_option", "seed", "data", "precision", "code")


def _identity(cell, seed, root, epochs=None, download=True):
    told = {key: orders()[key] for key in ("fingerprint", "precision", "kind") if key in orders()}
    made = sample(cell.id, seed, epochs_option=epochs, **told)
    return {key: made[key] for key in IDENTITY}


def _run(cell, wanted, root, progress=None, keep=None):
    told = orders()
    if "log" in told:
        with open(told["log"], "a") as file:
            print(cell.id, file=file)
    if told.get("kill") == cell.id:
        os.kill(os.getpid(), signal.SIGKILL)
    if told.get("interrupt") == cell.id:
        raise KeyboardInterrupt
    made = sample(cell.id, wanted["seed"], **{key: told[key] for key in told if key not in ORDERS})
    if progress:
        progress(1, 1, made["accuracy"])
    if keep:
        keep("a network", ())
    assert "keras" not in sys.modules
    return {**made, **wanted}
