"""LeNet learns real digits from scratch, in seconds, without a download."""

import pytest

import loaders
import zoo
from baselines.cells import cells

pytestmark = pytest.mark.quick


def test_lenet_learns_the_digits():
    from zoo.training import train as training

    cell, data = cells()["lenet5-digits-digits_lenet"], loaders.load("digits")
    recipe = {**cell.recipe, "epochs": 8}
    seen = training.train(training.Setup(lambda: zoo.build(cell.model, cell.shape, cell.classes), data, recipe, seed=0))
    assert seen["history"]["accuracy"][0] < 0.9 < seen["accuracy"]
    assert seen["loss"] < 0.4
