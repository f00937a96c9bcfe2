"""An epoch as one program, for TensorFlow: one compiled loop over the batches does all of its work.

Each turn gathers its batch from images that stay on the device as uint8. Batches have no fixed size, so that
the smaller one at the end of a pass is one more turn of the same loop.
"""

import keras
import tensorflow as tf

from zoo.training.feed import Stretch

LOOP = "one program"  # how an epoch is computed, as a training reports it


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
    integer, integers, number = tf.TensorSpec([], tf.int32), tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.float32)
    answers = tf.TensorSpec([trainer.output_shape[-1]], tf.int32)
    images = tf.TensorSpec(trainer.input_shape, tf.uint8)
    stretch_spec = Stretch(images, labels=integers, order=integers, count=integer, first=integer, last=integer)

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
            return _loop(step, batch, stretch, sums)

        return lambda *args: loop(*tf.nest.map_structure(tf.convert_to_tensor, args))

    return program(train_step, (number, integer)), program(evaluate_step, (number, integer, answers))


def _loop(step, batch, stretch, sums):
    """The sums after every batch of a stretch, each given to step(images, labels) -> (loss, predictions)."""

    def turn(index, loss_sum, right_sum, *answered):
        rows = stretch.order[index * batch : tf.minimum((index + 1) * batch, stretch.count)]
        labels = tf.gather(stretch.labels, rows)
        loss, predictions = step(tf.gather(stretch.images, rows), labels)
        answers = tf.argmax(predictions, -1, output_type=tf.int32)
        answered = [counts + tf.math.bincount(answers, minlength=counts.shape[0], maxlength=counts.shape[0]) for counts in answered]
        right = tf.math.count_nonzero(tf.equal(answers, labels), dtype=tf.int32)
        return index + 1, loss_sum + loss * tf.cast(tf.size(labels), tf.float32), right_sum + right, *answered

    return tf.while_loop(lambda index, *_: index < stretch.last, turn, (stretch.first, *sums))[1:]


def order(seed, number, count):
    """The order of the images in a pass: int32 (count,), which follows from the seed and the pass's number."""
    return tf.random.experimental.stateless_shuffle(tf.range(count), (seed, number))


def put(array):
    """A NumPy array on the device."""
    return tf.convert_to_tensor(array)
