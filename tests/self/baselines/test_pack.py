"""Archives of records: what a tour packs is taken in elsewhere, once, and nothing that is not a record gets in."""

import io
import json
import os
import tarfile

import pytest

from baselines import pack, store
from baselines.__main__ import main
from tests.self.baselines import fake_training
from tests.self.baselines.test_roofline import measured

pytestmark = pytest.mark.self
MACHINE = fake_training.MACHINE
ROOFLINE = measured()
LENET, VGG = "lenet5-digits-digits_lenet", "vgg_like-digits-digits_vgg"


@pytest.fixture
def there(tmp_path):
    """The storage of the machine that measured, with two files and a roofline."""
    folder = tmp_path / "there"
    fake_training.stored(folder, 1, "tour", [record(LENET, "a"), record(VGG, "b")])
    fake_training.stored(folder, 2, "tour", [record(LENET, "c", seed=1)])
    (folder / MACHINE / "roofline").write_text(json.dumps(ROOFLINE))
    return folder


@pytest.fixture
def here(tmp_path):
    """The storage that the records are added to."""
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def record(cell, letter, **more):
    return fake_training.record(cell, **{"id": letter * 16, "machine": MACHINE, **more})


def packed(folder, target, root="tour-x"):
    """The archive of a storage's files."""
    files = {f"{root}/records/{path.relative_to(folder)}": path for path in sorted(folder.glob("*/*"))}
    return pack.pack({**files, f"{root}/log.txt": next(iter(files.values()))}, target)


def archive(path, *members):
    """A tar.gz with these members: (name or TarInfo, content)."""
    with tarfile.open(path, "w:gz") as opened:
        for name, content in members:
            member = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    return path


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def ids(folder):
    return sorted(each.record["id"][0] for each in store.records(folder))


def test_what_was_packed_is_added_under_new_numbers_and_nothing_is_overwritten(there, here, tmp_path, capsys):
    mine = fake_training.stored(here, 7, "nightly", [record(LENET, "d", seed=9)]).read_bytes()
    assert 0 == main(["add", str(packed(there, tmp_path / "t.tar.gz")), "--storage", str(here)])
    told = capsys.readouterr().out
    names = sorted(path.name for path in (here / MACHINE).glob("*.json"))
    assert ["0007_nightly_00000007.json", "0008_tour_00000001.json", "0009_tour_00000002.json"] == names
    assert mine == (here / MACHINE / names[0]).read_bytes()
    assert list("abcd") == ids(here)
    assert json.loads((here / MACHINE / "roofline").read_text()) == ROOFLINE
    for line in (
        f"added: {MACHINE}/0008_tour_00000001.json, 2 records",
        f"added: the roofline of {MACHINE}",
        "next: python -m baselines compare",
    ):
        assert line in told
    assert [] == list(here.rglob("*.part"))
    assert not (here / MACHINE / "accepted.toml").exists()


def test_a_record_that_is_here_already_is_left_out_by_its_id_and_the_roofline_stays(there, here, tmp_path, capsys):
    fake_training.stored(here, 1, "copied", [record(VGG, "b")])
    (here / MACHINE / "roofline").write_text(json.dumps({**ROOFLINE, "python": "mine"}))
    target = packed(there, tmp_path / "t.tar.gz")
    assert 0 == main(["add", str(target), "--storage", str(here)])
    told = capsys.readouterr().out
    assert list("abc") == ids(here)
    assert f"already stored, left out: record {'b' * 16} of 0001_tour_00000001.json, in {MACHINE}/0001_copied_00000001.json" in told
    assert f"kept: the roofline of {MACHINE}" in told
    assert "mine" == json.loads((here / MACHINE / "roofline").read_text())["python"]
    content = json.loads((here / MACHINE / "0002_tour_00000001.json").read_text())
    assert ["a" * 16] == [each["extra_info"]["record"] for each in content["benchmarks"]]
    before = contents(here)
    assert 0 == main(["add", str(target), "--storage", str(here)])
    assert "nothing new" in capsys.readouterr().out
    assert before == contents(here)


def test_an_archive_that_was_packed_again_with_other_names_of_its_folder_is_taken(there, here, tmp_path):
    files = [(f"./records/{name}", content) for name, content in contents(there).items()]
    pack.add(archive(tmp_path / "again.tar.gz", *files), here)
    assert list("abc") == ids(here)


def link(name, kind, target):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


BAD = {
    "a link": (
        (link(f"x/records/{MACHINE}/0009_tour_00000009.json", tarfile.SYMTYPE, "/etc/passwd"), b""),
        "is not a plain file, but a link",
    ),
    "a hard link": ((link("x/log.txt", tarfile.LNKTYPE, "../../secret"), b""), "is not a plain file, but a link"),
    "a device": ((link("x/null", tarfile.CHRTYPE, ""), b""), "is not a plain file, but a link or a device"),
    "an absolute name": (("/records/m/0009_tour_00000009.json", b"{}"), "leads out of the archive's own folder"),
    "a name that leads out": ((f"x/records/../../{MACHINE}/0009_tour_00000009.json", b"{}"), "leads out"),
    "a damaged file": ((f"x/records/{MACHINE}/0009_tour_00000009.json", b"{}"), "0009_tour_00000009.json: not a file of records"),
    "a damaged roofline": (("x/records/other/roofline", b"{}"), "other/roofline: not a measured roofline"),
    "the same name twice": ((f"x/records/{MACHINE}/0001_tour_00000001.json", b"{}"), "is in it twice"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_archive_with_anything_else_is_one_line_and_changes_nothing(there, here, tmp_path, capsys, case):
    member, message = BAD[case]
    files = [(f"x/records/{name}", content) for name, content in contents(there).items()]
    target = archive(tmp_path / "t.tar.gz", *files, member)
    assert 2 == main(["add", str(target), "--storage", str(here)])
    told = capsys.readouterr().err
    assert (1, True) == (told.count("\n"), told.startswith(f"baselines: {target}: ")), told
    assert message in told
    assert "nothing was added" in told
    assert {} == contents(here)


def test_a_record_of_another_machine_than_its_folder_is_refused(here, tmp_path, capsys):
    path = fake_training.stored(tmp_path / "there", 1, "tour", [record(LENET, "a")])
    target = archive(tmp_path / "t.tar.gz", (f"records/another-chip_jax_float32/{path.name}", path.read_bytes()))
    assert 2 == main(["add", str(target), "--storage", str(here)])
    assert f"has a record of the machine {MACHINE}" in capsys.readouterr().err
    assert {} == contents(here)


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_an_archive_that_was_cut_short_is_one_line_and_changes_nothing(there, here, tmp_path, capsys, share):
    target = packed(there, tmp_path / "t.tar.gz")
    target.write_bytes(target.read_bytes()[: int(share * target.stat().st_size)])
    assert 2 == main(["add", str(target), "--storage", str(here)])
    told = capsys.readouterr().err
    assert (1, True) == (told.count("\n"), "not a whole .tar.gz archive" in told), told
    assert {} == contents(here)


def test_an_archive_with_a_changed_byte_is_refused(there, here, tmp_path):
    target = packed(there, tmp_path / "t.tar.gz")
    whole = target.read_bytes()
    for index in range(20, len(whole), len(whole) // 20):
        target.write_bytes(whole[:index] + bytes([whole[index] ^ 16]) + whole[index + 1 :])
        with pytest.raises(store.StoreError, match="nothing was added"):
            pack.add(target, here)
        assert {} == contents(here)


def test_sizes_are_limited_before_anything_is_read(here, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pack, "LARGEST", 1000)
    assert 2 == main(["add", str(archive(tmp_path / "t.tar.gz", ("x/log.txt", bytes(1001)))), "--storage", str(here)])
    assert "x/log.txt' is beyond" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nothing.tar.gz", ""])
def test_a_missing_archive_or_one_without_records_is_one_line(here, tmp_path, capsys, name):
    target = tmp_path / name if name else archive(tmp_path / "t.tar.gz", ("x/log.txt", b"hello"))
    assert 2 == main(["add", str(target), "--storage", str(here)])
    assert capsys.readouterr().err.count("\n") == 1


def test_a_disk_that_fills_up_leaves_nothing_half_added(there, here, tmp_path, monkeypatch, capsys):
    before, calls = contents(here), []

    def fsync(handle):
        calls.append(handle)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")

    target = packed(there, tmp_path / "t.tar.gz")
    monkeypatch.setattr(os, "fsync", fsync)
    assert 2 == main(["add", str(target), "--storage", str(here)])
    assert "No space left on device" in capsys.readouterr().err
    assert before == contents(here)


def test_an_archive_never_takes_the_place_of_another(there, tmp_path):
    names = [packed(there, tmp_path / "t.tar.gz").name for _ in range(3)]
    assert ["t.tar.gz", "t-2.tar.gz", "t-3.tar.gz"] == names
    assert [] == list(tmp_path.glob(".*.part"))
