"""An epoch as one program, for JAX: on a GPU a compiled loop over the batches, on a CPU one call a step.

On a CPU the loop is ruinous: inside it XLA computes convolutions on one core. The state goes from
step to step in buffers that are given up to it, and is Keras's again after each call.
"""

from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path

import jax
import jax.numpy as jnp
import keras

LOOPED = jax.default_backend() == "gpu"
LOOP = "one program" if LOOPED else "a program a step"
if LOOPED and jax.config.jax_compilation_cache_dir is None:
    with suppress(OSError):  # a home that is not to be written to: all is compiled again then
        (cache := Path("~/.cache/zoobench/jax").expanduser()).mkdir(parents=True, exist_ok=True)
        jax.config.update("jax_compilation_cache_dir", str(cache))


def programs(trainer, optimizer, batch):
    """The functions that train and evaluate a model: see ``epoch_tensorflow.programs``."""
    groups = [list(group) for group in (trainer.trainable_variables, trainer.non_trainable_variables, optimizer.variables)]

    def summed(labels, predictions, penalties):
        each = keras.losses.sparse_categorical_crossentropy(labels, predictions)
        return jnp.mean(each.astype("float32")) + sum(penalty.astype("float32") for penalty in penalties)

    def answers(predictions):
        return jnp.argmax(predictions, -1).astype("int32")

    def taken(images, labels, order, place, size):
        rows = jax.lax.dynamic_slice(order, [place * batch], [size])
        return images[rows], labels[rows]

    def train_step(state, sums, images, labels, order, place, size):
        images, labels = taken(images, labels, order, place, size)

        def objective(trainable, others):
            predictions, others, penalties = trainer.stateless_call(trainable, others, images, training=True, return_losses=True)
            return summed(labels, predictions, penalties), (answers(predictions), others)

        trainable, others, slots = state
        (loss, (given, others)), gradients = jax.value_and_grad(objective, has_aux=True)(trainable, others)
        trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
        return (trainable, others, slots), (sums[0] + loss * size, sums[1] + jnp.sum(given == labels, dtype="int32"))

    def evaluate_step(state, sums, images, labels, order, place, size):
        images, labels = taken(images, labels, order, place, size)
        predictions, _, penalties = trainer.stateless_call(*state[:2], images, training=False, return_losses=True)
        given, loss = answers(predictions), summed(labels, predictions, penalties)
        right = jnp.sum(given == labels, dtype="int32")
        return state, (sums[0] + loss * size, sums[1] + right, sums[2].at[given].add(1))

    def program(step):
        one = jax.jit(step, static_argnames="size", donate_argnames="state")

        @partial(jax.jit, donate_argnames="state")
        def loop(state, sums, images, labels, order, first, last):
            def turn(place, carry):
                return step(*carry, images, labels, order, place, batch)

            return jax.lax.fori_loop(first, last, turn, (state, sums))

        def run(images, labels, order, count, first, last, sums):
            full, rest = divmod(count, batch)
            state = tuple([variable.value for variable in group] for group in groups)
            if LOOPED and first < min(last, full):
                state, sums = loop(state, sums, images, labels, order, first, min(last, full))
            for place in range(max(first, full) if LOOPED else first, last):
                state, sums = one(state, sums, images, labels, order, place, size=batch if place < full else rest)
            for variable, value in zip(chain(*groups), chain(*state), strict=True):
                variable.assign(value)
            return sums

        return run

    return program(train_step), program(evaluate_step)


@partial(jax.jit, static_argnames="count")
def order(seed, number, count):
    """The order of so many images in a pass: int32 (count,), which follows from the seed and the pass's number."""
    return jax.random.permutation(jax.random.fold_in(jax.random.key(seed), number), count).astype("int32")


def put(array):
    """A NumPy array on the device."""
    return jax.device_put(array)
