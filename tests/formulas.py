"""How many parameters each network has for an input of h x w x c and k classes: arithmetic without Keras.

``COUNTS`` holds the formulas. A model without a formula has fewer checks.
"""

from itertools import pairwise


def conv(inputs, outputs, kernel):
    return kernel * kernel * inputs * outputs + outputs


def dense(inputs, outputs):
    return inputs * outputs + outputs


def chain(widths):
    """Dense layers one after another."""
    return sum(dense(a, b) for a, b in pairwise(widths))


def lenet5(h, w, c, k):
    def side(n):
        return ((n - 2) // 2 - 1) // 2

    return conv(c, 6, 3) + conv(6, 16, 2) + chain([side(h) * side(w) * 16, 256, k])


def lenet5_report(h, w, c, k):
    def side(n):
        return (n // 2 - 4) // 2 - 4

    return conv(c, 6, 5) + conv(6, 16, 5) + conv(16, 120, 5) + chain([side(h) * side(w) * 120, 84, k])


def vgg_like(h, w, c, k):
    def side(n):
        return (n // 2 - 2) // 3

    convolutions = conv(c, 32, 3) + conv(32, 64, 3) + conv(64, 128, 3) + conv(128, 256, 3)
    return convolutions + chain([side(h) * side(w) * 256, 256, 256, k])


def vgg(widths, ones=()):
    """A network whose convolutions have these maps, in order; ``ones`` are the indices of the 1x1 convolutions."""

    def count(h, w, c, k):
        inputs = [c, *widths]
        convolutions = sum(conv(a, b, 1 if index in ones else 3) for index, (a, b) in enumerate(pairwise(inputs)))
        return convolutions + chain([(h // 32) * (w // 32) * 512, 4096, 4096, k])

    return count


def _cifar_head(h, w, maps, k):
    h, w = (32, 32) if (h, w) == (28, 28) else (h, w)
    return dense((-(-h // 4) // 8) * (-(-w // 4) // 8) * maps, k)


def _cifar_opening(h, w, c):
    return conv(c, 16, 3) + (0 if (h, w) == (28, 28) else 4 * 16)


def resnet_cifar_v1(blocks):
    """A network with that number of blocks in each stage."""

    def count(h, w, c, k):
        total = _cifar_opening(h, w, c) + _cifar_head(h, w, 64, k)
        for inputs, maps in (16, 16), (16, 32), (32, 64):
            shortcut = conv(inputs, maps, 1) if inputs != maps else 0
            total += conv(inputs, maps, 3) + (2 * blocks - 1) * conv(maps, maps, 3) + 2 * blocks * 4 * maps + shortcut
        return total

    return count


def resnet_cifar_v2(blocks):
    def count(h, w, c, k):
        total = _cifar_opening(h, w, c) + _cifar_head(h, w, 256, k) + 4 * 256
        for inputs, middle, maps in (16, 16, 64), (64, 64, 128), (128, 128, 256):
            total += conv(inputs, middle, 1) + conv(inputs, maps, 1) + (blocks - 1) * (conv(maps, middle, 1) + 4 * maps)
            total += blocks * (conv(middle, middle, 3) + conv(middle, maps, 1) + 4 * 2 * middle)
            total += 0 if maps == 64 else 4 * inputs  # the network's opening block is not normalised
        return total

    return count


def normalised(inputs, outputs, kernel):
    """A convolution without bias, and its batch normalisation."""
    return kernel * kernel * inputs * outputs + 4 * outputs


def resnet(blocks, expansion):
    """He et al.'s Table 1: 64, 128, 256 and 512 maps, those of a bottleneck four times as many at its end."""

    def count(h, w, c, k):
        total, inputs = normalised(c, 64, 7), 64
        for maps, number in zip((64, 128, 256, 512), blocks, strict=True):
            for index in range(number):
                outputs = expansion * maps
                if expansion == 1:
                    total += normalised(inputs, maps, 3) + normalised(maps, maps, 3)
                else:
                    total += normalised(inputs, maps, 1) + normalised(maps, maps, 3) + normalised(maps, outputs, 1)
                if not index and (maps > 64 or inputs != outputs):
                    total += normalised(inputs, outputs, 1)
                inputs = outputs
        return total + dense(inputs, k)

    return count


FIRES = [(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)]


def fires(inputs, wide):
    """All eight modules; wide where the maps of both expand convolutions are joined, so that the next module reads twice as many."""
    total = 0
    for squeeze, expand in FIRES:
        total += conv(inputs, squeeze, 1) + conv(squeeze, expand, 1) + conv(squeeze, expand, 3)
        inputs = expand * (2 if wide else 1)
    return total


def squeezenet_afif(h, w, c, k):
    high = ((((h - 1) // 2 // 2) * 8 // 2) * 16 // 2) * 2
    wide = (w - 1) // 2 // 2 // 2 // 2
    return conv(c, 96, 3) + fires(96, wide=False) + conv(256, k, 1) + dense(high * wide * k, k)


def squeezenet_afif_channels(h, w, c, k):
    pixels = ((h - 1) // 2 // 8) * ((w - 1) // 2 // 8)
    return conv(c, 96, 3) + fires(96, wide=True) + conv(512, k, 1) + dense(pixels * k, k)


def squeezenet1_0(h, w, c, k):
    return conv(c, 96, 7) + fires(96, wide=True) + conv(512, k, 1)


def squeezenet1_1(h, w, c, k):
    return conv(c, 64, 3) + fires(64, wide=True) + conv(512, k, 1)


def alexnet(kernel, hidden, pool):
    def count(h, w, c, k):
        def side(n):
            n = -(-n // 4)
            for _ in range(3):
                n = (n - pool) // 2 + 1
            return n

        convolutions = conv(c, 96, 11) + conv(96, 256, kernel) + conv(256, 384, 3) + conv(384, 384, 3) + conv(384, 256, 3)
        return convolutions + chain([side(h) * side(w) * 256, *hidden, k])

    return count


def imagenet32_cnn(h, w, c, k):
    def side(n):
        for _ in range(3):
            n = (n - 2) // 2
        return n

    maps = [c, 64, 64, 256, 256, 128, 128]
    return sum(conv(a, b, 3) for a, b in pairwise(maps)) + chain([side(h) * side(w) * 128, 256, 512, k])


def searched_cnn(h, w, c, k):
    return normalised(c, 64, 3) + 2 * normalised(64, 64, 3) + dense(64, k)


def densenet121(convolutions=(), hidden=()):
    """Huang et al.'s Table 1 with a growth rate of 32, then 3x3 convolutions and hidden layers."""

    def count(h, w, c, k):
        total, maps = normalised(c, 64, 7), 64
        for layers in 6, 12, 24, 16:
            for _ in range(layers):
                total += 4 * maps + normalised(maps, 128, 1) + 128 * 32 * 9
                maps += 32
            total += 4 * maps
            if layers != 16:
                total += maps * maps // 2
                maps //= 2
        widths = [maps, *convolutions]
        return total + sum(conv(a, b, 3) for a, b in pairwise(widths)) + chain([widths[-1], *hidden, k])

    return count


VGG_A = [64, 128, 256, 256, 512, 512, 512, 512]
VGG_B = [64, 64, 128, 128, 256, 256, 512, 512, 512, 512]
VGG_D = [64, 64, 128, 128, 256, 256, 256, *[512] * 6]

COUNTS = {
    "lenet5": lenet5,
    "lenet5_report": lenet5_report,
    "vgg_like": vgg_like,
    "resnet20_v1": resnet_cifar_v1(3),
    "resnet20_v2": resnet_cifar_v2(2),
    "squeezenet_afif": squeezenet_afif,
    "squeezenet_afif_channels": squeezenet_afif_channels,
    "squeezenet1_0": squeezenet1_0,
    "squeezenet1_1": squeezenet1_1,
    "alexnet": alexnet(5, [4096, 4096], 3),
    "alexnet_imagenet32": alexnet(5, [4096, 4096, 1000], 2),
    "alexnet_imagenet32_rows": alexnet(11, [4096, 4096, 1000], 2),
    "alexnet_64": alexnet(5, [4096, 4096], 2),
    "vgg11": vgg(VGG_A),
    "vgg11_lrn": vgg(VGG_A),
    "vgg13": vgg(VGG_B),
    "vgg16_c": vgg(VGG_D, ones=(6, 9, 12)),
    "vgg16": vgg(VGG_D),
    "vgg19": vgg([64, 64, 128, 128, *[256] * 4, *[512] * 8]),
    "resnet18": resnet((2, 2, 2, 2), 1),
    "resnet34": resnet((3, 4, 6, 3), 1),
    "resnet34_leaky": resnet((3, 4, 6, 3), 1),
    "resnet50": resnet((3, 4, 6, 3), 4),
    "resnet101": resnet((3, 4, 23, 3), 4),
    "resnet152": resnet((3, 8, 36, 3), 4),
    "imagenet32_cnn": imagenet32_cnn,
    "searched_cnn": searched_cnn,
    "densenet121": densenet121(),
    **dict.fromkeys(("densenet121_transfer_swish", "densenet121_transfer_relu", "densenet121_finetune_1"), densenet121((), (512, 512))),
    "densenet121_own_1": densenet121(),
    "densenet121_own_2": densenet121((), (1024,)),
    **dict.fromkeys(("densenet121_finetune_2", "densenet121_finetune_3"), densenet121((64,) * 4, (12, 24, 16))),
}
