"""Train one network by one recipe, and stop the clock honestly.

Tracing and compiling happen before the first timed epoch, on a few batches whose effect is undone;
the device is drained before the clock is read; training and evaluation are timed apart.
"""

import time

import keras
import numpy as np

from zoo import device, recipes


def train(model, data, recipe, seed, progress=None):
    """Train a network and return everything that was seen.

    Args:
        model: function without arguments that builds the keras.Model, so that its initial weights
            follow from the seed.
        data: anything with x_train, y_train, x_test, y_test: uint8 images (N, height, width,
            channels) and integer labels (N,).
        recipe: a recipe's table, as ``recipes.KEYS`` describes it.
        seed: int; the same seed gives the same bits on a CPU.
        progress: called after each epoch with (epoch from 1, epochs, accuracy on the watched images); the
            training ends with an epoch for which it returns true.

    Returns:
        dict of plain numbers: history (loss and accuracy by epoch on the training images, and as
        validation_* on the held-out images, or test_* where nothing is held out), accuracy and loss
        on the test images at the end, train_seconds and eval_seconds by epoch, compile_seconds,
        images_per_second of the fastest epoch, parameters, peak_memory in bytes.
    """
    device.reset_peak()
    keras.utils.set_random_seed(seed)
    network = model()
    split = len(data.x_train) - recipes.held_out(recipe, len(data.x_train))
    fitted = data.x_train[:split], data.y_train[:split]
    watched = (data.x_train[split:], data.y_train[split:]) if split < len(data.x_train) else (data.x_test, data.y_test)
    trainer = recipes.trainer(network, recipe, fitted[0])
    compile_seconds = _warm_up(trainer, recipe, fitted, watched)
    keras.utils.set_random_seed(seed)
    clock = _Clock(recipe["epochs"], progress)
    history = trainer.fit(
        *fitted,
        validation_data=watched,
        validation_batch_size=recipe["batch"],
        batch_size=recipe["batch"],
        epochs=recipe["epochs"],
        callbacks=[*recipes.callbacks(recipe), clock],
        verbose=0,
    ).history
    if watched[0] is data.x_test:
        seen, loss, accuracy = "test_", history["val_loss"][-1], history["val_accuracy"][-1]
    else:
        seen = "validation_"
        loss, accuracy = trainer.evaluate(data.x_test, data.y_test, batch_size=recipe["batch"], verbose=0)
    trainable = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    return {
        "accuracy": round(accuracy * len(data.y_test)) / len(data.y_test),  # not float32's neighbour of it
        "loss": loss,
        "history": {name.replace("val_", seen): values for name, values in history.items()},
        "train_seconds": clock.train_seconds,
        "eval_seconds": clock.eval_seconds,
        "compile_seconds": compile_seconds,
        "images_per_second": split / min(clock.train_seconds),
        "parameters": {
            "total": network.count_params(),
            "trainable": trainable,
            "non_trainable": network.count_params() - trainable,
        },
        "peak_memory": device.peak_bytes(),
    }


def _warm_up(trainer, recipe, fitted, watched):
    """Trace and compile every shape of batch that an epoch meets, then undo it; seconds that it took."""
    start = time.perf_counter()
    trainer.optimizer.build(trainer.trainable_variables)
    variables = trainer.variables + trainer.optimizer.variables
    before = [keras.ops.convert_to_numpy(variable) for variable in variables]
    few = [_few(arrays, recipe["batch"]) for arrays in (fitted, watched)]
    trainer.fit(*few[0], validation_data=few[1], validation_batch_size=recipe["batch"], batch_size=recipe["batch"], verbose=0)
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    device.drain()
    return time.perf_counter() - start


def _few(arrays, batch):
    """Two full batches and the rest that is left over at the end of an epoch."""
    size = min(len(arrays[0]), 2 * batch + len(arrays[0]) % batch)
    return [array[:size] for array in arrays]


class _Clock(keras.callbacks.Callback):
    """Seconds of each epoch, training and evaluation apart, with the device drained at each reading."""

    async_safe = True

    def __init__(self, epochs, progress):
        super().__init__()
        self.epochs, self.progress = epochs, progress
        self.train_seconds, self.eval_seconds = [], []

    def on_epoch_begin(self, epoch, logs=None):
        device.drain()
        self.start = time.perf_counter()

    def on_test_begin(self, logs=None):
        device.drain()
        self.middle = time.perf_counter()

    def on_test_end(self, logs=None):
        device.drain()
        self.end = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.train_seconds.append(self.middle - self.start)
        self.eval_seconds.append(self.end - self.middle)
        if self.progress and self.progress(epoch + 1, self.epochs, logs["val_accuracy"]):
            self.model.stop_training = True
