"""The steps of a session, one by one and without pytest: what is trained, in which order, what is asked of a child, how it ends."""

import contextlib
from types import SimpleNamespace

import pytest

from baselines import child, machine, roofline, session, store, trials
from baselines.cells import cells
from baselines.options import Options
from baselines.results import Results
from baselines.session import Session
from baselines.trainings import Training, TrainingFailed, Unavailable
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
MACHINE = fake_training.MACHINE
LENET, VGG, RESNET = "lenet5-digits-digits_lenet", "vgg_like-digits-digits_vgg", "resnet20_v1-digits-digits_resnet"
GATE = "lenet5-mnist-gate"
INFO = {"gpu": None}


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """A function: options and stored records -> a Session of three cells on the made-up machine, whose trainings have ids."""
    monkeypatch.setattr(machine, "folder_and_info", lambda precision: (MACHINE, dict(INFO)))
    monkeypatch.setattr(machine, "accelerated", lambda: False)
    monkeypatch.setattr(machine, "backend", lambda: "tensorflow")
    monkeypatch.setattr(roofline, "load", lambda folder: None)
    monkeypatch.setattr(roofline, "known", lambda *args: None)
    monkeypatch.setattr(trials, "untried", lambda chosen, *args: [])
    monkeypatch.setattr(session, "progress", SimpleNamespace(line=lambda *args: None, fetching=lambda *args: None))

    def begin(stored=(), names=(LENET, VGG, RESNET), planned=True, **given):
        options = {
            **dict.fromkeys(("seeds", "epochs", "root", "save_models", "budget", "timeout", "name")),
            **{"precision": "float32", "storage": tmp_path, "resume": False, "strict": False},
            **{"cells": [cells()[name] for name in names], **given},
        }
        benchmarks = SimpleNamespace(storage=SimpleNamespace(stored=None, failed=None), benchmarks=[])
        option = SimpleNamespace(collectonly=False)
        plugins = SimpleNamespace(get_plugin=lambda name: None)
        config = SimpleNamespace(_benchmarksession=benchmarks, option=option, pluginmanager=plugins)
        made = Session(config, Options(**options), Results(config, options["name"], list(stored)))
        made.trainings(quick=False)
        made.machine = MACHINE if planned else None
        made.results.info = INFO if planned else None
        return made

    return begin


@pytest.fixture
def put(tmp_path):
    """A function that stores records and returns every one there is; ``accepted`` ones are accepted."""

    def write(*records, name="x", accepted=False, **where):
        number = len(list(tmp_path.glob("*/*.json"))) + 1
        fake_training.stored(tmp_path, number, name, records, **where)
        found = store.records(tmp_path)
        return fake_training.accept(tmp_path, [each for each in found if each.accepted or each.name == name]) if accepted else found

    return write


def item(cell, timed, full=True, name=""):
    return SimpleNamespace(
        get_closest_marker=lambda marker: marker == "full" and full,
        callspec=SimpleNamespace(params={"training": cell}),
        fixturenames=["benchmark"] if timed else [],
        name=name,
    )


# Before the tests


def test_the_quick_tier_trains_quick_cells_only_and_several_seeds_have_ids_of_their_own(begun):
    made = begun(names=(GATE, LENET, RESNET), seeds=[4])
    assert [GATE, LENET, RESNET] == made.trainings(quick=False)
    assert [each for each in (GATE, LENET, RESNET) if cells()[each].quick] == made.trainings(quick=True) != [GATE, LENET, RESNET]
    assert {4} == {each.seed for each in made.known.values()}
    assert [f"{LENET}-seed1", f"{LENET}-seed2"] == begun(names=(LENET,), seeds=[1, 2]).trainings(quick=False)


def test_without_a_seed_each_cell_has_the_default_one_of_its_records(begun, put):
    stored = put(fake_training.record(LENET, seed=7), accepted=True)
    made = begun(stored)
    assert [7, 0] == [made.known[each].seed for each in (LENET, VGG)]


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
    monkeypatch.setattr(Session, "_order", lambda self: [VGG, LENET])
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
    assert [LENET, VGG, RESNET] == list(made.estimates)
    assert MACHINE == made.machine == made.config._benchmarksession.storage.default_machine_id == made.config._benchmarksession.machine_id


@pytest.mark.parametrize("name", [None, "x"])
def test_only_a_session_that_stores_something_tries_to_write(begun, monkeypatch, name, tmp_path):
    seen = []
    monkeypatch.setattr(session.files, "check_writable", lambda *args: seen.append(args))
    begun(name=name)._plan([(LENET, True)])
    assert ([(tmp_path / MACHINE, "x")] if name else []) == seen


def test_suspicious_cells_come_first_then_the_cheapest_under_a_budget_and_else_the_plan(begun, monkeypatch):
    made = begun()
    made.estimates = {LENET: 3.0, VGG: 2.0, RESNET: 1.0}
    monkeypatch.setattr(Session, "_unsettled", lambda self: {VGG: None})
    assert [VGG, LENET, RESNET] == made._order()
    assert made.deadline is None
    made.options.budget = 60
    monkeypatch.setattr(session.time, "monotonic", lambda: 1000)
    assert [VGG, RESNET, LENET] == made._order()
    assert 1060 == made.deadline


def suspect(cell, more=2, precision="float32", file="a"):
    verdicts = {} if more is None else {"accuracy": {"word": "SUSPECT" if more else "PASS", "more": more}}
    return store.Stored(MACHINE, file, "x", cell, {"precision": precision, "backend": "jax"}, {}, "", "", verdicts=verdicts)


def test_a_cell_is_unsettled_while_the_newest_verdict_of_its_accuracy_asks_for_more(begun):
    open_, later = suspect(LENET), [suspect(LENET, None), suspect(LENET, 0, "mixed_bfloat16"), suspect("no-such-cell")]
    assert {LENET: open_} == begun([suspect(LENET, 1, file="b"), open_, *later])._unsettled()
    assert {} == begun([open_, suspect(LENET, 0)])._unsettled()


@pytest.mark.parametrize(
    ("budget", "untried", "expected"),
    [(None, [LENET, VGG], [LENET, VGG]), (None, [LENET], None), (4.0, [LENET, VGG, RESNET], [RESNET, VGG])],
    ids=["two", "one", "budget"],
)
def test_the_recipes_that_are_tried_together_are_those_of_at_least_two_cells_that_fit(begun, monkeypatch, budget, untried, expected):
    made, seen = begun(budget=budget), []
    made.estimates = {LENET: 3.0, VGG: 2.0, RESNET: 1.0}
    monkeypatch.setattr(trials, "untried", lambda chosen, precision, stored: [each for each in chosen if each.id in untried])
    monkeypatch.setattr(trials, "check", lambda chosen, precision: seen.append([each.id for each in chosen]))
    made._check_recipes()
    assert ([expected] if expected else []) == [sorted(each, key=(expected or []).index) for each in seen]


def test_recipes_that_could_not_be_tried_make_the_session_red(begun, monkeypatch):
    made = begun()
    made.estimates = {LENET: 3.0, VGG: 2.0}
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
        (each.cell, each.record["seed"], each.record["epochs_option"]) for each in made._before(Training(GATE, GATE, 0))
    ]
    assert [[], [], []] == [made._before(made.known[cell]) for cell in (LENET, VGG, RESNET)]
    made.options.resume = False
    assert [] == made._before(Training(GATE, GATE, 0))


def test_what_will_be_resumed_is_announced_and_so_is_a_gpu_that_is_missing(begun, put):
    assert begun(planned=False).announcement() is None
    made = begun(name="x", resume=True)
    made.estimates, made.problems = {LENET: 1.0}, ["a problem"]
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


# A training


@pytest.mark.parametrize("error", [Unavailable("no data"), TrainingFailed("crashed")])
def test_a_training_that_failed_is_not_repeated_by_its_other_test(begun, monkeypatch, error):
    made, calls = begun(), []

    def fail(self, training):
        calls.append(training)
        raise error

    monkeypatch.setattr(Session, "_record", fail)
    for _ in range(2):
        with pytest.raises(type(error), match=str(error)):
            made.record(LENET)
    assert 1 == len(calls)


def test_a_training_that_is_stopped_from_outside_is_not_repeated_and_its_other_test_says_why(begun, monkeypatch):
    made = begun()

    def stop(self, training):
        raise KeyboardInterrupt("Timeout")

    monkeypatch.setattr(Session, "_record", stop)
    with pytest.raises(KeyboardInterrupt):
        made.record(LENET)
    with pytest.raises(TrainingFailed, match=f"{LENET}: its training was ended by KeyboardInterrupt: Timeout"):
        made.record(LENET)


def test_a_mistake_in_a_recipe_ends_the_session_unless_something_was_trained(begun, monkeypatch):
    made = begun()

    def refuse(self, training):
        raise trials.Mistakes("no such key")

    monkeypatch.setattr(Session, "_record", refuse)
    with pytest.raises(trials.Mistakes):
        made.record(LENET)
    made.results.new.append({})
    with pytest.raises(TrainingFailed, match=f"{LENET}: no such key"):
        made.record(LENET)


@pytest.fixture
def asked(monkeypatch):
    """A function: the session's children answer with an event; returns the list of their arguments."""

    def answer(event, **values):
        seen = []
        monkeypatch.setattr(session, "ask", lambda training, args, *others: seen.append(args) or {"event": event, **values})
        return seen

    return answer


def test_a_training_outside_the_time_budget_takes_place_only_if_it_is_stored(begun, put, asked, monkeypatch):
    made = begun(name="x", resume=True)
    monkeypatch.setattr(session.time, "monotonic", lambda: 1000.0)
    made.estimates, made.deadline = {LENET: 500.0, VGG: None}, 1060.0
    seen = asked("unknown")
    with pytest.raises(Unavailable, match=r"^time budget: needs 8 min, 60 s left$"):
        made._record(made.known[LENET])
    with pytest.raises(Unavailable, match=r"^time budget: needs an unknown time, 60 s left$"):
        made._record(made.known[VGG])
    assert [] == seen
    made.results.stored += put(fake_training.record(LENET), fake_training.record(LENET, threads=9), complete=False)
    with pytest.raises(Unavailable, match=r"^time budget"):
        made._record(made.known[LENET])
    assert "--only-known" in seen[0]
    asked("stored", identity=store.record.digest(store.record.identity(made.results.stored[0].record)))
    assert made.results.stored[0].record is made._record(made.known[LENET])
    assert {LENET: made.results.stored[0]} == made.resumed


def test_only_a_timed_training_gets_the_machines_peak(begun, asked, monkeypatch):
    made = begun()
    monkeypatch.setattr(roofline, "limits_of", lambda limits, precision: {"peak_flops_per_second": 1e9})
    for values, expected in ({}, 1e9), ({"seconds": (), "others": 0.9}, None):
        asked("record", record=fake_training.record(LENET, **values))
        assert expected == made._record(made.known[LENET])["peak_flops_per_second"]
    assert 2 == len(made.results.new)


def test_a_child_is_told_what_is_stored_what_to_keep_and_whether_its_recipe_was_tried(begun, put, asked, monkeypatch, tmp_path):
    monkeypatch.setattr(trials, "untried", lambda chosen, *args: chosen)
    seen = asked("record")
    stored = put(fake_training.record(LENET))
    known = ["--known", store.record.digest(store.record.identity(stored[0].record))]
    made = begun(stored, save_models=tmp_path)
    file = made.known[LENET].network_file(made.options)
    expected = made.known[LENET].args(made.options, download=True)
    made._ask(made.known[LENET], stored, True)
    assert [*expected, "--check", "--save", str(file)] == seen[-1], "what is stored does not count without its network"
    file.touch()
    made._ask(made.known[LENET], stored, False)
    assert [*expected, *known, "--only-known", "--check", "--save", str(file)] == seen[-1]
    made.options.save_models = None
    made._ask(made.known[LENET], stored, True)
    assert [*expected, *known, "--check"] == seen[-1]
    made._ask(made.known[LENET], [], True)
    assert [*expected, "--check"] == seen[-1]
    made.machine = None
    made._ask(made.known[LENET], [], True)
    assert made.known[LENET].args(made.options, download=False) == seen[-1]


@pytest.mark.parametrize("error", [child.ChildError("ended"), session.files.StoreError("damaged"), OSError("full")])
def test_a_roofline_that_cannot_be_known_is_named_and_costs_no_training(begun, monkeypatch, error):
    asked = []

    def refuse(folder, precision, measure):
        asked.append((folder.name, precision, measure))
        raise error

    monkeypatch.setattr(roofline, "known", refuse)
    made, stores = begun(), begun(name="x")
    assert [None, None] == [made.roofline, stores.roofline]
    assert [(MACHINE, "float32", False), (MACHINE, "float32", True)] == asked, "measured only where records are stored"
    assert [f"the roofline is not known, so that records lack their share of the peak: {error}"] == made.lost
    assert begun(planned=False).roofline is None
    assert 2 == len(asked)


# Judging


def test_a_verdict_is_of_what_it_is_asked_for_and_stored_at_once(begun, monkeypatch):
    made, seen = begun(), []
    made.results.verdicts = SimpleNamespace(
        accuracy=lambda record, stored, train, quick: ("accuracy", record, train == made._once_more, quick),
        seconds=lambda record, stored: ("seconds", record),
    )

    def full():
        seen.append("saved")
        raise TrainingFailed("disk full")

    monkeypatch.setattr(made.results, "save", full)
    assert ("accuracy", 1, True, True) == made.verdict(1, "accuracy", quick=True)
    assert ("accuracy", 1, True, False) == made.verdict(1, "accuracy")
    assert ("seconds", 1) == made.verdict(1, "seconds")
    assert ["saved"] * 3 == seen


def test_once_more_trains_the_lowest_seed_that_is_not_stored_or_the_same_seed_a_second_time(begun, put, monkeypatch):
    put(fake_training.record(LENET), fake_training.record(LENET, seed=2), fake_training.record(VGG, seed=1))
    stored = put(fake_training.record(LENET, seed=1, backend="jax"))
    made = begun(stored, names=(LENET, VGG), seeds=[3])
    made.estimates = {LENET: 5.0}
    monkeypatch.setattr(Session, "record", lambda self, training_id: training_id)
    assert f"{LENET}-seed1" == made._once_more(LENET)
    assert Training(f"{LENET}-seed1", LENET, 1) == made.known[f"{LENET}-seed1"]
    assert 5.0 == made.estimates[f"{LENET}-seed1"]
    assert f"{LENET}-seed3-again" == made._once_more(LENET, 3)
    made.known[LENET] = made.known[LENET]._replace(seed=1)
    del made.known[f"{LENET}-seed1"]
    assert LENET == made._once_more(LENET), "a seed that was chosen is trained once"


def test_a_training_once_more_that_cannot_take_place_is_none_and_a_failed_one_is_named(begun, monkeypatch):
    made, errors = begun(), [Unavailable("late"), TrainingFailed("crashed")]

    def refuse(self, training_id):
        raise errors.pop(0)

    monkeypatch.setattr(Session, "record", refuse)
    assert (None, []) == (made._once_more(LENET), made.lost)
    assert (None, ["crashed"]) == (made._once_more(LENET), made.lost)


# After the tests


@pytest.mark.parametrize(
    ("status", "stopped", "complete"), [(0, False, True), (1, False, True), (2, False, False), (0, True, False), (1, True, False)]
)
def test_a_session_is_complete_if_its_tests_came_to_their_end(begun, status, stopped, complete):
    made = begun()
    assert (status, complete) == (made.finish(status, stopped), made.results.complete)


@pytest.mark.parametrize(("status", "expected"), [(0, 1), (1, 1), (2, 2), (5, 4)])
def test_a_session_that_lost_something_or_had_no_test_never_passes(begun, status, expected):
    made = begun()
    made.lost.append("a network")
    assert expected == made.finish(status, False)
    other = begun()
    other.config._benchmarksession.storage.failed = OSError("full")
    assert expected == other.finish(status, False)
    assert status == 5 or status == begun().finish(status, False)
    assert (4, True) == ((empty := begun()).finish(5, False), "no test was selected" in empty.lost[0])


def test_the_file_is_written_for_the_last_time_if_something_was_trained(begun, monkeypatch):
    made, seen = begun(), []
    monkeypatch.setattr(made.results, "save", lambda: seen.append("saved"))
    made.finish(0, False)
    assert [] == seen
    made.results.new.append({})
    made.finish(0, False)
    assert ["saved"] == seen


def test_the_summary_names_what_was_lost_left_out_resumed_and_is_still_suspicious(begun, put):
    busy = put(fake_training.record(VGG, seconds=(), others=0.9), fake_training.record(RESNET))
    made = begun([suspect(LENET, file="0007_x.json"), suspect(GATE)])
    made.resumed = {VGG: busy[0], RESNET: busy[1]}
    made.lost.append("a network")
    made.results.verdicts.accuracies[GATE] = None
    assert [
        f"{VGG} was trained in the session that did not end: 0001_x_00000001.json (without times: the machine was busy)",
        f"{RESNET} was trained in the session that did not end: 0001_x_00000001.json",
        "a network",
    ] == made.summary()[:3]
    (line,) = made.summary()[3:]
    assert line.startswith(f"{LENET} is SUSPECT since 0007_x.json; settle it: pytest -m full --model lenet5 --dataset digits")
    made.answers = {LENET: Unavailable("late"), VGG: Unavailable("late"), RESNET: {}}
    assert "cells not trained: 2; the summary of skipped tests gives the reasons" == made.summary()[3]
    made.machine = None
    assert "a network" == made.summary()[-1]


# Results


def test_without_a_name_nothing_is_stored(begun):
    made = begun()
    made.results.add({"id": "a"})
    assert [{"id": "a"}] == made.results.new


@pytest.mark.parametrize(("stored", "lost"), [("/elsewhere/file", False), (None, True)])
def test_a_record_that_is_stored_in_another_folder_costs_no_training_and_one_that_is_lost_does(begun, monkeypatch, stored, lost):
    made = begun(name="x")
    benchmarks = made.config._benchmarksession
    benchmarks.save_data = False
    benchmarks.storage.stored, benchmarks.storage.failed = stored, OSError("disk full")
    benchmarks.storage.save = lambda output, name: output.append(name)
    written = []
    made.config.hook = SimpleNamespace(
        pytest_benchmark_generate_json=lambda **values: written, pytest_benchmark_update_json=lambda **values: None
    )
    with pytest.raises(TrainingFailed, match="the records cannot be stored: disk full") if lost else contextlib.nullcontext():
        made.results.save()
    assert ["x"] == written
    said = made.results.lines("the machine's folder")
    where = "its records are lost" if lost else "its records are in /elsewhere/file: move that file to the machine's folder"
    assert f"NOT STORED as asked: disk full; {where}" in said
    assert lost == (len(said) == 1)


def test_a_repeated_test_leaves_one_timing_for_each_record(begun):
    made = begun()
    first, again, other, plain = (SimpleNamespace(extra_info={"record": each} if each else {}) for each in ("a", "a", "b", None))
    entries = made.config._benchmarksession.benchmarks = [first, other, again, plain]
    made.results.one_timing_a_record()
    assert [again, other, plain] == entries


def test_each_record_is_written_with_its_digest_and_its_verdict_if_it_has_one(begun):
    made = begun()
    made.results.new = [fake_training.record(LENET, id="a"), fake_training.record(VGG, id="b")]
    made.results.verdicts.stored["a"] = {"accuracy": {}}
    output = {"machine_info": {"m": 1}, "commit_info": {"c": 1}, "benchmarks": []}
    made.results.complete_json(output)
    assert ({"a": {"accuracy": {}}}, False, made.results.new) == (output["verdicts"], output["complete"], output["records"])
    assert {"a": store.digest({"m": 1}, {"c": 1}, made.results.new[0]), "b": store.digest({"m": 1}, {"c": 1}, made.results.new[1])} == (
        output["digests"]
    )
    assert [("a", {"accuracy": {}}), ("b", {})] == [(each.record["id"], each.verdicts) for each in made.results.everything()]
