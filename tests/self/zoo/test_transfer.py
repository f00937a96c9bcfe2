"""Transfer learning: which layers a phase trains, and pretrained weights in the right layers, or the reason why not."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.small_networks import native
from zoo.training import transfer

pytestmark = pytest.mark.self


def network(name="mine", channels=3):
    """A body of two layers with weights, called a and b, and a head of two more."""
    import keras

    layers = keras.layers
    body = [layers.Conv2D(2, 1, name="a"), layers.Conv2D(2, 1, name="b")]
    head = [layers.Flatten(name="c"), layers.Dense(2, name="d"), layers.Softmax(name="e")]
    return keras.Sequential([layers.Input((2, 2, channels)), *body, *head], name=name)


def family(source=None):
    """A module of the zoo whose networks have a body that ends in b."""

    def imagenet_body():
        if source is None:
            raise Exception("URL fetch failure on https://...: None -- no route")  # as keras.utils.get_file raises it
        return source

    return SimpleNamespace(__name__="zoo.mine", BODY_END="b", WEIGHTS="mine.h5", imagenet_body=imagenet_body)


def test_phases_train_the_head_some_layers_or_all():
    model = network()
    for trained, free in ("head", "cde"), (1, "bcde"), (2, "abcde"), ("all", "abcde"):
        transfer.set_trainable(model, trained, family())
        assert list(free) == [layer.name for layer in model.layers if layer.trainable]


@pytest.mark.parametrize("trained", [3, -1])
def test_more_layers_than_the_body_has_cannot_be_trained(trained):
    with pytest.raises(ValueError, match=f"mine cannot train the last {trained} layers of a body of 2"):
        transfer.set_trainable(network(), trained, family())


@pytest.mark.parametrize("without", [None, SimpleNamespace(__name__="zoo.lenet"), SimpleNamespace(__name__="zoo.x", BODY_END="z")])
def test_a_network_without_a_body_is_refused_by_name(without):
    for change in transfer.pretrain, lambda *args: transfer.set_trainable(args[0], "head", args[1]):
        with pytest.raises(
            ValueError, match="lenet9 has no body: BODY_END of its family .(none|zoo.lenet|zoo.x). is not one of its layers"
        ):
            change(network("lenet9"), without)


def test_all_layers_can_be_trained_without_a_family():
    model = network()
    model.layers[0].trainable = False
    transfer.set_trainable(model, "all")
    assert all(layer.trainable for layer in model.layers)


def test_pretrained_weights_go_into_the_body_and_the_head_stays():
    model, source = network(), network()
    source.pop(), source.pop(), source.pop()
    head = model.get_layer("d").get_weights()
    transfer.pretrain(model, family(source))
    for name in "ab":
        np.testing.assert_array_equal(source.get_layer(name).get_weights()[0], model.get_layer(name).get_weights()[0])
    np.testing.assert_array_equal(head[0], model.get_layer("d").get_weights()[0])


def test_weights_that_cannot_be_fetched_are_an_error_with_file_and_folder():
    import zoo

    with pytest.raises(zoo.WeightsMissing, match=r"for mine are not here .*fetch failure.*put mine.h5 into .*models"):
        transfer.pretrain(network(), family())


def test_pretrained_weights_are_refused_for_grey_images():
    with pytest.raises(ValueError, match="mine takes 1 channels; the weights from ImageNet are for 3"):
        transfer.pretrain(network(channels=1), family())


def test_the_body_of_densenet_fits_the_weights_of_keras_applications(monkeypatch):
    import keras

    from zoo import densenet

    model, options_seen = native("densenet121_transfer_relu"), []
    monkeypatch.setattr(keras.applications, "DenseNet121", lambda **options: options_seen.append(options))
    densenet.imagenet_body()
    assert [{"include_top": False, "weights": "imagenet"}] == options_seen
    body = transfer.body(model, densenet)
    *expected, _, _ = native("densenet121").layers  # without the pool and the softmax
    assert [[weight.shape for weight in layer.weights] for layer in expected] == [
        [weight.shape for weight in layer.weights] for layer in body
    ]
    assert "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5" == densenet.WEIGHTS
    try:
        transfer.set_trainable(model, 12, densenet)
        assert [False] * (len(body) - 12) + [True] * (len(model.layers) - len(body) + 12) == [layer.trainable for layer in model.layers]
    finally:
        transfer.set_trainable(model, "all")
