"""ImageNet's weights: into the right layers, or a reason why not."""

import numpy as np
import pytest

from tests.small_networks import native

pytestmark = pytest.mark.self


class Layer:
    """A layer that remembers what it was given."""

    def __init__(self, weights=()):
        self.weights = list(weights)

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


def test_the_weights_of_densenet_go_into_the_layers_under_the_head(monkeypatch):
    import keras

    from zoo import densenet

    *body, _, _ = native("densenet121").layers  # but for its pool and its softmax
    shapes = [[weight.shape for weight in layer.weights] for layer in body]
    assert shapes == [[weight.shape for weight in layer.weights] for layer in native("densenet121_transfer_relu").layers[: len(shapes)]]

    given, asked = [Layer() for _ in range(5)], {}
    source = type("Model", (), {"layers": [Layer([np.full(2, place)]) for place in range(3)]})
    monkeypatch.setattr(keras.applications, "DenseNet121", lambda **words: asked.update(words) or source)
    densenet.imagenet_weights(type("Model", (), {"layers": given, "input_shape": (None, 32, 32, 3)}))
    assert {"include_top": False, "weights": "imagenet"} == asked
    assert [0, 1, 2] == [layer.weights[0][0] for layer in given[:3]]
    assert [[], []] == [layer.weights for layer in given[3:]]


def test_weights_that_cannot_be_had_are_a_reason_that_names_file_and_folder(monkeypatch):
    import keras

    from zoo import densenet

    def unreachable(**words):
        raise Exception("URL fetch failure on https://...: None -- no route")  # as keras.utils.get_file does

    monkeypatch.setattr(keras.applications, "DenseNet121", unreachable)
    model = type("Model", (), {"layers": [], "input_shape": (None, 32, 32, 3)})
    with pytest.raises(OSError, match=r"fetch failure.*put densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5 into .*models"):
        densenet.imagenet_weights(model)


def test_they_are_refused_for_grey_images_by_name():
    from zoo import densenet

    model = type("Model", (), {"name": "densenet121_own_1", "input_shape": (None, 32, 32, 1)})
    with pytest.raises(ValueError, match="densenet121_own_1 takes 1 channels; the weights from ImageNet are for 3"):
        densenet.imagenet_weights(model)
