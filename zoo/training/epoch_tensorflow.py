"""An epoch as one program, for TensorFlow: one compiled loop over the batches does all of its work.

Each turn gathers its batch from images that stay on the device. Batches have no fixed size, so that
the smaller one at the end of a pass is one more turn of the same loop.

On a GPU TensorFlow cannot gather uint8, and computes with int32 on the CPU: either would bring every batch back to
the host. So images are kept as words of eight bytes, and labels, rows and sums are int64.
"""

import math

import keras
import numpy as np
import tensorflow as tf

from zoo.training.feed import Stretch

LOOP = "one program"  # how an epoch is computed, as a training reports it
WORD = 8  # bytes


def programs(trainer, optimizer, batch):
    """The functions that train and evaluate a model.

    Args:
        trainer: keras.Model from uint8 images to probabilities.
        optimizer: keras.Optimizer, built for the trainer's trainable variables.
        batch: images a step.

    Returns:
        (train, evaluate): functions of (feed.Stretch, sums) that go through the stretch and return the sums of the losses
        (float32) and of the right answers (int32) with those of the stretch's images added; ``evaluate`` has a third sum, of
        how often each class was the answer (int32 (classes,)).
    """
    weights = trainer.trainable_variables
    integer, integers, number = tf.TensorSpec([], tf.int32), tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.float32)
    answers = tf.TensorSpec([trainer.output_shape[-1]], tf.int32)
    shape = trainer.input_shape[1:]
    words = tf.TensorSpec([None, -(-math.prod(shape) // WORD)], tf.int64)
    stretch_spec = Stretch(words, labels=integers, order=integers, count=integer, first=integer, last=integer)

    def loss_of(labels, predictions):
        each = keras.losses.sparse_categorical_crossentropy(labels, predictions)
        return tf.reduce_mean(tf.cast(each, tf.float32)) + sum(tf.cast(loss, tf.float32) for loss in trainer.losses)

    def train_step(images, labels):
        with tf.GradientTape() as tape:
            predictions = trainer(images, training=True)
            loss = loss_of(labels, predictions)
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss, predictions

    def evaluate_step(images, labels):
        predictions = trainer(images, training=False)
        return loss_of(labels, predictions), predictions

    def program(step, sums_spec):
        @tf.function(autograph=False, input_signature=[stretch_spec, sums_spec])
        def loop(stretch, sums):
            return _loop(step, batch, shape, stretch, sums)

        return lambda *args: loop(*tf.nest.map_structure(tf.convert_to_tensor, args))

    return program(train_step, (number, integer)), program(evaluate_step, (number, integer, answers))


def _loop(step, batch, shape, stretch, sums):
    """The sums after every batch of a stretch, each given to step(images, labels) -> (loss, predictions); shape is an image's."""

    def turn(index, loss_sum, right_sum, *answered):
        rows = stretch.order[index * batch : tf.minimum((index + 1) * batch, stretch.count)]
        labels = tf.gather(stretch.labels, rows)
        loss, predictions = step(_unpacked(tf.gather(stretch.images, rows), shape), labels)
        answers = tf.argmax(predictions, -1)
        answered = [counts + tf.reduce_sum(tf.one_hot(answers, counts.shape[0], dtype=tf.int64), 0) for counts in answered]
        right = tf.math.count_nonzero(tf.equal(answers, labels))
        return index + 1, loss_sum + loss * tf.cast(tf.shape(rows)[0], tf.float32), right_sum + right, *answered

    loss, *counts = sums
    counts = [tf.cast(count, tf.int64) for count in counts]
    _, loss, *counts = tf.while_loop(lambda index, *_: index < stretch.last, turn, (stretch.first, loss, *counts))
    return loss, *(tf.cast(count, tf.int32) for count in counts)


def _unpacked(words, shape):
    """int64 (N, words) -> uint8 (N, height, width, channels)."""
    flat = tf.reshape(tf.bitcast(words, tf.uint8), [-1, words.shape[1] * WORD])
    return tf.reshape(flat[:, : math.prod(shape)], [-1, *shape])


def order(seed, number, count):
    """The order of the images in a pass: int64 (count,), which follows from the seed and the pass's number."""
    return tf.random.experimental.stateless_shuffle(tf.range(count, dtype=tf.int64), (seed, number))


def put(array):
    """A NumPy array on the device: integers as int64; uint8 images (N, height, width, channels) as int64 (N, words), padded with zeros."""
    if array.dtype != np.uint8:
        return tf.convert_to_tensor(array.astype("int64"))
    rows = np.ascontiguousarray(array).reshape(len(array), -1)
    if rest := -rows.shape[1] % WORD:
        rows = np.pad(rows, [(0, 0), (0, rest)])
    return tf.convert_to_tensor(rows.view("int64"))
