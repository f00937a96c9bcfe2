"""Each published cell, and each of our own, has a short twin: its network and its recipe, on a few made-up images.

A twin's recipe is that of its cell with smaller sizes: images, batch, steps, epochs and those at which something
changes, a search's trials and space. So seconds show whether a cell that takes days does what its recipe says.
"""

import functools
import gc
import hashlib
import json
import math
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import loaders
import zoo
from baselines.cells import cells, choose

pytestmark = pytest.mark.slow
SMALL = ("lenet5", "imagenet32_cnn")  # compile within seconds, and so are trained on batches of two sizes
ONE_CLASS = "every test image is taken for class "  # the one divergence that a few steps may end in


def pytest_generate_tests(metafunc):
    """Each test with the fixture ``twin`` is called for the twin of every chosen cell."""
    if "twin" in metafunc.fixturenames:
        chosen = choose(*((metafunc.config.getoption(name) or "").split(",") for name in ("model", "dataset", "recipe")))
        metafunc.parametrize("twin", [pytest.param(cell.id, id=f"{cell.id}-twin") for cell in chosen], indirect=True)


@pytest.fixture
def twin(request):
    """The twin of a cell, trained once for all tests, and for all cells that differ in nothing but their images."""
    cell = cells()[request.param]
    args = cell.model, cell.shape, cell.classes, cell.data_shape, json.dumps(shortened(cell.recipe, cell.model))
    return SimpleNamespace(cell=cell, **vars(trained(*args)))


def shortened(recipe, model):
    """A cell's recipe with smaller sizes: see the top of this file."""
    large = max(recipe.get("size", [0])) > 64
    short = {**recipe, "batch": 8}
    if model.startswith("densenet") or large:
        short["batch"] = 2 if model.startswith("densenet") and large else 4
    short["epochs"] = min(recipe["epochs"], max(2, len(recipe.get("phases", []))))
    if "steps" in recipe:
        short["steps"] = 2  # of a pass's three, or of two
    if "phases" in recipe:
        short["phases"] = [{**phase, "from": index} for index, phase in enumerate(recipe["phases"])]
    if "rates" in recipe["optimizer"]:
        rates = [[index, rate] for index, (_, rate) in enumerate(recipe["optimizer"]["rates"])]
        short["optimizer"] = {**recipe["optimizer"], "rates": rates}
    if "images" in recipe:
        short["images"] = [2 * short["batch"], short["batch"]]
    if "search" in recipe:
        space = {name: values[:2] for name, values in recipe["search"]["space"].items()}
        short |= {"epochs": 1, "batch": 33, "search": {**recipe["search"], "trials": 2, "space": space}}
    return short


def images(recipe, model):
    """A twin's number of training images, two batches, and of test images, one; of a model in SMALL, half a batch more."""
    batch, held_out = recipe["batch"], 0.2 if "held_out" in recipe else recipe.get("validation_split", 0)
    if "images" in recipe:
        return recipe["images"][0] + 3, recipe["images"][1] + 3
    extra = batch // 2 if model in SMALL else 0
    fewest = math.ceil((2 * batch + extra) / (1 - held_out))
    return max(fewest, math.ceil(1 / held_out)) if held_out else fewest, batch + extra


@functools.cache
def trained(model, shape, classes, data_shape, recipe, seed=0):
    """Train a twin: the result, its recipe, its number of test images, and the digests of each network's weights after each epoch."""
    import keras

    seen = train(model, shape, classes, data_shape, json.loads(recipe), seed)
    keras.backend.clear_session()
    gc.collect()  # networks are cycles, and those of forty twins are gigabytes
    return seen


def train(model, shape, classes, data_shape, recipe, seed):
    from zoo.training import search, transfer
    from zoo.training import train as training

    sizes = images(recipe, model)
    data = loaders.load(f"synthetic_{'x'.join(map(str, data_shape))}_{classes}_{sizes[0]}_{sizes[1]}")
    networks, states, before, kept = [], [], [], []

    def built(network):
        networks.append(network)
        states.append([digests(network)])
        return network

    def pretrain(network, family):
        random = np.random.RandomState(0)
        for layer in transfer.body(network, family):
            layer.set_weights([weight + random.normal(0, 0.01, weight.shape) for weight in layer.get_weights()])
        before.append(states[-1][-1])
        states[-1][-1] = digests(network)

    def progress(epoch, epochs, accuracy):
        states[-1].append(digests(networks[-1]))

    def keep(trained):
        kept.append(read_again(trained, data))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer, "pretrain", pretrain)
        build = search.network
        patch.setattr(search, "network", functools.wraps(build)(lambda *args, **hyper: built(build(*args, **hyper))))
        setup = training.Setup(lambda: zoo.build(model, shape, classes), data, recipe, seed, zoo.module(model))
        if "search" in recipe:
            seen = search.search(setup, progress, keep)
        else:
            seen = training.train(setup._replace(build=lambda: built(setup.build())), progress, keep)
    body = [layer.name for layer in transfer.body(networks[-1], setup.family)] if {"pretrained", "phases"} & recipe.keys() else []
    tests = recipe.get("images", sizes)[1]
    return SimpleNamespace(recipe=recipe, seen=seen, tests=tests, states=states, body=body, before=before, kept=kept)


def read_again(model, data):
    """Answers of a trained network to two images, its answers after it was saved and loaded, and whether its classes are the same."""
    import keras

    from zoo import saved

    with tempfile.TemporaryDirectory() as folder:
        saved.save(model, data.classes, Path(folder) / "twin.keras")
        again, classes = saved.load(Path(folder) / "twin.keras")
    answers = [keras.ops.convert_to_numpy(each(data.x_test[:2], training=False)) for each in (model, again)]
    return *answers, tuple(classes) == tuple(data.classes)


def digests(network):
    """Layer -> a digest of each of its weights' bits, of layers that have any."""
    return {
        layer.name: [hashlib.blake2b(np.ascontiguousarray(weight)).hexdigest() for weight in layer.get_weights()]
        for layer in network.layers
        if layer.weights
    }


def test_the_twin_trains_to_its_last_epoch_on_finite_losses(twin):
    history, epochs = twin.seen["history"], twin.recipe["epochs"]
    watched = "validation" if {"validation_split", "held_out"} & twin.recipe.keys() else "test"
    assert {"loss", "accuracy", "learning_rate", f"{watched}_loss", f"{watched}_accuracy"} == history.keys()
    assert {epochs} == {len(values) for values in history.values()} | {len(twin.seen["train_seconds"])}
    assert np.isfinite([*history["loss"], *history[f"{watched}_loss"], twin.seen["loss"]]).all()
    assert twin.seen["divergence"] is None or twin.seen["divergence"].startswith(ONE_CLASS)


def test_the_twins_accuracy_is_a_share_of_its_test_images(twin):
    right = twin.seen["accuracy"] * twin.tests
    assert round(right) == pytest.approx(right, abs=1e-6)
    assert 0 <= right <= twin.tests


def test_the_twins_epochs_are_programs_of_the_backend(twin):
    assert twin.seen["loop"] in ("one program", "a program a step")


def test_the_twin_has_the_parameters_that_are_published(twin):
    published = {name: twin.cell.published[name] for name in ("total", "trainable", "non_trainable") if name in twin.cell.published}
    assert published == {name: twin.seen["parameters"][name] for name in published}
    assert twin.seen["parameters"]["total"] == sum(twin.seen["parameters"][name] for name in ("trainable", "non_trainable"))


def test_the_twins_learning_rates_are_its_recipes(twin):
    table, epochs = twin.recipe["optimizer"], twin.recipe["epochs"]
    expected = [table["learning_rate"]] * epochs
    if "rates" in table:
        expected = [rate for _, rate in table["rates"]][:epochs]
        assert 1 < len(set(expected))
    if "schedule" in table:
        expected = [table["learning_rate"] * (1 + math.cos(math.pi * epoch / epochs)) / 2 for epoch in range(epochs)]
    if "search" in twin.recipe:
        assert twin.seen["history"]["learning_rate"][0] in np.float32(twin.recipe["search"]["space"]["rate"])
    else:
        assert expected == pytest.approx(twin.seen["history"]["learning_rate"])


def test_a_phase_of_the_twin_changes_its_layers_and_no_frozen_one(twin):
    phases = twin.recipe.get("phases", [{"from": 0, "train": "all"}])
    ends = [*(phase["from"] for phase in phases[1:]), twin.recipe["epochs"]]
    for states in twin.states:
        for phase, end in zip(phases, ends, strict=True):
            before, after, what = states[phase["from"]], states[end], phase["train"]
            frozen = {"all": [], "head": twin.body}[what] if isinstance(what, str) else twin.body[:-what]
            assert [] == [name for name in before if name in frozen and before[name] != after[name]]
            still = [name for name in before if name not in frozen and before[name] == after[name]]
            if twin.recipe["input"] == "raw":  # whose first step can kill every ReLU, as in the study; the head's bias moves even then
                assert list(before)[-1] not in still
            else:
                assert [] == still


def test_the_twins_body_gets_pretrained_weights_before_training(twin):
    if "pretrained" not in twin.recipe:
        assert [] == twin.before
        return
    (before,), ((first, *_),) = twin.before, twin.states
    assert set(twin.body) & before.keys() == {name for name in before if before[name] != first[name]}


def test_only_the_twin_of_a_search_has_trials(twin):
    if "search" not in twin.recipe:
        assert "trials" not in twin.seen
        return
    assert 2 == len(twin.seen["trials"]) == len(twin.states)
    best = max(twin.seen["trials"], key=lambda trial: trial["validation_accuracy"])
    assert best["accuracy"] == twin.seen["accuracy"]
    for trial in twin.seen["trials"]:
        assert (1, "all epochs were over") == (trial["epochs"], trial["ended"])
        assert twin.recipe["search"]["space"].keys() == trial["hyper_parameters"].keys()


def test_the_twins_network_answers_the_same_after_saving_and_loading(twin):
    ((now, again, same_classes),) = twin.kept
    assert same_classes
    np.testing.assert_allclose(now, again, rtol=1e-5, atol=1e-7)


def test_the_bits_of_a_training_with_dropout_follow_from_the_seed():
    cell = cells()["alexnet_64-mnist-srivastava"]
    recipe = json.dumps(shortened(cell.recipe, cell.model))
    train = functools.partial(trained.__wrapped__, cell.model, cell.shape, cell.classes, cell.data_shape, recipe)
    first, second, other = (train(seed) for seed in (0, 0, 1))
    assert bits(first) == bits(second)
    assert first.seen["history"] == second.seen["history"]
    assert first.seen["history"]["loss"] != other.seen["history"]["loss"]


def bits(twin):
    """Every digest of a twin's weights, in order: layers of a second network have other names."""
    return [list(state.values()) for states in twin.states for state in states]
