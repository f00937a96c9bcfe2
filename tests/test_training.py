"""The clock, the seed and the recipe: what makes the numbers of a training true."""

from types import SimpleNamespace

import numpy as np
import pytest

import loaders
from baselines import run as training_run
from baselines.cells import cells
from tests import pretend
from zoo import recipes

pytestmark = pytest.mark.quick
RECIPE = {"input": "scaled", "optimizer": {"name": "Adam", "learning_rate": 0.01}, "batch": 16, "epochs": 2}


@pytest.fixture(scope="module", autouse=True)
def late_imports():
    """Keras comes with the first test, and not when tests are collected."""
    global keras, training
    import keras

    from zoo import training


@pytest.fixture(scope="module")
def data():
    """70 images of noise in four classes, which fill no whole number of batches."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (90, 6, 6, 1)).astype("uint8"), rng.integers(0, 4, 90).astype("int32")
    return SimpleNamespace(x_train=images[:70], y_train=labels[:70], x_test=images[70:], y_test=labels[70:])


def network(extra=()):
    """Dropout draws random numbers and normalisation remembers batches: both would show a warm-up left behind."""
    layers = keras.layers
    hidden = [layers.Flatten(), *extra, layers.Dense(16), layers.BatchNormalization(), layers.Dropout(0.5)]
    return keras.Sequential([layers.Input((6, 6, 1)), *hidden, layers.Dense(4, activation="softmax")])


def test_the_same_seed_gives_the_same_bits_and_another_does_not(data):
    histories = [training.train(network, data, RECIPE, seed)["history"] for seed in (1, 1, 2)]
    assert histories[0] == histories[1]
    assert histories[0] != histories[2]


def test_the_warm_up_is_undone(data):
    ours = training.train(network, data, RECIPE, seed=3)["history"]
    keras.utils.set_random_seed(3)
    plain = recipes.trainer(network(), RECIPE, data.x_train)
    keras.utils.set_random_seed(3)
    # JAX's trainer draws one order of the images just to build the model, which ours has built by then.
    again = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: np.random.seed(3))
    sizes = {"batch_size": 16, "validation_batch_size": 16, "epochs": 2}
    theirs = plain.fit(
        data.x_train, data.y_train, validation_data=(data.x_test, data.y_test), callbacks=[again], verbose=0, **sizes
    ).history
    assert {name.replace("val_", "test_"): values for name, values in theirs.items()} == ours


def test_nothing_is_traced_while_the_clock_runs(data, monkeypatch):
    traced, timed = [], []

    class Traced(keras.layers.Layer):
        def call(self, x):
            traced.append(len(timed))
            return x

    begin = training._Clock.on_epoch_begin
    monkeypatch.setattr(training._Clock, "on_epoch_begin", lambda self, epoch, logs=None: (timed.append(epoch), begin(self, epoch)))
    seen = training.train(lambda: network([Traced()]), data, RECIPE, seed=0)
    assert {0} == set(traced)
    assert [0, 1] == timed
    assert 2 == len(seen["train_seconds"]) == len(seen["eval_seconds"])
    assert seen["compile_seconds"] > min(seen["train_seconds"]) > 0


def test_early_stopping_ends_the_epochs_and_never_looks_at_the_test_images(data):
    recipe = {**RECIPE, "epochs": 30, "validation_split": 0.3, "stopping": {"patience": 1, "restore_best": True}}
    seen = training.train(network, data, recipe, seed=0)
    epochs = len(seen["train_seconds"])
    assert 1 < epochs < 30
    assert [epochs] * 4 == [len(values) for values in seen["history"].values()]
    assert {"accuracy", "loss", "validation_accuracy", "validation_loss"} == seen["history"].keys()
    assert min(seen["history"]["validation_loss"]) < seen["history"]["validation_loss"][-1]
    others = SimpleNamespace(**{**vars(data), "y_test": 3 - data.y_test})
    assert seen["history"] == training.train(network, others, recipe, seed=0)["history"]


def test_the_clock_reads_training_and_evaluation_apart_and_each_time_of_a_drained_device(monkeypatch):
    read = []
    readings = iter([100.0, 103.0, 108.0, 200.0, 204.0, 206.0])
    monkeypatch.setattr(training.device, "drain", lambda: read.append("drain"))
    monkeypatch.setattr(training.time, "perf_counter", lambda: read.append("read") or next(readings))
    clock = training._Clock(2, None)
    for epoch in range(2):
        clock.on_epoch_begin(epoch)
        clock.on_test_begin()
        clock.on_test_end()
        clock.on_epoch_end(epoch, {})
    assert ([3.0, 4.0], [5.0, 2.0]) == (clock.train_seconds, clock.eval_seconds)
    assert ["drain", "read"] * 6 == read


def test_progress_is_told_and_accuracy_is_a_share_of_whole_images(data):
    told = []
    seen = training.train(network, data, RECIPE, seed=0, progress=lambda *words: told.append(words))
    assert [(1, 2), (2, 2)] == [words[:2] for words in told]
    assert seen["history"]["test_accuracy"] == [words[2] for words in told]
    assert seen["accuracy"] * 20 == round(seen["accuracy"] * 20)
    assert (seen["accuracy"], seen["loss"]) == pytest.approx((seen["history"]["test_accuracy"][-1], seen["history"]["test_loss"][-1]))
    assert seen["images_per_second"] == 70 / min(seen["train_seconds"])


def test_a_run_of_a_cell_holds_what_the_other_tests_pretend_it_does(data, monkeypatch):
    small = loaders.Dataset(
        *(np.asarray(x) for x in (data.x_train, data.y_train, data.x_test, data.y_test)), tuple("abcd"), "f00d", "canonical"
    )
    monkeypatch.setattr(training_run, "load", lambda *words: small)
    cell = cells()["lenet5-digits-digits_lenet"]._replace(shape=(8, 8, 1), classes=4)
    monkeypatch.setattr(training_run.zoo, "build", lambda *words: network())
    seen, pretended = training_run.run(cell, 0, None, epochs=1), pretend.sample()
    assert pretended.keys() == seen.keys()
    assert pretended["history"].keys() < seen["history"].keys()
    for key in ("data", "load", "parameters", "peak_memory", "code"):
        assert pretended[key].keys() == seen[key].keys()
    assert (1, 70, 20) == (seen["recipe"]["epochs"], seen["data"]["train"], seen["data"]["test"])


@pytest.mark.parametrize(
    ("words", "expected"),
    [("raw", [0.0, 255.0]), ("scaled", [0.0, 1.0]), ("mean_subtracted", [-0.5, 0.5])],
)
def test_the_images_reach_the_network_as_the_recipe_says(words, expected):
    seen = []

    class Watch(keras.layers.Layer):
        def call(self, x):
            seen.append(x)
            return x

    images = np.array([0, 255], "uint8").reshape(2, 1, 1, 1)
    recipe = {**RECIPE, "input": words}
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
    recipe = {**RECIPE, "optimizer": {"name": "Adam", "learning_rate": 0.01, "schedule": "cosine"}}
    rate = recipes.trainer(network(), recipe, data.x_train).optimizer._learning_rate
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
def test_an_optimizer_that_nobody_knows_is_refused(data, change, complaint):
    with pytest.raises(ValueError, match=complaint):
        recipes.trainer(network(), {**RECIPE, **change}, data.x_train)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"stopping": {"patience": 1}}, "the test images must not decide"),
        ({"augment": {"shfit": 0.1}}, "unknown word 'shfit' in augment"),
        ({"batch": None}, "key 'batch' is missing"),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused(change, complaint):
    recipe = {key: value for key, value in {**RECIPE, **change}.items() if value is not None}
    with pytest.raises(ValueError, match=complaint):
        recipes.check("mine", recipe)


def test_a_recipe_may_say_everything_that_is_known():
    more = {
        "augment": {"shift": 0.1, "flip": True},
        "validation_split": 0.1,
        "stopping": {"patience": 3, "restore_best": True},
        "note": "ours",
    }
    recipes.check("mine", {**RECIPE, **more})
    assert recipes.KEYS.keys() == {**RECIPE, **more}.keys()
