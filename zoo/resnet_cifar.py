"""ResNet v1 and v2 for small images, of any legal depth: the afif report's Listing A.3, after Keras's CIFAR-10 example.

At 28x28 the listing has another first block: zero padding to 32x32 and a convolution with neither
batch normalisation nor activation, hence 1,344 non-trainable parameters where 32x32 has 1,376.
"""

from functools import partial

import keras
from keras import layers

STAGES = 3


def convolution(x, filters, kernel=3, strides=1):
    return layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding="same",
        kernel_initializer="he_normal",
        kernel_regularizer=keras.regularizers.L2(1e-4),
    )(x)


def normalised(x, activation=True):
    x = layers.BatchNormalization()(x)
    return layers.Activation("relu")(x) if activation else x


def first_block(x):
    """32x32x16 maps: the study's odd block at 28x28, convolution-normalisation-ReLU elsewhere."""
    if tuple(x.shape[1:3]) == (28, 28):
        return convolution(layers.ZeroPadding2D(2)(x), 16)
    return normalised(convolution(x, 16))


def head(x, classes):
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))  # 8x8 -> 1x1
    return layers.Dense(classes, activation="softmax", kernel_initializer="he_normal")(x)


def residual_v1(x, filters, strides):
    """Two 3x3 convolutions; the shortcut is a bare 1x1 convolution where the size halves."""
    y = normalised(convolution(x, filters, strides=strides))
    y = normalised(convolution(y, filters), activation=False)
    if strides > 1:
        x = convolution(x, filters, kernel=1, strides=strides)
    return layers.Activation("relu")(layers.add([x, y]))


def bottleneck_v2(x, filters, outputs, strides, opening, projection):
    """1x1, 3x3, 1x1 convolutions, each after normalisation and ReLU, except the network's first."""
    y = x if opening else normalised(x)
    y = convolution(y, filters, kernel=1, strides=strides)
    y = convolution(normalised(y), filters)
    y = convolution(normalised(y), outputs, kernel=1)
    if projection:
        x = convolution(x, outputs, kernel=1, strides=strides)
    return layers.add([x, y])


def network_v1(depth, blocks, shape, classes):
    """Three stages of residual blocks with 16, 32 and 64 filters."""
    inputs = keras.Input(shape)
    x = first_block(inputs)
    for stage in range(STAGES):
        for block in range(blocks):
            x = residual_v1(x, 16 * 2**stage, strides=2 if stage and not block else 1)
    return keras.Model(inputs, head(x, classes), name=f"resnet{depth}_v1")


def network_v2(depth, blocks, shape, classes):
    """Three stages of bottlenecks with 64, 128 and 256 output maps."""
    inputs = keras.Input(shape)
    x = first_block(inputs)
    filters, outputs = 16, 64
    for stage in range(STAGES):
        for block in range(blocks):
            strides = 2 if stage and not block else 1
            x = bottleneck_v2(x, filters, outputs, strides, opening=not (stage or block), projection=not block)
        filters, outputs = outputs, outputs * 2
    return keras.Model(inputs, head(normalised(x), classes), name=f"resnet{depth}_v2")


VERSIONS = {1: (network_v1, 6), 2: (network_v2, 9)}  # version -> (function, layers that one more block in each stage adds)


def of_depth(depth, version):
    """The function (shape, classes) -> keras.Model of a network of 6n + 2 layers (v1) or 9n + 2 (v2).

    Raises:
        ValueError: no network of that version has that depth.
    """
    network, step = VERSIONS[version]
    blocks, rest = divmod(depth - 2, step)
    if rest or blocks < 1:
        depths = ", ".join(str(step * n + 2) for n in (1, 2, 3))
        raise ValueError(f"resnet{depth}_v{version}: v{version} has {step}n + 2 layers, such as {depths}")
    return partial(network, depth, blocks)


def resnet20_v1(shape, classes):
    """As the study trains it: three blocks a stage."""
    return of_depth(20, 1)(shape, classes)


def resnet20_v2(shape, classes):
    """As the study trains it: two bottlenecks a stage."""
    return of_depth(20, 2)(shape, classes)
