"""The classes of a training: what is trained, what the functions share, and the results of an epoch."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import keras

from zoo.training import device, feed, recipes, transfer

EPOCHS = {"tensorflow": "zoo.training.epoch_tensorflow", "jax": "zoo.training.epoch_jax"}
ANY_EPOCH = "zoo.training.epoch_fit"  # for any other backend


class Setup(NamedTuple):
    """What is trained, on what, and how."""

    build: Callable  # function without arguments that returns the keras.Model: its initial weights follow from the seed
    data: Any  # has x_train, y_train, x_test, y_test: uint8 images (N, height, width, channels) and int32 labels (N,)
    recipe: dict  # as keys.KEYS describes it
    seed: int  # the same one gives the same bits on a CPU
    family: ModuleType | None = None  # the model's module, needed for pretrained weights and to train a part of the network


class Scores(NamedTuple):
    """Result of an evaluation."""

    loss: float
    accuracy: float
    answers: list  # how often each class was the answer


class Epoch(NamedTuple):
    """Result of an epoch; times in seconds."""

    learning_rate: float  # that the epoch began with
    loss: float  # of the training images, as is the accuracy
    accuracy: float
    watched: Scores
    images: int
    train_seconds: float
    eval_seconds: float
    host_seconds: float  # the part of train_seconds that is between the calls of the program
    calls: int

    def logs(self, prefix="val_"):
        """History name -> value, as Keras's callbacks take it."""
        watched = {f"{prefix}loss": self.watched.loss, f"{prefix}accuracy": self.watched.accuracy}
        return {"learning_rate": self.learning_rate, "loss": self.loss, "accuracy": self.accuracy, **watched}


class Sums(NamedTuple):
    """What a program has summed up over some batches."""

    loss: float
    right: int  # images
    answers: list  # as in Scores; empty in training
    seconds: float  # within the calls of the program
    calls: int


@dataclass
class State:
    """What the functions of a training share."""

    setup: Setup
    network: keras.Model  # from float images of the recipe's size
    trainer: keras.Model  # the network behind the recipe's input layers: from uint8 images of the data set's size
    backend: ModuleType  # the backend's epoch file
    fitted: feed.Split
    watched: feed.Split  # the held-out images; the same object as tested where nothing is held out
    tested: feed.Split
    steps: int  # an epoch
    phase: recipes.Phase | None = None
    train: Callable | None = None  # the phase's programs: see epoch_tensorflow.programs
    evaluate: Callable | None = None
    longest: int = 1  # batches in a call of a program, at most
    compile_seconds: float = 0.0


def prepare(setup):
    """The State before the first phase: the model behind its input layers, and the images, on the device where they fit."""
    recipe, network = setup.recipe, setup.build()
    if "pretrained" in recipe:
        transfer.pretrain(network, setup.family)
    if "l2" in recipe:
        recipes.penalise(network, recipe["l2"])
    backend = import_module(EPOCHS.get(device.backend(), ANY_EPOCH))
    pairs = recipes.fitted_and_watched(recipe, setup.data)
    stay = device.fits(sum(images.nbytes for images, _ in pairs))
    fitted, watched, tested = (feed.split(pair, recipe["batch"], backend.put, stay) for pair in pairs)
    return State(
        setup=setup,
        network=network,
        trainer=recipes.trainer(network, recipe, fitted.arrays[0]),
        backend=backend,
        fitted=fitted,
        watched=tested if pairs[1] is pairs[2] else watched,
        tested=tested,
        steps=recipes.steps_an_epoch(recipe, fitted.count),
    )
