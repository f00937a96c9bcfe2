"""A user's own folders of images: which images are read, and how they are split; faults are refused with the file's name."""

import hashlib
import io
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import loaders
from loaders import cache, image_folder
from loaders.__main__ import main

pytestmark = [pytest.mark.self, pytest.mark.usefixtures("bare_home")]


def png(level):
    out = io.BytesIO()
    Image.new("L", (4, 3), level).save(out, "PNG")
    return out.getvalue()


def fill(folder, names):
    """Write PNG files of 3x4 pixels; the grey of each is its index in names."""
    for level, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(level))
    return folder


def load(folder, classes=2, **more):
    return loaders.load(loaders.Own("image_folder", str(folder), (3, 4, 1), classes, **more), download=False)


def refused(match, folder, *args, **more):
    with pytest.raises(loaders.DataError, match=match) as caught:
        load(folder, *args, **more)
    assert "\n" not in str(caught.value)
    return caught.value


def levels(images):
    """The grey of each image."""
    return images[:, 0, 0, 0].tolist()


@pytest.fixture
def halves(tmp_path):
    """A folder with train and test, and equal file names in both classes."""
    return fill(tmp_path / "pets", ["train/dog/a.png", "train/cat/b.PNG", "train/cat/a.png", "test/cat/a.png", "test/dog/a.png"])


@pytest.fixture
def whole(tmp_path):
    """A folder with ten images of each of two classes."""
    return fill(tmp_path / "pets", [f"{name}/{i}.png" for name in ("dog", "cat") for i in range(10)])


def test_classes_are_the_sorted_folders_and_images_are_sorted_in_them(halves):
    data = load(halves)
    assert (("cat", "dog"), "canonical") == (data.classes, data.kind)
    assert ([2, 1, 0], [0, 0, 1], [3, 4], [0, 1]) == (
        levels(data.x_train),
        data.y_train.tolist(),
        levels(data.x_test),
        data.y_test.tolist(),
    )
    assert ("uint8", "int32", (3, 3, 4, 1)) == (data.x_train.dtype, data.y_train.dtype, data.x_train.shape)
    assert loaders.fingerprint(data[:4]) == data.fingerprint


def test_hidden_files_and_other_files_are_ignored(halves):
    expected = load(halves)
    for name in (
        "train/cat/.DS_Store",
        "train/cat/._a.png",
        "train/cat/notes.txt",
        "test/Icon\r",
        "train/.git/x.png",
        "val/cat/a.png",
        "README.md",
    ):
        (halves / name).parent.mkdir(parents=True, exist_ok=True)
        (halves / name).write_bytes(b"no image")
    assert expected[4:] == load(halves)[4:]


def test_the_checksum_is_that_of_the_sorted_list_of_checksums(halves):
    command = "find * -type f -exec sha256sum {} + | LC_ALL=C sort | sha256sum"
    printed = subprocess.run(command, shell=True, check=True, capture_output=True, text=True, cwd=halves).stdout
    assert {"pets": f"sha256:{printed.split()[0]}"} == load(halves).files


def test_a_split_depends_on_the_names_alone(whole):
    data = load(whole, test=0.3)
    assert (14, 6, [3, 3]) == (len(data.x_train), len(data.x_test), np.bincount(data.y_test).tolist())
    assert list(range(20)) == sorted(levels(data.x_train) + levels(data.x_test))
    assert [0, 6, 8, 0, 6, 8] == [level % 10 for level in levels(data.x_test)]  # on every machine: those with the smallest sha256
    assert {0, 6, 8} == set(sorted(range(10), key=lambda i: hashlib.sha256(f"{i}.png".encode()).digest())[:3])


def test_a_new_image_in_one_class_moves_none_in_another(whole):
    before = load(whole, test=0.3)
    for i in range(10, 17):
        (whole / "cat" / f"{i}.png").write_bytes(png(100 + i))
    after = load(whole, test=0.3)
    for one, other, labels, more in (
        (before.x_train, after.x_train, before.y_train, after.y_train),
        (before.x_test, after.x_test, before.y_test, after.y_test),
    ):
        assert (one[labels == 1] == other[more == 1]).all()
    assert [5, 3] == np.bincount(after.y_test).tolist()


@pytest.mark.parametrize(("share", "tests"), [(0.01, 1), (0.99, 9)])
def test_each_class_has_a_training_and_a_test_image(whole, share, tests):
    assert [tests, tests] == np.bincount(load(whole, test=share).y_test).tolist()


def test_names_of_any_language_are_the_same_from_every_system(tmp_path):
    names = ["café", "犬"]
    composed = fill(tmp_path / "a" / "pets", [f"{name}/{name} {i}.png" for name in names for i in range(5)])
    forms = [unicodedata.normalize("NFD", name) for name in names]
    decomposed = fill(tmp_path / "b" / "pets", [f"{name}/{name} {i}.png" for name in forms for i in range(5)])
    data = load(composed, test=0.4)
    assert tuple(names) == data.classes
    assert data[4:] == load(decomposed, test=0.4)[4:]
    fill(composed, [f"{forms[0]}/x.png"])
    refused("'cafe\u0301' has the same name as another; rename it|'café' has the same name", composed, test=0.4)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda pets: (pets / "test").rename(pets / "val"), r"pets has no folder 'test'; put the images into train/<class> and test/<class> or, .* test = 0.2"),
        (lambda pets: fill(pets, ["train/cow/a.png"]), "pets: the class 'cow' is in only one of train and test; both need the same classes"),
        (lambda pets: (pets / "test" / "dog" / "a.png").unlink(), r"test/dog has no images \(.jpg .*\); add some, or delete the folder"),
        (lambda pets: fill(pets, ["train/a.png"]), "train/a.png is in no class's folder; move it into one, or away"),
        (lambda pets: fill(pets, ["train/cat/more/a.png"]), "train/cat/more is a folder, not an image; move its images into the class's folder"),
        (lambda pets: (pets / "train/cat/c.png").symlink_to("nowhere"), "train/cat/c.png is neither a file nor a link to one; delete it"),
        (lambda pets: os.mkfifo(pets / "train/cat/c.png"), "train/cat/c.png is neither a file nor a link to one; delete it"),
        (lambda pets: fill(pets, ["train/cat/\n.png"]), r"cat: '\\n.png' has a name that is not text; rename it"),
        (lambda pets: fill(pets, ["train/cat/\udcff.png"]), r"cat: '\\udcff.png' has a name that is not text; rename it"),
        (lambda pets: fill(pets, ["train/cow/a.png", "test/cow/a.png"]), r"pets: has 3 classes \(cat, cow, dog\), its table says classes = 2"),
        (lambda pets: (pets / "train/cat/c.png").write_bytes(png(1)[:-30]), r"cat/c.png: cannot be read \(.*\); save it again as 8-bit PNG or JPEG"),
        (lambda pets: (pets / "train/cat/c.jpg").write_text("no image"), r"cat/c.jpg: cannot be read \(it is damaged, or of a format that Pillow cannot read\)"),
        (lambda pets: (pets / "train/cat/c.HEIC").write_text("no image"), r"cat/c.HEIC: cannot be read \(it is damaged, or of a format"),
    ],
)  # fmt: skip
def test_a_wrong_folder_is_refused_with_its_name_and_the_next_step(halves, spoil, complaint):
    spoil(halves)
    assert not isinstance(refused(complaint, halves), loaders.DataMissing)


def test_a_folder_that_cannot_be_split_is_refused(halves, tmp_path):
    refused("is a folder, not an image; .* has folders train and test, leave out test = SHARE", halves, test=0.2)
    fill(tmp_path / "one", ["cat/a.png", "dog/a.png", "dog/b.png"])
    refused("one/cat has 1 image, and a split needs at least 2; add another", tmp_path / "one", test=0.2)
    (tmp_path / "none").mkdir()
    refused("none has no folders; put the images of each class into a folder of its name", tmp_path / "none", test=0.2)


def test_an_absent_folder_is_missing_data_and_a_file_there_is_an_error(tmp_path):
    assert isinstance(
        refused("pets is not there; put the images there, or correct the data set's path in its table", tmp_path / "pets"),
        loaders.DataMissing,
    )
    (tmp_path / "pets").write_text("")
    assert not isinstance(refused("pets is not a folder of images", tmp_path / "pets"), loaders.DataMissing)


def test_the_first_unreadable_image_is_named_in_spite_of_threads(whole, monkeypatch):
    monkeypatch.setattr(image_folder, "BLOCK", 1)
    for name in "dog/9.png", "dog/0.png", "cat/9.png":
        (whole / name).write_bytes(b"")
    for _ in range(5):
        refused("cat/9.png: cannot be read", whole, test=0.2)


def test_images_are_decoded_again_only_if_a_file_or_the_entry_changes(halves, monkeypatch):
    decoded, fill_in = [], image_folder._fill
    monkeypatch.setattr(image_folder, "_fill", lambda image, *args: decoded.append(image.name) or fill_in(image, *args))
    first = load(halves)
    assert (5, first[4:]) == (len(decoded), load(halves)[4:])
    (halves / "train" / "cat" / "c.png").write_bytes(png(9))
    assert (first.files, 4) != (load(halves).files, len(load(halves).x_train))
    assert 11 == len(decoded)
    loaders.load(loaders.Own("image_folder", str(halves), (6, 8, 1), 2, resize="nearest"))
    assert 17 == len(decoded)
    load(halves)
    assert 17 == len(decoded)


def test_a_file_that_changes_while_it_is_read_is_refused_and_not_cached(halves, monkeypatch):
    fill_in = image_folder._fill

    def change(image, *args):
        os.utime(image.path, (1, 1))
        return fill_in(image, *args)

    monkeypatch.setattr(image_folder, "_fill", change)
    refused("pets: one of its files changed while it was read; try again", halves)
    own = loaders.Own("image_folder", str(halves), (3, 4, 1), 2)
    assert not cache.path(own.loader, repr(own)).exists()


def test_an_own_entry_has_its_loaders_module_and_is_hashable(halves):
    own = loaders.Own("image_folder", str(halves), (3, 4, 1), 2)
    assert image_folder is loaders.module(own)
    assert (1, str(halves)) == (len({own, own._replace()}), str(own))


def test_several_threads_keep_the_order_of_images(tmp_path):
    count = 3 * image_folder.BLOCK + 5
    data = load(fill(tmp_path / "pets", [f"cat/{i:03}.png" for i in range(count)]), 1, test=0.5)
    names = [f"{i:03}.png" for i in range(count)]
    tests = sorted(sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[: round(count / 2)])
    assert [names.index(name) for name in tests] == levels(data.x_test)


def test_show_draws_a_users_own_folder(halves, tmp_path, capsys):
    assert 0 == main(["show", str(halves), str(tmp_path / "grid.png")])
    grid = np.asarray(Image.open(tmp_path / "grid.png"))
    left = grid.shape[1] - 10 * 66
    assert (2 * 66, [2, 1, 0]) == (len(grid), [int(grid[top + 9, left + across].max()) for top, across in ((0, 9), (0, 75), (66, 9))])
    assert f"grid.png: {grid.shape[1]}x132" in capsys.readouterr().out


def test_reading_images_needs_no_backend(halves):
    code = f"import sys, loaders; loaders.load(loaders.Own('image_folder', {str(halves)!r}, (3, 4, 1), 2)); print({{'keras', 'scipy', 'sklearn'}} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(loaders.__file__).parents[1], capture_output=True, text=True, check=True)
    assert "set()" == done.stdout.strip()
