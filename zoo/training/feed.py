"""How images reach the device: all at once and to stay, where they fit, else a few batches at a time.

Either way the same batches come out, some at a time: a stretch. Nothing here runs for longer than a
stretch without coming back to Python, so that Ctrl-C is heard.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

CHUNK = 1 << 26  # bytes of images that are handed over at a time, where not all of them fit


class Stretch(NamedTuple):
    """Some batches of an order of images: what a program goes through in one call. Arrays are on the device."""

    images: Any  # uint8 (N, height, width, channels)
    labels: Any  # int32 (N,)
    order: Any  # int32, rows of the images
    count: int  # images in the order; what follows them only fills it up
    first: int  # the first batch
    last: int  # the batch after the last one


@dataclass(frozen=True)
class Split:
    """Images that a training goes through, with their labels."""

    arrays: tuple  # uint8 (N, height, width, channels) and int32 (N,), NumPy's
    resident: tuple | None  # the same on the device, or None where they do not stay there
    in_order: Any  # int32 (N,) on the device: 0, 1, 2 ...
    batches: int  # in one pass

    @property
    def count(self):
        return len(self.arrays[1])


def split(arrays, batch, put, stay):
    """The Split of images and labels; ``put`` puts a NumPy array on the device, ``stay`` says whether they stay there."""
    count = len(arrays[1])
    return Split(arrays, tuple(map(put, arrays)) if stay else None, put(np.arange(count, dtype="int32")), -(-count // batch))


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


def stretches(split, batch, longest, wanted, put):
    """Yield the stretches of a split.

    Args:
        split: Split.
        batch: images a step.
        longest: batches in a stretch, at most.
        wanted: list of (order int32 (N,) on the device, first batch, end).
        put: function that puts a NumPy array on the device.
    """
    if not split.resident:
        yield from _streamed(split, batch, longest, wanted, put)
        return
    for order, first, end in wanted:
        for start in range(first, end, longest):
            yield Stretch(*split.resident, order, split.count, start, min(start + longest, end))


def _streamed(split, batch, longest, wanted, put):
    """The stretches of images that are handed over in chunks, each gathered while the device has the one before."""
    some = max(1, CHUNK // (batch * split.arrays[0][0].nbytes))
    size = some * batch  # always, since a program is compiled for the size of what it is given

    def gathered(rows):
        arrays = [np.zeros((size, *array.shape[1:]), array.dtype) for array in split.arrays]  # of one size, whatever is left over
        for array, whole in zip(arrays, split.arrays, strict=True):
            np.take(whole, rows, axis=0, out=array[: len(rows)])
        return *map(put, arrays), len(rows)

    chunks = (
        np.asarray(order)[start * batch : min((start + some) * batch, end * batch, split.count)]
        for order, first, end in wanted
        for start in range(first, end, some)
    )
    in_order = put(np.arange(size, dtype="int32"))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(gathered, next(chunks))
        while waiting:
            images, labels, count = waiting.result()
            rows = next(chunks, None)
            waiting = None if rows is None else pool.submit(gathered, rows)
            batches = -(-count // batch)
            for start in range(0, batches, longest):
                yield Stretch(images, labels, in_order, count, start, min(start + longest, batches))
