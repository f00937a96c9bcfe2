"""Multiply-accumulates and text of networks of keras.applications, which use layers that the zoo does not."""

import pytest

import zoo
from zoo.cost import cost
from zoo.graph import graph

pytestmark = pytest.mark.slow

# The first seven agree with their papers or torchvision: 301, 57, 386, 564, 569 million, 4.456 and 5.713 billion. The others are as counted.
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
def test_a_network_of_keras_has_its_known_cost_and_a_text(name):
    import keras

    def cost_and_text():
        side = 299 if "ception" in name else 224
        model = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3))
        return cost(model), graph(model)

    costs, text = zoo.weightless(cost_and_text)
    assert (APPLICATIONS[name], ()) == (costs.macs, costs.uncounted)
    assert text.startswith("input ")
    assert text.endswith("softmax")
