"""What a session stores, says and returns at its end, without pytest."""

import contextlib
from types import SimpleNamespace

import pytest

from baselines import store
from baselines.trainings import TrainingFailed, Unavailable
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
MACHINE = fake_training.MACHINE
LENET, VGG, RESNET = fake_training.DIGITS
GATE = "lenet5-mnist-gate"


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
    made = begun([fake_training.judged(LENET, file="0007_x.json"), fake_training.judged(GATE)])
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
    made.schedule.machine = None
    assert "a network" == made.summary()[-1]


def test_a_record_is_stored_as_soon_as_it_is_there(begun, monkeypatch):
    made, seen = begun(name="x"), []
    monkeypatch.setattr(made.results, "save", lambda: seen.append(list(made.results.new)))
    made.results.add({"id": "a"})
    assert [[{"id": "a"}]] == seen


def test_the_timings_that_are_written_are_those_of_whole_trainings_of_this_session_and_of_other_benchmarks(begun):
    made = begun()
    made.results.new = [fake_training.record(LENET, id="a")]
    kinds = [({"record": "a"}, 3), ({"record": "a"}, 2), ({"record": "b"}, 3), ({}, 9)]
    entries = [{"extra_info": info, "stats": {"rounds": rounds}} for info, rounds in kinds]
    output = {"machine_info": {}, "commit_info": {}, "benchmarks": list(entries)}
    made.results.complete_json(output)
    assert [entries[0], entries[3]] == output["benchmarks"]


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
        pytest_benchmark_generate_json=lambda config, benchmarks, include_data, machine_info, commit_info: written,
        pytest_benchmark_update_json=lambda config, benchmarks, output_json: None,
    )
    with pytest.raises(TrainingFailed, match="the records cannot be stored: disk full") if lost else contextlib.nullcontext():
        made.results.save()
    assert ["x"] == written
    said = made.results.lines("the machine's folder")
    where = "its records are lost" if lost else "its records are in /elsewhere/file: move that file to the machine's folder"
    assert f"NOT STORED as asked: disk full; {where}" in said
    assert lost == (len(said) == 1)


def test_a_session_that_did_not_end_says_where_its_file_is_and_how_it_goes_on(begun):
    made = begun(name="x")
    assert [] == made.results.lines("folder")
    made.config._benchmarksession.storage.stored = "folder/file"
    resume = "the session did not end: the same command with --resume trains only what is missing"
    assert ["stored in folder/file", resume] == made.results.lines("folder")
    made.results.complete = True
    assert ["stored in folder/file"] == made.results.lines("folder")


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
