"""How images reach the device: all at once and to stay, where they fit, else a few batches at a time.

Either way a stretch is some batches of an order of the images, and the same batches come out. Nothing here
runs for longer than a stretch without coming back to Python, so that Ctrl-C is heard.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

CHUNK = 1 << 26  # bytes of images that are handed over at a time, where not all of them fit


def visits(epoch, steps, a_pass):
    """The batches of one epoch: a list of (number of the pass, first batch, end).

    Args:
        epoch: counted from 0.
        steps: batches an epoch.
        a_pass: batches in one pass over the images; where it is another number, passes go on from epoch to epoch.
    """
    first, end = epoch * steps, (epoch + 1) * steps
    numbers = range(first // a_pass, -(-end // a_pass))
    return [(number, max(first - number * a_pass, 0), min(end - number * a_pass, a_pass)) for number in numbers]


def stretches(split, resident, batch, longest, wanted, put):
    """The stretches of a split: tuples (images, labels, order, count, first, end), on the device.

    Args:
        split: (uint8 images (N, height, width, channels), int32 labels (N,)), NumPy's.
        resident: the same on the device, or None where they do not stay there.
        batch: images a step.
        longest: batches in a stretch, at most.
        wanted: list of (order int32 (N,) on the device, first batch, end).
        put: function that puts a NumPy array on the device.
    """
    count = len(split[1])
    if resident:
        for order, first, end in wanted:
            for start in range(first, end, longest):
                yield *resident, order, count, start, min(start + longest, end)
        return
    some = max(1, CHUNK // (batch * split[0][0].nbytes))
    size = some * batch  # always, since a program is compiled for the size of what it is given

    def gathered(rows):
        arrays = [np.zeros((size, *array.shape[1:]), array.dtype) for array in split]  # of one size, whatever is left over
        for array, whole in zip(arrays, split, strict=True):
            np.take(whole, rows, axis=0, out=array[: len(rows)])
        return *map(put, arrays), len(rows)

    places = (
        np.asarray(order)[start * batch : min((start + some) * batch, end * batch, count)]
        for order, first, end in wanted
        for start in range(first, end, some)
    )
    in_order = put(np.arange(size, dtype="int32"))
    with ThreadPoolExecutor(1) as pool:  # the next one is gathered while the device has the last
        waiting = pool.submit(gathered, next(places))
        while waiting:
            images, labels, there = waiting.result()
            rows = next(places, None)
            waiting = None if rows is None else pool.submit(gathered, rows)
            batches = -(-there // batch)
            for start in range(0, batches, longest):
                yield images, labels, in_order, there, start, min(start + longest, batches)
