"""A training from beginning to end: when it stops, what its phases train, what it reports and keeps."""

import functools
from types import SimpleNamespace

import pytest

from tests.self.zoo.small_training import RECIPE, network, noise, plain, train
from zoo.training import recipes

pytestmark = pytest.mark.self


@pytest.fixture(scope="module", autouse=True)
def late_imports():
    """Keras is imported with the first test, not when tests are collected."""
    global keras
    import keras


@pytest.fixture
def data():
    return noise()


def test_early_stopping_does_not_depend_on_the_test_images(data):
    recipe = {**RECIPE, "epochs": 30, "validation_split": 0.3, "stopping": {"patience": 1, "restore_best": True}}
    seen = train(network, data, recipe, seed=0)
    epochs = len(seen["train_seconds"])
    assert 1 < epochs < 30
    assert [epochs] * 5 == [len(values) for values in seen["history"].values()]
    assert {"accuracy", "loss", "validation_accuracy", "validation_loss", "learning_rate"} == seen["history"].keys()
    assert min(seen["history"]["validation_loss"]) < seen["history"]["validation_loss"][-1]
    others = SimpleNamespace(**{**vars(data), "y_test": 3 - data.y_test})
    assert seen["history"] == train(network, others, recipe, seed=0)["history"]


def test_early_stopping_keeps_the_network_of_the_best_epoch(data):
    kept, recipe = [], {**RECIPE, "epochs": 30, "held_out": 14, "stopping": {"patience": 2, "restore_best": True}}
    seen = train(network, data, recipe, seed=0, keep=kept.append)
    _, watched, tested = recipes.fitted_and_watched(recipe, data)
    kept[0].compile(loss="sparse_categorical_crossentropy")
    losses = [kept[0].evaluate(*images, batch_size=16, verbose=0) for images in (watched, tested)]
    assert losses == pytest.approx([min(seen["history"]["validation_loss"]), seen["loss"]], rel=1e-5)
    assert seen["history"]["validation_loss"][-1] > 1.001 * losses[0]


def test_each_phase_is_trained_by_its_own_optimizer(data):
    still = {"name": "SGD", "learning_rate": 0.0}
    phases = [{"from": 0, "train": "all", "optimizer": still}, {"from": 1, "train": "all"}, {"from": 2, "train": "all", "optimizer": still}]
    seen = train(plain, data, {**RECIPE, "epochs": 4, "phases": phases}, 0)["history"]
    assert [0, 0.01, 0, 0] == pytest.approx(seen["learning_rate"])
    assert seen["test_loss"][0] != seen["test_loss"][1] == seen["test_loss"][2] == seen["test_loss"][3]


def test_progress_is_reported_and_accuracy_is_a_share_of_the_images(data):
    reported = []
    seen = train(network, data, RECIPE, seed=0, progress=lambda *args: reported.append(args))
    assert [(1, 2), (2, 2)] == [args[:2] for args in reported]
    assert seen["history"]["test_accuracy"] == [args[2] for args in reported]
    assert seen["accuracy"] * 20 == round(seen["accuracy"] * 20)
    assert (seen["accuracy"], seen["loss"]) == pytest.approx((seen["history"]["test_accuracy"][-1], seen["history"]["test_loss"][-1]))
    assert seen["images_per_second"] == 70 / min(seen["train_seconds"])


def test_the_source_files_of_a_training_follow_from_its_recipe():
    from zoo.training import train as training

    def names(recipe, model):
        found = training.sources(recipe, model)
        assert ["recipes.py"] == [path.name for path in found["recipes"]]
        assert all(path.is_file() for path in found["training"])
        return [path.stem for path in found["training"]]

    epoch = f"epoch_{keras.backend.backend()}" if keras.backend.backend() in training.EPOCHS else "epoch_fit"
    always = ["train", "state", "feed", epoch]
    assert always == names(RECIPE, "lenet5")
    assert [*always, "search", "searched_cnn"] == names({**RECIPE, "search": {}}, "searched_cnn")
    for key in "pretrained", "phases":
        assert [*always, "transfer", "densenet"] == names({**RECIPE, key: {}}, "densenet121")


def test_rates_begin_with_their_epoch_and_a_plateau_lowers_the_rate(data):
    rates = {"optimizer": {"name": "SGD", "learning_rate": 0.1, "rates": [[1, 0.01], [3, 0.5]]}, "epochs": 5}
    seen = train(network, data, {**RECIPE, **rates}, 0)["history"]["learning_rate"]
    assert [0.1, 0.01, 0.01, 0.5, 0.5] == pytest.approx(seen)
    plateau = {
        "optimizer": {"name": "SGD", "learning_rate": 1e-9},
        "plateau": {"factor": 0.1, "patience": 1, "min_rate": 3e-12},
        "epochs": 6,
    }
    seen = train(plain, data, {**RECIPE, **plateau}, 0)["history"]["learning_rate"]
    assert 1e-9 == pytest.approx(seen[0])
    assert 3e-12 == pytest.approx(seen[-1])
    assert sorted(seen, reverse=True) == seen


def test_a_loss_that_is_nan_or_infinite_ends_the_training_as_diverged(data):
    diverging = {"optimizer": {"name": "SGD", "learning_rate": 1e30}, "epochs": 5, "input": "raw"}
    seen = train(network, data, {**RECIPE, **diverging}, 0)
    assert "the loss is NaN or infinite from epoch 1 on" == seen["divergence"]
    assert 1 == len(seen["train_seconds"])


def test_a_network_that_answers_one_class_for_all_has_diverged(data):
    still = {**RECIPE, "optimizer": {"name": "SGD", "learning_rate": 0.0}}
    bias = keras.initializers.Constant([0.0, 0.0, 5.0, 0.0])

    def brightest(shape, dtype=None):
        """A kernel by which the answer is the brightest of the first pixels."""
        return 9 * keras.ops.eye(*shape, dtype=dtype)

    heads = {"kernel_initializer": "zeros", "bias_initializer": bias}, {"kernel_initializer": brightest}
    seen = [train(functools.partial(plain, **head), data, still, 0) for head in heads]
    assert ["every test image is taken for class 2", None] == [each["divergence"] for each in seen]
