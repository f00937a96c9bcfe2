"""Epochs by Keras's own ``fit``: for a backend without an epoch file; tests compare the other epoch files with it."""

import keras
import numpy as np

LOOP = "fit"


class _Batches(keras.utils.PyDataset):
    """The batches of a stretch."""

    def __init__(self, stretch, batch):
        super().__init__()
        self.images, self.labels = stretch.images, stretch.labels
        rows = np.asarray(stretch.order)[: stretch.count]
        self.rows = [rows[index * batch : (index + 1) * batch] for index in range(stretch.first, stretch.last)]
        self.count = sum(map(len, self.rows))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.images[self.rows[index]], self.labels[self.rows[index]]


def programs(trainer, optimizer, batch):
    """The functions that train and evaluate a compiled model: see ``epoch_tensorflow.programs``; arrays are NumPy's."""

    def train(stretch, sums):
        batches = _Batches(stretch, batch)
        seen = {name: values[0] for name, values in trainer.fit(batches, shuffle=False, verbose=0).history.items()}
        return sums[0] + seen["loss"] * batches.count, sums[1] + round(seen["accuracy"] * batches.count)

    def evaluate(stretch, sums):
        batches = _Batches(stretch, batch)
        seen = trainer.evaluate(batches, verbose=0, return_dict=True)
        answered = np.bincount(trainer.predict(batches, verbose=0).argmax(-1), minlength=len(sums[2]))
        return sums[0] + seen["loss"] * batches.count, sums[1] + round(seen["accuracy"] * batches.count), sums[2] + answered

    return train, evaluate


def order(seed, number, count):
    """The order of the images in a pass: int32 (count,), which follows from the seed and the pass's number."""
    return np.random.RandomState([seed, number]).permutation(count).astype("int32")


def put(array):
    """The array: fit hands each batch to the device."""
    return array
