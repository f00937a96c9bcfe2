"""An archive that people packed again, on any system, is the same data."""

import io
import tarfile

import pytest

import loaders
from tests.self.loaders import data_writers

pytestmark = [pytest.mark.self, pytest.mark.usefixtures("bare_home", "three_classes")]
TOP = "tiny-imagenet-200/"
RENAMED = {  # each member's name -> its name in the archive that was packed again
    "with ./": "./{}".format,
    "with a leading folder": "data/{}".format,
    "with both": "./data/{}".format,
    "with doubled slashes": lambda name: name.replace("/", "//"),
    "from within its folder": lambda name: name.partition("/")[2],
    "from within its folder, with ./": lambda name: f"./{name.partition('/')[2]}",
    "from a folder of another name": lambda name: f"copy of it/{name.partition('/')[2]}",
    "on Windows": lambda name: name.replace("/", "\\"),
}


def beside(name, extra):
    """The name of another file in the folder of a member."""
    return name.rpartition("/")[0] + "/" + extra.format(name.rpartition("/")[2])


EXTRA = {
    "by macOS": ("{}", "._{}"),
    "by macOS's Finder": ("__MACOSX/{}", "._{}"),
    "by a viewer": ("{}", ".DS_Store"),
    "by Windows": ("{}", "Thumbs.db"),
}


def load(root, name):
    return loaders.load(name, data_writers.vouch(root), download=False)


@pytest.fixture
def cifar(tmp_path):
    """(The data set as published, a function that reads it from an archive of other members.)"""
    members = data_writers.cifar_members(*data_writers.small("cifar10"))
    path = tmp_path / "cifar10" / "cifar-10-binary.tar.gz"
    path.parent.mkdir()

    def read(members):
        path.write_bytes(data_writers.tar(members.items()))
        return load(tmp_path, "cifar10")

    return members, read


@pytest.fixture
def tiny(tmp_path):
    """The same of Tiny ImageNet."""
    members = {TOP + name: content for name, content in data_writers.tiny_members(*data_writers.small("tiny_imagenet")).items()}
    path = tmp_path / f"{data_writers.TINY}.zip"
    path.parent.mkdir()

    def read(members):
        path.write_bytes(data_writers.zipped(members))
        return load(tmp_path, "tiny_imagenet")

    return members, read


@pytest.mark.parametrize("packed", ["cifar", "tiny"])
@pytest.mark.parametrize("how", RENAMED)
def test_an_archive_that_was_packed_again_is_the_same_data(request, packed, how):
    members, read = request.getfixturevalue(packed)
    again = read({RENAMED[how](name): content for name, content in members.items()})
    assert read(members)[4:6] == again[4:6]


def test_an_archive_with_two_lists_of_classes_is_refused(tiny):
    members, read = tiny
    with pytest.raises(loaders.DataError, match="wnids.txt is in it 2 times, in 'old/', 'tiny-imagenet-200/'; delete it and run"):
        read({**members, "old/wnids.txt": b""})


@pytest.mark.parametrize("packed", ["cifar", "tiny"])
@pytest.mark.parametrize("system", EXTRA)
def test_files_that_systems_add_are_not_data(request, packed, system):
    members, read = request.getfixturevalue(packed)
    folder, name = EXTRA[system]
    added = {folder.format(beside(member, name)): b"of the system" for member in members}
    assert read(members)[4:6] == read({**added, **members})[4:6]


def test_files_that_systems_add_to_an_unpacked_folder_are_not_data(tmp_path):
    data_writers.written(tmp_path, "tiny_imagenet", writer=data_writers.write_tiny_tree)
    before = load(tmp_path, "tiny_imagenet")
    for folder in "val/images", "train/n00000007/images":
        (tmp_path / data_writers.TINY / folder / ".DS_Store").write_bytes(b"of the system")
    assert before[4:6] == load(tmp_path, "tiny_imagenet")[4:6]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_archive_of_any_form_with_its_folders_is_the_same_data(cifar, tmp_path, form):
    members, read = cifar
    expected, out = read(members), io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=form) as archive:
        for name in ".", "./cifar-10-batches-bin":
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE
            archive.addfile(info)
        for name, content in members.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size, info.mtime = len(content), 1.5
            archive.addfile(info, io.BytesIO(content))
    (tmp_path / "cifar10" / "cifar-10-binary.tar.gz").write_bytes(out.getvalue() + bytes(512))  # as bsdtar pads it
    assert expected[4:6] == load(tmp_path, "cifar10")[4:6]
