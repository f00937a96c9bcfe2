"""The cells of the suite, read from the published tables and from our own: no number stands in code.

A cell is model x dataset x recipe, one row of a study's table and one test id.
"""

import functools
import tomllib
from pathlib import Path
from typing import NamedTuple

import loaders
import zoo
from zoo.training import recipes

FOLDER = Path(__file__).parent
COUNTS = ("total", "trainable", "non_trainable")  # of parameters
ACCURACIES = ("accuracy", "train_accuracy", "validation_accuracy")
# What a study may print of a cell. Without a prefix it is of the test images; seconds are those of all epochs.
PUBLISHED = (*COUNTS, *ACCURACIES, "loss", "train_loss", "validation_loss", "seconds", "epoch_seconds")
ROW_KEYS = {"model", "dataset", "recipe", "quick", *PUBLISHED}


class TableError(Exception):
    """A table of cells says something that cannot be; the message names the file and the row."""


class Cell(NamedTuple):
    id: str
    study: str
    model: str
    dataset: str
    data: str  # what the loaders call the study's data set
    recipe_name: str
    recipe: dict
    shape: tuple  # (height, width, channels) of the network's input: of the recipe's size, where it has one
    data_shape: tuple  # of the data set's images
    classes: int
    published: dict  # the numbers that the study prints of it, accuracies as shares; empty for our own
    floor: float | None
    quick: bool  # whether the quick tier trains it, too


@functools.cache
def studies(folder=FOLDER):
    """Study name -> its whole table, as TOML gives it, our own last.

    Raises:
        TableError: a file is not TOML.
    """
    tables = {}
    for path in [*sorted((folder / "published").glob("*.toml")), folder / "ours.toml"]:
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise TableError(f"{path} is not TOML: {error}; mend it or take it back from git") from error
        tables[table["study"]] = table
    return tables


@functools.cache
def cells(folder=FOLDER):
    """Cell id -> Cell, in the order of the tables.

    Raises:
        TableError: a row names a model, data set or recipe that nobody knows, or has an unknown key, or a
            number of which the study does not say where it stands, or an accuracy that is no share; or a
            floor stands for no cell.
    """
    tables = studies(folder)
    datasets = {name: data for table in tables.values() for name, data in table.get("datasets", {}).items()}
    floors = {cell: floor for table in tables.values() for cell, floor in table.get("floors", {}).items()}
    found = {}
    for study, table in tables.items():
        for name, recipe in table["recipes"].items():
            try:
                recipes.check(name, recipe)
            except ValueError as error:
                raise TableError(f"study {study}: {error}") from error
        for row in table["cells"]["rows"]:
            cell = _cell(table, datasets, row, floors)
            if cell.id in found:
                raise TableError(f"study {study}: cell {cell.id} stands in two rows")
            found[cell.id] = cell
    for unknown in floors.keys() - found.keys():
        raise TableError(f"a floor for {unknown!r}, which is no cell")
    return found


def _cell(table, datasets, row, floors):
    study, known_recipes = table["study"], table["recipes"]
    for key, known in ("model", zoo.names()), ("dataset", datasets), ("recipe", known_recipes):
        if row.get(key) not in known:
            raise TableError(f"study {study}: unknown {key} {row.get(key)!r} in row {row}; known: {', '.join(known)}")
    for key in row.keys() - ROW_KEYS:
        raise TableError(f"study {study}: unknown key {key!r} in row {row}; known: {', '.join(sorted(ROW_KEYS))}")
    name = f"{row['model']}-{row['dataset']}-{row['recipe']}"
    dataset = datasets[row["dataset"]]
    data = dataset.get("loader", row["dataset"])
    if data not in loaders.names() and not data.startswith("synthetic_"):
        raise TableError(f"study {study}: no loader reads {data!r}, the data of row {row}; known: {', '.join(loaders.names())}")
    recipe = known_recipes[row["recipe"]]
    return Cell(
        id=name,
        study=study,
        model=row["model"],
        dataset=row["dataset"],
        data=data,
        recipe_name=row["recipe"],
        recipe=recipe,
        shape=(*recipe.get("size", dataset["input"][:2]), dataset["input"][2]),
        data_shape=tuple(dataset["input"]),
        classes=dataset["classes"],
        published=_published(table, row),
        floor=floors.get(name),
        quick=row.get("quick", False),
    )


def _published(table, row):
    """The numbers that the study prints in a row, its per cents as shares of 1."""
    numbers = {key: row[key] for key in PUBLISHED if key in row}
    for key in numbers:
        place = "parameters" if key in COUNTS else key
        if place not in table.get("where", {}):
            raise TableError(f"study {table['study']}: where does {key!r} of row {row} stand? Say it as {place!r} in [where]")
    for key in numbers.keys() & set(ACCURACIES):
        if table.get("percent"):
            numbers[key] = round(numbers[key] / 100, 6)  # 0.57 / 100 alone is not 0.0057
        if not 0 <= numbers[key] <= 1:
            raise TableError(f"study {table['study']}: {key} {row[key]} of row {row} is no share of 1; print shares, or set percent = true")
    return numbers


def published_seconds(cell):
    """Published seconds an epoch, or None."""
    if "seconds" in cell.published:
        return cell.published["seconds"] / cell.recipe["epochs"]
    return cell.published.get("epoch_seconds")


def choose(models=(), datasets=(), wanted_recipes=(), folder=FOLDER):
    """The cells of those models, data sets and recipes; an empty choice, or an empty name, is all.

    Raises:
        ValueError: a name is in no cell, or no cell has them all; the message lists what there is.
    """
    chosen = every = list(cells(folder).values())
    for field, wanted in ("model", models), ("dataset", datasets), ("recipe_name", wanted_recipes):
        wanted = [name for name in wanted if name]
        known = list(dict.fromkeys(getattr(cell, field) for cell in every))
        for name in wanted:
            if name not in known:
                raise ValueError(f"unknown {field.removesuffix('_name')} {name!r}; those of the cells: {', '.join(known)}")
        chosen = [cell for cell in chosen if not wanted or getattr(cell, field) in wanted]
    if not chosen:
        raise ValueError(f"no cell has that model, data set and recipe together; the cells: {', '.join(cells(folder))}")
    return chosen
