"""Goldens as files: where a model's stand, how they are read, written and compared with what is now."""

import contextlib
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

import zoo
from tests import small_networks
from zoo import project

FOLDER = Path(__file__).parent / "goldens"

# Of the largest number of its kind, held in float64. Measured: 1.4e-6 before training, 4.8e-5 after three
# steps, where TensorFlow's fused normalisation keeps an unbiased variance; its float64 and JAX do not.
TOLERANCE = 2**-13


def folders():
    """Folder of goldens -> names of the models that have theirs there: the suite's, and the project's if there is one."""
    found = {FOLDER: list(zoo.MODELS)}
    if folder := project.folder():
        found[folder / "goldens"] = list(project.models())
    return found


def path(name, suffix):
    """The golden of a model: .txt of its graph and costs, .toml of its numbers."""
    return next(folder for folder, names in folders().items() if name in names) / f"{name}{suffix}"


def read(path):
    if not path.exists():
        pytest.fail(f"there is no {path}: write it with pytest --update-goldens, and look at what it says", pytrace=False)
    return path.read_text()


def numbers(path):
    """What a golden of numbers holds: a dict."""
    try:
        return tomllib.loads(read(path))
    except tomllib.TOMLDecodeError as error:
        pytest.fail(f"{path} is not TOML: {error}; delete it, or take it back from git", pytrace=False)


def toml(numbers):
    """The text of a golden of numbers: key -> list of float, or a str."""
    rounded = {key: value if isinstance(value, str) else [float(f"{number:.8g}") for number in value] for key, value in numbers.items()}
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in rounded.items())


def apart(expected, numbers):
    """Greatest difference in shares of the largest expected number; infinite where a number is none, or one too many."""
    if len(expected) != len(numbers) or not np.isfinite(numbers).all():
        return np.inf
    return np.abs(np.subtract(expected, numbers)).max() / (np.abs(expected).max() or 1)


@contextlib.contextmanager
def float64():
    """Keras, and JAX under it, compute in double precision."""
    import keras

    jax = pytest.importorskip("jax") if keras.backend.backend() == "jax" else None
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    small_networks.forget()
    try:
        with jax.enable_x64(True) if jax else contextlib.nullcontext():
            yield
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
        small_networks.forget()
