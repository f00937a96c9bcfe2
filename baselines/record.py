"""The record: what is stored of one training. ``FIELDS`` lists its fields once; everything else follows from that table.

A record is a dict of plain JSON values. A dot in a field's name stands for a table within: ``data.kind`` is
``record["data"]["kind"]``. To store something more, add a row here and the value in ``baselines.train``.
"""

import functools
import hashlib
import json
import math
from typing import NamedTuple

VERSION = 2


class Field(NamedTuple):
    name: str
    kind: type | tuple  # of its value
    meaning: str
    null: bool = False  # whether it may be None
    time: bool = False  # dropped from a training that shared its machine
    identity: bool = False  # two trainings that agree in all of these are the same training


FIELDS = (
    Field("version", int, "of this table"),
    Field("id", str, "16 hexadecimal digits, drawn at random for each training"),
    Field("when", str, "the training's end: ISO 8601, UTC"),
    # What was trained
    Field("cell", str, "model-dataset-recipe", identity=True),
    Field("study", str, "whose table the cell is a row of"),
    Field("model", str, "name of the network"),
    Field("dataset", str, "name of the data set, as the study has it"),
    Field("recipe", dict, "the recipe's table, with its name and without its note", identity=True),
    Field("epochs_option", int, "epochs given by --epochs in place of the recipe's", null=True, identity=True),
    Field("seed", int, "of initial weights, order of images, augmentation and dropout", identity=True),
    Field("data.fingerprint", str, "of the four arrays", identity=True),
    Field("data.kind", str, "canonical or sample"),
    Field("data.train", int, "number of training images"),
    Field("data.test", int, "number of test images"),
    Field("data.files", dict, "file -> its checksum; unknown in records of version 0", null=True),
    Field("code", dict, "part of the suite -> digest of what it does: graph, recipes, training, loader", identity=True),
    # On what
    Field("machine", str, "the machine's folder: device_backend_precision", identity=True),
    Field("backend", str, "Keras's backend", identity=True),
    Field("precision", str, "what the network computed in, as Keras names it", identity=True),
    Field("instructions", str, "the processor's strongest instruction set", null=True, identity=True),
    Field("threads", int, "threads that one operation is computed with; unknown in records of version 0", null=True, identity=True),
    Field("tf32", bool, "whether float32 products are rounded to TensorFloat-32; None on a CPU", null=True, identity=True),
    Field("python", str, "version of Python", identity=True),
    Field("versions", dict, "package -> installed version", identity=True),
    Field(
        "environment",
        dict,
        "GPU driver and libraries, Keras's settings, environment variables of backends; unknown before version 2",
        null=True,
        identity=True,
    ),
    # What came out
    Field("accuracy", float, "share of the test images that were classified correctly, at the end"),
    Field("loss", float, "on the test images at the end; None where it was not a finite number", null=True),
    Field("history", dict, "name -> value of each epoch: loss, accuracy, learning_rate and those of the watched images"),
    Field("divergence", str, "what went wrong with the training", null=True),
    Field("trials", list, "of a search: hyper_parameters, epochs, accuracies, seconds and end of each trial", null=True),
    # What it cost
    Field("train_seconds", list, "of each epoch's training", time=True),
    Field("eval_seconds", list, "of each epoch's evaluation", time=True),
    Field("host_seconds", list, "of each epoch's training: those outside the backend's programs", time=True),
    Field("compile_seconds", float, "tracing and compiling", null=True, time=True),
    Field("wall_seconds", float, "of the whole training", null=True, time=True),
    Field("images_per_second", float, "of the fastest epoch", null=True, time=True),
    Field("peak_flops_per_second", float, "of matrix products, as the machine's roofline was measured", null=True, time=True),
    Field("launch_seconds", float, "of a program, as the machine's roofline was measured", null=True, time=True),
    Field("epoch_images", list, "number of images trained on in each epoch"),
    Field("macs", int, "multiply-accumulates of one image's forward pass"),
    Field("loop", str, "how an epoch is run: one program, a program a step, fit"),
    Field("calls", int, "number of calls that an epoch is cut into"),
    Field("resident", bool, "whether the images stay on the device"),
    Field("parameters.total", int, "weights of the network"),
    Field("parameters.trainable", int, "of these, those that can be trained"),
    Field("parameters.non_trainable", int, "of these, the rest"),
    Field("peak_memory.host", int, "bytes of the process", null=True),
    Field("peak_memory.gpu", int, "bytes of the GPU", null=True),
    Field("load.others", float, "processors that other programs kept busy on average", null=True),
    Field("load.gpu_others", int, "programs beside this one that used the GPU; None without one or if its driver does not tell", null=True),
    Field("load.loadavg", float, "the system's load over the last minute"),
)
PATHS = tuple((tuple(field.name.split(".")), field) for field in FIELDS)
BACKENDS = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "jax": ("jax", "jaxlib")}  # packages that no other backend computes with
APART = ("seed", "machine", "instructions", "threads")  # fields of the identity in which trainings of one sample differ
CODE = tuple(path for path, field in PATHS if field.identity and field.name not in (*APART, "versions"))
TYPES = {float: (float, int)}  # JSON may write 1.0 as 1


class RecordError(ValueError):
    """A record is wrong; the message names the field, what was found and what was expected."""


def check(record):
    """Raise RecordError where a field is missing or unknown, or has another type or an impossible value."""
    if not isinstance(record, dict):
        raise RecordError(f"a record is a table of fields, not {record!r:.40}")
    if record.get("version") != VERSION:
        raise RecordError(f"version is {record.get('version')!r}; this suite reads version {VERSION}; update the suite to read a newer one")
    for path, field in PATHS:
        try:
            value = record[path[0]] if len(path) == 1 else record[path[0]][path[1]]
        except (KeyError, TypeError) as error:
            raise RecordError(f"{field.name} is missing") from error
        expected = TYPES.get(field.kind, (field.kind,))
        if type(value) not in expected and not (value is None and field.null):
            raise RecordError(f"{field.name} is {value!r:.40}, not {field.kind.__name__}{' or null' * field.null}")
    for table, known in _tables().items():
        if unknown := (record[table] if table else record).keys() - known:
            raise RecordError(
                f"{'.'.join(filter(None, (table, min(unknown))))} is not a field of a record; list them with: python -m baselines record"
            )
    _check_values(record)


@functools.cache
def _tables():
    """Table -> its keys; "" is the record itself."""
    tables = {"": {path[0] for path, _ in PATHS}}
    for path, _ in PATHS:
        if len(path) == 2:
            tables.setdefault(path[0], set()).add(path[1])
    return tables


def _check_values(record):
    if not 0 <= record["accuracy"] <= 1:
        raise RecordError(f"accuracy is {record['accuracy']}, which is not a share of 1")
    for key in "train_seconds", "eval_seconds":
        seconds = record[key]
        if seconds and not (set(map(type, seconds)) <= {float, int} and min(seconds) > 0 and math.isfinite(sum(seconds))):
            raise RecordError(f"{key} is {record[key]!r:.40}, not a list of positive seconds")
    if len({bool(record["train_seconds"]), bool(record["eval_seconds"]), record["compile_seconds"] is not None}) > 1:
        raise RecordError("train_seconds, eval_seconds and compile_seconds must all be there or all be empty")


def recipe(cell):
    """What a record says of a cell's recipe: a baselines.cells.Cell -> dict."""
    return {"name": cell.recipe_name, **{key: value for key, value in cell.recipe.items() if key != "note"}}


def timed(record):
    """Whether the training had its machine to itself, so that its times were kept."""
    return bool(record["train_seconds"])


def company(load):
    """What a training shared its machine with, as text; ``load`` is the record's."""
    if load.get("gpu_others"):
        return f"{load['gpu_others']} other program{'s' * (load['gpu_others'] > 1)} used the GPU"
    return (
        f"other programs kept {load['others']:.2g} processors busy"
        if load["others"] is not None
        else "other programs kept the machine busy"
    )


def sampled(record):
    """Whether the data was a sample (a part, or a rebuilt copy), for which floors and published numbers do not hold."""
    return record["data"]["kind"] == "sample"


def epoch_seconds(record):
    """Seconds of the fastest training epoch, which gates and tables use, of a timed record."""
    return min(record["train_seconds"])


def without_times(record):
    """The record of a training that shared its machine: every time is None or an empty list."""
    empty = {field.name: [] if field.kind is list else None for field in FIELDS if field.time}
    trials = record["trials"] and [{**trial, "seconds": None} for trial in record["trials"]]
    return {**record, **empty, "trials": trials}


def identity(record):
    """The fields in which two records of the same training agree: name -> value.

    Args:
        record: a record, or a dict with at least those fields.
    """
    found = {}
    for path, field in PATHS:
        if field.identity:
            found[field.name] = record[path[0]] if len(path) == 1 else record[path[0]][path[1]]
    return found | {"versions": versions(record)}


def versions(record):
    """The versions of the packages that the training computed with."""
    others = {name for backend, names in BACKENDS.items() if backend != record["backend"] for name in names} | {"pytest-benchmark"}
    return {name: version for name, version in record["versions"].items() if name not in others}


def same_code(record, other):
    """Whether code, data and libraries of two records are the same, whatever machine and seed: they are of one sample then."""
    if record["versions"] != other["versions"] and versions(record) != versions(other):
        return False
    for path in CODE:
        mine, theirs = (record[path[0]], other[path[0]]) if len(path) == 1 else (record[path[0]][path[1]], other[path[0]][path[1]])
        if mine != theirs:
            return False
    return True


def digest(values):
    """16 hexadecimal digits of a sha256 of a table of plain values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def plain(value):
    """The value in types that strict JSON holds: NumPy scalars and arrays unpacked, NaN and infinity as None.

    Raises:
        TypeError: something in it is not a number, a text, a list or a table with text keys.
    """
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"key {key!r} is not a text")
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{value!r} cannot be stored as JSON")
