"""The verdicts of one record without a session: what is trained again, what stays the same, what a known failure changes."""

import datetime
import shlex
from types import SimpleNamespace

import pytest

from baselines import gate, judge, store
from baselines.cells import cells
from baselines.verdicts import Verdicts, repeated, settle
from tests.self.baselines import fake_training
from zoo import project

pytestmark = pytest.mark.self
CELL = "lenet5-mnist-afif"
OTHER = "other-chip_tensorflow_float32"
GOOD = (0.982, 0.984, 0.981, 0.983, 0.9825)


def made(seed=9, accuracy=0.983, cell=CELL, **values):
    return fake_training.record(cell, seed, accuracy, **{"id": f"{seed}{accuracy}{values}", **values})


@pytest.fixture
def play(tmp_path):
    """A class that judges records, of which the newest is in what is stored, and notes what it was asked to train."""
    fake_training.stored(tmp_path, 1, "good", [made(seed, accuracy) for seed, accuracy in enumerate(GOOD, 1)], machine=OTHER)
    accepted = fake_training.accept(tmp_path)

    class Play:
        def __init__(self, *before, answers=(), **settings):
            self.verdicts, self.asked, self.answers = Verdicts(gates=20, **settings), [], list(answers)
            self.stored = [*accepted, *(each if isinstance(each, store.Stored) else self.put(each, "before") for each in before)]

        def put(self, record, file=store.UNFINISHED):
            kept = self.verdicts.stored.get(record["id"], {})
            return store.Stored(record["machine"], file, "x", record["cell"], record, {}, record["when"], record["id"], verdicts=kept)

        def train(self, cell, seed):
            self.asked.append((cell, seed))
            answer = self.answers.pop(0) if self.answers else None
            self.stored += [self.put(answer)] if answer else []
            return answer

        def accuracy(self, record, quick=False):
            self.stored.append(self.put(record))
            return self.verdicts.accuracy(record, lambda: self.stored, self.train, quick)

        def seconds(self, record):
            return self.verdicts.seconds(record, lambda: self.stored, self.train)

    return Play


def test_a_suspicious_training_has_two_more_and_is_judged_with_them(play):
    played = play(answers=[made(0, 0.983), made(6, 0.9825)])
    told = played.accuracy(made(accuracy=0.979))
    assert ("PASS", [(CELL, None)] * 2) == (told.verdict.word, played.asked)
    assert "accuracy 0.9815 of 3" in told.line
    assert told.verdict is played.verdicts.accuracies[CELL]
    assert "PASS" == played.verdicts.stored[made(accuracy=0.979)["id"]]["accuracy"]["word"]


def test_the_quick_tier_trains_nothing_again(play):
    played = play()
    assert ("SUSPECT", 2) == played.accuracy(made(accuracy=0.979), quick=True).verdict[::3][:2]
    played.stored[-1] = played.stored[-1]._replace(file="before")
    other = made(accuracy=0.979, history={"loss": [0.7]})
    assert "SUSPECT" == played.accuracy(other, quick=True).verdict.word
    assert [] == played.asked


def test_what_could_not_be_trained_again_stays_as_it_was(play):
    played = play(answers=[made(0, 0.983)])
    told = played.accuracy(made(accuracy=0.979))
    assert ("SUSPECT", [(CELL, None)] * 2, False) == (told.verdict.word, played.asked, told.red)
    assert f"settle it with 3 trainings: {settle([cells()[CELL]])}" in told.why
    again = play(made(accuracy=0.979, id="former"))
    assert ("SAME", "SUSPECT", 1) == ((found := again.accuracy(made(accuracy=0.979)).verdict).word, found.carried, len(again.asked))


@pytest.mark.parametrize(
    ("others", "z", "expected"),
    [(("a", "b", "c"), -2.0, 0), (("a", "b", "c"), 4.0, 1), (("a", "b"), -2.0, 1), (("a", "b", CELL), -2.0, 1)],
    ids=["all lost", "this one alone", "three are not many", "a cell with two seeds counts once"],
)
def test_where_many_cells_are_suspicious_they_are_judged_together_before_one_is_trained_again(play, others, z, expected):
    played = play()
    played.verdicts.accuracies = {each: gate.Verdict("SUSPECT", "", more=2, z=z, relative=3.0) for each in others}
    played.accuracy(made(accuracy=0.979))
    assert expected == len(played.asked)


def test_equal_bits_are_the_same_but_never_of_a_part_of_a_recipe(play):
    played = play(made(id="former", python="4"))
    told = played.accuracy(made(python="4"))
    assert ("SAME", "PASS", []) == (told.verdict.word, told.verdict.carried, told.changed)
    short = {"epochs_option": 1}
    assert "INCOMPARABLE" == play(made(id="former", **short)).accuracy(made(**short)).verdict.word


def test_the_bits_of_an_accepted_training_are_the_same_as_passing(play):
    played = play()
    told = played.accuracy(made(1, 0.982, machine=OTHER, id="again"))
    assert "SAME: 0001_good_00000001.json to the bit, PASS: accuracy 0.9820, accepted" in told.line


def test_the_bits_of_a_training_without_a_baseline_are_no_baseline_either(play):
    values = {"cell": "lenet5-cifar10-afif", "accuracy": 0.55}
    told = play(made(id="former", **values)).accuracy(made(**values))
    assert ("SAME", "NO-BASELINE") == (told.verdict.word, told.verdict.carried)
    kept = {"word": "REGRESSED", "line": "x", "details": "", "more": 0, "carried": ""}
    former = play().put(made(id="former", **values), "before")
    for baseline, expected in (judge.fingerprint([]), "REGRESSED"), ("older", "NO-BASELINE"):
        stored = former._replace(verdicts={"accuracy": {**kept, "baseline": baseline}})
        assert expected == play(stored).accuracy(made(**values)).verdict.carried


BITS = {"history": {"loss": [0.5, 0.2, 0.1]}}


@pytest.mark.parametrize(
    ("answer", "word", "repeats"),
    [(made(**BITS, id="again"), "REGRESSED", True), (made(history={"loss": [0.1]}, id="again"), "PASS", False), (None, "PASS", True)],
    ids=["repeated", "never the same", "not trained"],
)
def test_other_bits_are_asked_for_a_second_time(play, answer, word, repeats):
    played = play(made(id="former"), answers=[answer])
    told = played.accuracy(made(**BITS))
    assert (word, [(CELL, 9)]) == (told.verdict.word, played.asked)
    assert (word == "REGRESSED") == ("other losses from epoch 2 on than before of the same code" in told.line)
    assert repeats != ("the same training gives other losses here each time" in told.changed)


def test_where_bits_do_not_repeat_they_are_not_asked_for(play):
    for first in {"history": {"loss": [0.4]}}, BITS:
        played = play(made(id="first", **first), made(id="former"))
        assert ("PASS", []) == (played.accuracy(made(**BITS)).verdict.word, played.asked)


def test_what_changed_is_told_of_accuracies_and_of_times_that_are_red(play, tmp_path):
    played = play()
    changed = "python 3 -> 4"
    told = played.accuracy(made(python="4"))
    assert [changed] == told.changed[:1]
    assert f"\n  changed: {', '.join(told.changed)}\n" in told.why
    played.stored = [each._replace(machine=fake_training.MACHINE) for each in played.stored]
    assert ([], "PASS") == ((fine := played.seconds(made(python="4"))).changed, fine.verdict.word)
    slow = played.seconds(made(python="4", seconds=(90.0, 91.0)))
    assert (changed, True, "REGRESSED") == (slow.changed[0], slow.red, slow.verdict.word)
    assert "REGRESSED" == played.verdicts.stored[made(python="4", seconds=(90.0, 91.0))["id"]]["seconds"]["word"]


SLOW = (90.0, 91.0)


@pytest.mark.parametrize(
    ("first", "again", "word", "text"),
    [
        (SLOW, made(9), "PASS", "not counted: fastest epoch 90 s, baseline 1.5 (n=5)"),
        (SLOW, made(9, seconds=SLOW), "REGRESSED", "in a second training fastest epoch 90 s, baseline"),
        ((90.0, 1.5, 90.0), made(9, eval_seconds=[99.0] * 3), "PASS", "not counted: median epoch 90 s, baseline 1.6 (n=5)"),
        (SLOW, made(9, seconds=(), others=0.9), "REGRESSED", "a second training does not tell: other programs kept 0.9 processors busy"),
        (SLOW, None, "REGRESSED", "no second training could take place"),
    ],
    ids=["a burst", "slower", "another cost", "busy", "no time left"],
)
def test_a_slower_time_is_red_only_if_a_second_training_is_slower_too(play, first, again, word, text):
    played = play(answers=[again])
    played.stored = [each._replace(machine=fake_training.MACHINE) for each in played.stored]
    seconds, first = first, made(9, seconds=first)
    told = played.seconds(first)
    assert (word, word == "REGRESSED", [(CELL, 9)]) == (told.verdict.word, told.red, played.asked)
    assert text in told.details
    assert first["train_seconds"] == ([] if word == "PASS" else [*seconds]), "what a burst has slowed is no baseline"
    assert word == played.verdicts.stored[first["id"]]["seconds"]["word"]
    assert "PASS" == played.seconds(made(10)).verdict.word
    assert 1 == len(played.asked), "what is not slower is not trained again"


def test_a_verdict_that_sees_nothing_is_red_under_strict_baselines_only(play):
    values = {"cell": "lenet5-cifar10-afif", "accuracy": 0.55}
    assert [False, True] == [play(strict=strict).accuracy(made(**values)).red for strict in (False, True)]
    assert not play(strict=True).accuracy(made()).red


def test_the_commands_that_come_next_follow_from_the_verdict(play):
    cell, accept = cells()[CELL], f"python -m baselines accept --cell {CELL} --reason '...'"
    red = play().accuracy(made(accuracy=0.5)).why
    assert [f"train it again: {settle([cell])} --seed 10", f"if it is meant: {accept} --replace"] == [
        line.strip() for line in red.splitlines()[-2:]
    ]
    new = play().accuracy(made(cell="lenet5-cifar10-afif", accuracy=0.55)).why
    assert "make it the baseline: python -m baselines accept --cell lenet5-cifar10-afif --reason '...'" in new
    fine = play().accuracy(made()).why
    assert [False, False, False] == [text in fine for text in ("baselines accept", "settle it", "train it again")]


@pytest.mark.parametrize(
    ("changed", "commit", "command"),
    [
        ({"code": {"training": "new"}}, "0123456789abcdef", f"measure it: python -m baselines ab 0123456789ab {CELL}"),
        ({"code": {"training": "new"}}, None, f"measure it: python -m baselines ab REV {CELL}"),
        (
            {"versions": {"keras": "4", "jax": "9"}},
            "0123",
            "measure it (FASTER, with the old version, means that the upgrade is slower): "
            f"python -m baselines ab HEAD {CELL} --with keras==3",
        ),
        ({"python": "4"}, "0123", f"train it again: {settle([cells()[CELL]])} --seed 10"),
    ],
)
def test_a_slower_time_names_the_command_that_measures_what_changed(play, changed, commit, command):
    played = play()
    played.stored = [each._replace(machine=fake_training.MACHINE, commit={"id": commit}) for each in played.stored]
    told = played.seconds(made(seconds=(90.0, 91.0), **changed))
    assert command in [line.strip() for line in told.why.splitlines()]


def test_the_commands_repeat_the_options_of_the_session_and_can_be_pasted(play, tmp_path, monkeypatch):
    own = tmp_path / "my project"
    own.mkdir()
    options = SimpleNamespace(storage=tmp_path / "all records", precision="mixed_bfloat16")
    pytests, accepts, abs_ = repeated(options, "my data")
    assert [f"--benchmark-storage={options.storage}", "--data-dir=my data", "--precision=mixed_bfloat16"] == sorted(shlex.split(pytests))
    assert [f"--storage={options.storage}"] == shlex.split(accepts)
    assert ["--data-dir=my data", "--precision=mixed_bfloat16", f"--storage={options.storage}"] == sorted(shlex.split(abs_))
    played = play(repeat=(pytests, accepts, abs_))
    played.stored = [each._replace(machine=fake_training.MACHINE) for each in played.stored]
    monkeypatch.setenv(project.VARIABLE, str(own))
    told = played.seconds(made(seconds=(90.0, 91.0), code={"training": "new"}))
    measure, accept = (shlex.split(line.partition(": ")[2]) for line in told.commands)
    variable = f"{project.VARIABLE}={own}"
    assert [variable, "python", "-m", "baselines", "ab", "REV", CELL, *shlex.split(abs_)] == measure
    assert [variable, "python", "-m", "baselines", "accept"] == accept[:5]
    assert f"--project={own}" in shlex.split(settle([cells()[CELL]]))


TODAY = datetime.date(2026, 5, 5)
KNOWN = {"verdict": "REGRESSED", "reason": "waits", "until": TODAY, "of": "accuracy"}


@pytest.mark.parametrize(
    ("known", "accuracy", "red", "text"),
    [
        ({}, 0.5, False, ""),
        ({}, 0.983, True, "(waits) is PASS now: delete its entry in [known]"),
        ({"until": TODAY - datetime.timedelta(1)}, 0.5, True, "was to be mended until 2026-05-04"),
        ({"until": TODAY + datetime.timedelta(1)}, 0.5, False, ""),
        ({"of": "seconds"}, 0.5, True, ""),
        ({"of": "seconds"}, 0.983, False, ""),
    ],
    ids=["known", "gone", "late", "early", "other", "other, and fine"],
)
def test_a_known_failure_is_green_until_it_is_gone_or_late(play, monkeypatch, known, accuracy, red, text):
    class Date(datetime.date):
        @classmethod
        def today(cls):
            return TODAY

    monkeypatch.setattr(datetime, "date", Date)
    monkeypatch.setitem(cells(), CELL, cells()[CELL]._replace(known={**KNOWN, **known}))
    told = play().accuracy(made(accuracy=accuracy))
    assert (red, True) == (told.red, text in told.why)
    assert ("waits" if not red and known.get("of") != "seconds" else "") == told.known
    again = play(made(accuracy=accuracy, id="former")).accuracy(made(accuracy=accuracy))
    assert ("SAME", red) == (again.verdict.word, again.red)


def test_all_cells_together_are_told_with_what_comes_next():
    verdicts = Verdicts(accuracies={cell: gate.Verdict("PASS", "", z=-2.0, relative=3.0) for cell in list(cells())[:4]})
    told = verdicts.together()
    assert (True, [], "REGRESSED") == (told.red, told.changed, told.verdict.word)
    assert told.line.startswith("all cells REGRESSED: 4 cells together at z = -4.00")
    for text in "see what changed in the lines of the cells", "train them again: pytest -m full --model", "accept --reason", "--replace":
        assert text in told.why, told.why
