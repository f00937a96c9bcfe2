"""The ways to train an epoch that baselines.limits holds side by side, each written as plainly as a good user of it would.

Every way of Keras's trains the same network, recipe and images from the same initial weights; only the order of the
images and the random numbers of augmentation and dropout are each way's own.
"""

import sys
import time
from importlib import import_module

import keras
import numpy as np

import zoo
from baselines import run
from baselines.cells import cells
from zoo.training import device, recipes, transfer
from zoo.training import train as training

SEED = 0
STEPS = 50  # an execution, as the advice goes


def prepared(spec):
    """A function without arguments that trains one epoch more, and returns its seconds and mean loss.

    Args:
        spec: limits.Spec.

    Raises:
        NotImplementedError: it cannot be trained in that way; the message says why.
    """
    cell, recipe = cells()[spec.cell], _recipe(spec)
    if spec.way != "torch":  # it would import TensorFlow wherever that is installed
        keras.utils.set_random_seed(SEED)
    network, family = zoo.build(cell.model, cell.shape, cell.classes), import_module(zoo.module(cell.model))
    if spec.way == "ours":
        return training.prepared(network, run.load(cell.data, spec.root, False), recipe, SEED, family)
    images, labels = trained_on(spec)
    phase = recipes.phases(recipe)[0]
    transfer.set_trainable(network, phase.trained, family)
    if "l2" in recipe:
        recipes.penalise(network, recipe["l2"])
    optimizer = recipes.optimizer(phase.optimizer, recipes.steps_an_epoch(recipe, len(labels)) * phase.epochs)
    if spec.way == "torch":
        from baselines import limits_torch

        return _clocked(limits_torch.prepared(network, optimizer, recipe, images, labels))
    trainer = recipes.trainer(network, recipe, images)
    if spec.way == "loop":
        loops = {"tensorflow": tensorflow_loop, "jax": jax_loop}
        if device.backend() not in loops:
            raise NotImplementedError(f"there is no loop for {device.backend()}, only for {' and '.join(loops)}")
        return _clocked(loops[device.backend()](trainer, optimizer, images, labels, recipe["batch"]))
    return _clocked((advice if spec.way == "advice" else fit)(trainer, optimizer, images, labels, recipe["batch"]))


def _recipe(spec):
    """The cell's recipe, of one pass an epoch, over the first images where so many are asked for, and without what costs no step time.

    Weights to start from are not fetched, and nothing ends the training. The suite's epoch watches one batch, outside its clock.
    """
    whole = cells()[spec.cell].recipe
    most = min(spec.images or sys.maxsize, whole.get("images", [sys.maxsize])[0])
    words = {key: value for key, value in whole.items() if key not in ("pretrained", "steps", "stopping", "plateau", "search")}
    return words | {"images": [most, whole["batch"]]}


def trained_on(spec):
    """(images, labels) of an epoch: uint8 (N, height, width, channels), int32 (N,)."""
    return recipes.fitted_and_watched(_recipe(spec), run.load(cells()[spec.cell].data, spec.root, False))[0]


def _clocked(epoch):
    def timed():
        device.drain()
        start = time.perf_counter()
        loss = epoch()
        device.drain()
        return time.perf_counter() - start, loss

    return timed


def fit(trainer, optimizer, images, labels, batch):
    """Plain fit: a function that trains an epoch and returns its mean loss, as those of all ways do."""
    trainer.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return lambda: trainer.fit(images, labels, batch_size=batch, verbose=0).history["loss"][0]


def advice(trainer, optimizer, images, labels, batch):
    """fit as one is advised to call it."""
    steps = min(STEPS, -(-len(labels) // batch))
    trainer.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], steps_per_execution=steps)
    if device.backend() != "tensorflow":
        return lambda: trainer.fit(images, labels, batch_size=batch, verbose=0).history["loss"][0]
    import tensorflow as tf

    batches = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(labels)).batch(batch).prefetch(tf.data.AUTOTUNE)
    return lambda: trainer.fit(batches, shuffle=False, verbose=0).history["loss"][0]


def tensorflow_loop(trainer, optimizer, images, labels, batch):
    """A tf.function that loops over batches of resident images."""
    import tensorflow as tf

    images, labels, weights = tf.constant(images), tf.constant(labels), trainer.trainable_variables
    numbers = shuffles(len(labels))
    optimizer.build(weights)

    @tf.function(autograph=False)
    def epoch(order):
        def step(start, loss_sum, right):
            rows = order[start : start + batch]
            its_images, its_labels = tf.gather(images, rows), tf.gather(labels, rows)
            with tf.GradientTape() as tape:
                predictions = trainer(its_images, training=True)
                loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(its_labels, predictions)) + sum(trainer.losses)
            optimizer.apply(tape.gradient(loss, weights), weights)
            hits = tf.reduce_sum(tf.cast(tf.argmax(predictions, -1, tf.int32) == its_labels, tf.int32))
            return start + batch, loss_sum + loss * tf.cast(tf.size(rows), tf.float32), right + hits

        return tf.while_loop(lambda start, *_: start < tf.size(order), step, (0, 0.0, 0))

    return lambda: float(epoch(tf.constant(next(numbers)))[1]) / len(labels)


def jax_loop(trainer, optimizer, images, labels, batch):
    """A jitted step with donated state: called from Python on a CPU, scanned over on a GPU."""
    import jax
    import jax.numpy as jnp

    images, labels, count = jax.device_put(images), jax.device_put(labels), len(labels)
    numbers = shuffles(count)
    optimizer.build(trainer.trainable_variables)
    groups = trainer.trainable_variables, trainer.non_trainable_variables, optimizer.variables
    state = tuple([variable.value for variable in group] for group in groups), jnp.float32(0), jnp.int32(0)

    def step(state, rows, images, labels):
        (weights, others, slots), loss_sum, right = state

        def objective(weights):
            predictions, changed, penalties = trainer.stateless_call(weights, others, images[rows], training=True, return_losses=True)
            losses = keras.losses.sparse_categorical_crossentropy(labels[rows], predictions)
            return jnp.mean(losses) + sum(penalties), (predictions, changed)

        (loss, (predictions, others)), gradients = jax.value_and_grad(objective, has_aux=True)(weights)
        weights, slots = optimizer.stateless_apply(slots, gradients, weights)
        hits = jnp.sum(jnp.argmax(predictions, -1) == labels[rows], dtype="int32")
        return (weights, others, slots), loss_sum + loss * len(rows), right + hits

    one = jax.jit(step, donate_argnums=0)

    def scanned(state, rows, images, labels):
        return jax.lax.scan(lambda state, rows: (step(state, rows, images, labels), None), state, rows)[0]

    scanned = jax.jit(scanned, donate_argnums=0)

    def epoch():
        nonlocal state
        order, full = next(numbers), count - count % batch
        state = state[0], jnp.float32(0), jnp.int32(0)
        if device.gpu() and full:
            state = scanned(state, order[:full].reshape(-1, batch), images, labels)
            order = order[full:]
        for start in range(0, len(order), batch):
            state = one(state, order[start : start + batch], images, labels)
        return float(state[1]) / count

    return epoch


def shuffles(count):
    """An order of so many images for each epoch, without end: int32 (count,)."""
    rng = np.random.default_rng(SEED)
    while True:
        yield rng.permutation(count).astype("int32")
