"""The clock, the seed and the recipe: what makes the numbers of a training true."""

import functools
import itertools
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest

import loaders
from baselines import run as training_run
from baselines.cells import cells
from tests.self.baselines import fake_training
from tests.small_networks import native
from zoo.training import recipes

pytestmark = pytest.mark.self
RECIPE = {"input": "scaled", "optimizer": {"name": "Adam", "learning_rate": 0.01}, "batch": 16, "epochs": 2}


@pytest.fixture(scope="module", autouse=True)
def late_imports():
    """Keras comes with the first test, and not when tests are collected."""
    global keras, training
    import keras

    from zoo.training import train as training


@pytest.fixture(scope="module")
def data():
    """70 images of noise in four classes, which fill no whole number of batches."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (90, 6, 6, 1)).astype("uint8"), rng.integers(0, 4, 90).astype("int32")
    return SimpleNamespace(x_train=images[:70], y_train=labels[:70], x_test=images[70:], y_test=labels[70:])


def network(extra=(), shape=(6, 6, 1)):
    """Dropout draws random numbers and normalisation remembers batches: both would show a warm-up left behind."""
    layers = keras.layers
    hidden = [layers.Flatten(), *extra, layers.Dense(16, use_bias=False), layers.BatchNormalization(), layers.Dropout(0.5)]
    return keras.Sequential([layers.Input(shape), *hidden, layers.Dense(4, activation="softmax")])


def plain(**last):
    layers = keras.layers
    return keras.Sequential([layers.Input((6, 6, 1)), layers.Flatten(), layers.Dense(4, activation="softmax", **last)])


def test_the_same_seed_gives_the_same_bits_and_another_does_not(data):
    histories = [training.train(network, data, RECIPE, seed)["history"] for seed in (1, 1, 2)]
    assert histories[0] == histories[1]
    assert histories[0] != histories[2]


def step_by_step(model, data, recipe, seed):
    """The same training as plainly as it can be written: Keras's train_on_batch, batch by batch; history and final weights."""
    keras.utils.set_random_seed(seed)
    network = model()
    fitted, watched, _ = recipes.fitted_and_watched(recipe, data)
    if "l2" in recipe:
        recipes.penalise(network, recipe["l2"])
    trainer = recipes.trainer(network, recipe, fitted[0])
    order, batch, count = import_module(training.EPOCHS[keras.backend.backend()]).order, recipe["batch"], len(fitted[1])
    steps = recipes.steps_an_epoch(recipe, count)
    trainer.compile(
        recipes.optimizer(recipe["optimizer"], steps * recipe["epochs"]), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    rows = [np.asarray(order(seed, number, count)) for number in range(2 * recipe["epochs"])]
    batches = iter([each[start : start + batch] for each in rows for start in range(0, count, batch)])
    history = {"loss": [], "accuracy": [], "watched": []}
    for _ in range(recipe["epochs"]):
        seen = []
        for some in itertools.islice(batches, steps):
            trainer.reset_metrics()
            its = trainer.train_on_batch(fitted[0][some], fitted[1][some], return_dict=True)
            seen.append((len(some), its["loss"], its["accuracy"]))
        sizes, losses, accuracies = zip(*seen, strict=True)
        history["loss"].append(np.average(losses, weights=sizes))
        history["accuracy"].append(np.average(accuracies, weights=sizes))
        history["watched"].append(trainer.evaluate(*watched, batch_size=batch, verbose=0)[0])
    return history, trainer.get_weights()


KINDS = {  # everything that recipes use, each beside what it might disturb
    "plain": {},
    "a schedule": {"optimizer": {"name": "Adam", "learning_rate": 0.01, "schedule": "cosine"}},
    "steps that are no whole pass": {"steps": 7, "epochs": 3},
    "augmentation and mean": {"input": "mean_subtracted", "augment": {"shift": 0.2, "flip": True}},
    "size, split and penalty": {"size": [12, 12], "interpolation": "nearest", "validation_split": 0.3, "l2": 0.01},
    "Adamax, raw": {"input": "raw", "optimizer": {"name": "Adamax", "learning_rate": 0.002}},
}


def sized(recipe):
    return lambda: network(shape=(*recipe.get("size", (6, 6)), 1))


@pytest.mark.parametrize("kind", KINDS)
def test_an_epoch_is_the_same_training_as_one_step_after_the_other(data, kind):
    recipe = {**RECIPE, **KINDS[kind]}
    kept = []
    ours = training.train(sized(recipe), data, recipe, 3, keep=kept.append)
    theirs, weights = step_by_step(sized(recipe), data, recipe, 3)
    watched = "validation_loss" if "validation_split" in recipe else "test_loss"
    assert theirs["loss"] == pytest.approx(ours["history"]["loss"], rel=1e-4)
    assert theirs["accuracy"] == pytest.approx(ours["history"]["accuracy"], abs=1e-6)
    assert theirs["watched"] == pytest.approx(ours["history"][watched], rel=1e-3)
    for mine, its in zip(kept[0].layers[-1].get_weights(), weights[-len(kept[0].layers[-1].weights) :], strict=True):
        np.testing.assert_allclose(mine, its, atol=2e-4)


@pytest.mark.parametrize("kind", ["plain", "steps that are no whole pass"])
def test_images_that_do_not_fit_the_device_stream_to_the_same_bits(data, kind, monkeypatch):
    recipe = {**RECIPE, **KINDS[kind]}
    resident = training.train(network, data, recipe, 3)
    monkeypatch.setattr(training.device, "fits", lambda images: False)
    monkeypatch.setattr(training.feed, "CHUNK", 3 * 16 * 36)  # three batches at a time
    if kind != "plain":
        monkeypatch.setattr(training, "LONGEST", 0)  # of which each is a call
    streamed = training.train(network, data, recipe, 3)
    assert (True, False) == (resident["resident"], streamed["resident"])
    assert resident["history"] == streamed["history"]
    assert resident["loss"] == streamed["loss"]


def test_a_backend_without_a_program_of_its_own_falls_back_to_fit_and_says_so(data, monkeypatch):
    ours = training.train(network, data, RECIPE, 3)
    from zoo.training import epoch_fit

    epochs = import_module(training.EPOCHS[keras.backend.backend()])
    monkeypatch.setattr(training, "EPOCHS", {})
    monkeypatch.setattr(epoch_fit, "order", epochs.order)  # else only the order of the images differs
    theirs = training.train(network, data, RECIPE, 3)
    assert "fit" == theirs["loop"] != ours["loop"]
    assert theirs["history"]["loss"] == pytest.approx(ours["history"]["loss"], rel=1e-4)
    assert theirs["history"]["test_loss"] == pytest.approx(ours["history"]["test_loss"], rel=1e-3)
    assert theirs["accuracy"] == pytest.approx(ours["accuracy"])


def test_how_an_epoch_is_cut_into_calls_changes_no_bit(data, monkeypatch):
    whole = training.train(network, data, RECIPE, 3)
    monkeypatch.setattr(training, "LONGEST", 0)  # a step a call
    cut = training.train(network, data, RECIPE, 3)
    assert (1, 5) == (whole["calls"], cut["calls"])
    assert whole["history"] == cut["history"]


def test_passes_go_on_from_epoch_to_epoch():
    assert [(0, 0, 5)] == training.feed.visits(0, 5, 5)
    assert [[(0, 0, 5), (1, 0, 2)], [(1, 2, 5), (2, 0, 4)]] == [training.feed.visits(epoch, 7, 5) for epoch in (0, 1)]
    assert [(0, 2, 4)] == training.feed.visits(1, 2, 5)


@pytest.mark.parametrize("fits", [True, False])
def test_nothing_is_traced_while_the_clock_runs(data, monkeypatch, fits):
    traced, timed = [], []
    monkeypatch.setattr(training.device, "fits", lambda images: fits)

    class Traced(keras.layers.Layer):
        def call(self, x):
            traced.append(len(timed))
            return x

    begin = training._timed_epoch
    monkeypatch.setattr(training, "_timed_epoch", lambda run, epoch, steps: (timed.append(epoch), begin(run, epoch, steps))[1])
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
    assert [epochs] * 5 == [len(values) for values in seen["history"].values()]
    assert {"accuracy", "loss", "validation_accuracy", "validation_loss", "learning_rate"} == seen["history"].keys()
    assert min(seen["history"]["validation_loss"]) < seen["history"]["validation_loss"][-1]
    others = SimpleNamespace(**{**vars(data), "y_test": 3 - data.y_test})
    assert seen["history"] == training.train(network, others, recipe, seed=0)["history"]


def test_the_network_of_the_best_epoch_is_kept_where_a_recipe_stops_early(data):
    kept, recipe = [], {**RECIPE, "epochs": 30, "held_out": 14, "stopping": {"patience": 2, "restore_best": True}}
    seen = training.train(network, data, recipe, seed=0, keep=kept.append)
    _, watched, tested = recipes.fitted_and_watched(recipe, data)
    kept[0].compile(loss="sparse_categorical_crossentropy")
    losses = [kept[0].evaluate(*images, batch_size=16, verbose=0) for images in (watched, tested)]
    assert losses == pytest.approx([min(seen["history"]["validation_loss"]), seen["loss"]], rel=1e-5)
    assert seen["history"]["validation_loss"][-1] > 1.001 * losses[0]


def test_each_phase_is_trained_by_its_own_optimizer(data):
    still = {"name": "SGD", "learning_rate": 0.0}
    phases = [{"from": 0, "train": "all", "optimizer": still}, {"from": 1, "train": "all"}, {"from": 2, "train": "all", "optimizer": still}]
    seen = training.train(plain, data, {**RECIPE, "epochs": 4, "phases": phases}, 0)["history"]
    assert [0, 0.01, 0, 0] == pytest.approx(seen["learning_rate"])
    assert seen["test_loss"][0] != seen["test_loss"][1] == seen["test_loss"][2] == seen["test_loss"][3]


def test_the_clock_reads_training_and_evaluation_apart_and_each_time_of_a_drained_device(data, monkeypatch):
    read = []
    readings = iter([100.0, 103.0, 108.0])
    monkeypatch.setattr(training, "_sums", lambda run, program, *words: (read.append(program), ((0, 0, [0]), 2.0, 1))[1])
    monkeypatch.setattr(training.device, "drain", lambda: read.append("drain"))
    monkeypatch.setattr(training.time, "perf_counter", lambda: read.append("read") or next(readings))
    recipe = {**RECIPE, "steps": 5}
    run = training._prepare(network(), data, recipe, 0)
    run.train, run.evaluate = "train", "evaluate"
    training._timed_epoch(run, 0, 5)
    assert ([3.0], [5.0], [1.0]) == (run.train_seconds, run.eval_seconds, run.host_seconds)
    assert ["drain", "read", "train", "drain", "read", "evaluate", "drain", "read"] == read


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
    wanted, pretended = training_run.identity(cell, 0, None, epochs=1), fake_training.sample()
    monkeypatch.setattr(training_run, "SHARED", 9)  # other tests may run beside this one
    seen = training_run.run(cell, wanted, None)
    assert pretended.keys() == seen.keys()
    assert set(fake_training.IDENTITY) == wanted.keys()
    assert pretended["history"].keys() < seen["history"].keys()
    for key in ("data", "load", "parameters", "peak_memory", "code"):
        assert pretended[key].keys() == seen[key].keys()
    monkeypatch.setattr(training_run, "SHARED", -1)
    shared = training_run.run(cell, wanted, None)
    assert [[], [], [], None, None, None] == [shared[key] for key in training_run.UNTIMED]
    assert (seen["accuracy"], seen["history"]) == (shared["accuracy"], shared["history"])
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


def test_a_shift_by_the_nearest_pixel_moves_pixels_and_mixes_none():
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
def test_an_optimizer_that_nobody_knows_is_refused(data, change, complaint):
    with pytest.raises(ValueError, match=complaint):
        training.train(network, data, {**RECIPE, **change}, 0)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"stopping": {"patience": 1}}, "the test images must not decide"),
        ({"augment": {"shfit": 0.1}}, "unknown word 'shfit' in augment"),
        ({"batch": None}, "key 'batch' is missing"),
        ({"augment": True}, "augment is True, and no table"),
        ({"augment": {"shift": 0.1, "interpolation": "cubic"}}, "unknown interpolation 'cubic' in augment"),
        ({"stopping": {}, "held_out": 5}, "stopping lacks patience"),
        ({"held_out": 5, "validation_split": 0.1}, "two ways to do the same"),
        ({"phases": [{"from": 0}]}, "say from, train = "),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused(change, complaint):
    recipe = {key: value for key, value in {**RECIPE, **change}.items() if value is not None}
    with pytest.raises(ValueError, match=complaint):
        recipes.check("mine", recipe)


def test_a_recipe_may_say_everything_that_is_known():
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
    recipes.check("mine", {**RECIPE, **more})
    recipes.check("mine", {**RECIPE, "validation_split": 0.1})
    assert recipes.KEYS.keys() == {**RECIPE, **more, "validation_split": 0.1}.keys()


def test_resizing_to_the_nearest_pixel_is_pillows(data):
    from PIL import Image

    images = np.random.default_rng(1).integers(0, 256, (3, 64, 48, 3)).astype("uint8")
    for height, width in (32, 32), (17, 96):
        recipe = {**RECIPE, "input": "raw", "size": [height, width], "interpolation": "nearest"}
        outputs = keras.Sequential([keras.layers.Input((height, width, 3)), keras.layers.Flatten()])
        seen = keras.ops.convert_to_numpy(recipes.trainer(outputs, recipe, images)(images)).reshape(3, height, width, 3)
        theirs = [np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.NEAREST)) for image in images]
        np.testing.assert_array_equal(theirs, seen)


def test_the_mean_that_is_subtracted_is_that_of_the_resized_images():
    images = np.random.default_rng(1).integers(0, 256, (20, 8, 8, 1)).astype("uint8")
    recipe = {**RECIPE, "input": "mean_subtracted", "size": [13, 13], "interpolation": "bilinear"}
    outputs = keras.Sequential([keras.layers.Input((13, 13, 1)), keras.layers.Flatten()])
    seen = keras.ops.convert_to_numpy(recipes.trainer(outputs, recipe, images)(images))
    np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-6)
    assert seen.std() > 0.1


def test_only_the_first_images_of_each_split_where_a_recipe_says_so(data):
    recipe = {**RECIPE, "images": [40, 7], "validation_split": 0.25}
    fitted, watched, tested = recipes.fitted_and_watched(recipe, data)
    assert (30, 10, 7) == (len(fitted[0]), len(watched[1]), len(tested[1]))
    np.testing.assert_array_equal(data.x_train[:40], np.concatenate([fitted[0], watched[0]]))
    np.testing.assert_array_equal(data.y_test[:7], tested[1])
    seen = training.train(network, data, recipe, 0)
    assert seen["accuracy"] * 7 == pytest.approx(round(seen["accuracy"] * 7))


def test_of_classes_that_stand_one_after_the_other_each_is_held_out_from_and_trained_on():
    labels = np.repeat(np.arange(20), 50)
    data = SimpleNamespace(x_train=labels.reshape(-1, 1, 1, 1), y_train=labels, x_test=labels[:5], y_test=labels[:5])
    for asked, held_out in (100, 100), (30, 30), (500, 200):  # a fifth at most
        (images, fitted), (others, watched), _ = recipes.fitted_and_watched({"held_out": asked}, data)
        assert [held_out, 1000] == [len(watched), len(watched) + len(fitted)]
        assert set(range(20)) == set(watched) == set(fitted)
        assert [*fitted, *watched] == [*images.ravel(), *others.ravel()]


def test_rates_hold_from_their_epoch_on_and_a_plateau_lowers_the_rate(data):
    rates = {"optimizer": {"name": "SGD", "learning_rate": 0.1, "rates": [[1, 0.01], [3, 0.5]]}, "epochs": 5}
    seen = training.train(network, data, {**RECIPE, **rates}, 0)["history"]["learning_rate"]
    assert [0.1, 0.01, 0.01, 0.5, 0.5] == pytest.approx(seen)
    plateau = {
        "optimizer": {"name": "SGD", "learning_rate": 1e-9},
        "plateau": {"factor": 0.1, "patience": 1, "min_rate": 3e-12},
        "epochs": 6,
    }
    seen = training.train(plain, data, {**RECIPE, **plateau}, 0)["history"]["learning_rate"]
    assert 1e-9 == pytest.approx(seen[0])
    assert 3e-12 == pytest.approx(seen[-1])
    assert sorted(seen, reverse=True) == seen


def test_a_training_whose_loss_is_no_number_ends_and_is_called_so(data):
    diverging = {"optimizer": {"name": "SGD", "learning_rate": 1e30}, "epochs": 5, "input": "raw"}
    seen = training.train(network, data, {**RECIPE, **diverging}, 0)
    assert "the loss is no number from epoch 1 on" == seen["divergence"]
    assert 1 == len(seen["train_seconds"])


def test_a_network_that_answers_one_class_for_everything_is_called_so(data):
    still = {**RECIPE, "optimizer": {"name": "SGD", "learning_rate": 0.0}}
    bias = keras.initializers.Constant([0.0, 0.0, 5.0, 0.0])

    def brightest(shape, dtype=None):
        """A kernel by which the answer is the brightest of the first pixels."""
        return 9 * keras.ops.eye(*shape, dtype=dtype)

    heads = {"kernel_initializer": "zeros", "bias_initializer": bias}, {"kernel_initializer": brightest}
    seen = [training.train(functools.partial(plain, **head), data, still, 0) for head in heads]
    assert ["every test image is taken for class 2", None] == [each["divergence"] for each in seen]


def test_phases_train_the_head_some_layers_or_all():
    from zoo import densenet

    model = native("densenet121_transfer_relu")
    body = densenet.body(model)
    head = [layer for layer in model.layers if layer not in body]
    for trained, free in ("head", 0), (12, 12), ("all", len(body)):
        training._set_trainable(model, trained)
        assert [False] * (len(body) - free) + [True] * free == [layer.trainable for layer in body]
        assert all(layer.trainable for layer in head)
    with pytest.raises(ValueError, match="lenet5 has no body and head"):
        training._set_trainable(native("lenet5"), "head")


def test_a_penalty_is_the_strength_times_the_squares_of_all_kernels_and_of_nothing_else():
    model = network()
    recipes.penalise(model, 0.5)
    kernels = [keras.ops.convert_to_numpy(layer.kernel) for layer in model.layers if hasattr(layer, "kernel")]
    assert 2 == len(kernels)
    assert 0.5 * sum((kernel**2).sum() for kernel in kernels) == pytest.approx(float(sum(model.losses)), rel=1e-5)
