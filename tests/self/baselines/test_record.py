"""The record: every check, the identity and the documentation follow from one table of fields."""

import json

import pytest

from baselines import record as records
from baselines import store, upgrade
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self


def replaced(record, name, value):
    """The record with another value of a field, which may be in a table within."""
    table, _, key = name.rpartition(".")
    return {**record, table: {**record[table], key: value}} if table else {**record, key: value}


def test_every_field_is_listed_once_with_its_meaning():
    names = [field.name for field in records.FIELDS]
    assert len(names) == len(set(names))
    assert all(field.meaning for field in records.FIELDS)


@pytest.mark.parametrize("field", records.FIELDS, ids=lambda field: field.name)
def test_a_field_that_is_missing_or_of_another_type_is_refused_by_name(field):
    made = fake_training.record()
    records.check(made)
    wrong = {"a": 1} if field.kind is not dict else [1]
    with pytest.raises(records.RecordError, match=f"^{field.name} is "):
        records.check(replaced(made, field.name, wrong))
    if not field.null:
        with pytest.raises(records.RecordError, match=f"^{field.name} is None"):
            records.check(replaced(made, field.name, None))
    table, _, key = field.name.rpartition(".")
    del (made[table] if table else made)[key]
    with pytest.raises(records.RecordError, match=f"^{field.name} is (missing|None)"):
        records.check(made)


@pytest.mark.parametrize("name", ["accurracy", "data.name"])
def test_an_unknown_field_is_refused_by_name(name):
    with pytest.raises(records.RecordError, match=f"^{name} is not a field of a record"):
        records.check(replaced(fake_training.record(), name, 1))


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("version", 3, "version is 3; this suite reads version 2; update the suite"),
        ("accuracy", 1.5, "accuracy is 1.5, which is not a share of 1"),
        ("accuracy", True, "accuracy is True, not float"),
        ("seed", 1.0, "seed is 1.0, not int"),
        ("train_seconds", [1.0, -1.0], "train_seconds is"),
        ("eval_seconds", ["1"], "eval_seconds is"),
        ("eval_seconds", [], "must all be there or all be empty"),
        ("compile_seconds", None, "must all be there or all be empty"),
    ],
)
def test_an_impossible_value_is_refused_by_name(name, value, complaint):
    with pytest.raises(records.RecordError, match=complaint):
        records.check(replaced(fake_training.record(), name, value))


@pytest.mark.parametrize("field", [field for field in records.FIELDS if field.identity], ids=lambda field: field.name)
def test_each_field_of_the_identity_makes_another_training(field):
    made = fake_training.record()
    other = {"a": 2} if field.kind is dict else "other" if field.kind is str else 7
    assert records.identity(made) != records.identity(replaced(made, field.name, other))


def test_results_and_times_are_not_part_of_the_identity():
    assert records.identity(fake_training.record()) == records.identity(fake_training.record(accuracy=0.5, seconds=(9.0,), others=0.7))


def test_a_record_without_times_keeps_no_field_of_time_and_its_accuracy():
    made = fake_training.record(trials=[{"seconds": 5.0, "accuracy": 0.5}])
    bare = records.without_times(made)
    records.check(bare)
    assert not records.timed(bare)
    for field in records.FIELDS:
        if field.time:
            assert bare[field.name] == ([] if field.kind is list else None)
    assert [{"seconds": None, "accuracy": 0.5}] == bare["trials"]
    assert bare["accuracy"] == made["accuracy"]


def test_ten_records_take_less_than_100_kilobytes():
    made = fake_training.record()
    assert 10 * len(json.dumps(made)) < 100 * 1024  # ten of them, in a file that may hold twenty


def test_every_record_of_this_repository_is_read_and_the_old_ones_are_upgraded():
    found = store.records()
    assert found
    for each in found:
        records.check(each.record)
        assert each.machine == each.record["machine"]
        assert "note" not in each.record["recipe"]
    assert any(each.record["threads"] is None for each in found), "no record of version 0 is left to be upgraded"


def test_a_record_of_version_1_is_read_with_an_unknown_environment():
    made = fake_training.record(environment={"driver": "570.1"})
    del made["environment"], made["load"]["gpu_others"]
    read = upgrade.current({**made, "version": 1})
    records.check(read)
    assert (2, None, None) == (read["version"], read["environment"], read["load"]["gpu_others"])
    assert "gpu_others" not in made["load"], "what was stored is what accepted digests are of"
    with pytest.raises(records.RecordError, match=r"^load.others is missing"):
        records.check(upgrade.current({**made, "version": 1, "load": 3}))


def test_a_change_of_the_environment_is_named_where_both_are_known():
    former = fake_training.record(environment={"driver": "570.1", "floatx": "float32", "TF_ENABLE_ONEDNN_OPTS": "0"})
    now = fake_training.record(environment={"driver": "575.2", "floatx": "float32", "XLA_FLAGS": "--a"})
    expected = ["driver 570.1 -> 575.2", "TF_ENABLE_ONEDNN_OPTS 0 -> None", "XLA_FLAGS None -> --a"]
    assert expected == records.differences(now, former)
    unknown = fake_training.record(environment=None)
    assert [] == records.differences(now, unknown) == records.differences(unknown, now)


def test_packages_that_a_training_does_not_compute_with_are_no_part_of_its_identity():
    former, now = (
        fake_training.record(versions={"keras": "3", "tensorflow": "2", **others}) for others in ({"jax": "1"}, {"pytest-benchmark": "5"})
    )
    assert records.identity(former) == records.identity(now)
    assert [] == records.differences(now, former)
    assert records.identity(former) != records.identity({**now, "versions": {"keras": "3", "tensorflow": "3"}})
