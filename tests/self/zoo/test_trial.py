"""A recipe is tried on two batches: its mistakes are found, with the key of each, and what works is not refused."""

from importlib import import_module

import numpy as np
import pytest

import zoo
from tests.self.zoo.small_training import RECIPE, plain

pytestmark = pytest.mark.self
SHAPE = (6, 6, 1)
PHASES = [{"from": 0, "train": "head"}, {"from": 30, "train": "all", "optimizer": {"name": "SGD", "learning_rat": 0.1}}]
SPACE = {"blocks": [1], "maps": [4, 0], "rate": [0.1]}


@pytest.fixture(scope="module", autouse=True)
def late_imports():
    """Keras is imported with the first test, not when tests are collected."""
    global trial
    from zoo.training import trial


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"optimizer": {"name": "Adam", "learning_rat": 0.1}}, [("optimizer", "learning_rat")]),
        ({"optimizer": {"name": "SGD", "momentum": 2.0}}, [("optimizer", "momentum")]),
        ({"optimizer": {"name": "schedules"}}, [("optimizer", "module")]),
        ({"phases": PHASES}, [("phases", "learning_rat")]),
        ({"validation_split": 1.0}, [("validation_split", "leaves none")]),
        ({"optimizer": {"name": "Adamm"}, "plateau": {"factor": 2, "patience": 1}}, [("plateau", "factor >= 1"), ("optimizer", "Adamm")]),
        ({"held_out": 5, "search": {"trials": 1, "hours": 1.0, "patience": 1, "space": {"depth": [1]}}}, [("search", "depth")]),
        ({"held_out": 5, "search": {"trials": 1, "hours": 1.0, "patience": 1, "space": SPACE}}, [("search", "filters")]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_a_recipe_that_cannot_be_followed_is_found_with_its_key(change, expected):
    found = trial.mistakes({**RECIPE, **change}, SHAPE, 4)
    assert [key for key, _ in expected] == [key for key, _ in found], found
    for (_, part), (_, problem) in zip(expected, found, strict=True):
        assert part in problem
        assert "\n" not in problem


def test_a_recipe_with_every_key_works():
    table = {
        **RECIPE,
        "optimizer": {"name": "Adam", "learning_rate": 0.01, "rates": [[50, 0.001]]},
        "size": [8, 8],
        "interpolation": "nearest",
        "augment": {"shift": 0.1, "flip": True},
        "held_out": 5,
        "plateau": {"factor": 0.3, "patience": 3, "min_rate": 1e-6, "cooldown": 0},
        "stopping": {"patience": 3, "restore_best": True},
        "l2": 1e-4,
        "phases": [{"from": 0, "train": "head"}, {"from": 7, "train": 300}],
        "epochs": 100,
    }
    assert [] == trial.mistakes(table, SHAPE, 4)


def test_a_callback_that_fails_after_an_epoch_is_found_whatever_its_patience(monkeypatch):
    import keras

    def fail(self, epoch, logs=None):
        raise RuntimeError(f"no such callback: {object()}")  # another address each time

    monkeypatch.setattr(keras.callbacks.EarlyStopping, "on_epoch_end", fail)
    ((key, problem),) = trial.mistakes({**RECIPE, "stopping": {"patience": 99}}, SHAPE, 4)
    assert ("stopping", True) == (key, problem.startswith("RuntimeError: no such callback"))


def test_the_rate_falls_within_the_try_although_the_patience_is_longer(monkeypatch):
    import keras

    rates = []
    monkeypatch.setattr(
        keras.callbacks.ReduceLROnPlateau, "on_train_end", lambda self, logs=None: rates.append(float(self.model.optimizer.learning_rate))
    )
    assert [] == trial.mistakes({**RECIPE, "plateau": {"factor": 0.5, "patience": 99}}, SHAPE, 4)
    assert [0.005] == pytest.approx(rates)


def test_a_fault_that_is_not_the_recipes_is_raised_as_it_is(monkeypatch):
    def fail(setup):
        raise MemoryError("no room on the device")

    monkeypatch.setattr(trial.training, "train", fail)
    with pytest.raises(MemoryError, match="no room"):
        trial.mistakes(RECIPE, SHAPE, 4)


@pytest.mark.parametrize(
    ("build", "family", "change", "key", "problem"),
    [
        (plain, None, {"phases": [{"from": 0, "train": "head"}]}, "phases", "has no body"),
        (plain, None, {"pretrained": "imagenet"}, "pretrained", "has no function imagenet_body"),
        (lambda: zoo.build("lenet5", (4, 4, 1), 10), None, {"size": [4, 4], "interpolation": "nearest"}, "size", "least square input"),
        (
            lambda: zoo.build("densenet121_own_1", (32, 32, 3), 10),
            "densenet",
            {"phases": [{"from": 0, "train": 999}]},
            "phases",
            "last 999 layers",
        ),
        (lambda: zoo.build("densenet121_own_1", (32, 32, 1), 10), "densenet", {"pretrained": "imagenet"}, "pretrained", "takes 1 channels"),
    ],
)
def test_what_a_cells_own_network_cannot_do_is_found_without_its_weights(build, family, change, key, problem):
    ((found, text),) = trial.unfit({**RECIPE, **change}, build, import_module(f"zoo.{family}") if family else zoo)
    assert (key, True) == (found, problem in text), text


def test_a_try_changes_nothing_in_the_training_after_it():
    from tests.self.zoo.small_training import network, noise, train

    alone = train(network, noise(), RECIPE, 3)
    trial.mistakes(RECIPE, SHAPE, 4)
    after = train(network, noise(), RECIPE, 3)
    np.testing.assert_array_equal(alone["history"]["loss"], after["history"]["loss"])


@pytest.mark.parametrize(("length", "expected"), [(300, "x" * 300), (301, "x" * 300 + " ...")])
def test_a_long_error_is_cut(length, expected):
    assert expected == trial._text(ValueError("x" * length))
