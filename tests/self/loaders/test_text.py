"""Lists that other systems' editors wrote: with a byte-order mark, with carriage returns, with names in an old encoding."""

import os

import numpy as np
import pytest

import loaders
from baselines import accepted, machine, store
from baselines.cells import cells
from tests.self.baselines import fake_training
from tests.self.loaders import data_writers
from zoo import project

pytestmark = [pytest.mark.self, pytest.mark.usefixtures("bare_home", "three_classes")]
BOM = b"\xef\xbb\xbf"


def load(root, name="mnist"):
    return loaders.load(name, root, download=False)


def test_lists_of_classes_may_be_written_on_windows(tmp_path):
    members = data_writers.tiny_members(*data_writers.small("tiny_imagenet"))
    seen = []
    for folder, change in ("unix", bytes), ("windows", lambda text: BOM + text.replace(b"\n", b"\r\n")):
        changed = {name: change(content) if name.endswith(".txt") else content for name, content in members.items()}
        (tmp_path / folder / "tiny_imagenet").mkdir(parents=True)
        packed = data_writers.zipped({f"tiny-imagenet-200/{name}": content for name, content in changed.items()})
        (tmp_path / folder / f"{data_writers.TINY}.zip").write_bytes(packed)
        seen.append(load(data_writers.vouch(tmp_path / folder), "tiny_imagenet"))
    assert (seen[0].fingerprint, seen[0].classes) == (seen[1].fingerprint, seen[1].classes)


def test_sha256sums_may_be_written_on_windows_and_list_other_names(root):
    path = root / "SHA256SUMS"
    expected = load(root).fingerprint
    path.write_bytes(BOM + path.read_bytes().replace(b"\n", b"\r\n") + b"0" * 64 + b"  caf\xe9.zip\n")
    assert expected == load(root).fingerprint


def test_names_of_classes_begin_with_no_mark(tmp_path):
    names = (BOM + b"cat\ncow").decode().splitlines()
    images, labels = np.zeros((2, 3, 3), "uint8"), np.arange(2)
    np.savez(tmp_path / "x.npz", x_train=images, y_train=labels, x_test=images, y_test=labels, classes=names)
    assert ("cat", "cow") == loaders.load(loaders.own.at(tmp_path / "x.npz")).classes


def test_tables_and_records_may_begin_with_a_mark(tmp_path, monkeypatch):
    rows = '[cells]\nrows = [{ model = "lenet5", dataset = "digits", recipe = "gate" }]\n'
    (tmp_path / "ours.toml").write_bytes(BOM + rows.encode())
    monkeypatch.setenv(project.VARIABLE, str(tmp_path))
    assert "lenet5-digits-gate" in cells()
    path = fake_training.stored(tmp_path / "records", 1, "x", [fake_training.record()])
    fake_training.accept(tmp_path / "records")
    for each in path, path.parent / accepted.NAME:
        each.write_bytes(BOM + each.read_bytes())
    assert [True] == [each.accepted for each in store.records(tmp_path / "records")]


@pytest.mark.parametrize(("mark", "expected"), [(b"", "jax"), (BOM, "tensorflow")])
def test_keras_json_is_read_as_keras_reads_it(bare_home, monkeypatch, mark, expected):
    """Keras ignores a keras.json that begins with a byte-order mark."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delitem(machine.sys.modules, "keras", raising=False)
    (bare_home / "keras").mkdir()
    (bare_home / "keras" / "keras.json").write_bytes(mark + b'{"backend": "jax"}')
    assert expected == machine.backend()


def test_a_data_directory_and_a_folder_of_images_may_have_names_that_are_not_utf_8(tmp_path, root):
    if os.fsencode("\udcff") != b"\xff":
        pytest.skip("this system's names are text")
    other = root.rename(tmp_path / "d\udcff")
    assert "sample" == load(other).kind
    np.savez(tmp_path / "x.npz", **{f"x_{part}": np.zeros((1, 2, 2), "uint8") for part in ("train", "test")}, y_train=[0], y_test=[0])
    (tmp_path / "x.npz").rename(other / "\udcfe.npz")
    for _ in range(2):
        assert ["\udcfe.npz"] == list(loaders.load(loaders.own.at(other / "\udcfe.npz")).files)
