"""Train one cell once, and gather everything worth knowing of it: the sample of all statistics."""

import functools
import hashlib
import time
from importlib import import_module
from pathlib import Path

import loaders
import zoo
from baselines import machine
from zoo.graph import graph

ROOT = Path(__file__).parent.parent
SHARED = 0.15  # processors kept busy by others from which a time is no longer the network's own


def run(cell, seed, root, epochs=None, download=True, progress=None):
    """Train a cell.

    Args:
        cell: baselines.cells.Cell.
        seed: int.
        root: the data directory.
        epochs: in place of the recipe's, or None; such a run is never held against a baseline.
        download: whether missing data may be fetched, as ``loaders.load`` takes it.
        progress: called after each epoch with (epoch, epochs, accuracy).

    Returns:
        dict of plain numbers, texts, lists and tables; what ``training.train`` returns and what it
        was made from.

    Raises:
        loaders.DataError: the data is missing (DataMissing) or damaged.
    """
    data = load(cell.data, root, download)
    from zoo import training  # with Keras, so after the data has been found

    recipe = {**cell.recipe, "epochs": epochs} if epochs else cell.recipe
    before = machine.others()
    start = time.perf_counter()
    seen = training.train(lambda: zoo.build(cell.model, cell.shape, cell.classes), data, recipe, seed, progress)
    return {
        "cell": cell.id,
        "study": cell.study,
        "model": cell.model,
        "dataset": cell.dataset,
        "recipe": {"name": cell.recipe_name, **recipe},
        "epochs_option": epochs,
        "seed": seed,
        "data": {"fingerprint": data.fingerprint, "kind": data.kind, "train": len(data.x_train), "test": len(data.x_test)},
        "precision": precision(),
        "wall_seconds": time.perf_counter() - start,
        "load": machine.others(before),
        "code": code(cell),
        **seen,
    }


@functools.lru_cache(maxsize=1)
def load(dataset, root, download):
    """The data set; kept until another one is asked for, since cells come grouped by nothing else."""
    return loaders.load(dataset, root, download)


def precision():
    """Name of the precision that Keras computes in, such as float32 or mixed_bfloat16."""
    import keras

    return keras.config.dtype_policy().name


def code(cell):
    """Part of the suite -> 12 hexadecimal digits of what it does, so that a verdict can name what changed.

    Of the network, its graph; of the other parts, their source.
    """
    parts = {"recipes": "zoo.recipes", "training": "zoo.training", "loader": loaders.module(cell.data).__name__}
    network = zoo.weightless(lambda: graph(zoo.build(cell.model, cell.shape, cell.classes)))
    contents = {"graph": network.encode()} | {part: Path(import_module(module).__file__).read_bytes() for part, module in parts.items()}
    return {part: hashlib.sha256(content).hexdigest()[:12] for part, content in contents.items()}


def alone(sample):
    """Whether the run had the machine to itself, so that its time may be believed."""
    others = sample["load"]["others"]
    return others is None or others <= SHARED


def sampled(sample):
    """Whether the run's data was a sample, or rebuilt, and not what was published: neither floors nor the papers speak of it."""
    return sample["data"].get("kind") == "sample"  # runs that say nothing are older than the first loader that reads samples


def epoch_seconds(sample):
    """The figure that gates and tables use: seconds of the fastest training epoch."""
    return min(sample["train_seconds"])


def differences(sample, info, run):
    """What differs between a sample and a stored run beside its numbers: a list of texts.

    Args:
        sample: as ``run`` returns it.
        info: the machine_info of where it was taken.
        run: store.Run.
    """
    parts = run.sample["code"].keys() & sample["code"].keys()  # older runs told them apart in other ways
    sides = [
        {
            **{f"{part} code": digest for part, digest in each["code"].items() if part in parts},
            **{f"recipe's {key}": value for key, value in each["recipe"].items()},
            "parameters": each["parameters"]["total"],
            **around["versions"],
            "python": around["python"],
        }
        for each, around in ((run.sample, run.info), (sample, info))
    ]
    old, new = sides
    return [f"{what} {old.get(what)} -> {new.get(what)}" for what in {**old, **new} if old.get(what) != new.get(what)]
