"""The command ab: which runs it makes in which order, when it stops, what it says and stores, and its exit codes."""

import time

import pytest

from baselines import child, comparisons, paired
from baselines.train import shortened
from tests.self.baselines.two_sides import CELL, contents, git, stored

pytestmark = pytest.mark.self


@pytest.mark.parametrize(
    ("seconds", "code", "word", "pairs"),
    [(0.11, 1, "SLOWER", 8), (0.09, 0, "FASTER", 8), (0.1, 0, "NO CHANGE", 8), (0.102, 0, "NO CHANGE", 8)],
)
def test_the_exit_code_tells_a_loss_and_the_table_how_much(ab, seconds, code, word, pairs):
    found, printed = ab(seconds=seconds)
    assert code == found
    row = next(line for line in printed.splitlines() if line.startswith(f"{CELL}  {word}"))
    assert f"{seconds / 0.1:.2f}" in row
    result = stored(ab)
    assert (word, pairs) == (result["verdict"], result["pairs"])
    assert result["low"] <= seconds / 0.1 <= result["high"]
    assert "changed: training code before -> after" in printed


def test_both_sides_are_tried_once_and_then_run_in_the_order_abba(ab, children):
    ab()
    order = [side for side, _ in children.runs]
    assert ["before", "after", *["before", "after", "after", "before"] * 4] == order
    tried, *runs = [args[args.index("--epochs") + 1] for _, args in children.runs[1:]]
    assert ("2", {"20"}) == (tried, set(runs)), "as many epochs of 0.1 s as a run may have"
    assert all("--keep-times" in args and CELL == args[1] for _, args in children.runs)


def test_a_noisy_machine_is_looked_at_four_times_and_stays_open_with_exit_125(ab, children):
    children.noise = lambda number: 1 + 0.4 * ((number * 37) % 11) / 11
    code, printed = ab()
    assert 125 == code
    assert paired.LOOKS[-1] == stored(ab)["pairs"]
    assert "not decided: give it longer epochs (more --images), a quieter machine or, on Linux, one core (taskset -c 0 python" in printed


def test_other_data_and_another_network_are_named(ab):
    _, printed = ab(more={"fingerprint": "beef", "macs": 5})
    assert ["data f00d -> beef", "multiply-accumulates 241816 -> 5", "training code before -> after"] == stored(ab)["differs"]
    assert "data f00d -> beef, multiply-accumulates 241816 -> 5, training code" in printed


def test_of_two_backends_their_own_packages_are_not_named(ab):
    ab(more={"backend": "jax", "versions": {"keras": "4", "jax": "0.10"}})
    differs = stored(ab)["differs"]
    assert "keras 3 -> 4" in differs
    assert not [text for text in differs if "None" in text]
    assert [text for text in differs if text.startswith("backend ")]


def test_on_github_the_table_is_in_the_steps_summary(ab, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    ab(seconds=0.11)
    assert f"| {CELL} | SLOWER    | 1.1" in (tmp_path / "summary.md").read_text()


def test_between_two_looks_nothing_is_decided(ab, children):
    """After the first pair went the other way, eight cannot decide and nine could; the next look is after fourteen."""
    children.noise = lambda number: 0.88 if number == 4 else 1
    code, _ = ab(seconds=0.11)
    assert (1, 14) == (code, stored(ab)["pairs"])


def test_a_budget_ends_it_before_the_next_pair_would_end(ab, monkeypatch, children):
    start = children.start
    monkeypatch.setattr(child, "start", lambda *args: time.sleep(0.02) or start(*args))
    code, printed = ab("--budget=0.2s")
    assert 125 == code
    assert "too few pairs" in printed
    result = stored(ab)
    assert 1 <= result["pairs"] < 8
    assert (None, None) == (result["low"], result["high"])


def test_a_smaller_margin_finds_a_smaller_slowdown(ab):
    assert (0, 1) == (ab(seconds=0.102)[0], ab("--margin=1%", seconds=0.102)[0])


@pytest.mark.parametrize(
    ("accuracies", "code", "word"),
    [
        ([0.9, 0.88, 0.885, 0.882, 0.879, 0.881], 1, "WORSE"),
        ([0.9, 0.901, 0.9, 0.899, 0.9, 0.9005], 0, "NO CHANGE"),
        ([0.9, 0.96, 0.84, 0.9, 0.95, 0.85], 125, "OPEN"),
        ([0.9, 0.92, 0.915, 0.918, 0.921, 0.919], 0, "BETTER"),
    ],
)
def test_accuracy_is_compared_over_equal_seeds(ab, children, accuracies, code, word):
    found, printed = ab("--accuracy", "--seeds=1-5", accuracies=accuracies)
    assert code == found
    result = stored(ab)
    assert (word, 5) == (result["verdict"], result["pairs"])
    assert [1, 2, 3, 4, 5] == [seed for seed, *_ in result["runs"]]
    assert pytest.approx(sum(accuracies[1:]) / 5 - 0.9) == result["ratio"]
    assert all("--epochs" not in args for _, args in children.runs[2:]), "whole trainings"
    assert f"{result['ratio']:+.4f}" in printed


def test_equal_bits_are_said_and_are_no_change(ab):
    code, printed = ab("--accuracy", "--seeds=1-2")
    assert (0, "NO CHANGE", True) == (code, stored(ab)["verdict"], stored(ab)["same_bits"])
    assert "the losses of the training are the same to the bit\n" in printed


def test_equal_losses_of_the_training_hide_no_lost_accuracy(ab, children):
    """Which a change of the evaluation alone has."""
    children.more = {"history": {"accuracy": [0.9] * 3, "loss": [0.5, 0.1, 0.05]}}
    code, printed = ab("--accuracy", accuracies=[0.9, 0.5, 0.5, 0.5, 0.5, 0.5])
    assert (1, "WORSE", True) == (code, stored(ab)["verdict"], stored(ab)["same_bits"])
    assert "the losses of the training are the same to the bit, but not the accuracies: the evaluation or its data has changed" in printed


def test_settings_of_the_present_side_reach_its_runs_alone(ab, children, monkeypatch):
    seen = []
    start = children.start
    monkeypatch.setattr(child, "start", lambda args, stderr, place: seen.append(place.variables) or start(args, stderr, place))
    ab("--env=OMP_NUM_THREADS=1", "--backend=jax", "--budget=0.1s")
    before, after, *_ = seen
    assert {"OMP_NUM_THREADS": "1", "KERAS_BACKEND": "jax"}.items() <= after.items()
    assert before.keys().isdisjoint({"OMP_NUM_THREADS", "KERAS_BACKEND"})


@pytest.mark.parametrize("given", [(), ("--data-dir",)])
def test_the_data_folder_of_the_present_side_reaches_its_runs_alone(ab, children, tmp_path, monkeypatch, given):
    for name in "both", "now":
        (tmp_path / name).mkdir()
    monkeypatch.setenv("ZOOBENCH_DATA", str(tmp_path / "both"))
    ab(f"--env=ZOOBENCH_DATA={tmp_path / 'now'}", *[f"{name}={tmp_path / 'both'}" for name in given], "--budget=0.1s")
    folders = {(side, args[args.index("--data-dir") + 1]) for side, args in children.runs}
    assert {("before", str(tmp_path / "both")), ("after", str(tmp_path / "now"))} == folders
    code, printed = ab("--env=ZOOBENCH_DATA=/nonexistent")
    assert 128 == code
    assert "ZOOBENCH_DATA names a data directory that does not exist: /nonexistent" in printed


def test_nothing_of_the_users_files_changes(ab, repository):
    repository.joinpath("side.json").write_text("{}")
    git(repository, "status")
    former = contents(repository)
    ab()
    changed = {path for path, (digest, _) in contents(repository).items() if former.get(path, ("",))[0] != digest}
    assert set() == changed


def test_shortened_recipes_have_fewer_images_and_no_more_steps_than_these_need():
    assert {"batch": 32, "epochs": 3, "images": [100, 100]} == shortened({"batch": 32, "epochs": 20}, 3, 100)
    long = {"batch": 32, "steps": 50, "images": [90, 10], "epochs": 1}
    assert {**long, "steps": 4, "images": [90, 10]} == shortened(long, None, 100)
    assert {**long, "steps": 1, "images": [20, 10]} == shortened(long, None, 20)
    assert long == shortened(long, None, None)
    with pytest.raises(ValueError, match="--epochs is 0; give 1 or more"):
        shortened(long, 0, None)


def test_a_table_has_the_worst_first():
    result = {"of": "time", "subject": CELL, "ratio": 1.0, "low": 0.9, "high": 1.1, "pairs": 8, "minutes": 1.0, "sees": 0.1, "margin": 0.03}
    result |= {"differs": [], "same_bits": False, "reason": "", "others": [None, 0.5]}
    text = comparisons.table([{**result, "verdict": word} for word in ("FASTER", "OPEN", "SLOWER", "NO CHANGE")])
    words = [line.split("  ")[1] for line in text.splitlines() if line.startswith(f"{CELL}  ")]
    assert ["SLOWER", "OPEN", "NO CHANGE", "FASTER"] == words
    assert "other programs kept 0.5 processors busy" in text
