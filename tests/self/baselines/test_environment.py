"""What a record says of what influences a training from outside: recorded where it counts, and nothing that is secret."""

import json
from types import SimpleNamespace

import pytest

from baselines import environment, machine
from tests.self.baselines import fake_training
from tests.self.baselines.test_session import ONE
from zoo import settings

pytestmark = pytest.mark.self


@pytest.fixture
def variables(monkeypatch):
    """A function: the variables that are recorded of those given."""

    def recorded(backend="tensorflow", **given):
        with monkeypatch.context() as patch:
            patch.setattr(environment.os, "environ", given)
            return environment.variables(backend)

    return recorded


def test_variables_that_the_backends_read_are_recorded(variables):
    given = {
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "TF32": "no",
        "TF_DETERMINISTIC_OPS": "1",
        "XLA_FLAGS": "--xla_cpu_enable_fast_math=true",
        "KERAS_NNX_ENABLED": "1",
        "OMP_NUM_THREADS": "1",
        "CUDA_LAUNCH_BLOCKING": "1",
        "JAX_DEFAULT_MATMUL_PRECISION": "highest",
        "NVIDIA_TF32_OVERRIDE": "0",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "PATH": "/bin",
        "LANG": "C",
    }
    assert given.keys() - {"PATH", "LANG", "TF32"} == variables(**given).keys()
    assert {"XLA_FLAGS": "--a"} == variables(XLA_FLAGS="--a")


@pytest.mark.parametrize("name", sorted(environment.LEFT_OUT))
def test_variables_that_change_no_result_or_that_libraries_set_are_left_out(variables, name):
    assert {} == variables(**{name: "1"})


def test_what_keras_sets_itself_is_not_taken_for_a_users_setting(variables):
    assert {} == variables(backend="jax", TF_FORCE_GPU_ALLOW_GROWTH="true")
    assert {"TF_FORCE_GPU_ALLOW_GROWTH": "true"} == variables(TF_FORCE_GPU_ALLOW_GROWTH="true")


@pytest.mark.parametrize("name", ["TF_VAR_db_password", "TF_TOKEN_app_terraform_io", "KERAS_API_TOKEN", "JAX_SECRET", "TF_CLI_ARGS_plan"])
def test_secrets_whose_names_begin_alike_are_never_recorded(variables, name):
    assert {} == variables(**{name: "s3cr3t"})


def test_driver_and_cuda_libraries_are_recorded_where_a_gpu_is(monkeypatch):
    names = {"nvidia-cudnn-cu12": "9.8.0", "nvidia_cublas": "13.1", "jax-cuda12-plugin": "0.10", "numpy": "2", "Nvidia-NCCL-cu12": "2.2"}
    found = [SimpleNamespace(metadata={"Name": name}, version=version) for name, version in names.items()]
    monkeypatch.setattr(environment, "distributions", lambda: [*found, SimpleNamespace(metadata={"Name": None}, version=None)])
    expected = {"nvidia-cudnn-cu12": "9.8.0", "nvidia-cublas": "13.1", "jax-cuda12-plugin": "0.10", "nvidia-nccl-cu12": "2.2"}
    assert expected == environment.libraries()
    settings = environment.settings()
    made = environment.everything({"XLA_FLAGS": "--a"}, {"model": "chip", "driver": "570.1"})
    assert {**settings, "driver": "570.1", **expected, "XLA_FLAGS": "--a"} == made
    assert {**settings, "XLA_FLAGS": "--a"} == environment.everything({"XLA_FLAGS": "--a"}, None)


def test_kerass_settings_are_recorded_as_they_are(monkeypatch):
    import keras

    monkeypatch.setattr(keras.config, "epsilon", lambda: 1e-5)
    assert {"floatx": "float32", "epsilon": "1e-05", "image_data_format": "channels_last"} == environment.settings()


@pytest.mark.parametrize(
    ("backend", "setting", "complaint"),
    [
        ("nonsense", {}, "ERROR: $KERAS_BACKEND: Keras cannot train with backend 'nonsense'"),
        ("", {"backend": "nonsense"}, "keras.json: Keras cannot train with backend 'nonsense'"),
        ("", {"image_data_format": "channels_first"}, "ERROR: image_data_format is channels_first"),
    ],
)
@pytest.mark.parametrize("tier", ["quick", "full"])
def test_a_session_that_keras_cannot_train_in_is_refused_before_its_tests(
    suite, trained, monkeypatch, tmp_path, tier, backend, setting, complaint
):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "keras.json").write_text(json.dumps(setting))
    done = suite("-m", tier)
    assert 4 == done.returncode, done.output
    assert complaint in done.stderr
    assert "Traceback" not in done.output
    assert not (tmp_path / "log").exists()


def test_a_session_on_an_unsupported_system_is_refused_in_one_line(suite, monkeypatch):
    monkeypatch.setattr(settings, "PLATFORMS", ("linux2",))
    done = suite("-m", "quick")
    assert (4, 1) == (done.returncode, len(done.stderr.strip().splitlines())), done.output
    assert "ERROR: zoobench runs on Linux and macOS, and on Windows in WSL" in done.stderr


@pytest.mark.parametrize(("driver", "trainings"), [("1", 0), ("2", 1)])
def test_a_session_is_resumed_only_in_the_same_environment(suite, tmp_path, driver, trainings):
    here = {"machine": machine.folder("float32")}
    record = fake_training.record("lenet5-digits-digits_lenet", environment={"driver": "1"}, **here)
    fake_training.stored(tmp_path / "storage", 1, "x", [record], complete=False, **here)
    done = suite(*ONE, "--benchmark-save=x", "--resume", environment={"driver": driver})
    assert (0, trainings) == (done.returncode, len((tmp_path / "log").read_text().split()) if (tmp_path / "log").exists() else 0), (
        done.output
    )
