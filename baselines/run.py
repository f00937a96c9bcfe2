"""Train one cell once, and gather everything worth knowing of it: the sample of all statistics."""

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
INFLUENCES = ("versions", "python", "tf32")  # what in machine_info can change an accuracy
LOADED = {}  # (data set, data directory) -> the one that was loaded last
UNTIMED = {
    "train_seconds": [],
    "eval_seconds": [],
    "host_seconds": [],
    "images_per_second": None,
    "compile_seconds": None,
    "wall_seconds": None,
}


def identity(cell, seed, root, epochs=None, download=True):
    """What makes a run of a cell the one that it is, before anything is trained: two of the same are trained once.

    Args:
        cell: baselines.cells.Cell.
        seed: int.
        root: the data directory.
        epochs: in place of the recipe's, or None; such a run is never held against a baseline.
        download: whether missing data may be fetched, as ``loaders.load`` takes it.

    Returns:
        dict of plain numbers, texts and tables.

    Raises:
        loaders.DataError: the data is missing (DataMissing) or damaged.
    """
    data = load(cell.data, root, download)
    return {
        "cell": cell.id,
        "study": cell.study,
        "model": cell.model,
        "dataset": cell.dataset,
        "recipe": {"name": cell.recipe_name, **cell.recipe, **({"epochs": epochs} if epochs else {})},
        "epochs_option": epochs,
        "seed": seed,
        "data": {"fingerprint": data.fingerprint, "kind": data.kind, "train": len(data.x_train), "test": len(data.x_test)},
        "precision": precision(),
        "code": code(cell),
    }


def run(cell, wanted, root, progress=None, keep=None):
    """Train a cell.

    Args:
        cell: baselines.cells.Cell.
        wanted: as ``identity`` returned it.
        root: the data directory.
        progress: called after each epoch with (epoch, epochs, accuracy).
        keep: called at the end with the trained model and the classes' names, as ``zoo.saved.save`` takes them.

    Returns:
        wanted, and what ``training.train`` or ``search.search`` returns: dict of plain numbers, texts, lists and tables.
        Of a run that shared its machine there are no times.
    """
    from zoo.training import search
    from zoo.training import train as training  # with Keras

    data = load(cell.data, root, False)
    recipe = {key: value for key, value in wanted["recipe"].items() if key != "name"}
    kept = keep and (lambda model: keep(model, data.classes))
    before, start = machine.others(), time.perf_counter()
    family = import_module(zoo.module(cell.model))
    setup = training.Setup(lambda: zoo.build(cell.model, cell.shape, cell.classes), data, recipe, wanted["seed"], family)
    seen = (search.search if "search" in recipe else training.train)(setup, progress, kept)
    sample = {**wanted, "wall_seconds": time.perf_counter() - start, "load": machine.others(before), **seen}
    if alone(sample):
        return sample
    trials = {"trials": [{**trial, "seconds": None} for trial in sample["trials"]]} if "trials" in sample else {}
    return {**sample, **UNTIMED, **trials}


def stored(wanted, name, folder, info, runs):
    """The run of that name on that machine, with the same libraries, that is the one that is wanted; or None.

    Args:
        wanted: as ``identity`` returned it.
        name: as --benchmark-save gave it.
        folder: the machine's name.
        info: its machine_info.
        runs: store.Runs.
    """
    for run in reversed(runs):
        like = (run.name, run.machine) == (name, folder) and all(run.info.get(key) == info.get(key) for key in INFLUENCES)
        if like and all(run.sample.get(key) == value for key, value in wanted.items()):
            return run
    return None


def epochs_efficiency(sample, limits):
    """Of each timed epoch flops_per_second, peak_share and host_share: a list of dicts.

    The share lost to the host is that of the time in which no program ran, and of the launches of programs: at
    most that much, since a device may still have work while the host prepares more. It is None where an epoch is not
    one program, since nobody sees then what is lost between its steps. The share of the peak is None without a
    roofline, or with one that others disturbed, which is too low.
    """
    from baselines import roofline

    latency = limits["launch_seconds"]["best"] if limits else 0.0
    if limits and limits["shared"]:
        limits = None
    found = []
    for images, seconds, host in zip(sample["epoch_images"], sample["train_seconds"], sample["host_seconds"], strict=False):
        reached = roofline.epoch_flops(sample["macs"], images) / seconds
        lost = min(1.0, (host + sample["calls"] * latency) / seconds) if sample["loop"] == "one program" else None
        share = roofline.share(reached, limits, sample["precision"])
        found.append({"flops_per_second": reached, "peak_share": share, "host_share": lost})
    return found


def fastest(efficiency):
    """Of what ``epochs_efficiency`` returned, the fastest epoch's; None of none."""
    return max(efficiency, key=lambda epoch: epoch["flops_per_second"], default=None)


def said_of(efficiency):
    """What the fastest epoch reached, as text."""
    best = fastest(efficiency)
    share = "" if best["peak_share"] is None else f", {best['peak_share']:.1%} of the measured peak"
    lost = "" if best["host_share"] is None else f", at most {best['host_share']:.2%} lost to the host"
    return f"{best['flops_per_second'] / 1e9:,.4g} GFLOP/s{share}{lost}"


def load(dataset, root, download):
    """The data set; kept until another one is asked for, since cells come grouped by nothing else."""
    if (dataset, root) not in LOADED:
        LOADED.clear()  # first, since two may be too large
        LOADED[dataset, root] = loaders.load(dataset, root, download)
    return LOADED[dataset, root]


def precision():
    """Name of the precision that Keras computes in, such as float32 or mixed_bfloat16."""
    import keras

    return keras.config.dtype_policy().name


def code(cell):
    """Part of the suite -> 12 hexadecimal digits of what it does, so that a verdict can name what changed.

    Of the network, its graph; of the other parts, their source.
    """
    from zoo.training import train as training

    parts = {**training.sources(cell.recipe, cell.model), "loader": [Path(loaders.module(cell.data).__file__)]}
    network = zoo.weightless(lambda: graph(zoo.build(cell.model, cell.shape, cell.classes)))
    contents = {"graph": network.encode()}
    for part, paths in parts.items():
        contents[part] = b"".join(path.read_bytes() for path in paths)
    return {part: hashlib.sha256(content).hexdigest()[:12] for part, content in contents.items()}


def alone(sample):
    """Whether the run had the machine to itself, so that its time may be believed; the others have none."""
    others = sample["load"]["others"]
    return others is None or others <= SHARED


def sampled(sample):
    """Whether the run's data was a sample, or rebuilt, and not what was published: neither floors nor the papers speak of it."""
    return sample["data"].get("kind") == "sample"  # runs that say nothing are older than the first loader that reads samples


def epoch_seconds(sample):
    """The figure that gates and tables use: seconds of the fastest training epoch, of a run that was timed."""
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
            "tf32": around.get("tf32"),
        }
        for each, around in ((run.sample, run.info), (sample, info))
    ]
    old, new = sides
    return [f"{what} {old.get(what)} -> {new.get(what)}" for what in {**old, **new} if old.get(what) != new.get(what)]
