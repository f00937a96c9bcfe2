"""What this machine is: the folder that its records go to, and the facts that are stored with them.

The folder names device, backend and precision, never a version: versions are what people upgrade,
and the upgrade must be judged. Of a processor it names the instruction set, too: virtual machines have the same
processor with and without AMX, at several times the speed. Host names and clock rates change without a meaning.
"""

import contextlib
import functools
import os
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from baselines import child, gpus
from baselines.processor import processor
from zoo import quiet, settings

PRECISIONS = ("float32", "mixed_bfloat16")
SHARED = 0.15  # processors kept busy by other programs, above which a training is stored without times
# Signs of a device that a backend may compute on. Not /dev/nvidia0: a container that was given another GPU does not have it.
ACCELERATORS = ("/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/kfd", "/dev/dxg", "/dev/accel0")
PACKAGES = ("tensorflow", "tensorflow-cpu", "jax", "jaxlib", "keras", "numpy", "scipy", "keras-tuner", "pytest-benchmark")


def compute_in(precision):
    """Set the precision of every network that is built from now on, as Keras names it."""
    import keras

    keras.config.set_dtype_policy(precision)


def backend():
    """Name of the backend that Keras uses or would use; imports nothing."""
    if "keras" in sys.modules:
        return sys.modules["keras"].backend.backend()
    return settings.backend()


@functools.cache
def unused():
    """Who used each GPU before this process did: as gpus.uses gives it, empty where no GPU is."""
    return gpus.uses() if accelerated() else {}


def import_keras():
    """Import Keras and its backend, having looked at who uses the GPUs."""
    unused()
    quiet.import_keras()


@functools.cache
def accelerated():
    """Whether there may be a GPU, so that only a backend can tell what it computes on."""
    return platform.system() == "Darwin" or any(map(os.path.exists, ACCELERATORS))


@functools.cache
def gpu():
    """{'model', 'bus', 'memory', 'driver'} of the GPU that Keras computes on, or None; all but the model may be None.

    Imports the backend where there may be a GPU, and takes the model from it: nvidia-smi would name a whole GPU
    where CUDA has a part of one.
    """
    if not accelerated():
        return None
    from zoo.training import device

    name = device.gpu()
    if name is None:
        return None
    if platform.system() == "Darwin":  # there, every GPU is called METAL
        name = f"{processor()['model']} {name}"
    bus = device.bus_id()
    return {"model": name, "bus": bus, **gpus.about(bus)}


def folder(precision):
    """The folder's name: device_backend_precision, such as nvidia-h200_jax_float32 or intel-xeon-6.207-2cores-amx_jax_float32."""
    if found := gpu():
        chip = _slug(found["model"])
    else:
        cpu = processor()
        chip = _slug(f"{cpu['model']} {cpu['family']} {cpu['cores']:g}cores {cpu['instructions'] or ''}")
    return f"{chip}_{backend()}_{precision}"


def _slug(text):
    text = re.sub(r"\((R|TM)\)|@.*?Hz|\bCPU\b|\bProcessor\b", " ", text, flags=re.IGNORECASE)
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")


def info():
    """What pytest-benchmark stores as machine_info: processor, GPU, system, library versions, rounding of products."""
    return {
        "processor": processor(),
        "gpu": gpu(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "backend": backend(),
        "versions": versions(),
        "tf32": tf32(),
    }


def tf32():
    """Whether products of float32 are rounded to TensorFloat-32; None on a CPU."""
    if gpu() is None:
        return None
    from zoo.training import device

    return device.tf32()


def conditions(precision):
    """What a record says of the machine, once Keras is imported: a dict of the fields of baselines.record."""
    from zoo.training import device

    return {
        "machine": folder(precision),
        "backend": backend(),
        "instructions": processor()["instructions"],
        "threads": device.threads(),
        "tf32": tf32(),
        "python": platform.python_version(),
        "versions": versions(),
    }


def folder_and_info(precision):
    """(folder, info), from a child where only a backend can tell, since a backend may take all memory of a GPU."""
    if not accelerated():
        return folder(precision), info()
    answer = child.answer("machine", "--precision", precision)
    return answer["folder"], answer["info"]


@functools.cache  # it reads as many files, and is asked for each stored record
def versions():
    """Package name -> installed version, for each of PACKAGES that is installed."""
    found = {}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def alone(load):
    """Whether a training had the machine to itself, so that its times count; ``load`` is what ``others`` returned."""
    return (load["others"] is None or load["others"] <= SHARED) and not load.get("gpu_others")


def without_gpu():
    """What a session says where it computes on the CPU: whether there is a GPU that the backend cannot use, too."""
    found = gpus.uses() if accelerated() else {}
    if not found:
        return "no GPU found: the cells are trained on the CPU"
    package = {"tensorflow": "tensorflow[and-cuda]", "jax": "jax[cuda12]"}.get(backend(), backend())
    return (
        f"{backend()} CANNOT USE THE GPU that nvidia-smi shows ({', '.join(found)}): the cells are trained on the CPU; install {package},"
        " or see CUDA_VISIBLE_DEVICES and JAX_PLATFORMS"
    )


class Reading(NamedTuple):
    """How busy the machine has been so far."""

    busy: float | None  # seconds of all processors together, or None where the system does not tell
    own: float  # of these, this process's and its children's
    elapsed: float
    gpus: list  # what gpus.uses gave since


def look(reading):
    """Look at who uses the GPU, between two epochs: not more often than twice a minute, since a program has to be started for it."""
    if unused() and os.times().elapsed > reading.elapsed + 30 * len(reading.gpus):
        reading.gpus.append(gpus.uses())


def others(before=None):
    """How busy other programs keep the machine: call it for a reading, and later with that reading for the averages since.

    Returns:
        Without ``before``, a Reading. With it, {'others': processors that other programs kept busy on average,
        'gpu_others': number of other programs that used the GPU, 'loadavg': the system's load over the last minute}. The first
        is None where the system does not tell, the second where the GPU's driver does not, or without a GPU.
    """
    try:
        fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    except (OSError, ValueError):
        fields = None
    tick, own = os.sysconf("SC_CLK_TCK"), os.times()
    # user, nice, system, idle, iowait, irq, softirq, steal: everything but idle and iowait is work
    busy = None if fields is None else (sum(fields[:8]) - fields[3] - fields[4]) / tick
    reading = Reading(busy, own.user + own.system + own.children_user + own.children_system, own.elapsed, [])
    if before is None:
        return reading
    share = None
    if busy is not None and reading.elapsed > before.elapsed:
        share = round(max(0.0, ((busy - before.busy) - (reading.own - before.own)) / (reading.elapsed - before.elapsed)), 3)
    return {"others": share, "gpu_others": _gpu_others(before.gpus), "loadavg": os.getloadavg()[0]}


def _gpu_others(seen):
    found = gpu() if unused() else None
    if found is None or found["bus"] is None or "MIG" in found["model"]:  # a part of a GPU has its processors and memory to itself
        return None
    return gpus.others(found["bus"], unused(), [*seen, gpus.uses()])
