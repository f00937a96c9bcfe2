"""Shapes and parameter counts over input sizes, against formulas that know nothing of Keras."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo

pytestmark = pytest.mark.quick


def conv(inputs, outputs, kernel):
    return kernel * kernel * inputs * outputs + outputs


def dense(inputs, outputs):
    return inputs * outputs + outputs


def lenet5(h, w, c, k):
    def side(n):
        return ((n - 2) // 2 - 1) // 2

    return conv(c, 6, 3) + conv(6, 16, 2) + dense(side(h) * side(w) * 16, 256) + dense(256, k)


def vgg_like(h, w, c, k):
    def side(n):
        return (n // 2 - 2) // 3

    convolutions = conv(c, 32, 3) + conv(32, 64, 3) + conv(64, 128, 3) + conv(128, 256, 3)
    return convolutions + dense(side(h) * side(w) * 256, 256) + dense(256, 256) + dense(256, k)


def _cifar_head(h, w, maps, k):
    h, w = (32, 32) if (h, w) == (28, 28) else (h, w)
    return dense((-(-h // 4) // 8) * (-(-w // 4) // 8) * maps, k)


def _cifar_opening(h, w, c):
    return conv(c, 16, 3) + (0 if (h, w) == (28, 28) else 4 * 16)


def resnet20_v1(h, w, c, k):
    count = _cifar_opening(h, w, c) + _cifar_head(h, w, 64, k)
    for inputs, maps in (16, 16), (16, 32), (32, 64):
        shortcut = conv(inputs, maps, 1) if inputs != maps else 0
        count += conv(inputs, maps, 3) + 5 * conv(maps, maps, 3) + 6 * 4 * maps + shortcut
    return count


def resnet20_v2(h, w, c, k):
    count = _cifar_opening(h, w, c) + _cifar_head(h, w, 256, k) + 4 * 256
    for inputs, middle, maps in (16, 16, 64), (64, 64, 128), (128, 128, 256):
        count += conv(inputs, middle, 1) + conv(inputs, maps, 1) + conv(maps, middle, 1)
        count += 2 * (conv(middle, middle, 3) + conv(middle, maps, 1)) + 4 * (maps + 4 * middle)
        count += 0 if maps == 64 else 4 * inputs  # the network's opening block is not normalised
    return count


def squeezenet_afif(h, w, c, k):
    def fires(inputs, pairs):
        total = 0
        for squeeze, expand in pairs:
            total += conv(inputs, squeeze, 1) + conv(squeeze, expand, 1) + conv(squeeze, expand, 3)
            inputs = expand  # the maps go on top of each other, not behind
        return total

    high = ((((h - 1) // 2 // 2) * 8 // 2) * 16 // 2) * 2
    wide = (w - 1) // 2 // 2 // 2 // 2
    stages = fires(96, [(16, 64), (16, 64), (32, 128)]) + fires(128, [(32, 128), (48, 192), (48, 192), (64, 256)])
    return conv(c, 96, 3) + stages + fires(256, [(64, 256)]) + conv(256, k, 1) + dense(high * wide * k, k)


LEAST = {"lenet5": 8, "vgg_like": 10, "resnet20_v1": 29, "resnet20_v2": 29, "squeezenet_afif": 17}


@pytest.mark.parametrize("name", zoo.names())
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_output_and_parameters_follow_from_the_input(name, data):
    height, width = (data.draw(st.integers(LEAST[name], LEAST[name] + 20), label=side) for side in ("height", "width"))
    channels, classes = data.draw(st.integers(1, 4), label="channels"), data.draw(st.integers(1, 12), label="classes")
    model = zoo.weightless(zoo.build, name, (height, width, channels), classes)
    assert (None, classes) == model.output_shape
    assert globals()[name](height, width, channels, classes) == model.count_params()


@pytest.mark.parametrize("name", zoo.names())
def test_the_odd_size_of_the_study_follows_the_formula_too(name):
    assert globals()[name](28, 28, 1, 10) == zoo.weightless(zoo.build, name, (28, 28, 1), 10).count_params()


def test_what_is_built_without_weights_leaves_nothing_behind():
    import keras

    networks = []
    zoo.weightless(lambda: networks.append(zoo.build("lenet5", (28, 28, 1), 10)))
    with keras.StatelessScope():  # gives a value to whatever still lacks one
        pass
    assert all(weight._value is None for weight in networks[0].weights)


@pytest.mark.parametrize("name", zoo.names())
def test_probabilities_come_out_for_any_batch(name):
    images = np.random.default_rng(0).random((3, 33, 29, 1), "float32")
    answers = np.asarray(zoo.build(name, (33, 29, 1), 5)(images))
    assert (3, 5) == answers.shape
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", zoo.names())
def test_an_image_too_small_is_refused_with_the_least_size_and_the_layer(name):
    least = 28 if name.startswith("resnet") else LEAST[name]
    with pytest.raises(ValueError, match=rf"^{name} cannot take an image of 5x6x1: layer .*; the least square input is {least}x{least}$"):
        zoo.weightless(zoo.build, name, (5, 6, 1), 10)
    zoo.weightless(zoo.build, name, (least, least, 1), 10)


@pytest.mark.parametrize(
    ("shape", "classes"),
    [
        *(((28, 28), 10), ((28, 28, 0), 10), ((28, 28, 1), 0), ((28.5, 28, 1), 10), ("abc", 10)),
        *((None, 10), (28, 10), ((28, 28, 1), "10"), ((28, 28, 1), None)),
    ],
)
def test_what_is_no_image_is_refused(shape, classes):
    with pytest.raises(ValueError, match="lenet5: need \\(height, width, channels\\) and classes"):
        zoo.build("lenet5", shape, classes)


def test_an_unknown_model_is_refused_by_name():
    with pytest.raises(KeyError, match="unknown model 'lenet6'; known: lenet5, vgg_like"):
        zoo.build("lenet6", (28, 28, 1), 10)
