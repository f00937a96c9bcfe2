"""The VGG-like network of the afif study: the report's Listing A.2 (1,505,034 parameters at 28x28x1).

Four convolutions in two stages. LeakyReLU's slope is 0.3, Keras 2.1's default.
"""

import keras
from keras import layers


def vgg_like(shape, classes):
    """Two stages of two 3x3 convolutions, then two hidden layers of 256 units."""
    return keras.Sequential(
        [
            layers.Input(shape),  # 28x28
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),  # 14x14
            layers.Dropout(0.5),
            layers.Conv2D(128, 3, padding="same", activation="relu"),
            layers.Conv2D(256, 3, padding="valid", activation="relu"),  # 12x12
            layers.MaxPooling2D(3),  # 4x4
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(256),
            layers.LeakyReLU(negative_slope=0.3),
            layers.Dropout(0.5),
            layers.Dense(256),
            layers.LeakyReLU(negative_slope=0.3),
            layers.Dense(classes, activation="softmax"),
        ],
        name="vgg_like",
    )
