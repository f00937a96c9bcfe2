"""Stored records: files are whole at every moment and strict JSON, and an accepted record cannot change unnoticed."""

import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from baselines import accepted, files, machine, store
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
    return made.stored.name


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
    monkeypatch.setattr(files.os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
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


def test_records_are_ordered_by_their_files_numbers_whatever_the_clock_said_and_accepted_ones_are_marked(tmp_path):
    fake_training.stored(tmp_path, 1, "later", [fake_training.record(seed=2)], when="2031-02-02")
    fake_training.stored(tmp_path, 2, "first", [fake_training.record(seed=1), fake_training.record("vgg_like-digits-digits_vgg")])
    fake_training.accept(tmp_path, [each for each in store.records(tmp_path) if each.name == "later"])
    assert [("later", 2, True), ("first", 1, False), ("first", 0, False)] == [
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
    fake_training.accept(tmp_path)
    text = path.read_text()
    assert damage(text) != text
    path.write_text(damage(text))
    with pytest.raises(files.StoreError, match=rf"{path.name}: .*{complaint}.* git"):
        store.records(tmp_path)


def test_one_file_holds_several_records_of_a_cell_and_each_is_accepted_for_itself(tmp_path):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record(seed=seed) for seed in (1, 2)])
    fake_training.accept(tmp_path, store.records(tmp_path)[:1])
    assert [(1, True), (2, False)] == [(each.record["seed"], each.accepted) for each in store.records(tmp_path)]
    fake_training.accept(tmp_path, store.records(tmp_path)[1:])
    assert [True, True] == [each.accepted for each in store.records(tmp_path)]


def test_an_accepted_record_that_is_missing_is_refused_by_name(tmp_path):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    fake_training.accept(tmp_path)
    (tmp_path / fake_training.MACHINE / "0001_x_00000001.json").unlink()
    with pytest.raises(files.StoreError, match=r"0001_x_00000001\.json no longer has a record of lenet5-mnist-gate"):
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
    (tmp_path / fake_training.MACHINE / accepted.NAME).write_text(text)
    with pytest.raises(files.StoreError, match=rf"accepted\.toml: not a list of accepted records \(.*{complaint}"):
        store.records(tmp_path)


def test_a_copied_file_or_folder_is_named_and_counts_once(tmp_path):
    path = fake_training.stored(tmp_path, 1, "x", [fake_training.record(), fake_training.record(seed=1)])
    text = path.read_text()
    (path.parent / "0002_x_00000002.json").write_text(text)
    (tmp_path / "a-copied-folder").mkdir()
    (tmp_path / "a-copied-folder" / path.name).write_text(text)
    problems = []
    assert [(fake_training.MACHINE, path.name)] * 2 == [(each.machine, each.file) for each in store.records(tmp_path, problems)]
    assert 4 == len([line for line in problems if "is a copy of one in" in line])
    fake_training.accept(tmp_path)
    assert 2 == sum(each.accepted for each in store.records(tmp_path))


def test_an_accepted_copy_is_the_one_that_counts(tmp_path):
    path = fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    copy = path.with_name("0002_y_00000002.json")
    copy.write_text(path.read_text())
    accepted.write(path.parent, "lenet5-mnist-gate", [store._read(copy)[0]], "the copy")
    assert [("0002_y_00000002.json", True)] == [(each.file, each.accepted) for each in store.records(tmp_path)]


def test_one_training_in_several_entries_of_a_file_is_one_record(tmp_path):
    path = fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "records": content["records"] * 3}))
    assert 1 == len(store.records(tmp_path, []))


def test_a_date_ahead_of_the_clock_is_named_and_does_not_hide_what_was_stored_later(tmp_path):
    fake_training.stored(tmp_path, 1, "ahead", [fake_training.record()], when="2999-01-01")
    fake_training.stored(tmp_path, 2, "later", [fake_training.record()])
    fake_training.stored(tmp_path, 1, "other", [fake_training.record()], machine="another", when="2026-02-01")
    problems = []
    assert ["ahead", "later", "other"] == [each.name for each in store.records(tmp_path, problems)]
    assert "0001_ahead_00000001.json: dated 2999-01-01" in "".join(problems)


def test_a_number_that_was_edited_after_it_was_stored_is_noticed_before_anything_is_accepted(tmp_path):
    path = fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    content = json.loads(path.read_text())
    digest = store.digest(content["machine_info"], content["commit_info"], content["records"][0])
    path.write_text(json.dumps({**content, "digests": {content["records"][0]["id"]: digest}}))
    assert 1 == len(store.records(tmp_path))
    path.write_text(path.read_text().replace("0.989", "0.999"))
    with pytest.raises(files.StoreError, match="its record of lenet5-mnist-gate was edited after it was stored"):
        store.records(tmp_path)


def test_foreign_half_written_and_newer_files_are_named_and_left_alone_and_the_rest_is_read(tmp_path):
    path = fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    (path.parent / "notes.json").write_text("{}")
    (path.parent / "0002_x_00000002.json").write_text(path.read_text()[:99])
    (path.parent / "0003_x_00000003.json").write_text(path.read_text().replace('"version": 2', '"version": 99'))
    problems = []
    assert [path.name] == [each.file for each in store.records(tmp_path, problems)]
    assert ["notes.json", "0002_x_00000002.json", "0003_x_00000003.json"] == [
        name for name in ("notes.json", "0002_x_00000002.json", "0003_x_00000003.json") if any(name in line for line in problems)
    ]
    assert "update the suite to read a newer one" in "".join(problems)
    assert 4 == len(list(path.parent.iterdir()))


def test_a_reserved_number_of_a_killed_session_is_passed_over(tmp_path):
    (tmp_path / ".0001.taken").touch()
    assert "0002_x_00000000.json" == files.numbered(tmp_path, "x", "00000000").name


def test_two_processes_never_change_one_file_at_the_same_time(tmp_path, monkeypatch):
    path = tmp_path / "accepted.toml"
    monkeypatch.setattr(files, "PATIENCE", 0)
    with files.alone(path), pytest.raises(files.StoreError, match="another process is writing it"), files.alone(path):
        pass
    with files.alone(path):
        pass


def test_twenty_cells_take_at_most_a_hundred_kibibytes_and_lists_of_numbers_one_line(tmp_path):
    epochs = [1.2345678901234567] * 10
    history = dict.fromkeys(("learning_rate", "loss", "accuracy", "test_loss", "test_accuracy"), epochs)
    made = fake_training.record(history=history, seconds=tuple(epochs), eval_seconds=epochs, host_seconds=epochs)
    text = files.dense({"records": [made] * 20})
    assert (True, {"records": [made] * 20}) == (len(text) < 100 * 1024, json.loads(text))
    assert files.dense({"a": [1, 2], "b": ["x, [y", "z"], "c": []}).splitlines()[1] == ' "a": [1, 2],'
    assert {"b": ["x, [y", "z"]} == json.loads(files.dense({"b": ["x, [y", "z"]}))


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


def test_what_is_stored_of_the_machine_names_the_backend_of_now(monkeypatch):
    computing = machine.backend()
    with monkeypatch.context() as patch:
        patch.setattr(machine, "backend", lambda: "another")
        assert "another" == machine.info()["backend"]
    assert computing == machine.info()["backend"]


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
