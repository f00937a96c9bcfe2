"""The cells of the suite, read from the published tables and from our own: the code contains no published number.

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
    data: str | Own  # what loaders.load takes: a name, or the user's own images
    recipe_name: str
    recipe: dict
    shape: tuple  # (height, width, channels) of the network's input: the recipe's size, if it has one
    data_shape: tuple  # of the data set's images
    classes: int
    published: dict  # the numbers that the study prints for it, accuracies as shares; empty for our own cells
    floor: float | None
    quick: bool  # whether the quick tier trains it, too
    smallest: float | None = None  # loss of accuracy that matters; None: baselines.limits.SMALLEST
    known: dict | None = None  # a known failure: verdict, reason, until, of


def cells(folder=FOLDER):
    """Cell id -> Cell, in the order of the tables; the project's rows may name the suite's recipes, too.

    Raises:
        TableError: a mistake that ``studies`` refuses; a row with an unknown key, model, data set or recipe; two rows of one
            cell; a value that is not a number, or whose source is missing in [where]; a floor of an unknown cell.
    """
    return _cells(folder, project.folder())


@functools.cache
def _cells(folder, own_folder):
    tables = studies(folder)
    every = {name: recipe for table in reversed(tables.values()) for name, recipe in table["recipes"].items()}
    datasets = {name: dataset for table in tables.values() for name, dataset in table.get("datasets", {}).items()}
    floors, smallest, failures = (
        {cell: value for table in tables.values() for cell, value in table.get(key, {}).items()} for key in ("floors", "smallest", "known")
    )
    found = {}
    for study, table in tables.items():
        for i, row in enumerate(table["cells"]["rows"], 1):
            where = f"{table['file']}, row {i} of [cells]"
            recipes = {**every, **table["recipes"]} if study == "own" else table["recipes"]
            cell = _cell(where, table, datasets, recipes, row)._replace(study=study)
            if cell.id in found:
                raise TableError(f"{where}: the cell {cell.id} has a row already, in {tables[found[cell.id].study]['file']}; delete one")
            known = {"of": "accuracy", **failures[cell.id]} if cell.id in failures else None
            found[cell.id] = cell._replace(floor=floors.get(cell.id), smallest=smallest.get(cell.id), known=known)
    for table in tables.values():
        for key, what in ("floors", "a floor"), ("smallest", "a smallest loss"), ("known", "a known failure"):
            for cell in table.get(key, {}):
                _known_cell(table, what, cell, found)
        for each in table.get("elsewhere", []):
            _known_cell(table, "a time on another machine", each["cell"], found)
    return found


def _known_cell(table, what, cell, found):
    if cell not in found:
        raise TableError(f"{table['file']}: {what} for {cell!r}, which is not a cell; known: {', '.join(found)}")


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
            raise TableError(f"{where}, {name}: [where] does not say where the study prints {key!r}; add the key {source!r} to [where]")
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
    """Published seconds per epoch, or None."""
    if "seconds" in cell.published:
        return cell.published["seconds"] / cell.recipe["epochs"]
    return cell.published.get("epoch_seconds")


def choose(models=(), datasets=(), wanted_recipes=(), folder=FOLDER):
    """The cells of those models, data sets and recipes; an empty list chooses all, and empty names do not count.

    Raises:
        ValueError: no cell has one of the names, or all of them together; the message lists the known ones.
    """
    chosen = every = list(cells(folder).values())
    for field, wanted in ("model", models), ("dataset", datasets), ("recipe_name", wanted_recipes):
        wanted = [name for name in wanted if name]
        known = list(dict.fromkeys(getattr(cell, field) for cell in every))
        for name in wanted:
            if field == "model" and name not in known and name in zoo.names():
                raise ValueError(
                    f"no cell trains the model {name!r}; add a row to [cells] of ours.toml (to see its other tests: -k {name})"
                )
            if name not in known:
                raise ValueError(f"unknown {field.removesuffix('_name')} {name!r}; known: {', '.join(known)}")
        chosen = [cell for cell in chosen if not wanted or getattr(cell, field) in wanted]
    if not chosen:
        raise ValueError(f"no cell has that model, data set and recipe together; known cells: {', '.join(cells(folder))}")
    return chosen
