"""The comparison of the suite's epoch with other ways: the same training in each, timed in turn, and a table that adds up."""

import itertools
import math
import os
import re
from contextlib import nullcontext
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest

from baselines import __main__ as command
from baselines import limits, machine
from tests.small_networks import BUILDERS

pytestmark = pytest.mark.self
CELL = "lenet5-digits-digits_lenet"
IMAGES = 70  # which fill no whole number of batches
SPEC = limits.Spec("ours", None, CELL, IMAGES, ".")


@pytest.fixture(scope="module", autouse=True)
def late_imports():
    """Keras comes with the first test, and not when tests are collected."""
    global keras, limits_ways
    import keras

    from baselines import limits_ways


@pytest.fixture
def small(monkeypatch):
    """A network that is penalised and remembers batches, in place of the cell's, so that a loop that forgets either shows."""

    def build(name, shape, classes):
        layers = keras.layers
        hidden = layers.Dense(16, "relu", kernel_regularizer=keras.regularizers.L2(0.01))
        return keras.Sequential(
            [layers.Input(shape), layers.Flatten(), hidden, layers.BatchNormalization(), layers.Dense(classes, "softmax")]
        )

    monkeypatch.setattr(limits_ways.zoo, "build", build)
    yield
    limits._epoch.cache_clear()


@pytest.fixture
def in_turn(monkeypatch):
    """No way trains, and none has a process of its own: the list of what is trained, to which timed and ready add."""
    seen = []

    def record(what):
        return lambda spec: (seen.append((what, spec.way)), (1.0, 5))[1]

    def submit(function, spec):
        value = function(spec)
        return SimpleNamespace(result=lambda: value)

    monkeypatch.setattr(limits, "ready", record("ready"))
    monkeypatch.setattr(limits, "timed", record("timed"))
    monkeypatch.setattr(limits, "_process", lambda spec: nullcontext(SimpleNamespace(submit=submit)))
    return seen


def where(spec):
    """In place of limits.timed in a process of its own: its id."""
    return os.getpid(), 5


def columns(text):
    return [re.split(" {2,}", line) for line in text.splitlines()[2:]]


def test_the_numbers_of_the_table_are_those_of_the_times():
    found = limits.table({"ours": [3.0, 2.0, 2.5], "fit": [8.0, 8.0, 8.0], "loop": [1.0, 2.0, 4.0]}, 1000)
    assert "way n fastest median spread images/s / fit / loop" == " ".join(found.splitlines()[0].split())
    assert [
        ["ours", "3", "2", "2.5", "40.0%", "500", "0.250", "2.000"],
        ["fit", "3", "8", "8", "0.0%", "125", "1.000", "8.000"],
        ["loop", "3", "1", "2", "150.0%", "1,000", "0.125", "1.000"],
    ] == columns(found)


def test_precisions_are_held_against_the_first_and_peaks_shown_where_known():
    found = limits.table({"ours float32": [2.0], "ours bfloat16": [1.0]}, 10, {"ours float32": 7_000_000})
    assert "way n fastest median spread images/s / ours float32 peak MB" == " ".join(found.splitlines()[0].split())
    assert [["1.000", "7"], ["0.500"]] == [line[6:] for line in columns(found)]


def test_ways_are_timed_in_turn_after_each_has_trained(in_turn):
    specs = {way: SPEC._replace(way=way) for way in ("ours", "fit", "torch")}
    times, peaks, left_out = limits.measure(specs, 2)
    assert [(what, way) for what in ("ready", "timed", "timed") for way in specs] == in_turn
    assert ({way: [1.0, 1.0] for way in specs}, {}, {}) == (times, peaks, left_out)


def test_a_fresh_epoch_has_a_process_of_its_own(monkeypatch):
    monkeypatch.setattr(limits, "timed", where)
    times, peaks, _ = limits.measure({"ours": SPEC}, 2, fresh=True)
    assert 3 == len({os.getpid(), *times["ours"]})
    assert {"ours": 5} == peaks


@pytest.mark.parametrize("fresh", [False, True])
def test_where_pytorch_is_not_installed_that_is_said_and_the_others_are_timed(in_turn, monkeypatch, fresh):
    recorded = limits.timed
    monkeypatch.setattr(limits.importlib.util, "find_spec", {}.get)
    for name in "ready", "timed":
        monkeypatch.setattr(limits, name, lambda spec: (spec.way == "torch" and limits._epoch(spec), recorded(spec))[1])
    times, _, left_out = limits.measure({way: SPEC._replace(way=way) for way in ("torch", "fit")}, 1, fresh)
    assert ["fit"] == list(times)
    assert ["torch"] == list(left_out)
    assert "PyTorch is not installed" in left_out["torch"]


def test_a_failing_pytorch_is_said_and_a_failing_way_of_ours_is_an_error(in_turn, monkeypatch):
    def timed(spec):
        raise RuntimeError("no memory")

    monkeypatch.setattr(limits, "timed", timed)
    assert ({}, {}, {"torch": "no memory"}) == limits.measure({"torch": SPEC._replace(way="torch")}, 1)
    with pytest.raises(RuntimeError, match="no memory"):
        limits.measure({"ours": SPEC}, 1)


@pytest.mark.parametrize("gpu", [None, "a GPU"])
def test_the_loop_by_hand_trains_what_the_suites_epoch_does(small, monkeypatch, gpu):
    module = limits_ways.training.EPOCHS.get(keras.backend.backend())
    if module is None:
        pytest.skip("no loop was written for this backend")
    order = import_module(module).order
    orders = (np.asarray(order(limits_ways.SEED, number, IMAGES)) for number in itertools.count())
    monkeypatch.setattr(limits_ways, "shuffles", lambda count: orders)
    ours, loop = (limits_ways.prepared(SPEC._replace(way=way)) for way in ("ours", "loop"))
    expected = [ours()[1] for _ in range(3)]
    monkeypatch.setattr(limits_ways.device, "gpu", lambda: gpu)  # JAX's loop is another there
    assert expected == pytest.approx([loop()[1] for _ in range(3)], rel=1e-4)
    assert expected[-1] < expected[0] < math.inf


@pytest.mark.parametrize("way", ["fit", "advice"])
def test_the_loss_falls_in_the_ways_of_keras_own(small, way):
    epoch = limits_ways.prepared(SPEC._replace(way=way))
    seconds, losses = zip(*(epoch() for _ in range(4)), strict=True)
    assert losses[-1] < losses[0] < math.inf
    assert min(seconds) > 0


def test_an_epoch_is_one_pass_over_the_images_asked_for_whatever_the_recipe_says_of_steps():
    imagenet32 = next(cell for cell in limits.cells().values() if "steps" in cell.recipe and "images" not in cell.recipe)
    recipe = limits_ways._recipe(SPEC._replace(cell=imagenet32.id))
    assert 1 == limits_ways.recipes.steps_an_epoch(recipe, IMAGES)
    assert [IMAGES, imagenet32.recipe["batch"]] == recipe["images"]
    assert IMAGES == len(limits_ways.trained_on(SPEC)[1])


def test_a_precision_holds_while_its_way_is_made_and_no_longer(monkeypatch):
    seen = []
    monkeypatch.setattr(limits_ways, "prepared", lambda spec: lambda: seen.append(keras.config.dtype_policy().name))
    before = keras.config.dtype_policy()
    limits._epoch.__wrapped__(SPEC._replace(precision="mixed_bfloat16"))
    assert ["mixed_bfloat16"] == seen
    assert before == keras.config.dtype_policy()


def test_the_command_prints_a_row_a_way_and_what_else_ran(small, monkeypatch, capsys):
    monkeypatch.setattr(machine, "others", lambda before=None: {"others": 0.7, "loadavg": 1.0} if before else "a reading")
    assert 0 == command.main(["limits", f"--cell={CELL}", f"--images={IMAGES}", "--rounds=3", "--ways=fit,loop"])
    said = capsys.readouterr().out
    table, _, notes = said.partition("\n\n")
    assert [["fit", "3"], ["loop", "3"]] == [line[:2] for line in columns(table)]
    assert f"{CELL}, {IMAGES} images, batch 32, on {machine.name()}" in notes
    assert "kept 0.7 processors busy: do not believe" in notes


def test_precisions_are_of_ours_alone_and_in_place_of_the_other_ways(in_turn, capsys):
    assert 0 == command.main(["limits", f"--cell={CELL}", "--rounds=1", "--precision=float32,mixed_bfloat16"])
    table = columns(capsys.readouterr().out.partition("\n\n")[0])
    assert ["ours float32", "ours mixed_bfloat16"] == [line[0] for line in table]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cell=lenet5-mnist-afff"], "unknown cell 'lenet5-mnist-afff'; known: lenet5-mnist-afif, "),
        (["--ways=ours,best"], "unknown way 'best'; known: ours, fit, advice, loop, torch"),
        (["--precision=float31"], "unknown precision 'float31'; known: float32, "),
        (["--ways=fit,ours", "--precision=float32"], "--precision is of ours alone"),
        (["--images=0"], "--images is 0; give 1 or more"),
        (["--rounds=-1"], "--rounds is -1; give 1 or more"),
        (["--data-dir=nowhere"], "--data-dir names a data directory that does not exist"),
        ([], "train-images-idx3-ubyte.gz is not there"),
    ],
)
def test_wrong_use_and_missing_data_are_said_in_one_line(bare_home, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    assert 2 == command.main(["limits", *words])
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


@pytest.fixture
def limits_torch():
    pytest.importorskip("torch", reason="PyTorch, which is no dependency, is not installed")
    return import_module("baselines.limits_torch")


@pytest.mark.parametrize("name", [name for name in BUILDERS if name != "vgg"])
def test_pytorch_answers_what_keras_does(limits_torch, name):
    model = BUILDERS[name]()
    modules, forward = limits_torch.translated(model)
    modules.eval()
    images = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:])).astype("float32")
    logits = forward(limits_torch.torch.tensor(images).permute(0, 3, 1, 2))
    assert keras.ops.convert_to_numpy(model(images, training=False)) == pytest.approx(logits.softmax(-1).detach().numpy(), abs=1e-5)
    assert len(model.trainable_weights) == len([weight for weight in modules.parameters() if weight.requires_grad])


def test_what_pytorch_cannot_have_translated_is_named(limits_torch):
    with pytest.raises(NotImplementedError, match="Square cannot be translated"):
        limits_torch.translated(BUILDERS["vgg"]())


@pytest.mark.parametrize(
    "table",
    [
        {"name": "Adadelta", "learning_rate": 1.0, "rho": 0.9},
        {"name": "Adam", "learning_rate": 0.01, "beta_1": 0.8},
        {"name": "Adamax", "learning_rate": 0.01, "beta_2": 0.99},
        {"name": "SGD", "learning_rate": 0.1, "momentum": 0.8, "nesterov": True},
    ],
    ids=lambda table: table["name"],
)
def test_pytorch_trains_as_keras_does(limits_torch, table):
    """All images are one batch, so that their order says nothing; the L2 penalty is strong enough to show."""
    rng, layers = np.random.default_rng(0), keras.layers
    images, labels = rng.integers(0, 256, (IMAGES, 6, 5, 2)).astype("uint8"), rng.integers(0, 4, IMAGES).astype("int32")
    hidden = layers.Dense(8, "tanh", kernel_regularizer=keras.regularizers.L2(0.3))
    network = keras.Sequential([layers.Input((6, 5, 2)), layers.Flatten(), hidden, layers.Dense(4, "softmax")])
    recipe = {"input": "mean_subtracted", "batch": IMAGES}
    optimizer = limits_ways.recipes.optimizer(table, 1)
    epoch = limits_torch.prepared(network, optimizer, recipe, images, labels)
    trainer = limits_ways.recipes.trainer(network, recipe, images)
    loss = "sparse_categorical_crossentropy"
    trainer.compile(optimizer, loss, metrics=[loss])  # the metric is without the penalty
    expected = trainer.fit(images, labels, batch_size=IMAGES, epochs=8, verbose=0).history[loss]
    assert expected == pytest.approx([epoch() for _ in range(8)], rel=1e-3)
