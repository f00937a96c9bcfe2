"""The command ab: which runs it makes in which order, when it stops, what it says and stores, and its exit codes.

The children are stand-ins that read how fast and how good they are from the side's own copy of a project's file.
"""

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from baselines import __main__ as command
from baselines import child, comparisons, paired, sides
from baselines.train import shortened
from tests.self.baselines import fake_training
from tests.self.baselines.test_sides import contents, git
from zoo import project

pytestmark = pytest.mark.self
CELL = "lenet5-digits-digits_lenet"


class Ended:
    """A process that has printed its events and ended."""

    def __init__(self, events, code):
        self.stdout, self.returncode = io.StringIO("".join(json.dumps(each) + "\n" for each in events)), code

    def wait(self, timeout=None):
        return self.returncode

    poll = wait


class Children:
    """In place of child.start: the runs that were asked for, and what they answer."""

    def __init__(self):
        self.runs = []  # (side, arguments)
        self.more = {}  # values of the records of both sides
        self.noise = lambda number: 1 + 0.001 * (number % 7)
        self.answers = {}  # number of a run, from 1 -> (events, stderr, exit code)

    def start(self, args, stderr, place=child.HERE):
        own = Path(place.variables[project.VARIABLE])
        side = own.name
        self.runs.append((side, args))
        given = {"seconds": 0.1, "accuracies": [0.9] * 9, **json.loads((own / "side.json").read_text())}
        seed, number = int(args[args.index("--seed") + 1]), len(self.runs)
        seconds = [given["seconds"] * self.noise(number)] * 3
        more = {"code": {"training": side}, **self.more, **given.get("more", {})}
        made = fake_training.record(CELL, seed, given["accuracies"][seed], seconds, **more)
        answer = self.answers.get(number) or given.get("answer") or ([{"event": "epoch"}, {"event": "record", "record": made}], "", 0)
        events, text, code = answer
        stderr.write(text)
        return Ended(events, code)


@pytest.fixture
def children(monkeypatch):
    made = Children()
    monkeypatch.setattr(child, "start", made.start)
    return made


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A project in a repository, whose only commit says how its trainings go."""
    folder = tmp_path / "mine"
    folder.mkdir()
    folder.joinpath("side.json").write_text("{}")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    monkeypatch.setenv(project.VARIABLE, str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return folder


@pytest.fixture
def ab(own, children, tmp_path, capsys):
    """A function that compares the commit with what the files say now: exit code and what was printed."""
    storage = tmp_path / "storage"
    storage.mkdir()

    def run(*args, revision="HEAD", **now):
        own.joinpath("side.json").write_text(json.dumps(now))
        code = command.main(["ab", revision, CELL, f"--storage={storage}", *args])
        assert [] == os.listdir(tmp_path / "temporary"), "the copies are removed"
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    run.storage = storage
    return run


def stored(ab):
    (path,) = ab.storage.glob("*/ab/*.json")
    return json.loads(path.read_text())


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


def test_a_run_that_is_killed_is_made_once_more_and_one_that_fails_twice_is_open(ab, children):
    dead = ([], "Traceback\nMemoryError", 1)
    children.answers = {5: dead}
    code, printed = ab()
    assert (0, 8) == (code, stored(ab)["pairs"])
    assert "MemoryError; once more" in printed
    children.answers = {len(children.runs) + number: dead for number in (5, 6)}
    code, printed = ab()
    assert 125 == code
    assert "OPEN: " in printed


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (([{"event": "refused", "message": "unknown cell"}], "", 2), "unknown cell"),
        (([{"event": "missing", "message": "no data"}], "", 0), "no data"),
        (([], "SyntaxError: invalid syntax", 1), "SyntaxError: invalid syntax"),
        (([], "error: unrecognized arguments: --images", 2), "its train lacks an option: leave it out, or compare with a newer commit"),
    ],
)
def test_what_cannot_be_trained_is_open_for_bisect_to_skip(ab, answer, message):
    code, printed = ab(answer=answer)
    assert 125 == code
    assert message in printed
    assert [] == list(ab.storage.rglob("*.json"))


def test_an_older_train_that_always_keeps_quiet_times_is_run_without_the_option(ab, children):
    children.answers = {1: ([], "error: unrecognized arguments: --keep-times", 2)}
    code, _ = ab()
    assert 0 == code
    kept = {(side, "--keep-times" in args) for side, args in children.runs[1:]}
    assert {("before", False), ("after", True)} == kept


@pytest.mark.parametrize(
    ("args", "revision", "message"),
    [
        ((), "v9", "has no commit 'v9'"),
        (("--env=X",), "HEAD", "write it as NAME=VALUE"),
        (("--images=0",), "HEAD", "--images is 0; give 1 or more"),
    ],
)
def test_wrong_use_ends_a_bisection_instead_of_blaming_a_commit(ab, children, args, revision, message):
    code, printed = ab(*args, revision=revision)
    assert 128 == code
    assert message in printed
    assert [] == children.runs


def test_a_fault_of_the_command_itself_blames_no_commit(ab, monkeypatch):
    monkeypatch.setattr(sides, "after", lambda *_: 1 / 0)
    code, printed = ab()
    assert 128 == code
    assert "ZeroDivisionError" in printed


@pytest.mark.parametrize("args", [("--budget=soon",), ("--margin=0",), ("--seeds=x",), ("--unknown",)])
def test_an_option_that_cannot_be_read_ends_a_bisection_too(ab, args, capsys):
    with pytest.raises(SystemExit) as end:
        ab(*args)
    assert 128 == end.value.code
    assert args[0].split("=")[0].strip("-") in capsys.readouterr().err


def test_settings_of_the_present_side_reach_its_runs_alone(ab, children, monkeypatch):
    seen = []
    start = children.start
    monkeypatch.setattr(child, "start", lambda args, stderr, place: seen.append(place.variables) or start(args, stderr, place))
    ab("--env=OMP_NUM_THREADS=1", "--backend=jax", "--budget=0.1s")
    before, after, *_ = seen
    assert {"OMP_NUM_THREADS": "1", "KERAS_BACKEND": "jax"}.items() <= after.items()
    assert before.keys().isdisjoint({"OMP_NUM_THREADS", "KERAS_BACKEND"})


def test_nothing_of_the_users_files_changes(ab, own, children):
    own.joinpath("side.json").write_text("{}")
    git(own, "status")
    former = contents(own)
    ab()
    changed = {path for path, (digest, _) in contents(own).items() if former.get(path, ("",))[0] != digest}
    assert set() == changed


CTRL_C = """
import subprocess, sys
from baselines import __main__, child

def start(args, stderr, place):
    code = "import time; time.sleep(60)"
    made = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    print(made.pid, flush=True)
    return made

child.start = start
sys.exit(__main__.main(sys.argv[1:]))
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_ctrl_c_and_signals_remove_the_copies_and_end_the_running_training(own, tmp_path, number):
    """A real process, whose trainings sleep."""
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    command_line = [sys.executable, "-c", CTRL_C, "ab", "HEAD", CELL, f"--storage={tmp_path}"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(command_line, cwd=child.ROOT, env=environment, **pipes)
    first, second, training = (process.stdout.readline() for _ in range(3))
    assert (first[:7], second[:7]) == ("before:", "after: ")
    assert 1 == len(list((tmp_path / "temporary").glob("*/after")))
    time.sleep(0.2)  # it waits for the training's events then
    process.send_signal(number)
    printed = process.communicate(timeout=30)[0]
    assert 130 == process.returncode, printed
    assert [] == os.listdir(tmp_path / "temporary")
    assert not Path(f"/proc/{int(training)}").exists()


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
    result |= {"differs": [], "same_bits": False, "others": [None, 0.5]}
    text = comparisons.table([{**result, "verdict": word} for word in ("FASTER", "OPEN", "SLOWER", "NO CHANGE")])
    words = [line.split("  ")[1] for line in text.splitlines() if line.startswith(f"{CELL}  ")]
    assert ["SLOWER", "OPEN", "NO CHANGE", "FASTER"] == words
    assert "other programs kept 0.5 processors busy" in text
