"""Which cells have a recipe that was never tried, and their try before the first training: zoo/training/trial.py says what it is.

A try that found no mistake is remembered in the user's cache, by a digest of all that it depends on. A cell that
has a stored record of the same recipe and code needs none.
"""

import contextlib
import functools
import hashlib
import json
import logging
import platform
from importlib.util import find_spec
from pathlib import Path

import zoo
from baselines import child, machine, record, store, tables
from baselines.cells import cells
from loaders import DataError, files
from zoo import project

ROOT = Path(__file__).parent.parent
WHAT = "two epochs of two batches of made-up images, with the recipe's optimizer, augmentation, callbacks and phases, on a small network"


class Mistakes(ValueError):
    """Recipes cannot be followed; the message has a line for each mistake, with its cells, file and key."""


def untried(chosen, precision, stored):
    """Those of the cells whose recipe has to be tried: a list of Cell.

    Args:
        chosen: list of Cell.
        precision: one of machine.PRECISIONS.
        stored: list of store.Stored.
    """
    return [cell for cell in chosen if not _remembered(cell, precision) and not any(same(each.record, cell) for each in stored)]


def check(chosen, precision):
    """Try the recipes of cells in a child process.

    Args:
        chosen: list of Cell.
        precision: one of machine.PRECISIONS.

    Raises:
        Mistakes: some cannot be followed.
        child.ChildError: none could be tried.
    """
    answer = child.answer("check", *(cell.id for cell in chosen), "--precision", precision)
    refuse(answer["mistakes"])


def refuse(mistakes):
    """Raise Mistakes unless every list is empty; mistakes: cell's id -> list of (key, what is wrong)."""
    lines = {}
    for cell, found in ((cells()[name], found) for name, found in mistakes.items()):
        for key, problem in found:
            lines.setdefault(f"{_file(cell)}: recipe {cell.recipe_name}: {key}: {problem}", []).append(cell.id)
    if lines:
        count = f"{len(lines)} mistake{'s' * (len(lines) > 1)}"
        raise Mistakes(
            "\n  ".join([f"{count} in recipes, found on two batches", *(f"{line} ({', '.join(ids)})" for line, ids in lines.items())])
        )


def attempt(chosen, precision):
    """Try recipes, each once, and remember those that work. Keras is imported, and computes in ``precision``.

    Returns:
        cell's id -> list of (key, what is wrong).
    """
    from zoo.training import trial

    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of the many programs that are traced
    found, recipes = {}, {}
    for cell in chosen:
        recipe = {key: value for key, value in record.recipe(cell).items() if key != "name"}
        key = json.dumps(recipe)
        if key not in recipes:
            recipes[key] = trial.mistakes(recipe, cell.data_shape, cell.classes)
        unfit = trial.unfit(recipe, lambda cell=cell: zoo.build(cell.model, cell.shape, cell.classes), zoo.module(cell.model))
        found[cell.id] = recipes[key] + unfit
        if not found[cell.id]:
            _remember(cell, precision)
    return found


def options(parser):
    """Add the command's options to an argparse parser."""
    parser.add_argument("cells", nargs="*", metavar="CELL", help="ids of cells (default: all)")
    parser.add_argument("--precision", default="float32", choices=machine.PRECISIONS, help="dtype policy (default: %(default)s)")


def command(args):
    """Try the recipes of the cells that were named. Returns the exit code: 0, or 2 where one has a mistake or is unknown."""
    if unknown := [name for name in args.cells if name not in cells()]:
        raise tables.TableError(f"unknown cell {unknown[0]!r}; known: {', '.join(cells())}")
    chosen = [cells()[name] for name in args.cells] or list(cells().values())
    machine.import_keras()
    machine.compute_in(args.precision)
    found = attempt(chosen, args.precision)
    if args.parent:
        child.tell("check", mistakes=found)
        return 0
    try:
        refuse(found)
    except Mistakes as error:
        raise tables.TableError(str(error)) from error
    print(f"{len(chosen)} cell{'s' * (len(chosen) > 1)}: no mistake in their recipes, tried with {WHAT}")
    return 0


def _file(cell):
    """The table that holds a cell's recipe."""
    studies = tables.studies()
    own = [studies[cell.study], *studies.values()]
    return next(table["file"] for table in own if cell.recipe_name in table["recipes"])


def same(made, cell):
    """Whether a record is of this cell's recipe, and was trained by the code and the Keras that are here now."""
    if (made["cell"], made["backend"], made["recipe"]) != (cell.id, machine.backend(), record.recipe(cell)):
        return False
    code = {part: made["code"].get(part) for part in ("recipes", "training")}
    return made["versions"].get("keras") == machine.versions().get("keras") and code == _training_code(cell)


def _training_code(cell):
    """The digests of ``zoo.training.train.sources``, which needs Keras; a test compares them."""
    epochs = {"tensorflow": "epoch_tensorflow", "jax": "epoch_jax"}.get(machine.backend(), "epoch_fit")
    paths = [ROOT / "zoo" / "training" / f"{name}.py" for name in ("train", "state", "feed", epochs)]
    paths += [ROOT / "zoo" / "training" / "search.py", ROOT / "zoo" / "searched_cnn.py"] if "search" in cell.recipe else []
    paths += [ROOT / "zoo" / "training" / "transfer.py", _model_file(cell)] if {"pretrained", "phases"} & cell.recipe.keys() else []
    parts = {"recipes": [ROOT / "zoo" / "training" / "recipes.py"], "training": paths}
    return {part: hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12] for part, paths in parts.items()}


def _model_file(cell):
    """The file that holds the function of a cell's model."""
    name = zoo.models()[cell.model].module
    return Path(find_spec(f"zoo.{name}").origin) if cell.model in zoo.MODELS else project.folder() / "zoo" / f"{name}.py"


@functools.cache
def _shared_code():
    """A digest of the files that every try depends on."""
    paths = [ROOT / "zoo" / "__init__.py", *sorted((ROOT / "zoo" / "training").glob("*.py"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def _digest(cell, precision):
    about = {"cell": cell.id, "recipe": record.recipe(cell), "shapes": [cell.shape, cell.data_shape, cell.classes], "precision": precision}
    about |= {"backend": machine.backend(), "versions": machine.versions(), "python": platform.python_version()}
    return record.digest({**about, "code": _shared_code(), "model": hashlib.sha256(_model_file(cell).read_bytes()).hexdigest()})


def _path(cell, precision):
    return files.cache_folder() / "tried" / f"{cell.id}-{machine.backend()}-{precision}"


def _remembered(cell, precision):
    with contextlib.suppress(OSError, DataError):
        return _path(cell, precision).read_text(encoding="utf-8") == _digest(cell, precision)
    return False


def _remember(cell, precision):
    """Write down that a cell's recipe works; a cache that cannot be written to is not an error."""
    with contextlib.suppress(OSError, DataError):
        path = _path(cell, precision)
        path.parent.mkdir(parents=True, exist_ok=True)
        store.replace(path, _digest(cell, precision))
