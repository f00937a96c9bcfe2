"""What the suite calls of a device, with fake backends, so that no GPU is needed."""

import sys
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import pytest

pytestmark = pytest.mark.self


@pytest.fixture
def device(monkeypatch):
    """A function (name, attributes of a fake module) that replaces the backend and returns zoo.training.device."""
    from zoo.training import device

    def pretend(name, **attributes):
        module = ModuleType(name)
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, name, module)
        monkeypatch.setattr(device.keras.backend, "backend", lambda: name)
        return device

    return pretend


def tensorflow(calls, gpus=("GPU:0",), capability=(9, 0), tf32=True, threads=0):
    experimental = SimpleNamespace(
        tensor_float_32_execution_enabled=lambda: tf32,
        enable_tensor_float_32_execution=lambda on: calls.append(f"TF32 {on}"),
        get_device_details=lambda found: {"device_name": f"chip of {found}", "compute_capability": capability},
        reset_memory_stats=lambda name: calls.append(f"reset {name}"),
        get_memory_info=lambda name: {"peak": 7, "current": 3},
    )
    return {
        "config": SimpleNamespace(
            list_physical_devices=lambda kind: list(gpus) if kind == "GPU" else [],
            experimental=experimental,
            threading=SimpleNamespace(get_intra_op_parallelism_threads=lambda: threads),
        ),
        "errors": SimpleNamespace(OpError=type("OpError", (Exception,), {})),
        "test": SimpleNamespace(experimental=SimpleNamespace(sync_devices=lambda: calls.append("sync"))),
    }


class Array:
    """What JAX puts on a device."""

    def __init__(self, calls):
        self.calls = calls

    def __add__(self, number):
        self.calls.append("add")
        return self

    def block_until_ready(self):
        self.calls.append("block")


def jax(calls, platform="gpu", stats=None, capability="9.0", products=None):
    chip = SimpleNamespace(device_kind="chip", platform=platform, memory_stats=lambda: stats, compute_capability=capability)
    config = SimpleNamespace(jax_default_matmul_precision=products)
    precision = contextmanager(lambda name: iter([calls.append(name)]))
    return {"config": config, "devices": lambda: [chip], "device_put": lambda value: Array(calls), "default_matmul_precision": precision}


def test_tensorflows_gpu_is_named_drained_and_its_peak_reset_and_read(device):
    calls = []
    ours = device("tensorflow", **tensorflow(calls))
    assert "chip of GPU:0" == ours.gpu()
    ours.drain()
    ours.reset_peak()
    assert ["sync", "reset GPU:0"] == calls
    assert 7 == ours.peak_bytes()["gpu"]


def test_jaxs_gpu_is_named_drained_and_its_peak_read(device):
    calls = []
    ours = device("jax", **jax(calls, stats={"peak_bytes_in_use": 9, "bytes_in_use": 1}))
    assert "chip" == ours.gpu()
    ours.drain()
    ours.reset_peak()
    assert ["add", "block"] == calls
    assert 9 == ours.peak_bytes()["gpu"]


def test_without_a_gpu_its_name_and_peak_are_none(device):
    calls = []
    for ours in device("tensorflow", **tensorflow(calls, gpus=())), device("jax", **jax(calls, platform="cpu", stats=None)):
        ours.reset_peak()
        assert (None, None) == (ours.gpu(), ours.peak_bytes()["gpu"])
    assert [] == calls
    assert (None, None) == (device("torch").gpu(), device("torch").drain())
    assert None is device("jax", **jax(calls, stats=None)).peak_bytes()["gpu"]


def test_a_gpu_whose_allocator_keeps_no_statistics_costs_no_training(device):
    made = tensorflow([])
    for error in made["errors"].OpError("No allocator statistics"), ValueError("Allocator stats not available"):

        def fail(name, error=error):
            raise error

        vars(made["config"].experimental).update(reset_memory_stats=fail, get_memory_info=fail)
        ours = device("tensorflow", **made)
        ours.reset_peak()
        assert ours.peak_bytes()["gpu"] is None


def test_another_accelerator_than_a_gpu_is_no_cpu(device):
    assert "chip" == device("jax", **jax([], platform="tpu")).gpu()
    assert "chip" == device("jax", **jax([], platform="METAL")).gpu()


class Driver:
    """libcuda.so.1 of a machine whose visible GPUs have these bus ids, and 80 bytes each."""

    def __init__(self, *buses, failing=()):
        self.buses, self.failing = buses, failing

    def __getattr__(self, name):
        if name not in ("cuInit", "cuDeviceGet", "cuDeviceGetPCIBusId", "cuDeviceTotalMem_v2"):
            raise AttributeError(name)
        return lambda *args: 100 if name in self.failing else getattr(self, f"_{name}")(*args)

    def _cuInit(self, flags):
        return 0

    def _cuDeviceGet(self, handle, number):
        handle._obj.value = 40 + number
        return 0 if number < len(self.buses) else 101

    def _cuDeviceGetPCIBusId(self, text, length, handle):
        text.value = self.buses[handle.value - 40].encode()
        return 0

    def _cuDeviceTotalMem_v2(self, size, handle):
        size._obj.value = 80 << 30
        return 0


def test_cudas_driver_names_the_gpu_that_the_backend_computes_on(device, monkeypatch):
    ours = device("tensorflow", **tensorflow([]))
    monkeypatch.setattr(ours.ctypes, "CDLL", lambda name: Driver("0000:65:00.0", "0000:17:00.0"))
    assert "0000:65:00.0" == ours.bus_id()
    made = jax([])
    chip = SimpleNamespace(local_hardware_id=1)
    assert "0000:17:00.0" == device("jax", **{**made, "devices": lambda: [chip]}).bus_id()
    chip.local_hardware_id = None
    assert "0000:65:00.0" == device("jax", **{**made, "devices": lambda: [chip]}).bus_id()


def test_without_cudas_driver_no_gpu_is_named(device, monkeypatch):
    ours = device("tensorflow", **tensorflow([]))

    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    for library in (
        missing,
        lambda name: Driver(),
        lambda name: Driver("a", failing=("cuInit",)),
        lambda name: Driver("a", failing=("cuDeviceGetPCIBusId", "cuDeviceTotalMem_v2")),
        lambda name: SimpleNamespace(cuInit=lambda flags: 0),
    ):
        monkeypatch.setattr(ours.ctypes, "CDLL", library)
        assert ours.bus_id() is None
        assert [True, False] == [ours.fits(size) for size in (2 << 30, (2 << 30) + 1)]


def test_images_stay_if_they_fit_half_of_a_pool_or_a_quarter_of_the_memory(device, monkeypatch):
    gpu = device("jax", **jax([], stats={"bytes_limit": 100}))
    assert [True, False] == [gpu.fits(size) for size in (50, 51)]
    assert not device("jax", **jax([], stats=None)).fits(1)
    monkeypatch.setattr(gpu.ctypes, "CDLL", lambda name: Driver("0000:65:00.0"))
    assert [True, False] == [device("tensorflow", **tensorflow([])).fits(size) for size in (20 << 30, (20 << 30) + 1)]
    monkeypatch.setattr(gpu.cgroup, "memory", lambda: 40)
    assert [True, False] == [device("jax", **jax([], platform="cpu")).fits(size) for size in (10, 11)]


def test_threads_are_tensorflows_setting_or_the_processors_of_the_process(device, monkeypatch):
    ours = device("tensorflow", **tensorflow([], threads=5))
    assert 5 == ours.threads()
    monkeypatch.setattr(ours.os, "sched_getaffinity", lambda process: {0, 2, 3}, raising=False)
    for name, attributes in ("tensorflow", tensorflow([])), ("jax", jax([])), ("torch", {}):
        assert 3 == device(name, **attributes).threads()


def test_plain_float32_is_set_and_reset(device):
    calls = []
    with device("tensorflow", **tensorflow(calls)).plain_float32():
        calls.append("work")
    assert ["TF32 False", "work", "TF32 True"] == calls
    calls.clear()
    with device("jax", **jax(calls)).plain_float32():
        calls.append("work")
    assert ["highest", "work"] == calls
    with device("torch").plain_float32():
        pass


@pytest.mark.parametrize(
    ("expected", "name", "attributes"),
    [
        (True, "tensorflow", tensorflow([])),
        (False, "tensorflow", tensorflow([], tf32=False)),
        (False, "tensorflow", tensorflow([], capability=(7, 5))),
        (None, "tensorflow", tensorflow([], gpus=())),
        (True, "jax", jax([])),
        (True, "jax", jax([], capability="10.0", products="tensorfloat32")),
        (True, "jax", jax([], products="TF32_TF32_F32")),
        (False, "jax", jax([], products="highest")),
        (False, "jax", jax([], products="BF16_BF16_F32")),
        (False, "jax", jax([], capability="7.5")),
        (False, "jax", jax([], capability="gfx90a")),
        (None, "jax", jax([], platform="cpu")),
        (None, "torch", {}),
    ],
)
def test_tf32_is_true_if_the_gpu_has_it_and_the_backend_allows_it(device, expected, name, attributes):
    assert expected is device(name, **attributes).tf32()


def test_tf32_is_false_on_tensorflow_if_nvidias_libraries_are_told_not_to_use_it(device, monkeypatch):
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    assert False is device("tensorflow", **tensorflow([])).tf32()
    assert True is device("jax", **jax([])).tf32(), "XLA's own kernels do not read the variable"


def test_a_function_is_compiled_by_the_backend_if_it_can(device):
    assert "graph of f, False" == device("tensorflow", function=lambda function, autograph: f"graph of {function}, {autograph}").compiled(
        "f"
    )
    assert "program of f" == device("jax", jit=lambda function: f"program of {function}").compiled("f")
    assert "f" == device("torch").compiled("f")


def test_the_peak_is_the_memory_taken_since_the_reset(device):
    ours = device("torch")
    if sys.platform != "linux":
        pytest.skip("this system does not report a process's peak memory")
    large = bytearray(300_000_000)
    high = ours.peak_bytes()["host"]
    del large
    ours.reset_peak()
    assert 100_000_000 < ours.peak_bytes()["host"] < high - 200_000_000
