"""python -m zoo: what there is and what it costs, as a person types it."""

import re

import pytest

import zoo
from tests.formulas import resnet_cifar_v1
from zoo import __main__ as command

pytestmark = pytest.mark.quick


def test_every_model_is_listed_with_parameters_and_multiply_accumulates(capsys, monkeypatch):
    monkeypatch.setattr(zoo, "MODELS", {name: zoo.MODELS[name] for name in ("lenet5", "vgg16")})
    assert 0 == command.main([])
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line}
    assert {"lenet5", "vgg16"} <= rows.keys()
    assert ["vgg16", "224x224x3", "1000", "138,357,544", "15,470.3"] == rows["vgg16"][:5]


def test_a_summary_holds_each_layer_and_adds_up(capsys):
    assert 0 == command.main(["summary", "lenet5", "--input=32x32x3", "--classes=10"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert ["Conv2D", "30x30x6", "168", f"{3 * 3 * 3 * 6 * 30 * 30:,}"] == rows[0][1:]
    *layers, total = [[int(number.replace(",", "")) for number in row[-2:]] for row in rows]
    assert [sum(column) for column in zip(*layers, strict=True)] == total
    assert 204098 == total[0]


def test_a_summary_is_of_any_depth(capsys):
    assert 0 == command.main(["summary", "resnet56_v1"])
    assert f"{resnet_cifar_v1(9)(32, 32, 3, 10):,}" == capsys.readouterr().out.splitlines()[-1].split()[1]


@pytest.mark.parametrize(
    ("words", "complaint"),
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
def test_what_cannot_be_built_is_one_clear_line(capsys, words, complaint):
    assert 2 == command.main(words)
    said = capsys.readouterr().err
    assert re.search(complaint, said)
    assert 1 == len(said.splitlines())
