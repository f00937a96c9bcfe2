"""What a network costs: parameters, multiply-accumulates and the bytes of its activations, for one image.

Multiply-accumulates are those of convolutions, dense layers and attention's products; biases, pooling and
normalisation count 0, as in the papers and torchvision. Only shapes are read, so a network without
weights will do: zoo.weightless.
"""

import math
from typing import NamedTuple

from zoo.tally import tally


class Cost(NamedTuple):
    parameters: int
    trainable: int
    macs: int  # multiply-accumulates of one image's forward pass; at least these where uncounted is not empty
    activation_bytes: int  # of every layer's output for one image, in the precision that it computes in
    uncounted: tuple = ()  # names of layers that hold what cannot be seen: outer/inner in models inside models

    def said(self, number):
        """A number of multiply-accumulates, as text: "at least" it where something is uncounted."""
        return f"at least {number}" if self.uncounted else number


def cost(model, seen=None):
    """Cost of a keras.Model for one image of the size that it was built for.

    Args:
        model: built, with or without weights.
        seen: its zoo.tally.tally, where there is one already.
    """
    seen = tally(model) if seen is None else seen
    return Cost(
        parameters=model.count_params(),
        trainable=sum(math.prod(weight.shape) for weight in model.trainable_weights),
        macs=sum(seen.macs.values()),
        activation_bytes=seen.activation_bytes,
        uncounted=tuple("/".join(path) or model.name for path in seen.uncounted),
    )
