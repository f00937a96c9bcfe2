"""A user's own arrays in an .npz file: read unchanged, or refused with the names of file and member."""

import pickle

import numpy as np
import pytest

import loaders
from loaders import arrays, files
from loaders.__main__ import main

pytestmark = [pytest.mark.self, pytest.mark.usefixtures("bare_home")]
RANDOM = np.random.RandomState(0)
GOOD = {
    "x_train": RANDOM.randint(0, 256, (6, 5, 4)).astype("uint8"),
    "y_train": np.array([0, 1, 2, 0, 1, 2]),
    "x_test": RANDOM.randint(0, 256, (3, 5, 4)).astype("uint8"),
    "y_test": np.array([2, 1, 0]),
}


@pytest.fixture
def load(tmp_path):
    """A function that writes an .npz file of ``GOOD`` and other members, without those that are None, and loads it."""

    def load_back(shape=(5, 4, 1), save=np.savez, **members):
        save(tmp_path / "mine.npz", **{name: array for name, array in {**GOOD, **members}.items() if array is not None})
        return loaders.load(loaders.Own("arrays", str(tmp_path / "mine.npz"), shape, 3))

    return load_back


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_read_with_a_channel_and_the_checksum_of_their_file(load, save, tmp_path):
    data = load(save=save)
    for name, array in GOOD.items():
        found = getattr(data, name)
        assert (array == (found[..., 0] if name[0] == "x" else found)).all()
        assert ("uint8" if name[0] == "x" else "int32") == found.dtype
    assert (("0", "1", "2"), "canonical") == (data.classes, data.kind)
    assert {"mine.npz": f"sha256:{files.digest(tmp_path / 'mine.npz', 'sha256')}"} == data.files
    assert (loaders.fingerprint(data[:4]), arrays) == (data.fingerprint, loaders.module(loaders.Own("arrays", "", None, None)))


def test_colours_names_of_classes_and_arrays_of_any_order_are_read(load):
    colours = {name: np.asfortranarray(np.stack([GOOD[name]] * 3, -1)) for name in ("x_train", "x_test")}
    data = load((5, 4, 3), **colours, y_train=GOOD["y_train"].astype(">u8"), classes=np.array(["cat", "犬", "cow"]), x_val=np.zeros(3))
    assert ((6, 5, 4, 3), ("cat", "犬", "cow")) == (data.x_train.shape, data.classes)
    assert (colours["x_train"] == data.x_train).all()


def test_a_file_is_read_again_when_it_changes(load):
    first = load()
    second = load(x_train=255 - GOOD["x_train"])
    assert (first.x_train == 255 - second.x_train).all()


BAD = {
    "float images": (
        {"x_train": GOOD["x_train"] / 255},
        r"x_train is float64, not uint8; save \(255 \* x_train\).round\(\).* of values from 0 to 1",
    ),
    "signed images": ({"x_test": GOOD["x_test"].astype("int16")}, "x_test is int16, not uint8; save values from 0 to 255$"),
    "flat images": ({"x_train": GOOD["x_train"].reshape(6, 20)}, r"x_train has the shape \(6, 20\), not \(N, height, width\) or"),
    "no images": ({"x_test": GOOD["x_test"][:0], "y_test": GOOD["y_test"][:0]}, r"x_test has the shape \(0, 5, 4\), not \(N, "),
    "another size": ({"x_test": GOOD["x_test"][:, :4]}, r"x_test has images of \[4, 4, 1\], its table says input = \[5, 4, 1\]"),
    "float labels": ({"y_train": GOOD["y_train"] / 1}, "y_train is float64, not integers"),
    "boolean labels": ({"y_test": GOOD["y_test"] > 0}, "y_test is bool, not integers"),
    "one-hot labels": ({"y_train": np.eye(6, 3, dtype=int)}, r"y_train has the shape \(6, 3\), not \(N,\)"),
    "another count": ({"y_train": GOOD["y_train"][1:]}, "x_train has 6 images, y_train 5 labels; each image needs one"),
    "a negative label": ({"y_test": np.array([0, -1, 2])}, "y_test has the label -1; those of 3 classes are 0 to 2"),
    "a label too many": ({"y_train": GOOD["y_train"] + 1}, "y_train has the label 3; those of 3 classes are 0 to 2"),
    "a huge label": ({"y_test": np.array([0, 1, 2**64 - 1], "uint64")}, "y_test has the label 18446744073709551615; those of 3"),
    "no test split": ({"x_test": None, "y_test": None}, "has no x_test; its members are x_train, y_train"),
    "objects": ({"x_train": np.array([{"an": "object"}] * 6)}, "x_train cannot be read .*allow_pickle=False.*; save it as plain numbers"),
    "names as objects": (
        {"classes": np.array(["a", "b", "c"], object)},
        "classes cannot be read .*allow_pickle=False.* names of classes as text",
    ),
    "names as bytes": ({"classes": np.array([b"a", b"b", b"c"])}, r"classes is \|S1 \(3,\), not a list of different names as text"),
    "equal names": ({"classes": np.array(["a", "b", "a"])}, r"classes is <U1 \(3,\), not a list of different names as text"),
    "names of other classes": (
        {"classes": np.array(["a", "b"])},
        r"has 2 classes \(a, b\), its table says classes = 3; correct one of them",
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_arrays_are_refused(load, fault, tmp_path):
    members, complaint = BAD[fault]
    with pytest.raises(loaders.DataError, match=f"^{tmp_path / 'mine.npz'}: {complaint}") as caught:
        load(**members)
    assert "\n" not in str(caught.value)


def test_another_file_is_refused_and_nothing_is_unpickled(tmp_path, load):
    path = tmp_path / "mine.npz"
    own = loaders.Own("arrays", str(path), (5, 4, 1), 3)
    with pytest.raises(
        loaders.DataMissing, match="mine.npz is not there; put the images there, or correct the data set's path in its table"
    ):
        loaders.load(own)
    load()
    whole = path.read_bytes()
    trap = tmp_path / "sprung"
    for content, complaint in [
        (b"", "not an .npz file"),
        (b"x_train", "not an .npz file"),
        (pickle.dumps(Spring(trap)), "not an .npz file .*pickle.*; write it with numpy.savez"),
        (whole[:-100], "not an .npz file"),
        (whole.replace(GOOD["x_train"].tobytes(), bytes(120)), r"x_train cannot be read \(.*CRC"),
    ]:
        path.write_bytes(content)
        with pytest.raises(loaders.DataError, match=f"mine.npz: {complaint}") as caught:
            loaders.load(own)
        assert "\n" not in str(caught.value)
    assert not trap.exists()
    with path.open("wb") as file:
        np.save(file, GOOD["x_train"])
    with pytest.raises(
        loaders.DataError, match=r"mine.npz: not an .npz file \(it holds one array without a name\); write it with numpy.savez"
    ):
        loaders.load(own)
    path.unlink()
    path.mkdir()
    with pytest.raises(loaders.DataError, match="mine.npz: not an .npz file .*Is a directory"):
        loaders.load(own)


class Spring:
    """An object whose pickle executes code when it is loaded."""

    def __init__(self, trap):
        self.trap = trap

    def __reduce__(self):
        return (type(self.trap).touch, (self.trap,))


def test_show_draws_a_users_own_file(load, tmp_path, capsys):
    load()
    assert 0 == main(["show", str(tmp_path / "mine.npz"), str(tmp_path / "grid.png")])
    assert "grid.png: " in capsys.readouterr().out
