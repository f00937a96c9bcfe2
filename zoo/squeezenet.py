"""SqueezeNet: as the afif study published it, the same listing corrected, and versions 1.0 and 1.1 of its paper.

The report's Listing A.4 (711,956 parameters at 28x28x1) concatenates its fire modules along axis 1,
the image HEIGHT: code written for channels-first, used with channels-last. Only this gives the published
counts; the output of a module has no more maps than one of its expand convolutions. It is slow: 191 million
multiply-accumulates an image, against 7 million along the channel axis. A quarter of them fall on padding
beside maps that are one or three pixels wide; oneDNN skips padding only above and below maps.

Its average pool is larger than the maps that it reads. TensorFlow 2.21's gradient of such a pool is
wrong on a CPU wherever oneDNN does not compute it: in float64, and with TF_ENABLE_ONEDNN_OPTS=0. The
golden squeezenet_height then fails, as it should.
"""

import keras
from keras import layers

HEIGHT, CHANNELS = 1, -1  # axes that a fire module may concatenate along

# Squeeze and expand maps of the fire modules between the pools.
AFIF = (((16, 64), (16, 64), (32, 128)), ((32, 128), (48, 192), (48, 192), (64, 256)), ((64, 256),))
PAPER_1_1 = (((16, 64), (16, 64)), ((32, 128), (32, 128)), ((48, 192), (48, 192), (64, 256), (64, 256)))


def fire(x, squeeze, expand, axis):
    """A 1x1 squeeze convolution, then 1x1 and 3x3 expand convolutions side by side."""
    x = layers.Conv2D(squeeze, 1, padding="same", activation="relu")(x)
    left = layers.Conv2D(expand, 1, padding="same", activation="relu")(x)
    right = layers.Conv2D(expand, 3, padding="same", activation="relu")(x)
    return layers.Concatenate(axis=axis)([left, right])


def afif(name, shape, classes, axis, stages=AFIF):
    """The listing: fire modules between two convolutions, a dense layer after the average pool."""
    inputs = keras.Input(shape)  # 28x28
    x = layers.Conv2D(96, 3, strides=2, activation="relu")(inputs)  # 13x13
    for modules in stages:
        x = layers.MaxPooling2D(2)(x)  # 6x6; along the height 24x3 and 192x1, along the channels 3x3 and 1x1
        for squeeze, expand in modules:
            x = fire(x, squeeze, expand, axis)  # along the height 48x6, 384x3, 384x1
    x = layers.Dropout(0.5)(x)
    x = layers.Conv2D(classes, 1)(x)
    x = layers.AveragePooling2D(13, strides=1, padding="same")(x)
    x = layers.Dense(classes, activation="softmax")(layers.Flatten()(x))
    return keras.Model(inputs, x, name=name)


def squeezenet_afif(shape, classes):
    """As published: maps of 384x1 before the average pool."""
    return afif("squeezenet_afif", shape, classes, HEIGHT)


def squeezenet_afif_channels(shape, classes):
    """The same listing along the channel axis, as it was meant."""
    return afif("squeezenet_afif_channels", shape, classes, CHANNELS)


def pool(x):
    """A 3x3 pool of stride 2 whose last window may hang over the edge, as in Caffe."""
    over = [[0, (side - 3) % 2] for side in x.shape[1:3]]
    return layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(over)(x))  # maps come from ReLU, so no maximum is below a padding of 0


def paper(name, shape, classes, opening, modules):
    """A convolution, fire modules between pools, and a convolution to the classes, globally averaged."""
    maps, kernel = opening
    inputs = keras.Input(shape)  # 224x224
    x = layers.Conv2D(maps, kernel, strides=2, activation="relu")(inputs)  # 109x109 or 111x111
    for stage in modules:
        x = pool(x)  # 54x54, 27x27, 13x13
        for squeeze, expand in stage:
            x = fire(x, squeeze, expand, CHANNELS)
    x = layers.Conv2D(classes, 1, activation="relu")(layers.Dropout(0.5)(x))
    return keras.Model(inputs, layers.Softmax()(layers.GlobalAveragePooling2D()(x)), name=name)


def squeezenet1_0(shape, classes):
    """Iandola et al.'s Table 1: 7x7 opening, pools after conv1, fire4 and fire8."""
    return paper("squeezenet1_0", shape, classes, (96, 7), AFIF)


def squeezenet1_1(shape, classes):
    """The authors' cheaper release: 3x3 opening, pools after conv1, fire3 and fire5."""
    return paper("squeezenet1_1", shape, classes, (64, 3), PAPER_1_1)
