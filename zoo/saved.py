"""Save trained networks with the names of their classes, load them, and classify an image with them.

A file is a .keras archive, which Keras itself can read, with one more member: the names of the classes.
Files are not trusted: nothing in them is unpickled, and no code in them is executed.
"""

import json
import os
import re
import uuid
import zipfile
from pathlib import Path

import keras
import numpy as np

from loaders import seen

MEMBER = "zoobench.json"  # {"classes": [name, ...]}, in the order of the labels
LARGEST = 1 << 24  # bytes that it may unpack to
MOST = 10  # classes that ``predict`` returns, as many as the imagenet32 study prints
FOLDER = re.compile(r"(n\d{8})\b ?(.*)")  # the id before the name, as in 'n02124075 Egyptian cat'
AGAIN = "train it again and save it, or copy the file again"


def save(model, classes, path):
    """Write a trained network and the names of its classes, completely or not at all.

    Args:
        model: keras.Model of Keras's own layers, without augmentation, from uint8 images (N, height, width,
            1 or 3), of the data set's own size, to probabilities (N, classes); its optimizer is left out.
        classes: the classes' names in the order of their labels: a sequence of str.
        path: the file, which ends in .keras; one that is there is replaced.

    Raises:
        ValueError: the model does not take such images, or does not have these classes; or the path does not end in .keras.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise ValueError(f"{path}: a network is saved as a .keras file; name it {path.name}.keras")
    if complaint := _complaint(model, classes):
        raise ValueError(f"{path}: {complaint}; pass a network from uint8 images to probabilities of these classes")
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part.keras")
    try:
        keras.Model(model.inputs[0], model.outputs[0], name=model.name).save(part)  # without an optimizer
        with zipfile.ZipFile(part, "a") as archive:
            archive.writestr(MEMBER, json.dumps({"classes": list(classes)}))
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load(path):
    """The network and the names of its classes from a file that ``save`` wrote.

    Returns:
        (keras.Model from uint8 images to probabilities, not compiled; tuple of str).

    Raises:
        ValueError: the file is not there, damaged or not one of ours; the message names it and the next step.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            if MEMBER not in archive.namelist():
                raise ValueError(f"{path}: has no {MEMBER}, which lists its classes; save the network with zoo.saved.save")
            if (size := archive.getinfo(MEMBER).file_size) > LARGEST:
                raise ValueError(f"{path}: its member {MEMBER} has {size} bytes, more than {LARGEST}; {AGAIN}")
            if damaged := archive.testzip():
                raise ValueError(f"{path}: its member {damaged} is damaged; {AGAIN}")
            classes = _classes(path, archive.read(MEMBER))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}; name a file that zoo.saved.save wrote") from error
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path}: not a complete .keras archive ({error}); {AGAIN}") from error
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras may raise anything for an archive that is not its own
        raise ValueError(f"{path}: Keras cannot load it ({_line(error)}); {AGAIN}") from error
    if complaint := _complaint(model, classes):
        raise ValueError(f"{path}: {complaint}; {AGAIN}")
    return model, classes


def _classes(path, content):
    try:
        classes = json.loads(content)["classes"]
        if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
            raise TypeError("not a list of names")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: its member {MEMBER} does not list the classes ({_line(error)}); {AGAIN}") from error
    return tuple(classes)


def _complaint(model, classes):
    """What is wrong with a network for such classes, or None."""
    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(model.output_shape) != 2:
        return "its network does not map an image to probabilities"
    if len(model.input_shape) != 4 or None in model.input_shape[1:] or model.input_shape[3] not in (1, 3):
        return f"its network takes {model.input_shape[1:]}, not (height, width, 1 or 3)"
    if model.inputs[0].dtype != "uint8":
        return f"its network takes {model.inputs[0].dtype} images, not uint8"
    if model.output_shape[1] != len(classes):
        return f"its network has {model.output_shape[1]} classes, but {len(classes)} names are listed"
    return None


def predict(model, classes, path):
    """The most probable classes of an image, which is turned upright, put on white where transparent, and resized to the nearest pixel.

    Args:
        model, classes: as ``load`` returns them.
        path: an image file of any format that Pillow knows.

    Returns:
        List of at most ``MOST`` rows (number, folder, class, probability), the best first: int, str, str
        and float; the folder is empty where a class's name does not begin with one.

    Raises:
        ValueError: the file is missing, damaged or not an image; the message names it and the next step.
    """
    _, height, width, channels = model.input_shape
    image = _image(path, "L" if channels == 1 else "RGB", (width, height)).reshape(1, height, width, channels)
    probabilities = keras.ops.convert_to_numpy(model(image, training=False))[0].astype("float64")
    best = np.argsort(-probabilities, kind="stable")[:MOST]
    return [(int(number), *_folder(classes[number]), float(probabilities[number])) for number in best]


def _image(path, mode, size):
    from PIL import Image

    try:
        with seen.reading():
            return np.asarray(seen.image(path, mode).resize(size, Image.Resampling.NEAREST))
    except ValueError as error:
        raise ValueError(f"{path}: cannot be read ({error}); name an image file of 8 bits, such as a PNG or JPEG") from error


def _folder(name):
    found = FOLDER.fullmatch(name)
    return found.groups() if found else ("", name)


def _line(error):
    """The first line of an error's text, since Keras's errors have many."""
    return next(iter(str(error).splitlines()), type(error).__name__)
