"""The smallest networks that contain every block of the zoo, for the checks that have to compute.

A specimen has its family's own functions in it, and as little else as will do. Whether they are enough,
a test asserts: every kind of operation of every model stands in a specimen of the same file. The models of a
file without specimens are computed themselves: whole_models.
"""

import functools

import pytest

import zoo

CLASSES = 5
BUILD = zoo.build  # itself, where a test has put ``built`` in its place


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


def searched_cnn():
    """Its last block is too small for a pool."""
    from zoo.searched_cnn import network

    return network("searched_cnn", (5, 4, 2), CLASSES, maps=8)


def searched_cnn_plain():
    from zoo.searched_cnn import network

    return network("searched_cnn", (9, 8, 2), CLASSES, blocks=2, maps=8, kernel=5, dropout=0.0, hidden=8, normalised=False)


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
    end = next(index for index, layer in enumerate(layers) if isinstance(layer, keras.layers.AveragePooling2D))
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
    "searched_cnn": (searched_cnn, searched_cnn_plain),
    "densenet": (densenet_stem, densenet_block),
}
BUILDERS = {builder.__name__: builder for builders in SPECIMENS.values() for builder in builders}


def stand_for(name):
    """Whether there are small networks for a model: for every one of the suite's own."""
    return name in zoo.MODELS and zoo.MODELS[name].module in SPECIMENS


def least(name):
    """Least side of a square input of a model, in pixels; None where it is not found."""
    model = zoo.models()[name]
    return model.least or zoo.least_side(name, model.shape[2], CLASSES)


def native(name):
    """A model at the size of its source, without weights."""
    return built(name, zoo.models()[name].shape, zoo.models()[name].classes)


@functools.cache
def built(name, shape, classes):
    """What ``zoo.build`` returns, without weights; built once, since nothing can change it."""
    import keras

    with pytest.MonkeyPatch.context() as patch:
        if name.startswith("densenet"):  # eight, of which most have the same 427 layers under their heads
            once, densenet = _made_once()
            patch.setattr(keras, "Input", once)
            patch.setattr(keras.applications, "DenseNet121", densenet)
        return zoo.weightless(BUILD, name, shape, classes)


@functools.cache
def _made_once():
    """Keras's Input and DenseNet121, which return what they have returned where they are asked for the same."""
    import keras

    return functools.cache(keras.Input), functools.cache(keras.applications.DenseNet121)


def forget():
    """Build all anew from here on, as in another precision."""
    built.cache_clear()
    _made_once.cache_clear()
