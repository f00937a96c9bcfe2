"""Settings of Keras with which it would not train, told in one line before it is imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from zoo import settings

pytestmark = pytest.mark.self
ROOT = Path(zoo.__file__).parent.parent


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A folder for keras.json, and no backend named elsewhere."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    return tmp_path


@pytest.fixture
def installed(monkeypatch):
    """Every backend, whichever of them this environment has."""
    monkeypatch.setattr(settings, "find_spec", lambda name: object())


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ({"image_data_format": "channels_first"}, 'channels_first, and the networks are channels-last: write "channels_last" in {file},'),
        ({"image_data_format": "nchw"}, "{file}: image_data_format is 'nchw'; write one of channels_last, channels_first"),
        ({"floatx": "float8"}, "{file}: floatx is 'float8'; write one of float16, float32, float64"),
        ({"epsilon": 1}, "{file}: epsilon is 1; write a number with a point"),
        ({"backend": "theano"}, "{file}: Keras cannot train with backend 'theano'; name one of tensorflow, jax, torch"),
        ([], "{file}: it holds [], not a table of settings"),
    ],
)
def test_a_keras_json_that_keras_cannot_train_with_is_refused_by_name(home, setting, complaint):
    (home / "keras.json").write_text(json.dumps(setting))
    with pytest.raises(settings.SettingsError) as caught:
        settings.check()
    assert complaint.format(file=home / "keras.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_that_keras_takes_are_not_refused(home, installed):
    settings.check()
    (home / "keras.json").write_text(json.dumps({"floatx": "float64", "epsilon": 1e-5, "image_data_format": "channels_last"}))
    settings.check()
    (home / "keras.json").write_text("not JSON, which Keras ignores")
    settings.check()


@pytest.mark.parametrize(
    ("name", "why"), [("nonsense", "cannot train with backend 'nonsense'"), ("numpy", "cannot train"), ("torch", "not installed")]
)
def test_a_backend_that_cannot_train_or_is_not_installed_is_refused(home, monkeypatch, name, why):
    monkeypatch.setenv("KERAS_BACKEND", name)
    monkeypatch.setattr(settings, "find_spec", lambda package: None if package == "torch" else object())
    with pytest.raises(settings.SettingsError, match=rf"^\$KERAS_BACKEND: .*{why}"):
        settings.check()


@pytest.mark.parametrize("name", settings.CUTS)
def test_a_variable_that_ends_trainings_early_is_refused(home, installed, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    with pytest.raises(settings.SettingsError, match=f"unset {name}"):
        settings.check()


def test_a_call_that_sets_channels_first_is_refused(monkeypatch):
    import keras

    settings.check_set()
    monkeypatch.setattr(keras.config, "image_data_format", lambda: "channels_first")
    with pytest.raises(settings.SettingsError, match="call no keras.config.set_image_data_format"):
        settings.check_set()


def test_keras_json_is_where_keras_looks_for_it(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path / ".keras/keras.json" == settings.file()
    monkeypatch.setattr(settings.os, "access", lambda path, mode: False)  # a home that cannot be written to
    assert Path("/tmp/.keras/keras.json") == settings.file()


@pytest.mark.parametrize("platform", ["win32", "cygwin", "freebsd14"])
def test_other_systems_are_told_which_ones_are_supported(monkeypatch, platform):
    settings.check_platform()
    monkeypatch.setattr(settings.sys, "platform", platform)
    with pytest.raises(settings.SettingsError, match=f"^zoobench runs on Linux and macOS, and on Windows in WSL.* not on {platform}$"):
        settings.check_platform()


@pytest.mark.parametrize(
    "args", [("zoo", "summary", "lenet5"), ("baselines", "train", "lenet5-digits-digits_lenet"), ("baselines", "machine")]
)
def test_a_command_refuses_them_in_one_line_with_exit_code_2(home, args):
    (home / "keras.json").write_text('{"image_data_format": "channels_first"}')
    ended = subprocess.run([sys.executable, "-m", *args], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert (2, "", 1) == (ended.returncode, ended.stdout, ended.stderr.count("\n"))
    assert f"{args[0]}: image_data_format is channels_first" in ended.stderr
