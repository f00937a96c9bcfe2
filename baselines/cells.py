"""The cells of the suite, read from the published tables and from our own: no number stands in code.

A cell is model x dataset x recipe: one row of a study's table and one test id.
"""

import functools
from typing import NamedTuple

import zoo
from baselines.tables import COUNTS, FOLDER, ROW, TableError, check_keys, numbers, studies
from loaders import Own
from zoo import project


class Cell(NamedTuple):
    id: str
    study: str
    model: str
    dataset: str
    data: str | Own  # what the loaders call the study's data set, or the user's own
    recipe_name: str
    recipe: dict
    shape: tuple  # (height, width, channels) of the network's input: of the recipe's size, where it has one
    data_shape: tuple  # of the data set's images
    classes: int
    published: dict  # the numbers that the study prints of it, accuracies as shares; empty for our own
    floor: float | None
    quick: bool  # whether the quick tier trains it, too


def cells(folder=FOLDER):
    """Cell id -> Cell, in the order of the tables; the project's rows may name the suite's recipes, too.

    Raises:
        TableError: what ``studies`` refuses; a row has an unknown key, names a model, data set or recipe that nobody knows,
            or is another row's cell; a number is not one, or [where] does not say where it stands; a floor has no cell.
    """
    return _cells(folder, project.folder())


@functools.cache
def _cells(folder, own_folder):
    tables = studies(folder)
    every = {name: recipe for table in reversed(tables.values()) for name, recipe in table["recipes"].items()}
    datasets = {name: dataset for table in tables.values() for name, dataset in table.get("datasets", {}).items()}
    floors = {cell: floor for table in tables.values() for cell, floor in table.get("floors", {}).items()}
    found = {}
    for study, table in tables.items():
        for i, row in enumerate(table["cells"]["rows"], 1):
            where = f"{table['file']}, row {i} of [cells]"
            recipes = {**every, **table["recipes"]} if study == "own" else table["recipes"]
            cell = _cell(where, table, datasets, recipes, row)._replace(study=study)
            if cell.id in found:
                raise TableError(f"{where}: the cell {cell.id} has another row, in {tables[found[cell.id].study]['file']}")
            found[cell.id] = cell._replace(floor=floors.get(cell.id))
    for table in tables.values():
        for cell in table.get("floors", {}):
            if cell not in found:
                raise TableError(f"{table['file']}: a floor for {cell!r}, which is not a cell; known: {', '.join(found)}")
    return found


def _cell(where, table, datasets, recipes, row):
    check_keys(where, row, ROW)
    for key, known in ("model", zoo.names()), ("dataset", datasets), ("recipe", recipes):
        if row[key] not in known:
            raise TableError(f"{where}: unknown {key} {row[key]!r}; known: {', '.join(known)}")
    name = f"{row['model']}-{row['dataset']}-{row['recipe']}"
    published = numbers(f"{where}, {name}", table, row)
    for key in published:
        source = "parameters" if key in COUNTS else key
        if source not in table.get("where", {}):
            raise TableError(f"{where}, {name}: where does the study print {key!r}? Say it as {source!r} in [where]")
    dataset, recipe = datasets[row["dataset"]], recipes[row["recipe"]]
    return Cell(
        id=name,
        study=table["study"],
        model=row["model"],
        dataset=row["dataset"],
        data=dataset["data"],
        recipe_name=row["recipe"],
        recipe=recipe,
        shape=(*recipe.get("size", dataset["input"][:2]), dataset["input"][2]),
        data_shape=tuple(dataset["input"]),
        classes=dataset["classes"],
        published=published,
        floor=None,
        quick=row.get("quick", False),
    )


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
