"""What a recipe may say: every key with its values, and what is refused in one line."""

import pytest

from tests.self.zoo.small_training import RECIPE
from zoo.training import keys

pytestmark = pytest.mark.self


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"stopping": {"patience": 1}}, "stopping needs a validation_split or held_out: the test images must not decide"),
        ({"augment": {"shfit": 0.1}}, "augment has an unknown key 'shfit'; known: shift, flip, interpolation"),
        ({"batch": None}, "key 'batch' is missing; known: input"),
        ({"batchsize": 5}, "unknown key 'batchsize'; known: input"),
        ({"augment": True}, "augment is True, not a table"),
        (
            {"augment": {"shift": 0.1, "interpolation": "cubic"}},
            "augment has a key 'interpolation' that is 'cubic'; known: nearest, bilinear",
        ),
        ({"stopping": {}, "held_out": 5}, "stopping lacks the key 'patience'; known: patience, restore_best"),
        ({"held_out": 5, "validation_split": 0.1}, "two ways to do the same"),
        ({"size": [8, 8]}, "size and interpolation go together"),
        ({"phases": [{"from": 0}]}, "phases has a phase .* that lacks the key 'train'; known: from, train, optimizer"),
        ({"phases": [{"from": 1, "train": "all"}]}, r"phases begin at epochs \[1\]; the first begins at 0"),
        ({"phases": [{"from": 0, "train": "tail"}]}, "is 'tail'; known: all, head, or a number of layers"),
        ({"batch": "ten"}, "batch is 'ten', not a whole number of at least 1"),
        ({"epochs": 0}, "epochs is 0, not a whole number of at least 1"),
        ({"l2": "much"}, "l2 is 'much', not a number of at least 0"),
        ({"validation_split": 10}, "validation_split is 10, not a number from 0 to 1"),
        ({"size": [8], "interpolation": "nearest"}, r"size is \[8\], not a list of two whole numbers"),
        ({"optimizer": "Adam"}, "optimizer is 'Adam', not a table"),
        ({"optimizer": {}}, "optimizer has a name that is None, not a text, such as Adam"),
        ({"optimizer": {"name": "Adam", "schedule": "step"}}, "optimizer has a schedule that is 'step'; known: cosine"),
        ({"optimizer": {"name": "Adam", "rates": [1]}}, r"optimizer has rates = \[1\], not a list such as"),
        (
            {"optimizer": {"name": "Adam", "schedule": "cosine", "rates": [[1, 0.1]]}},
            "has a schedule and rates, which both set the learning rate",
        ),
        (
            {"optimizer": {"name": "Adam", "schedule": "cosine"}, "plateau": {"factor": 0.1, "patience": 3}},
            "plateau and the optimizer's schedule both set the learning rate",
        ),
        ({"optimizer": {"name": "Adam", "schedule": "cosine"}}, "an optimizer has a schedule without a learning_rate"),
        ({"augment": {"flip": 1}}, "augment has a key 'flip' that is 1, not true or false"),
        ({"epochs": True}, "epochs is True, not a whole number"),
        ({"epochs": 1.0}, "epochs is 1.0, not a whole number"),
        ({"l2": -0.1}, "l2 is -0.1, not a number of at least 0"),
        ({"l2": True}, "l2 is True, not a number"),
        ({"validation_split": -0.1}, "validation_split is -0.1, not a number from 0 to 1"),
        ({"note": 5}, "note is 5, not a text"),
        ({"size": [0, 8], "interpolation": "nearest"}, r"size is \[0, 8\], not a list of two"),
        ({"size": "88", "interpolation": "nearest"}, "size is '88', not a list of two"),
        ({"interpolation": "nearest"}, "size and interpolation go together"),
        ({"optimizer": {"name": "Adam", "rates": 5}}, "optimizer has rates = 5, not a list"),
        ({"optimizer": {"name": "Adam", "rates": "ab"}}, "optimizer has rates = 'ab', not a list"),
        ({"optimizer": {"name": "Adam", "rates": [[1, 0.1], [2]]}}, "optimizer has rates = .*, not a list"),
        ({"optimizer": {"name": "Adam", "rates": [[1, -0.1]]}}, "optimizer has rates = .*, not a list"),
        ({"optimizer": {"name": "Adam", "rates": [[-1, 0.1]]}}, "optimizer has rates = .*, not a list"),
        ({"phases": []}, r"phases is \[\], not a list of tables"),
        ({"phases": {}}, r"phases is \{\}, not a list of tables"),
        ({"phases": [{"from": 0, "train": -1}]}, "is -1; known: all, head, or a number of layers"),
        ({"phases": [{"from": 0, "train": "all"}, {"from": 0, "train": "all"}]}, r"phases begin at epochs \[0, 0\]"),
        ({"phases": [{"from": 0, "train": "all"}, {"from": 5, "train": "all"}, {"from": 3, "train": "all"}]}, r"epochs \[0, 5, 3\]"),
        ({"phases": [{"from": 0, "train": "all", "optimizer": {"name": "SGD", "schedule": "cosine"}}]}, "without a learning_rate"),
        ({"phases": [{"from": 0, "train": "all", "optimizer": 5}]}, "has a key 'optimizer' that is 5, not a table"),
        ({"search": {"trials": 1, "hours": 1, "patience": 1, "space": 5}, "held_out": 5}, "has a key 'space' that is 5, not a table"),
        ({"search": {"trials": 1, "hours": 1, "patience": 1, "space": {}}}, "search needs a validation_split or held_out"),
        ({"stopping": {"patience": 1}, "validation_split": 0}, "stopping needs a validation_split or held_out"),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused_by_key_and_what_is_known(change, complaint):
    recipe = {key: value for key, value in {**RECIPE, **change}.items() if value is not None}
    with pytest.raises(ValueError, match=f"^recipe mine: .*{complaint}") as caught:
        keys.check("mine", recipe)
    assert "\n" not in str(caught.value)


def test_a_recipe_may_have_every_known_key():
    more = {
        "size": [32, 32],
        "interpolation": "nearest",
        "images": [30, 10],
        "steps": 3,
        "augment": {"shift": 0.1, "flip": True},
        "held_out": 500,
        "plateau": {"factor": 0.3, "patience": 3, "min_rate": 1e-6, "cooldown": 0},
        "stopping": {"patience": 3, "restore_best": True},
        "l2": 1e-4,
        "pretrained": "imagenet",
        "phases": [{"from": 0, "train": "head"}, {"from": 1, "train": 12}, {"from": 2, "train": "all", "optimizer": {"name": "SGD"}}],
        "search": {"trials": 3, "hours": 1.0, "patience": 5, "space": {}},
        "note": "ours",
    }
    keys.check("mine", {**RECIPE, **more})
    keys.check("mine", {**RECIPE, "validation_split": 0.1, "stopping": {"patience": 0}})
    for bound in {"validation_split": 0}, {"validation_split": 1}, {"epochs": 1}, {"l2": 0}, {"size": [1, 1], "interpolation": "nearest"}:
        keys.check("mine", {**RECIPE, **bound})
    stepped = {"name": "SGD", "rates": [[0, 0], [1, 0.1]]}
    keys.check("mine", {**RECIPE, "optimizer": stepped, "plateau": {"factor": 0.1, "patience": 3}})
    keys.check("mine", {**RECIPE, "optimizer": {"name": "SGD", "learning_rate": 0.1, "schedule": "cosine", "rates": []}})
    assert keys.KEYS.keys() == {**RECIPE, **more, "validation_split": 0.1}.keys()
