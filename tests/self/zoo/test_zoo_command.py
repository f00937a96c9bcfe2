"""python -m zoo: the list of models, summaries and predictions."""

import re

import numpy as np
import pytest
from PIL import Image

import zoo
from tests.formulas import resnet_cifar_v1
from zoo import __main__ as command

pytestmark = pytest.mark.self


def test_every_model_is_listed_with_parameters_and_multiply_accumulates(capsys, monkeypatch):
    monkeypatch.setattr(zoo, "MODELS", {name: zoo.MODELS[name] for name in ("lenet5", "vgg16")})
    assert 0 == command.main([])
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line}
    assert {"lenet5", "vgg16"} <= rows.keys()
    assert ["vgg16", "224x224x3", "1000", "138,357,544", "15,470.3"] == rows["vgg16"][:5]


def test_a_summary_lists_each_layer_and_adds_up(capsys):
    assert 0 == command.main(["summary", "lenet5", "--input=32x32x3", "--classes=10"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert ["Conv2D", "30x30x6", "168", f"{3 * 3 * 3 * 6 * 30 * 30:,}"] == rows[0][1:]
    *layers, total = [[int(number.replace(",", "")) for number in row[-2:]] for row in rows]
    assert [sum(column) for column in zip(*layers, strict=True)] == total
    assert 204098 == total[0]


def test_a_summary_takes_a_resnet_of_any_depth(capsys):
    assert 0 == command.main(["summary", "resnet56_v1"])
    assert f"{resnet_cifar_v1(9)(32, 32, 3, 10):,}" == capsys.readouterr().out.splitlines()[-1].split()[1]


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["summary", "lenet6"], "unknown model 'lenet6'; known: lenet5"),
        (["summary", "resnet57_v1"], "resnet57_v1: v1 has 6n . 2 layers"),
        (["summary", "lenet5", "--input=5x5x1"], "lenet5 cannot take an image of 5x5x1: layer Conv2D .* least square input is 8x8"),
        (["summary", "lenet5", "--input=32"], "lenet5: need .height, width, channels."),
        (["summary", "lenet5", "--input=axb"], "--input 'axb': write it as 64x64x3"),
        (["summary", "lenet5", "--input="], "--input '': write it as 64x64x3"),
        (["summary", "lenet5", "--classes=-1"], "lenet5: need"),
        (["summary", "lenet5", "--classes=0"], "lenet5: need"),
    ],
)
def test_a_network_that_cannot_be_built_is_one_clear_line(capsys, args, complaint):
    assert 2 == command.main(args)
    message = capsys.readouterr().err
    assert re.search(complaint, message)
    assert 1 == len(message.splitlines())


def trained(path, shape, classes):
    """Save a network whose probabilities are the pixels of an image of one row."""
    import keras

    from zoo import saved

    layers = keras.layers
    saved.save(keras.Sequential([layers.Input(shape, dtype="uint8"), layers.Rescaling(1 / 255), layers.Reshape((-1,))]), classes, path)


def test_a_prediction_is_printed_as_the_imagenet32_study_prints_its_own(tmp_path, capsys):
    trained(tmp_path / "net.keras", (1, 1, 3), ["n02669723 academic gown", "n03617480 kimono", "n03814639 neck brace"])
    Image.new("RGB", (9, 9), (15, 29, 3)).save(tmp_path / "image.png")
    assert 0 == command.main(["predict", str(tmp_path / "net.keras"), str(tmp_path / "image.png")])
    header, _, *rows = capsys.readouterr().out.splitlines()
    assert ["number", "folder", "class", "probability"] == header.split()
    assert ["1 n03617480 kimono 0.113725", "0 n02669723 academic gown 0.058824", "2 n03814639 neck brace 0.011765"] == [
        " ".join(row.split()) for row in rows
    ]


def test_without_folders_there_is_no_such_column_and_ten_classes_at_most(tmp_path, capsys):
    trained(tmp_path / "net.keras", (1, 12, 1), [f"the {number}" for number in range(12)])
    Image.fromarray(np.arange(12, dtype="uint8").reshape(1, 12)).save(tmp_path / "image.png")
    assert 0 == command.main(["predict", str(tmp_path / "net.keras"), str(tmp_path / "image.png")])
    header, _, *rows = capsys.readouterr().out.splitlines()
    assert ["number", "class", "probability"] == header.split()
    assert [[str(number), "the", str(number)] for number in range(11, 1, -1)] == [row.split()[:3] for row in rows]


@pytest.mark.parametrize(
    ("file", "image"), [("none.keras", "image.png"), ("net.keras", "none.png"), ("image.png", "net.keras"), ("net.keras", "cut.png")]
)
def test_a_failed_prediction_is_one_line_that_names_the_file(tmp_path, capsys, file, image):
    trained(tmp_path / "net.keras", (1, 1, 3), list("abc"))
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype("uint8")).save(tmp_path / "image.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "image.png").read_bytes()[:-999])
    assert 2 == command.main(["predict", str(tmp_path / file), str(tmp_path / image)])
    message = capsys.readouterr().err
    blamed = file if file != "net.keras" else image
    assert message.startswith(f"zoo: {tmp_path / blamed}: ")
    assert 1 == len(message.splitlines())
