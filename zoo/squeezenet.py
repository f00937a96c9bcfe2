"""SqueezeNet as the afif study published it: the report's Listing A.4 (711,956 parameters at 28x28x1).

Its fire modules concatenate along axis 1, the image HEIGHT: code written for channels-first, run
channels-last. The published counts come out only this way; no map is ever wider than its expands.
"""

import keras
from keras import layers

HEIGHT = 1  # the axis that the listing concatenates along


def fire(x, squeeze, expand):
    """A 1x1 squeeze convolution, then 1x1 and 3x3 expand convolutions side by side."""
    x = layers.Conv2D(squeeze, 1, padding="same", activation="relu")(x)
    left = layers.Conv2D(expand, 1, padding="same", activation="relu")(x)
    right = layers.Conv2D(expand, 3, padding="same", activation="relu")(x)
    return layers.Concatenate(axis=HEIGHT)([left, right])


def squeezenet_afif(shape, classes):
    """Eight fire modules between two convolutions; 384x1 high and thin before the average pool."""
    inputs = keras.Input(shape)  # 28x28
    x = layers.Conv2D(96, 3, strides=2, activation="relu")(inputs)  # 13x13
    x = layers.MaxPooling2D(2)(x)  # 6x6
    for squeeze, expand in (16, 64), (16, 64), (32, 128):
        x = fire(x, squeeze, expand)  # 48x6 after three
    x = layers.MaxPooling2D(2)(x)  # 24x3
    for squeeze, expand in (32, 128), (48, 192), (48, 192), (64, 256):
        x = fire(x, squeeze, expand)  # 384x3 after four
    x = layers.MaxPooling2D(2)(x)  # 192x1
    x = fire(x, 64, 256)  # 384x1
    x = layers.Dropout(0.5)(x)
    x = layers.Conv2D(classes, 1)(x)
    x = layers.AveragePooling2D(13, strides=1, padding="same")(x)
    x = layers.Dense(classes, activation="softmax")(layers.Flatten()(x))
    return keras.Model(inputs, x, name="squeezenet_afif")
