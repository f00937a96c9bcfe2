"""What a network costs: parameters, multiply-accumulates and the bytes of its activations, for one image.

Multiply-accumulates are those of convolutions and dense layers, biases apart, as the papers and
torchvision count them. Only shapes are read, so a network without weights will do: zoo.weightless.
"""

import math
from typing import NamedTuple


class Cost(NamedTuple):
    parameters: int
    trainable: int
    macs: int  # multiply-accumulates of one image's forward pass
    activation_bytes: int  # of every layer's output for one image, in the precision that it computes in


def cost(model):
    """Cost of a keras.Model for one image of the size that it was built for."""
    layers = list(_layers(model))
    return Cost(
        parameters=model.count_params(),
        trainable=sum(math.prod(weight.shape) for weight in model.trainable_weights),
        macs=sum(macs(layer) for layer in layers),
        activation_bytes=sum(math.prod(layer.output.shape[1:]) * _bytes(layer.output.dtype) for layer in layers),
    )


def macs(layer):
    """Multiply-accumulates of one layer for one image; 0 of one that multiplies by no weights.

    Raises:
        NotImplementedError: the layer has a kernel, but is of a kind that nobody has counted yet.
    """
    if not hasattr(layer, "kernel"):
        return 0
    kind, kernel = type(layer).__name__, math.prod(layer.kernel.shape)
    if kind == "Conv2D":  # each weight meets each place of the output once
        return kernel * math.prod(layer.output.shape[1:3])
    if kind == "Dense":
        return kernel
    raise NotImplementedError(f"multiply-accumulates of a {kind} layer ({layer.name})")


def _layers(model):
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _layers(layer)
        else:
            yield layer


def _bytes(dtype):
    import numpy as np

    return 2 if dtype in ("bfloat16", "float16") else np.dtype(dtype).itemsize
