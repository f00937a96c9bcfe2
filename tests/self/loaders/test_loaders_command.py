"""python -m loaders: the list of data sets, and pictures of their images."""

import numpy as np
import pytest

import loaders
from loaders import __main__ as command

pytestmark = [pytest.mark.self, pytest.mark.usefixtures("bare_home")]
TRAIN = "mnist/train-images-idx3-ubyte.gz"


def test_the_list_shows_the_data_and_how_to_get_the_missing(root, capsys):
    assert 0 == command.main([f"--data-dir={root}"])
    lines = capsys.readouterr().out.splitlines()
    row = next(line.split() for line in lines if line.startswith("mnist"))
    assert [
        "mnist",
        "sample",
        "6",
        "of",
        "60000",
        "4",
        "of",
        "10000",
        "10",
        loaders.load("mnist", root).fingerprint,
        str(root / "mnist"),
    ] == row
    assert "cifar10              missing" in lines
    assert any(line.startswith("cifar10: ") and "c32a1d4ab5d03f1284b67883e8d87530" in line for line in lines)
    assert set(loaders.names()) <= {line.partition(" ")[0] for line in lines}


def test_the_exit_code_is_1_if_data_is_damaged(root, capsys):
    (root / TRAIN).write_bytes(b"")
    assert 1 == command.main([f"--data-dir={root}"])
    assert "mnist                DAMAGED" in capsys.readouterr().out.splitlines()


def test_show_draws_the_first_images_of_each_class_beside_its_name(tmp_path):
    from PIL import Image

    path = tmp_path / "grid.png"
    assert 0 == command.main(["show", "synthetic_28x28x1_3_60_3", str(path)])
    data = loaders.load("synthetic_28x28x1_3_60_3")
    sheet = np.asarray(Image.open(path))
    assert ["grid.png"] == [each.name for each in tmp_path.iterdir()]
    for label in range(3):
        for column in range(10):
            image = data.x_train[data.y_train == label][column]
            left, top = sheet.shape[1] - (10 - column) * 30, label * 30 + 1
            np.testing.assert_array_equal(np.repeat(image, 3, axis=-1), sheet[top : top + 28, left : left + 28])


def test_show_has_room_for_200_classes():
    image = command.picture(loaders.load("synthetic_64x64x3_200_400_200"))
    assert 50 * 66 == image.height
    assert 4 * 4 * 66 < image.width


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("show", "mnits", "x.png"), "unknown data set 'mnits'; known: mnist"),
        (("show", "digits", "x.jpg"), "x.jpg: name a .png file in a folder that exists"),
        (("show", "digits", "/nowhere/x.png"), "name a .png file in a folder that exists"),
        (("--data-dir=/nowhere",), "--data-dir names a data directory that does not exist: /nowhere"),
        (("show", "cifar10", "x.png"), "cifar-10-binary.tar.gz is not there"),
        (("draw",), "invalid choice: 'draw'"),
    ],
)
def test_a_failed_command_is_one_clear_line(args, complaint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        code = command.main(list(args))
    except SystemExit as error:
        code = error.code
    lines = capsys.readouterr().err.splitlines()
    assert complaint in lines[-1]
    assert (code in (1, 2), []) == (True, list(tmp_path.iterdir()))
