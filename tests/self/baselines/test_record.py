"""The record: every check, the identity and the documentation follow from one table of fields."""

import json

import pytest

from baselines import changes, store, upgrade
from baselines import record as records
from baselines.cells import cells
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


def test_a_change_of_what_decides_about_equal_trainings_times_and_unknown_values_is_deliberate():
    assert {
        *("cell", "recipe", "epochs_option", "seed", "data.fingerprint", "code", "machine", "backend", "precision"),
        *("instructions", "threads", "tf32", "python", "versions", "environment"),
    } == {field.name for field in records.FIELDS if field.identity}
    times = {"train_seconds", "eval_seconds", "host_seconds"}
    empty = {"compile_seconds", "wall_seconds", "images_per_second", "peak_flops_per_second", "launch_seconds"}
    assert times | empty == {field.name for field in records.FIELDS if field.time}
    assert empty | {
        *("epochs_option", "data.files", "instructions", "threads", "tf32", "environment", "loss", "divergence", "trials"),
        *("peak_memory.host", "peak_memory.gpu", "load.others", "load.gpu_others"),
    } == {field.name for field in records.FIELDS if field.null}


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
        ("accuracy", -0.5, "accuracy is -0.5, which is not a share of 1"),
        ("accuracy", True, "accuracy is True, not float"),
        ("seed", 1.0, "seed is 1.0, not int"),
        ("train_seconds", [1.0, -1.0], "train_seconds is"),
        ("train_seconds", [1.0, 0.0], "train_seconds is"),
        ("train_seconds", [1.0, float("inf")], "train_seconds is"),
        ("eval_seconds", ["1"], "eval_seconds is"),
        ("eval_seconds", [], "must all be there or all be empty"),
        ("compile_seconds", None, "must all be there or all be empty"),
    ],
)
def test_an_impossible_value_is_refused_by_name(name, value, complaint):
    with pytest.raises(records.RecordError, match=complaint):
        records.check(replaced(fake_training.record(), name, value))


@pytest.mark.parametrize("value", [[], "", None])
def test_what_is_no_table_is_refused(value):
    with pytest.raises(records.RecordError, match=r"^a record is a table of fields, not "):
        records.check(value)


def test_bounds_themselves_are_possible_values():
    for accuracy in 0, 0.0, 1, 1.0:
        records.check(fake_training.record(accuracy=accuracy))


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
    assert expected == changes.differences(now, former)
    unknown = fake_training.record(environment=None)
    assert [] == changes.differences(now, unknown) == changes.differences(unknown, now)


def test_packages_that_a_training_does_not_compute_with_are_no_part_of_its_identity():
    former, now = (
        fake_training.record(versions={"keras": "3", "tensorflow": "2", **others}) for others in ({"jax": "1"}, {"pytest-benchmark": "5"})
    )
    assert records.identity(former) == records.identity(now)
    assert [] == changes.differences(now, former)
    assert records.identity(former) != records.identity({**now, "versions": {"keras": "3", "tensorflow": "3"}})


def test_a_recipe_is_stored_with_its_name_and_without_its_note():
    cell = cells()["lenet5-mnist-afif"]
    cell = cell._replace(recipe={**cell.recipe, "note": "chosen here"})
    assert {"name": "afif", **cells()["lenet5-mnist-afif"].recipe} | {"note": None} == records.recipe(cell) | {"note": None}
    assert "note" not in records.recipe(cell)


def test_a_record_says_whether_it_is_timed_sampled_and_how_fast_it_was():
    whole, busy = fake_training.record(kind="canonical"), fake_training.record(kind="sample", seconds=(), others=0.9)
    assert [True, False] == [records.timed(each) for each in (whole, busy)]
    assert [False, True] == [records.sampled(each) for each in (whole, busy)]
    assert 1.5 == records.epoch_seconds(whole)


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        ({"others": 1.26, "gpu_others": None}, "other programs kept 1.3 processors busy"),
        ({"others": 0.0, "gpu_others": 0}, "other programs kept 0 processors busy"),
        ({"others": None}, "other programs kept the machine busy"),
        ({"others": 0.5, "gpu_others": 1}, "1 other program used the GPU"),
        ({"others": None, "gpu_others": 2}, "2 other programs used the GPU"),
    ],
)
def test_what_a_training_shared_its_machine_with_is_said(load, expected):
    assert expected == records.company(load)


def test_trainings_of_the_same_code_are_one_sample_on_any_machine_and_with_any_seed():
    first = fake_training.record()
    for same in {"seed": 1}, {"machine": "another"}, {"instructions": "avx2"}, {"threads": 8}, {"accuracy": 0.5}:
        assert records.same_code(first, fake_training.record(**same))
    for other in {"code": {"graph": "z"}}, {"versions": {"keras": "4"}}, {"fingerprint": "beef"}, {"backend": "jax"}, {"former": True}:
        assert not records.same_code(first, fake_training.record(**other))


def test_a_part_of_the_code_or_a_field_that_an_old_record_lacks_is_no_change():
    former = fake_training.record(code={"graph": "a"}, threads=None, instructions=None)
    now = fake_training.record(code={"graph": "a", "loader": "b"}, threads=8, instructions="avx2")
    assert [] == changes.differences(now, former)
    assert ["threads 8 -> None", "instructions avx2 -> None"] == sorted(changes.differences(former, now), reverse=True)
    assert ["graph code a -> z"] == changes.differences(
        fake_training.record(code={"graph": "z"}), fake_training.record(code={"graph": "a"})
    )
    changed = fake_training.record(former=True, **{"parameters.total": 7, "calls": 9, "python": "4"})
    expected = ["recipe's batch 256 -> 7", "parameters 150742 -> 7", "python 3 -> 4", "calls 1 -> 9"]
    assert expected == changes.differences(changed, fake_training.record())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"compile_seconds": 4.0}, ["compilation 2 -> 4 s"]),
        ({"compile_seconds": 1.0}, ["compilation 2 -> 1 s"]),
        ({"compile_seconds": 3.99}, []),
        ({"compile_seconds": 1.01}, []),
        ({"compile_seconds": 9.0, "machine": "another"}, []),
        ({"peak_memory.host": 1_200_000_000}, ["host memory 600 -> 1.2e+03 MB"]),
        ({"peak_memory.host": None}, []),
    ],
)
def test_costs_that_are_not_judged_are_named_where_they_doubled_or_halved_on_one_machine(values, expected):
    former = fake_training.record(compile_seconds=2.0)
    assert expected == changes.differences(fake_training.record(**{"compile_seconds": 2.0, **values}), former)
    busy = fake_training.record(seconds=(), others=0.9)
    assert [] == changes.differences(busy, former) == changes.differences(former, busy)
