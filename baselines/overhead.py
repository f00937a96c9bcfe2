"""python -m baselines overhead: the time of the suite's epoch beside plain fit and a loop written by hand for the backend.

One epoch of one cell is trained in each way, interleaved round by round, after one whole untimed epoch of each.
Nothing is stored and nothing is judged.
"""

import difflib
import sys
import time
from functools import partial
from statistics import median

import numpy as np
from tabulate import tabulate

import loaders
import zoo
from baselines import machine, record
from baselines.cells import cells
from zoo.training import recipes

SEED = 0
IGNORED = {
    "pretrained",
    "steps",
    "stopping",
    "plateau",
    "phases",
    "search",
}  # keys of a recipe that are dropped: here an epoch is one pass, and every layer is trained


def options(parser):
    """Add the command's options to an argparse parser."""
    parser.add_argument("--cell", required=True, metavar="ID", help="the cell whose model, dataset and recipe are trained")
    parser.add_argument("--images", type=int, metavar="N", help="train on the first N images only")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="timed epochs of each way (default: %(default)s)")
    parser.add_argument("--data-dir", metavar="DIR", help=f"data directory (else ${loaders.files.VARIABLE}, else {loaders.files.DEFAULT})")


def command(args):
    """Measure, print the table, and return the exit code: 0, or 2 after one line on wrong use or missing data."""
    try:
        cell = one_pass(_cell(args), args.images)
        data = loaders.load(cell.data, loaders.root_folder(args.data_dir), False)
        count = len(recipes.fitted_and_watched(cell.recipe, data)[0][1])
    except (ValueError, loaders.DataError) as error:
        print(f"baselines: {error}", file=sys.stderr)
        return 2
    machine.import_keras()
    from zoo.training import device

    ways = ["ours", "fit"] + ["loop"] * (device.backend() in LOOPS)
    epochs = {way: prepared(way, cell, data) for way in ways}
    before = machine.others()
    times = measure(epochs, args.rounds)
    load = machine.others(before)
    print(table(times, count))
    print("\nseconds of an epoch; spread: (slowest - fastest) / median; ratios: of the fastest epochs")
    print(f"{cell.id}, {count:,} images, batch {cell.recipe['batch']}, on {machine.folder(machine.PRECISIONS[0])}")
    shared = "" if machine.alone(load) else ": do not believe these times"
    print(f"processors kept busy by other programs: {'unknown' if load['others'] is None else load['others']}{shared}")
    if load.get("gpu_others"):
        print(record.company(load))
    if "loop" not in ways:
        print(f"left out: loop: none is written for {device.backend()}, only for {' and '.join(LOOPS)}")
    return 0


def _cell(args):
    if args.cell not in cells():
        raise ValueError(f"unknown cell {args.cell!r}; known: {', '.join(difflib.get_close_matches(args.cell, cells(), 3, 0))}, ...")
    for option, number in ("--images", args.images), ("--rounds", args.rounds):
        if number is not None and number < 1:
            raise ValueError(f"{option} is {number}; give 1 or more")
    return cells()[args.cell]


def one_pass(cell, images=None):
    """The cell with a plain epoch: one pass over the training images, or over the first ones where a number is given."""
    most = min(images or sys.maxsize, cell.recipe.get("images", [sys.maxsize])[0])
    recipe = {key: value for key, value in cell.recipe.items() if key not in IGNORED}
    return cell._replace(recipe=recipe | {"images": [most, recipe["batch"]]})  # our epoch evaluates one batch, which is not timed


def prepared(way, cell, data):
    """Prepare one way to train an epoch of a cell that ``one_pass`` returned, on a loaders.Dataset.

    Every way trains the same network on the same images from the same initial weights; the order of the images and
    the random numbers of augmentation and dropout are its own.

    Returns:
        function () -> (seconds, mean loss), which trains one more epoch.
    """
    import keras

    from zoo.training import device, train

    keras.utils.set_random_seed(SEED)
    network, recipe = zoo.build(cell.model, cell.shape, cell.classes), cell.recipe
    if way == "ours":
        return train.prepared(network, data, recipe, SEED)
    (images, labels), *_ = recipes.fitted_and_watched(recipe, data)
    if "l2" in recipe:
        recipes.penalise(network, recipe["l2"])
    optimizer = recipes.optimizer(recipe["optimizer"], recipes.steps_an_epoch(recipe, len(labels)) * recipe["epochs"])
    make = fit if way == "fit" else LOOPS[device.backend()]
    epoch = make(recipes.trainer(network, recipe, images), optimizer, images, labels, recipe["batch"])

    def timed():  # each way leaves the device drained
        start = time.perf_counter()
        loss = epoch()
        device.drain()
        return time.perf_counter() - start, loss

    return timed


def measure(epochs, rounds):
    """Way -> seconds of each round, of way -> epoch: one untimed epoch of each way, then one timed epoch of each a round."""
    for epoch in epochs.values():
        epoch()
    seconds = [{way: epoch()[0] for way, epoch in epochs.items()} for _ in range(rounds)]
    return {way: [turn[way] for turn in seconds] for way in epochs}


def table(times, images):
    """The times, way -> seconds of each round, as text; ``images`` is the number of images in an epoch."""
    others = [way for way in ("fit", "loop") if way in times]
    heads = ["way", "n", "fastest", "median", "spread", "images/s", *(f"ratio to {way}" for way in others)]
    rows = []
    for way, seconds in times.items():
        best, middle = min(seconds), median(seconds)
        row = [way, len(seconds), f"{best:.4g}", f"{middle:.4g}", f"{(max(seconds) - best) / middle:.1%}", f"{images / best:,.0f}"]
        rows.append(row + [f"{best / min(times[other]):.3f}" for other in others])
    return tabulate(rows, heads, disable_numparse=True, colalign=("left", *["right"] * (len(heads) - 1)))


def fit(trainer, optimizer, images, labels, batch):
    """Plain fit on NumPy arrays: a function that trains one epoch and returns its mean loss, as the loops' do."""
    trainer.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return lambda: trainer.fit(images, labels, batch_size=batch, verbose=0).history["loss"][0]


def tensorflow_loop(trainer, optimizer, images, labels, batch):
    """One tf.function that loops over batches of images that stay on the device."""
    import keras
    import tensorflow as tf

    images, labels, orders = tf.constant(images), tf.constant(labels), shuffles(len(labels))
    weights = trainer.trainable_variables
    optimizer.build(weights)

    @tf.function(autograph=False)
    def epoch(order):
        def step(start, loss_sum, correct):
            rows = order[start : start + batch]
            truth = tf.gather(labels, rows)
            with tf.GradientTape() as tape:
                predictions = trainer(tf.gather(images, rows), training=True)
                loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(truth, predictions)) + sum(trainer.losses)
            optimizer.apply(tape.gradient(loss, weights), weights)
            hits = tf.reduce_sum(tf.cast(tf.argmax(predictions, -1, tf.int32) == truth, tf.int32))
            return start + batch, loss_sum + loss * tf.cast(tf.size(rows), tf.float32), correct + hits

        return tf.while_loop(lambda start, *_: start < tf.size(order), step, (0, 0.0, 0))

    return lambda: float(epoch(tf.constant(next(orders)))[1]) / len(labels)


def jax_loop(trainer, optimizer, images, labels, batch):
    """A jitted step with donated state, called from Python: on a GPU, too, where one scan over the batches would be faster."""
    import jax
    import jax.numpy as jnp
    import keras

    images, labels, orders, count = jax.device_put(images), jax.device_put(labels), shuffles(len(labels)), len(labels)
    optimizer.build(trainer.trainable_variables)
    groups = trainer.trainable_variables, trainer.non_trainable_variables, optimizer.variables
    state = tuple([variable.value for variable in group] for group in groups)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(state, sums, rows, images, labels):
        weights, others, slots = state

        def objective(weights):
            predictions, changed, penalties = trainer.stateless_call(weights, others, images[rows], training=True, return_losses=True)
            losses = keras.losses.sparse_categorical_crossentropy(labels[rows], predictions)
            return jnp.mean(losses) + sum(penalties), (predictions, changed)

        (loss, (predictions, changed)), gradients = jax.value_and_grad(objective, has_aux=True)(weights)
        weights, slots = optimizer.stateless_apply(slots, gradients, weights)
        hits = jnp.sum(jnp.argmax(predictions, -1) == labels[rows], dtype="int32")
        return (weights, changed, slots), (sums[0] + loss * len(rows), sums[1] + hits)

    def epoch():
        nonlocal state
        order, sums = next(orders), (jnp.float32(0), jnp.int32(0))
        for start in range(0, count, batch):
            state, sums = step(state, sums, order[start : start + batch], images, labels)
        return float(sums[0]) / count

    return epoch


LOOPS = {"tensorflow": tensorflow_loop, "jax": jax_loop}


def shuffles(count):
    """An endless generator of orders of the images, one an epoch: int32 (count,)."""
    rng = np.random.default_rng(SEED)
    while True:
        yield rng.permutation(count).astype("int32")
