"""AlexNet: the original's layer sizes, and as the imagenet32 and srivastava studies built it.

The imagenet32 study prints 76,210,032 parameters at 224x224x3 and 200 classes, which a 5x5 second
kernel gives; the row that it prints for that layer (2,973,952) counts an 11x11 kernel. Both are here.
"""

import keras
from keras import layers

# Of each convolution: maps, kernel, strides, and whether a pool follows.
ORIGINAL = ((96, 11, 4, True), (256, 5, 1, True), (384, 3, 1, False), (384, 3, 1, False), (256, 3, 1, True))
ROWS = (ORIGINAL[0], (256, 11, 1, True), *ORIGINAL[2:])


def network(name, shape, classes, convolutions, hidden, dropout, pool):
    """ReLU convolutions and pools, hidden layers each followed by dropout, a softmax."""
    inputs = keras.Input(shape)  # 224x224
    x = inputs
    for maps, kernel, strides, pooled in convolutions:
        x = layers.Conv2D(maps, kernel, strides=strides, padding="same", activation="relu")(x)  # 56x56
        if pooled:
            x = layers.MaxPooling2D(pool, strides=2)(x)  # 28x28, 14x14, 7x7 where the pool is 2x2
    x = layers.Flatten()(x)
    for units in hidden:
        x = layers.Dropout(dropout)(layers.Dense(units, activation="relu")(x))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x), name=name)


def alexnet(shape, classes):
    """The layer sizes of Krizhevsky et al., with overlapping 3x3 pools, without the split over two GPUs and without LRN."""
    return network("alexnet", shape, classes, ORIGINAL, (4096, 4096), dropout=0.5, pool=3)


def alexnet_imagenet32(shape, classes):
    """As the study's total counts it: 5x5 second kernel, 2x2 pools, a third hidden layer of 1,000."""
    return network("alexnet_imagenet32", shape, classes, ORIGINAL, (4096, 4096, 1000), dropout=0.4, pool=2)


def alexnet_imagenet32_rows(shape, classes):
    """As the study's rows count it: 11x11 second kernel."""
    return network("alexnet_imagenet32_rows", shape, classes, ROWS, (4096, 4096, 1000), dropout=0.4, pool=2)


def alexnet_64(shape, classes):
    """As the srivastava study describes it for 64x64 images; padding, pools and dropout are our choice."""
    return network("alexnet_64", shape, classes, ORIGINAL, (4096, 4096), dropout=0.5, pool=2)
