"""Which machine a record is filed under: processors, quotas and GPUs by what they are, and who else uses them."""

import os
import sys
from types import SimpleNamespace

import pytest

from baselines import gpus, machine, options, times
from baselines import record as records
from baselines.processor import processor
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
A, B = "00000000:17:00.0", "00000000:65:00.0"
SMI = """#!{python}
import sys
answers = {answers!r}
query, *rest = sys.argv[1:]
lines = answers[query.partition("=")[0]]
if "-i" in rest:
    lines = {{bus: line for bus, line in lines.items() if bus.endswith(rest[-1][4:])}}
    lines or sys.exit("No devices were found")
names = query.partition("=")[2].split(",")
for bus, line in lines.items():
    for one in line if isinstance(line, list) else [line]:
        line = ", ".join(one[name] for name in names)
        print(line.replace(" MiB", "") if "nounits" in " ".join(rest) else line)
"""


@pytest.fixture
def read(monkeypatch):
    """A function: the chip in the folder's name, of a machine with that /proc/cpuinfo, system and processors."""

    def name(cpuinfo, system="Linux", cores=4, arch="aarch64"):
        with monkeypatch.context() as patch:
            patch.setattr("baselines.processor.Path.read_text", lambda path, **options: cpuinfo)
            patch.setattr("baselines.processor.platform", SimpleNamespace(system=lambda: system, machine=lambda: arch))
            patch.setattr("baselines.processor.cgroup", SimpleNamespace(processors=lambda: cores, memory=lambda: 1))
            found = processor.__wrapped__()
            patch.setattr(machine, "processor", lambda: found)
            patch.setattr(machine, "gpu", lambda: None)
            return machine.folder("float32").rsplit("_", 2)[0]

    return name


def arm(implementer, *parts):
    return "".join(
        f"processor\t: {i}\nFeatures\t: fp asimd sve\nCPU implementer\t: {implementer}\nCPU part\t: {p}\n" for i, p in enumerate(parts)
    )


def test_arm_processors_are_told_apart_by_implementer_and_part(read):
    assert "aarch64-0x41.0xd40-4cores-sve" == read(arm("0x41", "0xd40", "0xd40"))
    assert "aarch64-0x48.0xd01-4cores-sve" == read(arm("0x48", "0xd01"))
    big_little = read(arm("0x41", "0xd85", "0xd87"))
    assert "aarch64-0x41.0xd85-0xd87-4cores-sve" == big_little == read(arm("0x41", "0xd87", "0xd85"))


def test_apples_processors_have_their_brands_name(read, monkeypatch, tmp_path):
    sysctl = tmp_path / "sysctl"
    sysctl.write_text('#!/bin/sh\n[ "$*" = "-n machdep.cpu.brand_string" ] && echo "Apple M1 Pro"\n')
    sysctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert "apple-m1-pro-10cores" == read("", system="Darwin", cores=10, arch="arm64")


def test_the_folders_of_x86_machines_keep_their_names(read):
    cpuinfo = "model name\t: Intel(R) Xeon(R) Processor @ 2.10GHz\ncpu family\t: 6\nmodel\t\t: 207\nflags\t\t: avx2 avx512f\n"
    assert "intel-xeon-6.207-2cores-avx512" == read(cpuinfo, cores=2, arch="x86_64")
    assert "amd-epyc-25.17-2cores-avx512bf16" == read(
        "model name\t: AMD EPYC\ncpu family\t: 25\nmodel\t\t: 17\nflags\t\t: avx512f avx512_bf16\n", cores=2
    )


def test_a_quota_counts_as_cores(read, monkeypatch):
    assert "aarch64-0x41.0xd40-0.5cores-sve" == read(arm("0x41", "0xd40"), cores=0.5)
    assert "aarch64-0x41.0xd40-12.75cores-sve" == read(arm("0x41", "0xd40"), cores=12.75)
    monkeypatch.setattr(machine, "accelerated", lambda: False)
    config = SimpleNamespace(args_source=1, ArgsSource=SimpleNamespace(TESTPATHS=1), option=SimpleNamespace(markexpr="quick", capture="fd"))
    for cores, workers in (0.1, 1), (1, 1), (2.5, 2), (64, 4):
        monkeypatch.setattr(machine, "processor", lambda cores=cores: {"cores": cores})
        assert workers == options.workers(config)


@pytest.fixture
def smi(monkeypatch, tmp_path):
    """A function that puts an nvidia-smi on the path: of each GPU, its processes, utilisation and used memory."""

    def put(**answers):
        gpu = {"memory.total": "1000 MiB", "driver_version": "570.1", "utilization.gpu": "0", "memory.used": "5"}
        devices = {bus: {**gpu, "pci.bus_id": bus, **answers.get(name, {})} for name, bus in (("a", A), ("b", B))}
        devices[B] |= {"memory.total": "2000 MiB"}
        apps = {bus: [{"gpu_bus_id": bus, "pid": str(pid)} for pid in devices[bus].pop("pids", ())] for bus in devices}
        numbers = {"--query-gpu": devices, "--query-compute-apps": apps}
        program = tmp_path / "nvidia-smi"
        program.write_text(SMI.format(python=sys.executable + " -SE", answers=numbers))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return put


@pytest.fixture
def computes_on(monkeypatch):
    """A function that lets the backend compute on a GPU, with its name and bus id as CUDA gives it."""

    def pretend(name, bus):
        from zoo.training import device

        monkeypatch.setattr(machine, "accelerated", lambda: True)
        monkeypatch.setattr(device, "gpu", lambda: name)
        monkeypatch.setattr(device, "bus_id", lambda: bus)
        monkeypatch.setattr(machine, "gpu", machine.gpu.__wrapped__)
        monkeypatch.setattr(machine, "unused", lambda before=gpus.uses(): before)  # noqa: B008

    return pretend


def test_of_two_gpus_the_one_that_keras_computes_on_is_described(smi, computes_on):
    smi()
    computes_on("NVIDIA B", "0000:65:00.0")
    assert {"model": "NVIDIA B", "bus": "0000:65:00.0", "memory": "2000 MiB", "driver": "570.1"} == machine.gpu()
    assert machine.folder("float32").startswith("nvidia-b_")


def test_where_cuda_does_not_tell_which_gpu_it_is_nothing_is_guessed(smi, computes_on):
    smi()
    computes_on("NVIDIA B", None)
    assert {"model": "NVIDIA B", "bus": None, "memory": None, "driver": "570.1"} == machine.gpu()
    assert machine.others(machine.others())["gpu_others"] is None


def test_without_nvidia_smi_a_gpu_has_the_backends_name(monkeypatch, tmp_path, computes_on):
    monkeypatch.setenv("PATH", str(tmp_path))
    computes_on("gfx90a", None)
    assert {"model": "gfx90a", "bus": None, "memory": None, "driver": None} == machine.gpu()


def test_every_gpu_of_a_mac_has_the_chips_name(monkeypatch, computes_on):
    computes_on("METAL", None)
    monkeypatch.setattr(machine.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(machine, "processor", lambda: {"model": "Apple M3"})
    assert "Apple M3 METAL" == machine.gpu()["model"]


ME = os.getpid()


@pytest.mark.parametrize(
    ("expected", "before", "after"),
    [
        (0, {}, {"pids": [ME]}),
        (0, {}, {"pids": [4711]}),  # in a container, where this process has another id
        (0, {}, {}),  # in a container that sees no processes
        (1, {"pids": [9]}, {"pids": [9, ME]}),
        (1, {"pids": [9]}, {"pids": [9, 4711]}),
        (1, {"pids": [9]}, {"pids": [ME]}),  # ended meanwhile
        (2, {}, {"pids": [8, 9, ME]}),  # began meanwhile
        (1, {"utilization.gpu": "80"}, {"pids": [ME], "utilization.gpu": "100"}),  # of another container
        (1, {"memory.used": "800"}, {}),
        (0, {"utilization.gpu": "[N/A]", "memory.used": "[N/A]"}, {"pids": [ME]}),
    ],
)
def test_programs_that_use_the_same_gpu_are_counted(smi, computes_on, expected, before, after):
    smi(a={"pids": [5, 6], "utilization.gpu": "100"}, b=before)
    computes_on("NVIDIA B", "0000:65:00.0")
    reading = machine.others()
    smi(a={"pids": [5, 6, 7]}, b=after)
    load = machine.others(reading)
    assert expected == load["gpu_others"]
    assert machine.alone({**load, "others": 0.0}) == (expected == 0)


def test_programs_that_come_and_go_between_two_epochs_are_seen(smi, computes_on, monkeypatch):
    smi()
    computes_on("NVIDIA B", "0000:65:00.0")
    reading = machine.others()._replace(elapsed=os.times().elapsed - 40)
    smi(b={"pids": [9, ME]})
    machine.look(reading._replace(elapsed=os.times().elapsed))
    smi(b={"pids": [ME]})
    assert 0 == machine.others(reading)["gpu_others"], "a look so soon would cost time"
    smi(b={"pids": [9, ME]})
    machine.look(reading)
    smi(b={"pids": [ME]})
    assert 1 == machine.others(reading)["gpu_others"]


def test_a_part_of_a_gpu_is_not_shared_with_the_other_parts(smi, computes_on):
    smi(b={"pids": [8, 9, ME]})
    computes_on("NVIDIA A100-SXM4-40GB MIG 3g.20gb", "0000:65:00.0")
    assert machine.others(machine.others())["gpu_others"] is None
    assert machine.folder("float32").startswith("nvidia-a100-sxm4-40gb-mig-3g.20gb_")


def test_a_gpu_that_the_backend_cannot_use_is_named(smi, monkeypatch, tmp_path):
    smi()
    monkeypatch.setattr(machine, "backend", lambda: "tensorflow")
    monkeypatch.setattr(machine, "accelerated", lambda: True)
    assert f"tensorflow CANNOT USE THE GPU that nvidia-smi shows ({A[4:]}, {B[4:]})" in machine.without_gpu()
    assert "install tensorflow[and-cuda]," in machine.without_gpu()
    (tmp_path / "nvidia-smi").unlink()
    assert "no GPU found: the cells are trained on the CPU" == machine.without_gpu()


def test_a_container_with_another_gpu_than_the_first_has_one(monkeypatch):
    if machine.platform.system() == "Darwin":
        pytest.skip("every Mac may have one")
    for there, expected in ("/dev/nvidiactl", True), ("/dev/null", False):
        monkeypatch.setattr(machine.os.path, "exists", lambda path, there=there: path == there)
        assert expected == machine.accelerated.__wrapped__()


def test_without_a_gpu_nvidia_smi_is_not_started(monkeypatch):
    monkeypatch.setattr(machine, "accelerated", lambda: False)
    monkeypatch.setattr(gpus, "_ask", lambda *args, **options: pytest.fail("nvidia-smi was started"))
    machine.unused.cache_clear()
    reading = machine.others()
    machine.look(reading)
    assert machine.others(reading)["gpu_others"] is None


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        ({"load.gpu_others": 1}, "1 other program used the GPU; its time is not judged"),
        ({"load.gpu_others": 2, "others": None}, "2 other programs used the GPU; its time is not judged"),
        ({"others": 0.5}, "other programs kept 0.5 processors busy; its time is not judged"),
        ({"others": None}, "other programs kept the machine busy; its time is not judged"),
    ],
)
def test_a_verdict_names_what_a_training_shared_its_machine_with(load, reason):
    made = records.without_times(fake_training.record(**load))
    assert f"UNSTABLE: {reason}" == str(times.costs(made, [], 1))
