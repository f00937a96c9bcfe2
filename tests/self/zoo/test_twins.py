"""Each published cell, and each of our own, has a short twin: its network and its recipe, on a few made-up images.

A twin keeps all that its recipe says but for sizes: images, batch, steps, epochs and the places in them, a search's
trials and space. So that a cell that takes days is known to run, and to do what its recipe says, within seconds.
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
    """A test that asks for a twin is asked of the twin of every chosen cell."""
    if "twin" in metafunc.fixturenames:
        chosen = choose(*((metafunc.config.getoption(name) or "").split(",") for name in ("model", "dataset", "recipe")))
        metafunc.parametrize("twin", [pytest.param(cell.id, id=f"{cell.id}-twin") for cell in chosen], indirect=True)


@pytest.fixture
def twin(request):
    """The twin of a cell, trained once for all tests, and for all cells that differ in nothing but their images."""
    cell = cells()[request.param]
    asked = cell.model, cell.shape, cell.classes, cell.data_shape, json.dumps(shortened(cell.recipe, cell.model))
    return SimpleNamespace(cell=cell, **vars(trained(*asked)))


def shortened(recipe, model):
    """A cell's recipe with smaller sizes alone: see the top of this file."""
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
    """How many images a twin has to train on and to be tested on: two batches, and a bit where it is small; and a batch."""
    batch, held_out = recipe["batch"], 0.2 if "held_out" in recipe else recipe.get("validation_split", 0)
    if "images" in recipe:
        return recipe["images"][0] + 3, recipe["images"][1] + 3
    bit = batch // 2 if model in SMALL else 0
    fewest = math.ceil((2 * batch + bit) / (1 - held_out))
    return max(fewest, math.ceil(1 / held_out)) if held_out else fewest, batch + bit


@functools.cache
def trained(model, shape, classes, data_shape, recipe, seed=0):
    """Train a twin: what training returned, its recipe, its test images, and of each network its weights' digests from step to step."""
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
    networks, states, given, kept = [], [], [], []

    def built(network):
        networks.append(network)
        states.append([digests(network)])
        return network

    def pretrain(network, family):
        random = np.random.RandomState(0)
        for layer in transfer.body(network, family):
            layer.set_weights([weight + random.normal(0, 0.01, weight.shape) for weight in layer.get_weights()])
        given.append(states[-1][-1])
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
    return SimpleNamespace(recipe=recipe, seen=seen, tests=tests, states=states, body=body, before=given, kept=kept)


def read_again(model, data):
    """What a trained network answers to two images, and what it answers once it was saved and loaded; and whether its classes are the same."""
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


def test_the_twins_epochs_are_programs_of_the_backend_and_not_fit(twin):
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


def test_what_a_phase_of_the_twin_trains_moves_and_what_it_freezes_keeps_its_bits(twin):
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


def test_the_twins_pretrained_weights_are_given_to_its_body_before_it_trains(twin):
    if "pretrained" not in twin.recipe:
        assert [] == twin.before
        return
    (before,), ((first, *_),) = twin.before, twin.states
    assert set(twin.body) & before.keys() == {name for name in before if before[name] != first[name]}


def test_the_twin_of_a_search_tells_of_each_trial_and_no_other_has_any(twin):
    if "search" not in twin.recipe:
        assert "trials" not in twin.seen
        return
    assert 2 == len(twin.seen["trials"]) == len(twin.states)
    best = max(twin.seen["trials"], key=lambda trial: trial["validation_accuracy"])
    assert best["accuracy"] == twin.seen["accuracy"]
    for trial in twin.seen["trials"]:
        assert (1, "all epochs were over") == (trial["epochs"], trial["ended"])
        assert twin.recipe["search"]["space"].keys() == trial["hyper_parameters"].keys()


def test_the_twins_network_answers_the_same_once_it_is_saved_and_loaded(twin):
    ((now, again, same_classes),) = twin.kept
    assert same_classes
    np.testing.assert_allclose(now, again, rtol=1e-5, atol=1e-7)


def test_the_same_seed_gives_the_same_bits_with_dropout_and_augmentation_and_another_does_not():
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
