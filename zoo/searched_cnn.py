"""The networks of the search in the imagenet32 study's third experiment, instead of those of AutoKeras.

The study prints none of them. AutoKeras 0.4, of 2019, begins with three blocks of 64 maps, 3x3 kernels, a 2x2
pool each, a global average, dropout of 0.25 and a hidden layer of 64 units, ReLU and normalisation before
each convolution. Our choice: ReLU and normalisation after it, no hidden layer unless the search adds one, and
the search space.
"""

import keras
from keras import layers


def network(name, shape, classes, blocks=3, maps=64, kernel=3, dropout=0.25, hidden=0, normalised=True):
    """Blocks of one convolution, ReLU and a pool, while the maps are larger than one pixel; a global average, a dense head."""
    inputs = keras.Input(shape)  # 32x32
    x = inputs
    for _ in range(blocks):  # 16x16, 8x8, 4x4
        x = layers.Conv2D(maps, kernel, padding="same", use_bias=not normalised)(x)
        if normalised:
            x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        if min(x.shape[1:3]) > 1:
            x = layers.MaxPooling2D(2)(x)
    x = layers.GlobalAveragePooling2D()(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    if hidden:
        x = layers.Dense(hidden, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x), name=name)


def searched_cnn(shape, classes):
    """Where the search begins: three normalised blocks of 64 maps."""
    return network("searched_cnn", shape, classes)
