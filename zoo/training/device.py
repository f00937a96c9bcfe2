"""The device under Keras: what it is, how to wait for it, and how much memory it took.

The only file beside the epoch files that knows the backend.
"""

import ctypes
import os
from contextlib import contextmanager, suppress

import keras

from zoo.training import cgroup


def backend():
    """Name of the running backend: 'tensorflow', 'jax' or another that Keras knows."""
    return keras.backend.backend()


def gpu():
    """The model of the GPU, or of another accelerator, as its driver names it, or None where the backend computes on the CPU."""
    if backend() == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_physical_devices("GPU")
        return tf.config.experimental.get_device_details(found[0]).get("device_name", "GPU") if found else None
    if backend() == "jax":
        device = _jax_device()
        return device.device_kind if device.platform != "cpu" else None
    return None


def _jax_device():
    """The device that JAX computes on unless told otherwise."""
    import jax

    return jax.devices()[0]


def bus_id():
    """PCI bus id of that GPU, such as 0000:65:00.0, or None where CUDA does not tell.

    CUDA's driver is asked in this process, since it alone knows which GPU comes first: that follows from CUDA_VISIBLE_DEVICES,
    which may hold numbers, UUIDs or their beginnings, and parts of GPUs, and from CUDA_DEVICE_ORDER.
    """
    text = ctypes.create_string_buffer(32)
    return text.value.decode() if _asked("cuDeviceGetPCIBusId", text, len(text)) else None


def _memory():
    """Bytes of that GPU's memory, or None where CUDA does not tell."""
    size = ctypes.c_size_t()
    return size.value if _asked("cuDeviceTotalMem_v2", ctypes.byref(size)) else None


def _asked(function, *args):
    """Call a function of CUDA's driver with these arguments and the GPU that the backend computes on; whether it succeeded."""
    number, handle = 0, ctypes.c_int()  # TensorFlow computes on the first GPU
    if backend() == "jax":
        number = getattr(_jax_device(), "local_hardware_id", None) or 0
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        failed = driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(handle), number) or getattr(driver, function)(*args, handle)
        return not failed
    except (OSError, AttributeError):  # no such library, or no such function
        return False


def drain():
    """Wait until everything that was handed to the device is done."""
    if backend() == "tensorflow":
        import tensorflow as tf

        tf.test.experimental.sync_devices()
    elif backend() == "jax":
        import jax

        # A device works in order: what is handed over last is done last.
        (jax.device_put(0.0) + 0).block_until_ready()


def compiled(function):
    """The function, compiled by tf.function or jax.jit; unchanged on any other backend."""
    if backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)
    if backend() == "jax":
        import jax

        return jax.jit(function)
    return function


def in_place(function, times):
    """A compiled function that applies a function to a tensor N times, in the tensor's own memory: the tensor passed is lost.

    With new memory for each result, a CPU would be timed at handing out pages, which takes ten times as long as filling them.
    """
    if backend() == "jax":
        import jax

        once = jax.jit(function, donate_argnums=0)  # XLA runs the body of a loop on one core

        def after_itself(tensor):
            for _ in range(times):
                tensor = once(tensor)
            return tensor

        return after_itself
    return compiled(lambda tensor: keras.ops.fori_loop(0, times, lambda turn, tensor: function(tensor), tensor))


def tf32():
    """Whether products of float32 are rounded to TensorFloat-32; None on a CPU and on other backends than TensorFlow and JAX."""
    if backend() not in ("tensorflow", "jax") or not gpu():
        return None
    if backend() == "tensorflow":
        import tensorflow as tf

        details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
        able = details.get("compute_capability", (0, 0)) >= (8, 0) and os.environ.get("NVIDIA_TF32_OVERRIDE") != "0"
        return able and tf.config.experimental.tensor_float_32_execution_enabled()
    import jax

    # '9.0' for NVIDIA; other vendors use another form
    major = str(getattr(_jax_device(), "compute_capability", "")).partition(".")[0]
    precision = jax.config.jax_default_matmul_precision
    allowed = precision in (None, "default", "high", "bfloat16", "tensorfloat32") or precision.startswith("TF32")
    return major.isdigit() and int(major) >= 8 and allowed


def threads():
    """Number of threads that the backend computes one operation with."""
    if backend() == "tensorflow":
        import tensorflow as tf

        if count := tf.config.threading.get_intra_op_parallelism_threads():
            return count
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@contextmanager
def plain_float32():
    """Products of float32 keep its 24 bits: without this a GPU rounds what it multiplies to TensorFloat-32's 11."""
    if backend() == "tensorflow":
        import tensorflow as tf

        before = tf.config.experimental.tensor_float_32_execution_enabled()
        tf.config.experimental.enable_tensor_float_32_execution(False)
        try:
            yield
        finally:
            tf.config.experimental.enable_tensor_float_32_execution(before)
    elif backend() == "jax":
        import jax

        with jax.default_matmul_precision("highest"):
            yield
    else:
        yield


def reset_peak():
    """Reset the process's peak memory, so that the next ``peak_bytes`` covers only what follows."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:  # not Linux, or not allowed: the peak is then of the whole process
        pass
    if gpu() and backend() == "tensorflow":
        import tensorflow as tf

        with suppress(tf.errors.OpError, ValueError):  # not every allocator keeps statistics
            tf.config.experimental.reset_memory_stats("GPU:0")


def peak_bytes():
    """Peak memory since ``reset_peak``: {'host': bytes or None, 'gpu': bytes or None}.

    On JAX a GPU's peak is of the whole process, since it cannot be reset.
    """
    host = peak = None
    try:
        with open("/proc/self/status") as file:
            host = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        pass
    if gpu() and backend() == "tensorflow":
        import tensorflow as tf

        with suppress(tf.errors.OpError, ValueError):
            peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    elif gpu() and backend() == "jax":
        peak = (_jax_device().memory_stats() or {}).get("peak_bytes_in_use")
    return {"host": host, "gpu": peak}


def fits(size):
    """Whether images of ``size`` bytes may stay on the device.

    In a quarter of the memory that this process may use, or in half of JAX's pool on a GPU; TensorFlow does not tell how
    large its own is, and a quarter of the GPU's memory is taken.
    """
    if not gpu():
        return size <= cgroup.memory() // 4
    if backend() == "jax":
        return size <= (_jax_device().memory_stats() or {}).get("bytes_limit", 0) // 2
    total = _memory()
    return size <= (2 << 30 if total is None else total // 4)
