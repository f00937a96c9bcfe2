"""What ab does with a cell that cannot be compared, with wrong use, and with its own faults: exit codes that blame no commit."""

import re
import shlex
import subprocess
import tempfile

import pytest

from baselines import child, sides
from tests.self.baselines.two_sides import CELL, OTHER, every, stored

pytestmark = pytest.mark.self


def test_a_run_that_is_killed_is_made_once_more_and_one_that_fails_twice_is_open(ab, children):
    dead = ([], "Traceback\nMemoryError", 1)
    children.answers = {5: dead}
    code, printed = ab()
    assert (0, 8) == (code, stored(ab)["pairs"])
    assert "MemoryError; once more" in printed
    children.answers = {len(children.runs) + number: dead for number in (5, 6)}
    code, printed = ab()
    assert 125 == code
    assert f"{CELL}: cannot be compared: " in printed


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


def test_a_mistyped_copy_in_the_readmes_bisection_ends_it_too(tmp_path):
    (script,) = re.findall(r"git bisect run (sh -c '.*?')", (child.ROOT / "README.md").read_text())
    done = subprocess.run(shlex.split(script), cwd=tmp_path, capture_output=True, text=True)
    assert 128 == done.returncode
    assert "../copy" in done.stderr


def test_a_fault_of_the_command_itself_blames_no_commit(ab, monkeypatch):
    monkeypatch.setattr(sides, "after", lambda *_: 1 / 0)
    code, printed = ab()
    assert 128 == code
    assert "ZeroDivisionError" in printed


def test_a_machine_without_a_temporary_folder_is_one_line(ab, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nothing"))
    code, printed = ab()
    assert 128 == code
    assert printed.startswith(f"baselines ab: [Errno 2] No such file or directory: '{tmp_path / 'nothing'}")
    assert "Traceback" not in printed


@pytest.mark.parametrize("args", [("--budget=soon",), ("--margin=0",), ("--seeds=x",), ("--unknown",)])
def test_an_option_that_cannot_be_read_ends_a_bisection_too(ab, args, capsys):
    with pytest.raises(SystemExit) as end:
        ab(*args)
    assert 128 == end.value.code
    assert args[0].split("=")[0].strip("-") in capsys.readouterr().err


DEAD = ([], "Traceback\nMemoryError", 1)
UNKNOWN = ([{"event": "refused", "message": "unknown cell 'x'"}], "", 2)


@pytest.mark.parametrize("answer", [DEAD, ([{"event": "missing", "message": "no data"}], "", 0), UNKNOWN])
def test_a_cell_that_cannot_be_compared_costs_no_other_one_its_answer(ab, children, answer):
    children.answers = {3: answer}  # runs 1 and 2 try the first cell
    code, printed = ab(cells=(CELL, OTHER), seconds=0.2)
    assert 1 == code, "the first cell is slower"
    assert (CELL, "SLOWER") == (stored(ab)["subject"], stored(ab)["verdict"])
    (line,) = [line for line in printed.splitlines() if line.startswith(f"{OTHER}: OPEN: ")]
    assert "cannot be compared: " in line or "left out: no data" in line
    code, printed = ab(cells=(CELL, OTHER), answer=answer)
    assert 125 == code
    assert "nothing was compared" in printed


def test_an_open_cell_beside_one_without_a_loss_is_open(ab, children):
    children.answers = {3: DEAD}
    assert 125 == ab(cells=(CELL, OTHER))[0]


def test_every_cell_is_tried_before_the_first_pair(ab, children):
    ab(cells=(CELL, OTHER))
    assert [CELL, CELL, OTHER, OTHER, CELL] == [args[1] for _, args in children.runs[:5]]


def test_pairs_that_a_failure_ended_decide_nothing_and_are_stored_with_the_reason(ab, children):
    children.answers = dict.fromkeys((11, 12), DEAD)  # a run of the fourth pair of the first cell, and once more
    code, printed = ab("--accuracy", cells=(CELL, OTHER), accuracies=[0.9, 0.5, 0.51, 0.49, 0.5, 0.5])
    assert 1 == code, "the other cell is worse"
    ended, whole = sorted(every(ab), key=lambda each: each["pairs"])
    assert (CELL, "OPEN", 3) == (ended["subject"], ended["verdict"], ended["pairs"])
    assert ended["reason"].startswith("cannot be compared: ")
    assert f"{CELL}: {ended['reason']}" in printed
    assert (OTHER, "WORSE", "") == (whole["subject"], whole["verdict"], whole["reason"])


def test_a_name_that_nobody_knows_is_wrong_use_and_one_of_one_side_is_open(ab, children):
    code, printed = ab(cells=(CELL, "lenet5-digits"))
    assert 0 == code, "both sides know it"
    children.answers = {len(children.runs) + 3: UNKNOWN}
    code, printed = ab(cells=(CELL, "lenet5-digits"))
    assert 128 == code
    assert "unknown cell 'x'" in printed
    children.answers = {len(children.runs) + 4: UNKNOWN}
    assert 125 == ab(cells=(CELL, "lenet5-digits"))[0], "the commit before has it"
    children.answers = {len(children.runs) + 1: UNKNOWN}
    assert 125 == ab()[0], "these tables have it"


@pytest.mark.parametrize("more", [(), ("--accuracy",)])
def test_a_cell_without_time_left_is_named_and_open(ab, children, monkeypatch, more):
    ticks = iter(range(10_000))
    monkeypatch.setattr("time.monotonic", lambda: next(ticks))
    code, printed = ab("--budget=1s", *more, cells=(CELL, OTHER))
    assert 125 == code
    assert f"{CELL}: OPEN: no time left: give it more --budget" in printed
