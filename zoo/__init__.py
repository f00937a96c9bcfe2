"""The networks of three studies, each one function ``(shape, classes) -> keras.Model``.

``MODELS`` is the whole registry, one line a model. ResNets for small images can be built at any depth:
resnet56_v1. Importing this package imports no Keras; building a network does.
"""

import functools
import operator
import re
from bisect import bisect_left
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import NamedTuple

from zoo import project


class Model(NamedTuple):
    """A model's row. What follows the classes is optional, and makes the tests stricter."""

    module: str  # in this folder, which holds the function of the model's name
    shape: tuple  # (height, width, channels) that its source uses
    classes: int  # that its source uses
    least: int | None = None  # least side of a square input, in pixels
    parameters: int | None = None  # published, as is all below, of that shape and those classes
    trainable: int | None = None  # parameters
    millions: int | None = None  # of parameters, where no more digits are printed
    gmacs: str | None = None  # thousand millions of multiply-accumulates for one image, with the digits as printed
    he: float | None = None  # the same in the FLOP row of He et al.'s Table 1, which the counts reach within 2 %
    source: str | None = None  # of these numbers


IMAGENET = (224, 224, 3)
AFIF = "afif report, Figure 4.1"
RESNET20 = f"{AFIF}; 40.81 million multiply-accumulates"
LECUN = "LeCun et al. 1998 has 60,000 with its sparse second convolution; 61,706 with a full one"
HE = "torchvision; He et al., Table 1"
SIMONYAN = "Simonyan & Zisserman, Table 2"
TOTAL, ROWS = "imagenet32 study, total of its layer table", "imagenet32 study, with the second convolution of its layer table"

MODELS = {
    "lenet5": Model("lenet", (28, 28, 1), 10, 8, parameters=150_742, source=AFIF),
    "lenet5_report": Model("lenet", (28, 28, 1), 10, 28, parameters=61_706, source=LECUN),
    "vgg_like": Model("vgg", (28, 28, 1), 10, 10, parameters=1_505_034, source=AFIF),
    # 28x28 itself is padded by these two, which take nothing else under 29x29.
    "resnet20_v1": Model("resnet_cifar", (32, 32, 3), 10, 29, parameters=274_442, gmacs="0.04081", source=RESNET20),
    "resnet20_v2": Model("resnet_cifar", (32, 32, 3), 10, 29, parameters=574_090, source=AFIF),
    "squeezenet_afif": Model("squeezenet", (28, 28, 1), 10, 17, parameters=711_956, source=AFIF),
    "squeezenet_afif_channels": Model("squeezenet", (28, 28, 1), 10, 17),
    "squeezenet1_0": Model("squeezenet", IMAGENET, 1000, 21, parameters=1_248_424, gmacs="0.819", source="torchvision"),
    "squeezenet1_1": Model("squeezenet", IMAGENET, 1000, 17, parameters=1_235_496, gmacs="0.349", source="torchvision"),
    "alexnet": Model("alexnet", IMAGENET, 1000, 57),
    "alexnet_imagenet32": Model("alexnet", IMAGENET, 200, 29, parameters=76_210_032, source=TOTAL),
    "alexnet_imagenet32_rows": Model("alexnet", IMAGENET, 200, 29, parameters=78_569_328, source=ROWS),
    "alexnet_64": Model("alexnet", (64, 64, 3), 10, 29),
    "vgg11": Model("vgg", IMAGENET, 1000, 32, parameters=132_863_336, gmacs="7.609", source="torchvision"),
    "vgg11_lrn": Model("vgg", IMAGENET, 1000, 32, millions=133, source=SIMONYAN),
    "vgg13": Model("vgg", IMAGENET, 1000, 32, parameters=133_047_848, gmacs="11.308", source="torchvision"),
    "vgg16_c": Model("vgg", IMAGENET, 1000, 32, millions=134, source=SIMONYAN),
    "vgg16": Model("vgg", IMAGENET, 1000, 32, parameters=138_357_544, gmacs="15.470", source="torchvision"),
    "vgg19": Model("vgg", IMAGENET, 1000, 32, parameters=143_667_240, gmacs="19.632", source="torchvision"),
    "resnet18": Model("resnet", IMAGENET, 1000, 1, trainable=11_689_512, gmacs="1.814", he=1.8, source=HE),
    "resnet34": Model("resnet", IMAGENET, 1000, 1, trainable=21_797_672, gmacs="3.664", he=3.6, source=HE),
    "resnet34_leaky": Model("resnet", (64, 64, 3), 10, 1),
    "resnet50": Model("resnet", IMAGENET, 1000, 1, trainable=25_557_032, he=3.8, source=HE),
    "resnet101": Model("resnet", IMAGENET, 1000, 1, trainable=44_549_160, he=7.6, source=HE),
    "resnet152": Model("resnet", IMAGENET, 1000, 1, trainable=60_192_808, he=11.3, source=HE),
    "imagenet32_cnn": Model("imagenet32_cnn", (32, 32, 3), 200, 22),
    "searched_cnn": Model("searched_cnn", (32, 32, 3), 10, 1),
    "densenet121": Model("densenet", IMAGENET, 1000, 29, 8_062_504, 7_978_856, gmacs="2.834", source="keras.applications; torchvision"),
    "densenet121_transfer_swish": Model("densenet", (32, 32, 3), 10, 29),
    "densenet121_transfer_relu": Model("densenet", (32, 32, 3), 10, 29),
    "densenet121_own_1": Model("densenet", (32, 32, 3), 200, 29),
    "densenet121_own_2": Model("densenet", (32, 32, 3), 200, 29),
    "densenet121_finetune_1": Model("densenet", (32, 32, 3), 10, 29),
    "densenet121_finetune_2": Model("densenet", IMAGENET, 10, 29),
    "densenet121_finetune_3": Model("densenet", IMAGENET, 10, 29),
}
ANY_DEPTH = re.compile(r"resnet([1-9]\d*)_v([12])")  # of He et al.'s networks for small images
LARGEST_SEARCHED = 256  # pixels a side; where the search for a network's least input gives up


class WeightsMissing(OSError):
    """Pretrained weights are neither here nor to be had."""


def models():
    """Name -> Model of every model: ours in the order of the studies, then the project's."""
    own = project.models()
    if both := own.keys() & MODELS.keys():
        raise ValueError(f"{project.folder()}: the suite has a model {min(both)!r} already; name yours otherwise")
    return {**MODELS, **own}


def names():
    """The names that ``build`` takes, in the order of ``models``: a list of str."""
    return list(models())


def module(name):
    """The module that holds a model's function."""
    if name in MODELS:
        return import_module(f"zoo.{MODELS[name].module}")
    return project.module(f"zoo.{models()[name].module}")


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
    *shape, classes = _whole(name, shape, classes)
    shape = tuple(shape)
    try:
        return softmax_in_float32(_built(function, shape, classes))
    except _Unfit as unfit:
        least = least_side(name, shape[2], classes)
        if unfit.__cause__ and (least is None or least <= min(shape[:2])):  # whatever it is, it is not the size
            raise unfit.__cause__ from None
        least = f"{least}x{least}" if least else f"over {LARGEST_SEARCHED}x{LARGEST_SEARCHED}"
        problem = f"{name} cannot take an image of {'x'.join(map(str, shape))}: {unfit}; the least square input is {least}"
    raise ValueError(problem)


def _whole(name, shape, classes):
    """Height, width, channels and classes as ints of at least 1."""
    try:
        numbers = [operator.index(number) for number in (*shape, classes)]
        if len(numbers) == 4 and min(numbers) >= 1:
            return numbers
    except TypeError:
        pass
    raise ValueError(f"{name}: need (height, width, channels) and classes, whole and at least 1; got {shape!r} and {classes!r}")


def least_side(name, channels, classes):
    """Least side of a square input that a model takes, in pixels: an int, or None where it is over ``LARGEST_SEARCHED``."""
    return _least_side(_function(name), channels, classes)


@functools.lru_cache(maxsize=100)
def _least_side(function, channels, classes):
    def fits(side):
        try:
            return side > 0 and bool(_built(function, (side, side, channels), classes))
        except _Unfit:
            return False

    # From 0 on, so that powers of 2 are tried: some networks take multiples of a patch or of a stride alone.
    side = weightless(lambda: bisect_left(range(LARGEST_SEARCHED + 1), True, key=fits))
    return side if side <= LARGEST_SEARCHED else None


def softmax_in_float32(model):
    """The model, its last layer in float32 where the precision is mixed: 8 bits are too few for a probability's logarithm."""
    if model.layers[-1].compute_dtype in ("bfloat16", "float16"):
        model.layers[-1].dtype_policy = "float32"
    return model


def _function(name):
    if name in MODELS:
        return getattr(module(name), name)
    if name in models():
        return project.function(models()[name].module, name)
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


class _Unfit(ValueError):
    """A network cannot be built for that size: which layer fails, and how."""


def _built(function, shape, classes):
    """The model for that shape; _Unfit where it cannot take it, with the error as its cause where one was raised that is not Keras's."""
    try:
        model = function(shape, classes)
    except (OSError, ImportError, MemoryError, Warning):  # which no size avoids
        raise
    except Exception as error:  # a shape that does not fit is a TypeError, too, or a division by zero
        # Keras says it in two ways, over several lines: for convolutions and for pools.
        window = re.search(r"inputs.shape=(.*?)`, `(?:kernel.shape|pool_size)=(.*?)`", str(error))
        layer = re.search(r"calling (\w+)\.call", str(error))
        if not window:
            raise _Unfit(next(iter(str(error).splitlines()), type(error).__name__)) from error
        raise _Unfit(f"layer {layer[1] if layer else 'Conv2D'} with a window of {window[2]} meets maps of {window[1]}") from None
    for layer in model.layers:
        # Keras builds a layer with an empty output without a word: a pool larger than its input.
        # What is called more than once has more than one output.
        if empty := [tensor.shape[1:] for node in layer._inbound_nodes for tensor in node.outputs if 0 in tensor.shape[1:]]:
            raise _Unfit(f"layer {layer.name} has an empty output {empty[0]}")
    return model
