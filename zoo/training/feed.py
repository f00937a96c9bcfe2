"""How images reach the device: all at once where they fit, and then they stay; else a few batches at a time.

Either way a program gets the same batches, in stretches of several. Control comes back to Python after each
stretch, so that Ctrl-C works.
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
    count: int  # valid entries of the order; the rest is padding
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
        a_pass: batches in one pass over the images; where it differs from steps, a pass goes on in the next epoch.
    """
    first, end = epoch * steps, (epoch + 1) * steps
    numbers = range(first // a_pass, -(-end // a_pass))
    return [(number, max(first - number * a_pass, 0), min(end - number * a_pass, a_pass)) for number in numbers]


def stretches(split, batch, longest, ranges, put):
    """Yield the stretches of a split.

    Args:
        split: Split.
        batch: images a step.
        longest: batches in a stretch, at most.
        ranges: list of (order int32 (N,) on the device, first batch, end).
        put: function that puts a NumPy array on the device.
    """
    if not split.resident:
        yield from _streamed(split, batch, longest, ranges, put)
        return
    for order, first, end in ranges:
        for start in range(first, end, longest):
            yield Stretch(*split.resident, order, split.count, start, min(start + longest, end))


def _streamed(split, batch, longest, ranges, put):
    """The stretches of images that are handed over in chunks, each gathered while the device has the one before."""
    batches_a_chunk = max(1, CHUNK // (batch * split.arrays[0][0].nbytes))
    size = batches_a_chunk * batch  # images in every chunk, since a program is compiled for one size

    def gathered(rows):
        arrays = [np.zeros((size, *array.shape[1:]), array.dtype) for array in split.arrays]  # rows after the last image stay 0
        for array, whole in zip(arrays, split.arrays, strict=True):
            np.take(whole, rows, axis=0, out=array[: len(rows)])
        return *map(put, arrays), len(rows)

    chunks = (
        np.asarray(order)[start * batch : min((start + batches_a_chunk) * batch, end * batch, split.count)]
        for order, first, end in ranges
        for start in range(first, end, batches_a_chunk)
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
