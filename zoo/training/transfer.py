"""Transfer learning: the body and the head of a network, frozen layers, pretrained weights.

A family of the zoo whose networks have a body names it in its own file:

    BODY_END = "relu"           name of the body's last layer
    WEIGHTS = "weights.h5"      the file that Keras keeps its weights from ImageNet in
    def imagenet_body():        a keras.Model of the same layers with those weights, which Keras fetches
"""

from zoo import WeightsMissing


def body(network, family):
    """The layers of a network before its head, in order.

    Args:
        network: keras.Model.
        family: module that holds the model's function, or None.

    Raises:
        ValueError: the family does not name the end of the network's body.
    """
    names = [layer.name for layer in network.layers]
    end = getattr(family, "BODY_END", None)
    if end not in names:
        problem = f"BODY_END of its family ({family.__name__ if family else 'none'}) is not one of its layers"
        raise ValueError(f"{network.name} has no body: {problem}; leave out pretrained and phases")
    return network.layers[: names.index(end) + 1]


def pretrain(network, family):
    """Give the body of a network the weights that its family has from ImageNet; the head stays as it is.

    Args:
        network: keras.Model for images of 3 channels.
        family: module that holds the model's function.

    Raises:
        ValueError: the network has no body, or does not take the three channels of ImageNet's images.
        zoo.WeightsMissing: the weights are not in Keras's cache and cannot be fetched; the message says where they belong.
    """
    layers = body(network, family)
    if network.input_shape[-1] != 3:
        raise ValueError(f"{network.name} takes {network.input_shape[-1]} channels; the weights from ImageNet are for 3")
    try:
        source = family.imagenet_body()
    except Exception as error:  # Keras raises a bare Exception where a download fails
        raise WeightsMissing(
            f"the ImageNet weights for {network.name} are not here and cannot be fetched ({error}); "
            f"put {family.WEIGHTS} into ~/.keras/models, or $KERAS_HOME/models"
        ) from error
    for layer, trained in zip(layers, source.layers, strict=True):
        layer.set_weights(trained.get_weights())


def set_trainable(network, trained, family=None):
    """Choose which layers of a network are trained; the others are frozen.

    Args:
        network: keras.Model.
        trained: "all", "head", or N: the head and the last N layers of the body.
        family: module that holds the model's function; not needed for "all".

    Raises:
        ValueError: the network has no body, or its body has fewer layers.
    """
    frozen = []
    if trained != "all":
        layers, free = body(network, family), 0 if trained == "head" else trained
        if not 0 <= free <= len(layers):
            raise ValueError(f"{network.name} cannot train the last {free} layers of a body of {len(layers)}")
        frozen = layers[: len(layers) - free]
    for layer in network.layers:
        layer.trainable = layer not in frozen
