"""Multiply-accumulates and text of the networks of keras.applications: what people bring that the zoo does not have."""

import pytest

import zoo
from zoo.cost import cost
from zoo.graph import graph

pytestmark = pytest.mark.slow

# The first as their papers or torchvision print them: 301, 57, 386, 564 and 569 million, 4.456 and 5.713 billion; the others as counted.
APPLICATIONS = {
    "MobileNetV2": 300_774_272,
    "MobileNetV3Small": 56_510_400,
    "EfficientNetB0": 385_814_752,
    "NASNetMobile": 563_638_816,
    "MobileNet": 568_740_352,
    "ConvNeXtTiny": 4_455_531_264,
    "InceptionV3": 5_713_216_096,
    "EfficientNetV2B0": 718_086_176,
    "InceptionResNetV2": 13_155_794_016,
    "ResNet50V2": 3_482_255_360,
    "Xception": 8_357_403_496,
}


@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_network_of_keras_costs_what_is_known_of_it_and_has_a_text(name):
    import keras

    def seen():
        side = 299 if "ception" in name else 224
        model = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3))
        return cost(model), graph(model)

    its, text = zoo.weightless(seen)
    assert (APPLICATIONS[name], ()) == (its.macs, its.uncounted)
    assert text.startswith("input ")
    assert text.endswith("softmax")
