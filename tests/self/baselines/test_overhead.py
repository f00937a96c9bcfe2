"""The overhead command: every way trains the same, the ways are timed in turn, and the table adds up."""

import itertools
import math
import re
from importlib import import_module

import numpy as np
import pytest

import loaders
from baselines import __main__ as main
from baselines import machine, overhead
from baselines.cells import cells

CELL = "lenet5-digits-digits_lenet"
IMAGES = 70  # not a whole number of batches


@pytest.fixture
def small(monkeypatch):
    """A network with a penalty and moving averages in place of the cell's, so that a way that forgets either is seen."""
    import keras

    def build(name, shape, classes):
        layers = keras.layers
        hidden = layers.Dense(16, "relu", kernel_regularizer=keras.regularizers.L2(0.01))
        return keras.Sequential(
            [layers.Input(shape), layers.Flatten(), hidden, layers.BatchNormalization(), layers.Dense(classes, "softmax")]
        )

    monkeypatch.setattr(overhead.zoo, "build", build)


def losses(way, batch, epochs=3):
    """The mean losses of a way's first epochs, on the first digits."""
    cell = cells()[CELL]
    cell = overhead.one_pass(cell._replace(recipe=cell.recipe | {"batch": batch}), IMAGES)
    epoch = overhead.prepared(way, cell, loaders.load(cell.data))
    return [epoch()[1] for _ in range(epochs)]


def columns(text):
    head, _, *rows = (re.split(" {2,}", line) for line in text.splitlines())
    return [head, *rows]


@pytest.mark.slow
def test_the_loop_by_hand_trains_what_the_suites_epoch_does(small, monkeypatch):
    import keras

    if keras.backend.backend() not in overhead.LOOPS:
        pytest.skip("no loop is written for this backend")
    order = import_module(f"zoo.training.epoch_{keras.backend.backend()}").order
    orders = (np.asarray(order(overhead.SEED, number, IMAGES)) for number in itertools.count())
    monkeypatch.setattr(overhead, "shuffles", lambda count: orders)
    expected = losses("ours", 32)
    assert expected == pytest.approx(losses("loop", 32), rel=1e-4)
    assert expected[-1] < expected[0] < math.inf


@pytest.mark.slow
def test_fit_trains_what_the_suites_epoch_does_where_one_batch_holds_all_images(small):
    expected = losses("ours", IMAGES)
    assert expected == pytest.approx(losses("fit", IMAGES), rel=1e-4)
    assert expected[-1] < expected[0] < math.inf


@pytest.mark.self
def test_the_table_is_computed_from_the_times():
    found = overhead.table({"ours": [3.0, 2.0, 2.5], "fit": [8.0, 8.0, 8.0], "loop": [1.0, 2.0, 4.0]}, 1000)
    assert [
        ["way", "n", "fastest", "median", "spread", "images/s", "ratio to fit", "ratio to loop"],
        ["ours", "3", "2", "2.5", "40.0%", "500", "0.250", "2.000"],
        ["fit", "3", "8", "8", "0.0%", "125", "1.000", "8.000"],
        ["loop", "3", "1", "2", "150.0%", "1,000", "0.125", "1.000"],
    ] == columns(found)


@pytest.mark.self
def test_the_ways_are_timed_in_turn_after_one_untimed_epoch_of_each():
    seen, clock = [], itertools.count()
    epochs = {way: lambda way=way: (seen.append(way), (next(clock), 0.5))[1] for way in ("ours", "fit")}
    assert {"ours": [2, 4], "fit": [3, 5]} == overhead.measure(epochs, 2)
    assert ["ours", "fit"] * 3 == seen


@pytest.mark.self
def test_an_epoch_is_one_pass_over_the_chosen_images_also_where_the_recipe_has_steps():
    cell = next(cell for cell in cells().values() if "steps" in cell.recipe and "images" not in cell.recipe)
    recipe = overhead.one_pass(cell, IMAGES).recipe
    assert 1 == overhead.recipes.steps_an_epoch(recipe, IMAGES)
    assert [IMAGES, cell.recipe["batch"]] == recipe["images"]


@pytest.mark.slow
def test_the_command_prints_one_row_per_way_the_ways_left_out_and_how_busy_other_programs_were(small, monkeypatch, capsys):
    monkeypatch.setattr(overhead, "LOOPS", {"another": None})
    monkeypatch.setattr(machine, "others", lambda before=None: {"others": 0.7} if before else "a reading")
    assert 0 == main.main(["overhead", f"--cell={CELL}", f"--images={IMAGES}", "--rounds=3"])
    table, _, notes = capsys.readouterr().out.partition("\n\n")
    assert [["ours", "3"], ["fit", "3"]] == [row[:2] for row in columns(table)[1:]]
    assert f"{CELL}, {IMAGES} images, batch 32, on {machine.folder('float32')}" in notes
    assert "kept busy by other programs: 0.7: do not believe" in notes
    assert re.search("left out: loop: none is written for .*, only for another", notes)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--cell=lenet5-mnist-afff"], "unknown cell 'lenet5-mnist-afff'; known: lenet5-mnist-afif, "),
        (["--cell=lenet5-mnist-afif", "--images=0"], "--images is 0; give 1 or more"),
        (["--cell=lenet5-mnist-afif", "--rounds=-1"], "--rounds is -1; give 1 or more"),
        (["--cell=lenet5-mnist-afif", "--data-dir=nowhere"], "--data-dir names a data directory that does not exist"),
        (["--cell=lenet5-mnist-afif"], "train-images-idx3-ubyte.gz is not there"),
    ],
)
@pytest.mark.self
def test_wrong_use_and_missing_data_are_one_line(bare_home, tmp_path, monkeypatch, capsys, args, message):
    monkeypatch.chdir(tmp_path)
    assert 2 == main.main(["overhead", *args])
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
