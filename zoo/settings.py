"""Keras's settings as it will read them, checked before it is imported: whatever it cannot train with is one line.

Source: keras/src/backend/config.py of Keras 3.15.
"""

import json
import os
import sys
from importlib.util import find_spec

from loaders import user

PLATFORMS = ("linux", "darwin")  # as sys.platform names them; WSL is Linux
BACKENDS = ("tensorflow", "jax", "torch")  # those that train; each is the name of its package, too
CHOICES = {  # key of keras.json -> its values
    "floatx": ("float16", "float32", "float64"),
    "image_data_format": ("channels_last", "channels_first"),
}
CUTS = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")  # end every fit early


class SettingsError(ValueError):
    """Keras cannot train here; the message names the setting and the next step."""


def check_platform():
    """Raise SettingsError where the suite cannot run."""
    if sys.platform not in PLATFORMS:
        raise SettingsError(f"zoobench runs on Linux and macOS, and on Windows in WSL (wsl --install), not on {sys.platform}")


def file():
    """The path of keras.json."""
    return user.keras_home() / "keras.json"


def read():
    """What keras.json says: a dict, empty where there is none or it is not JSON.

    Raises:
        SettingsError: it cannot be read, or holds something else than a table.
    """
    try:
        found = json.loads(file().read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):  # Keras ignores what is not JSON
        return {}
    except OSError as error:
        raise SettingsError(
            f"{file()}: Keras cannot read it ({error.strerror}); make it readable, or name another folder in $KERAS_HOME"
        ) from error
    if not isinstance(found, dict):
        raise SettingsError(f"{file()}: it holds {found!r:.40}, not a table of settings; delete it, and Keras writes a new one")
    return found


def backend():
    """Name of the backend that Keras would use, from $KERAS_BACKEND, else keras.json."""
    try:
        return os.environ.get("KERAS_BACKEND") or read().get("backend") or "tensorflow"
    except SettingsError:
        return os.environ.get("KERAS_BACKEND") or "tensorflow"


def check():
    """Raise SettingsError where Keras could not be imported with these settings, or would not train as the recipes say. Imports nothing."""
    found = read()
    for key, values in CHOICES.items():
        if found.get(key, values[0]) not in values:
            raise SettingsError(f"{file()}: {key} is {found[key]!r}; write one of {', '.join(values)}")
    if not isinstance(found.get("epsilon", 0.0), float):
        raise SettingsError(f"{file()}: epsilon is {found['epsilon']!r}; write a number with a point, such as 1e-07")
    _refuse_channels_first(found.get("image_data_format"))
    name, source = backend(), "$KERAS_BACKEND" if os.environ.get("KERAS_BACKEND") else file()
    if name not in BACKENDS:
        raise SettingsError(f"{source}: Keras cannot train with backend {name!r}; name one of {', '.join(BACKENDS)}")
    if find_spec(name) is None:
        installed = ", ".join(each for each in BACKENDS if find_spec(each)) or "none"
        raise SettingsError(f"{source}: the backend {name} is not installed; install it, or name one that is: {installed}")
    for variable in CUTS:
        if variable in os.environ:
            raise SettingsError(f"${variable} is {os.environ[variable]!r}, so that Keras would end trainings early: unset {variable}")


def check_set():
    """Raise SettingsError where code has set what the networks are not written for, once Keras is imported."""
    import keras

    _refuse_channels_first(keras.config.image_data_format())


def _refuse_channels_first(value):
    if value == "channels_first":
        raise SettingsError(
            f'image_data_format is channels_first, and the networks are channels-last: write "channels_last" in {file()},'
            " and call no keras.config.set_image_data_format"
        )
