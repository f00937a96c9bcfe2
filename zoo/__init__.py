"""The networks of three studies, each one function ``(shape, classes) -> keras.Model``.

``MODELS`` is the whole registry: model name -> the module that holds the function of that name, and
the input and classes of its source. ResNets for small images can be built at any depth: resnet56_v1.
Importing this package imports no Keras; building a network does.
"""

import re
from bisect import bisect_left
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from operator import index

MODELS = {
    # name: (module, (height, width, channels) and classes that its source uses)
    "lenet5": ("lenet", (28, 28, 1), 10),
    "lenet5_report": ("lenet", (28, 28, 1), 10),
    "vgg_like": ("vgg", (28, 28, 1), 10),
    "resnet20_v1": ("resnet_cifar", (32, 32, 3), 10),
    "resnet20_v2": ("resnet_cifar", (32, 32, 3), 10),
    "squeezenet_afif": ("squeezenet", (28, 28, 1), 10),
    "squeezenet_afif_channels": ("squeezenet", (28, 28, 1), 10),
    "squeezenet1_0": ("squeezenet", (224, 224, 3), 1000),
    "squeezenet1_1": ("squeezenet", (224, 224, 3), 1000),
    "alexnet": ("alexnet", (224, 224, 3), 1000),
    "alexnet_imagenet32": ("alexnet", (224, 224, 3), 200),
    "alexnet_imagenet32_rows": ("alexnet", (224, 224, 3), 200),
    "alexnet_64": ("alexnet", (64, 64, 3), 10),
    "vgg11": ("vgg", (224, 224, 3), 1000),
    "vgg11_lrn": ("vgg", (224, 224, 3), 1000),
    "vgg13": ("vgg", (224, 224, 3), 1000),
    "vgg16_c": ("vgg", (224, 224, 3), 1000),
    "vgg16": ("vgg", (224, 224, 3), 1000),
    "vgg19": ("vgg", (224, 224, 3), 1000),
    "resnet18": ("resnet", (224, 224, 3), 1000),
    "resnet34": ("resnet", (224, 224, 3), 1000),
    "resnet34_leaky": ("resnet", (64, 64, 3), 10),
    "resnet50": ("resnet", (224, 224, 3), 1000),
    "resnet101": ("resnet", (224, 224, 3), 1000),
    "resnet152": ("resnet", (224, 224, 3), 1000),
    "imagenet32_cnn": ("imagenet32_cnn", (32, 32, 3), 200),
    "searched_cnn": ("searched_cnn", (32, 32, 3), 10),
    "densenet121": ("densenet", (224, 224, 3), 1000),
    "densenet121_transfer_swish": ("densenet", (32, 32, 3), 10),
    "densenet121_transfer_relu": ("densenet", (32, 32, 3), 10),
    "densenet121_own_1": ("densenet", (32, 32, 3), 200),
    "densenet121_own_2": ("densenet", (32, 32, 3), 200),
    "densenet121_finetune_1": ("densenet", (32, 32, 3), 10),
    "densenet121_finetune_2": ("densenet", (224, 224, 3), 10),
    "densenet121_finetune_3": ("densenet", (224, 224, 3), 10),
}
ANY_DEPTH = re.compile(r"resnet([1-9]\d*)_v([12])")  # of He et al.'s networks for small images
LARGEST_SEARCHED = 256  # pixels a side; where the search for a network's least input gives up


class WeightsMissing(OSError):
    """Pretrained weights are neither here nor to be had."""


def names():
    """The names that ``build`` takes, in the order of the studies: a list of str."""
    return list(MODELS)


def module(name):
    """Full name of the module that holds a model's function."""
    return f"zoo.{MODELS[name][0]}"


def build(name, shape, classes):
    """Build one network, not compiled, ending in a softmax over the classes.

    Args:
        name: one of ``names()``, or such as resnet56_v1: He et al.'s for small images, of any legal depth.
        shape: (height, width, channels) of one image, in pixels.
        classes: number of classes, at least 1.

    Returns:
        keras.Model from float images (N, height, width, channels) to probabilities (N, classes), which are
        float32 in mixed precision, too.

    Raises:
        KeyError: the name is unknown; the message lists the known ones.
        ValueError: the network cannot take such an image; the message names the size, the layer
            that fails and the least square input that fits. Or no network has that depth.
    """
    function = _function(name)
    try:
        *shape, classes = numbers = [index(number) for number in (*shape, classes)]
        if len(numbers) != 4 or min(numbers) < 1:
            raise ValueError
    except (TypeError, ValueError):
        problem = f"{name}: need (height, width, channels) and classes, whole and at least 1; got {shape!r} and {classes!r}"
        raise ValueError(problem) from None
    shape = tuple(shape)
    complaint = _complaint(function, shape, classes)
    if isinstance(complaint, str):
        raise ValueError(
            f"{name} cannot take an image of {'x'.join(map(str, shape))}: {complaint}; "
            f"the least square input is {_least_side(function, shape[2], classes)}"
        )
    return softmax_in_float32(complaint)


def softmax_in_float32(model):
    """The model, its last layer in float32 where the precision is mixed: 8 bits are too few for a probability's logarithm."""
    if model.layers[-1].compute_dtype in ("bfloat16", "float16"):
        model.layers[-1].dtype_policy = "float32"
    return model


def _function(name):
    if name in MODELS:
        return getattr(import_module(module(name)), name)
    if found := ANY_DEPTH.fullmatch(name):
        return import_module("zoo.resnet_cifar").of_depth(int(found[1]), int(found[2]))
    raise KeyError(f"unknown model {name!r}; known: {', '.join(names())} and, of any depth, resnet56_v1 or resnet56_v2")


def weightless(function, *arguments):
    """Call a function in which networks are built without weights: for counting, never for running.

    In a thread of its own: per thread, Keras remembers the weights that still lack a value and gives
    them one at the next opportunity.
    """

    def call():
        from keras import StatelessScope

        with StatelessScope(initialize_variables=False):
            return function(*arguments)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


def _complaint(function, shape, classes):
    """The model, or as a str what is wrong with building it for that shape."""
    try:
        model = function(shape, classes)
    except ValueError as error:
        # Keras says it in two ways, over several lines: for convolutions and for pools.
        met = re.search(r"inputs.shape=(.*?)`, `(?:kernel.shape|pool_size)=(.*?)`", str(error))
        layer = re.search(r"calling (\w+)\.call", str(error))
        if not met:
            raise
        return f"layer {layer[1] if layer else 'Conv2D'} with a window of {met[2]} meets maps of {met[1]}"
    for layer in model.layers:
        # Keras builds a layer with an empty output without a word: a pool larger than its input.
        if 0 in layer.output.shape[1:]:
            return f"layer {layer.name} has an empty output {layer.output.shape[1:]}"
    return model


def _least_side(function, channels, classes):
    def fits(side):
        return not isinstance(_complaint(function, (side, side, channels), classes), str)

    sides = range(1, LARGEST_SEARCHED + 1)
    place = weightless(lambda: bisect_left(sides, True, key=fits))
    return f"{sides[place]}x{sides[place]}" if place < len(sides) else f"over {LARGEST_SEARCHED}x{LARGEST_SEARCHED}"
