"""Stored runs: whole at every moment, strict JSON, and what was accepted is what is judged by."""

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
    """What of pytest-benchmark's FileStorage the journal uses."""
    folder.mkdir(exist_ok=True)
    made = SimpleNamespace(get=lambda name: folder / name)
    store.journal(made)
    return made


def save_once(folder):
    made = storage(folder)
    made.save({"records": [1]}, "x")
    return made.stored[0].name


def test_a_session_rewrites_its_own_file_and_takes_the_next_number(tmp_path):
    first, second = storage(tmp_path), storage(tmp_path)
    for made, content in (first, 1), (second, 2), (first, 3):
        made.save({"records": [content]}, "x")
    files = sorted(tmp_path.iterdir())
    assert ["0001", "0002"] == [path.name[:4] for path in files]
    assert [{"records": [3]}, {"records": [2]}] == [json.loads(path.read_text()) for path in files]


def test_sessions_at_once_never_take_the_same_number(tmp_path):
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


def test_runs_are_read_back_oldest_first_with_what_is_accepted(tmp_path):
    fake_training.stored(tmp_path, 1, "later", [fake_training.record(seed=2)], when="2026-02-02")
    fake_training.stored(tmp_path, 2, "first", [fake_training.record(seed=1), fake_training.record("vgg_like-digits-digits_vgg")])
    store.accept(tmp_path, [each for each in store.records(tmp_path) if each.name == "later"], "why not")
    assert [("first", 1, False), ("first", 0, False), ("later", 2, True)] == [
        (each.name, each.record["seed"], each.accepted) for each in store.records(tmp_path)
    ]


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda text: text[:200], "holds no stored records"),
        (lambda text: "", "holds no stored records"),
        (lambda text: "[]", "holds no stored records"),
        (lambda text: text.replace('"machine_info"', '"machine"'), "holds no stored records .*machine_info"),
        (lambda text: text.replace("0.989", "0.999"), "is not the one that was accepted"),
        (lambda text: text.replace('"keras": "3"', '"keras": "4"'), "is not the one that was accepted"),
        (lambda text: text.replace("c0ffee", "decaf"), "is not the one that was accepted"),
        (lambda text: text.replace('"accuracy": 0.989', '"accuracy": "0.989"'), "holds no stored records .*accuracy is '0.989', not float"),
        (lambda text: text.replace('"accuracy": 0.989', '"accuracy": 989'), "holds no stored records .*accuracy is 989"),
        (lambda text: text.replace('"train_seconds": [2.0', '"train_seconds": [-2.0'), "holds no stored records .*train_seconds"),
        (lambda text: text.replace('"epochs_option"', '"epochs"'), "holds no stored records .*epochs_option is missing"),
        (lambda text: text.replace('"others": 0.0', '"others": "0"'), "holds no stored records .*load.others"),
        (lambda text: text.replace('"cell": "lenet5-mnist-gate"', '"cell": []'), "holds no stored records .*cell is"),
        (lambda text: "[" * 100_000, "holds no stored records"),
    ],
    ids=[
        *("cut", "empty", "no table", "key missing", "accuracy edited", "version edited", "commit edited", "text for a number"),
        *("no share", "negative time", "sample's key missing", "load as text", "cell as list", "deep"),
    ],
)
def test_a_damaged_or_edited_run_is_refused_by_name(tmp_path, damage, complaint):
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


def test_an_accepted_run_that_is_gone_is_named(tmp_path):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    store.accept(tmp_path, store.records(tmp_path), "good")
    (tmp_path / fake_training.MACHINE / "0001_x_00000001.json").unlink()
    with pytest.raises(store.StoreError, match=r"0001_x_00000001\.json has no record of lenet5-mnist-gate"):
        store.records(tmp_path)


@pytest.mark.parametrize("text", ["[lenet5", "[lenet5-mnist-gate]\nsince = 'x'\n", "x = 1", "[a]\nsince = ''\nreason = ''\nrecords = 'z'"])
def test_a_damaged_list_of_accepted_runs_is_refused_by_name(tmp_path, text):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    (tmp_path / fake_training.MACHINE / store.ACCEPTED).write_text(text)
    with pytest.raises(store.StoreError, match=r"accepted\.toml: not a list of accepted records"):
        store.records(tmp_path)


def accept(folder, *words):
    return command.main(["accept", f"--storage={folder}", *words])


def test_accepting_takes_the_newest_name_and_writes_since_why_and_which(tmp_path, capsys):
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


def test_any_reason_is_written_so_that_it_can_be_read(tmp_path):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    for reason in ('"""', "a\x7fb", "a\nb\t\\u0041", "\udcff", "😀 ö"):
        assert 0 == accept(tmp_path, "--reason", reason)
        entry = tomllib.loads((tmp_path / fake_training.MACHINE / store.ACCEPTED).read_text())["lenet5-mnist-gate"]
        assert reason.replace("\udcff", "?") == entry["reason"]


def test_runs_with_another_number_of_epochs_are_left_out_and_few_seeds_are_said(tmp_path, capsys):
    for number, option in (1, None), (2, 2), (3, None):
        fake_training.stored(tmp_path, number, "x", [fake_training.record(epochs_option=option)])
    assert 0 == accept(tmp_path, "--reason", "x")
    said = capsys.readouterr().out
    assert "left out: made-up-chip_tensorflow_float32/0002_x_00000002.json" in said
    assert "n=1, accuracy 0.9890; a verdict needs 3 seeds" in said


@pytest.mark.parametrize(
    ("sample", "words", "complaint"),
    [
        ({"accuracy": 0.97}, ["--reason", "x"], "under its floor 0.98"),
        ({"epochs_option": 2}, ["--reason", "x"], "no stored record of a whole recipe is named 'x'"),
        ({}, ["--reason", " "], "--reason is empty"),
        ({}, ["--reason", "x", "--name", "y"], "no stored record of a whole recipe is named 'y'.*the names: x"),
        ({}, ["--reason", "x", "--cell", "y"], "no stored record of a whole recipe"),
    ],
)
def test_what_must_not_be_a_baseline_is_refused(tmp_path, capsys, sample, words, complaint):
    fake_training.stored(tmp_path, 1, "x", [{**fake_training.record(), **sample}])
    assert 2 == accept(tmp_path, *words)
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


def test_the_backend_is_known_without_an_import_of_it(monkeypatch, tmp_path):
    monkeypatch.delitem(machine.sys.modules, "keras", raising=False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert "tensorflow" == machine.backend()
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    assert "jax" == machine.backend()
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert "torch" == machine.backend()


def test_where_there_may_be_a_gpu_a_process_of_its_own_is_asked(monkeypatch):
    monkeypatch.setattr(machine, "accelerated", lambda: True)
    monkeypatch.setattr(machine.child, "answer", lambda *args: {"event": "machine", "folder": " ".join(args), "info": {"gpu": 1}})
    assert ("machine --precision float32", {"gpu": 1}) == machine.asked("float32")


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
def test_a_processor_is_told_apart_by_its_strongest_instructions(monkeypatch, text, instructions):
    monkeypatch.setattr(
        machine.Path, "read_text", lambda path, **options: f"model name\t: Chip(R) CPU @ 2.10GHz\ncpu family\t: 6\nmodel\t\t: 7\n{text}\n"
    )
    processor = machine.processor.__wrapped__()
    assert instructions == processor["instructions"]
    monkeypatch.setattr(machine, "processor", lambda: processor)
    monkeypatch.setattr(machine, "gpu", lambda: None)
    chip = "-".join(filter(None, ("chip-6.7", f"{processor['cores']}cores", instructions)))
    assert chip == machine.folder("float32").partition("_")[0]


def test_what_other_programs_do_is_seen(monkeypatch):
    before = machine.others()
    busy, own, elapsed = before
    times = SimpleNamespace(user=own + 1, system=2, children_user=3, children_system=4, elapsed=elapsed + 10)
    monkeypatch.setattr(machine.os, "times", lambda: times)
    monkeypatch.setattr(machine.Path, "read_text", lambda path: f"cpu {round((busy + 14) * 100)} 0 0 5 5 0 0 100 0 0")
    assert 0.5 == machine.others(before)["others"]
