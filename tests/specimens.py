"""The smallest networks that contain every block of the zoo, for the checks that have to compute.

A specimen has its family's own functions in it, and as little else as will do. Whether they are enough,
a test asserts: every kind of operation of every model stands in a specimen of the same file.
"""

import functools
from typing import NamedTuple

import numpy as np

import zoo

CLASSES = 5
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


def lenet5():
    return zoo.build("lenet5", (9, 8, 2), CLASSES)


def lenet5_report():
    return zoo.build("lenet5_report", (28, 29, 1), CLASSES)


def vgg_like():
    return zoo.build("vgg_like", (11, 10, 2), CLASSES)


def vgg():
    from zoo.vgg import network

    return network("vgg", (32, 33, 2), CLASSES, ((8,), (8, 8), (8,), (8, "1x1"), (8,)), normalised=True, units=16)


def resnet_cifar_v1():
    return zoo.build("resnet8_v1", (33, 32, 2), CLASSES)


def resnet_cifar_v2():
    return zoo.build("resnet11_v2", (28, 28, 1), CLASSES)


def resnet_basic():
    from zoo import resnet

    return resnet.network("resnet", (17, 16, 2), CLASSES, resnet.basic, (1, 1), resnet.leaky)


def resnet_bottleneck():
    from zoo import resnet

    return resnet.network("resnet", (17, 16, 2), CLASSES, resnet.bottleneck, (1, 1))


def squeezenet_height():
    from zoo import squeezenet

    return squeezenet.afif("squeezenet", (17, 18, 1), CLASSES, squeezenet.HEIGHT, (((8, 8), (8, 8)), ((8, 8),), ()))


def squeezenet_channels():
    from zoo import squeezenet

    return squeezenet.afif("squeezenet", (17, 18, 1), CLASSES, squeezenet.CHANNELS, (((8, 8),), ((8, 8),), ()))


def squeezenet_paper():
    from zoo.squeezenet import paper

    return paper("squeezenet", (20, 19, 2), CLASSES, (8, 5), (((8, 8),), ((8, 8),)))


def alexnet():
    from zoo.alexnet import network

    return network("alexnet", (29, 30, 1), CLASSES, ((8, 11, 4, True), (8, 5, 1, False), (8, 3, 1, True)), (16, 8), dropout=0.5, pool=2)


def imagenet32_cnn():
    return zoo.build("imagenet32_cnn", (22, 23, 2), CLASSES)


def densenet_stem():
    """What precedes the blocks of DenseNet121, under convolutions and hidden layers."""
    import keras

    from zoo import densenet

    whole = native("densenet121")
    stem = next(layer for layer in whole.layers if isinstance(layer, keras.layers.MaxPooling2D))
    x = _part(whole.input, stem.output, images := keras.Input((32, 33, 3)))
    return keras.Model(images, densenet.head(x, CLASSES, (8, 8), (12, 8), 0.4, "swish"))


def densenet_block():
    """The end of its first block and its first transition, under the head that has no hidden layer."""
    import keras

    from zoo import densenet

    layers = native("densenet121").layers
    end = next(place for place, layer in enumerate(layers) if isinstance(layer, keras.layers.AveragePooling2D))
    start = [layer for layer in layers[:end] if isinstance(layer, keras.layers.Concatenate)][-2]
    x = _part(start.output, layers[end].output, maps := keras.Input((4, 5, start.output.shape[-1])))
    return keras.Model(maps, densenet.head(x, CLASSES, (), (), 0.4, "relu"))


def _part(start, end, x):
    """What a network does to a tensor between two of its own, with layers of its own."""
    import keras

    return keras.models.clone_model(keras.Model([start], end), input_tensors=[x]).output


# file of the zoo -> what stands for its blocks
SPECIMENS = {
    "lenet": (lenet5, lenet5_report),
    "vgg": (vgg_like, vgg),
    "resnet_cifar": (resnet_cifar_v1, resnet_cifar_v2),
    "resnet": (resnet_basic, resnet_bottleneck),
    "squeezenet": (squeezenet_height, squeezenet_channels, squeezenet_paper),
    "alexnet": (alexnet,),
    "imagenet32_cnn": (imagenet32_cnn,),
    "densenet": (densenet_stem, densenet_block),
}
BUILDERS = {builder.__name__: builder for builders in SPECIMENS.values() for builder in builders}


def examine(name, folder, monkeypatch):
    """Build a specimen, give it its weights, let it answer and train.

    Initial weights are not drawn, since JAX compiles for half a second to draw those of one shape, and
    dropout drops by a fixed pattern, since each backend has its own stream of random numbers.

    Args:
        name: one of BUILDERS.
        folder: where the network is saved to and loaded from.
        monkeypatch: pytest's, which everything is taken back with.

    Returns:
        Seen.
    """
    import keras

    from zoo.graph import graph

    with monkeypatch.context() as patch:
        patch.setattr(keras.initializers.VarianceScaling, "__call__", lambda self, shape, dtype=None: np.zeros(shape, dtype))
        model = BUILDERS[name]()
        weigh(model)
        model.save(folder / "specimen.keras")
        loaded = keras.models.load_model(folder / "specimen.keras", compile=False)
        pairs = zip(model.get_weights(), loaded.get_weights(), strict=True)
        kept = all(np.array_equal(*pair) for pair in pairs)
        patch.setattr(keras.layers.Dropout, "call", _patterned_dropout)
        model.compile(keras.optimizers.SGD(RATE, global_clipnorm=1.0), "sparse_categorical_crossentropy")
        images, labels = batch(model, 0)
        outputs = model.predict_on_batch(images)
        others, _ = batch(model, 1)
        others[0] = images[0]
        alone = abs(model.predict_on_batch(others)[0] - outputs[0]).max()
        regularisation = float(sum(model.losses))
        before = _trainable(model)
        losses = []
        for _ in range(STEPS):
            model.reset_metrics()
            losses.append(float(model.train_on_batch(images, labels)))
        after = _trainable(model)
        numbers = {"outputs": outputs, "losses": losses, "trained": model.predict_on_batch(images), "regularisation": [regularisation]}
        moved = {weight: abs(after[weight] - before[weight]).max() for weight in before}
        cancelled = {weight: moved.pop(weight) for weight in _cancelled(model) if weight in moved}
        return Seen(
            name=name,
            numbers={key: np.ravel(values).tolist() for key, values in numbers.items()},
            unmoved=[weight for weight, way in moved.items() if not 0 < way < np.inf],
            cancelled=cancelled,
            alone=float(alone),
            graph=graph(model),
            loaded=(graph(loaded), kept),
        )


def _patterned_dropout(self, inputs, training=False):
    import keras

    if not training:
        return inputs
    shape = inputs.shape[1:]
    keep = (np.arange(np.prod(shape)) * 0.618034) % 1 >= self.rate
    return inputs * keras.ops.convert_to_tensor(keep.reshape(shape) / (1 - self.rate), inputs.dtype)


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


@functools.cache
def native(name):
    """A model at the size of its source, without weights; built once, since nothing can change it."""
    return zoo.weightless(zoo.build, name, *zoo.MODELS[name][1:])


def weigh(model):
    """Give every weight a value that follows from its place in the computation and its part in the layer alone."""
    from zoo.graph import ordered

    layers = {layer.name: layer for layer in model.layers}
    for place, (name, _, _) in enumerate(ordered(model)):
        for weight in layers[name].weights if name in layers else []:
            weight.assign(_values(weight, np.random.RandomState(place)))  # whose stream NumPy never changes


def _values(weight, random):
    values = random.uniform(-1, 1, weight.shape)
    if weight.name == "kernel":
        gain = 6 if len(weight.shape) == 4 else 3  # what keeps its size through convolutions leaves the softmax room
        return values * np.sqrt(gain / np.prod(weight.shape[:-1]))
    if weight.name == "bias":
        return abs(values) * 0.3  # few maps are 0 everywhere, where a max pool's gradient is anybody's choice
    return values * 0.2 + (weight.name in ("gamma", "moving_variance"))


def batch(model, seed):
    """Images in 0 to 1, and their labels."""
    return np.random.RandomState(seed).uniform(0, 1, (IMAGES, *model.input_shape[1:])), np.arange(IMAGES) % CLASSES


def spread(name):
    """Standard deviation of what the initialiser of each kernel of a specimen draws, in the order of the computation.

    Each draws one and the same shape, 36,864 numbers, so that JAX compiles once an initialiser.
    """
    from zoo.graph import ordered

    model = zoo.weightless(BUILDERS[name])
    layers = {layer.name: layer for layer in model.layers}
    found = []
    for layer_name, layer, _ in ordered(model):
        if "kernel_initializer" in layer["config"]:
            shape = (3, 3, 64, 64) if layer["class_name"] == "Conv2D" else (192, 192)
            found.append(float(np.std(layers[layer_name].kernel_initializer(shape))))
    return found
