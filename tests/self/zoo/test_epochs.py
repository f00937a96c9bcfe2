"""An epoch as a program: equal to a training step by step, to the same bits in any number of calls; and its clock."""

import itertools
from importlib import import_module

import numpy as np
import pytest

from tests.self.zoo.small_training import RECIPE, network, noise, train
from zoo.training import recipes

pytestmark = pytest.mark.self


@pytest.fixture(scope="module", autouse=True)
def late_imports():
    """Keras is imported with the first test, not when tests are collected."""
    global keras, training
    import keras

    from zoo.training import train as training


@pytest.fixture
def data():
    return noise()


def step_by_step(model, data, recipe, seed):
    """The same training by Keras's train_on_batch, batch by batch: (history, final weights)."""
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
            logs = trainer.train_on_batch(fitted[0][some], fitted[1][some], return_dict=True)
            seen.append((len(some), logs["loss"], logs["accuracy"]))
        sizes, losses, accuracies = zip(*seen, strict=True)
        history["loss"].append(np.average(losses, weights=sizes))
        history["accuracy"].append(np.average(accuracies, weights=sizes))
        history["watched"].append(trainer.evaluate(*watched, batch_size=batch, verbose=0)[0])
    return history, trainer.get_weights()


KINDS = {  # everything that recipes use, combined where one might disturb the other
    "plain": {},
    "a schedule": {"optimizer": {"name": "Adam", "learning_rate": 0.01, "schedule": "cosine"}},
    "steps that are not a whole pass": {"steps": 7, "epochs": 3},
    "augmentation and mean": {"input": "mean_subtracted", "augment": {"shift": 0.2, "flip": True}},
    "size, split and penalty": {"size": [12, 12], "interpolation": "nearest", "validation_split": 0.3, "l2": 0.01},
    "Adamax, raw": {"input": "raw", "optimizer": {"name": "Adamax", "learning_rate": 0.002}},
}


def sized(recipe):
    return lambda: network(shape=(*recipe.get("size", (6, 6)), 1))


def test_the_same_seed_gives_the_same_bits_and_another_does_not(data):
    histories = [train(network, data, RECIPE, seed)["history"] for seed in (1, 1, 2)]
    assert histories[0] == histories[1]
    assert histories[0] != histories[2]


@pytest.mark.parametrize("kind", KINDS)
def test_an_epoch_trains_the_same_as_step_by_step(data, kind):
    recipe = {**RECIPE, **KINDS[kind]}
    kept = []
    ours = train(sized(recipe), data, recipe, 3, keep=kept.append)
    theirs, weights = step_by_step(sized(recipe), data, recipe, 3)
    watched = "validation_loss" if "validation_split" in recipe else "test_loss"
    assert theirs["loss"] == pytest.approx(ours["history"]["loss"], rel=1e-4)
    assert theirs["accuracy"] == pytest.approx(ours["history"]["accuracy"], abs=1e-6)
    assert theirs["watched"] == pytest.approx(ours["history"][watched], rel=1e-3)
    for mine, other in zip(kept[0].layers[-1].get_weights(), weights[-len(kept[0].layers[-1].weights) :], strict=True):
        np.testing.assert_allclose(mine, other, atol=2e-4)


@pytest.mark.parametrize("kind", ["plain", "steps that are not a whole pass"])
def test_streamed_images_give_the_same_bits_as_resident_ones(data, kind, monkeypatch):
    recipe = {**RECIPE, **KINDS[kind]}
    resident = train(network, data, recipe, 3)
    monkeypatch.setattr(training.device, "fits", lambda images: False)
    monkeypatch.setattr(training.feed, "CHUNK", 3 * 16 * 36)  # three batches at a time
    if kind != "plain":
        monkeypatch.setattr(training, "LONGEST", 0)  # each batch is a call
    streamed = train(network, data, recipe, 3)
    assert (True, False) == (resident["resident"], streamed["resident"])
    assert resident["history"] == streamed["history"]
    assert resident["loss"] == streamed["loss"]


def test_a_backend_without_an_epoch_file_uses_fit_and_reports_it(data, monkeypatch):
    ours = train(network, data, RECIPE, 3)
    from zoo.training import epoch_fit

    epochs = import_module(training.EPOCHS[keras.backend.backend()])
    monkeypatch.delitem(training.EPOCHS, keras.backend.backend())
    monkeypatch.setattr(epoch_fit, "order", epochs.order)  # else the order of the images would differ
    theirs = train(network, data, RECIPE, 3)
    assert "fit" == theirs["loop"] != ours["loop"]
    assert theirs["history"]["loss"] == pytest.approx(ours["history"]["loss"], rel=1e-4)
    assert theirs["history"]["test_loss"] == pytest.approx(ours["history"]["test_loss"], rel=1e-3)
    assert theirs["accuracy"] == pytest.approx(ours["accuracy"])


def test_the_number_of_calls_an_epoch_changes_no_bit(data, monkeypatch):
    whole = train(network, data, RECIPE, 3)
    monkeypatch.setattr(training, "LONGEST", 0)  # a step a call
    cut = train(network, data, RECIPE, 3)
    assert (1, 5) == (whole["calls"], cut["calls"])
    assert whole["history"] == cut["history"]


def test_a_pass_goes_on_in_the_next_epoch():
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

    def cost(network):  # called after the last timing
        timed.clear()
        return count(network)

    count, clock = training.cost, training.timed
    monkeypatch.setattr(training, "cost", cost)
    calls = []
    monkeypatch.setattr(training, "timed", lambda function, *args: (calls.append(timed.append(function)), clock(function, *args))[1])
    seen = train(lambda: network([Traced()]), data, RECIPE)
    assert {0} == set(traced)
    assert 4 == len(calls)  # two epochs, each trained and evaluated
    assert 2 == len(seen["train_seconds"]) == len(seen["eval_seconds"])
    assert seen["compile_seconds"] > min(seen["train_seconds"]) > 0


def test_training_and_evaluation_are_timed_apart_on_a_drained_device(data, monkeypatch):
    events = []
    readings = iter([100.0, 101.0, 102.0, 102.0, 103.0, 104.0, 110.0, 111.0, 112.0, 112.0, 113.0, 118.0])
    state = training.prepare(training.Setup(network, data, {**RECIPE, "steps": 5}, 0))
    state.phase, state.longest = recipes.phases(RECIPE)[0], 5
    state.train = lambda stretch, sums: (events.append("train"), sums)[1]
    state.evaluate = lambda stretch, sums: (events.append("evaluate"), sums)[1]
    state.trainer.compile("sgd")
    monkeypatch.setattr(training.device, "drain", lambda: events.append("drain"))
    monkeypatch.setattr(training.time, "perf_counter", lambda: events.append(next(readings)) or events[-1])
    epoch = training.train_epoch(state, 0)
    assert (4.0, 8.0, 2.0) == (epoch.train_seconds, epoch.eval_seconds, epoch.host_seconds)
    trained = ["drain", 100.0, 101.0, "train", 102.0, 102.0, 103.0, "drain", 104.0]
    assert [*trained, "drain", 110.0, 111.0, "evaluate", 112.0, 112.0, 113.0, "drain", 118.0] == events


def test_prepared_trains_the_same_epochs_as_train(data):
    keras.utils.set_random_seed(3)
    epoch = training.prepared(network(), data, RECIPE, 3)
    seconds, losses = zip(epoch(), epoch(), strict=True)
    assert train(network, data, RECIPE, 3)["history"]["loss"] == list(losses)
    assert min(seconds) > 0


def test_tensorflows_loop_gathers_and_counts_nothing_that_a_gpu_leaves_to_the_cpu(data, monkeypatch):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("another backend runs")
    import tensorflow as tf

    compile, loops = tf.function, []

    def spy(**options):
        return lambda function: loops.append(compile(**options)(function)) or loops[-1]

    monkeypatch.setattr(tf, "function", spy)
    train(network, data, RECIPE)
    graphs = [made.graph.as_graph_def() for loop in loops for made in loop._list_all_concrete_functions()]
    nodes = [node for graph in graphs for function in graph.library.function for node in function.node_def]
    # TensorFlow 2.21 has no kernel on GPUs that gathers uint8, and those that compute with int32 take it from the host
    gathered = [tf.as_dtype(node.attr["Tparams"].type).name for node in nodes if node.op == "GatherV2"]
    assert 4 == gathered.count("int64"), "images and labels, of training and of evaluation"
    assert "uint8" not in gathered
    counting = {"Equal": "T", "ArgMax": "output_type", "OneHot": "T", "Sum": "T"}
    assert "int32" not in {tf.as_dtype(node.attr[counting[node.op]].type).name for node in nodes if node.op in counting}
