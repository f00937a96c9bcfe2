"""The registry: a model without optional fields passes the quick tests, and an image that it cannot take is refused."""

import sys
from types import ModuleType

import pytest

import zoo
from tests import test_costs, test_shapes

pytestmark = pytest.mark.self


@pytest.fixture
def add(monkeypatch):
    """A function that adds a model called mine to the zoo, without any optional field."""

    def added(function):
        module = ModuleType("zoo.mine")
        module.mine = function
        monkeypatch.setitem(sys.modules, "zoo.mine", module)
        monkeypatch.setitem(zoo.MODELS, "mine", zoo.Model("mine", (9, 9, 1), 3))

    return added


def network(shape, classes, kernel=4):
    from keras import Sequential, layers

    hidden = [layers.Conv2D(2, kernel), layers.GlobalAveragePooling2D()]
    return Sequential([layers.Input(shape), *hidden, layers.Dense(classes, activation="softmax")], name="mine")


def test_a_model_without_optional_fields_passes_the_tests_of_shapes_and_costs(add):
    add(network)
    test_shapes.test_output_and_parameters_follow_from_the_input("mine")
    test_costs.test_a_network_costs_what_its_source_says("mine")
    test_costs.test_every_published_cost_has_a_source_and_every_source_a_cost()
    test_shapes.test_every_formula_is_of_a_model()


def test_a_wrong_cost_or_one_without_a_source_fails(add, monkeypatch):
    add(network)
    monkeypatch.setitem(zoo.MODELS, "mine", zoo.MODELS["mine"]._replace(parameters=42))
    with pytest.raises(AssertionError):
        test_costs.test_every_published_cost_has_a_source_and_every_source_a_cost()
    with pytest.raises(AssertionError):
        test_costs.test_a_network_costs_what_its_source_says("mine")


def test_the_least_side_is_that_of_the_smallest_image_a_model_takes():
    assert [8, 28, 32] == [zoo.least_side(name, 1, 10) for name in ("lenet5", "resnet20_v1", "vgg16")]


def test_a_models_own_error_for_an_image_is_quoted(add):
    def choosy(shape, classes):
        if min(shape[:2]) < 7:
            raise ValueError("Input size must be at least 7x7\nand more lines")
        return network(shape, classes)

    add(choosy)
    with pytest.raises(
        ValueError, match="^mine cannot take an image of 6x6x1: Input size must be at least 7x7; the least square input is 7x7$"
    ):
        zoo.build("mine", (6, 6, 1), 3)


def test_an_error_at_every_size_is_raised_unchanged(add):
    def broken(shape, classes):
        raise ValueError("units must be positive")

    add(broken)
    with pytest.raises(ValueError, match="^units must be positive$"):
        zoo.build("mine", (9, 9, 1), 3)


def test_the_error_says_if_the_least_side_is_over_256(add):
    add(lambda shape, classes: network(shape, classes, kernel=257))
    assert None is zoo.least_side("mine", 1, 3)
    with pytest.raises(ValueError, match=r"^mine cannot take an image of 9x9x1: layer Conv2D .*; the least square input is over 256x256$"):
        zoo.build("mine", (9, 9, 1), 3)
