"""DenseNet121 from keras.applications, with the heads that the imagenet32 study prints.

The study prints widths, activations and dropout rates. What it does not state is our choice: heads follow
the global average of DenseNet's maps; dropout follows each hidden layer; heads without a printed activation
use ReLU. Fine-tuning 2 and 3 are built as printed, four convolutions of 64 maps and layers of 12, 24 and 16
units, though these numbers look like the block sizes of DenseNet121 itself; ``densenet121`` with ten classes
is that other reading. The "12 layers" of its transfer learning can only be the layers that are trained;
which layers are trained or frozen is up to the recipe.
"""

import keras
from keras import layers

BODY_END = "relu"  # see zoo/training/transfer.py
WEIGHTS = "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5"


def network(name, shape, classes, convolutions=(), hidden=(), dropout=0.0, activation="relu"):
    """DenseNet121 without its top, 3x3 convolutions, hidden layers each followed by dropout, a softmax."""
    # Not input_shape, for which keras.applications demands a least size that the network does not need.
    inputs = keras.Input(shape)  # 224x224
    densenet = keras.applications.DenseNet121(include_top=False, weights=None, input_tensor=inputs)
    return keras.Model(inputs, head(densenet.output, classes, convolutions, hidden, dropout, activation), name=name)


def head(x, classes, convolutions, hidden, dropout, activation):
    """From DenseNet's maps, 7x7x1024 for an image of 224x224, to probabilities."""
    for maps in convolutions:
        x = layers.Conv2D(maps, 3, padding="same", activation=activation)(x)
    x = layers.GlobalAveragePooling2D()(x)
    if dropout and not hidden:
        x = layers.Dropout(dropout)(x)
    for units in hidden:
        x = layers.Dropout(dropout)(layers.Dense(units, activation=activation)(x))
    return layers.Dense(classes, activation="softmax")(x)


def imagenet_body():
    """DenseNet121 without its top, with the weights that keras.applications has from ImageNet."""
    return keras.applications.DenseNet121(include_top=False, weights="imagenet")


def densenet121(shape, classes):
    """Huang et al.'s Table 1: 8,062,504 parameters at 224x224x3 and 1,000 classes."""
    return network("densenet121", shape, classes)


def densenet121_transfer_swish(shape, classes):
    """Transfer learning on CIFAR-10, with Swish."""
    return network("densenet121_transfer_swish", shape, classes, hidden=(512, 512), dropout=0.35, activation="swish")


def densenet121_transfer_relu(shape, classes):
    """Transfer learning on CIFAR-10, with ReLU."""
    return network("densenet121_transfer_relu", shape, classes, hidden=(512, 512), dropout=0.35)


def densenet121_own_1(shape, classes):
    """The study's own data, experiment 1: no hidden layer is printed."""
    return network("densenet121_own_1", shape, classes, dropout=0.4)


def densenet121_own_2(shape, classes):
    """The study's own data, experiment 2."""
    return network("densenet121_own_2", shape, classes, hidden=(1024,), dropout=0.2)


def densenet121_finetune_1(shape, classes):
    """Fine-tuning on CIFAR-10, experiment 1."""
    return network("densenet121_finetune_1", shape, classes, hidden=(512, 512), dropout=0.4, activation="swish")


def densenet121_finetune_2(shape, classes):
    """Fine-tuning on CIFAR-10, experiment 2, as printed."""
    return network("densenet121_finetune_2", shape, classes, (64,) * 4, (12, 24, 16), dropout=0.4)


def densenet121_finetune_3(shape, classes):
    """Fine-tuning on CIFAR-10, experiment 3: experiment 2's network under another optimizer."""
    return network("densenet121_finetune_3", shape, classes, (64,) * 4, (12, 24, 16), dropout=0.4)
