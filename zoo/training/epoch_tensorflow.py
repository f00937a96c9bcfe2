"""An epoch as one program, for TensorFlow: a compiled loop over the batches, with everything that is done to them inside.

What a batch holds is looked up in the loop, in images that stay uint8 where they are. Batches have no
fixed size, so that the smaller one at the end of a pass is one more turn of the same loop.
"""

import keras
import tensorflow as tf

LOOP = "one program"  # what a run says of how its epochs were made


def programs(trainer, optimizer, batch):
    """The functions that train and evaluate a model.

    Args:
        trainer: keras.Model from uint8 images to probabilities.
        optimizer: keras.Optimizer, built for the trainer's trainable variables.
        batch: images a step.

    Returns:
        (train, evaluate): functions of (images, labels, order, count, first, last, sums) that go through the batches
        from first up to last of ``order[:count]`` and return the sums of the losses and of the right answers, with those
        of their images added; ``evaluate`` has a third sum, of how often each class was the answer. Arrays are on the device,
        images (N, height, width, channels), labels and order int32 (N,).
    """
    weights = trainer.trainable_variables
    classes = trainer.output_shape[-1]
    number, total = tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.float32)
    rows, answered = tf.TensorSpec([None], tf.int32), tf.TensorSpec([classes], tf.int32)
    arrays = tf.TensorSpec(trainer.input_shape, tf.uint8), rows

    def losses(labels, predictions):
        each = keras.losses.sparse_categorical_crossentropy(labels, predictions)
        return tf.reduce_mean(tf.cast(each, tf.float32)) + sum(tf.cast(loss, tf.float32) for loss in trainer.losses)

    def taken(images, labels, order, count, place):
        rows = order[place * batch : tf.minimum((place + 1) * batch, count)]
        return tf.gather(images, rows), tf.gather(labels, rows)

    def added(loss_sum, right_sum, loss, labels, answers):
        right = tf.math.count_nonzero(tf.equal(answers, labels), dtype=tf.int32)
        return loss_sum + loss * tf.cast(tf.size(labels), tf.float32), right_sum + right

    @tf.function(autograph=False, input_signature=[*arrays, rows, number, number, number, (total, number)])
    def train(images, labels, order, count, first, last, sums):
        def step(place, loss_sum, right_sum):
            its_images, its_labels = taken(images, labels, order, count, place)
            with tf.GradientTape() as tape:
                predictions = trainer(its_images, training=True)
                loss = losses(its_labels, predictions)
            optimizer.apply(tape.gradient(loss, weights), weights)
            return place + 1, *added(loss_sum, right_sum, loss, its_labels, tf.argmax(predictions, -1, output_type=tf.int32))

        return tf.while_loop(lambda place, *_: place < last, step, (first, *sums))[1:]

    @tf.function(autograph=False, input_signature=[*arrays, rows, number, number, number, (total, number, answered)])
    def evaluate(images, labels, order, count, first, last, sums):
        def step(place, loss_sum, right_sum, answered_sum):
            its_images, its_labels = taken(images, labels, order, count, place)
            predictions = trainer(its_images, training=False)
            loss, answers = losses(its_labels, predictions), tf.argmax(predictions, -1, output_type=tf.int32)
            counted = answered_sum + tf.math.bincount(answers, minlength=classes, maxlength=classes)
            return place + 1, *added(loss_sum, right_sum, loss, its_labels, answers), counted

        return tf.while_loop(lambda place, *_: place < last, step, (first, *sums))[1:]

    def call(program, *arguments):
        return program(*tf.nest.map_structure(tf.convert_to_tensor, arguments))

    return lambda *words: call(train, *words), lambda *words: call(evaluate, *words)


def order(seed, number, count):
    """The order of so many images in a pass: int32 (count,), which follows from the seed and the pass's number."""
    return tf.random.experimental.stateless_shuffle(tf.range(count), (seed, number))


def put(array):
    """A NumPy array on the device."""
    return tf.convert_to_tensor(array)
