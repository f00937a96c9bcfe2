"""The six-convolution CNN of the imagenet32 study, from its listing, for 32x32x3 and 200 classes."""

import keras
from keras import layers

# Of each stage: maps, and the dropout after its pool.
STAGES = ((64, 0.25), (256, 0.24), (128, 0.25))
HIDDEN = ((256, 0.35), (512, 0.24))


def imagenet32_cnn(shape, classes):
    """Three stages of two 3x3 ReLU convolutions, the second unpadded; hidden layers of 256 and 512."""
    inputs = keras.Input(shape)  # 32x32
    x = inputs
    for maps, dropout in STAGES:  # 15x15, 6x6, 2x2
        x = layers.Conv2D(maps, 3, padding="same", activation="relu")(x)
        x = layers.Conv2D(maps, 3, activation="relu")(x)
        x = layers.Dropout(dropout)(layers.MaxPooling2D(2)(x))
    x = layers.Flatten()(x)
    for units, dropout in HIDDEN:
        x = layers.Dropout(dropout)(layers.Dense(units, activation="relu")(x))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x), name="imagenet32_cnn")
