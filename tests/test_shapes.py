"""Shapes and parameter counts over input sizes, against formulas that know nothing of Keras."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from tests.formulas import COUNTS, LEAST

pytestmark = pytest.mark.quick


RUN = [
    "lenet5",
    "lenet5_report",
    "vgg_like",
    "resnet20_v1",
    "resnet20_v2",
    "squeezenet_afif",
    "squeezenet1_1",
    "resnet18",
    "imagenet32_cnn",
]


@pytest.mark.parametrize("name", zoo.names())
def test_output_and_parameters_follow_from_the_input(name):
    """On one input the networks whose only news is their depth, on four the others."""
    examples = 1 if name in ("vgg13", "vgg19", "resnet34", "resnet101", "resnet152") else 4
    settings(max_examples=examples, deadline=None)(given(data=st.data())(_follows))(name)


def _follows(name, data):
    height, width = (data.draw(st.integers(LEAST[name], LEAST[name] + 20), label=side) for side in ("height", "width"))
    channels, classes = data.draw(st.integers(1, 4), label="channels"), data.draw(st.integers(1, 12), label="classes")
    model = zoo.weightless(zoo.build, name, (height, width, channels), classes)
    assert (None, classes) == model.output_shape
    assert COUNTS[name](height, width, channels, classes) == model.count_params()


@pytest.mark.parametrize("name", ["resnet20_v1", "resnet20_v2"])
def test_the_odd_size_of_the_study_follows_the_formula_too(name):
    assert COUNTS[name](28, 28, 1, 10) == zoo.weightless(zoo.build, name, (28, 28, 1), 10).count_params()


def test_what_is_built_without_weights_leaves_nothing_behind():
    import keras

    networks = []
    zoo.weightless(lambda: networks.append(zoo.build("lenet5", (28, 28, 1), 10)))
    with keras.StatelessScope():  # gives a value to whatever still lacks one
        pass
    assert all(weight._value is None for weight in networks[0].weights)


@pytest.mark.parametrize("name", RUN)
def test_probabilities_come_out_for_any_batch(name):
    images = np.random.default_rng(0).random((3, 33, 29, 1), "float32")
    answers = zoo.build(name, (33, 29, 1), 5).predict(images, verbose=0)
    assert (3, 5) == answers.shape
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    "name", ["lenet5", "vgg_like", "resnet20_v1", "squeezenet_afif", "squeezenet1_0", "alexnet", "vgg11", "imagenet32_cnn"]
)
def test_an_image_too_small_is_refused_with_the_least_size_and_the_layer(name):
    least = 28 if name.startswith("resnet20") else LEAST[name]
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
    for place in range(7):
        neighbours = x[..., max(0, place - 2) : place + 3]
        expected[..., place] = x[..., place] / (2 + 1e-4 * (neighbours**2).sum(axis=-1)) ** 0.75
    np.testing.assert_allclose(np.asarray(local_response_normalisation(x)), expected, rtol=1e-5)
