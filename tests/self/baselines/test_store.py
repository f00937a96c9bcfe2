"""Stored records: files are whole at every moment and strict JSON, and an accepted record cannot change unnoticed."""

import json
import tomllib
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from baselines import __main__ as command
from baselines import machine, store
from baselines import record as records
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self


def storage(folder):
    """The part of pytest-benchmark's FileStorage that the journal uses."""
    folder.mkdir(exist_ok=True)
    made = SimpleNamespace(get=lambda name: folder / name)
    store.journal(made)
    return made


def save_once(folder):
    made = storage(folder)
    made.save({"records": [1]}, "x")
    return made.stored[0].name


def test_a_session_takes_the_next_number_and_then_rewrites_its_own_file(tmp_path):
    first, second = storage(tmp_path), storage(tmp_path)
    for made, content in (first, 1), (second, 2), (first, 3):
        made.save({"records": [content]}, "x")
    files = sorted(tmp_path.iterdir())
    assert ["0001", "0002"] == [path.name[:4] for path in files]
    assert [{"records": [3]}, {"records": [2]}] == [json.loads(path.read_text()) for path in files]


def test_sessions_at_the_same_time_never_take_the_same_number(tmp_path):
    folder = tmp_path / "storage"
    folder.mkdir()
    with ThreadPoolExecutor(8) as pool:  # the folder is held by an open file, so threads exclude each other as processes do
        names = list(pool.map(save_once, [folder] * 24))
    assert [f"{number:04}" for number in range(1, 25)] == sorted(name[:4] for name in names)


def test_a_write_that_fails_leaves_the_former_file_and_nothing_else(tmp_path, monkeypatch):
    made = storage(tmp_path)
    made.save({"records": [1]}, "x")
    monkeypatch.setattr(store.os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
    made.save({"records": [2]}, "x")
    assert "disk full" == str(made.failed)
    (path,) = tmp_path.iterdir()
    assert {"records": [1]} == json.loads(path.read_text())


def test_what_is_stored_is_strict_json():
    mixed = {
        "a": np.float32(0.5),
        "b": np.arange(2),
        "c": (np.int64(3), None),
        "d": float("nan"),
        "e": [float("inf")],
        "f": np.float32("nan"),
    }
    plain = records.plain(mixed)
    assert {"a": 0.5, "b": [0, 1], "c": [3, None], "d": None, "e": [None], "f": None} == plain
    assert plain == json.loads(json.dumps(plain, allow_nan=False))
    for odd in ({1: 2}, {"a": {1, 2}}, {"a": object()}):
        with pytest.raises(TypeError):
            records.plain(odd)


def test_records_are_read_oldest_first_and_accepted_ones_are_marked(tmp_path):
    fake_training.stored(tmp_path, 1, "later", [fake_training.record(seed=2)], when="2026-02-02")
    fake_training.stored(tmp_path, 2, "first", [fake_training.record(seed=1), fake_training.record("vgg_like-digits-digits_vgg")])
    store.accept(tmp_path, [each for each in store.records(tmp_path) if each.name == "later"], "why not")
    assert [("first", 1, False), ("first", 0, False), ("later", 2, True)] == [
        (each.name, each.record["seed"], each.accepted) for each in store.records(tmp_path)
    ]


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda text: text[:200], "not a file of records"),
        (lambda text: "", "not a file of records"),
        (lambda text: "[]", "not a file of records"),
        (lambda text: text.replace('"machine_info"', '"machine"'), "not a file of records .*machine_info"),
        (lambda text: text.replace("0.989", "0.999"), "has changed since it was accepted"),
        (lambda text: text.replace('"keras": "3"', '"keras": "4"'), "has changed since it was accepted"),
        (lambda text: text.replace("c0ffee", "decaf"), "has changed since it was accepted"),
        (lambda text: text.replace('"accuracy": 0.989', '"accuracy": "0.989"'), "not a file of records .*accuracy is '0.989', not float"),
        (lambda text: text.replace('"accuracy": 0.989', '"accuracy": 989'), "not a file of records .*accuracy is 989"),
        (lambda text: text.replace('"train_seconds": [2.0', '"train_seconds": [-2.0'), "not a file of records .*train_seconds"),
        (lambda text: text.replace('"epochs_option"', '"epochs"'), "not a file of records .*epochs_option is missing"),
        (lambda text: text.replace('"others": 0.0', '"others": "0"'), "not a file of records .*load.others"),
        (lambda text: text.replace('"cell": "lenet5-mnist-gate"', '"cell": []'), "not a file of records .*cell is"),
        (lambda text: "[" * 100_000, "not a file of records"),
    ],
    ids=[
        *("cut", "empty", "a list", "key missing", "accuracy edited", "version edited", "commit edited", "text for a number"),
        *("not a share", "negative time", "field renamed", "load as text", "cell as list", "deep"),
    ],
)
def test_a_damaged_or_edited_file_of_records_is_refused_by_name(tmp_path, damage, complaint):
    path = fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    store.accept(tmp_path, store.records(tmp_path), "good")
    text = path.read_text()
    assert damage(text) != text
    path.write_text(damage(text))
    with pytest.raises(store.StoreError, match=rf"{path.name}: .*{complaint}.* git"):
        store.records(tmp_path)


def test_one_file_holds_several_records_of_a_cell_and_each_is_accepted_for_itself(tmp_path):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record(seed=seed) for seed in (1, 2)])
    store.accept(tmp_path, store.records(tmp_path)[:1], "the first alone")
    assert [(1, True), (2, False)] == [(each.record["seed"], each.accepted) for each in store.records(tmp_path)]
    store.accept(tmp_path, store.records(tmp_path)[1:], "and the second", add=True)
    assert [True, True] == [each.accepted for each in store.records(tmp_path)]


def test_an_accepted_record_that_is_missing_is_refused_by_name(tmp_path):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    store.accept(tmp_path, store.records(tmp_path), "good")
    (tmp_path / fake_training.MACHINE / "0001_x_00000001.json").unlink()
    with pytest.raises(store.StoreError, match=r"0001_x_00000001\.json no longer has a record of lenet5-mnist-gate"):
        store.records(tmp_path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[lenet5", "Expected"),
        ("[lenet5-mnist-gate]\nsince = 'x'\n", r"\[lenet5-mnist-gate\]: the key 'reason' is missing"),
        ("x = 1", "x is not a table"),
        ("[a]\nsince = ''\nreason = ''\nrecords = 'z'", r"\[a.records\] is not a table of file = \[digests\]"),
    ],
)
def test_a_damaged_list_of_accepted_records_is_refused_by_name(tmp_path, text, complaint):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    (tmp_path / fake_training.MACHINE / store.ACCEPTED).write_text(text)
    with pytest.raises(store.StoreError, match=rf"accepted\.toml: not a list of accepted records \(.*{complaint}"):
        store.records(tmp_path)


def accept(folder, *args):
    return command.main(["accept", f"--storage={folder}", *args])


def test_accept_takes_the_newest_name_and_stores_date_reason_and_digests(tmp_path, capsys):
    for number in (1, 2, 3):
        fake_training.stored(tmp_path, number, "old" if number == 1 else "new", [fake_training.record(seed=number)])
    assert 0 == accept(tmp_path, "--reason", 'the "first" five\\six')
    table = tomllib.loads((tmp_path / fake_training.MACHINE / store.ACCEPTED).read_text())
    assert ["0002_new_00000002.json", "0003_new_00000003.json"] == list(table["lenet5-mnist-gate"]["records"])
    assert 'the "first" five\\six' == table["lenet5-mnist-gate"]["reason"]
    assert "n=2" in capsys.readouterr().out
    assert 0 == accept(tmp_path, "--reason", "more", "--name", "old", "--add")
    assert [True] * 3 == [each.accepted for each in store.records(tmp_path)]
    assert 0 == accept(tmp_path, "--reason", "only that", "--name", "old")
    assert [True, False, False] == [each.accepted for each in store.records(tmp_path)]


def test_any_text_can_be_a_reason(tmp_path):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    for reason in ('"""', "a\x7fb", "a\nb\t\\u0041", "\udcff", "😀 ö"):
        assert 0 == accept(tmp_path, "--reason", reason)
        entry = tomllib.loads((tmp_path / fake_training.MACHINE / store.ACCEPTED).read_text())["lenet5-mnist-gate"]
        assert reason.replace("\udcff", "?") == entry["reason"]


def test_accept_leaves_out_records_with_the_epochs_option_and_warns_of_few_seeds(tmp_path, capsys):
    for number, option in (1, None), (2, 2), (3, None):
        fake_training.stored(tmp_path, number, "x", [fake_training.record(epochs_option=option)])
    assert 0 == accept(tmp_path, "--reason", "x")
    output = capsys.readouterr().out
    assert "left out: made-up-chip_tensorflow_float32/0002_x_00000002.json" in output
    assert "n=1, accuracy 0.9890; a verdict needs 3 seeds" in output


@pytest.mark.parametrize(
    ("values", "args", "complaint"),
    [
        ({"accuracy": 0.97}, ["--reason", "x"], "under its floor 0.98"),
        ({"epochs_option": 2}, ["--reason", "x"], "no stored record of a whole recipe is named 'x'"),
        ({}, ["--reason", " "], "--reason is empty"),
        ({}, ["--reason", "x", "--name", "y"], "no stored record of a whole recipe is named 'y'.*stored names: x"),
        ({}, ["--reason", "x", "--cell", "y"], "no stored record of a whole recipe"),
    ],
)
def test_accept_refuses_records_that_cannot_be_a_baseline(tmp_path, capsys, values, args, complaint):
    fake_training.stored(tmp_path, 1, "x", [{**fake_training.record(), **values}])
    assert 2 == accept(tmp_path, *args)
    assert complaint.split(".*")[-1] in capsys.readouterr().err
    assert not (tmp_path / fake_training.MACHINE / store.ACCEPTED).exists()


def test_the_machines_folder_names_device_backend_and_precision_but_no_version():
    import keras

    name, info = machine.folder("float32"), machine.info()
    assert name.endswith(f"_{keras.backend.backend()}_float32")
    assert name == name.lower()
    assert " " not in name
    for version in info["versions"].values():
        assert version not in name
    assert {"processor", "gpu", "system", "python", "backend", "versions", "tf32"} == info.keys()
    assert keras.__version__ == info["versions"]["keras"]
    assert info == records.plain(info)


def test_the_backends_name_is_read_without_importing_it(monkeypatch, tmp_path):
    monkeypatch.delitem(machine.sys.modules, "keras", raising=False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert "tensorflow" == machine.backend()
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    assert "jax" == machine.backend()
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert "torch" == machine.backend()


def test_where_there_may_be_a_gpu_a_child_process_describes_the_machine(monkeypatch):
    monkeypatch.setattr(machine, "accelerated", lambda: True)
    monkeypatch.setattr(machine.child, "answer", lambda *args: {"event": "machine", "folder": " ".join(args), "info": {"gpu": 1}})
    assert ("machine --precision float32", {"gpu": 1}) == machine.folder_and_info("float32")


@pytest.mark.parametrize(
    ("text", "instructions"),
    [
        ("flags\t\t: fpu sse2 avx2 avx512f avx512_bf16 amx_bf16 amx_tile", "amx"),
        ("flags\t\t: fpu sse2 avx2 avx512f avx512_bf16", "avx512bf16"),
        ("flags\t\t: fpu sse2 avx2 avx512f avx512vl", "avx512"),
        ("flags\t\t: fpu sse2 avx avx2", "avx2"),
        ("flags\t\t: fpu sse2 avx", None),
        ("Features\t: fp asimd sve i8mm bf16", "bf16"),
        ("Features\t: fp asimd sve", "sve"),
        ("Features\t: fp asimd", None),
        ("", None),
    ],
)
def test_the_folder_names_the_processors_strongest_instruction_set(monkeypatch, text, instructions):
    monkeypatch.setattr(
        machine.Path, "read_text", lambda path, **options: f"model name\t: Chip(R) CPU @ 2.10GHz\ncpu family\t: 6\nmodel\t\t: 7\n{text}\n"
    )
    processor = machine.processor.__wrapped__()
    assert instructions == processor["instructions"]
    monkeypatch.setattr(machine, "processor", lambda: processor)
    monkeypatch.setattr(machine, "gpu", lambda: None)
    chip = "-".join(filter(None, ("chip-6.7", f"{processor['cores']}cores", instructions)))
    assert chip == machine.folder("float32").partition("_")[0]


def test_the_processors_that_other_programs_keep_busy_are_measured(monkeypatch):
    before = machine.others()
    busy, own, elapsed, _ = before
    times = SimpleNamespace(user=own + 1, system=2, children_user=3, children_system=4, elapsed=elapsed + 10)
    monkeypatch.setattr(machine.os, "times", lambda: times)
    monkeypatch.setattr(machine.Path, "read_text", lambda path: f"cpu {round((busy + 14) * 100)} 0 0 5 5 0 0 100 0 0")
    assert 0.5 == machine.others(before)["others"]
