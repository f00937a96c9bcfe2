"""Sabotage of the whole path: each fault is played as a session, and its exit code, its JUnit file and what it says are looked at."""

# ruff: noqa: F811 (a fixture that is imported and used)

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import loaders
from baselines.cells import cells
from tests.self.baselines.sessions import CELL, FULL, MEAN, ONE, accept, accuracies, drawn, junit, others, times, verdicts
from tests.self.baselines.test_workflows import HERE, baselines, check_lines, on  # noqa: F401
from zoo import project

ROOT = Path(__file__).parents[3]
VGG = "vgg_like-mnist-afif"
DIGITS = (
    "lenet5-digits-digits_lenet",
    "vgg_like-digits-digits_vgg",
    "resnet20_v1-digits-digits_resnet",
    "resnet20_v2-digits-digits_resnet",
)
CHANGED = {"code": {"graph": "z", "recipes": "b", "training": "c", "loader": "d"}}  # so that it is no second training of an accepted one
WRONG = "every test image is taken for class 0"
STEADY = {"epochs": [(2.0, *[2.0 + seed / 200] * 9) for seed in range(5)]}  # seconds of accepted records
SAME_FILES = {"data.files": {"mnist/x.gz": "sha256:1"}}


class Fault(NamedTuple):
    """What is accepted, what a session's training gives, and what the session must say."""

    orders: dict
    accuracy: str = ""  # in the failure of test_accuracy; empty: it passes
    time: str = ""  # in the failure of test_epoch_time
    named: str = ""  # in the line below the verdict
    cell: str = CELL
    accepted: dict = {}  # noqa: RUF012


FAULTS = {
    "a collapse of a cell with one record": Fault(
        {**CHANGED, "accuracy": 0.5, "seconds": [915.0, 916.0]},
        accuracy="REGRESSED: accuracy 0.5000, baseline 0.9946 (n=1), suspicious under 0.99",
        time="REGRESSED: fastest epoch 915 s, baseline 91 (n=1), limit 1",
        cell=VGG,
        accepted={"accuracies": [0.9946], "epochs": [(91.0, 92.0)]},
    ),
    "a collapse of a cell with two records": Fault(
        {**CHANGED, "accuracy": 0.11},
        accuracy="REGRESSED: accuracy 0.1100, baseline 0.9830 (n=2)",
        cell=VGG,
        accepted={"accuracies": [0.983, 0.983]},
    ),
    "losses times 1.5 with the same seed": Fault(
        {"accuracy": 0.983, "history": {"accuracy": [0.983], "loss": [0.75, 0.15, 0.03]}},
        accuracy="REGRESSED: other losses from epoch 1 on than 0001_good_00000001.json of the same code, data, libraries and machine, twice",
    ),
    "losses times 1.5 with other code": Fault(
        {**CHANGED, "accuracy": 0.983, "history": {"accuracy": [0.983], "loss": [0.75, 0.15, 0.03]}},
        named="graph code a -> z, losses differ from epoch 1 on",
    ),
    "later epochs that are slower": Fault(
        {**CHANGED, "accuracy": 0.983, "seconds": [2.0, *[9.0] * 9]}, time="REGRESSED: median epoch 9 s, baseline 2.", accepted=STEADY
    ),
    "a slower evaluation": Fault(
        {**CHANGED, "accuracy": 0.983, "eval_seconds": [99.0] * 3}, time="REGRESSED: evaluation 99 s, baseline 0.1 (n=5)"
    ),
    "a slower compilation": Fault({**CHANGED, "accuracy": 0.983, "compile_seconds": 500.0}, named="compilation 1 -> 500 s"),
    "another loop": Fault({**CHANGED, "accuracy": 0.983, "loop": "fit"}, named="loop one program -> fit"),
    "other work": Fault(
        {**CHANGED, "accuracy": 0.983, "macs": 999_999}, accuracy="REGRESSED: multiply-accumulates 999,999, accepted 241,816 (n=5)"
    ),
    "a loader that gives other arrays of the same files": Fault(
        {**CHANGED, **SAME_FILES, "accuracy": 0.3, "fingerprint": "beef"},
        accuracy="REGRESSED: the same files gave other arrays (beef, accepted f00d): the loader changed what it gives",
        accepted=SAME_FILES,
    ),
    "a collapse where one of five accepted records collapsed": Fault(
        {**CHANGED, "accuracy": 0.983, "divergence": WRONG},
        accuracy=f"REGRESSED: accuracy 0.9830; the training diverged: {WRONG}",
        accepted={"each": {2: {"divergence": WRONG}}},
    ),
    "one image of 360": Fault(
        {**CHANGED, "accuracy": 0.9333, "data.test": 360}, cell=DIGITS[0], accepted={"accuracies": [0.9361] * 5, "data.test": 360}
    ),
}


def only(cell):
    """The arguments of a session of one cell."""
    return (*FULL, *(f"--{key}={part}" for key, part in zip(("model", "dataset", "recipe"), cell.split("-"), strict=True)))


@pytest.mark.self
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_red_where_it_must_be_and_says_what_is_wrong_and_what_comes_next(suite, on, tmp_path, baselines, fault):
    accept(tmp_path / "storage", fault.cell, where=HERE, **fault.accepted)
    report = tmp_path / "report.xml"
    done = suite(*only(fault.cell), "--benchmark-save=x", f"--junitxml={report}", **fault.orders)
    assert bool(fault.accuracy or fault.time) == done.returncode, done.output
    check_lines(done)
    found = junit(report)
    for test, text in ("test_accuracy", fault.accuracy), ("test_epoch_time", fault.time):
        failure, properties = found[f"{test}[{fault.cell}]"]
        assert bool(text) == bool(failure), done.output
        assert text in (failure or "")
        assert text in properties["verdict"]
        assert not text or "accept --cell" in failure
    assert fault.named in found[f"test_accuracy[{fault.cell}]"][1].get("changed", "")
    assert not fault.named or fault.named in "\n".join(others(done))
    assert done.returncode == baselines("compare")[0], "compare says what the session said"


@pytest.mark.self
def test_a_slower_epoch_is_red_with_three_accepted_records_and_twenty_gates(suite, on, tmp_path):
    args = (*FULL, "--model=lenet5,vgg_like", "--dataset=mnist,fashion_mnist,cifar10", "--recipe=afif")
    chosen = [f"{model}-{dataset}-afif" for model in ("lenet5", "vgg_like") for dataset in ("mnist", "fashion_mnist", "cifar10")][:5]
    for cell in chosen:
        accept(tmp_path / "storage", cell, [MEAN] * 3, HERE, epochs=[(2.0, 2.1), (2.02, 2.1), (1.98, 2.1)])
    done = suite(*args, "--verdict-details", **CHANGED, accuracy=MEAN, cells={CELL: {"seconds": [3.0, 3.1]}}, seconds=[2.0, 2.1])
    assert (1, "REGRESSED") == (done.returncode, times(done)[CELL]), done.output
    assert 1 == [each.word for each in verdicts(done)].count("REGRESSED")
    assert "of 20 gates" in done.stdout
    check_lines(done)


@pytest.mark.self
def test_an_epoch_slower_by_twice_the_printed_slowdown_is_red_and_one_as_long_as_before_is_not(suite, on, tmp_path):
    seconds = np.random.default_rng(7).normal(2.0, 0.04, 5).tolist()
    accept(tmp_path / "storage", where=HERE, epochs=[(each, each) for each in seconds])
    before = suite(*ONE, **CHANGED, accuracy=MEAN, seconds=[2.0, 2.0])
    assert (0, "PASS") == (before.returncode, times(before)[CELL]), before.output
    slower = 1 + 2 * int(re.search(r"sees a rise of (\d+)%", before.stdout)[1]) / 100
    assert slower < 1.8
    after = suite(*ONE, **CHANGED, accuracy=MEAN, seconds=[2.0 * slower] * 2)
    assert (1, "REGRESSED") == (after.returncode, times(after)[CELL]), after.output
    check_lines(after)


@pytest.mark.self
def test_a_loss_that_all_digits_cells_share_is_red_although_none_shows_it_alone(suite, on, tmp_path):
    rng, noise = np.random.default_rng(8), np.sqrt(0.95 * 0.05 / 360)
    for cell in DIGITS:
        values = rng.normal(size=10)
        accept(tmp_path / "storage", cell, (0.95 + noise * (values - values.mean()) / values.std(ddof=1)).tolist(), **{"data.test": 360})
    args = (*FULL, "--dataset=digits", f"--junitxml={tmp_path / 'report.xml'}")
    done = suite(*args, **CHANGED, **{"data.test": 360}, accuracy=0.95 - 1.4 * noise)
    words = accuracies(done)
    assert (1, "REGRESSED") == (done.returncode, words.pop("all cells")), done.output
    assert {"PASS"} == set(words.values()), done.output
    failure, _ = junit(tmp_path / "report.xml")["test_all_cells_together_keep_their_accuracy"]
    assert "all cells REGRESSED: 4 cells together" in failure
    check_lines(done)
    assert 0 == suite(*args, **CHANGED, **{"data.test": 360}, accuracy=0.95 - 0.3 * noise).returncode


@pytest.fixture
def tables():
    """The cells, which a test may change; afterwards they are as they were, and in the same order."""
    before = dict(cells())
    yield cells()
    cells().clear()
    cells().update(before)


@pytest.mark.self
def test_a_cell_that_was_dropped_from_its_table_is_named_in_full_and_red_in_quick(suite, on, tmp_path, tables):
    accept(tmp_path / "storage")
    accept(tmp_path / "storage", VGG)
    del tables[CELL]
    done = suite(*only(VGG), **CHANGED, accuracy=MEAN)
    assert (0, 1) == (done.returncode, done.stdout.count(f"{CELL} has accepted records and is in no table: put its row back")), done.output
    args = "-m", "quick", "tests/test_published.py", "-k", "every_accepted_record"
    quick = suite(*args, f"--junitxml={tmp_path / 'report.xml'}", storage=False)
    assert 1 == quick.returncode, quick.output
    failure, _ = junit(tmp_path / "report.xml")["test_every_accepted_record_is_of_a_cell_in_a_table"]
    assert f"put the rows of {CELL} back into their tables" in failure


@pytest.mark.self
def test_an_empty_baseline_folder_is_named_and_red_under_strict_baselines(suite, on, tmp_path):
    (tmp_path / "storage").mkdir()
    done, strict = (suite(*ONE, *args, accuracy=MEAN) for args in ((), ("--strict-baselines", f"--junitxml={tmp_path / 'report.xml'}")))
    assert [0, 1] == [done.returncode, strict.returncode], done.output
    assert 1 == done.stdout.count(f"no accepted records in {tmp_path / 'storage'}"), done.output
    assert ["NO-BASELINE"] * 2 == [each.word for each in verdicts(done)]
    for failure, _ in junit(tmp_path / "report.xml").values():
        assert "make it the baseline: python -m baselines accept" in failure


@pytest.mark.self
def test_a_baseline_with_one_number_edited_is_refused_before_anything_is_trained(suite, on, tmp_path):
    accept(tmp_path / "storage", accuracies=[0.983] * 5)
    (path,) = (tmp_path / "storage").glob("*/*.json")
    path.write_text(path.read_text().replace('"accuracy": 0.983', '"accuracy": 0.973', 1))
    for args in ONE, ("-m", "quick", "tests/test_accuracy.py"):
        done = suite(*args, accuracy=0.973)
        assert (4, False) == (done.returncode, (tmp_path / "log").exists()), done.output
        assert (1, True) == (len(done.stderr.strip().splitlines()), str(path) in done.stderr), done.stderr
        assert "restore the file from git" in done.stderr


@pytest.mark.self
@pytest.mark.parametrize(
    ("args", "orders"),
    [(["--benchmark-skip"], {}), (["-k", "test_accuracy.py"], {}), ([], {"seconds": [], "others": 0.9})],
    ids=["skipped", "not selected", "without times"],
)
def test_a_benchmark_that_never_ran_is_not_reported_as_measured(suite, on, tmp_path, files, args, orders):
    accept(tmp_path / "storage", where=HERE)
    report = tmp_path / "report.xml"
    done = suite(*ONE, *args, "--benchmark-save=x", f"--junitxml={report}", **CHANGED, accuracy=MEAN, **orders)
    assert (0, "PASS") == (done.returncode, accuracies(done)[CELL]), done.output
    assert ({CELL: "UNSTABLE"} if orders else {}) == times(done)
    stored = [json.loads(path.read_text()) for path in files() if "_x_" in path.name]
    assert ([] if "--benchmark-skip" in args else [[]]) == [content["benchmarks"] for content in stored]
    assert not [key for content in stored for made in content["verdicts"].values() for key in made if key == "seconds" and not orders]
    timed = junit(report).get(f"test_epoch_time[{CELL}]")
    assert "PASS" not in str(timed)
    assert not orders or 1 == suite(*ONE, "--strict-baselines", **CHANGED, accuracy=MEAN, **orders).returncode


@pytest.mark.self
@pytest.mark.parametrize("datasets", ["mnist", "mnist,fashion_mnist,cifar10,svhn"])
def test_a_loss_has_one_verdict_whatever_else_the_session_trains_and_compare_agrees(suite, on, tmp_path, baselines, datasets):
    chosen = [f"lenet5-{dataset}-afif" for dataset in datasets.split(",")]
    for cell in chosen:
        accept(tmp_path / "storage", cell, [0.982, 0.984, 0.981, 0.983, 0.9825], HERE)
    args = (*FULL, "--model=lenet5", f"--dataset={datasets}", "--recipe=afif", "--benchmark-save=x")
    done = suite(*args, **CHANGED, accuracy=0.9825, cells={CELL: {"accuracy": 0.9765}})
    assert (1, "REGRESSED") == (done.returncode, accuracies(done)[CELL]), done.output
    code, output = baselines("compare")
    assert 1 == code
    said = next(each for each in verdicts(done) if (each.subject, each.word) == (CELL, "REGRESSED"))
    assert f": REGRESSED: {said.rest.rstrip('…')}" in output


@pytest.mark.self
def test_fewer_epochs_in_a_recipe_are_not_compared_in_time_and_are_judged_in_accuracy(suite, on, tmp_path, monkeypatch):
    accept(tmp_path / "storage", where=HERE)
    monkeypatch.setitem(cells(), CELL, cells()[CELL]._replace(recipe={**cells()[CELL].recipe, "epochs": 1}))
    done = suite(*ONE, accuracy=0.972, seconds=[0.1])
    assert (1, "REGRESSED", "INCOMPARABLE") == (done.returncode, accuracies(done)[CELL], times(done)[CELL]), done.output
    assert "changed: recipe's epochs 10 -> 1" in done.stdout


@pytest.mark.self
def test_an_alarm_is_cleared_by_other_seeds_and_never_by_the_same_one(suite, on, tmp_path):
    accept(tmp_path / "storage")
    lucky = {str(seed): 0.9835 for seed in range(8)}
    first = suite(*ONE, "--seed=9", "--benchmark-save=x", accuracy=0.9785, accuracies=lucky)
    assert (0, "PASS") == (first.returncode, accuracies(first)[CELL]), first.output
    red = suite(*ONE, "--seed=9", "--benchmark-save=y", **CHANGED, accuracy=0.9765)
    again = suite(*ONE, "--seed=9", "--benchmark-save=y", **CHANGED, accuracy=0.9765)
    assert [1, 1] == [red.returncode, again.returncode], again.output
    assert "SAME" == accuracies(again)[CELL]
    check_lines(again)


@pytest.mark.self
def test_a_collapse_is_red_however_many_trainings_of_the_same_code_went_well_before(suite, on, tmp_path):
    accept(tmp_path / "storage", VGG)
    good = suite(*only(VGG), "--seeds=10-29", "--benchmark-save=x", **drawn(np.random.default_rng(9)))
    assert 0 == good.returncode, good.output
    done = suite(*only(VGG), "--seed=30", "--benchmark-save=x", accuracy=0.5)
    assert (1, "REGRESSED") == (done.returncode, accuracies(done)[VGG]), done.output
    check_lines(done)


@pytest.mark.self
def test_a_verdict_that_sees_too_little_fails_under_strict_baselines_also_if_the_training_is_repeated(suite, on, tmp_path):
    accept(tmp_path / "storage", DIGITS[0], [0.92, 0.99, 0.95], HERE)
    args = (*only(DIGITS[0])[:2], "tests/test_accuracy.py", *only(DIGITS[0])[4:], "--benchmark-save=x", "--strict-baselines")
    first, second = (suite(*args, **CHANGED, accuracy=0.95) for _ in range(2))
    assert [(1, "PASS"), (1, "SAME")] == [(done.returncode, accuracies(done)[DIGITS[0]]) for done in (first, second)], first.output


@pytest.mark.self
def test_two_recipes_of_one_name_cannot_be_accepted_together(suite, on, tmp_path, monkeypatch, baselines):
    assert 0 == suite(*ONE, "--seed=1", "--benchmark-save=x", accuracy=MEAN).returncode
    monkeypatch.setitem(cells(), CELL, cells()[CELL]._replace(recipe={**cells()[CELL].recipe, "batch": 64}))
    assert 0 == suite(*ONE, "--seed=2", "--benchmark-save=x", accuracy=MEAN).returncode
    code, output = baselines("accept", "--reason=both")
    assert (2, True) == (code, "two recipes cannot be one baseline; accept them one by one, with --name" in output), output


@pytest.mark.self
def test_a_suspicious_quick_cell_prints_the_command_that_settles_it_and_is_red_beyond_its_limit(suite, on, tmp_path):
    quick, gate = ("-m", "quick", "tests/test_accuracy.py"), "lenet5-mnist-gate"
    accept(tmp_path / "storage", gate, np.random.default_rng(10).normal(0.9885, 0.001, 10).round(4).tolist())
    codes = {}
    for accuracy in 0.9885, 0.9865, 0.982:
        done = suite(*quick, **CHANGED, accuracy=accuracy, accuracies={})
        codes[accuracy] = (done.returncode, accuracies(done)[gate])
        settled = "  settle it with 3 trainings: pytest -m full --model lenet5 --dataset mnist --recipe gate"
        assert (accuracy == 0.9865) == any(line.startswith(settled) for line in others(done)), done.output
    assert {0.9885: (0, "PASS"), 0.9865: (0, "SUSPECT"), 0.982: (1, "REGRESSED")} == codes


@pytest.mark.self
def test_a_suspicious_record_that_was_made_the_baseline_is_not_named_again(suite, on, tmp_path, baselines, monkeypatch):
    from baselines import plan

    accept(tmp_path / "storage", where=HERE)
    log = tmp_path / "log"
    with monkeypatch.context() as patch:
        patch.setattr(plan, "fits", lambda seconds, left: not log.exists())
        done = suite(*ONE, "--time-budget=9s", "--benchmark-save=x", **CHANGED, accuracy=MEAN - 0.004)
    assert (0, "SUSPECT") == (done.returncode, accuracies(done)[CELL]), done.output
    assert "settle it with 3 trainings: pytest -m full --model lenet5" in done.stdout
    later = suite(*only(VGG), accuracy=MEAN)
    assert 1 == later.stdout.count(f"{CELL} is SUSPECT since 0002_x_"), later.output
    assert 0 == baselines("accept", "--reason=meant", "--replace")[0]
    later = suite(*only(VGG), accuracy=MEAN)
    assert f"{CELL} is SUSPECT" not in later.stdout


GATE = """
[recipes.own_gate]
input = "scaled"
optimizer = {{ name = "Adam", learning_rate = {rate}, schedule = "cosine" }}
batch = 256
epochs = 3

[datasets]
mnist = {{ input = [28, 28, 1], classes = 10 }}

[cells]
rows = [{{ model = "lenet5", dataset = "mnist", recipe = "own_gate" }}]
"""


@pytest.mark.slow
def test_a_point_of_accuracy_that_a_weaker_learning_rate_costs_is_red(tmp_path, data_root):
    try:
        loaders.load("mnist", data_root, download=False)
    except loaders.DataMissing as missing:
        pytest.skip(str(missing))
    table, report = tmp_path / "ours.toml", tmp_path / "report.xml"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {project.VARIABLE: str(tmp_path)}

    def run(*args, code):
        done = subprocess.run([sys.executable, "-m", *args], cwd=ROOT, capture_output=True, text=True, timeout=600, env=environment)
        assert code == done.returncode, done.stdout + done.stderr
        return done

    def session(rate, *args, code=0):
        table.write_text(GATE.format(rate=rate))
        chosen = "-m", "full", "tests/test_accuracy.py", f"--data-dir={data_root}", "--recipe=own_gate", f"--benchmark-save=rate{rate}"
        return run("pytest", "-p", "no:cacheprovider", *chosen, *args, f"--junitxml={report}", code=code)

    session(0.01, "--seeds=1-5")
    run("baselines", "accept", "--reason=five seeds", code=0)
    unchanged, cell = session(0.01, "--seed=6"), "lenet5-mnist-own_gate"
    assert accuracies(unchanged)[cell] in ("PASS", "IMPROVED"), unchanged.stdout
    weaker = session(0.0015, "--seed=6", code=1)
    failure, properties = junit(report)[f"test_accuracy[{cell}]"]
    assert f"{cell} REGRESSED: accuracy" in failure
    assert "recipe's optimizer" in properties["changed"]
    now, before = (float(re.search(rf"{word} (0\.\d+)", properties["verdict"])[1]) for word in ("accuracy", "baseline"))
    assert 0.006 < before - now < 0.02, properties["verdict"]
    check_lines(weaker)
