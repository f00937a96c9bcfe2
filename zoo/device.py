"""The device under Keras: what it is, how to wait for it, and how much memory it took.

The only file outside the epochs that knows which backend runs.
"""

import os
from contextlib import contextmanager

import keras


def backend():
    """Name of the running backend: 'tensorflow', 'jax' or another that Keras knows."""
    return keras.backend.backend()


def gpu():
    """The GPU's model as its driver names it, or None where the backend computes on the CPU."""
    if backend() == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_physical_devices("GPU")
        return tf.config.experimental.get_device_details(found[0]).get("device_name", "GPU") if found else None
    if backend() == "jax":
        import jax

        device = jax.devices()[0]
        return device.device_kind if device.platform == "gpu" else None
    return None


def drain():
    """Wait until everything that was handed to the device is done."""
    if backend() == "tensorflow":
        import tensorflow as tf

        tf.test.experimental.sync_devices()
    elif backend() == "jax":
        import jax

        # A device runs in order: what is handed over last is done last.
        (jax.device_put(0.0) + 0).block_until_ready()


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
    """Forget the peak of the process's memory, so that the next ``peak_bytes`` is of what follows."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:  # not Linux, or not allowed: the peak is then of the whole process
        pass
    if gpu() and backend() == "tensorflow":
        import tensorflow as tf

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

        peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    elif gpu() and backend() == "jax":
        import jax

        peak = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    return {"host": host, "gpu": peak}


def fits(images):
    """Whether so many bytes of images may stay on the device: in half of a GPU's memory, or a quarter of the machine's."""
    if not gpu():
        return images <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4
    if backend() == "jax":
        import jax

        return images <= (jax.devices()[0].memory_stats() or {}).get("bytes_limit", 0) // 2
    return images <= 2 << 30  # TensorFlow does not tell
