"""LeNet-5 as the afif study trained it: the report's Listing A.1 (150,742 parameters at 28x28x1).

Not LeCun's network: 3x3 and 2x2 kernels, max pooling and one hidden layer of 256 units.
"""

import keras
from keras import layers


def lenet5(shape, classes):
    """Two tanh convolutions of 6 and 16 maps, each max-pooled, and one hidden layer."""
    return keras.Sequential(
        [
            layers.Input(shape),  # 28x28
            layers.Conv2D(6, 3, activation="tanh"),  # 26x26
            layers.MaxPooling2D(2),  # 13x13
            layers.Conv2D(16, 2, activation="tanh"),  # 12x12
            layers.MaxPooling2D(2),  # 6x6
            layers.Flatten(),
            layers.Dense(256, activation="tanh"),
            layers.Dense(classes, activation="softmax"),
        ],
        name="lenet5",
    )
