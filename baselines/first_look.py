"""Look at the device that Keras computes on, before anything is measured on it: what it is, and whether it is used as meant."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from baselines import child, machine

SIZE = 1024  # rows and columns of the product that is checked
FLOAT32 = 1e-5  # relative error up to which a product keeps float32's bits; TensorFloat-32's is near 5e-4
HIDDEN = ("", "-1")  # of $CUDA_VISIBLE_DEVICES: the GPUs are hidden on purpose


def command(args):
    """Answer with {folder, info, lines, problem, next}; in a child. Returns the exit code 0."""
    machine.import_keras()
    machine.compute_in(args.precision)
    before, error = machine.others(), product_error()
    info, folder = machine.info(), machine.folder(args.precision)
    gpu, load = info["gpu"], machine.others(before)
    what = f"{gpu['model']}, {gpu['memory'] or _memory()}, driver {gpu['driver']}" if gpu else f"the CPU, {info['processor']['model']}"
    versions = ", ".join(f"{name} {info['versions'][name]}" for name in ("keras", "jax", "tensorflow") if name in info["versions"])
    rounds = "float32 keeps its 24 bits" if error < FLOAT32 else "float32 products are rounded to TensorFloat-32"
    lines = [f"{info['backend']} ({versions}) computes on {what}", f"a product's error is {error:.0e}: {rounds}"]
    lines += [f"other programs keep {load['others']:.2g} processors busy"] if load["others"] is not None else []
    lines += [others] if (others := _others_on_gpu()) else []
    problem = next_step = None
    if not gpu and (sign := _sign()):
        problem = f"{sign} is there, but {info['backend']} computes on the CPU"
        next_step = f"tox -e {'gpu-jax' if info['backend'] == 'jax' else 'gpu'}, or CUDA_VISIBLE_DEVICES= for a tour of the CPU"
    elif not error < 0.1:
        problem, next_step = f"a product is wrong: its relative error is {error}", "check the driver, and the GPU with another program"
    child.tell("device", folder=folder, info=info, lines=lines, problem=problem, next=next_step)
    return 0


def product_error():
    """Largest error of a float32 product on the device, as a share of the largest value."""
    import keras
    import numpy as np

    left, right = np.random.default_rng(0).standard_normal((2, SIZE, SIZE)).astype("float32")
    exact = left.astype("float64") @ right
    found = keras.ops.convert_to_numpy(keras.ops.matmul(left, right))
    return float(np.abs(found - exact).max() / np.abs(exact).max())


def _sign():
    """The sign of a GPU that nobody has hidden, or None."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in HIDDEN:
        return None
    return next((path for path in machine.ACCELERATORS if os.path.exists(path)), None)


def _memory():
    """A GPU's memory as JAX gives it, where the driver's own command is missing."""
    from zoo.training import device

    if device.backend() == "jax":
        import jax

        if limit := (jax.devices()[0].memory_stats() or {}).get("bytes_limit"):
            return f"{limit / 2**30:.0f} GiB for JAX"
    return "unknown memory"


def _others_on_gpu():
    """How many other processes compute on the GPUs, as nvidia-smi tells; None where there are none or it cannot tell."""
    query = ["nvidia-smi", "--query-compute-apps=pid", "--format=csv,noheader"]
    with suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True).stdout.split()
        others = {pid for pid in told if pid != str(os.getpid()) and not Path(f"/proc/self/task/{pid}").exists()}
        return f"{len(others)} other processes compute on the GPUs" if others else None
    return None
