"""Storages and their folders: which are read, in which order, and which file is no file of records."""

import json
from types import SimpleNamespace

import pytest

from baselines import files, store
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self


def test_a_session_without_records_leaves_no_file_until_it_has_stored_one(tmp_path):
    storage = SimpleNamespace(get=lambda name: tmp_path / name)
    store.journal(storage)
    storage.save({"records": []}, "x")
    assert (None, []) == (storage.stored, list(tmp_path.iterdir()))
    storage.save({"records": [1]}, "x")
    storage.save({"records": [], "complete": True}, "x")
    assert {"records": [], "complete": True} == json.loads(storage.stored.read_text())


def test_what_cannot_be_stored_goes_to_a_new_folder_and_a_second_failure_loses_it(tmp_path, monkeypatch):
    monkeypatch.setattr(store.tempfile, "tempdir", str(tmp_path))
    storage = SimpleNamespace(get=lambda name: tmp_path / "missing" / name)
    store.journal(storage)
    storage.save({"records": [1]}, "x")
    assert tmp_path == storage.stored.parent.parent
    assert storage.stored.parent.name.startswith("zoobench-")
    assert "missing" in str(first := storage.failed)
    assert {"records": [1]} == json.loads(storage.stored.read_text())
    monkeypatch.setattr(store, "replace", lambda path, text: (_ for _ in ()).throw(OSError("disk full")))
    storage.save({"records": [1, 2]}, "x")
    assert (None, first) == (storage.stored, storage.failed), "the first failure is named"


def test_a_projects_records_are_its_own_and_the_suites_are_read_with_them(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "FOLDER", tmp_path / "suite")
    monkeypatch.setattr(store.project, "folder", lambda: None)
    assert [tmp_path / "suite"] == store.folders()
    monkeypatch.setattr(store.project, "folder", lambda: tmp_path / "project")
    own, suites = tmp_path / "project" / "records", tmp_path / "suite"
    assert [own, suites] == store.folders()
    for seed, folder in enumerate((own, suites, tmp_path / "another")):
        fake_training.stored(folder, 1, "x", [fake_training.record(seed=seed, id=str(seed))])
    for folder, expected in (own, [0, 1]), (suites, [0, 1]), (tmp_path / "another", [2]):
        assert expected == sorted(each.record["seed"] for each in store.every(folder))


def test_a_machines_files_are_in_the_order_of_their_numbers_and_machines_in_that_of_their_dates(tmp_path):
    for number, machine, day in (9999, "b", 1), (10000, "b", 4), (1, "a", 2), (2, "a", 3), (3, "a", 5):
        record = fake_training.record(seed=number, id=f"{machine}{number}")
        fake_training.stored(tmp_path, number, "x", [record], machine=machine, when=f"2026-01-0{day}")
    path = next((tmp_path / "b").glob("9999_*"))
    path.write_text(path.read_text().replace(":9999", ":00"))
    path = next((tmp_path / "b").glob("10000_*"))
    path.write_text(path.read_text().replace(":10000", ":00"))
    assert [9999, 1, 2, 10000, 3] == [each.record["seed"] for each in store.records(tmp_path)]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("notes.json", None, "not named NNNN_<name>_<session>.json, as files of records are; move it out of the folder"),
        ("0001_x_00000001.json", [], "it is not a JSON object"),
        ("0001_x_00000001.json", {}, "the key 'benchmarks' is missing"),
    ],
)
def test_a_file_that_holds_no_records_is_refused_with_what_is_wrong(tmp_path, name, content, complaint):
    path = fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    text = path.read_text() if content is None else json.dumps(content)
    path.unlink()
    path.with_name(name).write_text(text)
    with pytest.raises(files.StoreError, match=complaint):
        store.records(tmp_path)


def test_a_session_that_did_not_end_and_its_verdicts_are_read_as_they_were_stored(tmp_path):
    path = fake_training.stored(tmp_path, 1, "x", [fake_training.record(id="a"), fake_training.record(seed=1, id="b")], complete=False)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "verdicts": {"a": {"accuracy": {"word": "PASS"}}}}))
    assert [(False, {"accuracy": {"word": "PASS"}}), (False, {})] == [(each.complete, each.verdicts) for each in store.records(tmp_path)]
    del content["complete"]
    path.write_text(json.dumps(content))
    assert [(True, {})] * 2 == [(each.complete, each.verdicts) for each in store.records(tmp_path)]


def test_a_damaged_file_whose_record_is_accepted_says_so(tmp_path):
    path = fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    fake_training.accept(tmp_path)
    path.write_text("{")
    for problems in None, []:
        with pytest.raises(files.StoreError, match=r"not a file of records .* \(its record of lenet5-mnist-gate is accepted\)"):
            store.records(tmp_path, problems)


@pytest.mark.parametrize("copy", ["a-folder", "z-folder"])
def test_of_copies_the_one_in_its_own_machines_folder_counts_whatever_the_others_name(tmp_path, copy):
    path = fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    (tmp_path / copy).mkdir()
    (tmp_path / copy / path.name).write_text(path.read_text())
    problems = []
    assert [fake_training.MACHINE] == [each.machine for each in store.records(tmp_path, problems)]
    name = "its record of lenet5-mnist-gate is a copy of one in"
    assert [f"left out: {copy}/{path.name}: {name} {fake_training.MACHINE}/{path.name}"] == problems
