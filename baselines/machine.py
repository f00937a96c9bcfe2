"""What this machine is: the folder that its records go to, and the facts that are stored with them.

The folder names device, backend and precision, never a version: versions are what people upgrade,
and the upgrade must be judged. Of a processor it names the instruction set, too: virtual machines have the same
processor with and without AMX, at several times the speed. Host names and clock rates change without a meaning.
"""

import contextlib
import functools
import json
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from baselines import child
from zoo.quiet import import_keras  # noqa: F401

PRECISIONS = ("float32", "mixed_bfloat16")
SHARED = 0.15  # processors kept busy by other programs, above which a training is stored without times
ACCELERATORS = ("/dev/nvidia0", "/dev/kfd", "/dev/dxg", "/dev/accel0")  # signs of a device that a backend may compute on
PACKAGES = ("tensorflow", "tensorflow-cpu", "jax", "jaxlib", "keras", "numpy", "scipy", "keras-tuner", "pytest-benchmark")
INSTRUCTIONS = {  # flag of /proc/cpuinfo -> instruction set that computes matrix products, the strongest first
    "amx_bf16": "amx",
    "avx512_bf16": "avx512bf16",
    "avx512f": "avx512",
    "avx2": "avx2",
    "bf16": "bf16",  # this and the next are ARM's
    "sve": "sve",
}


def compute_in(precision):
    """Set the precision of every network that is built from now on, as Keras names it."""
    import keras

    keras.config.set_dtype_policy(precision)


def backend():
    """Name of the backend that Keras uses or would use, from $KERAS_BACKEND, else keras.json; imports nothing."""
    if "keras" in sys.modules:
        return sys.modules["keras"].backend.backend()
    if name := os.environ.get("KERAS_BACKEND"):
        return name
    home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    try:
        return json.loads((home / "keras.json").read_text(encoding="utf-8")).get("backend") or "tensorflow"
    except (OSError, ValueError, AttributeError):
        return "tensorflow"


@functools.cache
def processor():
    """{'model', 'family', 'cores', 'instructions', 'memory'} of the processor: str, str, int, str or None, and bytes."""
    fields = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    flags = fields.get("flags", fields.get("Features", "")).split()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "model": fields.get("model name") or platform.processor() or platform.machine(),
        "family": f"{fields.get('cpu family', '?')}.{fields.get('model', '?')}",
        "cores": cores,
        "instructions": next((name for flag, name in INSTRUCTIONS.items() if flag in flags), None),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }


@functools.cache
def accelerated():
    """Whether there may be a GPU, so that only a backend can tell what it computes on."""
    return platform.system() == "Darwin" or any(map(os.path.exists, ACCELERATORS))


@functools.cache
def gpu():
    """{'model', 'memory', 'driver'} of the first GPU that Keras computes on, as its driver describes it, or None.

    Imports the backend where there may be a GPU.
    """
    if not accelerated():
        return None
    from zoo.training import device

    name = device.gpu()
    if name is None:
        return None
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        answer = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True).stdout.splitlines()[0]
        return dict(zip(("model", "memory", "driver"), (part.strip() for part in answer.split(",")), strict=True))
    return {"model": name, "memory": None, "driver": None}


def folder(precision):
    """The folder's name: device_backend_precision, such as nvidia-h200_jax_float32 or intel-xeon-6.207-2cores-amx_jax_float32."""
    if found := gpu():
        chip = _slug(found["model"])
    else:
        cpu = processor()
        chip = _slug(f"{cpu['model']} {cpu['family']} {cpu['cores']}cores {cpu['instructions'] or ''}")
    return f"{chip}_{backend()}_{precision}"


def _slug(text):
    text = re.sub(r"\((R|TM)\)|@.*?Hz|\bCPU\b|\bProcessor\b", " ", text, flags=re.IGNORECASE)
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")


@functools.cache
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


def versions():
    """Package name -> installed version, for each of PACKAGES that is installed."""
    found = {}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def alone(load):
    """Whether a training had the machine to itself, so that its times count; ``load`` is what ``others`` returned."""
    return load["others"] is None or load["others"] <= SHARED


def others(before=None):
    """How busy other programs keep the machine: call it for a reading, and later with that reading for the averages since.

    Returns:
        Without ``before``, a reading. With it, {'others': processors that other programs kept busy on average,
        'gpu_others', 'loadavg': the system's load over the last minute}. 'others' is None where the system does not tell.
    """
    try:
        fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    except (OSError, ValueError):
        fields = None
    tick, own = os.sysconf("SC_CLK_TCK"), os.times()
    # user, nice, system, idle, iowait, irq, softirq, steal: everything but idle and iowait is work
    busy = None if fields is None else (sum(fields[:8]) - fields[3] - fields[4]) / tick
    reading = (busy, own.user + own.system + own.children_user + own.children_system, own.elapsed)
    if before is None:
        return reading
    share = None
    if busy is not None and reading[2] > before[2]:
        share = round(max(0.0, ((reading[0] - before[0]) - (reading[1] - before[1])) / (reading[2] - before[2])), 3)
    return {"others": share, "gpu_others": None, "loadavg": os.getloadavg()[0]}
