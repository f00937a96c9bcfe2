"""LeNet-5 as the afif study trained it, and as its report describes it.

Listing A.1 (150,742 parameters at 28x28x1) is not LeCun's network: 3x3 and 2x2 kernels and one hidden
layer of 256 units. The report's section 2.1.1 describes LeCun's: 6, 16 and 120 maps, 84 units.
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


def lenet5_report(shape, classes):
    """Section 2.1.1's seven layers. Padding by 2 to LeCun's 32x32, average pools, tanh and a softmax
    instead of the RBF units are our choice."""
    return keras.Sequential(
        [
            layers.Input(shape),  # 28x28
            layers.ZeroPadding2D(2),  # 32x32
            layers.Conv2D(6, 5, activation="tanh"),  # 28x28
            layers.AveragePooling2D(2),  # 14x14
            layers.Conv2D(16, 5, activation="tanh"),  # 10x10
            layers.AveragePooling2D(2),  # 5x5
            layers.Conv2D(120, 5, activation="tanh"),  # 1x1
            layers.Flatten(),
            layers.Dense(84, activation="tanh"),
            layers.Dense(classes, activation="softmax"),
        ],
        name="lenet5_report",
    )
