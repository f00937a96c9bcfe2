"""The published tables and our own, read from TOML; a mistake is one line that names the file, the key and the known ones."""

import datetime
import functools
import math
import tomllib
from pathlib import Path

import loaders
from loaders import own
from zoo import project
from zoo.training import keys

FOLDER = Path(__file__).parent
COUNTS = ("total", "trainable", "non_trainable")  # of parameters
# In this order: of the test, training and validation images, as the study calls them; a search's best on the training images
# that it held out; of images that the study does not name.
ACCURACIES = ("accuracy", "train_accuracy", "validation_accuracy", "held_out_accuracy", "stated_accuracy")
LOSSES = ("loss", "train_loss", "validation_loss")
PUBLISHED = (*COUNTS, *ACCURACIES, *LOSSES, "seconds", "epoch_seconds")  # what a study may print; seconds are of all epochs together

# The keys of each table: those that it must have, and those that it may have.
STUDY = (
    ("study", "question", "recipes", "cells"),
    ("percent", "where", "hardware", "datasets", "floors", "smallest", "known", "unassigned", "elsewhere"),
)
OURS = ("cells",), (*STUDY[0][:3], *STUDY[1])  # of ours.toml, which may leave out study, question and recipes
WHERE = (), ("parameters", *(key for key in PUBLISHED if key not in COUNTS))
DATASET = ("input", "classes"), ("loader",)
OWN = {loader: (("loader", "path", *DATASET[0]), keys) for loader, keys in own.KEYS.items()}  # of images of the user's own
CELLS = ("rows",), ()
KNOWN = ("verdict", "reason", "until"), ("of",)  # a failure: its word, why, the last day, and whether it is of accuracy or of seconds
ROW = ("model", "dataset", "recipe"), ("quick", *PUBLISHED)
UNASSIGNED = ("where", "why"), ("model", *PUBLISHED)  # printed figures that cannot be assigned to a cell
ELSEWHERE = ("cell", "machine", "epoch_seconds", "where"), ()  # a time that a study prints of a cell on another machine than its own


class TableError(Exception):
    """A table has a mistake; the message names the file, the key and what is known instead."""


def studies(folder=FOLDER):
    """Study name -> its whole table, as TOML gives it: the published ones, ``ours``, then the project's, whose ours.toml is ``own``.

    Each table has ``file``, too, and each data set ``data``: what ``loaders.load`` takes.

    Raises:
        TableError: a file is not TOML, or its name is not that of its study; a key is missing or unknown; a recipe, a data set
            or a floor is wrong.
    """
    return _studies(folder, project.folder() if folder == FOLDER else None)


@functools.cache
def _studies(folder, own_folder):
    found = {}
    for path in [*sorted((folder / "published").glob("*.toml")), folder / "ours.toml"]:
        found[path.stem] = {**_read(path), "file": path.name}
    if own_folder:
        paths = [*sorted((own_folder / "published").glob("*.toml")), *own_folder.glob("ours.toml")]
        for path in paths:
            name = "own" if path.stem == "ours" else path.stem
            if name in found:
                raise TableError(f"{path}: there is a study {name} already, in {found[name]['file']}; rename this file")
            found[name] = {**_read(path), "study": name, "file": str(path)}
    return found


def _read(path):
    """The checked table of a file."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise TableError(f"{path} cannot be read as TOML: {error}; correct it or restore it from git") from error
    check_keys(path, table, OURS if path.name == "ours.toml" else STUDY)
    table = {"study": path.stem, "question": "Does everything still learn what it learned?", "recipes": {}, **table}
    if table["study"] != path.stem:
        raise TableError(f"{path}: study = {table['study']!r}; it must be the name of the file, {path.stem!r}")
    _check(path, table)
    return table


def _check(path, table):
    """Raise TableError for a mistake in the tables of a study, its rows apart."""
    for key in "where", "datasets", "recipes", "cells", "floors", "smallest", "known":
        check_keys(f"{path}: [{key}]", table.get(key, {}), {"where": WHERE, "cells": CELLS}.get(key))
    for name, dataset in table.get("datasets", {}).items():
        dataset["data"] = _data(f"{path}: the data set {name}", name, dataset, path.parent)
    for name, recipe in table["recipes"].items():
        check_keys(f"{path}: the recipe {name}", recipe)
        try:
            keys.check(name, recipe)
        except ValueError as error:
            raise TableError(f"{path}: {error}") from error
    for cell, floor in table.get("floors", {}).items():
        _check_share(f"{path}: the floor of {cell}", floor)
    for cell, loss in table.get("smallest", {}).items():
        _check_share(f"{path}: the smallest loss of {cell}", loss)
    for cell, failure in table.get("known", {}).items():
        _check_known(f"{path}: [known.{cell}]", failure)
    for i, figure in enumerate(table.get("unassigned", []), 1):
        check_keys(f"{path}: [[unassigned]] {i}", figure, UNASSIGNED)
        numbers(f"{path}: [[unassigned]] {i}", table, figure)
    for i, figure in enumerate(table.get("elsewhere", []), 1):
        check_keys(f"{path}: [[elsewhere]] {i}", figure, ELSEWHERE)
        numbers(f"{path}: [[elsewhere]] {i}", table, figure)


def _check_known(where, failure):
    check_keys(where, failure, KNOWN)
    if type(failure["until"]) is not datetime.date:
        raise TableError(f"{where}: until = {failure['until']!r} is not a date; write it as 2030-01-31")
    for key, known in ("verdict", ("REGRESSED", "SUSPECT")), ("of", ("accuracy", "seconds")):
        if failure.get(key, known[0]) not in known:
            raise TableError(f"{where}: {key} = {failure[key]!r}; known: {', '.join(known)}")


def _data(where, name, dataset, folder):
    """What ``loaders.load`` takes for an entry of [datasets]: a name, or an Own; a relative path starts from the table's folder."""
    check_keys(where, dataset)
    loader = str(dataset.get("loader", name))
    named = loader in loaders.names() or loader.startswith("synthetic_")
    if not named and loader not in OWN:
        check_keys(where, dataset, ((), dict.fromkeys(key for keys in OWN.values() for part in keys for key in part)))
        raise TableError(f"{where}: unknown loader {loader!r}; known: {', '.join([*loaders.names(), *OWN])}")
    check_keys(where, dataset, DATASET if named else OWN[loader])
    sizes = dataset["input"] if isinstance(dataset["input"], list) else []
    if len(sizes) != 3 or any(type(size) is not int or size < 1 for size in (*sizes, dataset["classes"])):
        raise TableError(f"{where}: {dataset} needs input = [height, width, channels] and a number of classes, all integers of 1 or more")
    if named:
        return loader
    try:
        return own.from_table(dataset, folder)
    except ValueError as error:
        raise TableError(f"{where}: {error}") from error


def check_keys(where, table, keys=None):
    """Raise TableError unless ``table`` is a table with all of the needed keys and no unknown ones.

    Args:
        where: the file and the table's name in it.
        table: what TOML gave.
        keys: (needed keys, optional keys), or None where any key may stand.
    """
    if not isinstance(table, dict):
        raise TableError(f"{where} is {table!r}, not a table")
    needed, optional = keys or ((), table)
    known = ", ".join((*needed, *optional))
    for key in table:
        if key not in (*needed, *optional):
            raise TableError(f"{where}: unknown key {key!r}; known: {known}")
    for key in needed:
        if key not in table:
            raise TableError(f"{where}: the key {key!r} is missing; known: {known}")


def numbers(where, table, row):
    """The published numbers in a row of a table: a dict, per cents as shares of 1.

    Raises:
        TableError: a value is not a number of 0 or more, or an accuracy is not a share.
    """
    found = {key: row[key] for key in PUBLISHED if key in row}
    for key, number in found.items():
        if type(number) not in (int, float) or not 0 <= number < math.inf:  # a bool is an int, and nan compares as False
            raise TableError(f"{where}: {key} = {number!r} is not a number of 0 or more")
        if key in ACCURACIES:
            found[key] = round(number / 100, 6) if table.get("percent") else number  # 0.57 / 100 alone is not 0.0057
            _check_share(f"{where}: {key}", found[key], ", or per cents with percent = true")
    return found


def _check_share(where, number, else_write=""):
    if type(number) not in (int, float) or not 0 <= number <= 1:
        raise TableError(f"{where} = {number!r} is not a share of 1; write a number from 0 to 1{else_write}")
