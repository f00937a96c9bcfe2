"""A training in a child process: its events, what it refuses, and that it ends when its session does."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from baselines import child, machine, train
from baselines import record as records
from baselines.cells import cells

pytestmark = pytest.mark.self
ROOT = Path(__file__).parents[3]
DIGITS = ("train", "lenet5-digits-digits_lenet", "--epochs", "1", "--seed", "3")


def told(*args):
    """Every event of a child."""
    with child.events(*args) as events:
        return list(events)


def test_a_training_prints_its_epochs_and_then_a_record_with_every_field(tmp_path):
    epoch, answer = told(*DIGITS, "--save", str(tmp_path / "x.keras"))
    made = answer["record"]
    records.check(made)
    assert ("epoch", 1, 1, made["accuracy"]) == tuple(epoch.values())
    assert (tmp_path / "x.keras").exists()
    assert ("lenet5-digits-digits_lenet", 3, 1, 1) == (made["cell"], made["seed"], made["epochs_option"], made["recipe"]["epochs"])
    assert {"scikit-learn"} == made["data"]["files"].keys()
    assert (machine.folder("float32"), machine.processor()["instructions"]) == (made["machine"], made["instructions"])
    assert made["threads"] >= 1
    assert {"graph", "recipes", "training", "loader"} == made["code"].keys()


def test_a_training_on_a_busy_machine_has_no_times_and_a_known_one_is_not_repeated(monkeypatch):
    monkeypatch.setattr(machine, "alone", lambda load: False)
    parser = argparse.ArgumentParser()
    train.options(parser)
    cell, args = cells()[DIGITS[1]], parser.parse_args(DIGITS[1:])
    kind, values, _ = train.train(cell, args)
    assert "record" == kind
    assert not records.timed(values["record"])
    assert values["record"] == records.without_times(values["record"])
    args.keep_times = True
    assert records.timed(train.train(cell, args)[1]["record"])
    assert values["record"]["accuracy"] > 0.1
    args.known = f"0123,{records.digest(records.identity(values['record']))}"
    assert "stored" == train.train(cell, args)[0]
    args.known, args.only_known = "0123", True
    assert "unknown" == train.train(cell, args)[0]


def test_missing_data_is_reported_in_one_line_and_not_fetched_without_the_option(tmp_path):
    (answer,) = told("train", "lenet5-mnist-afif", "--data-dir", str(tmp_path))
    assert "missing" == answer["event"]
    assert "train-images-idx3-ubyte.gz is not there" in answer["message"]
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("args", "message"),
    [(["lenet6-mnist-afif"], "unknown cell 'lenet6-mnist-afif'"), (["lenet5-mnist-afif", "--data-dir", "/nowhere"], "/nowhere")],
)
def test_an_unknown_cell_or_data_directory_is_refused_in_one_line(capsys, args, message):
    from baselines.__main__ import main

    assert 2 == main(["train", *args])
    assert message in capsys.readouterr().out


def test_damaged_data_is_refused_with_the_name_of_the_file(tmp_path):
    (tmp_path / "mnist").mkdir()
    for name in "train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1":
        (tmp_path / "mnist" / f"{name}-ubyte.gz").write_bytes(b"not whole")
    with child.events("train", "lenet5-mnist-afif", "--data-dir", str(tmp_path)) as events:
        answer = next(events)
    assert "refused" == answer["event"]
    assert "ubyte.gz" in answer["message"]


def ended(process):
    """Whether a process that this one did not start ends within ten seconds."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if not Path(f"/proc/{process}").exists():
            return True
        time.sleep(0.05)
    return False


CHILD = "import sys, time; from baselines import child; child.follow(int(sys.argv[-1])); child.tell('epoch'); time.sleep(600)"
SESSION = f"""
import subprocess, sys, time
from baselines import child
child.start = lambda args, stderr, place: subprocess.Popen([sys.executable, "-c", {CHILD!r}, *args], stdout=subprocess.PIPE, text=True)
with child.events("train") as events:
    print(next(events), flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_child_ends_with_the_session_that_started_it(number):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen([sys.executable, "-c", SESSION], cwd=ROOT, **pipes) as session:
        assert "epoch" in session.stdout.readline()
        children = Path(f"/proc/{session.pid}/task/{session.pid}/children").read_text().split()
        os.kill(session.pid, number)
    assert children
    assert all(ended(process) for process in children)


def test_a_child_has_the_variables_of_its_place(tmp_path):
    shell = tmp_path / "python"
    shell.write_text("#!/bin/sh\necho $MARK $PWD $3\n")
    shell.chmod(0o755)
    place = child.Place(root=tmp_path, python=str(shell), variables={"MARK": "mine"})
    assert f"mine {tmp_path} machine\n" == child.start(["machine"], subprocess.DEVNULL, place).communicate()[0]


def test_a_line_that_is_not_an_event_is_refused_with_the_line(monkeypatch):
    monkeypatch.setattr(
        child,
        "start",
        lambda args, stderr, place: subprocess.Popen([sys.executable, "-c", "print('hello')"], stdout=subprocess.PIPE, text=True),
    )
    with pytest.raises(child.ChildError, match="printed 'hello.*', which is not an event"):
        told("train")
