"""Verdicts of whole sessions: what is trained again, what is carried over, what is stored, and what a red one says."""

import json
import re

import pytest

from baselines import machine, plan, store
from baselines.cells import cells
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
FULL = ("-m", "full", "tests/test_epoch_time.py", "tests/test_accuracy.py")
ONE = (*FULL, "--model=lenet5", "--dataset=mnist", "--recipe=afif", "--benchmark-save=x")
CELL = "lenet5-mnist-afif"
GOOD = (0.982, 0.984, 0.981, 0.983, 0.9825)


@pytest.fixture(autouse=True)
def one_backend(monkeypatch):
    """The backend of the fake trainings, whatever these tests run on."""
    monkeypatch.setattr(machine, "backend", lambda: "tensorflow")


@pytest.fixture
def accepted(tmp_path):
    """A function that accepts records with seeds 1 to 5 of a cell, by default on another machine."""

    def accept(cell=CELL, accuracies=GOOD, where="other-chip_tensorflow_float32", **values):
        number = len(list((tmp_path / "storage").glob("*/*.json"))) + 1
        records = [fake_training.record(cell, seed, accuracy, **values) for seed, accuracy in enumerate(accuracies, 1)]
        fake_training.stored(tmp_path / "storage", number, "good", records, machine=where)
        fake_training.accept(tmp_path / "storage", [each for each in store.records(tmp_path / "storage") if each.name == "good"])

    return accept


def verdicts(done):
    """Cell -> words of its verdicts, in order."""
    found = re.findall(r"^(\S+|all cells) ([A-Z-]+): ", done.stdout, re.MULTILINE)
    return [f"{word}" for cell, word in found if word.isupper() and cell != "NOT"]


def test_a_first_session_on_another_machine_judges_the_accuracy_and_says_whose_records_it_used(suite, trained, accepted):
    accepted()
    done = suite(*ONE, accuracy=0.983)
    assert (0, ["NO-BASELINE", "PASS"]) == (done.returncode, verdicts(done)), done.output
    assert f"{CELL} PASS: accuracy 0.9830, baseline 0.9825 (n=5), suspicious under 0.9805; sees a loss of 0.0041; other-chip" in done.stdout
    assert [f"{CELL}-seed5"] == trained(), "the accepted seed of median accuracy is the default"


def test_a_suspicious_cell_trains_the_two_lowest_seeds_that_are_not_stored_and_passes_if_they_are_like_the_baseline(
    suite, trained, accepted
):
    accepted()
    done = suite(*ONE, "--seed=9", accuracy=0.9825, accuracies={"9": 0.979})
    assert (0, ["NO-BASELINE", "PASS"]) == (done.returncode, verdicts(done)), done.output
    assert [f"{CELL}-seed9", CELL, f"{CELL}-seed6"] == trained()
    assert "accuracy 0.9813 of 3" in done.stdout


def test_a_suspicious_cell_trains_seeds_that_the_session_is_to_train_anyway(suite, trained, accepted):
    accepted()
    done = suite(*ONE, "--seeds=7-10", accuracy=0.9825, accuracies={"7": 0.979})
    assert (0, 4) == (done.returncode, len(trained())), done.output
    assert "accuracy 0.9813 of 3" in done.stdout


def test_a_suspicious_cell_whose_other_seeds_lost_as_much_is_red_and_says_what_comes_next(suite, accepted, files):
    accepted()
    done = suite(*ONE, "--seed=9", accuracy=0.979)
    assert (1, ["NO-BASELINE", "REGRESSED"]) == (done.returncode, verdicts(done)), done.output
    for text in (
        "of 3, baseline",
        "train it again: pytest -m full --model lenet5 --dataset mnist --recipe afif",
        "accept --cell",
        "--replace",
    ):
        assert text in done.stdout
    content = json.loads(files()[0].read_text())
    assert [9, 0, 6] == [each["seed"] for each in content["records"]]
    assert "REGRESSED" == content["verdicts"][content["records"][0]["id"]]["accuracy"]["word"]
    assert 1 == len(content["benchmarks"])


def test_a_suspicious_cell_that_the_time_budget_does_not_settle_is_named_until_a_later_session_settles_it(
    suite, trained, accepted, monkeypatch, tmp_path
):
    accepted()
    log = tmp_path / "log"  # which the first training writes
    with monkeypatch.context() as patch:
        patch.setattr(plan, "fits", lambda seconds, left: not log.exists())
        done = suite(*ONE, "--seed=9", "--time-budget=9s", accuracy=0.979)
    assert (0, "SUSPECT", 1) == (done.returncode, verdicts(done)[-1], len(trained())), done.output
    another = (*FULL, "--model=vgg_like", "--dataset=mnist")
    later = suite(*another, accuracy=0.983)
    assert re.search(
        rf"{CELL} is SUSPECT since 0001_x_\w+\.json; settle it: pytest -m full --model lenet5 --dataset mnist", later.stdout
    ), later.output
    settled = suite(*ONE, "--seed=9", accuracy=0.979, accuracies={"0": 0.983, "6": 0.983})
    assert (0, "PASS", 5) == (settled.returncode, verdicts(settled)[-1], len(trained())), settled.output
    assert "is SUSPECT" not in suite(*another, accuracy=0.983).stdout


def test_equal_bits_carry_the_stored_verdict_over_without_statistics(suite, trained, accepted):
    accepted()
    first, second, third = (suite(*ONE, "--seed=9", accuracy=0.983) for _ in range(3))
    assert ["PASS", "SAME", "SAME"] == [verdicts(done)[-1] for done in (first, second, third)]
    assert re.search(rf"{CELL} SAME: 0001_x_\w+\.json to the bit, PASS: accuracy 0\.9830, baseline", second.stdout), second.output
    assert re.search(rf"{CELL} SAME: 0002_x_\w+\.json to the bit, PASS: accuracy 0\.9830, baseline", third.stdout), third.output
    assert 3 == len(trained())


def test_a_stored_red_verdict_stays_red_with_equal_bits(suite, accepted, tmp_path):
    accepted()
    assert [1, 1] == [suite(*ONE, "--seed=9", accuracy=0.5).returncode for _ in range(2)]


def test_a_verdict_is_made_anew_when_its_baseline_has_changed(suite, accepted):
    accepted()
    assert "PASS" == verdicts(suite(*ONE, "--seed=9", accuracy=0.983))[-1]
    accepted(accuracies=(0.995,) * 5)
    done = suite(*ONE, "--seed=9", accuracy=0.983)
    assert (1, True) == (done.returncode, "to the bit, REGRESSED: accuracy 0.9830" in done.stdout), done.output


def test_other_bits_of_an_equal_identity_are_red_if_a_second_training_repeats_them(suite, trained, accepted):
    accepted()
    suite(*ONE, "--seed=9", accuracy=0.983)
    done = suite(*ONE, "--seed=9", accuracy=0.983, bits=[0.5, 0.75])
    assert (1, 3) == (done.returncode, len(trained())), done.output
    assert f"{CELL} REGRESSED: other losses from epoch 1 on than 0001_x_" in done.stdout


def test_a_machine_that_does_not_repeat_its_bits_is_judged_by_statistics_and_asked_only_once(suite, trained, accepted):
    accepted()
    bits = [0.5, 0.6, 0.7, 0.8, 0.9]
    suite(*ONE, "--seed=9", accuracy=0.983, bits=bits)
    done = suite(*ONE, "--seed=9", accuracy=0.983, bits=bits)
    assert (0, "PASS", 3) == (done.returncode, verdicts(done)[-1], len(trained())), done.output
    assert "the same training gives other losses here each time" in done.stdout
    again = suite(*ONE, "--seed=9", accuracy=0.983, bits=bits)
    assert (0, "PASS", 4) == (again.returncode, verdicts(again)[-1], len(trained())), again.output


def test_a_burst_of_other_programs_that_slows_one_evaluation_is_not_red_and_both_trainings_are_stored(suite, trained, accepted, files):
    accepted(where=machine.folder("float32"))
    done = suite(*ONE, "--seed=9", "--verdict-details", accuracy=0.983, evaluations=[99.0, 0.1])
    assert (0, ["PASS", "PASS"]) == (done.returncode, verdicts(done)), done.output
    assert "not counted: evaluation 99 s, baseline 0.1 (n=5)" in done.stdout
    assert [f"{CELL}-seed9"] * 2 == trained()
    content = json.loads(files()[-1].read_text())
    assert [[], [0.1] * 3] == [each["eval_seconds"] for each in content["records"]]
    assert {"REGRESSED", "SAME"} == set(verdicts(suite(*ONE, "--seed=9", accuracy=0.983, evaluations=[99.0])))


def test_a_loss_that_all_cells_share_and_none_shows_alone_is_red(suite, accepted):
    for cell in ("lenet5-mnist-afif", "lenet5-fashion_mnist-afif", "vgg_like-mnist-afif", "vgg_like-fashion_mnist-afif"):
        accepted(cell, GOOD)
    chosen = (*FULL, "--model=lenet5,vgg_like", "--dataset=mnist,fashion_mnist", "--recipe=afif")
    done = suite(*chosen, accuracy=0.9807)
    assert (1, ["REGRESSED"]) == (done.returncode, [word for word in verdicts(done) if word not in ("PASS", "NO-BASELINE")]), done.output
    assert "all cells REGRESSED: 4 cells together" in done.stdout
    assert 0 == suite(*chosen, accuracy=0.9826).returncode


def test_strict_baselines_fail_a_session_whose_verdicts_would_see_nothing(suite):
    assert [0, 1] == [suite(*ONE, *args, accuracy=0.983).returncode for args in ((), ("--strict-baselines",))]


def test_details_are_shown_on_request_and_are_always_in_junit(suite, accepted, tmp_path):
    accepted()
    done = suite(*ONE, f"--junitxml={tmp_path / 'junit.xml'}", accuracy=0.983)
    assert "degrees of freedom" not in done.stdout
    assert "degrees of freedom" in (tmp_path / "junit.xml").read_text()
    assert "degrees of freedom" in suite(*ONE, "--verdict-details", accuracy=0.983).stdout


def test_a_known_failure_is_not_red_until_it_is_gone_or_its_date_is_over(suite, accepted, monkeypatch):
    accepted()
    import datetime

    known = {"verdict": "REGRESSED", "reason": "waits for a fix", "until": datetime.date(2999, 1, 1), "of": "accuracy"}
    cell = cells()[CELL]
    monkeypatch.setitem(cells(), CELL, cell._replace(known=known))
    done = suite(*ONE, "--seed=9", accuracy=0.5)
    assert (0, True) == (done.returncode, "waits for a fix" in done.stdout), done.output
    gone = suite(*ONE, "--seed=8", accuracy=0.983, code={"graph": "mended"})
    assert (1, True) == (gone.returncode, "is PASS now: delete its entry in [known]" in gone.stdout), gone.output
    monkeypatch.setitem(cells(), CELL, cell._replace(known={**known, "until": datetime.date(2020, 1, 1)}))
    late = suite(*ONE, "--seed=7", accuracy=0.5)
    assert (1, True) == (late.returncode, "was to be mended until 2020-01-01" in late.stdout), late.output
