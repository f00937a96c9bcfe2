"""The figures of a training: what they show, that they change nothing of its record, and that a failure does not lose it."""

import argparse
import json
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from baselines import figures, train
from baselines import record as records
from baselines.cells import cells
from tests.self.baselines import fake_training
from tests.self.baselines.test_session import ONE

pytestmark = pytest.mark.self
drawn = pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
LENET = "lenet5-digits-digits_lenet"


def images(count=60, classes=3, channels=1, wrong=4):
    """(data, probabilities) of which the answers to the first ``wrong`` images are wrong, with 0.75; the others' are right, with 1."""
    random = np.random.default_rng(0)
    pixels, labels = random.integers(0, 256, (count, 5, 4, channels), "uint8"), np.arange(count, dtype="int32") % classes
    probabilities = np.eye(classes)[labels]
    probabilities[:wrong] = 0.75 * np.roll(probabilities[:wrong], 1, axis=1) + 0.25 * probabilities[:wrong]
    names = [f"n{label:08} class {label}$" for label in range(classes)]
    return SimpleNamespace(x_test=pixels, y_test=labels, classes=names), probabilities


def made(**history):
    """A record with that history."""
    return fake_training.record(LENET, history=history or {"loss": [2.0, 1.0], "accuracy": [0.3, 0.6], "test_loss": [2.0, 1.5]})


@pytest.fixture
def settled(monkeypatch):
    monkeypatch.setattr(figures, "check", lambda folder: None)  # as if matplotlib were installed


def test_figures_leave_the_record_as_it_is_and_have_its_accuracy(settled, monkeypatch, tmp_path):
    seen, parser = {}, argparse.ArgumentParser()
    train.options(parser)
    names = "folder", "stem", "record", "published", "data", "probabilities"
    monkeypatch.setattr(figures, "draw", lambda *args: seen.update(zip(names, args, strict=True)))
    without, record = (
        train.train(cells()[LENET], parser.parse_args([LENET, "--epochs", "1", *args])) for args in ([], ["--figures", str(tmp_path)])
    )
    assert without[2] is None
    assert {} == seen, "nothing is predicted before the record is made"
    kept = json.dumps(record[1])
    record[2]()
    assert kept == json.dumps(record[1])
    for key in "history", "accuracy", "loss", "code", "recipe", "macs", "calls":
        assert without[1]["record"][key] == record[1]["record"][key], key
    assert records.identity(without[1]["record"]) == records.identity(record[1]["record"])
    assert (tmp_path, f"{LENET}-float32-0-1epochs") == (seen["folder"], seen["stem"])
    right = seen["probabilities"].argmax(axis=1) == seen["data"].y_test
    assert record[1]["record"]["accuracy"] == right.mean(dtype="float64")
    np.testing.assert_allclose(1, seen["probabilities"].sum(axis=1), rtol=1e-5)


def test_the_record_is_told_before_the_figures_are_drawn_and_a_failure_is_named(settled, monkeypatch, capsys, tmp_path):
    def full(*args):
        raise OSError("no space left")

    network = SimpleNamespace(compile=lambda jit_compile: None, predict=lambda x, batch_size, verbose: np.eye(3))
    data, _ = images(3)
    monkeypatch.setattr(figures, "draw", full)
    monkeypatch.setattr(
        train, "train", lambda cell, args: ("record", {"record": made()}, lambda: train._draw(network, cell, data, made(), args))
    )
    from baselines.__main__ import main

    assert 0 == main(["train", LENET, "--figures", str(tmp_path)])
    record, lost = map(json.loads, capsys.readouterr().out.splitlines())
    assert ("record", "lost") == (record["event"], lost["event"])
    assert f"NOT DRAWN: the figures of {LENET} in {tmp_path}: no space left" == lost["message"]


def test_a_session_whose_figures_fail_is_red_and_keeps_the_record(suite, files, monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "find_spec", lambda name: True)
    done = suite(*ONE, "--benchmark-save=x", f"--figures={tmp_path}", full=True)
    assert (1, True, 1) == (done.returncode, f"NOT DRAWN: {tmp_path}: no space left" in done.stdout, len(files())), done.output


def test_without_matplotlib_nothing_is_trained_and_the_message_says_how_to_install_it(suite, monkeypatch, capsys, trained, tmp_path):
    monkeypatch.setattr(figures, "find_spec", lambda name: None)
    message = f"--figures={tmp_path} needs matplotlib, which is not installed: pip install matplotlib"
    done = suite(*ONE, f"--figures={tmp_path}")
    assert (4, True, False) == (done.returncode, message in done.stderr, (tmp_path / "log").exists()), done.output
    from baselines.__main__ import main

    assert 2 == main(["train", LENET, "--figures", str(tmp_path)])
    assert {"event": "refused", "message": message} == json.loads(capsys.readouterr().out)


@drawn
def test_equal_values_give_equal_files_whatever_the_users_settings_are(tmp_path):
    import matplotlib

    data, probabilities = images()
    figures.draw(tmp_path, "a", made(), {}, data, probabilities)
    with matplotlib.rc_context({"text.usetex": True, "font.size": 20, "savefig.dpi": 30, "image.cmap": "jet"}):
        figures.draw(tmp_path, "b", made(), {}, data, probabilities)
    assert sorted([f"{stem}-{kind}.png" for stem in "ab" for kind in figures.KINDS]) == sorted(path.name for path in tmp_path.iterdir())
    for first, second in zip(figures.paths(tmp_path, "a").values(), figures.paths(tmp_path, "b").values(), strict=True):
        assert first.read_bytes() == second.read_bytes()
        assert b"matplotlib" not in first.read_bytes().lower()


@drawn
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_grid_shows_the_first_images_as_they_are_in_the_data_set(channels):
    data, probabilities = images(channels=channels)
    grid = figures.grid(data, probabilities, np.arange(4, 60), "right")
    shown = [axes.images[0].get_array() for axes in grid.axes]
    assert figures.TILES == len(shown)
    for index, pixels in enumerate(shown, 4):
        np.testing.assert_array_equal(data.x_test[index, ..., 0] if channels < 3 else data.x_test[index, ..., :3], pixels)
    assert "56 of 60 test images are answered right; these are the first 25" == grid.get_supxlabel()
    wrong = figures.grid(data, probabilities, np.arange(4), "wrong")
    assert "label: class 1$\nanswer: class 2$\nconfidence 0.7500" == wrong.axes[1].get_title()
    assert "4 of 60 test images are answered wrong" == wrong.get_supxlabel()


@drawn
def test_a_grid_without_images_says_so():
    data, probabilities = images(wrong=0)
    grid = figures.grid(data, probabilities, np.arange(0), "wrong")
    assert ("0 of 60 test images are answered wrong", 0) == (grid.get_supxlabel(), sum(len(axes.images) for axes in grid.axes))


def test_rows_of_the_matrix_are_labels_and_its_columns_answers():
    counts = figures.matrix(np.array([0, 0, 0, 1], "int32"), np.array([1, 1, 0, 1]), 3)
    np.testing.assert_array_equal([[1, 2, 0], [0, 1, 0], [0, 0, 0]], counts)
    np.testing.assert_array_equal([1 / 3, 1, np.nan], figures.recalls(counts))


@drawn
def test_a_confusion_matrix_has_counts_in_its_cells_and_recalls_in_its_margin():
    axes, margin = figures.confusion(np.array([[1, 2, 0], [0, 1, 0], [0, 0, 0]]), ["a", "b", "c"]).axes
    assert {(0, 0): "1", (1, 0): "2", (1, 1): "1"} == {text.get_position(): text.get_text() for text in axes.texts}
    assert ("label", "answer", "2 of 4 right: accuracy 0.5000") == (axes.get_ylabel(), axes.get_xlabel(), axes.get_title())
    assert ["0.333", "1.000", "no image"] == [text.get_text() for text in margin.texts]


@drawn
def test_a_confusion_matrix_of_many_classes_names_those_of_lowest_recall_in_place_of_numbers():
    counts = np.diag(np.full(200, 4))
    counts[150:165, 0], counts[199] = np.arange(40, 10, -2), 0
    figure = figures.confusion(counts, [f"n{label:08} class {label}" for label in range(200)])
    assert [] == [*figure.axes[0].texts, *figure.axes[1].texts]
    lines = figure.get_supxlabel().splitlines()
    assert ["lowest recall:", "0.091  150 class 150", "0.095  151 class 151"] == lines[:3]
    assert 1 + figures.LOWEST == len(lines)


@drawn
@pytest.mark.parametrize("watched", ["test", "validation"])
def test_curves_show_the_history_the_end_and_the_published_number(watched):
    history = {"loss": [2.0, None], "accuracy": [0.3, 0.6], f"{watched}_loss": [2.0, 1.0], f"{watched}_accuracy": [0.2, 0.5]}
    record = {**made(**history), "accuracy": 0.55, "loss": None}
    record["recipe"]["phases"] = [{"from": 0}, {"from": 1}, {"from": 9}]
    accuracy, loss = figures.curves(record, {"accuracy": 0.75}).axes
    lines = {line.get_label(): line for line in accuracy.lines}
    np.testing.assert_array_equal([0.3, 0.6], lines["training"].get_ydata())
    np.testing.assert_array_equal([0.2, 0.5], lines[watched].get_ydata())
    np.testing.assert_array_equal([2], lines["test, at the end: 0.5500"].get_xdata())
    assert [0.75, 0.75] == lines["test, published: 0.75"].get_ydata()
    assert [1.5] == [line.get_xdata()[0] for line in accuracy.lines if line.get_linestyle() == ":"], "where a phase begins"
    assert ["training", watched] == [line.get_label() for line in loss.lines if not line.get_label().startswith("_")]
    np.testing.assert_array_equal([2.0, np.nan], loss.lines[0].get_ydata())


def test_the_title_says_what_the_published_number_does_not_hold_for():
    assert f"{LENET}\nfloat32, seed 0" == figures.title(made())
    shortened = {**made(), "epochs_option": 2, "trials": [{}, {}], "data": {"kind": "sample"}}
    assert f"{LENET}\nfloat32, seed 0, --epochs 2, best of 2 trials, data: sample" == figures.title(shortened)
