"""Trained networks in files: a loaded network is the saved one; a damaged or foreign file is refused by name."""

import json
import pickle
import zipfile

import numpy as np
import pytest
from PIL import Image

from zoo.training import recipes

pytestmark = pytest.mark.self
RECIPE = {"optimizer": {"name": "Adam"}, "batch": 4, "epochs": 1}
NAMES = ("n02124075 Egyptian cat", "n03617480 kimono", "n02883205 bow tie, bow-tie, bowtie")


@pytest.fixture(scope="module", autouse=True)
def late_imports():
    """Keras is imported with the first test, not when tests are collected."""
    global keras, saved
    import keras

    from zoo import saved


def images(height=6, width=5, channels=3):
    return np.random.default_rng(0).integers(0, 256, (8, height, width, channels)).astype("uint8")


def trained(classes=3, **recipe):
    """A network from uint8 images of 6x5x3, as a training leaves it."""
    layers = keras.layers
    network = keras.Sequential([layers.Input((6, 5, 3)), layers.Flatten(), layers.Dense(classes, activation="softmax")])
    model = recipes.trainer(network, {**RECIPE, "input": "scaled", **recipe}, images())
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def answers(model, *args, **more):
    return keras.ops.convert_to_numpy(model(images(), *args, **more))


def pixels(height, width, channels):
    """A network whose probabilities are the pixels of its image, as shares of 255."""
    layers = keras.layers
    return keras.Sequential(
        [layers.Input((height, width, channels), dtype="uint8"), layers.Rescaling(1 / 255), layers.Reshape((height * width * channels,))]
    )


def seen(model, path):
    """The pixels of an image file as a network of ``pixels`` gets them, ten at most."""
    classes = [str(number) for number in range(model.output_shape[1])]
    return [round(255 * row[3]) for row in sorted(saved.predict(model, classes, path))]


@pytest.fixture
def file(tmp_path):
    """A trained network, saved."""
    saved.save(trained(), NAMES, tmp_path / "cats.keras")
    return tmp_path / "cats.keras"


def rewritten(file, **members):
    """The archive with other members in it; one that is None is left out."""
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in {**content, **members}.items():
            if data is not None:
                archive.writestr(name, data)


@pytest.mark.parametrize("scaling", ["raw", "scaled", "mean_subtracted"])
def test_a_loaded_network_has_the_saved_answers_and_class_names(tmp_path, scaling):
    model = trained(input=scaling)
    saved.save(model, NAMES, tmp_path / "cats.keras")
    loaded, classes = saved.load(tmp_path / "cats.keras")
    assert NAMES == classes
    np.testing.assert_array_equal(answers(loaded), answers(model))


def test_keras_itself_loads_the_file_which_holds_no_optimizer(file):
    model = keras.saving.load_model(file)
    np.testing.assert_array_equal(answers(saved.load(file)[0]), answers(model))
    assert not model.compiled


def test_a_file_is_replaced_completely_or_not_at_all(file, monkeypatch):
    before = file.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(saved.os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError("the disk is full")))
        with pytest.raises(OSError, match="the disk is full"):
            saved.save(trained(), NAMES, file)
    assert (before, [file]) == (file.read_bytes(), list(file.parent.iterdir()))
    saved.save(trained(2), NAMES[:2], file)
    assert (NAMES[:2], [file]) == (saved.load(file)[1], list(file.parent.iterdir()))


def test_a_network_that_cannot_classify_images_is_not_saved(tmp_path):
    layers = keras.layers
    for model, complaint in [
        (trained(2), "has 2 classes, but 3 names are listed"),
        (keras.Sequential([layers.Input((6, 5, 3)), layers.Flatten(), layers.Dense(3)]), "takes float32 images, not uint8"),
        (pixels(1, 1, 4), r"takes \(1, 1, 4\), not \(height, width, 1 or 3\)"),
        (keras.Sequential([layers.Input((6, 5, 3), dtype="uint8"), layers.Rescaling(1.0)]), "does not map an image to probabilities"),
    ]:
        with pytest.raises(ValueError, match=complaint):
            saved.save(model, NAMES, tmp_path / "cats.keras")
    with pytest.raises(ValueError, match=r"cats.h5: .*; name it cats.h5.keras"):
        saved.save(trained(), NAMES, tmp_path / "cats.h5")
    assert [] == list(tmp_path.iterdir())


def _flipped(file):
    content = bytearray(file.read_bytes())
    index = content.index(b"model.weights.h5") + 2000
    content[index] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda file: file.unlink(), "No such file or directory"),
        (lambda file: file.write_bytes(b""), "not a complete .keras archive"),
        (lambda file: file.write_bytes(b"\x89HDF\r\n" * 100), "not a complete .keras archive"),
        (lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]), "not a complete .keras archive"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), "not a complete .keras archive"),
        (_flipped, "its member model.weights.h5 is damaged"),
        (lambda file: rewritten(file, **{"zoobench.json": None}), "has no zoobench.json"),
        (lambda file: rewritten(file, **{"zoobench.json": " " * 20_000_000}), "has 20000000 bytes, more than 16777216"),
        (lambda file: rewritten(file, **{"zoobench.json": "{"}), "its member zoobench.json does not list the classes"),
        (lambda file: rewritten(file, **{"zoobench.json": "[1]"}), "its member zoobench.json does not list the classes"),
        (lambda file: rewritten(file, **{"zoobench.json": '{"classes": [1, 2, 3]}'}), "its member zoobench.json does not list the classes"),
        (lambda file: rewritten(file, **{"zoobench.json": '{"classes": ["a"]}'}), "has 3 classes, but 1 names are listed"),
        (lambda file: rewritten(file, **{"model.weights.h5": None}), "Keras cannot load it"),
        (lambda file: rewritten(file, **{"config.json": "{}"}), "Keras cannot load it"),
    ],
)
def test_a_damaged_file_is_refused_with_its_name_and_the_next_step(file, spoil, complaint):
    spoil(file)
    with pytest.raises(ValueError, match=rf"^{file}: .*{complaint}.*; \w+") as refused:
        saved.load(file)
    assert 1 == len(str(refused.value).splitlines())


class Spring:
    """An object whose pickle executes code when it is loaded."""

    def __init__(self, trap):
        self.trap = trap

    def __reduce__(self):
        return (type(self.trap).touch, (self.trap,))


def test_no_code_in_a_file_is_executed(file, tmp_path):
    trap, layers = tmp_path / "sprung", keras.layers
    pickle.loads(pickle.dumps(Spring(trap)))
    assert trap.exists()
    trap.unlink()
    file.write_bytes(pickle.dumps(Spring(trap)))
    with pytest.raises(ValueError, match="not a complete .keras archive"):
        saved.load(file)
    code = layers.Lambda(lambda x: x)
    saved.save(keras.Sequential([layers.Input((1, 1, 3), dtype="uint8"), layers.Reshape((3,)), code]), NAMES, file)
    with pytest.raises(ValueError, match="Keras cannot load it .*[Ll]ambda"):
        saved.load(file)
    with zipfile.ZipFile(file) as archive:
        config = json.loads(archive.read("config.json"))
    config["config"]["layers"][-1].update(module="builtins", class_name="exec", config=f"open({str(trap)!r}, 'w')")
    rewritten(file, **{"config.json": json.dumps(config)})
    with pytest.raises(ValueError, match="Keras cannot load it"):
        saved.load(file)
    assert not trap.exists()


def test_a_prediction_is_number_folder_name_and_probability_the_best_first(tmp_path):
    Image.fromarray(np.array([[[51, 204, 102]]], "uint8")).save(tmp_path / "image.png")
    rows = saved.predict(pixels(1, 1, 3), NAMES, tmp_path / "image.png")
    expected = [(1, "n03617480", "kimono"), (2, "n02883205", "bow tie, bow-tie, bowtie"), (0, "n02124075", "Egyptian cat")]
    assert expected == [row[:3] for row in rows]
    assert [0.8, 0.4, 0.2] == pytest.approx([row[3] for row in rows])


def test_a_class_without_a_folder_keeps_its_whole_name(tmp_path):
    Image.fromarray(np.array([[[3, 2, 1]]], "uint8")).save(tmp_path / "image.png")
    classes = ["n1 trouser", "Ankle boot", "n02124075"]
    rows = saved.predict(pixels(1, 1, 3), classes, tmp_path / "image.png")
    assert [("", "n1 trouser"), ("", "Ankle boot"), ("n02124075", "")] == [row[1:3] for row in rows]


def test_ten_classes_at_most_are_named_and_equal_ones_by_number(tmp_path):
    levels = np.arange(64, dtype="uint8").reshape(8, 8) % 4
    Image.fromarray(levels).save(tmp_path / "image.png")
    rows = saved.predict(pixels(8, 8, 1), [str(number) for number in range(64)], tmp_path / "image.png")
    assert list(range(3, 43, 4)) == [row[0] for row in rows]


def test_an_image_is_resized_to_the_nearest_pixels(tmp_path):
    image = np.arange(16, dtype="uint8").reshape(4, 4) * 16
    Image.fromarray(image).save(tmp_path / "image.png")
    # Of each two pixels Pillow takes the second.
    assert image[1::2, 1::2].ravel().tolist() == seen(pixels(2, 2, 1), tmp_path / "image.png")
    assert image[1::2].ravel().tolist() == seen(pixels(2, 4, 1), tmp_path / "image.png")


def test_an_image_is_made_grey_or_coloured_as_the_network_takes_it(tmp_path):
    Image.new("RGB", (2, 2), (200, 100, 0)).save(tmp_path / "coloured.png")
    Image.new("L", (2, 2), 90).save(tmp_path / "grey.png")
    Image.new("RGB", (2, 2), (200, 100, 0)).quantize().save(tmp_path / "palette.png")
    grey = round(0.299 * 200 + 0.587 * 100)
    assert [[grey], [90]] == [seen(pixels(1, 1, 1), tmp_path / name) for name in ("coloured.png", "grey.png")]
    assert [90] * 3 == seen(pixels(1, 1, 3), tmp_path / "grey.png")
    for name in "coloured.png", "palette.png":
        assert [200, 100, 0] == seen(pixels(1, 1, 3), tmp_path / name)


def test_an_image_is_turned_upright_and_its_transparency_is_white(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    Image.fromarray(np.array([[10, 20, 30], [40, 50, 60]], "uint8")).save(tmp_path / "x.png", exif=exif)
    assert [40, 10, 50, 20, 60, 30] == seen(pixels(3, 2, 1), tmp_path / "x.png")
    for alpha, expected in (255, [200, 100, 0]), (128, [227, 177, 127]), (0, [255] * 3):
        beside = np.array([[[0, 0, 0, 255], [200, 100, 0, alpha]]], "uint8")  # of which the second is the nearest
        Image.fromarray(beside).save(tmp_path / "x.png")
        assert expected == seen(pixels(1, 1, 3), tmp_path / "x.png")


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_text("no image"), "it is damaged, or of a format that Pillow cannot read"),
        (lambda path: path.write_bytes(b""), "it is damaged, or of a format that Pillow cannot read"),
        (lambda path: Image.fromarray(np.full((2, 2), 40_000, "uint16")).save(path), "its pixels have more than 8 bits, mode I;16"),
    ],
)
def test_an_unreadable_image_is_refused_with_its_name_and_the_next_step(tmp_path, make, complaint):
    path = tmp_path / "image.png"
    make(path)
    with pytest.raises(ValueError, match=rf"^{path}: cannot be read \({complaint}\); name an image file"):
        saved.predict(pixels(1, 1, 3), NAMES, path)
