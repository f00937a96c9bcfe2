"""Recipes: the network gets what the recipe says, and a wrong recipe is refused."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.self.zoo.small_training import RECIPE, network, noise, train
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


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [("raw", [0.0, 255.0]), ("scaled", [0.0, 1.0]), ("mean_subtracted", [-0.5, 0.5])],
)
def test_the_images_reach_the_network_as_the_recipe_says(scaling, expected):
    seen = []

    class Watch(keras.layers.Layer):
        def call(self, x):
            seen.append(x)
            return x

    images = np.array([0, 255], "uint8").reshape(2, 1, 1, 1)
    recipe = {**RECIPE, "input": scaling}
    layers = [keras.layers.Input((1, 1, 1)), Watch(), keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")]
    recipes.trainer(keras.Sequential(layers), recipe, images)(images)
    np.testing.assert_allclose(np.ravel(keras.ops.convert_to_numpy(seen[-1])), expected, atol=1e-6)


def test_augmentation_shifts_by_at_most_its_share_and_only_in_training():
    images = np.zeros((64, 10, 10, 1), "uint8")
    images[:, 5, 5] = 255
    outputs = keras.Sequential([keras.layers.Input((10, 10, 1)), keras.layers.Flatten()])
    trainer = recipes.trainer(outputs, {**RECIPE, "augment": {"shift": 0.1, "flip": False}}, images)
    seen = keras.ops.convert_to_numpy(trainer(images, training=True)).reshape(64, 10, 10)
    rows, columns = seen.sum(axis=2), seen.sum(axis=1)
    for profile in rows, columns:
        assert 0 == profile[:, [0, 1, 2, 3, 7, 8, 9]].max()
        assert len(np.unique(profile[:, 5].round(4))) > 30
    still = keras.ops.convert_to_numpy(trainer(images, training=False)).reshape(64, 10, 10)
    np.testing.assert_array_equal(still, images[..., 0] / np.float32(255))


def test_a_flip_that_is_false_and_a_trainer_without_augmentation_change_nothing():
    images = np.random.default_rng(0).integers(0, 256, (16, 6, 6, 1)).astype("uint8")
    outputs = keras.Sequential([keras.layers.Input((6, 6, 1)), keras.layers.Flatten()])
    for augment, augmented in ({"flip": False}, True), ({"flip": True, "shift": 0.5}, False):
        trainer = recipes.trainer(outputs, {**RECIPE, "augment": augment}, images, augmented)
        seen = keras.ops.convert_to_numpy(trainer(images, training=True)).reshape(images.shape)
        np.testing.assert_allclose(seen, images / np.float32(255), rtol=1e-6)


def test_a_nearest_shift_moves_pixels_and_mixes_none():
    images = np.random.default_rng(0).integers(0, 2, (32, 10, 10, 1)).astype("uint8") * 255
    outputs = keras.Sequential([keras.layers.Input((10, 10, 1)), keras.layers.Flatten()])
    for how, mixed in ("nearest", False), ("bilinear", True):
        trainer = recipes.trainer(outputs, {**RECIPE, "augment": {"shift": 0.2, "interpolation": how}}, images)
        seen = keras.ops.convert_to_numpy(trainer(images, training=True))
        assert mixed == (len(np.unique(seen.round(4))) > 2)
        assert (seen.reshape(images.shape) != images / 255).any(axis=(1, 2, 3)).mean() > 0.5


def test_a_flip_is_left_to_right_and_a_shift_fills_with_the_nearest_pixel():
    images = np.zeros((64, 10, 10, 1), "uint8")
    images[:, 0, :5] = 255
    outputs = keras.Sequential([keras.layers.Input((10, 10, 1)), keras.layers.Flatten()])
    flipped = recipes.trainer(outputs, {**RECIPE, "augment": {"flip": True}}, images)
    seen = keras.ops.convert_to_numpy(flipped(images, training=True)).reshape(64, 10, 10)
    left, right = seen[:, 0, :5].min(axis=1), seen[:, 0, 5:].min(axis=1)
    np.testing.assert_array_equal(left + right, 1)
    assert 0 < right.sum() < 64
    assert 0 == seen[:, 1:].max()
    shifted = recipes.trainer(outputs, {**RECIPE, "augment": {"shift": 0.3}}, images)
    edge = np.zeros_like(images)
    edge[:, :, 0] = 255
    seen = keras.ops.convert_to_numpy(shifted(edge, training=True)).reshape(64, 10, 10)
    assert np.diff(seen, axis=2).max() < 1e-6  # a reflection would bring the dark back to the left of the edge
    assert 1.5 < seen.sum(axis=2).max() < 4.5


def test_a_cosine_schedule_ends_with_the_last_step(data):
    rate = recipes.optimizer({"name": "Adam", "learning_rate": 0.01, "schedule": "cosine"}, steps=10)._learning_rate
    assert 0.01 == pytest.approx(float(rate(0)))
    assert 0.005 == pytest.approx(float(rate(5)))  # five batches of 16 out of 70 images, twice
    assert 0 == pytest.approx(float(rate(10)))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"optimizer": {"name": "Adamm"}}, "unknown optimizer 'Adamm'"),
        ({"optimizer": {"name": "Adam", "learning_rate": 1.0, "schedule": "step"}}, "unknown schedule 'step'"),
    ],
)
def test_an_unknown_optimizer_or_schedule_is_refused(data, change, complaint):
    with pytest.raises(ValueError, match=complaint):
        train(network, data, {**RECIPE, **change}, 0)


def test_nearest_resizing_equals_pillows(data):
    from PIL import Image

    images = np.random.default_rng(1).integers(0, 256, (3, 64, 48, 3)).astype("uint8")
    for height, width in (32, 32), (17, 96):
        recipe = {**RECIPE, "input": "raw", "size": [height, width], "interpolation": "nearest"}
        outputs = keras.Sequential([keras.layers.Input((height, width, 3)), keras.layers.Flatten()])
        seen = keras.ops.convert_to_numpy(recipes.trainer(outputs, recipe, images)(images)).reshape(3, height, width, 3)
        theirs = [np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.NEAREST)) for image in images]
        np.testing.assert_array_equal(theirs, seen)


def test_the_subtracted_mean_is_that_of_the_resized_images():
    images = np.random.default_rng(1).integers(0, 256, (20, 8, 8, 1)).astype("uint8")
    recipe = {**RECIPE, "input": "mean_subtracted", "size": [13, 13], "interpolation": "bilinear"}
    outputs = keras.Sequential([keras.layers.Input((13, 13, 1)), keras.layers.Flatten()])
    seen = keras.ops.convert_to_numpy(recipes.trainer(outputs, recipe, images)(images))
    np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-6)
    assert seen.std() > 0.1


def test_a_recipe_may_use_only_the_first_images_of_each_split(data):
    recipe = {**RECIPE, "images": [40, 7], "validation_split": 0.25}
    fitted, watched, tested = recipes.fitted_and_watched(recipe, data)
    assert (30, 10, 7) == (len(fitted[0]), len(watched[1]), len(tested[1]))
    np.testing.assert_array_equal(data.x_train[:40], np.concatenate([fitted[0], watched[0]]))
    np.testing.assert_array_equal(data.y_test[:7], tested[1])
    seen = train(network, data, recipe, 0)
    assert seen["accuracy"] * 7 == pytest.approx(round(seen["accuracy"] * 7))


def test_without_held_out_images_the_test_images_are_watched_and_some_images_must_be_left(data):
    fitted, watched, tested = recipes.fitted_and_watched(RECIPE, data)
    assert watched is tested
    np.testing.assert_array_equal(data.x_train, fitted[0])
    with pytest.raises(ValueError, match=r"validation_split = 1 leaves none of 70 images to train on; lower it"):
        recipes.fitted_and_watched({**RECIPE, "validation_split": 1}, data)


def test_held_out_images_are_of_every_class_even_if_sorted_by_class():
    labels = np.repeat(np.arange(20), 50)
    data = SimpleNamespace(x_train=labels.reshape(-1, 1, 1, 1), y_train=labels, x_test=labels[:5], y_test=labels[:5])
    for in_recipe, held_out in (100, 100), (30, 30), (500, 200):  # a fifth at most
        (images, fitted), (others, watched), _ = recipes.fitted_and_watched({"held_out": in_recipe}, data)
        assert [held_out, 1000] == [len(watched), len(watched) + len(fitted)]
        assert set(range(20)) == set(watched) == set(fitted)
        assert [*fitted, *watched] == [*images.ravel(), *others.ravel()]


def test_the_penalty_is_the_strength_times_the_squared_kernels():
    model = network()
    recipes.penalise(model, 0.5)
    kernels = [keras.ops.convert_to_numpy(layer.kernel) for layer in model.layers if hasattr(layer, "kernel")]
    assert 2 == len(kernels)
    assert 0.5 * sum((kernel**2).sum() for kernel in kernels) == pytest.approx(float(sum(model.losses)), rel=1e-5)


def test_phases_end_where_the_next_begins_or_the_training_ends_and_have_optimizers_of_their_own():
    adam, sgd = {"name": "Adam"}, {"name": "SGD"}
    tables = [{"from": 0, "train": "head"}, {"from": 2, "train": 3, "optimizer": sgd}, {"from": 5, "train": "all"}]
    recipe = {"optimizer": adam, "phases": tables}
    assert [(0, 2, "head", adam), (2, 3, 3, sgd), (5, 4, "all", adam)] == recipes.phases({**recipe, "epochs": 9})
    assert [(0, 2, "head", adam), (2, 1, 3, sgd)] == recipes.phases({**recipe, "epochs": 3})[:2]
    assert 3 == sum(max(each.epochs, 0) for each in recipes.phases({**recipe, "epochs": 3}))
    assert [(0, 9, "all", adam)] == recipes.phases({"optimizer": adam, "epochs": 9})


def test_the_last_rate_whose_epoch_has_begun_holds():
    table = {"name": "SGD", "rates": [[2, 0.1], [4, 0.01]]}
    assert [None, None, 0.1, 0.1, 0.01, 0.01] == [recipes.rate(table, epoch) for epoch in range(6)]
    assert recipes.rate({"name": "SGD"}, 3) is None


def test_an_optimizer_has_its_hyper_parameters_and_not_the_suites_keys():
    made = recipes.optimizer({"name": "SGD", "learning_rate": 0.5, "momentum": 0.25, "rates": [[1, 0.1]]}, steps=10)
    assert (0.5, 0.25) == (float(made.learning_rate), made.momentum)


def test_plateau_and_stopping_are_kerass_callbacks_on_the_watched_loss():
    assert [] == recipes.callbacks(RECIPE)
    (plateau,) = recipes.callbacks({"plateau": {"factor": 0.5, "patience": 3, "min_rate": 0.01, "cooldown": 2}})
    assert (0.5, 3, 0.01, 2, "val_loss") == (plateau.factor, plateau.patience, plateau.min_lr, plateau.cooldown, plateau.monitor)
    assert 0 == recipes.callbacks({"plateau": {"factor": 0.5, "patience": 3}})[0].min_lr
    for table, best in ({"patience": 4}, False), ({"patience": 4, "restore_best": True}, True):
        (stopping,) = recipes.callbacks({"stopping": table})
        assert (4, best, "val_loss") == (stopping.patience, stopping.restore_best_weights, stopping.monitor)
        assert "min" == stopping.mode
    assert "min" == plateau.mode
    assert 2 == len(recipes.callbacks({"plateau": {"factor": 0.5, "patience": 3}, "stopping": {"patience": 4}}))


def test_an_epoch_is_one_pass_with_its_last_batch_or_the_recipes_own_steps():
    assert [1, 5, 4, 7] == [
        recipes.steps_an_epoch({"batch": 16, **steps}, images) for steps, images in (({}, 16), ({}, 70), ({}, 64), ({"steps": 7}, 70))
    ]
