"""A training of milliseconds: a recipe, 70 images of noise, and small networks."""

from types import SimpleNamespace

import numpy as np

RECIPE = {"input": "scaled", "optimizer": {"name": "Adam", "learning_rate": 0.01}, "batch": 16, "epochs": 2}


def noise():
    """70 images of noise in four classes, the last batch of which is smaller, and 20 to test."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (90, 6, 6, 1)).astype("uint8"), rng.integers(0, 4, 90).astype("int32")
    return SimpleNamespace(x_train=images[:70], y_train=labels[:70], x_test=images[70:], y_test=labels[70:])


def network(extra=(), shape=(6, 6, 1)):
    """A network with dropout, which draws random numbers, and normalisation, which remembers batches: both show a warm-up that was not undone."""
    import keras

    layers = keras.layers
    hidden = [layers.Flatten(), *extra, layers.Dense(16, use_bias=False), layers.BatchNormalization(), layers.Dropout(0.5)]
    return keras.Sequential([layers.Input(shape), *hidden, layers.Dense(4, activation="softmax")])


def plain(**last):
    """One dense layer, with these arguments."""
    import keras

    layers = keras.layers
    return keras.Sequential([layers.Input((6, 6, 1)), layers.Flatten(), layers.Dense(4, activation="softmax", **last)])


def train(build, data, recipe, seed=0, **hooks):
    """What ``train.train`` returns; hooks are progress and keep."""
    from zoo.training import train as training

    return training.train(training.Setup(build, data, recipe, seed), **hooks)
