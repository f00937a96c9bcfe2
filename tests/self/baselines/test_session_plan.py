"""The steps of a session before its tests, one by one and without pytest: what is trained, and in which order."""

from types import SimpleNamespace

import pytest

from baselines import child, machine, schedule, session, store, trials
from baselines.cells import cells
from baselines.schedule import Schedule
from baselines.session import Session
from baselines.trainings import Training
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
MACHINE = fake_training.MACHINE
LENET, VGG, RESNET = fake_training.DIGITS
GATE = "lenet5-mnist-gate"


def item(cell, timed, full=True, name=""):
    return SimpleNamespace(
        get_closest_marker=lambda marker: marker == "full" and full,
        callspec=SimpleNamespace(params={"training": cell}),
        fixturenames=["benchmark"] if timed else [],
        name=name,
    )


def test_a_session_that_trains_reads_the_records_and_names_what_is_accepted_of_a_cell_without_a_row(begun, put, monkeypatch):
    put(fake_training.record(LENET), accepted=True)
    stored = put(fake_training.record(VGG), name="y")
    former = begun()
    monkeypatch.setattr(session.options, "read", lambda config: former.options)
    monkeypatch.setattr(store, "every", lambda storage, problems: problems.append("left out") or stored)
    monkeypatch.setattr(store, "journal", lambda storage: None)
    assert ([], []) == ((bare := Session.begin(former.config, trains=False)).results.stored, bare.problems)
    assert (stored, ["left out"]) == ((made := Session.begin(former.config, trains=True)).results.stored, made.problems)
    monkeypatch.setattr(session, "cells", dict)
    problems = Session.begin(former.config, trains=True).problems
    assert ["left out", f"{LENET} has accepted records and is in no table: put its row back, or take it out of accepted.toml"] == problems


def test_the_quick_tier_trains_quick_cells_only_and_several_seeds_have_ids_of_their_own(begun):
    made = begun(names=(GATE, LENET, RESNET), seeds=[4])
    assert [GATE, LENET, RESNET] == made.schedule.choose(quick=False)
    assert [each for each in (GATE, LENET, RESNET) if cells()[each].quick] == made.schedule.choose(quick=True) != [GATE, LENET, RESNET]
    assert {4} == {each.seed for each in made.schedule.known.values()}
    assert [f"{LENET}-seed1", f"{LENET}-seed2"] == begun(names=(LENET,), seeds=[1, 2]).schedule.choose(quick=False)


def test_without_a_seed_each_cell_has_the_default_one_of_its_records(begun, put):
    stored = put(fake_training.record(LENET, seed=7), accepted=True)
    made = begun(stored)
    assert [7, 0] == [made.schedule.known[each].seed for each in (LENET, VGG)]


@pytest.mark.parametrize(("number", "expected"), [(2, False), (3, True)])
def test_cells_are_judged_together_from_three_accepted_ones_on(begun, put, tmp_path, number, expected):
    stored = put(*(fake_training.record(cell) for cell in (LENET, VGG, RESNET)))
    assert not begun(stored).together
    stored = fake_training.accept(tmp_path, stored[:number])
    assert expected == begun(stored).together


def test_tests_of_the_full_tier_come_last_in_the_order_of_the_plan_with_the_timed_one_of_a_cell_first(begun, monkeypatch):
    made, seen = begun(), []
    monkeypatch.setattr(Session, "_plan", lambda self, tests: seen.append(tests))
    monkeypatch.setattr(Session, "_check_recipes", lambda self: seen.append("checked"))
    monkeypatch.setattr(Schedule, "order", lambda self: [VGG, LENET])
    items = [item(LENET, False), item(VGG, False), item(GATE, False, full=False), item(VGG, True), item(LENET, True), item(LENET, False)]
    assert [items[2], items[3], items[1], items[4], items[0], items[5]] == made.order(items)
    assert [[(LENET, False), (VGG, False), (VGG, True), (LENET, True)], "checked"] == seen
    made.config.option.collectonly = True
    assert [items[2], items[0], items[1], items[3], items[4], items[5]] == made.order(items)
    assert [items[2]] == made.order(items[2:3])
    assert 2 == len(seen), "to list tests, nothing is planned"


def test_the_gates_that_share_the_false_alarms_are_those_that_have_a_baseline(begun, put, monkeypatch):
    put(fake_training.record(LENET), accepted=True)
    put(fake_training.record(RESNET))
    stored = put(fake_training.record(VGG), accepted=True, name="y", machine="another_tensorflow_float32")
    tests = [(cell, timed) for cell in (LENET, VGG, RESNET) for timed in (True, False)]
    made = begun(stored)
    made._plan(tests)
    assert 3 + 1 + 1 == made.results.verdicts.gates, "three costs and an accuracy of one cell, an accuracy of the other"
    monkeypatch.setattr(machine, "folder_and_info", lambda precision: (MACHINE, {"gpu": "made-up"}))
    made._plan(tests)
    assert 4 + 1 + 1 == made.results.verdicts.gates
    made._plan(tests[4:])
    assert 1 == made.results.verdicts.gates
    assert [LENET, VGG, RESNET] == list(made.schedule.estimates)
    assert (
        MACHINE
        == made.schedule.machine
        == made.config._benchmarksession.storage.default_machine_id
        == made.config._benchmarksession.machine_id
    )


@pytest.mark.parametrize("name", [None, "x"])
def test_only_a_session_that_stores_something_tries_to_write(begun, monkeypatch, name, tmp_path):
    seen = []
    monkeypatch.setattr(session.files, "check_writable", lambda *args: seen.append(args))
    begun(name=name)._plan([(LENET, True)])
    assert ([(tmp_path / MACHINE, "x")] if name else []) == seen


def test_suspicious_cells_come_first_then_the_cheapest_under_a_budget_and_else_the_plan(begun, monkeypatch):
    made = begun()
    made.schedule.estimates = {LENET: 3.0, VGG: 2.0, RESNET: 1.0}
    monkeypatch.setattr(Schedule, "unsettled", lambda self: {VGG: None})
    assert [VGG, LENET, RESNET] == made.schedule.order()
    assert made.schedule.deadline is None
    made.options.budget = 60
    monkeypatch.setattr(schedule.time, "monotonic", lambda: 1000)
    assert [VGG, RESNET, LENET] == made.schedule.order()
    assert 1060 == made.schedule.deadline


def test_a_cell_is_unsettled_while_the_newest_verdict_of_its_accuracy_asks_for_more(begun):
    open_, later = (
        fake_training.judged(LENET),
        [fake_training.judged(LENET, None), fake_training.judged(LENET, 0, "mixed_bfloat16"), fake_training.judged("no-such-cell")],
    )
    assert {LENET: open_} == begun([fake_training.judged(LENET, 1, file="b"), open_, *later]).schedule.unsettled()
    assert {} == begun([open_, fake_training.judged(LENET, 0)]).schedule.unsettled()


@pytest.mark.parametrize(
    ("budget", "untried", "expected"),
    [(None, [LENET, VGG], [LENET, VGG]), (None, [LENET], None), (4.0, [LENET, VGG, RESNET], [RESNET, VGG])],
    ids=["two", "one", "budget"],
)
def test_the_recipes_that_are_tried_together_are_those_of_at_least_two_cells_that_fit(begun, monkeypatch, budget, untried, expected):
    made, seen = begun(budget=budget), []
    made.schedule.estimates = {LENET: 3.0, VGG: 2.0, RESNET: 1.0}
    monkeypatch.setattr(trials, "untried", lambda chosen, precision, stored: [each for each in chosen if each.id in untried])
    monkeypatch.setattr(trials, "check", lambda chosen, precision: seen.append([each.id for each in chosen]))
    made._check_recipes()
    assert ([expected] if expected else []) == [sorted(each, key=(expected or []).index) for each in seen]


def test_recipes_that_could_not_be_tried_make_the_session_red(begun, monkeypatch):
    made = begun()
    made.schedule.estimates = {LENET: 3.0, VGG: 2.0}
    monkeypatch.setattr(trials, "untried", lambda chosen, *args: chosen)

    def refuse(*args):
        raise child.ChildError("ended with exit code 1")

    monkeypatch.setattr(trials, "check", refuse)
    made._check_recipes()
    assert ["the recipes could not be tried: ended with exit code 1"] == made.lost


def test_a_resumed_training_is_of_the_same_name_machine_cell_seed_and_epochs_and_of_a_session_that_did_not_end(begun, put):
    put(fake_training.record(LENET), complete=False)
    put(fake_training.record(VGG), fake_training.record(VGG, seed=1), name="x")  # of a session that ended
    put(fake_training.record(RESNET), name="y", complete=False)
    put(fake_training.record(RESNET), machine="another", complete=False)
    stored = put(
        fake_training.record(GATE), fake_training.record(GATE, seed=1), fake_training.record(GATE, epochs_option=2), complete=False
    )
    made = begun(stored, name="x", resume=True)
    assert [(GATE, 0, None)] == [
        (each.cell, each.record["seed"], each.record["epochs_option"]) for each in made.schedule.before(Training(GATE, GATE, 0))
    ]
    assert [[], [], []] == [made.schedule.before(made.schedule.known[cell]) for cell in (LENET, VGG, RESNET)]
    made.options.resume = False
    assert [] == made.schedule.before(Training(GATE, GATE, 0))


def test_what_will_be_resumed_is_announced_and_so_is_a_gpu_that_is_missing(begun, put):
    assert begun(planned=False).announcement() is None
    made = begun(name="x", resume=True)
    made.schedule.estimates, made.problems = {LENET: 1.0}, ["a problem"]
    assert [True, True, True] == [
        text in "\n".join(made.announcement()) for text in ("no session named x is unfinished", "a problem", "no GPU")
    ]
    made.results.stored += put(fake_training.record(LENET), complete=False)
    text = "\n".join(made.announcement())
    assert (True, False) == (
        f"the last session named x did not end: trained again only if code, data or libraries changed: {LENET}" in text,
        "is unfinished" in text,
    )
    made.options.resume, made.results.info = False, {"gpu": "made-up"}
    assert [False, False, False] == [text in "\n".join(made.announcement()) for text in ("did not end", "is unfinished", "no GPU")]
