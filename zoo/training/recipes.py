"""Recipe data -> Keras objects: input layers, optimizer, callbacks, and a model ready to be trained.

keys.py lists what a recipe may say. Size and scaling of the images belong
to it: loaders give raw uint8, and what is done to them happens inside the graph, batch by batch.
"""

import math
from typing import NamedTuple


class Phase(NamedTuple):
    """Some epochs in which the same layers are trained by one optimizer."""

    first: int  # epoch, counted from 0
    epochs: int
    trained: str | int  # all, head, or N: the head and the last N layers of the body
    optimizer: dict  # table


def fitted_and_watched(recipe, data):
    """The images and labels that a recipe trains on, those that it watches, and those that it is tested on.

    Args:
        recipe: a recipe's table.
        data: anything with x_train, y_train, x_test, y_test.

    Returns:
        three pairs; the second is the third where nothing is held out.

    Raises:
        ValueError: nothing is left to train on.
    """
    import numpy as np  # here, since reading the tables, which checks recipes, must not need it

    train, test = recipe.get("images", (None, None))
    images, labels = data.x_train[:train], data.y_train[:train]
    tested = data.x_test[:test], data.y_test[:test]
    if count := min(recipe.get("held_out", 0), len(images) // 5):
        held = np.zeros(len(images), bool)
        held[np.arange(count) * len(images) // count] = True  # a share of each class, even where images are sorted by class
        return (images[~held], labels[~held]), (images[held], labels[held]), tested
    split = len(images) - round(len(images) * recipe.get("validation_split", 0))
    if not split:
        raise ValueError(f"validation_split = {recipe['validation_split']} leaves none of {len(images)} images to train on; lower it")
    return (images[:split], labels[:split]), (images[split:], labels[split:]) if split < len(images) else tested, tested


def trainer(model, recipe, x_train, augmented=True):
    """The model behind the recipe's input layers, not compiled.

    Args:
        model: keras.Model from float images of the recipe's size to probabilities.
        recipe: a recipe's table.
        x_train: uint8 (N, height, width, channels), the images that it will be trained on.
        augmented: whether the layers that shift and flip them in training are part of it.

    Returns:
        keras.Model from uint8 images of the data set's size to probabilities.
    """
    import keras

    x = inputs = keras.Input(x_train.shape[1:], dtype="uint8")
    for layer in [*_input_layers(recipe, x_train), *(_augmentation(recipe.get("augment", {})) if augmented else [])]:
        x = layer(x)
    return keras.Model(inputs, model(x), name=f"{model.name}_trainer")


def _input_layers(recipe, x_train):
    from keras import layers

    yield layers.Rescaling(1.0 if recipe["input"] == "raw" else 1 / 255)
    if recipe["input"] == "mean_subtracted":
        mean = x_train.mean(axis=0, dtype="float64") / 255
        yield layers.Normalization(axis=(1, 2, 3), mean=mean, variance=mean * 0 + 1)
    if "size" in recipe:  # after the mean is subtracted: both are linear, so it is the mean of the resized images, too
        yield layers.Resizing(*recipe["size"], interpolation=recipe["interpolation"])


def _augmentation(augment):
    from keras import layers

    if "shift" in augment:
        how = augment.get("interpolation", "bilinear")
        yield layers.RandomTranslation(augment["shift"], augment["shift"], fill_mode="nearest", interpolation=how)
    if augment.get("flip"):
        yield layers.RandomFlip("horizontal")


def phases(recipe):
    """The recipe's phases: a list of Phase."""
    tables = recipe.get("phases", [{"from": 0, "train": "all"}])
    ends = [*(table["from"] for table in tables[1:]), recipe["epochs"]]
    return [
        Phase(table["from"], min(end, recipe["epochs"]) - table["from"], table["train"], table.get("optimizer", recipe["optimizer"]))
        for table, end in zip(tables, ends, strict=True)
    ]


def optimizer(data, steps):
    """The Keras optimizer of an optimizer's table, for a training of ``steps`` steps.

    Raises:
        ValueError: the optimizer or the schedule is unknown.
    """
    import keras

    config = {key: value for key, value in data.items() if key not in ("name", "schedule", "rates")}
    if "schedule" in data:
        if data["schedule"] != "cosine":
            raise ValueError(f"unknown schedule {data['schedule']!r}; known: cosine")
        config["learning_rate"] = keras.optimizers.schedules.CosineDecay(config["learning_rate"], steps)
    known = getattr(keras.optimizers, data["name"], None)
    if known is None:
        raise ValueError(f"unknown optimizer {data['name']!r}; name it as keras.optimizers does: Adadelta, Adam, SGD ...")
    return known(**config)


def rate(data, epoch):
    """Learning rate that an optimizer's table sets for an epoch, counted from 0; None where it sets none."""
    rates = [value for start, value in data.get("rates", []) if start <= epoch]
    return rates[-1] if rates else None


def callbacks(recipe):
    """The Keras callbacks that a recipe asks for: a list, empty for most."""
    import keras

    made = []
    if "plateau" in recipe:
        table = {**recipe["plateau"]}
        table["min_lr"] = table.pop("min_rate", 0)
        made.append(keras.callbacks.ReduceLROnPlateau(monitor="val_loss", mode="min", **table))
    if "stopping" in recipe:
        patience, best = recipe["stopping"]["patience"], recipe["stopping"].get("restore_best", False)
        made.append(keras.callbacks.EarlyStopping(monitor="val_loss", mode="min", patience=patience, restore_best_weights=best))
    return made


def penalise(model, strength):
    """Give every kernel of a network an L2 penalty of that strength."""
    import keras

    for layer in model.layers:
        if hasattr(layer, "kernel"):
            layer.kernel.regularizer = keras.regularizers.L2(strength)


def steps_an_epoch(recipe, images):
    """Steps of one epoch over that number of images."""
    return recipe.get("steps") or math.ceil(images / recipe["batch"])
