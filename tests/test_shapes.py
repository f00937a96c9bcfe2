"""Shapes and parameter counts over input sizes, against formulas that know nothing of Keras."""

import contextlib
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from tests.formulas import COUNTS, resnet_cifar_v1, resnet_cifar_v2
from tests.small_networks import CLASSES, least, native

pytestmark = pytest.mark.quick


def slow(name):
    """Networks of over a hundred layers, which Keras takes most of a second to build."""
    return len(native(name).layers) > 100


@pytest.mark.parametrize("name", zoo.names())
def test_output_and_parameters_follow_from_the_input(name):
    """On as many inputs as the profile says; the slow ones on a tenth, and on their own size alone under dev."""
    model, count = zoo.models()[name], COUNTS.get(name)
    assert (None, model.classes) == native(name).output_shape
    if count:
        assert count(*model.shape, model.classes) == native(name).count_params()
    if model.least is None:
        _fits_from_its_least_side_on(name, count)
    elif examples := settings().max_examples // (10 if slow(name) else 1):
        settings(max_examples=examples)(given(data=st.data())(_follows))(name, model.least, count)


def _follows(name, least, count, data):
    height, width = (data.draw(st.integers(least, least + 20), label=side) for side in ("height", "width"))
    channels, classes, images = (
        data.draw(st.integers(1, top), label=what) for what, top in (("channels", 4), ("classes", 12), ("batch", 7))
    )
    model = zoo.weightless(zoo.build, name, (height, width, channels), classes)
    assert (images, classes) == model.compute_output_shape((images, height, width, channels))
    if count:
        assert count(height, width, channels, classes) == model.count_params()


def _fits_from_its_least_side_on(name, count):
    """In place of drawn sizes, for a model whose row does not say the least one: that one, and others that it may take."""
    channels, side = zoo.models()[name].shape[2], least(name)
    if side is None:  # more than is searched, or sizes that are not all that lie above one
        return
    assert _is_of_its_size(name, (side, side, channels), count)
    if side > 1:
        with pytest.raises(ValueError, match=f"{re.escape(name)} cannot take an image of {side - 1}x{side - 1}x{channels}: "):
            zoo.weightless(zoo.build, name, (side - 1, side - 1, channels), CLASSES)

    @settings(max_examples=max(1, settings().max_examples // (20 if slow(name) else 1)))
    @given(height=st.integers(side, side + 20), width=st.integers(side, side + 20).filter(lambda width: width != side))
    def check(height, width):
        with contextlib.suppress(ValueError):  # it may take squares alone, or multiples of its patches
            assert _is_of_its_size(name, (height, width, channels), count)

    check()


def _is_of_its_size(name, shape, count):
    model = zoo.weightless(zoo.build, name, shape, CLASSES)
    return (None, CLASSES) == model.output_shape and (count is None or count(*shape, CLASSES) == model.count_params())


def test_every_formula_is_of_a_model():
    assert COUNTS.keys() <= zoo.models().keys()


@pytest.mark.parametrize(("version", "step", "count"), [(1, 6, resnet_cifar_v1), (2, 9, resnet_cifar_v2)])
def test_a_resnet_for_small_images_follows_its_formula_at_any_depth(version, step, count):
    @settings(max_examples=min(4, settings().max_examples))
    @given(data=st.data(), blocks=st.integers(1, 8))
    def check(data, blocks):
        _follows(f"resnet{step * blocks + 2}_v{version}", 29, count(blocks), data)
        studied = zoo.weightless(zoo.build, f"resnet{step * blocks + 2}_v{version}", (28, 28, 1), 10)
        assert (f"resnet{step * blocks + 2}_v{version}", count(blocks)(28, 28, 1, 10)) == (studied.name, studied.count_params())

    check()


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("resnet21_v1", "resnet21_v1: v1 has 6n . 2 layers, such as 8, 14, 20"),
        ("resnet20_v2x", "unknown model 'resnet20_v2x'"),
        ("resnet2_v1", "resnet2_v1: v1 has 6n"),
        ("resnet12_v2", "resnet12_v2: v2 has 9n . 2 layers, such as 11, 20, 29"),
        ("resnet20_v3", "unknown model 'resnet20_v3'"),
    ],
)
def test_a_depth_that_no_network_has_is_refused(name, complaint):
    with pytest.raises((ValueError, KeyError), match=complaint):
        zoo.build(name, (32, 32, 3), 10)


def test_what_is_built_without_weights_leaves_nothing_behind():
    import keras

    networks = []
    zoo.weightless(lambda: networks.append(zoo.build("lenet5", (28, 28, 1), 10)))
    with keras.StatelessScope():  # gives a value to whatever still lacks one
        pass
    assert all(weight._value is None for weight in networks[0].weights)


@pytest.mark.parametrize("name", ["lenet5", "vgg_like", "resnet20_v1", "squeezenet1_0", "alexnet", "imagenet32_cnn"])
def test_an_image_too_small_is_refused_with_the_least_size_and_the_layer(name):
    least = 28 if name.startswith("resnet20") else zoo.models()[name].least
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
    with pytest.raises(KeyError, match="unknown model 'lenet6'; known: lenet5, lenet5_report"):
        zoo.build("lenet6", (28, 28, 1), 10)


def test_local_response_normalisation_divides_by_the_squares_of_five_neighbours():
    from zoo.vgg import local_response_normalisation

    x = np.random.default_rng(0).normal(size=(1, 2, 1, 7)).astype("float32") * 100
    expected = np.empty_like(x)
    for index in range(7):
        neighbours = x[..., max(0, index - 2) : index + 3]
        expected[..., index] = x[..., index] / (2 + 1e-4 * (neighbours**2).sum(axis=-1)) ** 0.75
    np.testing.assert_allclose(np.asarray(local_response_normalisation(x)), expected, rtol=1e-5)
