"""An epoch as one program, for JAX: on a GPU a compiled loop over the batches, on a CPU one call a step.

On a CPU the loop is far too slow: inside it XLA computes convolutions on one core. The state goes from
step to step in donated buffers, and back into Keras's variables after each call.
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
    with suppress(OSError, RuntimeError):  # where there is no home, or it cannot be written to, nothing compiled is kept
        (cache := Path("~/.cache/zoobench/jax").expanduser()).mkdir(parents=True, exist_ok=True)
        jax.config.update("jax_compilation_cache_dir", str(cache))


def programs(trainer, optimizer, batch):
    """The functions that train and evaluate a model: see ``epoch_tensorflow.programs``."""
    groups = [list(group) for group in (trainer.trainable_variables, trainer.non_trainable_variables, optimizer.variables)]

    def loss_of(labels, predictions, penalties):
        each = keras.losses.sparse_categorical_crossentropy(labels, predictions)
        return jnp.mean(each.astype("float32")) + sum(penalty.astype("float32") for penalty in penalties)

    def answers_of(predictions):
        return jnp.argmax(predictions, -1).astype("int32")

    def train_step(state, sums, images, labels):
        def objective(trainable, others):
            predictions, others, penalties = trainer.stateless_call(trainable, others, images, training=True, return_losses=True)
            return loss_of(labels, predictions, penalties), (answers_of(predictions), others)

        trainable, others, slots = state
        (loss, (answers, others)), gradients = jax.value_and_grad(objective, has_aux=True)(trainable, others)
        trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
        right = jnp.sum(answers == labels, dtype="int32")
        return (trainable, others, slots), (sums[0] + loss * len(labels), sums[1] + right)

    def evaluate_step(state, sums, images, labels):
        predictions, _, penalties = trainer.stateless_call(*state[:2], images, training=False, return_losses=True)
        answers, loss = answers_of(predictions), loss_of(labels, predictions, penalties)
        right = jnp.sum(answers == labels, dtype="int32")
        return state, (sums[0] + loss * len(labels), sums[1] + right, sums[2].at[answers].add(1))

    return _program(train_step, groups, batch), _program(evaluate_step, groups, batch)


def _program(step, groups, batch):
    """A function of (stretch, sums) that gives each batch to step(state, sums, images, labels) -> (state, sums).

    The state is the values of the groups' variables; the new values are assigned to them at the end.
    """

    def turn(state, sums, stretch, index, size):
        rows = jax.lax.dynamic_slice(stretch.order, [index * batch], [size])
        return step(state, sums, stretch.images[rows], stretch.labels[rows])

    one = jax.jit(turn, static_argnames="size", donate_argnames="state")

    @partial(jax.jit, donate_argnames="state")
    def loop(state, sums, stretch):
        return jax.lax.fori_loop(stretch.first, stretch.last, lambda index, carry: turn(*carry, stretch, index, batch), (state, sums))

    def program(stretch, sums):
        full, rest = divmod(stretch.count, batch)
        first, last = stretch.first, stretch.last
        state = tuple([variable.value for variable in group] for group in groups)
        if LOOPED and first < min(last, full):
            state, sums = loop(state, sums, stretch._replace(last=min(last, full)))
        for index in range(max(first, full) if LOOPED else first, last):
            state, sums = one(state, sums, stretch, index, size=batch if index < full else rest)
        for variable, value in zip(chain(*groups), chain(*state), strict=True):
            variable.assign(value)
        return sums

    return program


@partial(jax.jit, static_argnames="count")
def order(seed, number, count):
    """The order of the images in a pass: int32 (count,), which follows from the seed and the pass's number."""
    return jax.random.permutation(jax.random.fold_in(jax.random.key(seed), number), count).astype("int32")


def put(array):
    """A NumPy array on the device."""
    return jax.device_put(array)
