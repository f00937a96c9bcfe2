"""What a specimen does, as numbers: its answers, three steps of training, and what it is made of."""

import math
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import zoo
from tests import small_networks

IMAGES = 6
STEPS = 3
RATE = 0.1  # of plain gradient descent, with all gradients together no longer than 1


class Seen(NamedTuple):
    """What a specimen did, and what it is made of."""

    name: str
    numbers: dict  # key -> list of float: what a golden holds
    unmoved: list  # trainable weights that three steps left as they were, by layer and name
    cancelled: dict  # how far a bias moved that normalisation takes away again
    alone: float  # greatest difference that the other images of a batch make to one image's answer
    graph: str
    loaded: tuple  # the graph after saving and loading, and whether every weight came back with the same bits
    spread: tuple = ()  # of its initial weights, as ``spread`` has it


def examined(name):
    """All that is to be seen of a specimen, a Seen: ``examine`` and ``spread``, and nothing that has to be at hand."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
        return examine(name, Path(folder), monkeypatch)._replace(spread=spread(name))


def examine(name, folder, monkeypatch):
    """Build a specimen, give it its weights, let it answer and train.

    Args:
        name: one of small_networks.BUILDERS.
        folder: where the network is saved to and loaded from.
        monkeypatch: pytest's, which everything is taken back with.

    Returns:
        Seen.
    """
    from zoo.graph import graph

    with monkeypatch.context() as patch:
        draw_by_a_pattern(patch)
        model = small_networks.BUILDERS[name]()
        weigh(model)
        loaded = _loaded(model, folder / "specimen.keras")
        compile_plain(model)
        images, labels = batch(model, 0)
        outputs = model.predict_on_batch(images)
        others, _ = batch(model, 1)
        others[0] = images[0]
        alone = abs(model.predict_on_batch(others)[0] - outputs[0]).max()
        regularisation, before = float(sum(model.losses)), _trainable(model)
        falling = [*losses(model, images, labels, STEPS)]
        after = _trainable(model)
        numbers = {"outputs": outputs, "losses": falling, "trained": model.predict_on_batch(images), "regularisation": [regularisation]}
    moved = {weight: abs(after[weight] - before[weight]).max() for weight in before}
    cancelled = {weight: moved.pop(weight) for weight in _cancelled(model) if weight in moved}
    return Seen(
        name=name,
        numbers={key: np.ravel(values).tolist() for key, values in numbers.items()},
        unmoved=[weight for weight, way in moved.items() if not 0 < way < np.inf],
        cancelled=cancelled,
        alone=float(alone),
        graph=graph(model),
        loaded=loaded,
    )


def _loaded(model, path):
    """The graph of a model after saving and loading, and whether every weight came back with the same bits."""
    import keras

    from zoo.graph import graph

    model.save(path)
    loaded = keras.models.load_model(path, compile=False)
    pairs = zip(model.get_weights(), loaded.get_weights(), strict=True)
    return graph(loaded), all(np.array_equal(*pair) for pair in pairs)


def compile_plain(model, **options):
    import keras

    model.compile(keras.optimizers.SGD(RATE, global_clipnorm=1.0), "sparse_categorical_crossentropy", **options)


def losses(model, images, labels, steps):
    """Generate the loss before each of some steps of training."""
    for _ in range(steps):
        model.reset_metrics()
        yield float(model.train_on_batch(images, labels))


def draw_by_a_pattern(patch):
    """Replace what Keras draws by a fixed pattern: initial weights, what dropout and stochastic depth drop, noise.

    Each backend has its own stream of random numbers, and JAX compiles for half a second to draw those of one shape.
    """
    import keras
    from keras.src.backend import random

    def pattern(shape):
        return ((np.arange(math.prod(shape)) * 0.618034) % 1).reshape(shape)

    def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
        return keras.ops.convert_to_tensor(minval + (maxval - minval) * pattern(shape), dtype or keras.config.floatx())

    def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
        return uniform(shape, mean - stddev * 3**0.5, mean + stddev * 3**0.5, dtype)

    def dropout(inputs, rate, noise_shape=None, seed=None):
        keep = pattern((noise_shape or inputs.shape)[1:]) >= rate  # the same of each image
        return inputs * keras.ops.convert_to_tensor(keep / (1 - rate), inputs.dtype)

    for name, function in (("uniform", uniform), ("normal", normal), ("truncated_normal", normal), ("dropout", dropout)):
        patch.setattr(random, name, function)


def _trainable(model):
    return {f"{layer.name} {weight.name}": weight.numpy() for layer in model.layers for weight in layer.trainable_weights}


def _cancelled(model):
    """Biases that batch normalisation subtracts again, whatever they are."""
    from zoo.graph import ordered

    layers = {name: (layer, reads) for name, layer, reads in ordered(model)}

    def away(name):
        readers = [(layer, reader) for reader, (layer, reads) in layers.items() if name in reads]
        return bool(readers) and all(
            layer["class_name"] == "BatchNormalization" or (_keeps_a_constant(layer) and away(reader)) for layer, reader in readers
        )

    return [f"{name} bias" for name in layers if away(name)]


def _keeps_a_constant(layer):
    """Whether maps that are shifted everywhere alike stay so."""
    return layer["class_name"] == "Add" or tuple(layer["config"].get("kernel_size", ())) == (1, 1)


def weigh(model):
    """Give every weight a value that follows from its layer's index in the computation and its part in the layer alone.

    Shared weights have the value of their first layer; whole numbers, such as the state of a seed, stay as they are.
    """
    from zoo.operations import layers

    try:
        found = layers(model).values()
    except NotImplementedError:  # for whose graph there is no text
        found = model.layers
    given = set()
    for index, layer in enumerate([*found, model]):  # itself for weights that are in no layer
        names = Counter()
        for weight in getattr(layer, "weights", ()):
            if id(weight) not in given and "float" in weight.dtype:
                times = names[weight.name]  # attention has several kernels
                random = np.random.RandomState([index, times] if times else index)  # whose stream NumPy never changes
                weight.assign(_values(weight, layer, random))
                names[weight.name] += 1
                given.add(id(weight))


def _values(weight, layer, random):
    values = random.uniform(-1, 1, weight.shape)
    if weight.name.endswith("kernel"):
        by_map = weight.name == "depthwise_kernel" or type(layer).__name__.startswith("DepthwiseConv")
        gain = 6 if len(weight.shape) == 4 else 3  # what keeps its size through convolutions leaves the softmax room
        return values * np.sqrt(gain / np.prod(weight.shape[: -2 if by_map else -1]))
    if weight.name == "bias":
        return abs(values) * 0.3  # few maps are 0 everywhere, where a max pool's gradient is anybody's choice
    return values * 0.2 + weight.name.endswith(("gamma", "variance", "scale"))


def batch(model, seed):
    """Images in 0 to 1, or in 0 to 255 where the model scales them, and their labels."""
    top = 255 if {type(layer).__name__ for layer in model.layers} & {"Rescaling", "Normalization"} else 1
    return np.random.RandomState(seed).uniform(0, top, (IMAGES, *model.input_shape[1:])), np.arange(IMAGES) % small_networks.CLASSES


def spread(name):
    """Standard deviation of what the initialiser of each kernel of a specimen draws, in the order of the computation.

    Each draws one and the same shape, 36,864 numbers, so that JAX compiles once an initialiser.
    """
    from zoo.graph import ordered

    model = zoo.weightless(small_networks.BUILDERS[name])
    layers = {layer.name: layer for layer in model.layers}
    found = []
    for layer_name, layer, _ in ordered(model):
        if "kernel_initializer" in layer["config"]:
            shape = (3, 3, 64, 64) if layer["class_name"] == "Conv2D" else (192, 192)
            found.append(float(np.std(layers[layer_name].kernel_initializer(shape))))
    return found
