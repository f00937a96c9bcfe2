"""Workflows of users, played with whole sessions: what is judged, what is red, and that nothing is said twice."""

import re
from collections import Counter

import numpy as np
import pytest

from baselines import __main__ as command
from baselines import commit, machine
from baselines.cells import cells
from tests.self.baselines import fake_training
from tests.self.baselines.sessions import CELL, FULL, MEAN, ONE, SD, accept, accuracies, drawn, junit, others, times, verdicts
from tests.self.baselines.test_project import MODELS, TABLE
from zoo import project

RUNNERS = {  # of a CI service: chip -> its instruction set, threads and speed
    "amd-epyc-2cores-avx2": ("avx2", 2, 1.0),
    "intel-xeon-4cores-amx": ("amx", 4, 5.0),
    "intel-xeon-2cores-avx512": ("avx512", 2, 2.0),
    "arm-neoverse-4cores": ("bf16", 4, 0.3),
}
HERE = "here-chip_tensorflow_float32"
THREE = (*FULL, "--model=lenet5", "--dataset=mnist,fashion_mnist,cifar10", "--recipe=afif")
MEANS = {"lenet5-mnist-afif": 0.983, "lenet5-fashion_mnist-afif": 0.88, "lenet5-cifar10-afif": 0.56}
GPU = {"model": "made-up GPU", "bus": None, "memory": None, "driver": None}


@pytest.fixture
def on(monkeypatch):
    """A function that makes this machine another one: its chip, and its GPU if it has one."""

    def become(chip, gpu=None):
        name = f"{chip}_tensorflow_float32"
        monkeypatch.setattr(machine, "backend", lambda: "tensorflow")
        monkeypatch.setattr(machine, "folder", lambda precision: name)
        monkeypatch.setattr(machine, "folder_and_info", lambda precision: (name, {**fake_training.INFO, "gpu": gpu}))
        monkeypatch.setattr(machine, "accelerated", lambda: gpu is not None)

    monkeypatch.setattr(commit, "commit", lambda: {"id": "c0ffee"})  # whatever is uncommitted here
    become("here-chip")
    return become


@pytest.fixture
def baselines(monkeypatch, tmp_path, capsys):
    """A function: a command of python -m baselines on the tests' storage -> (exit code, what it printed)."""

    def run(*args):
        capsys.readouterr()
        code = command.main([*args, f"--storage={tmp_path / 'storage'}"])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def sd(mean):
    return float(np.sqrt(mean * (1 - mean) / 10_000))


def check_lines(done):
    """What holds of every session: its verdicts fit in a line, none stands there twice, and a red one is followed by commands."""
    lines = [f"{each.subject} {each.word}: {each.rest}" for each in verdicts(done)]
    assert [] == [line for line in lines if len(line) > 140]
    assert len(lines) == len(set(lines)), done.output
    red = [each for each in verdicts(done) if "REGRESSED" in f"{each.word} {each.rest}"]
    assert bool(red) == (done.returncode == 1), done.output
    for each in red:
        assert re.search(
            rf"{each.subject} .*(\n.*){{1,4}}(train .*: pytest -m full|measure it: python -m baselines ab) .*\n.*if it is meant: .*python -m baselines accept",
            done.stdout,
        )


@pytest.mark.self
@pytest.mark.parametrize("stored", [False, True], ids=["nothing stored", "stored each time"])
def test_ci_on_runners_of_changing_processors_judges_accuracy_at_every_one_and_time_at_none(suite, on, tmp_path, stored):
    for cell, mean in MEANS.items():
        accept(tmp_path / "storage", cell, np.random.default_rng(1).normal(mean, sd(mean), 5).round(4).tolist())
    rng, said = np.random.default_rng(11), Counter()
    accuracy = {chip: {cell: drawn(rng, mean, sd(mean)) for cell, mean in MEANS.items()} for chip in RUNNERS}
    for chip in rng.permutation([*RUNNERS] * 3):
        instructions, threads, speed = RUNNERS[chip]
        on(chip)
        chosen = {cell: {**orders, "bits": [speed]} for cell, orders in accuracy[chip].items()}
        seconds = [speed * 2.0, speed * 1.5]
        args = ["--benchmark-save=ci"] if stored else []
        done = suite(*THREE, *args, cells=chosen, instructions=instructions, threads=threads, seconds=seconds)
        assert 0 == done.returncode, done.output
        check_lines(done)
        found = accuracies(done)
        judged = ("PASS", "SAME", "IMPROVED")
        assert [True] * 3 == [found[cell] in judged for cell in MEANS], done.output
        assert {"NO-BASELINE"} == set(times(done).values())
        said.update(others(done))
    assert {} == dict(said), "nothing has changed that a user should look at"


@pytest.mark.slow
def test_a_gpu_machine_is_red_in_the_nights_of_a_loss_and_in_no_other_and_repeats_no_line(suite, on, tmp_path):
    rng, broken, mended = np.random.default_rng(3), range(20, 25), range(25, 31)
    for cell, mean in MEANS.items():
        seconds = [(2.0, float(each), float(each)) for each in rng.normal(1.5, 0.02, 5)]
        values = {"epochs": seconds, "peak_memory.gpu": 10**9}
        accept(tmp_path / "storage", cell, rng.normal(mean, sd(mean), 5).round(4).tolist(), "made-up-gpu_tensorflow_float32", **values)
    on("made-up-gpu", GPU)
    red, said, green = [], Counter(), 0
    for night in range(1, 31):
        graph = "broken" if night in broken else "mended" if night in mended else "a"
        chosen = {}
        for cell, mean in MEANS.items():
            loss = 0.01 if night in broken and cell == CELL else 0
            chosen[cell] = drawn(rng, mean - loss, sd(mean)) | {"bits": [night / 64]}
            if cell == CELL:
                chosen[cell]["code"] = {"graph": graph, "recipes": "b", "training": "c", "loader": "d"}
        seconds = [2.0, *rng.normal(1.5, 0.02, 2)]
        done = suite(*THREE, "--benchmark-save=nightly", cells=chosen, seconds=seconds, **{"peak_memory.gpu": 10**9})
        red += [night] * (done.returncode == 1)
        check_lines(done)
        if done.returncode:
            assert "REGRESSED" == accuracies(done)[CELL], done.output
            assert "changed: graph code a -> broken" in done.stdout
        else:
            said.update(others(done))
            green += 1
    assert [*broken] == red
    assert 25 == green
    assert {} == {line: count for line, count in said.items() if count > 1}
    assert ["  changed: graph code a -> mended"] == [*said]


@pytest.mark.self
def test_an_upgrade_that_changes_the_random_stream_is_not_red_is_named_once_per_cell_and_is_the_same_from_then_on(suite, on, tmp_path):
    rng = np.random.default_rng(4)
    for cell, mean in MEANS.items():
        accept(tmp_path / "storage", cell, rng.normal(mean, sd(mean), 5).round(4).tolist(), HERE)
    orders = {"versions": {"keras": "4"}, "cells": {cell: drawn(rng, mean, sd(mean)) for cell, mean in MEANS.items()}}
    first, second, third = (suite(*THREE, "--benchmark-save=upgrade", bits=[0.7], **orders) for _ in range(3))
    assert [0, 0, 0] == [done.returncode for done in (first, second, third)], first.output
    assert ["  changed: keras 3 -> 4, losses differ from epoch 1 on"] * 3 == others(first)
    assert {"PASS"} == {word for cell, word in accuracies(first).items()}
    for done in second, third:
        assert {"SAME"} == {accuracies(done)[cell] for cell in MEANS}, done.output
        assert [] == others(done)
        check_lines(done)


ALL = (
    *FULL[:2],
    "tests/test_accuracy.py",
    "--model=lenet5,vgg_like,squeezenet_afif",
    "--dataset=mnist,fashion_mnist,cifar10,svhn",
    "--recipe=afif",
)


@pytest.mark.self
def test_an_upgrade_that_costs_every_cell_a_little_is_red_for_all_cells_together_and_stays_so(suite, on, tmp_path, baselines):
    rng = np.random.default_rng(5)
    chosen = [cell for cell in cells().values() if cell.study == "afif" and cell.recipe_name == "afif"]
    chosen = [cell.id for cell in chosen if cell.model in ("lenet5", "vgg_like", "squeezenet_afif")]
    assert 12 == len(chosen)
    for cell in chosen:
        accept(tmp_path / "storage", cell, rng.normal(MEAN, SD, 5).round(4).tolist(), HERE)
    orders = {"versions": {"keras": "4"}, "bits": [0.7], "cells": {cell: drawn(rng, MEAN - 1.4 * SD) for cell in chosen}}
    first = suite(*ALL, "--benchmark-save=upgrade", f"--junitxml={tmp_path / 'first.xml'}", **orders)
    assert (1, "REGRESSED") == (first.returncode, accuracies(first)["all cells"]), first.output
    assert 1 == list(accuracies(first).values()).count("REGRESSED"), "no cell shows it alone"
    check_lines(first)
    failure, properties = junit(tmp_path / "first.xml")["test_all_cells_together_keep_their_accuracy"]
    assert (True, True) == ("12 cells together at z = " in failure, properties["verdict"].startswith("all cells REGRESSED: "))
    again = suite(*ALL, "--benchmark-save=upgrade", **orders)
    assert (1, "REGRESSED") == (again.returncode, accuracies(again)["all cells"]), again.output
    code, output = baselines("compare")
    assert (1, True) == (code, "REGRESSED: 12 cells together at z = " in output), output


@pytest.mark.self
@pytest.mark.parametrize("what", ["accuracy", "size"])
def test_a_deliberate_change_of_a_recipe_is_red_until_its_records_replace_the_baseline(suite, on, tmp_path, monkeypatch, baselines, what):
    accept(tmp_path / "storage", where=HERE)
    monkeypatch.setitem(cells(), CELL, cells()[CELL]._replace(recipe={**cells()[CELL].recipe, "batch": 64}))
    orders = drawn(np.random.default_rng(6), MEAN - 0.008 if what == "accuracy" else MEAN)
    orders |= {"parameters.total": 150_743} if what == "size" else {}
    red = suite(*ONE, "--benchmark-save=batch64", **orders)
    assert (1, "REGRESSED") == (red.returncode, accuracies(red)[CELL]), red.output
    assert "changed: recipe's batch 128 -> 64" in red.stdout
    check_lines(red)
    assert 1 == baselines("compare")[0]
    code, output = baselines("accept", "--reason=smaller batches")
    assert (2, True) == (code, "--replace" in output), output
    again = suite(*ONE, "--benchmark-save=batch64", **orders)
    assert 1 == again.returncode, again.output
    code, output = baselines("accept", "--reason=smaller batches", "--replace", f"--cell={CELL}")
    assert 0 == code, output
    if what == "accuracy":
        assert re.search(r"mean 0\.98\d\d \(n=5\) -> 0\.97\d\d \(n=3, 1 machine\)", output)
        assert re.search(r"since the first baseline of .* \(n=5\): -0\.00", output)
    green = suite(*ONE, "--benchmark-save=batch64", **orders)
    assert (0, "SAME", []) == (green.returncode, accuracies(green)[CELL], others(green)), green.output
    other = suite(*ONE, "--seed=30", "--benchmark-save=batch64", **orders)
    assert (0, "PASS", []) == (other.returncode, accuracies(other)[CELL], others(other)), other.output
    assert 0 == baselines("compare")[0]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A project with a model and a cell of its own, of which no record is stored."""
    folder = tmp_path / "project"
    (folder / "zoo").mkdir(parents=True)
    (folder / "zoo" / "__init__.py").write_text(MODELS)
    (folder / "ours.toml").write_text(TABLE)
    np.savez(folder / "noise.npz", **{name: np.zeros(1) for name in ("x_train", "y_train", "x_test", "y_test")})
    monkeypatch.setenv(project.VARIABLE, "")  # which --project sets: afterwards it is as it was
    return folder


@pytest.mark.self
def test_a_first_time_users_own_model_comes_from_no_record_to_a_baseline_that_can_be_red(suite, on, own, monkeypatch, capsys):
    cell, args = "tiny-noise-short", (*FULL, f"--project={own}", "--model=tiny", "--benchmark-save=mine")

    def session(*more, **orders):
        return suite(*args, *more, storage=False, **orders)

    def accepting():
        with monkeypatch.context() as patch:
            patch.setenv(project.VARIABLE, str(own))
            capsys.readouterr()
            code = command.main(["accept", "--reason=mine", f"--cell={cell}"])
            return code, "".join(capsys.readouterr())

    first = session(accuracy=0.8)
    assert (0, "NO-BASELINE") == (first.returncode, accuracies(first)[cell]), first.output
    strict = session("--strict-baselines", accuracy=0.8)
    assert 1 == strict.returncode
    assert f"make it the baseline: {project.VARIABLE}={own} python -m baselines accept --cell {cell} --reason '...'" in strict.stdout
    assert 0 == accepting()[0]
    assert own / "records" / HERE == next((own / "records").iterdir())
    for n, seed in (1, 11), (2, 21):
        poor = session(f"--seed={seed}", accuracy=0.6, code={"graph": f"poor {n}"})
        assert (0, "SUSPECT") == (poor.returncode, accuracies(poor)[cell]), poor.output
        assert f"(n={n})" in poor.stdout
        assert "never red under 3 records" in poor.stdout
        assert (2, True) == ((found := accepting())[0], "is SUSPECT" in found[1]), found[1]
        like = session(f"--seed={n}", accuracy=0.8 + n / 500)
        assert (0, "PASS") == (like.returncode, accuracies(like)[cell]), like.output
        check_lines(like)
        for path in (own / "records" / HERE).glob("*.json"):  # the poor ones, whose change was given up
            if '"poor' in path.read_text():
                path.unlink()
        assert 0 == (found := accepting())[0], found[1]
    red = session("--seed=31", accuracy=0.6, code={"graph": "poor"})
    assert (1, "REGRESSED") == (red.returncode, accuracies(red)[cell]), red.output
    assert f"--project={own}" in red.stdout
    check_lines(red)
