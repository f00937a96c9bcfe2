"""VGG: the afif study's VGG-like network, and configurations A to E of Simonyan & Zisserman's Table 1.

VGG-like is the report's Listing A.2 (1,505,034 parameters at 28x28x1), its LeakyReLU's slope Keras
2.1's default of 0.3. VGG-16, which the srivastava study trains, is D: 138,357,544 parameters at 224.
"""

import keras
from keras import layers

# Maps of each 3x3 convolution, stage by stage; C's third convolutions are 1x1.
A = ((64,), (128,), (256, 256), (512, 512), (512, 512))
B = ((64, 64), (128, 128), (256, 256), (512, 512), (512, 512))
C = ((64, 64), (128, 128), (256, 256, "1x1"), (512, 512, "1x1"), (512, 512, "1x1"))
D = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
E = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4)


def local_response_normalisation(x, window=5, k=2.0, alpha=1e-4, beta=0.75):
    """Each map divided by a power of the squares of its neighbours (Krizhevsky et al., section 3.3)."""
    maps, reach = x.shape[-1], window // 2
    squares = keras.ops.pad(keras.ops.square(x), [[0, 0], [0, 0], [0, 0], [reach, reach]])
    neighbours = sum(squares[..., start : start + maps] for start in range(window))
    return x / keras.ops.power(k + alpha * neighbours, beta)


def network(name, shape, classes, stages, normalised=False, units=4096):
    """Five stages of convolutions, each max-pooled, two hidden layers, a softmax."""
    inputs = keras.Input(shape)  # 224x224
    x = inputs
    for stage in stages:  # 112x112, 56x56, 28x28, 14x14, 7x7
        for maps in stage:
            kernel, maps = (1, stage[0]) if maps == "1x1" else (3, maps)
            x = layers.Conv2D(maps, kernel, padding="same", activation="relu")(x)
            if normalised:  # after the first convolution alone
                x, normalised = local_response_normalisation(x), False
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dropout(0.5)(layers.Dense(units, activation="relu")(x))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x), name=name)


def vgg11(shape, classes):
    """Configuration A."""
    return network("vgg11", shape, classes, A)


def vgg11_lrn(shape, classes):
    """Configuration A-LRN: A with local response normalisation."""
    return network("vgg11_lrn", shape, classes, A, normalised=True)


def vgg13(shape, classes):
    """Configuration B."""
    return network("vgg13", shape, classes, B)


def vgg16_c(shape, classes):
    """Configuration C: sixteen layers, three of them 1x1."""
    return network("vgg16_c", shape, classes, C)


def vgg16(shape, classes):
    """Configuration D."""
    return network("vgg16", shape, classes, D)


def vgg19(shape, classes):
    """Configuration E."""
    return network("vgg19", shape, classes, E)


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
