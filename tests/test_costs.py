"""Parameters and multiply-accumulates of every network, against what its source or torchvision prints."""

import pytest

import zoo
from tests.small_networks import native, stand_for
from zoo.cost import cost

pytestmark = pytest.mark.quick
PUBLISHED = ("parameters", "trainable", "millions", "gmacs", "he")


@pytest.mark.parametrize("name", [name for name, model in zoo.models().items() if model.source])
def test_a_network_costs_what_its_source_says(name):
    """Of what the source does not say, the count itself is expected."""
    published, price = zoo.models()[name], cost(native(name))
    assert (published.parameters or price.parameters) == price.parameters
    assert (published.trainable or price.trainable) == price.trainable
    assert (published.millions or round(price.parameters / 1e6)) == round(price.parameters / 1e6)
    if published.gmacs:
        digits = len(published.gmacs.partition(".")[2])
        assert published.gmacs == f"{price.macs / 1e9:.{digits}f}"
    if published.he:
        assert published.he == pytest.approx(price.macs / 1e9, rel=0.02)


def test_every_published_cost_has_a_source_and_every_source_a_cost():
    published = {name for name, model in zoo.models().items() if any(getattr(model, field) for field in PUBLISHED)}
    assert published == {name for name, model in zoo.models().items() if model.source}


@pytest.mark.parametrize("name", list(filter(stand_for, zoo.names())))
def test_a_network_is_called_what_it_is(name):
    """Of the suite's own, whose messages name it."""
    assert name == native(name).name


def test_the_counter_agrees_with_torchvision_where_only_the_architecture_is_not_the_original():
    """torchvision's AlexNet (61,100,840 parameters, 0.714 GMACs) has other layer sizes than Krizhevsky et al."""

    def count():
        import keras
        from keras import layers

        net = keras.Sequential([layers.Input((224, 224, 3)), layers.ZeroPadding2D(2), layers.Conv2D(64, 11, strides=4)])
        for maps, kernel, pooled in (192, 5, True), (384, 3, True), (256, 3, False), (256, 3, False):
            if pooled:
                net.add(layers.MaxPooling2D(3, strides=2))
            net.add(layers.Conv2D(maps, kernel, padding="same"))
        for layer in layers.MaxPooling2D(3, strides=2), layers.Flatten(), layers.Dense(4096), layers.Dense(4096), layers.Dense(1000):
            net.add(layer)
        return cost(net)

    price = zoo.weightless(count)
    assert (61_100_840, "0.714") == (price.parameters, f"{price.macs / 1e9:.3f}")


def test_activation_bytes_are_those_of_every_layers_output():
    def count():
        import keras

        layers = keras.layers
        inner = keras.Sequential([layers.Input((4, 4, 2)), layers.Conv2D(3, 3)])
        return cost(keras.Sequential([layers.Input((4, 4, 2)), inner, layers.Flatten(), layers.Dense(5)]))

    price = zoo.weightless(count)
    assert (2 * 2 * 3 + 12 + 5) * 4 == price.activation_bytes
    assert 3 * 3 * 2 * 3 * 4 + 12 * 5 == price.macs


@pytest.mark.parametrize(("precision", "size"), [("bfloat16", 2), ("float16", 2), ("float32", 4), ("float64", 8)])
def test_activation_bytes_are_those_of_the_precision(precision, size):
    def count():
        import keras

        return cost(keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(5, dtype=precision)]))

    assert 5 * size == zoo.weightless(count).activation_bytes
