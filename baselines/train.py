"""python -m baselines train CELL --seed S: train one cell once, in this process, and print what happens as lines of JSON.

Events: ``fetching`` a file, each ``epoch``, then one of ``record``, ``stored`` (it was trained before),
``missing`` (data or weights: a reason to skip) and ``refused`` (a reason to fail); ``lost`` names what could
not be kept, after the record where it is a figure.
"""

import datetime
import hashlib
import os
import time
from pathlib import Path

import loaders
import zoo
from baselines import child, environment, figures, machine, record, trainings, trials
from baselines.cells import cells
from loaders import user
from zoo import settings


def options(parser):
    """Add the command's options to an argparse parser."""
    parser.add_argument("cell", metavar="CELL", help="id of a cell, such as lenet5-mnist-afif")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of weights, order and augmentation (default: 0)")
    parser.add_argument("--epochs", type=int, metavar="N", help="train for N epochs instead of the recipe's")
    parser.add_argument("--precision", default="float32", choices=machine.PRECISIONS, help="dtype policy (default: %(default)s)")
    parser.add_argument("--data-dir", metavar="DIR", help=f"data directory (else ${loaders.files.VARIABLE}, else {loaders.files.DEFAULT})")
    parser.add_argument("--download", action="store_true", help="fetch missing data")
    parser.add_argument("--save", type=user.path, metavar="FILE", help="keep the trained network in this .keras file")
    parser.add_argument("--figures", type=user.path, metavar="DIR", help="draw what was learned to .png files in DIR (needs matplotlib)")
    parser.add_argument("--known", default="", metavar="DIGESTS", help="digests of identities that are stored already, separated by commas")
    parser.add_argument("--check", action="store_true", help="try the recipe on two batches first")
    parser.add_argument("--only-known", action="store_true", help="train nothing; tell whether the training is among --known")


def command(args):
    """Train and print the answer. Returns the exit code: 0, also where data is missing; 2 where the cell or its data is refused."""
    try:
        cell = cells().get(args.cell)
        if cell is None:
            raise ValueError(f"unknown cell {args.cell!r}; known: {', '.join(cells())}")
        kind, values, draw = train(cell, args)
    except (loaders.DataMissing, zoo.WeightsMissing) as error:
        child.tell("missing", message=str(error))
    except trials.Mistakes as error:
        child.tell("mistakes", message=str(error))
        return 2
    except (loaders.DataError, ValueError) as error:
        child.tell("refused", message=str(error))
        return 2
    else:
        child.tell(kind, **values)
        if draw:
            draw()
    return 0


def train(cell, args):
    """Train a cell as the arguments say: (event, values, draw).

    The event is ``record``, ``stored`` or ``unknown``; draw is a function without arguments that draws the figures, for
    when the record is told and no drawing can lose it, or None.

    Raises:
        loaders.DataError, zoo.WeightsMissing: what it needs is missing (DataMissing) or damaged.
        trials.Mistakes, ValueError: the recipe cannot be followed; or the figures could not be drawn.
    """
    if args.figures:
        figures.check(args.figures)
    fetching = _fetching if args.download else False
    data = loaders.load(cell.data, loaders.root_folder(args.data_dir), fetching)
    variables = environment.variables(machine.backend())
    machine.import_keras()
    machine.compute_in(args.precision)
    zoo.module(cell.model)  # a project's may call keras.config
    settings.check_set()
    conditions = {
        "cell": cell.id,
        "recipe": {**record.recipe(cell), **({"epochs": args.epochs} if args.epochs else {})},
        "epochs_option": args.epochs,
        "seed": args.seed,
        "data": _data(data),
        "code": code(cell),
        "precision": args.precision,
        **machine.conditions(args.precision),
        "environment": environment.everything(variables, machine.gpu()),
    }
    conditions = record.plain(conditions)
    same = record.digest(record.identity(conditions))
    if same in args.known.split(","):
        return "stored", {"identity": same}, None
    if args.only_known:
        return "unknown", {"identity": same}, None
    if args.check:
        trials.refuse(trials.attempt([cell], args.precision))
    trained = []
    made = _record(cell, data, conditions, args, trained.append)
    return "record", {"record": made}, (lambda: _draw(*trained, cell, data, made, args)) if args.figures else None


def _record(cell, data, conditions, args, keep):
    """Train, and return the record, without times if other programs kept the machine busy; keep: takes the trained network."""
    before, start = machine.others(), time.perf_counter()
    results = _results(cell, data, conditions["recipe"], args, before, keep)
    made = {
        "version": record.VERSION,
        "id": os.urandom(8).hex(),
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "study": cell.study,
        "model": cell.model,
        "dataset": cell.dataset,
        **conditions,
        "trials": None,
        "peak_flops_per_second": None,  # the session fills these two in, from the roofline
        "launch_seconds": None,
        **results,
        "wall_seconds": time.perf_counter() - start,
        "load": machine.others(before),
    }
    made = record.plain(made if machine.alone(made["load"]) else record.without_times(made))
    record.check(made)
    return made


def _data(data):
    return {
        "fingerprint": data.fingerprint,
        "kind": data.kind,
        "train": len(data.x_train),
        "test": len(data.x_test),
        "files": data.files,
    }


def _results(cell, data, recipe, args, reading, keep):
    """The fields that the training itself measures."""
    from zoo.training import search
    from zoo.training import train as training

    setup = training.Setup(
        build=lambda: zoo.build(cell.model, cell.shape, cell.classes),
        data=data,
        recipe={key: value for key, value in recipe.items() if key != "name"},
        seed=args.seed,
        family=zoo.module(cell.model),
    )

    def progress(epoch, epochs, accuracy):
        machine.look(reading)
        child.tell("epoch", epoch=epoch, epochs=epochs, accuracy=record.plain(accuracy))

    def kept(network):
        if args.save:
            _keep(network, data.classes, args.save)
        keep(network)

    return (search.search if "search" in recipe else training.train)(setup, progress, kept if args.save or args.figures else None)


def _fetching(file, count, total):
    child.tell("fetching", file=file, bytes=count, total=total)


def _keep(network, classes, file):
    """Save a trained network; if that fails, say so and keep its record all the same."""
    from zoo import saved

    try:
        saved.save(network, classes, file)
    except Exception as error:
        child.tell("lost", message=f"NOT SAVED: {file}: {error}")


def _draw(network, cell, data, made, args):
    """Predict the test images and draw a training's figures; if that fails, say so."""
    try:
        network.compile(jit_compile=machine.backend() == "jax")  # as the epochs are: XLA rounds otherwise
        probabilities = network.predict(data.x_test, batch_size=made["recipe"]["batch"], verbose=0)
        stem = trainings.stem(cell.id, args.precision, args.seed, args.epochs)
        figures.draw(args.figures, stem, made, cell.published, data, probabilities)
    except Exception as error:
        child.tell("lost", message=f"NOT DRAWN: the figures of {cell.id} in {args.figures}: {error}")


def code(cell):
    """Part of the suite -> 12 hexadecimal digits of a sha256, so that a verdict can name the part that changed.

    Of the network, the digest is of its graph as text, or of its file where the graph cannot be written; of the
    other parts, of their files.
    """
    from zoo.graph import graph
    from zoo.training import train as training

    parts = {**training.sources(cell.recipe, cell.model), "loader": [Path(loaders.module(cell.data).__file__)]}
    try:
        network = zoo.weightless(lambda: graph(zoo.build(cell.model, cell.shape, cell.classes))).encode()
    except NotImplementedError:  # such as for a Lambda
        network = Path(zoo.module(cell.model).__file__).read_bytes()
    contents = {"graph": network, **{part: b"".join(path.read_bytes() for path in paths) for part, paths in parts.items()}}
    return {part: hashlib.sha256(content).hexdigest()[:12] for part, content in contents.items()}
