"""How much an epoch of a cell computes and moves, without Keras: from stored records, the loaders' counts and costs.toml.

costs.toml has what zoo.cost counts of the network of each of the suite's cells. Its test in tests/self/baselines/test_workload.py
holds it against the networks, and writes it anew with --update-goldens. A project's cells have the costs of a cell with the same
network, or those of the golden of their model.
"""

import functools
import math
import re
import tomllib
from pathlib import Path
from typing import NamedTuple

import loaders
from baselines.cells import cells
from zoo import project

COSTS = Path(__file__).parents[1] / "costs.toml"
# The beginning of a golden: its model's costs, and the input that they are of.
GOLDEN = re.compile(r".*trainable, (?P<macs>[\d,]+) macs, (?P<activation_bytes>[\d,]+) activation bytes\ninput (?P<shape>[\dx]+)\n")
# Passes over the activations in a training step, fitted on the CPUs' stored records: what a step takes beyond its products
# is their bytes * PASSES / bandwidth (0.4 to 0.9 ns a byte in every network but LeNet-5, whose tanh takes twice that).
PASSES = 17
FROZEN = 1 / 3  # of a step's work where the body is frozen: the forward pass alone


class Workload(NamedTuple):
    """Of one epoch."""

    images: int
    steps: int
    flops: float  # 6 a multiply-accumulate and image, as baselines.efficiency counts them; 2 where the body is frozen
    moved: float  # bytes of activations, PASSES times; in float32 whatever the precision, since only their number counts


@functools.cache
def costs():
    """Cell id -> {'macs', 'activation_bytes'} of one image, in float32."""
    return tomllib.loads(COSTS.read_text(encoding="utf-8"))


def of_record(record):
    """The Workload of a record's epochs; None where the costs of its network are not known, and for a search."""
    cell = cells().get(record["cell"])
    cost = cell and _cost(cell)
    if not cost or record["trials"]:
        return None
    return _workload(cost, record["recipe"], record["epoch_images"][0])


def of_cell(cell, stored=()):
    """The Workload of an epoch on the published data, or None as for ``of_record`` and where the number of images is not known.

    Args:
        cell: baselines.cells.Cell.
        stored: list of store.Stored, which know how many images an epoch of data without files has.
    """
    images, cost = _images(cell, stored), _cost(cell)
    if not cost or images is None or "search" in cell.recipe:
        return None
    return _workload(cost, cell.recipe, images)


def _cost(cell):
    """{'macs', 'activation_bytes'} of a cell's network for one image, or None; other classes than the golden's change little."""
    if cell.id in costs():
        return costs()[cell.id]
    for name, cost in costs().items():
        if (cell.model, cell.shape, cell.classes) == (cells()[name].model, cells()[name].shape, cells()[name].classes):
            return cost
    path = (project.folder() or COSTS.parent) / "goldens" / f"{cell.model}.txt"
    match = path.is_file() and GOLDEN.match(path.read_text(encoding="utf-8"))
    if not match or tuple(map(int, match["shape"].split("x"))) != cell.shape:
        return None
    return {key: int(match[key].replace(",", "")) for key in ("macs", "activation_bytes")}


def _workload(cost, recipe, images):
    last = recipe.get("phases", [{"train": "all"}])[-1]
    share = 1 if last["train"] == "all" else FROZEN
    return Workload(
        images,
        math.ceil(images / recipe["batch"]),
        share * images * 6 * cost["macs"],
        share * images * PASSES * cost["activation_bytes"],
    )


def _images(cell, stored):
    """Number of training images of an epoch, or None."""
    recipe, sources = cell.recipe, getattr(loaders.module(cell.data), "SOURCES", {})
    if "steps" in recipe:
        return recipe["steps"] * recipe["batch"]
    if not isinstance(cell.data, str) or cell.data not in sources:
        known = [each.record for each in stored if each.cell == cell.id and each.record["data"]["kind"] == "canonical"]
        return known[-1]["epoch_images"][0] if known else None
    images = recipe.get("images", sources[cell.data].counts)[0]
    return images - round(images * recipe.get("validation_split", 0))
