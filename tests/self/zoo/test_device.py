"""What is asked of a device, with backends that only pretend to have one: no GPU is needed to get it right."""

import sys
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import pytest

pytestmark = pytest.mark.self


@pytest.fixture
def device(monkeypatch):
    """zoo.device with a function that takes a backend's place: its name, and a module with these attributes."""
    from zoo.training import device

    def pretend(name, **attributes):
        module = ModuleType(name)
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, name, module)
        monkeypatch.setattr(device.keras.backend, "backend", lambda: name)
        return device

    return pretend


def tensorflow(asked, gpus=("GPU:0",), capability=(9, 0), tf32=True, threads=0):
    experimental = SimpleNamespace(
        tensor_float_32_execution_enabled=lambda: tf32,
        enable_tensor_float_32_execution=lambda on: asked.append(f"TF32 {on}"),
        get_device_details=lambda found: {"device_name": f"chip of {found}", "compute_capability": capability},
        reset_memory_stats=lambda name: asked.append(f"reset {name}"),
        get_memory_info=lambda name: {"peak": 7, "current": 3},
    )
    return {
        "config": SimpleNamespace(
            list_physical_devices=lambda kind: list(gpus) if kind == "GPU" else [],
            experimental=experimental,
            threading=SimpleNamespace(get_intra_op_parallelism_threads=lambda: threads),
        ),
        "test": SimpleNamespace(experimental=SimpleNamespace(sync_devices=lambda: asked.append("sync"))),
    }


class Array:
    """What JAX puts on a device."""

    def __init__(self, asked):
        self.asked = asked

    def __add__(self, number):
        self.asked.append("add")
        return self

    def block_until_ready(self):
        self.asked.append("block")


def jax(asked, platform="gpu", stats=None, capability="9.0", products=None):
    chip = SimpleNamespace(device_kind="chip", platform=platform, memory_stats=lambda: stats, compute_capability=capability)
    config = SimpleNamespace(jax_default_matmul_precision=products)
    precision = contextmanager(lambda word: iter([asked.append(word)]))
    return {"config": config, "devices": lambda: [chip], "device_put": lambda value: Array(asked), "default_matmul_precision": precision}


def test_tensorflows_gpu_is_named_drained_and_its_peak_reset_and_read(device):
    asked = []
    ours = device("tensorflow", **tensorflow(asked))
    assert "chip of GPU:0" == ours.gpu()
    ours.drain()
    ours.reset_peak()
    assert ["sync", "reset GPU:0"] == asked
    assert 7 == ours.peak_bytes()["gpu"]


def test_jaxs_gpu_is_named_drained_and_its_peak_read(device):
    asked = []
    ours = device("jax", **jax(asked, stats={"peak_bytes_in_use": 9, "bytes_in_use": 1}))
    assert "chip" == ours.gpu()
    ours.drain()
    ours.reset_peak()
    assert ["add", "block"] == asked
    assert 9 == ours.peak_bytes()["gpu"]


def test_without_a_gpu_there_is_neither_a_name_nor_a_peak_of_it(device):
    asked = []
    for ours in device("tensorflow", **tensorflow(asked, gpus=())), device("jax", **jax(asked, platform="cpu", stats=None)):
        ours.reset_peak()
        assert (None, None) == (ours.gpu(), ours.peak_bytes()["gpu"])
    assert [] == asked
    assert (None, None) == (device("torch").gpu(), device("torch").drain())
    assert None is device("jax", **jax(asked, stats=None)).peak_bytes()["gpu"]


def test_images_stay_where_half_of_a_gpus_memory_or_a_quarter_of_the_machines_holds_them(device, monkeypatch):
    gpu = device("jax", **jax([], stats={"bytes_limit": 100}))
    assert [True, False] == [gpu.fits(size) for size in (50, 51)]
    assert not device("jax", **jax([], stats=None)).fits(1)
    assert [True, False] == [device("tensorflow", **tensorflow([])).fits(size) for size in (2 << 30, (2 << 30) + 1)]
    monkeypatch.setattr(gpu.os, "sysconf", {"SC_PAGE_SIZE": 4, "SC_PHYS_PAGES": 10}.get)
    assert [True, False] == [device("jax", **jax([], platform="cpu")).fits(size) for size in (10, 11)]


def test_an_operation_has_the_threads_that_tensorflow_was_told_or_the_processors_of_the_process(device, monkeypatch):
    ours = device("tensorflow", **tensorflow([], threads=5))
    assert 5 == ours.threads()
    monkeypatch.setattr(ours.os, "sched_getaffinity", lambda process: {0, 2, 3}, raising=False)
    for name, attributes in ("tensorflow", tensorflow([])), ("jax", jax([])), ("torch", {}):
        assert 3 == device(name, **attributes).threads()


def test_plain_float32_is_asked_for_and_taken_back(device):
    asked = []
    with device("tensorflow", **tensorflow(asked)).plain_float32():
        asked.append("work")
    assert ["TF32 False", "work", "TF32 True"] == asked
    asked.clear()
    with device("jax", **jax(asked)).plain_float32():
        asked.append("work")
    assert ["highest", "work"] == asked
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
def test_products_are_said_to_be_rounded_where_the_gpu_can_and_the_backend_lets_it(device, expected, name, attributes):
    assert expected is device(name, **attributes).tf32()


def test_a_function_is_compiled_as_the_backend_does_and_left_alone_by_others(device):
    assert "graph of f, False" == device("tensorflow", function=lambda function, autograph: f"graph of {function}, {autograph}").compiled(
        "f"
    )
    assert "program of f" == device("jax", jit=lambda function: f"program of {function}").compiled("f")
    assert "f" == device("torch").compiled("f")


def test_the_peak_of_the_process_is_what_it_took_since_the_reset(device):
    ours = device("torch")
    if sys.platform != "linux":
        pytest.skip("this system does not tell a process's peak")
    large = bytearray(300_000_000)
    high = ours.peak_bytes()["host"]
    del large
    ours.reset_peak()
    assert 100_000_000 < ours.peak_bytes()["host"] < high - 200_000_000
