"""Epochs by Keras's own ``fit``: for a backend that has no program of its own, and what the programs are held against."""

import keras
import numpy as np

LOOP = "fit"


class _Batches(keras.utils.PyDataset):
    """The batches from first up to last of ``order[:count]``."""

    def __init__(self, images, labels, order, batch, count, first, last):
        super().__init__()
        self.images, self.labels = images, labels
        self.rows = [np.asarray(order)[place * batch : min((place + 1) * batch, count)] for place in range(first, last)]
        self.count = sum(map(len, self.rows))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, place):
        return self.images[self.rows[place]], self.labels[self.rows[place]]


def programs(trainer, optimizer, batch):
    """The functions that train and evaluate a compiled model: see ``epoch_tensorflow.programs``; arrays are NumPy's."""

    def train(images, labels, order, count, first, last, sums):
        batches = _Batches(images, labels, order, batch, count, first, last)
        seen = {name: values[0] for name, values in trainer.fit(batches, shuffle=False, verbose=0).history.items()}
        return sums[0] + seen["loss"] * batches.count, sums[1] + round(seen["accuracy"] * batches.count)

    def evaluate(images, labels, order, count, first, last, sums):
        batches = _Batches(images, labels, order, batch, count, first, last)
        seen = trainer.evaluate(batches, verbose=0, return_dict=True)
        answered = np.bincount(trainer.predict(batches, verbose=0).argmax(-1), minlength=len(sums[2]))
        return sums[0] + seen["loss"] * batches.count, sums[1] + round(seen["accuracy"] * batches.count), sums[2] + answered

    return train, evaluate


def order(seed, number, count):
    """The order of so many images in a pass: int32 (count,), which follows from the seed and the pass's number."""
    return np.random.RandomState([seed, number]).permutation(count).astype("int32")


def put(array):
    """The array: fit hands each batch to the device."""
    return array
