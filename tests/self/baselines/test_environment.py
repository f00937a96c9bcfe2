"""What a record says of what influences a training from outside: recorded where it counts, and nothing that is secret."""

from types import SimpleNamespace

import pytest

from baselines import environment

pytestmark = pytest.mark.self


@pytest.fixture
def variables(monkeypatch):
    """A function: the variables that are recorded of those given."""

    def recorded(**given):
        with monkeypatch.context() as patch:
            patch.setattr(environment.os, "environ", given)
            return environment.variables()

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
def test_variables_that_choose_a_device_a_folder_or_what_is_logged_are_left_out(variables, name):
    assert {} == variables(**{name: "1"})


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
