"""The steps of a training, one by one and without pytest: what is asked of its child, and what becomes of the answer."""

import contextlib
from types import SimpleNamespace

import pytest

from baselines import child, roofline, schedule, session, store, trials
from baselines.session import Session
from baselines.trainings import Training, TrainingFailed, Unavailable
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
MACHINE = fake_training.MACHINE
LENET, VGG, RESNET = fake_training.DIGITS
GATE = "lenet5-mnist-gate"


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
        raise pytest.fail.Exception("Timeout")

    monkeypatch.setattr(Session, "_record", stop)
    with pytest.raises(pytest.fail.Exception, match="Timeout"):
        made.record(LENET)
    with pytest.raises(TrainingFailed, match=f"{LENET}: its training was ended by Failed: Timeout"):
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

        def ask(training, args, timeout, shows, lost):
            seen.append(args)
            if event in shows and values:
                shows[event](*values.values())
            return {"event": event, **values}

        monkeypatch.setattr(session, "ask", ask)
        return seen

    return answer


def test_a_training_outside_the_time_budget_takes_place_only_if_it_is_stored(begun, put, asked, monkeypatch):
    made = begun(name="x", resume=True)
    monkeypatch.setattr(schedule.time, "monotonic", lambda: 1000.0)
    made.schedule.estimates, made.schedule.deadline = {LENET: 500.0, VGG: None}, 1060.0
    seen = asked("unknown")
    with pytest.raises(Unavailable, match=r"^time budget: needs 8 min, 60 s left$"):
        made._record(made.schedule.known[LENET])
    with pytest.raises(Unavailable, match=r"^time budget: needs an unknown time, 60 s left$"):
        made._record(made.schedule.known[VGG])
    assert [] == seen
    made.results.stored += put(fake_training.record(LENET), fake_training.record(LENET, threads=9), complete=False)
    with pytest.raises(Unavailable, match=r"^time budget"):
        made._record(made.schedule.known[LENET])
    assert "--only-known" in seen[0]
    asked("stored", identity=store.record.digest(store.record.identity(made.results.stored[0].record)))
    assert made.results.stored[0].record is made._record(made.schedule.known[LENET])
    assert {LENET: made.results.stored[0]} == made.resumed


def test_a_record_is_stored_although_ctrl_c_ends_the_drawing_of_its_figures(begun, monkeypatch):
    def events(*args, timeout):
        yield {"event": "record", "record": fake_training.record(LENET)}
        raise KeyboardInterrupt

    monkeypatch.setattr(child, "events", lambda *args, timeout: contextlib.nullcontext(events(*args, timeout=timeout)))
    made = begun()
    with pytest.raises(KeyboardInterrupt):
        made.record(LENET)
    assert [LENET] == [each["cell"] for each in made.results.new]


def test_only_a_timed_training_gets_the_machines_peak(begun, asked, monkeypatch):
    made = begun()
    monkeypatch.setattr(roofline, "limits_of", lambda limits, precision: {"peak_flops_per_second": 1e9})
    for values, expected in ({}, 1e9), ({"seconds": (), "others": 0.9}, None):
        asked("record", record=fake_training.record(LENET, **values))
        assert expected == made._record(made.schedule.known[LENET])["peak_flops_per_second"]
    assert 2 == len(made.results.new)


def test_a_child_is_told_what_is_stored_what_to_keep_and_whether_its_recipe_was_tried(begun, put, asked, monkeypatch, tmp_path):
    monkeypatch.setattr(trials, "untried", lambda chosen, *args: chosen)
    seen = asked("record")
    stored = put(fake_training.record(LENET))
    known = ["--known", store.record.digest(store.record.identity(stored[0].record))]
    made = begun(stored, save_models=tmp_path)
    file = made.schedule.known[LENET].network_file(made.options)
    expected = made.schedule.known[LENET].args(made.options, download=True)
    made._ask(made.schedule.known[LENET], stored, True)
    assert [*expected, "--check", "--save", str(file)] == seen[-1], "what is stored does not count without its network"
    file.touch()
    made._ask(made.schedule.known[LENET], stored, False)
    assert [*expected, *known, "--only-known", "--check", "--save", str(file)] == seen[-1]
    made.options.figures = tmp_path
    made._ask(made.schedule.known[LENET], stored, True)
    assert [*expected, "--check", "--save", str(file), "--figures", str(tmp_path)] == seen[-1], "nor without its figures"
    for drawn in made.schedule.known[LENET].figure_files(made.options):
        assert drawn.name.startswith(f"{LENET}-float32-0-")
        drawn.touch()
    made._ask(made.schedule.known[LENET], stored, True)
    assert [*expected, *known, "--check", "--save", str(file), "--figures", str(tmp_path)] == seen[-1]
    made.options.save_models = made.options.figures = None
    made._ask(made.schedule.known[LENET], stored, True)
    assert [*expected, *known, "--check"] == seen[-1]
    made._ask(made.schedule.known[LENET], [], True)
    assert [*expected, "--check"] == seen[-1]
    made.schedule.machine = None
    made._ask(made.schedule.known[LENET], [], True)
    assert made.schedule.known[LENET].args(made.options, download=False) == seen[-1]


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


def test_a_verdict_is_of_what_it_is_asked_for_and_stored_at_once(begun, monkeypatch):
    made, seen = begun(), []
    made.results.verdicts = SimpleNamespace(
        accuracy=lambda record, stored, train, quick: ("accuracy", record, train == made._once_more, quick),
        seconds=lambda record, stored, train: ("seconds", record, train == made._once_more),
    )

    def full():
        seen.append("saved")
        raise TrainingFailed("disk full")

    monkeypatch.setattr(made.results, "save", full)
    assert ("accuracy", 1, True, True) == made.verdict(1, "accuracy", quick=True)
    assert ("accuracy", 1, True, False) == made.verdict(1, "accuracy")
    assert ("seconds", 1, True) == made.verdict(1, "seconds")
    assert ["saved"] * 3 == seen


def test_once_more_trains_a_seed_that_waits_then_the_lowest_that_is_not_stored_or_the_same_seed_a_second_time(begun, put, monkeypatch):
    put(fake_training.record(LENET), fake_training.record(LENET, seed=2), fake_training.record(VGG, seed=1))
    stored = put(fake_training.record(LENET, seed=1, backend="jax"))
    made = begun(stored, names=(LENET, VGG), seeds=[3, 4])
    made.schedule.estimates = {f"{LENET}-seed3": 5.0}
    made.answers = {f"{LENET}-seed3": {}}
    monkeypatch.setattr(Session, "record", lambda self, training_id: training_id)
    assert f"{LENET}-seed4" == made._once_more(LENET)
    made.answers[f"{LENET}-seed4"] = {}
    assert f"{LENET}-seed1" == made._once_more(LENET)
    assert Training(f"{LENET}-seed1", LENET, 1) == made.schedule.known[f"{LENET}-seed1"]
    assert 5.0 == made.schedule.estimates[f"{LENET}-seed1"]
    assert f"{LENET}-seed3-again" == made._once_more(LENET, 3)


def test_a_training_once_more_that_cannot_take_place_is_none_and_a_failed_one_is_named(begun, monkeypatch):
    made, errors = begun(), [Unavailable("late"), TrainingFailed("crashed")]

    def refuse(self, training_id):
        raise errors.pop(0)

    monkeypatch.setattr(Session, "record", refuse)
    assert (None, []) == (made._once_more(LENET), made.lost)
    assert (None, ["crashed"]) == (made._once_more(LENET), made.lost)
