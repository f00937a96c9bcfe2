"""Try a recipe on two batches of made-up images, so that a recipe that cannot work is found in a second and not after hours.

The training code itself runs two epochs of two batches for each phase, with every callback. What is tried is the
recipe, so the network is small; the cell's own network is built without weights, and only its layers are looked at.
"""

import contextlib
import re
from types import SimpleNamespace

import keras
import numpy as np

import zoo
from zoo.searched_cnn import network as searched
from zoo.training import recipes, search, transfer
from zoo.training import train as training

EPOCHS = 2  # of each phase
BODY = 2  # layers of the small network's body
FAMILY = SimpleNamespace(BODY_END="body_end", __name__="small network")
PLAIN = {"name": "SGD", "learning_rate": 0.01}


def mistakes(recipe, shape, classes):
    """The keys of a recipe with which it cannot be followed.

    Args:
        recipe: a recipe's table.
        shape: (height, width, channels) of the data set's images.
        classes: number of classes.

    Returns:
        list of (key, what is wrong), empty where the recipe works.

    Raises:
        Exception: the training fails whatever the recipe says, as where the device has no memory left.
    """
    found = []
    while error := _error(recipe, shape, classes):
        for key, simpler in _simpler(recipe):
            if _kind(_error(simpler, shape, classes)) != _kind(error):
                found.append((key, _text(error)))
                recipe = simpler
                break
        else:
            raise error
    return found


def unfit(recipe, build, family):
    """What a recipe says that a cell's own network cannot do: a list of (key, what is wrong).

    Args:
        recipe: a recipe's table.
        build: function without arguments that returns the keras.Model.
        family: module that holds the model's function.
    """
    try:
        network = zoo.weightless(build)
    except Exception as error:  # a model's function may raise anything
        return [("size" if "size" in recipe else "model", _text(error))]
    found = []
    if "pretrained" in recipe:
        found += _attempt("pretrained", _pretrain, network, family)
    for phase in recipes.phases(recipe):
        found += _attempt("phases", transfer.set_trainable, network, phase.trained, family)
    return found


def _pretrain(network, family):
    """Take all steps of ``transfer.pretrain`` up to fetching the weights."""

    def nothing():
        raise OSError("not fetched")

    if not hasattr(family, "imagenet_body"):
        raise ValueError(f"{family.__name__} has no function imagenet_body, which gives the weights from ImageNet")
    with contextlib.suppress(zoo.WeightsMissing):
        transfer.pretrain(network, SimpleNamespace(**{**vars(family), "imagenet_body": nothing}))


def _attempt(key, function, *args):
    try:
        function(*args)
    except Exception as error:
        return [(key, _text(error))]
    return []


def _error(recipe, shape, classes):
    """The error of a short training by a recipe, or None."""
    small = {key: value for key, value in recipe.items() if key not in ("pretrained", "search")}
    try:
        if "search" in recipe:
            _search(recipe, classes)
            small["stopping"] = {"patience": recipe["search"]["patience"], "restore_best": True}
        setup = training.Setup(
            lambda: _network(recipe.get("size", shape[:2]), shape[2], classes), _data(recipe, shape, classes), _short(small), 0, FAMILY
        )
        training.train(setup)
    except Exception as error:  # Keras raises errors of many kinds
        return error
    return None


def _search(recipe, classes):
    """Build the searched network with every value of the space, one at a time."""
    first = search._first(recipe)
    for name, values in recipe["search"]["space"].items():
        for value in values:
            hyper = {**first, name: value}
            rate = hyper.pop("rate", None)
            if name == "rate":
                recipes.optimizer({**recipe["optimizer"], "learning_rate": rate}, EPOCHS)
            zoo.weightless(lambda hyper=hyper: searched("searched_cnn", (32, 32, 3), classes, **hyper))


def _short(recipe):
    """The recipe with two epochs of two batches for each phase, in which each callback and each rate has its turn."""
    phases = [{**phase, "from": index * EPOCHS} for index, phase in enumerate(recipe.get("phases", [{"from": 0, "train": "all"}]))]
    for phase in phases:
        phase["train"] = min(phase["train"], BODY) if isinstance(phase["train"], int) else phase["train"]
        phase["optimizer"] = _early(phase.get("optimizer", recipe["optimizer"]))
    short = {**recipe, "steps": 2, "epochs": EPOCHS * len(phases), "phases": phases, "optimizer": _early(recipe["optimizer"])}
    if "plateau" in recipe:
        short["plateau"] = {**recipe["plateau"], "patience": 0, "min_delta": 1e9}  # nothing is an improvement, so the rate is lowered
    if "stopping" in recipe:
        short["stopping"] = {**recipe["stopping"], "patience": short["epochs"]}
    return short


def _early(optimizer):
    """An optimizer's table whose rates come into force by the second epoch."""
    return {**optimizer, "rates": [[min(epoch, 1), rate] for epoch, rate in optimizer["rates"]]} if "rates" in optimizer else optimizer


def _network(size, channels, classes):
    """A network with a body of two layers, a kernel and normalisation."""
    layers = keras.layers
    x = inputs = keras.Input((*size, channels))
    x = layers.BatchNormalization()(layers.GlobalAveragePooling2D()(x))
    x = layers.Dense(4, activation="relu", name=FAMILY.BODY_END)(x)
    return zoo.softmax_in_float32(keras.Model(inputs, layers.Dense(classes, activation="softmax")(x), name="small"))


def _data(recipe, shape, classes):
    """Noise: two whole batches to train on beside what is held out, and as many images to test as are watched: few sizes to compile."""
    share = 0.2 if "held_out" in recipe else min(recipe.get("validation_split", 0), 0.9)
    held = max(round(2 * recipe["batch"] / (1 - share)) - 2 * recipe["batch"], 1 if share else 0)
    count, test = max(2 * recipe["batch"], 10) + held, held or 10
    images = np.random.default_rng(0).integers(0, 256, (count + test, *shape), "uint8")
    labels = np.arange(count + test, dtype="int32") % classes
    return SimpleNamespace(x_train=images[:count], y_train=labels[:count], x_test=images[count:], y_test=labels[count:])


def _simpler(recipe):
    """Yield (key, the recipe without what the key says), for every key that can be left out."""
    if recipe["optimizer"] != PLAIN:
        yield "optimizer", {**recipe, "optimizer": PLAIN}
    if recipe["input"] != "scaled":
        yield "input", {**recipe, "input": "scaled"}
    for key in recipe:
        if key not in ("optimizer", "input", "batch", "epochs", "interpolation", "note", "name"):
            both = ("size", "interpolation") if key == "size" else (key,)
            yield key, {name: value for name, value in recipe.items() if name not in both}


def _kind(error):
    """An error's text without what differs from one try to the next: addresses and the numbers in layers' names; or None."""
    return error and re.sub(r"0x[0-9a-f]+|_\d+", "", _text(error))


def _text(error):
    """An error in one line, or None."""
    if error is None:
        return None
    text = " ".join(str(error).split())
    text = text if len(text) <= 300 else f"{text[:300]} ..."
    return text if type(error) is ValueError else f"{type(error).__name__}: {text}"
