"""Files that are whole at every moment, their numbers, and a list that one process changes at a time."""

import math
import threading
import time

import pytest

from baselines import accepted, files

pytestmark = pytest.mark.self


def test_a_file_is_replaced_as_a_whole_and_who_reads_the_old_one_reads_it_to_its_end(tmp_path):
    path = tmp_path / "file"
    files.replace(path, "old")
    with path.open() as reader:
        files.replace(path, "new and longer")
        assert "old" == reader.read()
    assert ("new and longer", [path]) == (path.read_text(), list(tmp_path.iterdir()))


def test_json_is_strict():
    with pytest.raises(ValueError, match="Out of range"):
        files.dense({"a": math.nan})


def test_a_number_is_one_more_than_the_highest_and_its_reservation_is_given_back(tmp_path):
    names = [files.numbered(tmp_path, "x", f"{i:08}").name for i in range(2)]
    assert ["0001_x_00000000.json", "0002_x_00000001.json"] == names == sorted(path.name for path in tmp_path.iterdir())
    (tmp_path / "0041_other_00000000.json").touch()
    (tmp_path / "0099_not-a-record.json").touch()
    assert "0042_x_00000002.json" == files.numbered(tmp_path, "x", "00000002").name


def test_a_number_that_was_taken_before_it_was_reserved_is_passed_over(tmp_path, monkeypatch):
    (tmp_path / "0001_x_00000000.json").touch()
    numbers = iter([set(), {1}, {1}])
    monkeypatch.setattr(files, "_numbers", lambda folder: next(numbers))
    assert "0002_x_00000001.json" == files.numbered(tmp_path, "x", "00000001").name
    assert ["0001_x_00000000.json", "0002_x_00000001.json"] == sorted(path.name for path in tmp_path.iterdir())


def test_a_reservation_that_somebody_deleted_costs_no_record(tmp_path, monkeypatch):
    def clean(folder):
        for path in folder.glob(".*.taken"):
            path.unlink()
        return set()

    monkeypatch.setattr(files, "_numbers", clean)
    assert "0001_x_00000000.json" == files.numbered(tmp_path, "x", "00000000").name


def test_a_check_for_writing_leaves_folders_as_they_were(tmp_path):
    files.check_writable(tmp_path / "new", "x")
    assert [] == list(tmp_path.iterdir())
    (tmp_path / "old").mkdir()
    files.check_writable(tmp_path / "old", "x")
    assert [tmp_path / "old"] == [*tmp_path.rglob("*")]
    (tmp_path / "file").touch()
    with pytest.raises(files.StoreError, match="name another --benchmark-storage"):
        files.check_writable(tmp_path / "file", "x")


def test_a_process_waits_for_the_one_that_writes(tmp_path):
    order, entered = [], threading.Event()

    def first():
        with files.alone(tmp_path / "list"):
            entered.set()
            time.sleep(0.1)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(10)
    with files.alone(tmp_path / "list"):
        order.append("second")
    thread.join()
    assert ["first", "second"] == order
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[a]\nreason = ''\n[a.records]\n", r"\[a\]: the key 'since' is missing"),
        ("[a]\nsince = ''\nreason = ''\n", r"\[a\]: the key 'records' is missing"),
        ("[a]\nsince = ''\nreason = ''\n[a.records]\nfile = 'digest'\n", r"\[a.records\] is not a table of file = \[digests\]"),
        ("a = 'b'", "a is not a table"),
    ],
)
def test_a_list_of_accepted_records_with_a_mistake_is_refused_by_name(tmp_path, text, complaint):
    (tmp_path / accepted.NAME).write_text(text)
    with pytest.raises(files.StoreError, match=complaint):
        accepted.read(tmp_path)


def test_a_machine_without_a_list_has_accepted_nothing(tmp_path):
    assert {} == accepted.read(tmp_path)
