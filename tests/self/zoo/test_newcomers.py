"""A model of one's own is a function and its line: with pytest --update-goldens, everything that concerns it passes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from tests import golden_numbers, small_networks, whole_models
from zoo import __main__ as command
from zoo import project

ROOT = Path(__file__).parents[3]
MODULE = """
import keras
from keras import layers


def mobilenet_v2(shape, classes):
    return keras.applications.MobileNetV2(input_shape=shape, classes=classes, weights=None)


class Positions(keras.Layer):
    def __init__(self, count, width, **options):
        super().__init__(**options)
        self.embedding = layers.Embedding(count, width)

    def call(self, patches):
        return patches + self.embedding(keras.ops.arange(patches.shape[1]))


def small_vit(shape, classes):
    images = keras.Input(shape)
    x = layers.Rescaling(1 / 255)(images)
    x = layers.Reshape((-1, 16))(layers.Conv2D(16, 4, strides=4)(x))
    x = Positions(x.shape[1], 16)(x)
    y = layers.LayerNormalization()(x)
    x = x + layers.MultiHeadAttention(2, 8, dropout=0.1)(y, y)
    y = layers.Dense(32, activation="gelu")(layers.LayerNormalization()(x))
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x + layers.Dense(16)(y)))
    return keras.Model(images, layers.Dense(classes, activation="softmax")(x))


def with_lambda(shape, classes):
    hidden = [layers.Lambda(lambda x: x / 255), layers.Conv2D(4, 3), layers.SpatialDropout2D(0.2), layers.GlobalAveragePooling2D()]
    return keras.Sequential([layers.Input(shape), *hidden, layers.Dense(classes, activation="softmax")])
"""
LINES = {
    "mobilenet_v2": 'Model("mine", (224, 224, 3), 1000)',
    "small_vit": 'Model("mine", (32, 32, 3), 10)',
    "with_lambda": 'Model("mine", (16, 16, 3), 10)',
}
APPLICATIONS = ("EfficientNetB0", "NASNetMobile", "Xception", "InceptionV3", "ConvNeXtTiny", "ResNet50V2", "DenseNet169")


@pytest.fixture
def add(tmp_path, monkeypatch):
    """A function that adds models to a project: its folder."""

    def added(module, lines):
        (tmp_path / "zoo").mkdir()
        (tmp_path / "zoo" / "mine.py").write_text(module)
        table = "".join(f'    "{name}": {line},\n' for name, line in lines.items())
        (tmp_path / "zoo" / "__init__.py").write_text(f"from zoo import Model\n\nMODELS = {{\n{table}}}\n")
        monkeypatch.setenv(project.VARIABLE, str(tmp_path))
        return tmp_path

    return added


def quick(names, *args):
    """The tests of the quick tier that concern some models, in a process of their own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    chosen = ["-m", "quick", "-k", " or ".join([*names, "every_golden_is"]), "-n", "0", "-p", "no:cacheprovider"]
    return subprocess.run([sys.executable, "-m", "pytest", *chosen, *args], cwd=ROOT, env=environment, capture_output=True, text=True)


def check(folder, names, capsys):
    """The recipe of the README: goldens are written, which fails once; then everything passes, and the checkout is as it was."""
    git = ["git", "status", "--porcelain"]
    before = subprocess.run(git, cwd=ROOT, capture_output=True, text=True).stdout
    written = quick(names, "--update-goldens")
    assert (1, 2 * len(names)) == (written.returncode, written.stdout.count("is written; ")), written.stdout + written.stderr
    assert {f"{name}{suffix}" for name in names for suffix in (".txt", ".toml")} == {path.name for path in (folder / "goldens").iterdir()}
    assert before == subprocess.run(git, cwd=ROOT, capture_output=True, text=True).stdout
    again = quick(names)
    assert 0 == again.returncode, again.stdout + again.stderr
    for name in names:
        assert 0 == command.main(["summary", name])
        assert "total" in capsys.readouterr().out.splitlines()[-1 if name != "with_lambda" else -2]
    return again.stdout


@pytest.mark.self
def test_models_of_ones_own_pass_once_their_goldens_are_written(add, capsys, monkeypatch):
    said = check(add(MODULE, LINES), LINES, capsys)
    assert "graph of with_lambda: lambda cannot be written as text: it holds a Python function" in said
    monkeypatch.setattr(zoo, "MODELS", {"lenet5": zoo.MODELS["lenet5"]})
    assert 0 == command.main([])
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line}
    assert ["mobilenet_v2", "224x224x3", "1000", "3,538,984", "300.8"] == rows["mobilenet_v2"][:5]
    assert {"small_vit", "with_lambda"} < rows.keys()


@pytest.mark.slow
def test_networks_of_keras_pass_once_their_goldens_are_written(add, capsys):
    module = "import keras\n" + "".join(
        f"\n\ndef {name.lower()}(shape, classes):\n    return keras.applications.{name}(input_shape=shape, classes=classes, weights=None)\n"
        for name in APPLICATIONS
    )
    lines = {name.lower(): f'Model("mine", ({", ".join(["299" if "ception" in name else "224"] * 2)}, 3), 1000)' for name in APPLICATIONS}
    folder = add(module, lines)
    check(folder, lines, capsys)
    left_out = [path.stem for path in (folder / "goldens").glob("*.toml") if "left_out" in path.read_text()]
    assert [] == left_out


@pytest.fixture
def mine(monkeypatch):
    """A function that makes a model called mine of a function."""

    def made(function):
        monkeypatch.setitem(zoo.MODELS, "mine", zoo.Model("mine", (32, 32, 3), 3))
        monkeypatch.setattr(zoo, "_function", lambda name: function)

    return made


def patches(shape, classes):
    """A network that takes multiples of 4 alone, and cannot say so."""
    from keras import Sequential, layers

    rows, columns = shape[0] / 4, shape[1] / 4
    if not (rows.is_integer() and columns.is_integer()):
        raise TypeError("patches overlap")
    hidden = [layers.Input(shape), layers.Reshape((int(rows * columns), -1)), layers.Dense(4), layers.GlobalAveragePooling1D()]
    return Sequential([*hidden, layers.Dense(classes, activation="softmax")])


@pytest.mark.self
def test_the_least_side_of_a_network_that_takes_multiples_of_its_patches_is_found(mine):
    mine(patches)
    assert 4 == small_networks.least("mine")
    with pytest.raises(ValueError, match="^mine cannot take an image of 3x3x3: patches overlap; the least square input is 4x4$"):
        zoo.build("mine", (3, 3, 3), 3)
    with pytest.raises(TypeError, match="^patches overlap$"):
        zoo.build("mine", (9, 9, 3), 3)


@pytest.mark.self
@pytest.mark.parametrize(
    ("limit", "agreed", "largest", "reason"),
    [
        (0, 1, 256, "takes "),
        (99, -1, 256, "float32 and float64 differ in outputs"),
        (99, 1, 3, "takes no square input of up to 3 pixels a side"),
    ],
)
def test_numbers_that_are_left_out_are_so_for_a_reason(mine, monkeypatch, limit, agreed, largest, reason):
    mine(lambda shape, classes: patches(shape, classes))  # of which no least side is remembered
    monkeypatch.setattr(whole_models, "LIMIT", limit)
    monkeypatch.setattr(whole_models, "AGREED", agreed)
    monkeypatch.setattr(zoo, "LARGEST_SEARCHED", largest)
    assert whole_models.golden("mine")["left_out"].startswith(reason)


@pytest.mark.self
def test_every_weight_is_given_a_value_of_its_own_wherever_it_is_and_a_shared_one_once():
    import keras
    from keras import layers

    shared = layers.Dense(4)
    images = keras.Input((4, 4, 4))
    x = keras.Sequential([layers.Input((4, 4, 4)), layers.DepthwiseConv2D(3), layers.LayerNormalization()])(images)
    x = shared(shared(layers.Reshape((4, 4))(x)))
    x = layers.MultiHeadAttention(2, 3)(x, x)
    model = keras.Model(images, layers.TimeDistributed(layers.Dense(2))(x))
    before = model.get_weights()
    golden_numbers.weigh(model)
    after = model.get_weights()
    assert all((old != new).all() for old, new in zip(before, after, strict=True))
    assert len(after) == len({new.tobytes() for new in after})
    assert abs(after[0]).max() == pytest.approx((6 / 9) ** 0.5, rel=0.1)
