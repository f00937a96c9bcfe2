"""ResNet for ImageNet-sized images: He et al.'s Table 1, which the srivastava study prints in full.

18 and 34 layers of basic blocks, 50, 101 and 152 of bottlenecks; the study trains 34 with LeakyReLU
at 64x64. Shortcuts are projected where shapes change (option B), strides are on a block's first
convolution, and a convolution before batch normalisation has no bias.
"""

import keras
from keras import layers

MAPS = (64, 128, 256, 512)


def convolution(x, maps, kernel, strides=1):
    x = layers.Conv2D(maps, kernel, strides=strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    return layers.BatchNormalization()(x)


def relu(x):
    return layers.ReLU()(x)


def leaky(x):
    return layers.LeakyReLU(negative_slope=0.3)(x)  # Keras 2's default


def basic(x, maps, strides, activation):
    """Two 3x3 convolutions."""
    y = activation(convolution(x, maps, 3, strides))
    return convolution(y, maps, 3)


def bottleneck(x, maps, strides, activation):
    """1x1 to reduce, 3x3, 1x1 to expand by four."""
    y = activation(convolution(x, maps, 1, strides))
    y = activation(convolution(y, maps, 3))
    return convolution(y, 4 * maps, 1)


def network(name, shape, classes, block, blocks, activation=relu):
    """A 7x7 convolution and a pool, at most four stages of blocks with shortcuts, a global average, a softmax."""
    inputs = keras.Input(shape)  # 224x224
    x = activation(convolution(inputs, 64, 7, 2))  # 112x112
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)  # 56x56
    for stage, (maps, count) in enumerate(zip(MAPS, blocks, strict=False)):  # 56x56, 28x28, 14x14, 7x7
        for index in range(count):
            strides = 2 if stage and not index else 1
            y = block(x, maps, strides, activation)
            if x.shape[1:] != y.shape[1:]:
                x = convolution(x, y.shape[-1], 1, strides)
            x = activation(layers.add([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x), name=name)


def resnet18(shape, classes):
    return network("resnet18", shape, classes, basic, (2, 2, 2, 2))


def resnet34(shape, classes):
    return network("resnet34", shape, classes, basic, (3, 4, 6, 3))


def resnet34_leaky(shape, classes):
    """As the srivastava study trains it: LeakyReLU instead of every ReLU."""
    return network("resnet34_leaky", shape, classes, basic, (3, 4, 6, 3), leaky)


def resnet50(shape, classes):
    return network("resnet50", shape, classes, bottleneck, (3, 4, 6, 3))


def resnet101(shape, classes):
    return network("resnet101", shape, classes, bottleneck, (3, 4, 23, 3))


def resnet152(shape, classes):
    return network("resnet152", shape, classes, bottleneck, (3, 8, 36, 3))
