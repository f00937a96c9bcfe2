"""Recipe data -> Keras objects: input layers, optimizer, callbacks, and a model ready to be trained.

A recipe is a table in TOML; ``KEYS`` lists what it may say. Size and scaling of the images belong
to it: loaders give raw uint8, and what is done to them happens inside the graph, batch by batch.
"""

import math

KEYS = {
    "input": "raw (0-255), scaled (0-1), mean_subtracted (0-1, less the training images' mean image)",
    "optimizer": "a table: name, as Keras knows it, and its hyper-parameters; schedule = 'cosine' lets the rate fall to 0",
    "batch": "images a step",
    "epochs": "at most so many",
    "augment": "a table: shift, as a share of the side (filled with the nearest pixel), and flip = true (left-right)",
    "validation_split": "share of the training images, the last ones, that is held out to watch",
    "stopping": "a table: patience, in epochs without a lower validation loss; restore_best = true",
    "note": "what the study does not state and was chosen here",
}
INPUTS = ("raw", "scaled", "mean_subtracted")


def check(name, recipe):
    """Raise ValueError where a recipe lacks a key, or says something that nothing here understands."""
    for key in recipe.keys() - KEYS.keys():
        raise ValueError(f"recipe {name}: unknown key {key!r}; known: {', '.join(KEYS)}")
    for key in ("input", "optimizer", "batch", "epochs"):
        if key not in recipe:
            raise ValueError(f"recipe {name}: key {key!r} is missing")
    if recipe["input"] not in INPUTS:
        raise ValueError(f"recipe {name}: unknown input {recipe['input']!r}; known: {', '.join(INPUTS)}")
    for key, known in (("augment", {"shift", "flip"}), ("stopping", {"patience", "restore_best"})):
        for word in recipe.get(key, {}).keys() - known:
            raise ValueError(f"recipe {name}: unknown word {word!r} in {key}; known: {', '.join(sorted(known))}")
    if "stopping" in recipe and not recipe.get("validation_split"):
        raise ValueError(f"recipe {name}: stopping needs a validation_split: the test images must not decide when to stop")


def held_out(recipe, images):
    """How many of that many training images the recipe holds out for validation."""
    return round(images * recipe.get("validation_split", 0))


def trainer(model, recipe, x_train):
    """The model behind the recipe's input layers, compiled.

    Args:
        model: keras.Model from float images to probabilities.
        recipe: a recipe's table.
        x_train: uint8 (N, height, width, channels), the images that it will be trained on.

    Returns:
        keras.Model from uint8 images to probabilities, with sparse categorical cross-entropy.
    """
    import keras

    inputs = keras.Input(x_train.shape[1:], dtype="uint8")
    x = inputs
    for layer in _input_layers(recipe, x_train):
        x = layer(x)
    trained = keras.Model(inputs, model(x), name=f"{model.name}_trainer")
    steps = math.ceil(len(x_train) / recipe["batch"]) * recipe["epochs"]
    trained.compile(_optimizer(recipe["optimizer"], steps), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return trained


def _input_layers(recipe, x_train):
    from keras import layers

    yield layers.Rescaling(1.0 if recipe["input"] == "raw" else 1 / 255)
    if recipe["input"] == "mean_subtracted":
        mean = x_train.mean(axis=0, dtype="float64") / 255
        yield layers.Normalization(axis=(1, 2, 3), mean=mean, variance=mean * 0 + 1)
    augment = recipe.get("augment", {})
    if "shift" in augment:
        yield layers.RandomTranslation(augment["shift"], augment["shift"], fill_mode="nearest")
    if augment.get("flip"):
        yield layers.RandomFlip("horizontal")


def _optimizer(data, steps):
    import keras

    config = {key: value for key, value in data.items() if key not in ("name", "schedule")}
    if "schedule" in data:
        if data["schedule"] != "cosine":
            raise ValueError(f"unknown schedule {data['schedule']!r}; known: cosine")
        config["learning_rate"] = keras.optimizers.schedules.CosineDecay(config["learning_rate"], steps)
    optimizer = getattr(keras.optimizers, data["name"], None)
    if optimizer is None:
        raise ValueError(f"unknown optimizer {data['name']!r}; name it as keras.optimizers does: Adadelta, Adam, SGD ...")
    return optimizer(**config)


def callbacks(recipe):
    """The Keras callbacks that a recipe asks for: a list, empty for most."""
    import keras

    if "stopping" not in recipe:
        return []
    stopping = recipe["stopping"]
    return [
        keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=stopping["patience"], restore_best_weights=stopping.get("restore_best", False)
        )
    ]
