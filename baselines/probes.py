"""Measure a machine's limits: matrix products, convolutions, memory, copies to the device, launches of programs.

Each probe is a step that the backend compiles, as it compiles the networks. A step takes the former step's
result, so that the last one is done when all are. About a second each; the device is drained before the
clock is read.
"""

import math
import time
from statistics import median

import numpy as np

MATRIX, GPU_MATRIX = 2048, 8192  # rows and columns; larger ones do not raise the rate
MAPS = (128, 32, 32, 64)  # NHWC, the convolution's input and output
MEMORY = 2**29  # bytes, twice the largest cache of the machines measured so far
IMAGES = 2**26  # bytes of a uint8 array, a third of CIFAR-10's
LEAST = 0.02  # least seconds of one timing, of which waiting for the device is under a hundredth


def limits(seconds):
    """Measure every limit.

    Args:
        seconds: how long each is repeated, three times at least.

    Returns:
        each key of roofline.LIMITS -> {'best', 'median', 'n'}: of n timings, in the unit that the key ends in.
    """
    found = {f"matmul_{precision}_flops_per_second": _rate(*_matmul(precision), seconds) for precision in ("float32", "bfloat16")}
    found |= {f"conv_{precision}_flops_per_second": _rate(*_conv(precision), seconds) for precision in ("float32", "bfloat16")}
    times = timings(*_launch(), seconds)
    return {
        **found,
        "memory_bytes_per_second": _rate(*_memory(), seconds),
        "host_to_device_bytes_per_second": _rate(*_host_to_device(), seconds),
        "launch_seconds": {"best": min(times), "median": median(times), "n": len(times)},
    }


def timings(step, value, seconds):
    """Seconds of one step, as often as it can be timed in that time, three times at least.

    Each step takes the former one's result, so that the last one is done when all are. One timing has enough steps
    that waiting for the device does not count. The first steps, which compile, are not timed.
    """
    from zoo.training import device

    def several(value, steps):
        start = time.perf_counter()
        for _ in range(steps):
            value = step(value)
        device.drain()
        return value, time.perf_counter() - start

    value, _ = several(value, 1)
    steps = 1
    value, taken = several(value, steps)
    while taken < LEAST:
        steps *= 2
        value, taken = several(value, steps)
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        value, taken = several(value, steps)
        times.append(taken / steps)
    return times


def _rate(work, step, value, seconds):
    rates = [work / each for each in timings(step, value, seconds)]
    return {"best": max(rates), "median": median(rates), "n": len(rates)}


def _normal(shape, precision, scale=1.0):
    """Random numbers, the same every time, that leave the session's own random state alone."""
    import keras

    return keras.ops.cast(keras.random.normal(shape, stddev=scale, seed=0), precision)


def _matmul(precision):
    """(FLOPs, step, first value) of a square product that keeps the size of its numbers."""
    import keras

    from zoo.training import device

    size = GPU_MATRIX if device.gpu() else MATRIX
    factor, product = _normal((size, size), precision, size**-0.5), device.compiled(keras.ops.matmul)
    return 2 * size**3, lambda value: product(value, factor), _normal((size, size), precision)


def _conv(precision):
    """(FLOPs, step, first value) of a 3x3 convolution, forward, that keeps shape and size of its numbers."""
    import keras

    from zoo.training import device

    channels = MAPS[-1]
    kernel = _normal((3, 3, channels, channels), precision, (9 * channels) ** -0.5)
    conv = device.compiled(lambda value, kernel: keras.ops.conv(value, kernel, padding="same", data_format="channels_last"))
    return 2 * math.prod(MAPS) * 9 * channels, lambda value: conv(value, kernel), _normal(MAPS, precision)


def _memory():
    """(bytes read and written, step, first value) of passes over an array, each of which changes all of it."""
    import keras

    from zoo.training import device

    passes = 8
    return 2 * MEMORY * passes, device.in_place(lambda value: -value, passes), keras.ops.ones((MEMORY // 4,), "float32")


def _host_to_device():
    """(bytes, step, first value) of a copy of images to the device."""
    import keras

    # From an odd address, so that no backend on a CPU takes the array's own memory in place of a copy.
    images = np.ones(IMAGES + 1, np.uint8)[1:]
    return IMAGES, lambda value: keras.ops.convert_to_tensor(images), None


def _launch():
    """(step, first value) of a program that computes almost nothing, and whose result is waited for."""
    import keras

    from zoo.training import device

    one_more = device.compiled(lambda value: value + 1)

    def step(value):
        value = one_more(value)
        keras.ops.convert_to_numpy(value)  # the one way to wait for a value that every backend has
        return value

    return step, keras.ops.ones((8,))
